"""`gc` on CPython, which collects by itself: a whole collection of this process takes longer than a virtual minute."""


def collect():
    return 0


def mem_alloc():
    return 0

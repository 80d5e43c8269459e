"""`micropython` on CPython."""


def const(value):
    return value


def opt_level(level=None):
    return 0


def alloc_emergency_exception_buf(size):
    pass

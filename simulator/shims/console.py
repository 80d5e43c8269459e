"""What stands in for `select` and `sys` of drivers/console.py: the host's end of the console is the simulator's."""

from host import host

POLLIN = 1


class poll:  # noqa: N801  (the name MicroPython gives it)
    def register(self, stream, mask=POLLIN):
        pass

    def poll(self, timeout=-1):
        return [(None, POLLIN)] if host.call("console_any") else []


class _Input:
    @staticmethod
    def read(count):
        return host.call("console_read", count)


class _Output:
    @staticmethod
    def write(text):
        host.call("console_write", text)


stdin = _Input()
stdout = _Output()

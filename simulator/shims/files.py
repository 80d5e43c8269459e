"""What stands in for `open` and the file functions of `os` on the virtual board: its own flash, not the laptop's."""

from host import host


class File:
    def __init__(self, name, mode):
        self._fd = host.call("file_open", name, mode)
        self._text = "b" not in mode

    def read(self, size=-1):
        data = host.call("file_read", self._fd, size)
        return data.decode() if self._text else data

    def readline(self):
        return self.read().split("\n")[0]

    def readinto(self, buf):
        data = host.call("file_read", self._fd, len(buf))
        buf[: len(data)] = data
        return len(data)

    def write(self, data):
        if self._text:
            data = data.encode()
        return host.call("file_write", self._fd, bytes(data))

    def seek(self, offset, whence=0):
        return host.call("file_seek", self._fd, offset, whence)

    def flush(self):
        host.call("file_flush", self._fd)

    def close(self):
        host.call("file_close", self._fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def open(name, mode="r"):
    return File(name, mode)


def listdir(path="/"):
    names = host.call("file_list", path)
    return names.split("\n") if names else []


def remove(name):
    host.call("file_remove", name)


def rename(old, new):
    host.call("file_rename", old, new)


def stat(name):
    size = host.call("file_size", name)
    return (0x8000, 0, 0, 0, 0, 0, size, 0, 0, 0)


def mkdir(name):
    host.call("file_mkdir", name)


def sync():
    pass


def urandom(count):
    return host.call("random", count)

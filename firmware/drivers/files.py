"""The storage port on the board's flash: small files in one folder.

On littlefs, the ESP32 port's file system, data exist only once flushed or closed, a rename replaces its target in one
step, and a cut of power leaves the last state that was flushed (MicroPython documentation, "Working with
filesystems"). Every call flushes and closes: nothing stays open, nothing waits.
"""

import os


class Files:
    """Any call may raise OSError: flash that is full, worn or gone."""

    def __init__(self, folder):
        """`folder` without a slash at its end; it is made when absent, and its parent must exist."""
        self._folder = folder
        try:
            os.stat(folder)
        except OSError:
            os.mkdir(folder)

    def read(self, name):
        """The whole content; b"" when there is no such file."""
        if not self._exists(name):
            return b""
        with open(self._path(name), "rb") as file:
            return file.read()

    def read_part(self, name, offset, count):
        """At most `count` bytes from `offset` on."""
        with open(self._path(name), "rb") as file:
            file.seek(offset)
            return file.read(count)

    def names(self):
        """What is there, sorted."""
        return sorted(os.listdir(self._folder))

    def write(self, name, data):
        """Put `data` in place of what was there."""
        self._put(name, "wb", data)

    def append(self, name, data):
        """Put `data` at the end."""
        self._put(name, "ab", data)

    def size(self, name):
        """Bytes in it; 0 when there is no such file."""
        if not self._exists(name):
            return 0
        return os.stat(self._path(name))[6]

    def remove(self, name):
        """Delete it; nothing happens when there is no such file."""
        if self._exists(name):
            os.remove(self._path(name))

    def rename(self, old, new):
        """Give `old` the name `new` in one step, in place of what had that name."""
        os.rename(self._path(old), self._path(new))

    def _path(self, name):
        return self._folder + "/" + name

    def _exists(self, name):
        try:
            os.stat(self._path(name))
        except OSError as error:
            if error.errno == 2:  # ENOENT: absent, and not a fault of the flash
                return False
            raise
        return True

    def _put(self, name, mode, data):
        with open(self._path(name), mode) as file:
            file.write(data)
            file.flush()

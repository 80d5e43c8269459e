"""The USB console: lines from the host, one at a time, and lines to it. Never waits."""

import select
import sys

_LONGEST = 1200  # characters of a line; a longer one is dropped whole
_AT_ONCE = 400  # characters taken in one turn, so that samples and modem are not kept waiting


class Console:
    """What the host types is read only while it is there; a device without USB reads nothing."""

    def __init__(self):
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._line = bytearray(_LONGEST)
        self._size = 0

    def read_line(self):
        """A whole line as text, without its end, or None."""
        for _ in range(_AT_ONCE):
            if not self._poll.poll(0):
                return None
            character = sys.stdin.read(1)
            if not character:
                return None
            if character == "\n" or character == "\r":
                size = self._size
                self._size = 0
                if 0 < size <= _LONGEST:
                    return bytes(self._line[:size]).decode()
            else:
                if self._size < _LONGEST:
                    self._line[self._size] = ord(character) & 127
                self._size = min(self._size + 1, _LONGEST + 1)
        return None

    def write_line(self, text):
        sys.stdout.write(text + "\n")

"""The board's file system in memory: what lands, what a power cut tears, what fails, what wears.

One object with two faces: the store port that `firmware/dati` is given, and what stands behind `open` and `os` on the
virtual board, so that the board's own `drivers/files.py` runs on it unmodified.
"""

from __future__ import annotations

import os
from collections import Counter
from types import TracebackType
from typing import TypeAlias

Bytes: TypeAlias = bytes | bytearray | memoryview

ENOENT, EIO, EBADF, EEXIST, EINVAL, ENOSPC = 2, 5, 9, 17, 22, 28
BLOCK = 4096  # bytes erased at once
_IS_FILE, _IS_FOLDER = 0x8000, 0x4000


class PowerCut(BaseException):
    """The power went; the firmware gets no further. `Flash.power_up` before the next start."""


class Flash:
    """Files by path, in folders once made; a leading slash means nothing. Pessimistic where the real one may be kinder:

    what is not flushed or closed never lands, what lands does so byte by byte, and the old content is gone as soon as
    a file is opened for writing. Renaming is atomic and replaces, as with littlefs.

    `fault`: "" or "failing" (everything raises EIO) or "full" (whatever would grow raises ENOSPC). `capacity`: bytes
    beyond which it is full by itself. `writes`, `written_bytes`, `erased_blocks` count by file; every flush is taken to
    erase the blocks it touches, the half-full last one among them, as littlefs copies that one.
    """

    def __init__(self, capacity: int = 1 << 20) -> None:
        self.files: dict[str, bytearray] = {}
        self.folders = {""}
        self.capacity = capacity
        self.fault = ""
        self.writes: Counter[str] = Counter()
        self.written_bytes: Counter[str] = Counter()
        self.erased_blocks: Counter[str] = Counter()
        self._steps_left: int | None = None
        self._dead = False
        self._start = 0  # files opened before the last start are dead

    # --- the power ---

    def cut_after(self, steps: int | None) -> None:
        """Cut the power after so many more steps: a byte written, a file or folder made, a file emptied, removed or
        renamed. None: not."""
        self._steps_left = steps

    def power_up(self) -> None:
        """The next start: what landed is there, no file is open, nothing more is to be cut."""
        self._dead = False
        self._steps_left = None
        self._start += 1

    @property
    def dead(self) -> bool:
        return self._dead

    # --- the store port ---

    def read(self, name: str) -> bytes:
        """The whole file, b"" where there is none."""
        self._check()
        return bytes(self.files.get(_plain(name), b""))

    def write(self, name: str, data: Bytes) -> None:
        with self.open(name, "wb") as file:
            file.write(data)

    def append(self, name: str, data: Bytes) -> None:
        with self.open(name, "ab") as file:
            file.write(data)

    def size(self, name: str) -> int:
        """In bytes, 0 where there is none."""
        self._check()
        return len(self.files.get(_plain(name), b""))

    def remove(self, name: str) -> None:
        self._existing(name)
        self._step()
        del self.files[_plain(name)]

    def rename(self, old: str, new: str) -> None:
        self._existing(old)
        self._step()
        self.files[_plain(new)] = self.files.pop(_plain(old))

    # --- what `open` and `os` are on the board ---

    def open(self, name: str, mode: str = "r", **_: object) -> FlashFile:
        """Modes r, w, a, with or without b."""
        kind = mode.replace("b", "").replace("t", "")
        if kind not in ("r", "w", "a"):
            raise _error(EINVAL)
        self._check()
        plain = _plain(name)
        if kind == "r":
            self._existing(name)
        elif plain.rpartition("/")[0] not in self.folders:
            raise _error(ENOENT)
        elif kind == "w" or plain not in self.files:
            self._step()
            self.files[plain] = bytearray()
        return FlashFile(self, plain, kind, "b" in mode, self._start)

    def listdir(self, path: str = "/") -> list[str]:
        self._check()
        if _plain(path) not in self.folders:
            raise _error(ENOENT)
        names = [name.rpartition("/") for name in (*self.files, *(self.folders - {""}))]
        return sorted(name for folder, _, name in names if folder == _plain(path))

    def mkdir(self, path: str) -> None:
        self._check()
        if _plain(path) in self.folders or _plain(path) in self.files:
            raise _error(EEXIST)
        self._step()
        self.folders.add(_plain(path))

    def stat(self, name: str) -> tuple[int, ...]:
        """As os.stat of MicroPython: ten numbers, the first the kind, the seventh the size."""
        self._check()
        if _plain(name) in self.folders:
            return (_IS_FOLDER, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        return (_IS_FILE, 0, 0, 0, 0, 0, len(self._existing(name)), 0, 0, 0)

    def statvfs(self, path: str = "/") -> tuple[int, ...]:
        """As os.statvfs of MicroPython: block size twice, blocks, free ones twice, and the rest."""
        self._check()
        used = sum(-(-len(data) // BLOCK) for data in self.files.values())
        free = 0 if self.fault == "full" else max(0, self.capacity // BLOCK - used)
        return (BLOCK, BLOCK, self.capacity // BLOCK, free, free, 0, 0, 0, 0, 255)

    # --- inside ---

    def land(self, name: str, data: Bytes, started: int) -> None:
        """Bytes of a flushed file reach the flash, one by one."""
        self._check(started)
        if not len(data):
            return
        file = self.files.get(name)
        if file is None:
            raise _error(ENOENT)
        if self.fault == "full" or sum(map(len, self.files.values())) + len(data) > self.capacity:
            raise _error(ENOSPC)
        whole = len(data)
        if self._steps_left is not None:
            whole = min(whole, self._steps_left)
            self._steps_left -= whole
        first_block = len(file) // BLOCK
        file += bytes(data[:whole])
        self.writes[name] += 1
        self.written_bytes[name] += whole
        self.erased_blocks[name] += max(len(file) - 1, 0) // BLOCK - first_block + 1
        if whole < len(data):
            self._die()

    def _check(self, started: int | None = None) -> None:
        if self._dead:
            raise PowerCut
        if started is not None and started != self._start:
            raise _error(EBADF)
        if self.fault == "failing":
            raise _error(EIO)

    def _existing(self, name: str) -> bytearray:
        self._check()
        if _plain(name) not in self.files:
            raise _error(ENOENT)
        return self.files[_plain(name)]

    def _step(self) -> None:
        if self._steps_left is not None:
            if not self._steps_left:
                self._die()
            self._steps_left -= 1

    def _die(self) -> None:
        self._dead = True
        raise PowerCut


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _plain(name: str) -> str:
    return name.strip("/")


class FlashFile:
    """An open file; a text one is UTF-8. What is written waits for `flush` or `close`."""

    def __init__(self, flash: Flash, name: str, kind: str, binary: bool, started: int) -> None:
        self._flash = flash
        self._name = name
        self._kind = kind
        self._binary = binary
        self._started = started
        self._at = 0
        self._waiting = bytearray()
        self._closed = False

    def read(self, size: int | None = -1) -> bytes | str:
        data = self._take(size)
        return data if self._binary else data.decode()

    def readinto(self, buffer: bytearray | memoryview) -> int:
        data = self._take(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readline(self) -> bytes | str:
        content = self._content()
        newline = content.find(b"\n", self._at)
        return self.read(-1 if newline < 0 else newline + 1 - self._at)

    def write(self, data: Bytes | str) -> int:
        self._check("wa")
        raw = data.encode() if isinstance(data, str) else bytes(data)
        if isinstance(data, str) == self._binary:
            raise TypeError("text in a binary file, or bytes in a text one")
        self._waiting += raw
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Only of a file being read: nothing in the firmware writes into the middle of one."""
        base = (0, self._at, len(self._content()))[whence]
        if base + offset < 0:
            raise _error(EINVAL)
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at if self._kind == "r" else len(self._content("wa")) + len(self._waiting)

    def flush(self) -> None:
        self._check("rwa")
        waiting, self._waiting = self._waiting, bytearray()
        self._flash.land(self._name, waiting, self._started)

    def close(self) -> None:
        if not self._closed:
            try:
                self.flush()
            finally:
                self._closed = True

    def __enter__(self) -> FlashFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, size: int | None) -> bytes:
        content = self._content()
        end = len(content) if size is None or size < 0 else self._at + size
        data = bytes(content[self._at : end])
        self._at += len(data)
        return data

    def _content(self, kinds: str = "r") -> bytearray:
        self._check(kinds)
        return self._flash.files.get(self._name, bytearray())

    def _check(self, kinds: str) -> None:
        if self._closed or self._kind not in kinds:
            raise _error(EBADF)
        self._flash._check(self._started)

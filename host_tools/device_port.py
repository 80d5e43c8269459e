"""A running device on its USB console: one line asked, one line answered (see firmware/service.py).

Every line bears a number and a checksum, both ways. One that was garbled or lost is asked again, and the device does
nothing twice for it.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import json
import random
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from host_tools.serial_board import check_port, need
from simulator.errors import UserError

PIECE = 840  # bytes of a file in one answer
LONGEST = 250  # characters of a line, its end too, that a board holds which does not look for a while
_BAUD = 115200
_TRIES = 3
_ANSWER_S = 2.0  # a device that naps looks twice a second, and its flash takes its time
_QUIET_S = 0.2
_AT_ONCE = 120  # characters of a line that is longer; then the board is given time to take them
_TAKE_S = 0.05


class UnpluggedError(UserError):
    """The device was there, and is no longer: the port has gone, or nobody answers."""


class DevicePort:
    """Opened by `with`. UserError in one line for a port that is none, is busy, or has no running device behind it."""

    def __init__(self, port: str) -> None:
        need("serial")
        check_port(port)
        self.port = port
        self.log: list[str] = []  # lines that were no answers
        self.repeats = 0  # lines that were asked again
        self._line: Any = None
        self._rest = b""
        self._live: list[dict[str, Any]] = []  # lines that came while an answer was waited for
        self._number = random.randrange(1 << 16)  # not the last host's, whom the device may remember
        self._known = False  # a device has answered

    def __enter__(self) -> Self:
        serial = importlib.import_module("serial")
        try:
            self._line = serial.serial_for_url(self.port, _BAUD, timeout=_QUIET_S, write_timeout=2, exclusive=True)
        except (OSError, ValueError) as error:
            busy = "lock" in str(error) or "busy" in str(error).lower()
            why = "is in use by another program; close that first" if busy else f"cannot be opened ({error})"
            raise UserError(f"{self.port}: {why}") from None
        try:
            self.status()
            self._known = True
        except BaseException:
            self._line.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._line.close()

    def ask(self, words: str) -> dict[str, Any]:
        """`dati WORDS`, and the device's answer. UserError when it refuses, UnpluggedError when it does not answer."""
        self._number = (self._number + 1) % (1 << 16)
        body = f"{self._number} {words}"
        line = f"dati #{self._number} {_crc(body)} {words}\n".encode("ascii")
        garbled = False
        # Whoever has answered once will be quick; a device that just starts may need longer.
        for attempt in range(_TRIES if self._known else 2 * _TRIES):
            self.repeats += attempt > 0
            # What may have come of a line before is ended first.
            self._write(b"\n" + line if attempt or not self._known else line)
            for value in self._heard(_ANSWER_S):
                if value is None:
                    garbled = True
                    break
                if "live" in value:
                    self._live = [*self._live[-20:], value]
                elif value.pop("#", None) == self._number:
                    if "error" in value:
                        raise UserError(f"{self.port}: the device refuses: {value['error']}")
                    return value
        if garbled:
            raise UnpluggedError(f"{self.port}: the line garbles what it carries; try another cable, or another port")
        if self._known:
            raise UnpluggedError(f"{self.port}: the device answers no more")
        raise UserError(
            f"{self.port}: no device answers; is it switched on? Without our firmware: `dati flash --port {self.port}`"
        )

    def heard(self, wait_s: float) -> Iterator[dict[str, Any]]:
        """The motion as it comes, {"live": [t_ms, gravity x, y, z, level]}, until `wait_s` have passed."""
        waiting, self._live = self._live, []
        yield from waiting
        for value in self._heard(wait_s):
            if value is not None and "live" in value:
                yield value

    def _write(self, line: bytes) -> None:
        try:
            if len(line) <= LONGEST:
                self._line.write(line)
                return
            for at in range(0, len(line), _AT_ONCE):
                self._line.write(line[at : at + _AT_ONCE])
                time.sleep(_TAKE_S)
        except OSError as error:
            raise self._gone(error) from None

    def _heard(self, wait_s: float) -> Iterator[dict[str, Any] | None]:
        """Answers as they come, with their number as "#"; None for one that was garbled on its way."""
        until = time.monotonic() + wait_s
        while time.monotonic() < until:
            while (end := self._rest.find(b"\n")) >= 0:
                line, self._rest = self._rest[:end].strip(), self._rest[end + 1 :]
                if line.startswith(b"!"):
                    yield _answer(line[1:].decode("utf-8", "replace"))
                elif line:
                    self.log.append(line.decode("utf-8", "replace"))
                    del self.log[:-200]
            try:
                self._rest += self._line.read(max(1, self._line.in_waiting))
            except OSError as error:
                raise self._gone(error) from None

    def _gone(self, error: OSError) -> UnpluggedError:
        return UnpluggedError(f"{self.port}: unplugged ({error})")

    def status(self) -> dict[str, Any]:
        return self.ask("status")

    def read(self, name: str, offset: int) -> tuple[bytes, int]:
        """What a file of the device holds from `offset` on, a piece of it; and its size now."""
        value = self.ask(f"read {name} {offset} {PIECE}")
        return base64.b64decode(value["data"]), int(value["size"])

    def fetch(self, name: str) -> bytes:
        """A whole file of the device."""
        data = b""
        while True:
            piece, size = self.read(name, len(data))
            data += piece
            if not piece or len(data) >= size:
                return data


def _answer(text: str) -> dict[str, Any] | None:
    """A line after its `!`. Only the motion comes without number and checksum."""
    try:
        if text.startswith("#"):
            number, crc, body = text[1:].split(" ", 2)
            if crc != _crc(f"{number} {body}"):
                return None
            return {**json.loads(body), "#": int(number)}
        value = json.loads(text)
        if len(value["live"]) == 5 and all(isinstance(number, int) for number in value["live"]):
            return {"live": value["live"]}
    except (ValueError, KeyError, TypeError):
        pass
    return None


def _crc(text: str) -> str:
    return f"{binascii.crc32(text.encode()):08x}"

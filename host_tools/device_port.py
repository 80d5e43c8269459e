"""A running device on its USB console: one line asked, one line answered (see firmware/service.py)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from host_tools.serial_board import check_port, need
from simulator.errors import UserError

_ANSWER_S = 5.0
_QUIET_S = 0.2


class UnpluggedError(UserError):
    """The port went away while it was in use."""


class DevicePort:
    """Opened by `with`. UserError in one line for a port that is none, is busy, or has no running device behind it."""

    def __init__(self, port: str) -> None:
        need("serial")
        check_port(port)
        self.port = port
        self.log: list[str] = []  # lines that were no answers
        self._line: Any = None
        self._rest = b""

    def __enter__(self) -> Self:
        import serial  # noqa: PLC0415  (an extra)

        try:
            self._line = serial.serial_for_url(self.port, 115200, timeout=_QUIET_S, write_timeout=2, exclusive=True)
        except (OSError, ValueError) as error:
            busy = "lock" in str(error) or "busy" in str(error).lower()
            why = "is in use by another program; close that first" if busy else f"cannot be opened ({error})"
            raise UserError(f"{self.port}: {why}") from None
        try:
            self._line.write(b"\n")
            self.status()
        except UserError:
            self._line.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._line.close()

    def ask(self, words: str) -> dict[str, Any]:
        """`dati WORDS`, and the device's answer. UserError when it refuses or does not answer."""
        try:
            self._line.write(f"dati {words}\n".encode("ascii"))
        except OSError as error:
            raise UnpluggedError(f"{self.port}: unplugged ({error})") from None
        for value in self.heard(_ANSWER_S):
            if "live" in value:
                continue
            if "error" in value:
                raise UserError(f"{self.port}: the device refuses: {value['error']}")
            return value
        raise UserError(
            f"{self.port}: no device answers; is it switched on? Without our firmware: `dati flash --port {self.port}`"
        )

    def heard(self, wait_s: float) -> Iterator[dict[str, Any]]:
        """Answers and live lines as they come, until `wait_s` have passed."""
        until = time.monotonic() + wait_s
        while time.monotonic() < until:
            while (end := self._rest.find(b"\n")) >= 0:
                line, self._rest = self._rest[:end].strip(), self._rest[end + 1 :]
                value = self._answer(line.decode("utf-8", "replace"))
                if value is not None:
                    yield value
            try:
                self._rest += self._line.read(max(1, self._line.in_waiting))
            except OSError as error:
                raise UnpluggedError(f"{self.port}: unplugged ({error})") from None

    def _answer(self, line: str) -> dict[str, Any] | None:
        if line.startswith("!"):
            try:
                value = json.loads(line[1:])
            except ValueError:
                return None  # cut by noise: asked again, or missed
            if isinstance(value, dict):
                return value
        elif line:
            self.log.append(line)
            del self.log[:-200]
        return None

    def status(self) -> dict[str, Any]:
        return self.ask("status")

    def read(self, name: str, offset: int) -> tuple[bytes, int]:
        """What a file of the device holds from `offset` on, a piece of it; and its size now."""
        value = self.ask(f"read {name} {offset} 384")
        if value.get("at") != offset:
            raise UserError(f"{self.port}: {name}: the device answered for another place; try again")
        return bytes.fromhex(value["hex"]), int(value["size"])

    def fetch(self, name: str) -> bytes:
        """A whole file of the device."""
        data = b""
        while True:
            piece, size = self.read(name, len(data))
            data += piece
            if not piece or len(data) >= size:
                return data

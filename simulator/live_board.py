"""The virtual board in real time, its USB console on a pseudo-terminal: a device on a desk that has none.

    with LiveBoard(scenario, motion) as board:
        port = board.port           # what `dati monitor --port` and the like are given

`python -m simulator.live_board` prints the port and runs until it is stopped. `speed`: so many virtual seconds a second,
at most; while the host talks to it the board does not wait at all.
"""

from __future__ import annotations

import os
import pty
import select
import threading
import time
import tty
from types import TracebackType
from typing import Self

from simulator.firmware import CPythonRuntime
from simulator.scenario import Scenario
from simulator.virtual_board import Finished
from simulator.world import Truth, World

_TALKING_S = 0.5  # after the host's last byte; it may have more


class LiveBoard:
    """Runs the firmware in a thread of its own, at most at `speed` times real time."""

    def __init__(self, scenario: Scenario, truth: Truth, speed: float = 1.0) -> None:
        self.world = World(scenario, truth)
        board = self.world.board
        self._speed = speed
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)  # it stays open, or reading fails between two hosts
        os.set_blocking(self._master, False)
        self._stopping = False
        self._heard_s = 0.0
        self._behind = b""
        self._begin_s = time.monotonic()
        board.on_console = self._write
        board.pace = self._pace
        self._runtime = CPythonRuntime(board, lambda line: self._write(line + "\n"))
        self._thread = threading.Thread(target=self._runtime.run, name="virtual board", daemon=True)

    @property
    def port(self) -> str:
        return os.ttyname(self._slave)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping = True
        self._thread.join(10)
        os.close(self._master)
        os.close(self._slave)

    def unplug(self) -> None:
        """The cable is pulled: the host's port hangs up."""
        self._stopping = True
        self._thread.join(10)
        os.dup2(os.open(os.devnull, os.O_RDWR), self._slave)
        os.dup2(os.open(os.devnull, os.O_RDWR), self._master)

    def _pace(self) -> None:
        """Let the wall clock catch up; take what the host wrote."""
        clock = self.world.clock
        while True:
            if self._stopping:
                raise Finished
            now_s = time.monotonic()
            if now_s - self._heard_s < _TALKING_S:
                # Time that passed for the talk is not caught up with.
                self._begin_s = now_s - clock.now_us / 1e6 / self._speed
                wait_s = 0.0
            else:
                wait_s = self._begin_s + clock.now_us / 1e6 / self._speed - now_s
            ready, _, _ = select.select([self._master], [], [], min(max(wait_s, 0.0), 0.05))
            if ready:
                try:
                    data = os.read(self._master, 4096)
                except OSError:
                    raise Finished from None
                self.world.board.console += data.decode("ascii", "replace")
                self._heard_s = now_s
                return
            if wait_s <= 0:
                return

    def _write(self, text: str) -> None:
        """To the host; what nobody reads is dropped, as a UART does."""
        self._behind = (self._behind + text.replace("\n", "\r\n").encode())[-65536:]
        try:
            sent = os.write(self._master, self._behind)
            self._behind = self._behind[sent:]
        except BlockingIOError:
            self._behind = b""


def main() -> None:
    import sys  # noqa: PLC0415

    from simulator.scenario import check  # noqa: PLC0415

    class Standing:
        """One who stands still."""

        repeat = True
        rate_hz = 50.0
        pieces = ((0.0, "stand"),)

        def __init__(self) -> None:
            import numpy as np  # noqa: PLC0415

            self.samples = np.tile(np.array([[0.0, 1000.0, 0.0]]), (50, 1))

    values = {"title": "a device on a desk", "minutes": 14 * 24 * 60, "must": [], "start": "off"}
    with LiveBoard(check("desk", values), Standing()) as board:
        sys.stdout.write(board.port + "\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()

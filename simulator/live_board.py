"""The virtual board in real time, its USB console on a pseudo-terminal: a device on a desk that has none.

    with LiveBoard(scenario, motion) as board:
        port = board.port           # what `dati monitor --port` and the like are given

`python -m simulator.live_board` prints the port and runs until it is stopped. The console is a line of 115200 baud with
the buffer of MicroPython's that loses what does not fit, all in virtual time: with `speed` 20 it is 20 times as fast.
With `hurry` only the host's own time is waited for, not that of the bytes on the line.
"""

from __future__ import annotations

import argparse
import os
import pty
import queue
import select
import threading
import time
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Self

import numpy as np

from simulator.firmware import CPythonRuntime, loaded
from simulator.scenario import Scenario, check
from simulator.shaken import Truth
from simulator.virtual_board import Finished
from simulator.world import World

BYTE_US = 10 / 115200 * 1e6  # a start bit, eight, a stop bit
BUFFER = 259  # bytes: MicroPython's ports/esp32/mphalport.c, a ring of 260
FIFO = 128  # bytes that the ESP32's UART sends by itself; the program waits for the rest
_GLANCE_S = 0.05


class LiveBoard:
    """Runs the firmware in a thread of its own, at most at `speed` times real time. One at a time in a process.

    `lost`: bytes that the host wrote and the board did not take in time.
    """

    def __init__(self, scenario: Scenario, truth: Truth, speed: float = 1.0, hurry: bool = False) -> None:
        self.world = World(scenario, truth)
        self.lost = 0
        self.error: BaseException | None = None  # what ended it, if it was no stop
        board = self.world.board
        self._speed = speed
        self._hurry = hurry
        self._sending = False
        self._master = self._slave = -1
        self._plug()
        self._stopping = False
        self._wanted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._behind = b""  # what the host has not taken yet
        self._taken_us = 0  # virtual time up to which the line has carried what the host writes
        self._free_us = 0.0  # and when it will have carried what the board has written
        self._begin_s = time.monotonic()
        board.on_console = self._write
        board.pace = self._pace
        loaded()  # here: while it is imported, other threads would import its stand-ins
        self._runtime = CPythonRuntime(board, lambda line: self._write(line + "\n"))
        self._thread = threading.Thread(target=self._run, name="virtual board", daemon=True)

    @property
    def port(self) -> str:
        """The pseudo-terminal's name, another one each time it is plugged in."""
        return os.ttyname(self._slave)

    def __enter__(self) -> Self:
        self._begin_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping = True
        self._thread.join(10)
        self._pull()

    def unplug(self) -> None:
        """The cable is pulled: the host's port hangs up. The device goes on."""
        self.do(self._pull)

    def replug(self) -> None:
        """The cable is back; see `port`."""
        self.do(self._plug)

    def do(self, work: Callable[[], None]) -> None:
        """Have something done to the world between two moments of the firmware's: it runs in another thread."""
        done = threading.Event()

        def both() -> None:
            work()
            done.set()

        self._wanted.put(both)
        if not done.wait(10):
            raise RuntimeError(f"the virtual board has stopped: {self.error}")

    # --- in the board's thread ---

    def _run(self) -> None:
        try:
            self._runtime.run()
        except BaseException as error:
            self.error = error
            raise

    def _plug(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)  # it stays open, or reading fails between two hosts
        os.set_blocking(self._master, False)

    def _pull(self) -> None:
        for fd in (self._master, self._slave):
            if fd >= 0:
                os.close(fd)
        self._master = self._slave = -1
        self._behind = b""

    def _pace(self) -> None:
        """Take what the line has carried by now; let the wall clock catch up."""
        clock, board = self.world.clock, self.world.board
        while True:
            if self._stopping:
                raise Finished
            while not self._wanted.empty():
                self._wanted.get()()
            busy = self._take()
            wait_s = self._begin_s + clock.now_us / 1e6 / self._speed - time.monotonic()
            hurries = self._hurry and (busy or self._sending or bool(board.console))
            if wait_s <= 0 or hurries:
                if wait_s < -_GLANCE_S or hurries:
                    self._begin_s -= wait_s  # a machine too slow for `speed` need not catch up
                return
            wait_s = min(wait_s, _GLANCE_S)
            if busy or self._master < 0:
                time.sleep(wait_s)
            elif select.select([self._master], [], [], wait_s)[0]:
                self._taken_us = self._wall_us()

    def _wall_us(self) -> int:
        """The virtual time that the wall clock has reached."""
        passed_us = (time.monotonic() - self._begin_s) * 1e6 * self._speed
        return min(self.world.clock.now_us, int(passed_us))

    def _take(self) -> bool:
        """What the host has written, as much as the line carries from when it was there until now; whether more is."""
        board, now_us = self.world.board, self.world.clock.now_us
        if not self._readable():
            self._taken_us = self._wall_us()
            return False
        count = int((now_us - self._taken_us) / BYTE_US)
        if count > 0:
            data = os.read(self._master, count)
            self._taken_us += int(len(data) * BYTE_US)
            room = BUFFER - len(board.console)
            self.lost += max(0, len(data) - room)
            board.console += data[:room].decode("latin-1")
        return self._readable()

    def _readable(self) -> bool:
        return self._master >= 0 and bool(select.select([self._master], [], [], 0)[0])

    def _write(self, text: str) -> None:
        """To the host; what nobody takes is lost. The program waits until the rest fits into the UART's own buffer."""
        clock = self.world.clock
        data = text.replace("\n", "\r\n").encode()
        self._free_us = max(self._free_us, clock.now_us) + len(data) * BYTE_US
        if self._master >= 0:
            self._behind = (self._behind + data)[-65536:]
            try:
                sent = os.write(self._master, self._behind)
                self._behind = self._behind[sent:]
            except OSError:
                self._behind = b""
        wait_us = int(self._free_us - clock.now_us - FIFO * BYTE_US)
        if wait_us > 0:
            self._sending = True
            self.world.board.do_sleep_us(wait_us)
            self._sending = False


class Standing:
    """One who stands still."""

    repeat = True
    rate_hz = 50.0
    pieces = ((0.0, "stand"),)
    samples = np.tile(np.array([[0.0, 1000.0, 0.0]]), (50, 1))


def desk(start: str = "off", **values: object) -> Scenario:
    """A scenario of two weeks in which nothing happens but what `values` say."""
    return check("desk", {"title": "a device on a desk", "minutes": 14 * 24 * 60, "must": [], "start": start, **values})


def main() -> None:
    parser = argparse.ArgumentParser(description="A virtual device on a pseudo-terminal, until Ctrl-C.")
    parser.add_argument("--speed", type=float, default=1.0, help="at most so many times real time (1)")
    parser.add_argument("--start", default="off", help="off, duty or new (off)")
    parser.add_argument("--hurry", action="store_true", help="do not wait for bytes on the line")
    options = parser.parse_args()
    with LiveBoard(desk(options.start), Standing(), options.speed, options.hurry) as board:
        print(board.port, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()

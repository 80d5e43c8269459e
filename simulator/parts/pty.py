"""A virtual modem in real time, for programs that know nothing of this one: on a pseudo-terminal, or on a TCP port.

    with Served(clock, lambda send: VirtualModem(clock, network, send)) as served:
        path = served.pty()        or        port = served.tcp()
        served.ask(lambda: served.modem.pin("power_key", True))

A thread lets the virtual clock follow the wall clock; `ask` runs something in it, between two events.
"""

from __future__ import annotations

import contextlib
import os
import pty
import queue
import select
import socket
import threading
import time
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from simulator.parts.clock import VirtualClock
from simulator.parts.modem import VirtualModem

LONGEST_WAIT_S = 0.2
Result = TypeVar("Result")


class Served:
    """`modem_of` makes the modem around the `send` that it is given."""

    def __init__(self, clock: VirtualClock, modem_of: Callable[[Callable[[bytes], None]], VirtualModem]) -> None:
        self._clock = clock
        self._begin_s = time.monotonic() - clock.now_us / 1e6
        self.modem = modem_of(self._send)
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        self._input: int | socket.socket | None = None
        self._read: Callable[[], bytes] | None = None
        self._write: Callable[[bytes], int] | None = None
        self._listener: socket.socket | None = None
        self._peer: socket.socket | None = None
        self._fds: list[int] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="virtual modem", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping = True
        self._nudge()
        self._thread.join(5)
        for fd in (*self._fds, self._wake_read, self._wake_write):
            os.close(fd)
        for opened in (self._peer, self._listener):
            if opened is not None:
                opened.close()

    def pty(self) -> str:
        """The path of a terminal on which the modem answers."""
        master, slave = pty.openpty()
        tty.setraw(slave)
        self._fds += [master, slave]  # the slave stays open, or reading fails between two clients

        def adopt() -> None:
            self._input = master
            self._read = lambda: os.read(master, 4096)
            self._write = lambda data: os.write(master, data)

        self.ask(adopt)
        return os.ttyname(slave)

    def tcp(self) -> int:
        """A port on 127.0.0.1 on which the modem answers, one client at a time."""
        listener = socket.create_server(("127.0.0.1", 0))

        def adopt() -> None:
            self._listener = listener

        self.ask(adopt)
        return int(listener.getsockname()[1])

    def ask(self, action: Callable[[], Result]) -> Result:
        """Run `action` in the modem's thread, and hand back what it returns or raises."""
        answer: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answer.put((True, action()))
            except BaseException as error:
                answer.put((False, error))

        self._tasks.put(run)
        self._nudge()
        fine, result = answer.get(timeout=10)
        if not fine:
            raise result
        return result

    def _nudge(self) -> None:
        os.write(self._wake_write, b"\0")

    def _send(self, data: bytes) -> None:
        if self._write is not None:
            with contextlib.suppress(OSError):
                while data:
                    data = data[self._write(data) :]

    def _accept(self) -> None:
        assert self._listener is not None
        peer = self._peer = self._listener.accept()[0]
        self._input = peer
        self._read = lambda: peer.recv(4096)
        self._write = peer.send

    def _hang_up(self) -> None:
        self._input = self._read = self._write = None
        if self._peer is not None:
            self._peer.close()
            self._peer = None

    def _loop(self) -> None:
        while not self._stopping:
            self._advance()
            inputs: list[int | socket.socket] = [self._wake_read]
            if self._input is not None:
                inputs.append(self._input)
            elif self._listener is not None:
                inputs.append(self._listener)
            readable = select.select(inputs, [], [], self._wait_s())[0]
            self._advance()
            if self._wake_read in readable:
                os.read(self._wake_read, 4096)
            while not self._tasks.empty():
                self._tasks.get()()
            if self._input is not None and self._input in readable:
                self._take()
            elif self._listener is not None and self._listener in readable:
                self._accept()

    def _take(self) -> None:
        assert self._read is not None
        try:
            data = self._read()
        except OSError:
            data = b""
        if data:
            self.modem.receive(data)
        else:
            self._hang_up()

    def _advance(self) -> None:
        self._clock.advance_to_us(int((time.monotonic() - self._begin_s) * 1e6))

    def _wait_s(self) -> float:
        due_us = self._clock.next_us
        if due_us is None:
            return LONGEST_WAIT_S
        return min(LONGEST_WAIT_S, max(0.0, due_us / 1e6 + self._begin_s - time.monotonic()))

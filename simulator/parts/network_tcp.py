"""TCP between the device and the hosts of the scenario.

A host is anything with `connect() -> Session`. `connect` may raise ConnectionRefusedError or TimeoutError.
Of the session the network uses:

    receive(data)   bytes from the device, in order, in the portions in which the device sent them
    close()         the device closed, or the connection was lost
    send            set by the network: call it with bytes for the device
    closed          set by the network: to be called when the host has closed the connection
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from simulator.parts.network import Network

RECOVERY_MS = 1000  # TCP sends again after a gap in the coverage; assumed

# The results of AT+CIPOPEN that the network can bring about.
CONNECTED, NETWORK_FAILURE, SOCKET_ERROR, TIMED_OUT, UNKNOWN_HOST = 0, 1, 5, 10, 11


class Server(Protocol):
    def connect(self) -> Any:
        """A session, or ConnectionRefusedError, or TimeoutError."""


class Link:
    """One connection. `on_open(result)` once, then `on_data` and, when the host closes, `on_close`."""

    def __init__(
        self,
        network: Network,
        host: str,
        port: int,
        on_open: Callable[[int], None],
        on_data: Callable[[bytes], None],
        on_close: Callable[[], None],
    ) -> None:
        self.name = f"{host}:{port}"
        self.open = False
        self._network = network
        self._on_data = on_data
        self._on_close = on_close
        self._on_open = on_open
        self._session: Any = None
        self._waiting: list[tuple[str, Callable[[], None], int]] = []  # in a gap of the coverage, in order

    def note(self, what: str, text: str, **data: object) -> None:
        self._network.timeline.note("network", what, text, host=self.name, **data)

    def connected(self, session: Any) -> None:
        self._session = session
        self.open = True
        session.send = self._from_host
        session.closed = lambda: self._travel("close", self._closed_by_host)
        self.note("tcp_connected", self.name)
        self._on_open(CONNECTED)

    def failed(self, result: int, why: str) -> None:
        self.note("tcp_failed", f"{self.name}: {why}", result=result)
        self._on_open(result)

    def send(self, data: bytes) -> None:
        """From the device."""
        self._travel("up", lambda: self._reach_host(data), len(data))

    def _reach_host(self, data: bytes) -> None:
        if self.open:
            self.note("tcp_up", f"{len(data)} B to {self.name}", data=data)
            self._session.receive(data)

    def _from_host(self, data: bytes) -> None:
        self._travel("down", lambda: self._reach_device(data), len(data))

    def _reach_device(self, data: bytes) -> None:
        if self.open:
            self.note("tcp_down", f"{len(data)} B from {self.name}", data=data)
            self._on_data(data)

    def _travel(self, what: str, arrive: Callable[[], None], size: int = 0) -> None:
        """Half a round trip; in a gap of the coverage it waits until the gap is over."""

        def at_the_end() -> None:
            if self._waiting or not self._network.data_flows:
                self._waiting.append((what, arrive, size))
            else:
                arrive()

        self._network.clock.after_ms(self._network.round_trip_ms / 2, at_the_end)

    def coverage_changed(self) -> None:
        if self._waiting and self._network.data_flows:
            self._network.clock.after_ms(RECOVERY_MS, self._send_again)

    def _send_again(self) -> None:
        while self._waiting and self._network.data_flows:
            _, arrive, _ = self._waiting.pop(0)
            arrive()

    def _closed_by_host(self) -> None:
        if self.open:
            self._end("tcp_closed", f"{self.name} by the host")
            self._on_close()

    def close(self) -> None:
        """By the device: what it had sent still arrives."""
        if self.open:
            self._travel("close", self._closed_by_device)

    def _closed_by_device(self) -> None:
        if self.open:
            session = self._session
            self._end("tcp_closed", f"{self.name} by the device")
            session.close()

    def lose(self) -> None:
        """The connection is gone; what had not arrived never does."""
        if self.open:
            lost = sum(size for _, _, size in self._waiting)
            session = self._session
            self._end("tcp_lost", f"{self.name}: {lost} B lost", bytes=lost)
            session.close()

    def _end(self, what: str, text: str, **data: object) -> None:
        self.open = False
        self._waiting.clear()
        self._network.internet.links.discard(self)
        self.note(what, text, **data)


class Internet:
    """The hosts, and the connections to them."""

    def __init__(self, network: Network) -> None:
        self.hosts: dict[tuple[str, int], Server] = {}
        self.links: set[Link] = set()
        self._network = network

    def connect(
        self,
        host: str,
        port: int,
        timeout_ms: float,
        on_open: Callable[[int], None],
        on_data: Callable[[bytes], None],
        on_close: Callable[[], None],
    ) -> Link:
        link = Link(self._network, host, port, on_open, on_data, on_close)
        self.links.add(link)
        after_ms = self._network.clock.after_ms
        link.note("tcp_connecting", link.name)

        def late() -> None:
            after_ms(timeout_ms - self._network.round_trip_ms, lambda: link.failed(TIMED_OUT, "no answer"))

        def attempt() -> None:
            server = self.hosts.get((host, port))
            if not self._network.data_flows:
                late()
            elif server is None and not any(host == name for name, _ in self.hosts):
                if _is_address(host):
                    late()
                else:
                    link.failed(UNKNOWN_HOST, "unknown host")
            elif server is None:
                link.failed(SOCKET_ERROR, "refused")
            else:
                try:
                    session = server.connect()
                except TimeoutError:
                    late()
                except ConnectionError as error:
                    link.failed(SOCKET_ERROR, str(error) or "refused")
                else:
                    link.connected(session)

        after_ms(self._network.round_trip_ms, attempt)
        return link

    def coverage_changed(self) -> None:
        for link in sorted(self.links, key=lambda link: link.name):
            link.coverage_changed()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

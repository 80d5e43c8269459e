"""TCP through the modem: NETOPEN, CIPOPEN, CIPSEND, CIPRXGET, CIPCLOSE, with the error codes of the A76XX manual."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.parts.clock import Timer
from simulator.parts.modem_command import READ, RUN, SET, TEST, AtError, Command, Handler
from simulator.parts.network_tcp import Link

if TYPE_CHECKING:
    from simulator.parts.modem import VirtualModem

LINKS = 10
MOST_AT_ONCE = 1500  # bytes in one AT+CIPSEND, and in one reading
NOT_OPENED, BAD_PARAMETER, UNSUPPORTED, OPENED = 2, 3, 4, 9  # of +CIPOPEN
CTRL_Z, ESCAPE = 0x1A, 0x1B
ADDRESS = "10.64.12.7"


class Sockets:
    def __init__(self, modem: VirtualModem) -> None:
        self._modem = modem
        self._tail: Timer | None = None
        self._power = ""
        self._links: dict[int, Link] = {}
        self.start()
        self.commands: dict[str, Handler] = {
            "+NETOPEN": self._open_network,
            "+NETCLOSE": self._close_network,
            "+IPADDR": self._address,
            "+CIPOPEN": self._open,
            "+CIPSEND": self._send,
            "+CIPRXGET": self._receive,
            "+CIPCLOSE": self._close,
            "+CIPTIMEOUT": self._timeouts,
            "+CGATT": lambda command: self._says("+CGATT: 1") if command.form == READ else "OK",
            "+CGPADDR": lambda command: self._says(f"+CGPADDR: 1,{ADDRESS}"),
        }
        for name in ("+CGDCONT", "+CGACT", "+CGAUTH", "+CGSOCKCONT", "+CSOCKSETPN", "+CIPMODE", "+CIPCCFG"):
            self.commands[name] = lambda command: "OK"
        for name in ("+CIPSENDMODE", "+CIPHEAD", "+CIPSRIP", "+TCPKEEPALIVE", "+CGDATA", "+CGEREP"):
            self.commands[name] = lambda command: "OK"

    def start(self) -> None:
        self._network_open = self._opening = False
        self._by_hand = 0
        self._opened: dict[int, tuple[str, int]] = {}
        self._received: dict[int, bytearray] = {}
        self._open_timeout = 120_000.0
        self._power = ""

    def stop(self) -> None:
        for link in list(self._links.values()):
            link.lose()
        self._links.clear()

    @property
    def power(self) -> str:
        return self._power

    def _traffic(self) -> None:
        """After each byte the radio sends and listens for a moment, then stays connected for a while."""
        self._become("data", self._modem.timing.data_burst, self._stay)

    def _stay(self) -> None:
        timing = self._modem.timing
        self._become("connected", timing.data_tail - timing.data_burst, self._quiet)

    def _become(self, power: str, for_ms: float, then: Callable[[], None]) -> None:
        if self._tail is not None:
            self._tail.cancel()
        self._power = power
        self._tail = self._modem.after(for_ms, then)
        self._modem.power_changed()

    def _quiet(self) -> None:
        self._power = ""
        self._modem.power_changed()

    def _says(self, line: str) -> str:
        self._modem.line.info(line)
        return "OK"

    def _later(self, delay_ms: float, line: str) -> None:
        self._modem.after(delay_ms * self._modem.slow, lambda: self._modem.urc(line))

    # The network.

    def _open_network(self, command: Command) -> str:
        if command.form == READ:
            return self._says(f"+NETOPEN: {int(self._network_open)}")
        if command.form == TEST:
            return "OK"
        if self._network_open or self._opening:
            return self._refused("+IP ERROR: Network is already opened")
        delay = self._modem.timing.network_open
        if not self._modem.radio.has_service:
            self._later(delay, "+NETOPEN: 1")
            return "OK"
        self._opening = True
        self._modem.after(delay * self._modem.slow, self._network_opened)
        return "OK"

    def _network_opened(self) -> None:
        self._opening = False
        self._network_open = self._modem.radio.has_service
        self._traffic()
        self._modem.urc(f"+NETOPEN: {0 if self._network_open else 1}")

    def _close_network(self, command: Command) -> str:
        if not self._network_open:
            self._modem.line.info("+NETCLOSE: 2")
            raise AtError("not opened")
        for link in list(self._links.values()):
            link.close()
        self._forget()
        self._later(self._modem.timing.network_open / 2, "+NETCLOSE: 0")
        return "OK"

    def abandoned(self) -> None:
        """Out of coverage for too long."""
        if self._network_open:
            self.stop()
            self._forget()
            self._modem.urc("+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY")

    def _forget(self) -> None:
        self._network_open = False
        self._links.clear()
        self._received.clear()
        self._opened.clear()

    def _address(self, command: Command) -> str:
        if not self._network_open:
            return self._refused("+IP ERROR: Network not opened")
        return self._says(f"+IPADDR: {ADDRESS}")

    def _refused(self, line: str) -> str:
        self._modem.line.info(line)
        return "ERROR"

    def _timeouts(self, command: Command) -> str:
        if command.form == SET:
            self._open_timeout = command.number(1, 120_000, range(3000, 120_001))
            return "OK"
        return self._says(f"+CIPTIMEOUT: 120000,{self._open_timeout:.0f},120000,120000")

    # Connections.

    def _open(self, command: Command) -> str:
        if command.form == TEST:
            return self._says('+CIPOPEN: (0-9),("TCP","UDP")')
        if command.form == READ:
            for i in range(LINKS):
                where = self._opened.get(i)
                self._modem.line.info(f'+CIPOPEN: {i},"TCP","{where[0]}",{where[1]},-1' if where else f"+CIPOPEN: {i}")
            return "OK"
        number = command.number(0, allowed=range(LINKS))
        host, port = command.string(2), command.number(3, 0)
        error = 0
        if not self._network_open:
            error = NOT_OPENED
        elif number in self._links:
            error = OPENED
        elif command.string(1).upper() != "TCP":
            error = UNSUPPORTED
        elif not host or port not in range(1, 65536):
            error = BAD_PARAMETER
        if error:
            return self._refused(f"+CIPOPEN: {number},{error}")
        self._opened[number] = (host, port)
        self._received[number] = bytearray()
        self._traffic()

        def ours(act: Callable[..., None]) -> Callable[..., None]:
            """For as long as this connection is the number's: what arrives late is nobody's."""
            return lambda *arguments: act(number, *arguments) if self._links.get(number) is link else None

        link = self._modem.network.internet.connect(
            host,
            port,
            self._open_timeout,
            ours(self._connected),
            ours(self._arrived),
            ours(self._closed_by_host),
        )
        self._links[number] = link
        return "OK"

    def _connected(self, number: int, result: int) -> None:
        if result:
            self._remove(number)
        self._traffic()
        self._later(self._modem.timing.connection_overhead, f"+CIPOPEN: {number},{result}")

    def _remove(self, number: int) -> None:
        self._links.pop(number, None)
        self._opened.pop(number, None)

    def _closed_by_host(self, number: int) -> None:
        self._remove(number)
        self._modem.urc(f"+IPCLOSE: {number},1")

    def _close(self, command: Command) -> str:
        if command.form == READ:
            return self._says("+CIPCLOSE: " + ",".join(str(int(i in self._links)) for i in range(LINKS)))
        number = command.number(0, allowed=range(LINKS))
        link = self._links.get(number)
        if link is None:
            return self._refused(f"+CIPCLOSE: {number},{4 if self._network_open else 2}")
        link.close()
        self._remove(number)
        self._later(self._modem.timing.hand_over, f"+CIPCLOSE: {number},0")
        return "OK"

    def _send(self, command: Command) -> str | None:
        if command.form == TEST:
            return self._says(f"+CIPSEND: (0-9),(1-{MOST_AT_ONCE})")
        number = command.number(0, allowed=range(LINKS))
        if not self._network_open:
            return self._refused("+CIPERROR: 2")
        if number not in self._links:
            return self._refused("+CIPERROR: 4")
        length = command.number(1, allowed=range(1, MOST_AT_ONCE + 1)) if command.string(1) else None
        data = bytearray()

        def enter(byte: int) -> bool:
            if length is None and byte == ESCAPE:
                self._modem.line.finish("OK")
                return True
            if length is None and byte == CTRL_Z:
                self._handed_over(number, bytes(data))
                return True
            data.append(byte)
            if len(data) == (length or MOST_AT_ONCE):
                self._handed_over(number, bytes(data))
                return True
            return False

        self._modem.line.prompt("\r\n>", enter)
        return None

    def _handed_over(self, number: int, data: bytes) -> None:
        """OK, then how much the stack took: not that it arrived anywhere."""
        self._modem.line.finish("OK")
        link = self._links.get(number)
        taken = -1
        if link is not None and link.open:
            taken = len(data)
            link.send(data)
            self._traffic()
        self._later(self._modem.timing.hand_over, f"+CIPSEND: {number},{len(data)},{taken}")

    # Receiving.

    def _arrived(self, number: int, data: bytes) -> None:
        self._traffic()
        if not self._by_hand:
            host, port = self._opened[number]
            text = data.decode("latin-1")
            self._modem.urc(f"RECV FROM:{host}:{port}\r\n+IPD{len(data)}\r\n{text}")
            return
        waiting = self._received[number]
        waiting += data
        if len(waiting) == len(data):  # told once until it is read
            self._modem.urc(f"+CIPRXGET: 1,{number}")

    def _receive(self, command: Command) -> str:
        if command.form == TEST:
            return self._says(f"+CIPRXGET: (0-4),(0-9),(1-{MOST_AT_ONCE})")
        if command.form in (READ, RUN):
            return self._says(f"+CIPRXGET: {self._by_hand}")
        mode = command.number(0, allowed=range(5))
        if mode < 2:
            self._by_hand = mode
            return "OK"
        number = command.number(1, allowed=range(LINKS))
        waiting = self._received.get(number)
        if waiting is None or not self._by_hand:
            return self._refused("+IP ERROR: No data" if waiting is not None else "+IP ERROR: Network not opened")
        if mode == 4:
            return self._says(f"+CIPRXGET: 4,{number},{len(waiting)}")
        if not waiting:
            return self._refused("+IP ERROR: No data")
        count = command.number(2, MOST_AT_ONCE, range(1, MOST_AT_ONCE + 1))
        taken = bytes(waiting[:count])
        del waiting[:count]
        shown = taken.hex().upper() if mode == 3 else taken.decode("latin-1")
        return self._says(f"+CIPRXGET: {mode},{number},{len(taken)},{len(waiting)}\r\n{shown}")

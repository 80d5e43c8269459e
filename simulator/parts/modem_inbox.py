"""Where messages and reports go that arrive: memories, and how they are announced (AT+CNMI)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.parts.modem_command import (
    INVALID_INDEX,
    OPERATION_NOT_ALLOWED,
    READ,
    RUN,
    TEST,
    AtError,
    CmsError,
    Command,
    Handler,
)
from simulator.parts.pdu import Message, Report, address, read_incoming

if TYPE_CHECKING:
    from simulator.parts.modem import VirtualModem
    from simulator.parts.modem_sms import Sms

MEMORY_SIZE = {"SM": 30, "ME": 100, "SR": 20}  # assumed
STATES = ("REC UNREAD", "REC READ", "STO UNSENT", "STO SENT", "ALL")
DEFAULT_CNMI = [2, 1, 0, 0, 0]


@dataclass
class Stored:
    tpdu: bytes
    read: bool = False


class Inbox:
    """Messages survive the modem being off; what is set here does not."""

    def __init__(self, modem: VirtualModem, sms: Sms) -> None:
        self._modem = modem
        self._sms = sms
        self.memories: dict[str, dict[int, Stored]] = {name: {} for name in MEMORY_SIZE}
        self.start()
        self.commands: dict[str, Handler] = {
            "+CPMS": self._preferred,
            "+CNMI": self._indications,
            "+CMGR": self._read,
            "+CMGL": self._list,
            "+CMGD": self._delete,
        }

    def start(self) -> None:
        self._stores = ["SM", "SM", "SM"]  # to read and delete, to write and send, for what arrives
        self._cnmi = DEFAULT_CNMI
        self._full = False
        self._kept: list[tuple[bytes, Message | Report]] = []  # <mode> 0: announced later

    def _says(self, line: str) -> str:
        self._modem.line.info(line)
        return "OK"

    def _used(self, name: str) -> str:
        return f"{len(self.memories[name])},{MEMORY_SIZE[name]}"

    def _preferred(self, command: Command) -> str:
        if command.form == TEST:
            return self._says('+CPMS: ("ME","SM","SR"),("ME","SM"),("ME","SM")')
        self._sms.need_sim()
        if command.form == READ:
            return self._says("+CPMS: " + ",".join(f'"{name}",{self._used(name)}' for name in self._stores))
        wanted = [name for name in command.parameters if name]
        if not 1 <= len(wanted) <= 3 or any(name not in MEMORY_SIZE for name in wanted) or "SR" in wanted[1:]:
            raise AtError("memory")
        self._stores[: len(wanted)] = wanted
        return self._says("+CPMS: " + ",".join(map(self._used, self._stores)))

    def _indications(self, command: Command) -> str:
        """AT+CNMI. The manuals: <mt> 3 and <ds> 1 are refused unless <mode> is 1, so neither is advertised for all."""
        if command.form == TEST:
            return self._says("+CNMI: (0,1,2),(0,1,2),(0,2),(0,2),(0,1)")
        if command.form == READ:
            return self._says("+CNMI: " + ",".join(map(str, self._cnmi)))
        if command.form == RUN:
            self._cnmi = DEFAULT_CNMI
            return "OK"
        ranges = (range(3), range(4), range(0, 3, 2), range(3), range(2))
        wanted = [command.number(i, was, ranges[i]) for i, was in enumerate(self._cnmi)]
        if (wanted[1] == 3 or wanted[3] == 1) and wanted[0] != 1:
            raise CmsError(OPERATION_NOT_ALLOWED)
        self._cnmi = wanted
        if wanted[0]:
            kept, self._kept = self._kept, []
            for tpdu, message in kept:
                self.put(tpdu, message)
        return "OK"

    # Arriving.

    def _stored(self, message: Message | Report) -> bool:
        return self._cnmi[3] == 2 if isinstance(message, Report) else self._cnmi[1] in (0, 1, 3)

    def put(self, tpdu: bytes, message: Message | Report) -> bool:
        """False when the memory is full."""
        mode, mt, _, ds, _ = self._cnmi
        report = isinstance(message, Report)
        ring_ms = self._modem.timing.ring_pulse_sms
        if self._stored(message):
            index = self._keep(self._stores[2], tpdu)
            if index is None:
                if not self._full:  # said once, until something is deleted
                    self._full = True
                    self._modem.urc("+SMS FULL")
                return False
            if mode and (report or mt):
                self._modem.urc(f'{"+CDSI" if report else "+CMTI"}: "{self._stores[2]}",{index}', ring_ms)
        elif mode == 0:
            self._kept.append((tpdu, message))
        elif report and ds == 1:
            self._modem.urc("\r\n".join(self._direct("+CDS: ", tpdu, message)), ring_ms)
        elif not report and mt == 2:
            self._modem.urc("\r\n".join(self._direct("+CMT: ", tpdu, message)), ring_ms)
        return True

    def _keep(self, name: str, tpdu: bytes) -> int | None:
        memory = self.memories[name]
        index = next((index for index in range(MEMORY_SIZE[name]) if index not in memory), None)
        if index is not None:
            memory[index] = Stored(tpdu)
        return index

    def _direct(self, start: str, tpdu: bytes, message: Message | Report) -> list[str]:
        if self._sms.text_mode:
            return [start + self._headline(message), *self._body(message)]
        alpha = "" if isinstance(message, Report) else ","
        return [f"{start}{alpha}{len(tpdu)}", self._pdu_text(tpdu)]

    # As they are shown.

    def _headline(self, message: Message | Report) -> str:
        if isinstance(message, Report):
            number = f'"{message.number}",{145 if message.number.startswith("+") else 129}'
            times = f'"{message.sent}","{message.done}"'
            return f"{message.first_octet},{message.reference},{number},{times},{message.status}"
        return f'"{self._sms.shown(message.number)}","","{message.sent}"'

    def _body(self, message: Message | Report) -> list[str]:
        return [] if isinstance(message, Report) else [self._sms.shown(message.text)]

    def _pdu_text(self, tpdu: bytes) -> str:
        """With the address of the service centre before it, whose length counts octets."""
        centre = address(self._sms.centre)[1:] if self._sms.centre else b""
        return (bytes([len(centre)]) + centre + tpdu).hex().upper()

    def _lines(self, start: str, stored: Stored) -> str:
        message = read_incoming(stored.tpdu)
        if self._sms.text_mode:
            state = f'"{STATES[stored.read]}",'
            return "\r\n".join([start + state + self._headline(message), *self._body(message)])
        return f"{start}{int(stored.read)},,{len(stored.tpdu)}\r\n{self._pdu_text(stored.tpdu)}"

    # Memories.

    def _read(self, command: Command) -> str:
        self._sms.need_sim()
        stored = self.memories[self._stores[0]].get(command.number(0))
        if stored is None:
            raise CmsError(INVALID_INDEX)
        self._says(self._lines("+CMGR: ", stored))
        stored.read = True
        return "OK"

    def _list(self, command: Command) -> str:
        states = STATES if self._sms.text_mode else ("0", "1", "2", "3", "4")
        if command.form == TEST:
            shown = ",".join(f'"{state}"' for state in STATES) if self._sms.text_mode else "0-4"
            return self._says(f"+CMGL: ({shown})")
        self._sms.need_sim()
        wanted = command.string(0, states[0])
        if wanted not in states:
            raise AtError("state")
        for index, stored in sorted(self.memories[self._stores[0]].items()):
            if wanted in (states[4], states[stored.read]):
                self._says(self._lines(f"+CMGL: {index},", stored))
                stored.read = True
        return "OK"

    def _delete(self, command: Command) -> str:
        memory = self.memories[self._stores[0]]
        if command.form == TEST:
            return self._says(f"+CMGD: ({','.join(map(str, sorted(memory)))}),(0-4)")
        self._sms.need_sim()
        index, what = command.number(0), command.number(1, 0, range(5))
        if what:
            for key in [key for key, stored in memory.items() if what == 4 or stored.read]:
                del memory[key]
        elif memory.pop(index, None) is None and index not in range(MEMORY_SIZE[self._stores[0]]):
            raise CmsError(INVALID_INDEX)
        self._full = False
        self._modem.after(0, self._modem.network.smsc.device_reachable)
        return "OK"

"""Short messages that leave, in text and PDU mode. What arrives is in modem_inbox.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.parts.modem_command import (
    INVALID_PDU,
    INVALID_TEXT,
    NO_NETWORK,
    NO_SIM,
    OPERATION_NOT_ALLOWED,
    PIN_REQUIRED,
    PUK_REQUIRED,
    READ,
    RUN,
    SET,
    SIM_BUSY,
    TEST,
    CmsError,
    Command,
    Handler,
)
from simulator.parts.modem_inbox import Inbox
from simulator.parts.network_sms import RefusedError
from simulator.parts.pdu import BadPduError, address, read_incoming, read_submit, write_submit

if TYPE_CHECKING:
    from simulator.parts.modem import VirtualModem

CTRL_Z, ESCAPE, BACKSPACE = 0x1A, 0x1B, 0x08
LONGEST_ENTRY = 700  # characters: a PDU of 176 octets, or 160 characters as UCS2 in hexadecimal


class Sms:
    def __init__(self, modem: VirtualModem) -> None:
        self._modem = modem
        self._reference = 0
        self._entry = bytearray()
        self.centre = modem.network.sim.smsc  # AT+CSCA, kept on the card
        self.inbox = Inbox(modem, self)
        self._defaults()
        self.commands: dict[str, Handler] = {
            "+CMGF": self._format,
            "+CSMP": self._text_parameters,
            "+CSCA": self._centre,
            "+CSMS": self._service,
            "+CMGS": self._send,
        }
        for name in ("+CSDH", "+CNMA", "+CMMS", "+CGSMS", "+CSCB"):
            self.commands[name] = lambda command: "OK"
        self.commands |= self.inbox.commands

    def _defaults(self) -> None:
        self.text_mode = False
        self.charset = "IRA"  # AT+CSCS
        self.sending = False
        self._parameters = [17, 167, 0, 0]  # <fo>, <vp>, <pid>, <dcs>
        self._csms = 0
        self._ready = False

    def start(self) -> None:
        self._defaults()
        self.inbox.start()
        if self._modem.network.sim.state == "ready":
            self.sim_ready()

    def stop(self) -> None:
        self._ready = self.sending = False

    def sim_ready(self) -> None:
        self._modem.after(self._modem.timing.sms_ready, self._announce)

    def _announce(self) -> None:
        if self._modem.network.sim.state == "ready":
            self._ready = True
            self._modem.urc("SMS DONE")
            self._modem.network.smsc.device_reachable()

    @property
    def power(self) -> str:
        return "sms" if self.sending else ""

    def need_sim(self) -> None:
        """Raises CmsError while the card is missing, locked or still being read."""
        locked = {"absent": NO_SIM, "pin": PIN_REQUIRED, "puk": PUK_REQUIRED, "blocked": PUK_REQUIRED}
        code = locked.get(self._modem.network.sim.state)
        if code or not self._ready:
            raise CmsError(code or SIM_BUSY)

    def arrives(self, tpdu: bytes) -> bool:
        """A message or report; False when it cannot be taken, so that the centre keeps it."""
        if not self._ready or not self._modem.radio.has_sms:
            return False
        return self.inbox.put(tpdu, read_incoming(tpdu))

    # Settings.

    def _says(self, line: str) -> str:
        self._modem.line.info(line)
        return "OK"

    def _format(self, command: Command) -> str:
        if command.form in (SET, RUN):
            self.text_mode = bool(command.number(0, 0, range(2)))
            return "OK"
        return self._says("+CMGF: (0,1)" if command.form == TEST else f"+CMGF: {int(self.text_mode)}")

    def _text_parameters(self, command: Command) -> str:
        if command.form == SET:
            given = [command.number(i, default, range(256)) for i, default in enumerate(self._parameters)]
            self._parameters = given
        elif command.form == READ:
            return self._says("+CSMP: " + ",".join(map(str, self._parameters)))
        return "OK"

    def _centre(self, command: Command) -> str:
        if command.form == SET:
            self.centre = command.string(0)
        elif command.form == READ:
            return self._says(f'+CSCA: "{self.centre}",{145 if self.centre.startswith("+") else 129}')
        return "OK"

    def _service(self, command: Command) -> str:
        if command.form == SET:
            self._csms = command.number(0, allowed=range(2))
            return self._says("+CSMS: 1,1,1")
        return self._says("+CSMS: (0,1)" if command.form == TEST else f"+CSMS: {self._csms},1,1,1")

    # Sending.

    def _send(self, command: Command) -> str | None:
        if command.form == TEST:
            return "OK"
        self.need_sim()
        if self._modem.calls.call is not None:
            # SIMCom's SMS application note V3.00: not together with call commands.
            raise CmsError(OPERATION_NOT_ALLOWED)
        if self.text_mode:
            try:
                number = self._decoded(command.string(0))
                address(number)
            except ValueError:
                raise CmsError(INVALID_TEXT) from None
            self._ask(lambda text: self._text_tpdu(number, text))
        else:
            length = command.number(0, allowed=range(8, 165))
            self._ask(lambda text: _pdu_tpdu(length, text))
        return None

    def _ask(self, make: Callable[[str], bytes]) -> None:
        self._entry.clear()
        self._modem.line.prompt("\r\n> ", lambda byte: self._enter(byte, make))

    def _enter(self, byte: int, make: Callable[[str], bytes]) -> bool:
        if byte == ESCAPE:
            self._modem.line.finish("OK")
            return True
        if byte == CTRL_Z:
            self._submit(make, self._entry.decode("latin-1"))
            return True
        if self._modem.line.echo:
            self._modem.line.info_now(chr(byte))
        if byte == BACKSPACE:
            del self._entry[-1:]
        elif len(self._entry) < LONGEST_ENTRY:
            self._entry.append(byte)
        return False

    def _submit(self, make: Callable[[str], bytes], text: str) -> None:
        try:
            tpdu = bytearray(make(text))
            read_submit(bytes(tpdu))
        except BadPduError:
            self._modem.line.fail(CmsError(INVALID_TEXT if self.text_mode else INVALID_PDU))
            return
        self._reference = (self._reference + 1) & 255
        tpdu[1] = reference = self._reference
        self.sending = True
        self._modem.power_changed()
        timing = self._modem.timing
        self._modem.after(timing.sms_sent * self._modem.slow, lambda: self._submitted(bytes(tpdu), reference))

    def _submitted(self, tpdu: bytes, reference: int) -> None:
        self.sending = False
        try:
            if not self._modem.radio.has_sms:
                raise RefusedError(NO_NETWORK)
            self._modem.network.smsc.submit(tpdu)
        except RefusedError as refused:
            self._modem.line.fail(CmsError(refused.code))
            return
        self._modem.line.info(f"+CMGS: {reference}")
        self._modem.line.finish("OK")

    def _text_tpdu(self, number: str, text: str) -> bytes:
        first_octet, validity, protocol, data_coding = self._parameters
        try:
            text = self._decoded(text.replace("\r\n", "\n").replace("\r", "\n"))
        except ValueError as error:
            raise BadPduError("no hexadecimal") from error
        return write_submit(number, text, first_octet, validity, protocol, data_coding)

    def _decoded(self, text: str) -> str:
        """What was written in the character set of AT+CSCS. Raises ValueError."""
        if self.charset == "UCS2":
            return bytes.fromhex(text).decode("utf-16-be")
        return text

    def shown(self, text: str) -> str:
        return text.encode("utf-16-be").hex().upper() if self.charset == "UCS2" else text


def _pdu_tpdu(length: int, text: str) -> bytes:
    """The TPDU of a PDU typed in: its address of the service centre taken off, its length as announced."""
    try:
        octets = bytes.fromhex(text.strip())
    except ValueError:
        raise BadPduError("no hexadecimal") from None
    tpdu = octets[octets[0] + 1 :] if octets else b""
    if len(tpdu) != length:
        raise BadPduError("another length than announced")
    return tpdu

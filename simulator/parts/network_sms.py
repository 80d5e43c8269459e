"""The SMS service centre: takes, loses, delays and refuses messages, and reports what became of them."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from simulator.parts.network_calls import Contact
from simulator.parts.pdu import BadPduError, Message, read_submit, write_deliver, write_report

if TYPE_CHECKING:
    from simulator.parts.network import Network

TRY_AGAIN_MS = 10_000  # a telephone that is off, a device whose memory is full; assumed
INVALID_PDU = 304  # +CMS ERROR, 3GPP TS 27.005

RECEIVED = 0x00  # TP-ST: received by the telephone


class RefusedError(Exception):
    """The message was not taken; `code` is that of +CMS ERROR."""

    def __init__(self, code: int) -> None:
        super().__init__(f"+CMS ERROR: {code}")
        self.code = code


class Smsc:
    """Set the attributes at any time; `lose` and `refuse` concern the next so many messages, -1 for all."""

    def __init__(self, network: Network) -> None:
        self.delay_ms = 2000.0  # from the device to the telephone; assumed
        self.report_delay_ms = 1000.0  # from the telephone's receipt to the report; assumed
        self.reports = True
        self.submitted: list[bytes] = []  # every TPDU taken
        self._lose = 0
        self._refuse = 0
        self._refuse_code = 0
        self._network = network
        self._parts: dict[tuple[str, int, int], dict[int, str]] = {}
        self._for_device: list[tuple[bytes, str]] = []
        self._trying = False
        self._group = 0

    def lose(self, count: int = -1) -> None:
        """The next `count` messages are taken and never arrive."""
        self._lose = count

    def refuse(self, code: int, count: int = -1) -> None:
        """The next `count` messages are refused with +CMS ERROR `code`."""
        self._refuse, self._refuse_code = count, code

    def submit(self, tpdu: bytes) -> None:
        """A message from the device. Raises RefusedError."""
        note = self._network.timeline.note
        try:
            message = read_submit(tpdu)
        except BadPduError as error:
            note("network", "sms_refused", f"unreadable: {error}", pdu=tpdu.hex())
            raise RefusedError(INVALID_PDU) from None
        known = {
            "number": message.number,
            "message": message.text,
            "part": message.part,
            "parts": message.parts,
            "reference": message.reference,
            "pdu": tpdu.hex(),
        }
        what = f"to {message.number}" + (f" ({message.part}/{message.parts})" if message.parts > 1 else "")
        if self._refuse:
            self._refuse -= 1
            note("network", "sms_refused", f"{what}: {self._refuse_code}", **known)
            raise RefusedError(self._refuse_code)
        self.submitted.append(tpdu)
        note("network", "sms_submitted", f"{what}: {message.text}", **known)
        if self._lose:
            self._lose -= 1
            note("network", "sms_lost", what, **known)
            return
        contact, sent = self._network.contact(message.number), self._network.utc
        self._network.clock.after_ms(self.delay_ms, lambda: self._deliver(message, contact, sent))

    def _deliver(self, message: Message, contact: Contact, sent: datetime) -> None:
        network = self._network
        if not contact.phone_on:
            network.clock.after_ms(TRY_AGAIN_MS, lambda: self._deliver(message, contact, sent))
            return
        network.timeline.note(
            "network",
            "sms_delivered",
            f"to {contact.who}",
            number=message.number,
            message=message.text,
            part=message.part,
            parts=message.parts,
            reference=message.reference,
        )
        if message.report and self.reports:
            report = write_report(message, sent, network.utc, network.zone_quarters, RECEIVED)
            text = f"report on {message.reference}"
            network.clock.after_ms(self.report_delay_ms, lambda: self._to_device(report, text))
        key = (message.number, message.group, message.parts)
        parts = self._parts.setdefault(key, {})
        parts[message.part] = message.text
        if len(parts) == message.parts:
            del self._parts[key]
            self._received(contact, "".join(parts[i] for i in sorted(parts)))

    def _received(self, contact: Contact, text: str) -> None:
        contact.inbox.append(text)
        self._network.timeline.note(
            "contact", "sms_received", f"{contact.who}: {text}", number=contact.number, message=text
        )
        reply = contact.answer_to(text)
        if reply is not None:
            self._network.clock.after_ms(contact.reply_after_s * 1000, lambda: self.to_device(contact.number, reply))

    def to_device(self, number: str, text: str) -> None:
        """Somebody writes to the device."""
        network = self._network
        network.timeline.note(
            "contact", "sms_sent", f"{network.contact(number).who}: {text}", number=number, message=text
        )
        self._group += 1
        for tpdu in write_deliver(number, text, network.utc, network.zone_quarters, self._group):
            network.clock.after_ms(self.delay_ms, partial(self._to_device, tpdu, f"from {number}: {text}"))

    def _to_device(self, tpdu: bytes, text: str) -> None:
        self._for_device.append((tpdu, text))
        self.device_reachable()

    def device_reachable(self) -> None:
        """Hand over what waits for the device, in order, as far as it takes it."""
        device = self._network.device
        while self._for_device and device is not None:
            tpdu, text = self._for_device[0]
            if not device.on_sms(tpdu):
                break
            del self._for_device[0]
            self._network.timeline.note("network", "sms_to_device", text, pdu=tpdu.hex())
        if self._for_device and not self._trying:
            self._trying = True
            self._network.clock.after_ms(TRY_AGAIN_MS, self._try_again)

    def _try_again(self) -> None:
        self._trying = False
        self.device_reachable()

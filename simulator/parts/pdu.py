"""Short messages as the radio network carries them: the TPDUs of 3GPP TS 23.040, the alphabets of TS 23.038.

The network's side of them: it reads SMS-SUBMIT and writes SMS-DELIVER and SMS-STATUS-REPORT. Written apart from the
device's own codec, so that a mistake in one does not hide in the other; the tests hold it against a third one.
A TPDU here never carries the address of the service centre that AT commands put before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_ESCAPE = 0x1B
_CODE = {character: bytes([code]) for code, character in enumerate(_BASIC) if code != _ESCAPE} | {
    character: bytes([_ESCAPE, code]) for code, character in _EXTENDED.items()
}

GSM7, OCTETS, UCS2 = "gsm7", "octets", "ucs2"

# What a message may hold alone, and as one of several (the header takes 6 octets, 7 septets with its filling).
_ALONE = {GSM7: 160, UCS2: 70}
_IN_PART = {GSM7: 153, UCS2: 67}

REPORT_ASKED = 0x20  # TP-SRR, in the first octet of SMS-SUBMIT
_HEADER = 0x40  # TP-UDHI
_MORE_TO_COME = 0x04  # TP-MMS, set in SMS-DELIVER when nothing more waits


class BadPduError(ValueError):
    """Bytes that are no TPDU of the kind expected."""


@dataclass(frozen=True)
class Message:
    """A message, or one part of it. `number` is the other end; `part` counts from 1 up to `parts`."""

    number: str
    text: str
    reference: int = 0  # TP-MR, of a submitted message
    report: bool = False  # a status report is asked for
    alphabet: str = GSM7
    group: int = 0  # what the parts of one message share
    part: int = 1
    parts: int = 1
    first_octet: int = 0
    data_coding: int = 0
    protocol: int = 0
    sent: str = ""  # "yy/MM/dd,hh:mm:ss+zz", of a delivered message


@dataclass(frozen=True)
class Report:
    """What became of a submitted message. Status 0 is "received", below 32 done, 32 to 63 still trying, else failed."""

    reference: int
    number: str
    sent: str
    done: str
    status: int
    first_octet: int = 2


def septets_of(text: str) -> bytes | None:
    """`text` in the default alphabet, one septet a byte; None when a character is not in it."""
    codes = [_CODE.get(character) for character in text]
    return None if None in codes else b"".join(code for code in codes if code)


def text_of(septets: bytes) -> str:
    text = ""
    escaped = False
    for code in septets:
        if escaped:
            text += _EXTENDED.get(code, _BASIC[code])
            escaped = False
        elif code == _ESCAPE:
            escaped = True
        else:
            text += _BASIC[code]
    return text


def pack(septets: bytes, filling_bits: int = 0) -> bytes:
    """Eight septets in seven octets, the first one `filling_bits` up."""
    value = sum(code << (7 * i) for i, code in enumerate(septets)) << filling_bits
    return value.to_bytes((7 * len(septets) + filling_bits + 7) // 8, "little")


def unpack(octets: bytes, count: int, filling_bits: int = 0) -> bytes:
    value = int.from_bytes(octets, "little") >> filling_bits
    return bytes(value >> (7 * i) & 0x7F for i in range(count))


def address(number: str) -> bytes:
    """Length in digits, type of number, digits in swapped half-octets."""
    digits = number.lstrip("+")
    if not digits or any(digit not in "0123456789*#" for digit in digits):
        raise BadPduError(f"no telephone number: {number!r}")
    return bytes([len(digits), 0x91 if number.startswith("+") else 0x81]) + _half_octets(digits)


def _half_octets(digits: str) -> bytes:
    values = ["0123456789*#".index(digit) for digit in digits] + [15] * (len(digits) % 2)
    return bytes(low | high << 4 for low, high in zip(values[::2], values[1::2], strict=True))


class _Reader:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def octet(self) -> int:
        return self.octets(1)[0]

    def octets(self, count: int) -> bytes:
        taken = self._octets[self._at : self._at + count]
        if len(taken) < count:
            raise BadPduError("the TPDU ends too soon")
        self._at += count
        return taken

    def rest(self) -> bytes:
        return self.octets(len(self._octets) - self._at)

    def address(self) -> str:
        length = self.octet()
        kind = self.octet()
        octets = self.octets((length + 1) // 2)
        if kind & 0x70 == 0x50:  # alphanumeric: `length` counts half-octets
            return text_of(unpack(octets, length * 4 // 7))
        digits = "".join("0123456789*#abc"[value] for o in octets for value in (o & 15, o >> 4) if value != 15)
        return ("+" if kind & 0x70 == 0x10 else "") + digits

    def time(self) -> str:
        octets = self.octets(7)
        fields = [(o & 15) * 10 + (o >> 4) for o in octets[:6]]
        quarters = (octets[6] & 7) * 10 + (octets[6] >> 4)
        return "{:02}/{:02}/{:02},{:02}:{:02}:{:02}".format(*fields) + f"{'-' if octets[6] & 8 else '+'}{quarters:02}"


def _alphabet(data_coding: int) -> str:
    if data_coding & 0xC0 == 0:
        return (GSM7, OCTETS, UCS2, OCTETS)[data_coding >> 2 & 3]
    if data_coding & 0xF0 == 0xE0:
        return UCS2
    return OCTETS if data_coding & 0xF4 == 0xF4 else GSM7


def _user_data(reader: _Reader, data_coding: int, with_header: bool) -> tuple[str, str, int, int, int]:
    """Text, alphabet, group, part, parts. Octets come as the same code points."""
    alphabet = _alphabet(data_coding)
    length = reader.octet()
    octets = reader.rest()
    if len(octets) < ((length * 7 + 7) // 8 if alphabet == GSM7 else length):
        raise BadPduError("the user data end too soon")
    header_octets = octets[0] + 1 if with_header and octets else 0
    group, part, parts = _concatenation(octets[1:header_octets])
    if alphabet == GSM7:
        taken = (header_octets * 8 + 6) // 7
        if length < taken:
            raise BadPduError("the header is longer than the user data")
        return text_of(unpack(octets, length)[taken:]), alphabet, group, part, parts
    body = octets[header_octets:length]
    text = body.decode("utf-16-be", "replace") if alphabet == UCS2 else body.decode("latin-1")
    return text, alphabet, group, part, parts


def _concatenation(header: bytes) -> tuple[int, int, int]:
    at = 0
    while at + 2 <= len(header):
        element, length = header[at], header[at + 1]
        body = header[at + 2 : at + 2 + length]
        if element == 0 and length == 3 and len(body) == 3:
            return body[0], body[2], body[1]
        if element == 8 and length == 4 and len(body) == 4:
            return body[0] << 8 | body[1], body[3], body[2]
        at += 2 + length
    return 0, 1, 1


def read_submit(tpdu: bytes) -> Message:
    """SMS-SUBMIT, on its way to the service centre. Raises BadPduError."""
    reader = _Reader(tpdu)
    first_octet = reader.octet()
    if first_octet & 3 != 1:
        raise BadPduError("not an SMS-SUBMIT")
    reference = reader.octet()
    number = reader.address()
    protocol, data_coding = reader.octet(), reader.octet()
    reader.octets((0, 7, 1, 7)[first_octet >> 3 & 3])  # the validity period
    text, alphabet, group, part, parts = _user_data(reader, data_coding, bool(first_octet & _HEADER))
    report = bool(first_octet & REPORT_ASKED)
    return Message(
        number, text, reference, report, alphabet, group, part, parts, first_octet, data_coding, protocol, sent=""
    )


def write_submit(number: str, text: str, first_octet: int, validity: int, protocol: int, data_coding: int) -> bytes:
    """SMS-SUBMIT of one part, as a modem makes it of a message given in text mode. Raises BadPduError."""
    alphabet = _alphabet(data_coding)
    start = bytes([first_octet & ~_HEADER, 0]) + address(number) + bytes([protocol, data_coding])
    start += b"" if first_octet >> 3 & 3 == 0 else bytes([validity])
    if alphabet == GSM7:
        septets = septets_of(text)
        if septets is None:
            raise BadPduError("a character is not in the default alphabet")
        length, octets = len(septets), pack(septets)
    else:
        octets = text.encode("utf-16-be" if alphabet == UCS2 else "latin-1", "replace")
        length = len(octets)
    if len(octets) > 140:
        raise BadPduError("longer than one message")
    return start + bytes([length]) + octets


def write_deliver(number: str, text: str, when: datetime, zone_quarters: int, group: int = 1) -> list[bytes]:
    """SMS-DELIVER, one TPDU for each part. `when` is UTC; `number` is who sent it."""
    alphabet = UCS2 if septets_of(text) is None else GSM7
    parts = _split(text, alphabet)
    tpdus = []
    for part, piece in enumerate(parts, 1):
        header = bytes([5, 0, 3, group & 255, len(parts), part]) if len(parts) > 1 else b""
        first_octet = _MORE_TO_COME | (_HEADER if header else 0)
        if alphabet == GSM7:
            septets = septets_of(piece) or b""
            filling = -len(header) * 8 % 7
            length = (len(header) * 8 + filling) // 7 + len(septets)
            octets = header + pack(septets, filling)
        else:
            octets = header + piece.encode("utf-16-be")
            length = len(octets)
        start = bytes([first_octet]) + address(number) + bytes([0, 8 if alphabet == UCS2 else 0])
        tpdus.append(start + _timestamp(when, zone_quarters) + bytes([length]) + octets)
    return tpdus


def _split(text: str, alphabet: str) -> list[str]:
    def size(piece: str) -> int:
        return len(septets_of(piece) or b"") if alphabet == GSM7 else len(piece.encode("utf-16-be")) // 2

    if size(text) <= _ALONE[alphabet]:
        return [text]
    parts = [""]
    for character in text:
        if size(parts[-1] + character) > _IN_PART[alphabet]:
            parts.append("")
        parts[-1] += character
    return parts


def write_report(submitted: Message, sent: datetime, done: datetime, zone_quarters: int, status: int) -> bytes:
    """SMS-STATUS-REPORT on `submitted`."""
    return (
        bytes([0x06, submitted.reference])
        + address(submitted.number)
        + _timestamp(sent, zone_quarters)
        + _timestamp(done, zone_quarters)
        + bytes([status])
    )


def _timestamp(when: datetime, zone_quarters: int) -> bytes:
    local = when.astimezone(UTC) + timedelta(minutes=15 * zone_quarters)
    octets = _half_octets(local.strftime("%y%m%d%H%M%S") + f"{abs(zone_quarters):02}")
    return octets[:6] + bytes([octets[6] | (8 if zone_quarters < 0 else 0)])


def read_incoming(tpdu: bytes) -> Message | Report:
    """SMS-DELIVER or SMS-STATUS-REPORT, on its way to the device. Raises BadPduError."""
    reader = _Reader(tpdu)
    first_octet = reader.octet()
    if first_octet & 3 == 2:
        reference = reader.octet()
        return Report(reference, reader.address(), reader.time(), reader.time(), reader.octet(), first_octet)
    if first_octet & 3 != 0:
        raise BadPduError("neither an SMS-DELIVER nor an SMS-STATUS-REPORT")
    number = reader.address()
    protocol, data_coding = reader.octet(), reader.octet()
    sent = reader.time()
    text, alphabet, group, part, parts = _user_data(reader, data_coding, bool(first_octet & _HEADER))
    return Message(number, text, 0, False, alphabet, group, part, parts, first_octet, data_coding, protocol, sent)

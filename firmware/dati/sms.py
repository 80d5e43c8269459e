"""Short messages as PDUs: SUBMIT out, DELIVER and STATUS-REPORT in, in the GSM 7-bit alphabet or UCS-2.

3GPP TS 23.040 (PDUs, concatenation) and TS 23.038 (alphabets). A PDU is a string of hex digits here, as the modem's
AT commands carry it, with the service centre's address in front.
"""

DELIVER = 0
REPORT = 2
DELIVERED = 0  # TP-ST: received by the handset
FAILED_FROM = 0x40  # TP-ST from here on: the service centre has given up; between, nothing is known yet

_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE = 0x1B
_ESCAPED = "\f^{}\\[~]|€"
_ESCAPED_CODES = b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65"

_WHOLE = 160, 70  # units of a message in one piece: septets, UCS-2 code units
_PIECE = 153, 67  # of one with a header of concatenation
_DIGITS = "0123456789*#abc"


class Message:
    """One that came in. `kind` is DELIVER or REPORT.

    DELIVER: `text`, and `group`, `part`, `parts` (0, 1, 1 when whole). REPORT: `reference` (0 .. 255, as +CMGS gave it)
    and `status` (TP-ST: DELIVERED; below FAILED_FROM still trying; else failed).
    """

    def __init__(self, kind, number):
        self.kind = kind
        self.number = number
        self.text = ""
        self.group = 0
        self.part = 1
        self.parts = 1
        self.reference = 0
        self.status = 0


def is_number(number):
    """True for a telephone number: up to 20 digits, perhaps with + in front."""
    digits = number[1:] if number.startswith("+") else number
    for digit in digits:
        if digit not in "0123456789":
            return False
    return 0 < len(digits) <= 20


# --- out ---


def is_gsm7(text):
    """True when every character is in the 7-bit alphabet or its extension."""
    for character in text:
        if character == "\x1b" or (character not in _ALPHABET and character not in _ESCAPED):
            return False
    return True


def split(text):
    """The pieces of `text` that fit one message each. Never cut inside an escape or surrogate pair."""
    gsm7 = is_gsm7(text)
    which = 0 if gsm7 else 1
    if _units(text, gsm7) <= _WHOLE[which]:
        return [text]
    pieces = []
    first = 0
    room = _PIECE[which]
    for i in range(len(text)):
        need = _units(text[i], gsm7)
        if need > room:
            pieces.append(text[first:i])
            first = i
            room = _PIECE[which]
        room -= need
    pieces.append(text[first:])
    return pieces


def submit(number, text, gsm7, group=0, part=1, parts=1):
    """(TPDU octets for AT+CMGS, PDU) of one piece of `split`, asking for a delivery report.

    `gsm7` is said of the whole text, so that all parts are alike. `group` (0 .. 255) is common to the parts.
    Raises ValueError for a number that is none or a text that does not fit.
    """
    header = b"\x05\x00\x03" + bytes((group, parts, part)) if parts > 1 else b""
    if not is_number(number):
        raise ValueError("no telephone number")
    digits = number[1:] if number.startswith("+") else number
    out = bytearray()
    # SUBMIT, with a status report; without a validity period, so the service centre's own.
    out.append(0x61 if header else 0x21)
    out.append(0)  # the modem numbers it
    out.append(len(digits))
    out.append(0x91 if digits is not number else 0x81)
    for i in range(0, len(digits), 2):
        high = int(digits[i + 1]) if i + 1 < len(digits) else 15
        out.append(high << 4 | int(digits[i]))
    out.append(0)
    out.append(0 if gsm7 else 8)
    if gsm7:
        septets = _septets(text)
        # The text begins on a septet boundary after the header.
        skipped = (len(header) * 8 + 6) // 7
        length = skipped + len(septets)
        body = header + _pack(septets, skipped * 7 - len(header) * 8)
    else:
        body = header + _ucs2(text)
        length = len(body)
    if len(body) > 140:
        raise ValueError("does not fit one message")
    out.append(length)
    out.extend(body)
    return len(out), "00" + out.hex().upper()


def _units(text, gsm7):
    """Septets, or UCS-2 code units, that `text` takes."""
    count = len(text)
    for character in text:
        if (gsm7 and character in _ESCAPED) or ord(character) > 0xFFFF:
            count += 1
    return count


def _septets(text):
    out = bytearray()
    for character in text:
        at = _ESCAPED.find(character)
        if at >= 0:
            out.append(_ESCAPE)
            out.append(_ESCAPED_CODES[at])
        else:
            out.append(_ALPHABET.find(character))
    return out


def _pack(septets, fill):
    """Septets into octets, lowest bit first, after `fill` empty bits."""
    out = bytearray()
    held = 0
    bits = fill
    for septet in septets:
        held |= septet << bits
        bits += 7
        if bits >= 8:
            out.append(held & 255)
            held >>= 8
            bits -= 8
    if bits:
        out.append(held)
    return out


def _ucs2(text):
    out = bytearray()
    for character in text:
        code = ord(character)
        if code > 0xFFFF:
            code -= 0x10000
            _put16(out, 0xD800 | code >> 10)
            code = 0xDC00 | code & 0x3FF
        _put16(out, code)
    return out


def _put16(out, code):
    out.append(code >> 8)
    out.append(code & 255)


# --- in ---


def decode(pdu):
    """The Message of a received PDU. Raises ValueError for one that is cut, garbled or of another kind."""
    if len(pdu) > 400:
        raise ValueError("no PDU")
    octets = bytes.fromhex(pdu)
    try:
        return _decode(octets, octets[0] + 1)
    except IndexError:
        raise ValueError("cut PDU") from None


def _decode(octets, at):
    first = octets[at]
    kind = first & 3
    if kind == REPORT:
        number, after = _address(octets, at + 2)
        message = Message(REPORT, number)
        message.reference = octets[at + 1]
        message.status = octets[after + 14]  # after two times of 7 octets
        return message
    if kind != DELIVER:
        raise ValueError("neither a message nor a report")
    number, at = _address(octets, at + 1)
    message = Message(DELIVER, number)
    coding = octets[at + 1]
    length = octets[at + 9]  # after the time of 7 octets
    at += 10
    skipped = 0  # octets of header, its length included
    if first & 0x40:
        skipped = octets[at] + 1
        _header(octets, at + 1, at + skipped, message)
    width = _width(coding)
    size = (length * 7 + 7) // 8 if width == 7 else length
    if at + size > len(octets) or skipped > size:
        raise ValueError("cut PDU")
    if width == 7:
        gone = (skipped * 8 + 6) // 7
        message.text = _text7(_unpack(octets, at, gone, length - gone))
    elif width == 16:
        message.text = _text16(octets, at + skipped, at + size)
    else:
        message.text = "".join([chr(octet) for octet in octets[at + skipped : at + size]])
    return message


def _width(coding):
    """Bits a character, of TP-DCS (TS 23.038, 4)."""
    if coding & 0xC0 == 0:
        if coding & 0x20:
            raise ValueError("compressed")
        return (7, 8, 16, 7)[coding >> 2 & 3]
    if coding & 0xF0 == 0xE0:
        return 16
    return 8 if coding & 0xF4 == 0xF4 else 7


def _address(octets, at):
    """(number, index after it). A number in words, such as an operator's name, comes as it is written."""
    count = octets[at]
    kind = octets[at + 1]
    size = (count + 1) // 2
    after = at + 2 + size
    if count > 20 or after > len(octets):
        raise ValueError("no address")
    if kind & 0x70 == 0x50:
        return _text7(_unpack(octets, at + 2, 0, count * 4 // 7)), after
    number = "+" if kind & 0x70 == 0x10 else ""
    for i in range(count):
        digit = octets[at + 2 + i // 2] >> (4 if i & 1 else 0) & 15
        if digit == 15:
            raise ValueError("no address")
        number += _DIGITS[digit]
    return number, after


def _header(octets, at, end, message):
    """Reads the parts of a long message out of its header; skips the other elements."""
    while at + 1 < end:
        element = octets[at]
        size = octets[at + 1]
        if element == 0 and size == 3:
            message.group = octets[at + 2]
        elif element == 8 and size == 4:
            message.group = octets[at + 2] << 8 | octets[at + 3]
        if (element == 0 and size == 3) or (element == 8 and size == 4):
            message.parts = octets[at + size]
            message.part = octets[at + 1 + size]
            if not 1 <= message.part <= message.parts:
                raise ValueError("no such part")
        at += 2 + size


def _unpack(octets, at, gone, count):
    """`count` septets from the `gone`-th on of those packed from octet `at`."""
    out = bytearray(count if count > 0 else 0)
    for i in range(len(out)):
        bit = (gone + i) * 7
        j = at + (bit >> 3)
        held = octets[j]
        if bit & 7 > 1:
            held |= octets[j + 1] << 8
        out[i] = held >> (bit & 7) & 127
    return out


def _text7(septets):
    text = ""
    escaped = False
    for septet in septets:
        if escaped:
            at = _ESCAPED_CODES.find(bytes((septet,)))
            # An unknown extension shows as the character of the basic alphabet (TS 23.038, 6.2.1.1).
            text += _ESCAPED[at] if at >= 0 else " " if septet == _ESCAPE else _ALPHABET[septet]
            escaped = False
        elif septet == _ESCAPE:
            escaped = True
        else:
            text += _ALPHABET[septet]
    return text


def _text16(octets, at, end):
    text = ""
    high = 0
    while at + 1 < end:
        code = octets[at] << 8 | octets[at + 1]
        at += 2
        if high and 0xDC00 <= code < 0xE000:
            code = 0x10000 + ((high & 0x3FF) << 10 | code & 0x3FF)
        high = code if 0xD800 <= code < 0xDC00 else 0
        # Half a pair is no character.
        if not 0xD800 <= code < 0xE000:
            text += chr(code)
    return text

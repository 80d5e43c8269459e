"""SIA DC-09: what the device tells a receiving centre over TCP, and what the centre answers.

    LF CRC LENGTH "TOKEN" sequence Rreceiver Lprefix #account [data] [xdata]... _HH:MM:SS,MM-DD-YYYY CR

CRC (CRC-16/ARC) and LENGTH, four hexadecimal digits each, cover everything from the first quotation mark to before
CR. A token with `*` is encrypted: AES-CBC with an IV of zeros over padding, `|` and all that follows the first `[`.
The standard itself is not free; this follows its public readers, pysiaalarm 3.2.2 (MIT) and siadc09 1.0.1
(Unlicense, DC-09-2026), and the review text of ANSI/SIA DC-09-2013. Quirks are those seen with these two.
"""

from .clock import UNSET, date, seconds
from .crc import crc16
from .events import DEAD_MAN, FALL, FLIGHT, IMMOBILITY, TEAR_OFF, TECHNICAL, VERTICALITY, VOLUNTARY

SIA_DCS = "SIA-DCS"
ADM_CID = "ADM-CID"
NULL = "NULL"  # link test, the heartbeat

# pysiaalarm reads at most 1024 bytes at once and takes what it read for whole frames.
MAX_FRAME = 1024
MAX_TEXT = 160

# What is reported besides an alarm's causes. Numbers as stable as those of the causes, above every cause's.
BATTERY = 11
LINK = 12  # network or centre was gone
SENSOR = 13
SIM = 14
STORAGE = 15
CLOCK = 16
GNSS = 17
PROGRAM = 18  # a part of the firmware has failed
RESTART = 19  # the watchdog, a crash or a lost supply restarted the device on duty
TEST = 21  # asked for by somebody
PERIODIC = 22  # the heartbeat, where a receiver does not take NULL for one
CANCEL = 23
OFF_DUTY = 24  # its restoral: on duty

# By number: SIA code, the code of its restoral, Contact ID. The number is the zone of the report, three
# decimal digits: no code says "not upright" or "motionless", so the zone tells one cause from another.
# Codes after DC-03-2017 as siadc09 lists them; each is known to pysiaalarm as well, which answers DUH to what it does
# not know, and so are the Contact IDs (it takes 102, 103 and 641 for invalid data). By their words there:
#   PA "Emergency assistance request, manually activated"; QA the same, not said to be manual; MA its medical kin, for
#   the worker who may be unconscious. NA "No Activity" is a zone's status, not a call for help: not used.
#   IA "A specific, reportable condition is detected on a device"; YC/YK communications; YT/YR battery.
#   OP "Account was disarmed" (nobody is watched over), CL "System armed, normal".
REPORTS = {
    8: "PA PR 120",  # SOS
    7: "QA QR 101",  # device torn off
    6: "MA MR 100",  # fall
    5: "QA QR 101",  # violent motion
    4: "MA MR 100",  # not upright
    3: "MA MR 100",  # motionless
    2: "QA QR 101",  # no sign of life
    1: "IA IR 330",  # technical
    BATTERY: "YT YR 302",  # low battery
    LINK: "YC YK 350",  # link lost
    SENSOR: "IA IR 330",  # sensor
    SIM: "IA IR 330",  # SIM
    STORAGE: "IA IR 330",  # storage
    CLOCK: "IA IR 330",  # clock unset
    GNSS: "IA IR 330",  # GNSS
    PROGRAM: "IA IR 330",  # program
    RESTART: "YW YW 305",  # restarted
    TEST: "RX RX 601",  # test
    PERIODIC: "RP RP 602",  # all is well
    CANCEL: "OC OC 406",  # cancelled
    OFF_DUTY: "OP CL 401",  # duty
}
_RANK = (TECHNICAL, DEAD_MAN, IMMOBILITY, VERTICALITY, FLIGHT, FALL, TEAR_OFF, VOLUNTARY)


def number_of(causes):
    """The number, 1..8, of the highest of `causes`: the one that is named first."""
    number = len(_RANK)
    while number > 1 and not causes & _RANK[number - 1]:
        number -= 1
    return number


def report(number):
    """(SIA code, the code of its restoral, Contact ID) of REPORTS. Raises ValueError for a number that is not there."""
    if number not in REPORTS:
        raise ValueError("report %r: unknown" % number)
    code, restoral, contact = REPORTS[number].split()
    return code, restoral, int(contact)


def event_body(account, code, zone):
    """SIA-DCS data: one new event (`N`) of area and zone `zone`, as `#1234|Nri1/PA001`."""
    return ("#%s|Nri%d/%s%03d" % (account.upper(), zone, code, zone)).encode()


def cid_body(account, event, zone, over=False):
    """ADM-CID data, as `#1234|1101 01 001`; `over` makes it a restoral. pysiaalarm takes at most one xdata with it."""
    return ("#%s|%d%03d 01 %03d" % (account.upper(), 3 if over else 1, event, zone)).encode()


def report_body(account, number, over=False):
    """SIA-DCS data of one of REPORTS; `over`: its restoral."""
    return event_body(account, report(number)[1 if over else 0], number)


def place(lat_e7, lon_e7):
    """xdata X and Y: degrees, hemisphere, minutes with four decimals, as `[X002E21.1300][Y48N51.3960]`."""
    return ("[X%s][Y%s]" % (_angle(lon_e7, "%03d", "EW"), _angle(lat_e7, "%02d", "NS"))).encode()


def _angle(e7, width, hemispheres):
    side = hemispheres[e7 < 0]
    e7 = abs(e7)
    # Rounded to 1e-4 minutes before it is split, so that 59.99999 carries into the degrees.
    degrees = e7 // 10000000
    minutes_e4 = (e7 % 10000000 * 6 + 50) // 100
    if minutes_e4 == 600000:
        degrees += 1
        minutes_e4 = 0
    return (width + "%s%02d.%04d") % (degrees, side, minutes_e4 // 10000, minutes_e4 % 10000)


def occurred(utc_s):
    """xdata H: when it happened, which may be long before it is sent. Nothing where the clock was unset."""
    return b"[H" + _stamp(utc_s) + b"]" if utc_s >= 0 else b""


def text(words, kind="I"):
    """xdata with text: I what happened, L where, V a URL of verification.

    Plain ASCII, at most MAX_TEXT characters: pysiaalarm drops all other bytes before it computes the CRC, and never
    acknowledges such a frame. Accents are dropped, the frame's own `[ ] |` replaced.
    """
    out = bytearray(("[%s%s]" % (kind, " " * min(len(words), MAX_TEXT))).encode())
    at = 1 + len(kind)
    for char in words[:MAX_TEXT]:
        found = _WRITTEN.find(char)
        out[at] = ord(_SENT[found] if found >= 0 else char if " " <= char <= "~" else "?")
        at += 1
    return bytes(out)


_WRITTEN = "[]|àâäáãçéèêëîïíñôöóùûüúÿœæÀÂÄÇÉÈÊËÎÏÔÖÙÛÜŒßåøÅØ’\n\t\u00a0"
_SENT = "()/aaaaaceeeeiiinooouuuuyoaAAACEEEEIIOOUUUOsaoAO'   "


def _stamp(utc_s):
    year, month, day, hour, minute, second = date(utc_s)
    return ("%02d:%02d:%02d,%02d-%02d-%04d" % (hour, minute, second, month, day, year)).encode()


def frame(
    token,
    sequence,
    account,
    body=b"",
    xdata=b"",
    utc_s=UNSET,
    key=b"",
    cipher=None,
    random=None,
    receiver="0",
    prefix="0",
):
    """One frame, to be handed to the network in one write: pysiaalarm answers NAK to each half of a split one.

    `sequence` 0..9999; `account` 3 to 16, `receiver` and `prefix` 1 to 6 hexadecimal characters. R is always there:
    without it pysiaalarm answers with the word None.
    With a `key` (16, 24 or 32 bytes) the frame is encrypted: `cipher(key, data, encrypt)` is AES-CBC with an IV of
    zeros, `random(n)` gives n random bytes. An encrypted frame must bear the time; with the clock unset it bears the
    year 2000, which the receiver answers with a NAK that tells the time. Raises ValueError for what no receiver reads.
    """
    if not (0 <= sequence <= 9999 and 3 <= len(account) <= 16 and _number(account.encode(), 0, len(account), 16) >= 0):
        raise ValueError("sequence %r, account %r: no receiver reads this" % (sequence, account))
    tail = body + b"]" + xdata
    if key or utc_s >= 0:
        tail += b"_" + _stamp(max(utc_s, 0))
    if key:
        token = "*" + token
        padding = _padding(16 + -(len(tail) + 1) % 16, random)
        tail = cipher(key, padding + b"|" + tail, True).hex().upper().encode()
    content = ('"%s"%04dR%sL%s#%s[' % (token, sequence, receiver, prefix, account.upper())).encode() + tail
    return ("\n%04X%04X" % (crc16(content, 0, len(content)), len(content))).encode() + content + b"\r"


def _padding(count, random):
    # Random, since the IV is not; `0` to `Z` only, so that no receiver meets `| [ ]`, a NUL or the end of a frame.
    padding = bytearray(random(count))
    for i in range(count):
        padding[i] = 48 + padding[i] % 43
    return bytes(padding)


# Kinds of replies.
ACK = 1  # received
NAK = 2  # refused: wrong time, key or account; its utc_s is the receiver's clock
DUH = 3  # received, not understood
RSP = 4  # received, and here is something for you
_KINDS = {b"ACK": ACK, b"NAK": NAK, b"DUH": DUH, b"RSP": RSP}
_BARE_NAK = b'"NAK"'  # pysiaalarm to an account it does not know: no frame around it


class Reply:
    """`kind`; `sequence` of the frame it answers (-1: not told, a NAK's is 0); `data` between the first brackets, where
    commands ride; `utc_s` of the receiver or UNSET; whether it was `encrypted`."""

    def __init__(self, kind, sequence, data, utc_s, encrypted):
        self.kind = kind
        self.sequence = sequence
        self.data = data
        self.utc_s = utc_s
        self.encrypted = encrypted


class Replies:
    """Bytes from the centre in, replies out, whatever the segments and the garbage between them.

    With a `key`, a receipt or command that is not encrypted is refused: anybody on the way could have written it. NAK
    and DUH are never encrypted, so their time and verdict are hints, not proof. `unreadable` counts what was refused.
    """

    def __init__(self, key=b"", cipher=None, capacity=512, most=8):
        self.unreadable = 0
        self._key = key
        self._cipher = cipher
        self._buffer = bytearray(capacity)
        self._count = 0
        self._framed = False
        self._most = most
        self._replies = []

    def reset(self):
        """A new connection: forget what the old one left."""
        self._count = 0
        self._framed = False
        self._replies = []

    def take(self):
        """The oldest reply not yet taken, or None. When more than `most` wait, the oldest are lost."""
        return self._replies.pop(0) if self._replies else None

    def receive(self, data, count):
        """The first `count` bytes of `data`."""
        buffer = self._buffer
        for i in range(count):
            byte = data[i]
            if byte == 10:
                self._framed = True
                self._count = 0
            elif byte == 13:
                # pysiaalarm answers a wrong CRC with LF CR and nothing between: no reply.
                if self._framed and self._count:
                    self._judge(self._count)
                self._framed = False
                self._count = 0
            elif self._count < len(buffer):
                buffer[self._count] = byte
                self._count += 1
                if not self._framed and self._count == 5 and buffer[:5] == _BARE_NAK:
                    self._count = 0
                    self._put(Reply(NAK, -1, b"", UNSET, False))
            elif self._framed:
                self._framed = False
                self.unreadable += 1

    def _judge(self, count):
        buffer = self._buffer
        reply = None
        if count - 8 == _number(buffer, 4, 8, 16) and crc16(buffer, 8, count) == _number(buffer, 0, 4, 16):
            reply = self._read(bytes(buffer[8:count]))
        if reply is None or (self._key and not reply.encrypted and (reply.kind == ACK or reply.kind == RSP)):
            self.unreadable += 1
        else:
            self._put(reply)

    def _put(self, reply):
        if len(self._replies) == self._most:
            self._replies.pop(0)
        self._replies.append(reply)

    def _read(self, content):
        """The reply in what CRC and length vouch for, or None."""
        quote = content.find(b'"', 1)
        start = content.find(b"[", quote) + 1
        encrypted = content[1:2] == b"*"
        kind = _KINDS.get(content[2 if encrypted else 1 : max(quote, 1)])
        sequence = _number(content, quote + 1, quote + 5, 10)
        if kind is None or sequence < 0 or start == 0:
            return None
        if encrypted:
            content = self._decrypted(content[start:])
            # Without data there may be no `|` either: then all before `]` is padding.
            end = content.find(b"]")
            bar = content.find(b"|")
            start = bar + 1 if bar >= 0 else end
        else:
            end = content.find(b"]", start)
        if end < 0:
            return None
        utc_s = _time(content, len(content) - 20)
        if encrypted and utc_s < 0:
            # No time where it must be: another key.
            return None
        return Reply(kind, sequence, content[start:end], utc_s, encrypted)

    def _decrypted(self, digits):
        try:
            raw = bytes.fromhex(digits.decode())
        except ValueError:
            return b""
        return self._cipher(self._key, raw, False) if self._key and raw and len(raw) % 16 == 0 else b""


_FIELDS = ((16, 20), (10, 12), (13, 15), (1, 3), (4, 6), (7, 9))  # year, month, day, hour, minute, second


def _time(content, at):
    """Seconds of `_HH:MM:SS,MM-DD-YYYY` at `at`, or UNSET."""
    if at < 0 or content[at : at + 1] != b"_":
        return UNSET
    return seconds(*[_number(content, at + first, at + end, 10) for first, end in _FIELDS])


def _number(data, start, end, base):
    """The number those digits write, modulo 2**26, or -1 where one is none: `int` takes signs and blanks as well."""
    if end > len(data):
        return -1
    value = 0
    for i in range(start, end):
        digit = data[i] - 48
        if digit > 9:
            digit = (data[i] & 0xDF) - 55  # "A" and "a" are 10
            if digit < 10:
                return -1
        if not 0 <= digit < base:
            return -1
        value = (value * base + digit) & 0x3FFFFFF
    return value

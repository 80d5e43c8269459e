"""A modem that answers by a table, to try the firmware's against: every cut, any news, any silence."""

from __future__ import annotations

from dati import modem as md
from dati import sms

NUMBER = "+33611111111"
STEP_MS = 10
OK = b"\r\nOK\r\n"
NMEA = b"$GNRMC,083850.00,A,4851.39600,N,00221.13000,E,0.1,200.0,221126,,,A*7E\r\n"


class Listener:
    """Writes down what it is told, without the tick."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        def told(*args):
            args = (bytes(args[0][: args[1]]),) if name == "on_nmea" else args[:-1]
            self.told.append((name[3:], *args))

        return told

    def of(self, name):
        return [entry[1:] for entry in self.told if entry[0] == name]


class Script:
    """A modem that answers by a table, in pieces of `chunk` bytes, with `noise` at every boundary of its lines.

    `answers` maps the beginning of a command to what is said; a callable is asked. Nothing is said while `mute`.
    """

    def __init__(self, chunk=10**6, noise=b"", boot_ms=11100, on=False):
        self.answers = {
            "AT+CPIN?": b"\r\n+CPIN: READY\r\n" + OK,
            "AT+SIMCOMATI": b"\r\nManufacturer: SIMCOM\r\nModel: A7670E-FASE\r\nRevision: A110B07\r\n" + OK,
            "AT+CSQ": b"\r\n+CSQ: 20,99\r\n" + OK,
            "AT+CREG?": b"\r\n+CREG: 1,1\r\n" + OK,
            "AT+CEREG?": b"\r\n+CEREG: 1,1\r\n" + OK,
            "AT+CCLK?": b'\r\n+CCLK: "26/11/22,09:38:50+04"\r\n' + OK,
            "AT+NETOPEN": OK + b"\r\n+NETOPEN: 0\r\n",
            "AT+CIPOPEN": OK + b"\r\n+CIPOPEN: 0,0\r\n",
            "AT+CIPCLOSE": OK + b"\r\n+CIPCLOSE: 0,0\r\n",
            "AT+CMGS": b"\r\n> ",
            "AT+CIPSEND": b"\r\n>",
        }
        self.chunk, self.noise, self.boot_ms = chunk, noise, boot_ms
        self.on, self.mute = on, False
        self.commands, self.payloads, self.said = [], [], bytearray()
        self.binary = b""  # data behind the next +CIPRXGET: 2
        self.reference = 0
        self._line, self._wants = bytearray(), 0
        self._ready_ms = 0
        self._pressed_ms = None

    def say(self, data):
        for line in data.splitlines(keepends=True):
            self.said += line
            if self.noise and line.endswith(b"\n") and line.strip():
                self.said += self.noise

    def pins(self, t_ms, key):
        if key and self._pressed_ms is None:
            self._pressed_ms = t_ms
            if not self.on:
                self.on, self._ready_ms = True, t_ms + self.boot_ms
        if not key:
            if self._pressed_ms is not None and t_ms - self._pressed_ms >= 2500 and t_ms > self._ready_ms:
                self.on = False
            self._pressed_ms = None

    def hear(self, data, t_ms):
        for byte in data if self.on and t_ms >= self._ready_ms and not self.mute else b"":
            self._line.append(byte)
            if self._wants:
                if (self._wants < 0 and byte == 26) or len(self._line) == self._wants:
                    self._payload(bytes(self._line))
            elif byte == 13:
                text, self._line = self._line[:-1].decode(), bytearray()
                self._command(text)
            elif byte == 27:
                self._line = bytearray()

    def _payload(self, data):
        self.payloads.append(data)
        if self._wants < 0:
            self.reference += 1
            self.say(b"\r\n+CMGS: %d\r\n" % self.reference + OK)
        else:
            self.say(OK + b"\r\n+CIPSEND: 0,%d,%d\r\n" % (len(data), len(data)))
        self._wants, self._line = 0, bytearray()

    def _command(self, text):
        self.commands.append(text)
        if text.startswith("AT+CIPRXGET=2"):
            self.say(b"\r\n+CIPRXGET: 2,0,%d,0\r\n" % len(self.binary))
            del self.said[len(self.said) - len(self.noise) :]  # data follow at once
            self.said += self.binary
            self.say(b"\r\n" + OK)
            self.binary = b""
            return
        answer = next((said for begin, said in self.answers.items() if text.startswith(begin)), OK)
        if callable(answer):
            answer = answer(text)
        self.say(answer)
        if answer.rstrip().endswith(b">"):
            self._wants = -1 if text.startswith("AT+CMGS") else int(text.split(",")[1])


class Bench:
    def __init__(self, dialect="a76xx", apn="", pin="", start_ms=0, **script):
        self.script = Script(**script)
        self.listener = Listener()
        self.modem = md.Modem(dialect, self.listener, apn, pin)
        self.now_ms = start_ms
        self._start_ms = start_ms
        self.keys = []

    @property
    def t_ms(self):
        return self.now_ms & 0x3FFFFFFF

    def run(self, ms, until=None):
        end = self.now_ms + ms
        while self.now_ms < end:
            script, modem = self.script, self.modem
            script.pins(self.now_ms, modem.power_key)
            if self.keys[-1:] != [modem.power_key]:
                self.keys.append(modem.power_key)
            modem.tick(self.t_ms)
            for _ in range(50):
                script.hear(modem.take(), self.now_ms)
                said, script.said = script.said, bytearray()
                if not said:
                    break
                for first in range(0, len(said), script.chunk):
                    piece = said[first : first + script.chunk]
                    modem.receive(piece, len(piece), self.t_ms)
            if until and until():
                return
            self.now_ms += STEP_MS
        assert until is None, "it did not come"

    def say(self, data):
        self.script.say(data)
        self.run(300)

    def start(self):
        self.modem.start(self.t_ms)
        self.run(30000, lambda: self.modem.state == md.READY)
        self.run(5000)
        return self

    def since(self, ms=0):
        """The commands given in the next `ms`."""
        before = len(self.script.commands)
        self.run(ms)
        return self.script.commands[before:]

    def of(self, name):
        return self.listener.of(name)


def report(reference, status=0):
    return b"0006%02X0B911316111111F1" % reference + b"00" * 14 + b"%02X" % status


def inbox(bench, *pdus):
    """The messages lie on the SIM; listed, read and deleted there."""
    places = {i: [pdu, b"0"] for i, pdu in enumerate(pdus)}

    def listed(text):
        wanted = (b"0",) if text == "AT+CMGL=0" else (b"0", b"1")
        lines = [(i, *entry) for i, entry in places.items() if entry[1] in wanted]
        for entry in places.values():
            entry[1] = b"1"
        return b"".join(b"\r\n+CMGL: %d,%s,,30\r\n%s\r\n" % (i, stat, pdu.encode()) for i, pdu, stat in lines) + OK

    def read(text):
        place = int(text[8:])
        if place not in places:
            return b"\r\n+CMS ERROR: 321\r\n"
        return b"\r\n+CMGR: 1,,30\r\n" + places[place][0].encode() + b"\r\n" + OK

    def deleted(text):
        places.pop(int(text[8:]), None)
        return OK

    bench.script.answers.update({"AT+CMGL": listed, "AT+CMGR": read, "AT+CMGD": deleted})
    return places


def incoming(text, group=5):
    pieces = sms.split(text)
    gsm7 = sms.is_gsm7(text)
    made = [sms.submit(NUMBER, piece, gsm7, group, i + 1, len(pieces))[1] for i, piece in enumerate(pieces)]
    return [as_delivered(pdu) for pdu in made]


def clcc(stat, incoming=0):
    return b'\r\n+CLCC: 1,%d,%d,0,0,"+33611111111",145\r\n' % (incoming, stat)


def opened(bench):
    assert bench.modem.open("centre.fr", 7000, bench.t_ms)
    bench.run(300)
    assert bench.modem.link == md.OPEN


def as_delivered(pdu):
    """The DELIVER that a network makes of a SUBMIT: same address, coding, header and text."""
    octets = bytes.fromhex(pdu)
    first, after = octets[1], 5 + (octets[3] + 1) // 2
    deliver = bytes([first & 0x40]) + octets[3:after] + octets[after : after + 2] + bytes(7) + octets[after + 2 :]
    return ("00" + deliver.hex()).upper()

"""Where the modem stands with the network: SIM, registration, signal, time. Told by the modem and asked of it."""

from .at import OK, field, quoted
from .clock import UNSET, seconds
from .ticks import Countdown

# States of the SIM.
SIM_UNKNOWN = 0
SIM_READY = 1
SIM_ABSENT = 2
SIM_PIN = 3  # wants a PIN, and the settings hold none
SIM_PUK = 4
SIM_REFUSED = 5  # the PIN of the settings was refused, now or before: it is not tried again

HOME = 1
DENIED = 3
UNKNOWN = 4
ROAMING = 5

_SIM_MS = 5000  # between questions for a SIM that is busy
_NO_SIM_MS = 60000  # or that is not there
_MAX_BUSY = 6  # questions that may find it busy before it counts as absent
_TIME_MS = 3600000
_NITZ_MS = 2000  # the network tells its time shortly after the registration
_EARLIEST_UTC_S = 789004800  # 2025-01-01: before it is the modem's date of manufacture, not the time

# Of +CREG and +CEREG the one that comes first here counts: home, roaming, messages only, emergency only, denied...
_BEST = (HOME, ROAMING, 6, 7, 9, 10, 8, 11, DENIED, 2, UNKNOWN, 0)

_POLLS = ("AT+CSQ", "AT+CEREG?", "AT+CREG?", "AT+CCLK?")
_SIM_LINES = {"READY": SIM_READY, "SIM PIN": SIM_PIN, "SIM PUK": SIM_PUK}
# Numbers of +CME ERROR: not inserted, PIN, PUK, failure, wrong. 14 is "busy".
_SIM_ERRORS = {10: SIM_ABSENT, 11: SIM_PIN, 12: SIM_PUK, 13: SIM_ABSENT, 15: SIM_ABSENT}


class Station:
    """`poll_ms` and `poll_asleep_ms` are the times between two rounds of questions."""

    def __init__(self, modem, listener, pin):
        self._modem = modem
        self._listener = listener
        self._pin = pin if 4 <= len(pin) <= 8 and pin.isdigit() else ""
        self._pin_tried = False
        self._tries_left = -1
        self.poll_ms = 30000
        self.poll_asleep_ms = 300000
        self._poll_due = Countdown(0)
        self._sim_due = Countdown(_SIM_MS)
        self._time_due = Countdown(_TIME_MS)
        self.forget()

    def forget(self):
        """The modem was restarted."""
        self.sim = SIM_UNKNOWN
        self.signal_dbm = 0  # unknown
        self._creg = 0
        self._cereg = 0
        self._busy = 0  # answers of a SIM that was
        self._step = 0  # of _POLLS
        self._rested = 0  # ms asleep without a round
        self._poll_due.stop()
        self._sim_due.stop()
        self._time_due.stop()

    @property
    def registration(self):
        for stat in _BEST:
            if stat == self._creg or stat == self._cereg:
                return stat
        return UNKNOWN

    def work(self, t_ms):
        """Give the next command, if there is one to give."""
        command = self._modem.command
        if self.sim == SIM_PIN and self._pin and not self._pin_tried:
            self._pin_tried = True
            self._tries_left = -1
            return command("AT+SPIC", t_ms, self._tries_told, own=True)
        if self.sim in (SIM_UNKNOWN, SIM_ABSENT) and not self._sim_due.running:
            self._sim_due.delay_ms = _SIM_MS if self.sim == SIM_UNKNOWN else _NO_SIM_MS
            self._sim_due.start(t_ms)
            return command("AT+CPIN?", t_ms, self.sim_answered, own=True)
        if self._poll_due.running:
            return False
        while self._step < len(_POLLS):
            poll = _POLLS[self._step]
            self._step += 1
            if poll != "AT+CCLK?" or not self._time_due.running:
                return command(poll, t_ms, own=True)
        self._step = 0
        self._rested = 0
        self._poll_due.delay_ms = self.poll_ms
        self._poll_due.start(t_ms)
        self._modem.messages.look()
        return self._modem.messages.work(t_ms)

    def tick(self, t_ms):
        if self._poll_due.ran_out(t_ms) and self._modem.sleep:
            self._rested += self._poll_due.delay_ms
            if self._rested < self.poll_asleep_ms:
                self._poll_due.start(t_ms)
        self._sim_due.ran_out(t_ms)
        self._time_due.ran_out(t_ms)

    # --- SIM ---

    def _tries_told(self, result, t_ms):
        """A PIN that was refused is not tried again, not even by a device that was reset and knows nothing of it."""
        if 0 <= self._tries_left < 3:
            self.sim = SIM_REFUSED
        else:
            self._modem.command('AT+CPIN="%s"' % self._pin, t_ms, self._pin_answered, own=True)

    def _pin_answered(self, result, t_ms):
        if self.sim == SIM_READY:
            return
        self.sim = SIM_UNKNOWN if result == OK else SIM_REFUSED
        self._sim_due.start(t_ms)

    def sim_answered(self, result, t_ms):
        """The result of AT+CPIN?"""
        if result in _SIM_ERRORS:
            self._know_sim(_SIM_ERRORS[result])
        elif result != OK:
            self._busy += 1
            if self._busy >= _MAX_BUSY:
                self._know_sim(SIM_ABSENT)

    def _know_sim(self, sim):
        if sim == SIM_PIN and self._pin_tried:
            sim = SIM_REFUSED
        elif sim == SIM_READY:
            self._pin_tried = False
            if self.sim != SIM_READY:
                self._modem.messages.set_up()
                self._poll_due.stop()
        self.sim = sim

    # --- what the modem says ---

    def on_cpin(self, line, t_ms):
        """`+CPIN: READY`, asked for or not"""
        self._know_sim(_SIM_LINES.get(line[6:].strip(), SIM_ABSENT))

    def on_spic(self, line, t_ms):
        """`+SPIC: <tries left for the PIN>,...`"""
        self._tries_left = field(line, 0)

    def on_registration(self, line, t_ms):
        """`+CREG: <n>,<stat>[,...]` when asked; `+CREG: <stat>[,"<tac>",...]` by itself, which has no <n>."""
        stat = field(line, 1)
        if stat < 0 or stat > 11:
            stat = field(line, 0)
        was = self.registration
        if line.startswith("+CEREG"):
            self._cereg = stat
        else:
            self._creg = stat
        if self.registration != was and self.registration in (HOME, ROAMING):
            self._time_due.stop()
            self._poll_due.delay_ms = _NITZ_MS
            self._rested = self.poll_asleep_ms
            self._poll_due.start(t_ms)

    def on_csq(self, line, t_ms):
        """`+CSQ: <0 .. 31, 99 unknown>,<ber>`"""
        rssi = field(line, 0)
        self.signal_dbm = 2 * rssi - 113 if 0 <= rssi <= 31 else 0

    def on_time(self, line, t_ms):
        """`+CCLK: "26/11/22,09:38:50+04"` is local, its zone in quarters of an hour; the time of
        `+CTZV: +4,"26/11/22,08:38:50"` is UTC.
        """
        text = quoted(line)
        zone = 0
        sign = max(text.find("+"), text.find("-"))
        if sign > 0:
            if line.startswith("+CCLK"):
                zone = _number(text[sign + 1 :]) * (-900 if text[sign] == "-" else 900)
            text = text[:sign]
        parts = text.replace(",", "/").replace(":", "/").split("/")
        if len(parts) != 6:
            return
        year, month, day, hour, minute, second = [_number(part) for part in parts]
        utc_s = seconds(2000 + year, month, day, hour, minute, second)
        if utc_s != UNSET and utc_s - zone >= _EARLIEST_UTC_S:
            self._time_due.start(t_ms)
            self._listener.on_network_time(utc_s - zone, t_ms)


def _number(text):
    return int(text) if text.isdigit() else -1

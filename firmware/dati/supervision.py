"""Positive safety: every part and link is watched, and one that fails for its time is a technical alarm.

A fault is told twice: to the worker by sound, at once, and to the centre as soon as the link allows. It does not
take the place of the worker's own alarm, and a worker's alarm does not wait for it.
"""

from array import array

from .ticks import Countdown

# Faults. Numbers are written to journals and messages: once given, never given again.
NETWORK = 1
SIM = 2  # absent, locked, PIN refused
BATTERY = 3
SENSOR = 4  # silent, stuck, failing its self-test
CLOCK = 5  # nobody told the time
STORAGE = 6
CENTRE = 7  # does not answer the heartbeats
MODEM = 8  # does not answer, not even after power was cycled
PROGRAM = 9  # a part of it failed and was started anew
POSITION = 10  # no fix in several look-ups in a row
RESTART = 11  # the device restarted by itself while on duty

FAULTS = (
    (NETWORK, "network"),
    (SIM, "sim"),
    (BATTERY, "battery"),
    (SENSOR, "sensor"),
    (CLOCK, "clock"),
    (STORAGE, "storage"),
    (CENTRE, "centre"),
    (MODEM, "modem"),
    (PROGRAM, "program"),
    (POSITION, "position"),
    (RESTART, "restart"),
)


def name_of(fault):
    for code, name in FAULTS:
        if code == fault:
            return name
    return str(fault)


UNREACHABLE = 1 << NETWORK | 1 << SIM | 1 << MODEM  # nobody can be told: the worker must hear it

_CLOCK_DELAY_MS = 600000  # a network that tells the time does so within minutes; without it encryption is impossible
_BATTERY_DELAY_MS = 10000  # a modem that sends pulls the voltage down for seconds
_SIM_DELAY_MS = 5000  # while the plan's PIN is entered, the SIM still asks for it
_WINDOW_MS = 10000  # of the watch for a stuck axis
_PROBES = 16  # in it, at least
_MOVING_MG = 250
_LASTING_MS = 60000  # a crash or restart is an event: it stays visible so long, then ends by itself


class Supervision:
    """What is failing, and since when. `listener.on_fault(fault, began, t_ms)` hears of each change."""

    def __init__(self, settings, listener):
        self.raised = 0  # bits 1 << fault
        self._listener = listener
        # By fault; PROGRAM and RESTART happen, and have none.
        self._delays = {
            NETWORK: Countdown(settings.technical_delay_ms),
            SIM: Countdown(_SIM_DELAY_MS),
            BATTERY: Countdown(_BATTERY_DELAY_MS),
            SENSOR: Countdown(0),
            CLOCK: Countdown(_CLOCK_DELAY_MS),
            STORAGE: Countdown(0),
            CENTRE: Countdown(0),  # the owner counts the centre's silence
            MODEM: Countdown(0),
            POSITION: Countdown(0),
        }
        self._lasting = Countdown(_LASTING_MS)  # of PROGRAM and RESTART

    def has(self, fault):
        return self.raised & 1 << fault != 0

    def observe(self, fault, failing, t_ms):
        """Tell how `fault` is now; asked again and again, it is raised once it has failed for its whole delay."""
        delay = self._delays[fault]
        if not failing:
            delay.stop()
            if self.has(fault):
                self.raised &= ~(1 << fault)
                self._listener.on_fault(fault, False, t_ms)
        elif not self.has(fault):
            if not delay.running:
                delay.start(t_ms)
            if delay.ran_out(t_ms):
                self.raised |= 1 << fault
                self._listener.on_fault(fault, True, t_ms)

    def happened(self, fault, t_ms):
        """PROGRAM or RESTART: over as soon as it is noticed, and told all the same."""
        self._lasting.start(t_ms)
        if not self.has(fault):
            self.raised |= 1 << fault
            self._listener.on_fault(fault, True, t_ms)

    def tick(self, t_ms):
        if self._lasting.ran_out(t_ms):
            for fault in (PROGRAM, RESTART):
                if self.has(fault):
                    self.raised &= ~(1 << fault)
                    self._listener.on_fault(fault, False, t_ms)


class StuckAxis:
    """An axis that reads exactly the same while another moves is suspect.

    In the FIFO the LIS3DH keeps 10 bits, 16 mg a step at 8 g: a sensor at rest truly reads the same for long, so what
    does not move proves nothing. Suspicion is no fault either: it asks for the sensor's self-test.
    """

    def __init__(self):
        self._lowest = array("h", (0, 0, 0))
        self._highest = array("h", (0, 0, 0))
        self._probes = 0
        self._window = Countdown(_WINDOW_MS)

    def probe(self, samples, at, t_ms):
        """Take one sample of a block, x, y, z from index `at`; True when the window that ends here is suspect."""
        if self._probes == 0:
            self._window.start(t_ms)
        for axis in (0, 1, 2):
            value = samples[at + axis]
            if self._probes == 0 or value < self._lowest[axis]:
                self._lowest[axis] = value
            if self._probes == 0 or value > self._highest[axis]:
                self._highest[axis] = value
        self._probes += 1
        if self._probes < _PROBES or not self._window.ran_out(t_ms):
            return False
        self._probes = 0
        least = 65535
        most = 0
        for axis in (0, 1, 2):
            span = self._highest[axis] - self._lowest[axis]
            least = min(least, span)
            most = max(most, span)
        nothing = most == 0 and self._lowest[0] == 0 and self._lowest[1] == 0 and self._lowest[2] == 0
        return nothing or (least == 0 and most >= _MOVING_MG)

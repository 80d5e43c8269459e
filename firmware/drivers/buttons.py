"""Buttons and contacts: a pin that bounces becomes pressed and released."""

import machine
from dati.ticks import ticks_diff

_SETTLE_MS = 30  # contacts of small buttons bounce for some 10 ms; a hand cannot press for less than this

PULL_NONE = 0  # a resistor on the board or in the cable does it; pins 34 to 39 of the ESP32 have no other way
PULL_UP = 1
PULL_DOWN = 2


class Button:
    """A debounced input.

    `active` is the level (0 or 1) that means pressed; for the tear-off cord, which holds its contact closed, "pressed"
    is the contact opened: a cut wire counts as a pulled cord.
    """

    def __init__(self, number, active, pull):
        self.number = number
        self.pin = machine.Pin(number, machine.Pin.IN)
        self.active = active
        self.down = False
        self.settling = False  # the contact differs from `down` and has not yet held still: poll again soon
        self._pull = pull
        self._since_ms = 0
        self.restore()

    def restore(self):
        """Make the pin a digital input again: the ESP32 leaves a pin that may wake it from light sleep to its RTC."""
        if self._pull == PULL_UP:
            self.pin.init(machine.Pin.IN, machine.Pin.PULL_UP)
        elif self._pull == PULL_DOWN:
            self.pin.init(machine.Pin.IN, machine.Pin.PULL_DOWN)
        else:
            self.pin.init(machine.Pin.IN)

    def held(self):
        """Whether it is pressed at this moment, bounce and all."""
        return self.pin.value() == self.active

    def poll(self, t_ms):
        """1: it was pressed, -1: released, 0: nothing new. Call it at least every 100 ms while `settling`."""
        down = self.pin.value() == self.active
        if down == self.down:
            self.settling = False
            return 0
        if not self.settling:
            self.settling = True
            self._since_ms = t_ms
            return 0
        if ticks_diff(t_ms, self._since_ms) < _SETTLE_MS:
            return 0
        self.settling = False
        self.down = down
        return 1 if down else -1


class Buttons:
    """The worker's inputs. Each is given as (pin, active level, pull)."""

    def __init__(self, sos, cancel, cord):
        self.sos = Button(*sos)
        self.cancel = Button(*cancel)
        self.cord = Button(*cord)
        self.all = (self.sos, self.cancel, self.cord)

    @property
    def busy(self):
        """A press is being judged or lasts: its end must be seen in time, so poll on rather than sleep long."""
        return self.sos.down or self.cancel.down or self.sos.settling or self.cancel.settling or self.cord.settling

"""The modem's pins by what they mean; the levels of this board stay in here."""

import machine


class ModemPins:
    """Pins are (number, active level); `None` where the board has no such pin.

    `supply` is a tuple of them: power switches and whatever else must be at its level while the modem is to work.
    Outputs begin inactive, but the supply on: a modem that is on outlives a restart of the processor.
    """

    def __init__(self, power_key, ring, reset=None, sleep=None, supply=()):
        self._power_key = _Output(power_key)
        self._reset = _Output(reset)
        self._sleep = _Output(sleep)
        self._supply = [_Output(pin, True) for pin in supply]
        self._ring_active = ring[1]
        self._rang = False
        self.ring_pin = machine.Pin(ring[0], machine.Pin.IN)
        # A text message pulls the line for some 100 ms only: the edge is kept until somebody asks.
        edge = machine.Pin.IRQ_RISING if ring[1] else machine.Pin.IRQ_FALLING
        self.ring_pin.irq(handler=self._on_ring, trigger=edge)

    def power_key(self, on):
        """Press or let go of the modem's power key."""
        self._power_key.set(on)

    def reset(self, on):
        """Hold the modem in reset. For a modem that answers to nothing else: it may lose what it was writing."""
        self._reset.set(on)

    def sleep(self, on):
        """Allow the modem to sleep (DTR high), or keep it listening."""
        self._sleep.set(on)

    def supply(self, on):
        """Power to the modem. Not to be cut while it runs."""
        for output in self._supply:
            output.set(on)

    def ringing(self):
        """Whether the modem has called (RI) since last asked, or calls now."""
        rang = self.calling()
        self._rang = False
        return rang

    def calling(self):
        """As `ringing`, but the call stays to be asked for."""
        return self._rang or self.ring_pin.value() == self._ring_active

    def restore(self):
        """Make the RI pin a digital input again, after it may have woken the ESP32 from light sleep."""
        self.ring_pin.init(machine.Pin.IN)

    def _on_ring(self, _pin):
        self._rang = True


class _Output:
    """A pin with its active level; with `None`, nothing."""

    def __init__(self, pin, on=False):
        self._pin = None
        self._on = on
        if pin is not None:
            number, self._active = pin
            self._pin = machine.Pin(number, machine.Pin.OUT, value=self._active if on else 1 - self._active)

    def set(self, on):
        if self._pin is not None and on != self._on:
            self._on = on
            self._pin.value(self._active if on else 1 - self._active)

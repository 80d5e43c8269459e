"""`esp32` on the virtual board: which pins wake it. Each call takes the place of the one before, as on the ESP32."""

from host import host

WAKEUP_ALL_LOW = 0
WAKEUP_ANY_HIGH = 1


def wake_on_ext0(pin=None, level=None):
    host.call("wake", 0, "" if pin is None else str(pin.id), 1 if level else 0)


def wake_on_ext1(pins=None, level=None):
    host.call("wake", 1, " ".join([str(pin.id) for pin in pins or ()]), 1 if level else 0)

"""`esp32` on the virtual board: which pins wake it."""

from host import host

WAKEUP_ALL_LOW = 0
WAKEUP_ANY_HIGH = 1


def wake_on_ext0(pin=None, level=None):
    if pin is not None:
        host.call("pin_wake", pin.id, 5 if level else 4)


def wake_on_ext1(pins=None, level=None):
    for pin in pins or ():
        host.call("pin_wake", pin.id, 5 if level else 4)


def gpio_wakeup(flag):
    pass


def wake_on_gpio(pins=None, level=None):
    for pin in pins or ():
        host.call("pin_wake", pin.id, 5 if level else 4)

"""Power-on: find out which board this is, and run the device on it."""

import sys
import time

import boards
import dati
import machine
from runtime import Runtime

_AGAIN_MS = 10000


def main():
    try:
        device = Runtime(boards.choose())
        let_go()
        device.run()
    except Exception as error:
        # Nobody who wears it reads a prompt: it says why, and starts anew.
        print("%d crashed %s: %s" % (time.ticks_ms(), type(error).__name__, error))
        time.sleep_ms(_AGAIN_MS)
        machine.reset()


def let_go():
    """Of tables that only building reads: MicroPython frees a module with the last reference to it, here 8 KB."""
    if sys.implementation.name == "micropython":  # elsewhere others have them too
        for name in ("tunables", "fall_scores"):
            del sys.modules["dati." + name]
            delattr(dati, name)


if __name__ == "__main__":
    main()

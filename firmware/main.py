"""Power-on: find out which board this is, and run the device on it."""

import time

import boards
import machine
from runtime import Runtime

_AGAIN_MS = 10000


def main():
    try:
        Runtime(boards.choose()).run()
    except Exception as error:
        # Nobody who wears it reads a prompt: it says why, and starts anew.
        print("%d crashed %s: %s" % (time.ticks_ms(), type(error).__name__, error))
        time.sleep_ms(_AGAIN_MS)
        machine.reset()


if __name__ == "__main__":
    main()

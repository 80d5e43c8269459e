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
        board = boards.choose()
        device = Runtime(board)
        let_go(board)
        device.run()
    except Exception as error:
        # Nobody who wears it reads a prompt: it says why, and starts anew.
        print("%d crashed %s: %s" % (time.ticks_ms(), type(error).__name__, error))
        time.sleep_ms(_AGAIN_MS)
        machine.reset()


def let_go(board):
    """Of tables that only building reads: MicroPython frees a module with the last reference to it, here 9 KB."""
    if sys.implementation.name == "micropython":  # elsewhere others have them too
        for package, name in ((dati, "tunables"), (dati, "fall_scores"), (boards, board.name)):
            del sys.modules[package.__name__ + "." + name]
            delattr(package, name)


if __name__ == "__main__":
    main()

"""The boards the firmware runs on: one file each, and which of them this one is."""

import os

DEFAULT = "t_a7670e"
_CHOICE = "board"  # a file of one line on the device, written by `dati flash`


class BoardError(Exception):
    """The board named on the device is none that is known; the message says which are, in one line."""


def chosen():
    """The name of this board: what the file `board` says, or the default without one."""
    try:
        with open(_CHOICE) as file:
            name = file.readline().strip()
    except OSError:
        name = ""
    return name or DEFAULT


def description(name):
    """The BOARD of that name. Raises BoardError."""
    if name in ("__init__", "board"):
        raise BoardError(_unknown(name))
    try:
        module = __import__("boards." + name)
    except ImportError:
        raise BoardError(_unknown(name)) from None
    return getattr(module, name).BOARD


def choose():
    """The Board object of this device. Raises BoardError; OSError or SensorError come only later, from its parts."""
    # Not before: the descriptions are read where there is no `machine`, too.
    from .board import Board

    return Board(description(chosen()))


def known():
    """The names there are files for."""
    folder = __file__.replace("\\", "/").rpartition("/")[0]
    names = set()
    for file in os.listdir(folder):
        name, dot, kind = file.rpartition(".")
        if dot and kind in ("py", "mpy") and name not in ("__init__", "board"):
            names.add(name)
    return sorted(names)


def _unknown(name):
    return "board %r is unknown; there are %s (write one of them into the file `board`)" % (name, ", ".join(known()))

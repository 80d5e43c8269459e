"""Starts the firmware with its code in a ROM image outside the heap, as on a board, and tells what the heap holds.

Set before, by whoever runs this: ADDRESS and LENGTH of the image, or FOLDER with the same files, to be loaded into the
heap; PIPE, where the interpreter has no standard input, with `write` and `readline`.
"""

import gc
import sys

_collect = gc.collect
_held = gc.mem_alloc


class _Sys:
    """`sys` for `boot`, which looks for nothing beside itself here."""

    path = []  # type: list[str]
    modules = sys.modules
    implementation = sys.implementation
    stdin = PIPE or sys.stdin
    stdout = PIPE or sys.stdout


class _Gc:
    """`gc` for the firmware: what is left after each of its collections is told."""

    mem_alloc = staticmethod(_held)

    @staticmethod
    def collect():
        _collect()
        if not PIPE:  # else the collection comes later, at the end of the turn
            told("duty")


class _NotYet:
    @staticmethod
    def main():
        """`boot` calls this in the place of the firmware's: it is started step by step."""


class _Waste:
    """What the way to the virtual board threw away in this turn: on a board nobody does."""

    bytes = 0

    def __init__(self, call):
        self._call = call

    def call(self, operation, *arguments):
        before = _held()
        try:
            return self._call(operation, *arguments)
        finally:
            _Waste.bytes += _held() - before


class Turned(BaseException):
    """A turn is over."""


def told(stage):
    print("memory", stage, _held())


def collect():
    _collect()


def prepare():
    """Everything up to the firmware itself."""
    if ADDRESS:
        import uctypes
        import vfs

        vfs.mount(vfs.VfsRom(uctypes.bytearray_at(ADDRESS, LENGTH)), "/rom")
        sys.path[:] = ["/rom", "/rom/shims"]
    else:
        sys.path[:] = [FOLDER, FOLDER + "/shims"]
    sys.modules["sys"] = _Sys
    sys.modules["main"] = _NotYet
    import boot  # noqa: F401
    from host import host

    del sys.modules["main"]
    sys.modules["gc"] = _Gc
    if PIPE:
        host.call = _Waste(host.call).call
    try:
        import cryptolib  # noqa: F401
    except ImportError:
        sys.modules["cryptolib"] = _NotYet  # the 32-bit interpreter has none: nothing is encrypted there


def load_mind():
    import dati.wearable  # noqa: F401


def load_rest():
    import boards.board  # noqa: F401
    import main  # noqa: F401


def build_board():
    global board
    import boards

    board = boards.choose()


def build_device():
    global device
    import runtime
    import main

    device = runtime.Runtime(board)
    main.let_go()


def _sleep(ms, light, sleep):
    sleep(ms, light)
    raise Turned


def turn():
    """One turn of the firmware's loop; what the heap holds at its end, with what the firmware threw away."""
    _Waste.bytes = 0
    if "sleep" not in board.__dict__:
        sleep = board.sleep
        board.sleep = lambda ms, light: _sleep(ms, light, sleep)
    try:
        device.run()
    except Turned:
        pass
    return _held() - _Waste.bytes


STAGES = (
    ("shims", prepare),
    ("dati", load_mind),
    ("rest", load_rest),
    ("board", build_board),
    ("device", build_device),
)


def start():
    """All of it where the interpreter can collect at any time."""
    for stage, work in STAGES:
        work()
        _collect()
        told(stage)
    device.run()

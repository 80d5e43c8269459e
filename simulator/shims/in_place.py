"""Starts the firmware by steps, and tells what the heap holds after each: for `simulator.footprint`.

`pipe` stands in for standard input and output in an interpreter that has none; it can only collect when nothing runs,
which is after each step and after each turn of the firmware's loop.
"""

# ruff: noqa: PLC0415, RUF012, SIM105  (what is imported when is what is measured here; MicroPython has no contextlib)

import gc
import sys

_collect = gc.collect
_held = gc.mem_alloc
_pipe = None


class _Sys:
    """`sys` for what is measured: `boot` would look for everything beside itself."""

    path = list(sys.path)
    modules = sys.modules
    implementation = sys.implementation
    stdin = sys.stdin
    stdout = sys.stdout


class _Gc:
    """`gc` for the firmware: what is left after each of its collections is told."""

    mem_alloc = staticmethod(_held)

    @staticmethod
    def collect():
        _collect()
        if _pipe is None:
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


def use(pipe):
    global _pipe
    _pipe = pipe


def prepare():
    """The stand-ins for what an ESP32's interpreter brings."""
    if _pipe is not None:
        _Sys.stdin = _Sys.stdout = _pipe
    sys.modules["sys"] = _Sys
    sys.modules["main"] = _NotYet
    import boot  # noqa: F401
    from host import host

    del sys.modules["main"]
    sys.modules["gc"] = _Gc
    if _pipe is not None:
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
    import main
    import runtime

    device = runtime.Runtime(board)
    main.let_go(board)


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

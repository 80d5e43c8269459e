"""Four ways to run the device's mind, one interface: jobs in, events out, the same bits from each.

- `python`: CPython importing `firmware/dati` as it is.
- `compiled`: the same files through Cython.
- `micropython`: the real interpreter, 64-bit.
- `micropython32`: the real interpreter with the word size, small-int limit and tick wrap of the ESP32.
"""

from __future__ import annotations

from simulator.engines.base import Engine, EngineUnavailableError, Event, Job, Result
from simulator.engines.compiled import CompiledEngine
from simulator.engines.interpreters import MicroPython32Engine, MicroPythonEngine
from simulator.engines.python import PythonEngine
from simulator.errors import UserError

ENGINES: dict[str, type[Engine]] = {
    engine.name: engine for engine in (PythonEngine, CompiledEngine, MicroPythonEngine, MicroPython32Engine)
}

__all__ = ["ENGINES", "Engine", "EngineUnavailableError", "Event", "Job", "Result", "fastest", "get"]


def get(name: str) -> Engine:
    """The engine of that name, ready to run. UserError when there is none or it is not installed."""
    try:
        engine = ENGINES[name]
    except KeyError:
        raise UserError(f"engine {name!r}: unknown; there are {', '.join(ENGINES)}") from None
    try:
        return engine()
    except EngineUnavailableError as error:
        raise UserError(f"engine {name!r} cannot run here: {error}") from None


def fastest() -> Engine:
    """`compiled` where it was built from the very files that are here, else `python`."""
    try:
        return CompiledEngine()
    except EngineUnavailableError:
        return PythonEngine()

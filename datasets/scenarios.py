"""The bundled scenarios, and the motion that a scenario asks for, made by the synthetic wearer."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.synthetic import Wearer
from simulator.errors import UserError
from simulator.scenario import Scenario, load

FOLDER = Path(__file__).parent / "scenarios"
# What the wearer can do, as a scenario spells it: methods of Wearer, each piece "NAME" or "NAME SECONDS".
PIECES = sorted(
    name
    for name, method in inspect.getmembers(Wearer, inspect.isfunction)
    if not name.startswith("_") and name not in ("recording", "truth_mg", "does", "onset", "vibrate")
)


@dataclass(frozen=True)
class Motion:
    """True mg at `rate_hz`, and when each piece begins."""

    samples: np.ndarray
    rate_hz: float
    repeat: bool
    pieces: tuple[tuple[float, str], ...]


def names() -> list[str]:
    """The bundled scenarios."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def find(name: str) -> Scenario:
    """A bundled scenario by its name, or one from a file. UserError when there is neither."""
    path = Path(name)
    if name in names():
        return load(FOLDER / f"{name}.toml")
    if path.suffix == ".toml" or path.exists():
        return load(path)
    raise UserError(f"scenario {name!r} is unknown; `dati sim --list` names them, or give a .toml file")


def motion(scenario: Scenario) -> Motion:
    """What the worker does. UserError names the piece that is refused."""
    pieces = scenario.values.get("motion", ["work_standing 60"])
    wearer = Wearer(scenario.values.get("seed", 0))
    begins = []
    for piece in pieces:
        begins.append((wearer.t_ms / 1000, str(piece)))
        _do(scenario, wearer, str(piece))
    return Motion(wearer.truth_mg(), 400.0, bool(scenario.values.get("repeat", False)), tuple(begins))


def _do(scenario: Scenario, wearer: Any, piece: str) -> None:
    name, *words = piece.split()
    where = f"scenario {scenario.name}: motion: {piece!r}"
    if name == "trace":
        raise UserError(f"{where}: replaying a trace is not known here; permitted: {', '.join(PIECES)}")
    if name not in PIECES:
        raise UserError(f"{where}: unknown; permitted: {', '.join(PIECES)}")
    try:
        numbers = [float(word) for word in words]
        getattr(wearer, name)(*numbers)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {error}") from None


__all__ = ["FOLDER", "PIECES", "Motion", "find", "motion", "names"]

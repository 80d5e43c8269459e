"""What every engine takes and gives."""

from __future__ import annotations

import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import dati
import numpy as np

from simulator.errors import UserError

FIRMWARE = Path(dati.__file__).parent  # the one source of all engines
TICK_PERIOD_MS = 1 << 30


def replayed(firmware: Path) -> list[Path]:
    """The files a replay runs: `device`, `settings` and whatever they import; not the modem's, nor the journal's."""
    found: list[str] = []
    wanted = ["__init__", "device", "settings"]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.append(name)
            text = (firmware / f"{name}.py").read_text(encoding="utf-8")
            wanted += re.findall(r"^ *from \.(?: import )?(\w+)", text, re.M)
    return [firmware / f"{name}.py" for name in sorted(found)]


def lay_out(firmware: Path, folder: Path) -> None:
    """Copy what a replay runs into the new `folder`."""
    folder.mkdir()
    for path in replayed(firmware):
        shutil.copy(path, folder / path.name)


class Event(NamedTuple):
    """Something the device reported: after how many samples, when (ms since the start), code and argument."""

    sample: int
    t_ms: int
    code: int
    argument: int


@dataclass(frozen=True)
class Job:
    """One recording as the device would see it.

    `samples`: int16, shape (n, 3), milli-g, at the settings' `rate_hz`. `inputs`: int32, shape (m, 3): sample index,
    number of the input in `simulator.trace.INPUTS`, value; sorted by index. `up`: the worn vertical, or None for
    the settings' axis. `cancel_after`: samples after which the worker cancels a pre-alarm, -1 for never.
    """

    id: str
    samples: np.ndarray
    settings: dict[str, object]
    inputs: np.ndarray
    up: tuple[int, int, int] | None = None
    cancel_after: int = -1
    shake_mg: int = 0
    start_ms: int = 0
    block: int = 1 << 20


class Result(NamedTuple):
    """The events of one job, and how many bytes the replay itself allocated where the engine can tell."""

    events: list[Event]
    allocated_bytes: int | None = None


class EngineUnavailableError(Exception):
    """The engine is not installed or not built; the message says what to do."""


class Engine(ABC):
    """Runs jobs. Made ready by its constructor, which raises EngineUnavailableError."""

    name: ClassVar[str]

    @abstractmethod
    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """One result a job, in order, as they are ready."""

    def cards(self) -> dict[str, Any]:
        """The scorecards of falls that the next job will be judged by, by placement; they may be exchanged."""
        raise UserError(f"engine {self.name!r} cannot exchange its scorecards; use python or compiled")

    def describe(self) -> str:
        """What runs it: interpreter and version, word size."""
        return ""

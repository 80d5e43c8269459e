"""CPython, on `firmware/dati` as it is."""

from __future__ import annotations

import platform
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from dati import device as python_device
from dati import settings as python_settings
from dati.fall_scores import CARDS

from simulator.engines.base import Engine, Event, Job, Result
from simulator.engines.runner import Replay


def make_device(job: Job, device: Any = python_device, settings: Any = python_settings) -> Any:
    """A Device set up as the job says, from the given `device` and `settings` modules."""
    made = device.Device(settings.Settings(job.settings), job.start_ms)
    if job.up is not None:
        made.bank.set_vertical(*job.up)
    return made


def replay(device: Any, job: Job, samples: Any) -> Iterator[Event]:
    """Run `job` through a device of this process; `samples` is whatever flat int16 sequence is fastest for it."""
    run = Replay(
        device,
        samples,
        len(job.samples),
        array("i", np.ascontiguousarray(job.inputs, dtype=np.int32).tobytes()),
        job.block,
        job.cancel_after,
        job.shake_mg,
        job.start_ms,
    )
    finished = False
    while not finished:
        finished = run.go()
        for at in range(0, 4 * run.events, 4):
            yield Event(*run.out[at : at + 4])
        run.events = 0


class PythonEngine(Engine):
    name = "python"

    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        for job in jobs:
            samples = array("h", np.ascontiguousarray(job.samples, dtype=np.int16).tobytes())
            yield Result(list(replay(make_device(job), job, samples)))

    def cards(self) -> dict[str, Any]:
        return CARDS

    def describe(self) -> str:
        return f"{platform.python_implementation()} {platform.python_version()}"

"""Many settings over many recordings, on all cores: what each announced, and nothing else."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace

import numpy as np
from dati import events as codes

from simulator import engines
from simulator.engines import Engine, Job

_TOLD = (codes.PRE_ALARM, codes.ALARM, codes.CAUSE_ADDED)
_TASK_SAMPLES = 20_000_000  # replayed in a task: a tenth of a second compiled
_POOL_SAMPLES = 400_000_000  # below this, starting processes takes longer than the work
_SLOWER = 100  # the python engine

Changes = Mapping[str, object]
Told = np.ndarray  # int32, (m, 3): code, ms since the start, causes

_engine: Engine | None = None  # of a worker process


@dataclass(frozen=True)
class _Task:
    """Some jobs with some changes each; `at` says which."""

    at: list[tuple[int, int]]  # number of the job, number of the first of its changes
    jobs: list[Job]
    changes: list[Sequence[Changes]]


def _start(name: str) -> None:
    global _engine
    _engine = engines.get(name)


def _run_in_process(task: _Task) -> tuple[list[tuple[int, int]], list[list[Told]]]:
    assert _engine is not None
    return task.at, _run(_engine, task)


def _run(engine: Engine, task: _Task) -> list[list[Told]]:
    told = []
    for job, changes in zip(task.jobs, task.changes, strict=True):
        jobs = [replace(job, settings={**job.settings, **change}) for change in changes]
        told.append([_told(result.events) for result in engine.run(jobs)])
    return told


def _told(events: Sequence[engines.Event]) -> Told:
    rows = [(event.code, event.t_ms, event.argument) for event in events if event.code in _TOLD]
    return np.array(rows, np.int32).reshape(-1, 3)


def _tasks(jobs: Sequence[Job], changes: Sequence[Changes]) -> Iterator[_Task]:
    """Cut the work: long jobs by their changes, short ones gathered."""
    task, held = _Task([], [], []), 0
    for number, job in enumerate(jobs):
        step = max(1, _TASK_SAMPLES // max(1, len(job.samples)))
        for first in range(0, len(changes), step):
            some = changes[first : first + step]
            task.at.append((number, first))
            task.jobs.append(job)
            task.changes.append(some)
            held += len(some) * len(job.samples)
            if held >= _TASK_SAMPLES:
                yield task
                task, held = _Task([], [], []), 0
    if task.at:
        yield task


class Sweep:
    """Runs sweeps, in processes of its own where that pays. Use as a context manager.

    `advance(done, total)` is called as samples are replayed.
    """

    def __init__(self, engine: Engine, processes: int, advance: Callable[[int, int], None] | None = None) -> None:
        self._engine = engine
        self._processes = processes
        self._advance = advance or (lambda done, total: None)
        self._pool: ProcessPoolExecutor | None = None
        self.replays = 0
        self.samples = 0  # replayed, each as often as it was

    def __enter__(self) -> Sweep:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def run(self, jobs: Sequence[Job], changes: Sequence[Changes]) -> list[list[Told]]:
        """What every job announced under every change of its settings: [job][change]."""
        total = sum(len(job.samples) for job in jobs) * len(changes)
        self.replays += len(jobs) * len(changes)
        self.samples += total
        told: list[list[Told]] = [[np.zeros((0, 3), np.int32)] * len(changes) for _ in jobs]
        done = 0
        for at, found in self._run(list(_tasks(jobs, changes)), total):
            for (number, first), some in zip(at, found, strict=True):
                told[number][first : first + len(some)] = some
                done += len(jobs[number].samples) * len(some)
            self._advance(done, total)
        return told

    def _run(self, tasks: list[_Task], total: int) -> Iterator[tuple[list[tuple[int, int]], list[list[Told]]]]:
        slower = _SLOWER if self._engine.name != "compiled" else 1
        if self._processes < 2 or (self._pool is None and total * slower < _POOL_SAMPLES):
            for task in tasks:
                yield task.at, _run(self._engine, task)
            return
        if self._pool is None:
            # Spawned: a fork would copy the threads of a progress bar half alive.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, context, _start, (self._engine.name,))
        for future in as_completed([self._pool.submit(_run_in_process, task) for task in tasks]):
            yield future.result()

"""The bench measures the same work each time, and says how fast it was."""

from __future__ import annotations

import numpy as np

from simulator import bench, engines
from simulator.engines import Job
from simulator.engines.base import Engine, Result


def test_the_work_is_the_same_for_the_same_seed():
    samples = bench.work(130_000)
    assert samples.shape == (130_000, 3) and samples.dtype == np.int16 and samples.flags.c_contiguous
    assert np.array_equal(samples, bench.work(130_000))
    assert np.array_equal(samples[:1000], bench.work(1000))
    assert not np.array_equal(samples, bench.work(130_000, seed=2))


def test_the_work_is_motion_that_a_sensor_reads():
    size_mg = np.linalg.norm(bench.work(15_000).astype(float), axis=1)
    assert 900 < size_mg.mean() < 1200 and size_mg.max() < 8000
    assert size_mg.std() > 50


def test_speed_is_above_zero():
    assert bench.samples_per_second(engines.get("python"), 50, bench.work(20_000)) > 0


def test_what_starting_costs_is_taken_off_and_the_best_run_counts(monkeypatch):
    clock = [0.0]
    slow = iter([5.0, 0.0, 9.0, 2.0, 0.0, 7.0])

    class Clocked(Engine):
        name = "clocked"

        def run(self, jobs):
            for job in jobs:
                assert isinstance(job, Job) and job.settings["rate_hz"] == 100
                clock[0] += 3 + len(job.samples) / 1000 + next(slow)
                yield Result([])

    monkeypatch.setattr(bench.time, "perf_counter", lambda: clock[0])
    assert round(bench.samples_per_second(Clocked(), 100, bench.work(10_000))) == 1000

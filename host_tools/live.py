"""`dati monitor` and `dati record`: a running device on its USB console."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from dati.alarm import STATES
from dati.supervision import FAULTS
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from host_tools import choices
from host_tools.device_port import DevicePort, UnpluggedError
from host_tools.output import EXIT_INTERRUPTED, check_writable, err, out, print_json
from simulator.errors import UserError

Port = Annotated[str, typer.Option("--port", "-p", metavar="PORT", help="Serial port, as /dev/ttyUSB0 or COM3.")]
_LOG = "log.mcap"
_SIM = ("not read yet", "ready", "absent", "wants a PIN", "wants its PUK", "refused the PIN")
_REGISTRATION = {
    0: "none",
    1: "home",
    2: "searching",
    3: "denied",
    4: "unknown",
    5: "roaming",
    6: "SMS only",
    7: "SMS only",
}


def monitor(
    port: Port,
    seconds: Annotated[float, typer.Option(min=0, help="Stop by itself after so long; 0: not.")] = 0,
    as_json: choices.AsJson = False,
) -> None:
    """Show a running device live: duty, alarm, sensor, link, battery, and what it logs. Ctrl-C stops.

    The device goes on with its duty. With --json: its state, once.
    """
    with DevicePort(port) as device:
        if as_json:
            print_json(device.status())
            return
        until = time.monotonic() + seconds if seconds else float("inf")
        device.ask("live 10")
        motion: list[int] = []
        try:
            with Live(console=err, refresh_per_second=4, transient=False) as live:
                while time.monotonic() < until:
                    status = device.status()
                    device.ask("live 10")
                    for value in device.heard(1.0):
                        motion = value.get("live", motion)
                        live.update(_screen(status, motion, device.log))
        except KeyboardInterrupt:
            return


def _screen(status: dict[str, Any], motion: list[int], log: list[str]) -> Group:
    table = Table(box=None, show_header=False)
    table.add_column(style="dim")
    table.add_column()
    faults = [name for number, name in FAULTS if status["faults"] & 1 << number]
    centre = "never" if status["centre_s"] < 0 else f"{status['centre_s']} s ago"
    for name, value in (
        ("device", f"{status['device']}, board {status['board']}, firmware {status['firmware']}"),
        ("duty", str(status["duty"]).replace("_", " ")),
        ("alarm", dict(STATES)[status["alarm"]]),
        ("faults", ", ".join(faults) or "none"),
        ("sensor", ("working" if status["sensor"] else "FAILING") + f", {status['rate_hz']} Hz"),
        ("motion", _level(motion)),
        ("battery", f"{status['battery']} %" + (", charging" if status["charging"] else "")),
        ("SIM", _SIM[status["sim"]] if status["sim"] < len(_SIM) else str(status["sim"])),
        ("network", f"{_REGISTRATION.get(status['registration'], status['registration'])}, {status['signal_dbm']} dBm"),
        ("centre heard", centre),
        ("clock", status["utc"]),
        ("recording", "no" if status["recording"] < 0 else f"{status['recording']} bytes"),
    ):
        table.add_row(name, str(value))
    return Group(table, Text("\n".join(log[-8:]), style="dim"))


def _level(motion: list[int]) -> str:
    if not motion:
        return "..."
    _, x_mg, y_mg, z_mg, level_mg = motion
    return f"{'#' * min(40, level_mg // 10):<40} {level_mg} mg; gravity {x_mg}, {y_mg}, {z_mg} mg"


def record(
    port: Port,
    file: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.mcap", help="Where the recording goes.")],
    seconds: Annotated[float, typer.Option(min=0, help="Stop by itself after so long; 0: by Ctrl-C.")] = 0,
) -> None:
    """Record from a running device, off duty, into its device log, and fetch it as it grows.

    What has arrived is on disk at once; Ctrl-C ends the recording and fetches the rest. Unplugged, run the same command
    again: a recording that goes on on the device is taken up where it was cut. `dati replay OUT.mcap` replays it.
    """
    check_writable(file)
    interrupted = False
    with DevicePort(port) as device:
        have = _take_up(device, file)
        if have == 0:
            file.write_bytes(b"")
        device.ask("live 10")
        until = time.monotonic() + seconds if seconds else float("inf")
        with file.open("ab") as sink, Live(console=err, refresh_per_second=4) as live:
            try:
                level: list[int] = []
                while time.monotonic() < until and device.status()["recording"] >= 0:
                    have += _fetch(device, sink, have)
                    device.ask("live 10")
                    for value in device.heard(0.5):
                        level = value.get("live", level)
                    live.update(Text(f"recording  {have / 1024:.0f} KiB fetched  {_level(level)}"))
            except KeyboardInterrupt:
                interrupted = True
            except UnpluggedError as error:
                raise UserError(
                    f"{error}; {have} bytes are in {file}; plug it in and run the same command to go on"
                ) from None
            device.ask("record 0")
            have += _fetch(device, sink, have)
    out.print(f"{file}: {have} bytes; `dati replay {file}` replays it, `dati verify {file}` compares")
    if interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)


def _take_up(device: DevicePort, file: Path) -> int:
    """Begin to record, or go on with a recording under way of which `file` is the beginning. How much is there."""
    if device.status()["recording"] < 0:
        if file.exists() and file.stat().st_size:
            raise UserError(f"{file}: exists, and the device records nothing it could be part of; name another file")
        if not device.ask("record 1")["recording"]:
            raise UserError(
                f"{device.port}: the device does not record now: it is on duty, or in an alarm; end that first"
            )
        return 0
    held = file.read_bytes() if file.exists() else b""
    head, _ = device.read(_LOG, 0)
    if held and held[: len(head)] != head[: len(held)]:
        raise UserError(f"{file}: is another recording than the one under way on the device; name another file")
    err.print(f"the device is recording; {len(held)} bytes are here already", style="dim")
    return len(held)


def _fetch(device: DevicePort, sink: Any, have: int) -> int:
    """Append what the device has beyond `have`; how many bytes that was."""
    got = 0
    while True:
        piece, size = device.read(_LOG, have + got)
        sink.write(piece)
        sink.flush()
        got += len(piece)
        if not piece or have + got >= size:
            return got

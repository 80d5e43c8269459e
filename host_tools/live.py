"""`dati monitor` and `dati record`: a running device on its USB console."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, BinaryIO, Self

import typer
from dati.alarm import STATES
from dati.supervision import FAULTS
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from host_tools import choices
from host_tools.device_port import PIECE, DevicePort, UnpluggedError
from host_tools.output import EXIT_INTERRUPTED, check_writable, err, out, print_json, progress_bar
from simulator.errors import UserError

Port = Annotated[str, typer.Option("--port", "-p", metavar="PORT", help="Serial port, as /dev/ttyUSB0 or COM3.")]
_LOG = "log.mcap"
_MCAP_END = b"\x89MCAP0\r\n"
_PIECES = 8  # fetched between two looks at the state
_GLANCE_S = 0.5
_ENDS = {
    "device": "the recording has ended on the device: its log is full, or its flash; to go on, name another file",
    "cut": "the recording broke off on the device, which has restarted or whose flash fails; it is whole up to there",
}
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
    last: Annotated[bool, typer.Option("--last", help="Fetch the recording the device has; begin none.")] = False,
    as_json: choices.AsJson = False,
) -> None:
    """Record from a running device, off duty, into its device log, and fetch it as it grows.

    What has arrived is on disk at once; Ctrl-C ends the recording and fetches the rest. Unplugged, run the same command
    again: a recording that goes on on the device, or has ended there, is taken up where it was cut.
    `dati replay OUT.mcap` replays it.

    A device writes some 370 bytes a second at 50 Hz, which take 5 % of a line of 115200 baud. It keeps 1 MB, three
    quarters of an hour, and ends then; to fetch as much afterwards takes two minutes and a quarter.
    """
    check_writable(file)
    with DevicePort(port) as device, _Stop() as stop:
        ended = _take_up(device, file, last)
        with file.open("ab") as sink:
            try:
                if ended is None:
                    ended = _follow(device, sink, seconds, stop)
                _fetch_all(device, sink)
            except UnpluggedError as error:
                raise UserError(
                    f"{error}; {sink.tell()} bytes are in {file}; when it is back, the same command goes on"
                ) from None
    data = file.read_bytes()
    if not data.endswith(_MCAP_END):
        ended = "interrupted" if stop.asked else "cut"
    if as_json:
        print_json({"file": str(file), "bytes": len(data), "ended": ended})
    else:
        out.print(f"{file}: {len(data)} bytes; `dati replay {file}` replays it, `dati verify {file}` compares")
    if ended in _ENDS:
        err.print(f"{port}: {_ENDS[ended]}", style="yellow")
    if stop.asked:
        raise typer.Exit(EXIT_INTERRUPTED)


class _Stop:
    """Ctrl-C asks to stop, and stops no write in the middle; a second one is taken at its word."""

    asked = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def _take_up(device: DevicePort, file: Path, last: bool) -> str | None:
    """Begin to record, or go on with the recording on the device of which `file` is the beginning.

    None when one is under way, else how it ended. UserError when neither can be.
    """
    held = file.read_bytes() if file.exists() else b""
    recording = device.status()["recording"] >= 0
    if not held and not recording and not last:
        if not device.ask("record 1")["recording"]:
            raise UserError(
                f"{device.port}: the device does not record now: it is on duty, in an alarm, or its flash fails"
            )
        return None
    if held and not _is_beginning(device, held):
        raise UserError(f"{file}: exists, and is no part of the recording on the device; name another file")
    if recording:
        err.print(f"the device is recording; {len(held)} bytes are here already", style="dim")
        return None
    if not device.read(_LOG, 0)[1]:
        raise UserError(f"{device.port}: the device has no recording")
    return "there"


def _is_beginning(device: DevicePort, held: bytes) -> bool:
    """Whether the device's log begins so: its first piece, and the last that is held, are the same."""
    for at in (0, max(0, len(held) - PIECE)):
        piece, size = device.read(_LOG, at)
        if size < len(held) or piece[: len(held) - at] != held[at : at + len(piece)]:
            return False
    return True


def _follow(device: DevicePort, sink: BinaryIO, seconds: float, stop: _Stop) -> str:
    """Fetch what is recorded until somebody ends it; who: "asked" or "device"."""
    until = time.monotonic() + seconds if seconds else float("inf")
    level: list[int] = []
    with Live(console=err, refresh_per_second=4) as live:
        while not stop.asked and time.monotonic() < until:
            if device.status()["recording"] < 0:
                return "device"
            device.ask("live 10")
            size = _fetch(device, sink)
            for value in device.heard(_GLANCE_S if sink.tell() >= size else 0):
                level = value["live"]
            live.update(Text(f"recording  {sink.tell() / 1024:.0f} of {size / 1024:.0f} KiB fetched  {_level(level)}"))
    device.ask("record 0")
    return "asked"


def _fetch_all(device: DevicePort, sink: BinaryIO) -> None:
    """The rest of the log."""
    with progress_bar() as bar:
        task = bar.add_task("fetching the rest", total=None)
        size = sink.tell() + 1
        while sink.tell() < size:
            before = sink.tell()
            size = _fetch(device, sink)
            bar.update(task, completed=sink.tell(), total=size)
            if sink.tell() == before:
                return


def _fetch(device: DevicePort, sink: BinaryIO) -> int:
    """Append a piece of the device's log, on disk at once; the log's size."""
    for _ in range(_PIECES):
        piece, size = device.read(_LOG, sink.tell())
        sink.write(piece)
        sink.flush()
        if not piece or sink.tell() >= size:
            break
    return size

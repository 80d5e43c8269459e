"""`dati journal` and `dati verify`: what a device wrote of itself, its journal and its logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from dati import events as codes
from dati.alarm import STATES
from dati.clock import stamp
from dati.journal import KINDS, RESETS, end_of, find, record_at
from rich.table import Table

from datasets import sources as known
from host_tools import choices
from host_tools.output import EXIT_DIFFERENT, err, out, print_json, progress_bar, tracked
from simulator.device_log import Difference, firmware_hash, first_difference, read_device_log
from simulator.drift_readings import unpack
from simulator.engines import Engine, Event
from simulator.errors import UserError
from simulator.replay import Options, cause_names, event_line

if TYPE_CHECKING:
    from host_tools.trial import Trial

_IN_JOURNAL = re.compile(r"journal\.\d+")
_KINDS = {code: (name, payload) for code, name, payload in KINDS}
_WORDS = {
    "by": dict(codes.PARTIES),
    "request": dict(codes.REQUESTS),
    "signal": dict(STATES),
    "reset": dict(RESETS),
}


class Entry(NamedTuple):
    """One record of a journal; `utc_s` -1 where the clock was unset."""

    kind: int
    sequence: int
    utc_s: int
    t_ms: int
    payload: bytes

    @property
    def name(self) -> str:
        return _KINDS[self.kind][0] if self.kind in _KINDS else f"kind {self.kind}"

    @property
    def detail(self) -> str:
        """The payload in words; in hexadecimal where it is not what its kind promises."""
        meaning = _KINDS[self.kind][1] if self.kind in _KINDS else "unknown"
        if meaning == "none" and not any(self.payload):  # the device writes a nought
            return ""
        if meaning == "text":
            return self.payload.decode(errors="replace")
        health = unpack(self.payload) if meaning == "health" else None
        if health is not None:
            return health.text
        if meaning == "unknown" or len(self.payload) != 4:
            return self.payload.hex()
        number = int.from_bytes(self.payload, "little", signed=True)
        if meaning in ("cause", "causes"):
            return "+".join(cause_names(number)) or str(number)
        return _WORDS.get(meaning, {}).get(number, str(number))


def read_journal(data: bytes) -> tuple[list[Entry], int]:
    """The whole records of one file in their order, and how many bytes belong to none."""
    entries, covered = [], 0
    at = find(data, 0)
    while at >= 0:
        end = end_of(data, at)
        entries.append(Entry(*record_at(data, at)))
        covered += end - at
        at = find(data, end)
    return entries, len(data) - covered


def _missing(entries: list[Entry]) -> Iterator[tuple[int, int]]:
    """Gaps in the numbers: (first missing, how many)."""
    for one, following in pairwise(entries):
        if following.sequence > one.sequence + 1:
            yield one.sequence + 1, following.sequence - one.sequence - 1


def journal(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="Files of one device's journal, any order.", show_default=False),
    ] = None,
    port: Annotated[
        str, typer.Option("--port", "-p", metavar="PORT", help="Read it from the running device there instead.")
    ] = "",
    save: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="With --port: keep what was read in this new folder, for `dati report`."),
    ] = None,
    as_json: choices.AsJson = False,
) -> None:
    """Print a device's journal: duty, tests, alarms, faults, commands, messages, with their times.

    Name all its files (journal.0, journal.1, ...): the records are put in order. Damaged ones are counted and left out.

    Examples: `dati journal journal.*`, `dati journal --port /dev/ttyUSB0 --save read-outs/DATI-7-november`
    """
    if bool(files) == bool(port):
        raise UserError("name the files of a device's journal, or a device by --port")
    if save is not None and not port:
        raise UserError("--save keeps what is read from a device: give --port with it")
    contents = _read_from(port, save) if port else {str(file): _bytes_of(file) for file in files or ()}
    found: dict[tuple[int, bytes], Entry] = {}
    damaged: dict[str, int] = {}
    for name, data in contents.items():
        entries, damaged[name] = read_journal(data)
        found.update({(entry.sequence, entry.payload): entry for entry in entries})
    if not found:
        where = port or ", ".join(contents)
        raise UserError(f"{where}: no journal record found; name the files of a device's journal")
    ordered = sorted(found.values(), key=lambda entry: entry.sequence)
    if as_json:
        print_json({"records": [_entry_json(entry) for entry in ordered], "damaged_bytes": sum(damaged.values())})
        return
    table = Table("number", "UTC", "ticks, s", "what", "", box=None)
    for entry in ordered:
        table.add_row(str(entry.sequence), stamp(entry.utc_s), f"{entry.t_ms / 1000:.3f}", entry.name, entry.detail)
    out.print(table)
    for first, count in _missing(ordered):
        err.print(f"missing: {count} from number {first} on", style="yellow")
    for name, count in damaged.items():
        if count:
            err.print(f"{name}: {count} bytes of torn or damaged records left out", style="yellow")


def _read_from(port: str, save: Path | None) -> dict[str, bytes]:
    """The files of the journal of the device at `port`; kept in `save` with what tells whose they are."""
    from host_tools.device_port import DevicePort  # noqa: PLC0415  (pyserial)

    if save is not None:
        if save.exists() and (not save.is_dir() or any(save.iterdir())):
            raise UserError(f"{save}: is there already; name a new folder, `dati report` joins several of one device")
        if not save.absolute().parent.is_dir():
            raise UserError(f"{save}: there is no folder {save.parent}; create it first")
    with DevicePort(port) as device:
        status = device.status()
        names = [name for name, _ in device.ask("files")["files"] if _IN_JOURNAL.fullmatch(name)]
        contents = {}
        for name in tracked(names, "reading", len(names)):
            contents[name] = device.fetch(name)
    if save is not None:
        save.mkdir(exist_ok=True)
        for name, data in contents.items():
            (save / name).write_bytes(data)
        (save / "firmware").write_text(status["firmware"], encoding="utf-8")
        # The name alone, where a device keeps it among the rest: its settings are not given out.
        identity = {"plan": {"device": status["device"]}}
        (save / "settings.json").write_text(json.dumps(identity, ensure_ascii=False) + "\n", encoding="utf-8")
        err.print(f"{save}: {len(contents)} files of {status['device']}", style="dim")
    return contents


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "number": entry.sequence,
        "utc": None if entry.utc_s < 0 else stamp(entry.utc_s),
        "t_ms": entry.t_ms,
        "kind": entry.kind,
        "what": entry.name,
        "detail": entry.detail,
    }


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; check the path") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None


def verify(
    logs: Annotated[
        list[Path],
        typer.Argument(metavar="LOG.mcap...", help="Logs that a device recorded; with --port any recordings."),
    ],
    port: Annotated[
        str,
        typer.Option(
            "--port", "-p", metavar="PORT", help="Stream recordings through the detectors of the device there."
        ),
    ] = "",
    engine: choices.EngineName = None,
    as_json: choices.AsJson = False,
) -> None:
    """Compare what a device decided, or decides now, with what the same firmware decides here, event for event.

    Status 1 when an event differs; the first that does is shown. `dati replay LOG.mcap` shows a log's whole timeline.
    With --port: `dati verify --port /dev/ttyUSB0 bundled`; the device goes on with what it does. A line of 115200 baud
    carries some 680 samples a second: an hour at 50 Hz takes four and a half minutes, and what the board itself needs.
    """
    runner = choices.engine(engine)
    if port:
        _verify_on_device(port, [str(log) for log in logs], runner, as_json)
        return
    here = firmware_hash()
    shown, differing = [], 0
    for path in logs:
        log = read_device_log(path)
        difference = first_difference(log, runner)
        differing += difference is not None
        if log.firmware != here:
            err.print(f"{path}: recorded by firmware {log.firmware}, replayed by {here}", style="yellow")
        if log.cut_bytes is not None:
            err.print(f"{path}: cut, {log.cut_bytes} bytes after the last whole block left out", style="yellow")
        if as_json:
            shown.append(
                {
                    "log": str(path),
                    "firmware": log.firmware,
                    "same_firmware": log.firmware == here,
                    "cut": log.cut_bytes is not None,
                    "samples": len(log.samples),
                    "events": len(log.events),
                    "difference": None if difference is None else _difference_json(difference),
                }
            )
        elif difference is None:
            out.print(f"{path}: {len(log.samples)} samples, {len(log.events)} events, all as the device decided")
        else:
            out.print(f"{path}: event {difference.number + 1} of {len(log.events)} differs", style="bold red")
            out.print(f"  device: {_line(difference.device)}")
            out.print(f"  replay: {_line(difference.replay)}")
    if as_json:
        print_json(shown)
    if differing:
        raise typer.Exit(EXIT_DIFFERENT)


def _verify_on_device(port: str, sources: list[str], runner: Engine, as_json: bool) -> None:
    from host_tools.device_port import DevicePort  # noqa: PLC0415  (pyserial)
    from host_tools.trial import other_defaults, try_on  # noqa: PLC0415

    shown, differing = [], 0
    others: list[str] = []
    with DevicePort(port) as device, progress_bar() as bar:
        flashed = device.status()["firmware"] or "unknown"
        if flashed != firmware_hash():
            err.print(f"{port}: firmware {flashed} is on the device, {firmware_hash()} here", style="yellow")
        task = bar.add_task("trying", total=None)
        recordings = iter(known.open_sources(sources, ""))
        for trial in try_on(
            device,
            recordings,
            runner,
            Options(),
            lambda name, done, of: bar.update(task, description=name, completed=done, total=of),
        ):
            differing += not trial.same
            shown.append(_trial_json(trial))
            if not as_json:
                _print_trial(trial)
        if any(not row["same_settings"] for row in shown):
            others = other_defaults(device)
    if others:
        err.print(f"{port}: another default on the device than here: {', '.join(others)}", style="bold red")
    if as_json:
        print_json(shown)
    if differing:
        raise typer.Exit(EXIT_DIFFERENT)


def _print_trial(trial: Trial) -> None:
    name, difference = trial.recording.id, trial.difference
    if trial.same:
        out.print(f"{name}: {len(trial.here)} events, the same on the device")
    elif difference is None:
        out.print(
            f"{name}: other settings on the device, though the {len(trial.here)} events are the same", style="red"
        )
    else:
        out.print(f"{name}: differs", style="bold red")
        out.print(f"  device: {_line(difference[0])}")
        out.print(f"  here:   {_line(difference[1])}")


def _trial_json(trial: Trial) -> dict[str, Any]:
    difference = trial.difference
    sides = None
    if difference is not None:
        sides = {
            side: None if event is None else _line(event)
            for side, event in zip(("device", "here"), difference, strict=True)
        }
    return {
        "id": trial.recording.id,
        "events": len(trial.here),
        "same": trial.same,
        "same_settings": trial.same_settings,
        "difference": sides,
    }


def _line(event: Event | None) -> str:
    return "nothing" if event is None else event_line(event).strip()


def _difference_json(difference: Difference) -> dict[str, Any]:
    return {
        "event": difference.number + 1,
        "device": None if difference.device is None else _line(difference.device),
        "replay": None if difference.replay is None else _line(difference.replay),
    }

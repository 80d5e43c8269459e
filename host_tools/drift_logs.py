"""What `dati drift` reads: folders of devices, with journals, settings and logs. Nothing that is odd is left unsaid."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from dati import plan
from dati.settings import Settings, SettingsError

from host_tools.readouts import Source, joined, sources
from simulator.chronology import Problem, in_time
from simulator.device_log import DeviceLog, firmware_hash, read_device_log
from simulator.drift import follow
from simulator.drift_readings import readings_of
from simulator.drift_states import Course, Readings, Rules
from simulator.drift_verdict import Verdict, judge
from simulator.errors import UserError

_LOGS = "*.mcap"
_SETTINGS = "settings.json"
_OLD_ZERO_DAYS = 14
_CLOCK_S = 3600
_OF_A_KIND = 3


@dataclass
class Followed:
    """One device: its course, what it means, what must be said of its records."""

    device: str
    course: Course
    verdict: Verdict
    problems: list[Problem]


@dataclass
class _Device:
    name: str
    folder: Path
    source: Source | None = None
    logs: list[DeviceLog] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def devices(paths: Iterable[Path], identities: dict[str, str]) -> list[_Device]:
    """The devices under the paths. UserError where there is nothing to read."""
    with_journals, logs = [], []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder; check the path")
        found = sorted(path.rglob(_LOGS)) if path.is_dir() else [path] if path.match(_LOGS) else []
        journals = path.is_dir() and any(file.suffix[1:].isdigit() for file in path.rglob("journal.*"))
        if journals or (path.is_file() and not found):
            with_journals.append(path)
        elif not found:
            raise UserError(f"{path}: neither journal.0, journal.1, ... nor a log (.mcap) is in it")
        logs += found
    read = joined(sources(with_journals, identities)) if with_journals else []
    known = [_Device(source.device, source.folder, source, [], list(source.problems)) for source in read]
    for log in dict.fromkeys(logs):
        _take_log(log, known, identities)
    return sorted(known, key=lambda device: device.name)


def _take_log(path: Path, known: list[_Device], identities: dict[str, str]) -> None:
    name = _identity(path.parent, identities)
    mine = next((device for device in known if device.source and path.parent in _folders(device.source)), None)
    mine = mine or next((device for device in known if device.name == name), None)
    if mine is None:
        mine = _Device(name, path.parent)
        known.append(mine)
    try:
        log = read_device_log(path)
    except UserError as error:
        mine.problems.append(Problem("log_unreadable", {"reason": str(error)}))
        return
    if log.firmware != firmware_hash():
        there = {"file": path.name, "there": log.firmware, "here": firmware_hash()}
        mine.problems.append(Problem("log_other_firmware", there))
    mine.logs.append(log)


def _folders(source: Source) -> set[Path]:
    return {source.folder, *(file.parent for file in source.files)}


def _identity(folder: Path, identities: dict[str, str]) -> str:
    for name in (str(folder), folder.name, ""):
        if name in identities:
            return identities[name]
    try:
        device = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))["plan"]["device"]
        return str(device)
    except (OSError, ValueError, KeyError, TypeError):
        return folder.resolve().name


def followed(device: _Device, rules: Rules) -> Followed:
    """Follow one device through what was read of it."""
    problems = list(device.problems)
    rules = _with_settings(device.folder, rules, problems)
    moments, of_clock = in_time(device.source.records.values()) if device.source else ([], [])
    problems += of_clock
    readings, of_readings = readings_of(device.name, moments, _usable(device.logs, problems))
    problems += of_readings
    if device.source and not len(readings):
        problems.append(Problem("no_health", {"count": len(moments)}))
    problems += _about_zero(readings)
    course = follow(readings, rules)
    return Followed(device.name, course, judge(course), _few(problems))


def _few(problems: list[Problem]) -> list[Problem]:
    """Without clocks that were set by less than matters over months; the first few of a kind, and how many more."""
    shown: list[Problem] = []
    more: Counter[str] = Counter()
    for problem in problems:
        if problem.key.startswith("clock_") and abs(problem.values["seconds"]) < _CLOCK_S:
            continue
        if sum(one.key == problem.key for one in shown) < _OF_A_KIND:
            shown.append(problem)
        else:
            more[problem.key] += 1
    return shown + [Problem("more", {"count": count}) for count in more.values()]


def _usable(logs: list[DeviceLog], problems: list[Problem]) -> list[DeviceLog]:
    """Logs whose settings this version knows."""
    usable = []
    for log in logs:
        try:
            Settings(log.settings)
        except SettingsError as error:
            problems.append(Problem("log_unreadable", {"reason": f"{log.path}: {error}"}))
            continue
        usable.append(log)
    return sorted(usable, key=lambda log: log.utc_s)


def _with_settings(folder: Path, rules: Rules, problems: list[Problem]) -> Rules:
    """How this device is set decides what an error costs; defaults where that is not known."""
    path = folder / _SETTINGS
    try:
        settings, _ = plan.load(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return rules
    except (OSError, ValueError) as error:  # SettingsError is one
        problems.append(Problem("settings_unreadable", {"reason": str(error).splitlines()[0]}))
        return rules
    axis = settings.worn_up_axis
    up = np.zeros(3)
    up[abs(axis) - 1] = np.sign(axis)
    return replace(
        rules,
        threshold_deg=float(settings.verticality_threshold_deg),
        limit_mg=settings.immobility_sensitivity_mg / 2,
        worn_up=(float(up[0]), float(up[1]), float(up[2])),
    )


def _about_zero(readings: Readings) -> list[Problem]:
    standing = np.flatnonzero(readings.standing)
    if not len(standing):
        return []
    days = float(readings.day[-1] - readings.day[standing[-1]])
    return [Problem("old_zero", {"days": round(days)})] if days > _OLD_ZERO_DAYS else []

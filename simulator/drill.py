"""A security exercise: who takes part, and what is to be done.

Familiarisation: a representative task is worn for a while, and what is raised then is false. Effectiveness: a simulated
distress must be noticed, leave within the profile's time, and reach somebody who answers. `drill_judge` judges them.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from dati.settings import Settings, SettingsError

from simulator.errors import UserError

HALF_DAY_H = 4
FALSE_PER_HALF_DAY = 10  # a setting that alarms wrongly more often is to be changed
FAMILIARISATION = "familiarisation"
# What is done, the causes that answer it, and the settings whose sum is its longest time.
DISTRESS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sos": (("voluntary",), ("sos_hold_ms",)),
    # No longest time is published for a fall: that of the position alarm, the nearest, is taken.
    "fall": (("fall",), ("verticality_delay_ms", "pre_alarm_ms")),
    "still": (("immobility",), ("immobility_delay_ms", "pre_alarm_ms")),
    "tilt": (("verticality",), ("verticality_delay_ms", "pre_alarm_ms")),
    "cord": (("tear_off",), ("tear_off_delay_ms",)),
    "rescue": (("voluntary",), ("sos_hold_ms",)),
}
KINDS = (FAMILIARISATION, *DISTRESS)
_SWITCHES = {"fall": "fall_enabled", "still": "immobility_enabled", "tilt": "verticality_enabled"}
_SWITCHES["cord"] = "tear_off_enabled"
POSTS = ("sitting", "standing", "lying", "mobile")

# Keys of a plan, and their types.
_PLAN: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "site": str,
    "date": date,
    "language": str,
    "officer": str,
    "rescue": str,
    "profile": str,
    "settings": (dict, str),
    "limits": dict,
    "world": dict,
    "workers": list,
    "exercises": list,
}
_WORKER: dict[str, type | tuple[type, ...]] = {
    "device": str,
    "name": str,
    "post": str,
    "task": str,
    "motion": list,
    "seed": int,
    "recordings": list,
    "select": str,
    "settings": (dict, str),
    "acts": dict,
}
_EXERCISE: dict[str, type | tuple[type, ...]] = {"do": str, "hours": (int, float), "who": list, "words": str}
_LIMITS = {
    "false_per_half_day": FALSE_PER_HALF_DAY,
    "transmission_s": 60,
    "location_age_s": 300,
    "location_error_m": 100,
}


@dataclass(frozen=True)
class Worker:
    """Who takes part, by device. Virtual with `motion`, replayed with `recordings`; with neither, watched by hand."""

    device: str
    post: str
    name: str = ""
    task: str = ""
    motion: tuple[str, ...] = ()
    seed: int = 0
    recordings: tuple[str, ...] = ()
    select: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    acts: Mapping[str, str] = field(default_factory=dict)  # recordings of distress, by what is done


@dataclass(frozen=True)
class Exercise:
    """`who`: posts or devices that do it; all without."""

    do: str
    hours: float = HALF_DAY_H
    who: tuple[str, ...] = ()
    words: str = ""

    def is_for(self, worker: Worker) -> bool:
        return not self.who or worker.device in self.who or worker.post in self.who


@dataclass(frozen=True)
class Step:
    """One exercise of one worker."""

    worker: Worker
    exercise: Exercise

    @property
    def key(self) -> str:
        return f"{self.worker.device}/{self.exercise.do}"


@dataclass(frozen=True)
class Plan:
    title: str
    site: str
    date: str
    language: str
    officer: str
    rescue: str
    workers: tuple[Worker, ...]
    exercises: tuple[Exercise, ...]
    limits: Mapping[str, float]
    world: Mapping[str, Any]
    digest: str

    def steps(self) -> list[Step]:
        """Worker by worker; what the settings of one leave off is not exercised."""
        found = []
        for worker in self.workers:
            settings = Settings(dict(worker.settings))
            for exercise in self.exercises:
                switch = _SWITCHES.get(exercise.do)
                if exercise.is_for(worker) and (switch is None or getattr(settings, switch)):
                    found.append(Step(worker, exercise))
        return found

    def left_off(self) -> list[tuple[Worker, str]]:
        """Detectors that are on and no exercise of the plan tries."""
        tried = {step.key for step in self.steps()}
        return [
            (worker, do)
            for worker in self.workers
            for do, switch in _SWITCHES.items()
            if getattr(Settings(dict(worker.settings)), switch) and f"{worker.device}/{do}" not in tried
        ]


# --- the plan ---


def load(
    path: Path,
    over: Mapping[str, Mapping[str, object]] | None = None,
    language: str = "",
    recordings: Mapping[str, list[str]] | None = None,
) -> Plan:
    """Read a plan. `over`: settings by post or device, over the plan's; `recordings` by device, in place of its own.

    UserError in one line for what is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; name a plan (TOML)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no TOML: {error}") from None
    unknown = set(recordings or {}) - {row.get("device") for row in values.get("workers", []) if isinstance(row, dict)}
    if unknown:
        raise UserError(f"{path}: no worker has the device {sorted(unknown)[0]!r}")
    for row in values.get("workers", []):
        if recordings and isinstance(row, dict) and row.get("device") in recordings:
            row["recordings"] = [str(Path(name).resolve()) for name in recordings[row["device"]]]
    return check(values, path.parent, str(path), over, language)


def check(
    values: Mapping[str, Any],
    folder: Path = Path(),
    where: str = "plan",
    over: Mapping[str, Mapping[str, object]] | None = None,
    language: str = "",
) -> Plan:
    """A plan from its values; `folder` is where the files that it names are looked for. Raises UserError."""
    _types(where, values, _PLAN, ("title", "workers", "exercises"))
    shared = {
        "profile": values.get("profile", "din-0825-11"),
        **read_settings(values.get("settings", {}), folder, where),
    }
    workers = []
    for number, row in enumerate(values["workers"], 1):
        at = f"{where}: worker {number}"
        _types(at, row, _WORKER, ("device", "post"))
        given = {**shared, **read_settings(row.get("settings", {}), folder, at)}
        for name in (row["post"], row["device"]):
            given |= (over or {}).get(name, {})
        try:
            Settings(dict(given))
        except SettingsError as error:
            raise UserError(f"{at} ({row['device']}): settings: {error}") from None
        for do in row.get("acts", {}):
            if do not in DISTRESS:
                raise UserError(f"{at}: acts: {do}: permitted: {', '.join(DISTRESS)}")
        files = [_source(name, folder) for name in row.get("recordings", ())]
        acts = {do: _source(str(name), folder) for do, name in row.get("acts", {}).items()}
        rest = {key: row[key] for key in ("name", "task", "seed", "select") if key in row}
        workers.append(
            Worker(
                row["device"],
                row["post"],
                motion=tuple(map(str, row.get("motion", ()))),
                recordings=tuple(files),
                settings=given,
                acts=acts,
                **rest,
            )
        )
    devices = Counter(worker.device for worker in workers)
    for device, count in devices.items():
        if count > 1:
            raise UserError(f"{where}: device {device!r} is named {count} times; each worker has one of his own")
    exercises = []
    for number, row in enumerate(values["exercises"], 1):
        at = f"{where}: exercise {number}"
        _types(at, row, _EXERCISE, ("do",))
        if row["do"] not in KINDS:
            raise UserError(f"{at}: do = {row['do']!r}: permitted: {', '.join(KINDS)}")
        hours = row.get("hours", HALF_DAY_H)
        if not 0.05 <= hours <= 24:
            raise UserError(f"{at}: hours = {hours}: permitted: 0.05 to 24")
        exercises.append(Exercise(row["do"], hours, tuple(row.get("who", ())), row.get("words", "")))
    doubled = [do for do, count in Counter(one.do for one in exercises).items() if count > 1]
    if doubled:
        raise UserError(f"{where}: {doubled[0]} is planned twice; name its workers in one exercise")
    unknown = set(values.get("limits", {})) - set(_LIMITS)
    if unknown:
        raise UserError(f"{where}: limits: {', '.join(sorted(unknown))}: permitted: {', '.join(_LIMITS)}")
    told = json.dumps(
        [values, {worker.device: dict(worker.settings) for worker in workers}], default=str, sort_keys=True
    )
    return Plan(
        values["title"],
        values.get("site", ""),
        str(values.get("date", "")),
        language or values.get("language", "fr"),
        values.get("officer", ""),
        values.get("rescue", ""),
        tuple(workers),
        tuple(exercises),
        {**_LIMITS, **values.get("limits", {})},
        values.get("world", {}),
        hashlib.sha256(told.encode()).hexdigest()[:12],
    )


def read_settings(given: object, folder: Path, where: str) -> dict[str, object]:
    """Settings as a table, or as a file: a plain JSON object of them, or a device's settings.json."""
    if isinstance(given, dict):
        return dict(given)
    path = folder / str(given)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{where}: settings {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(f"{where}: settings {path}: is not JSON ({error})") from None
    if isinstance(found, dict) and isinstance(found.get("settings"), dict):
        found = found["settings"]
    if not isinstance(found, dict):
        raise UserError(f"{where}: settings {path}: must be a JSON object of settings by name")
    return found


def _source(name: str, folder: Path) -> str:
    return str(folder / name) if (folder / name).exists() else name


def _types(where: str, values: Any, known: Mapping[str, Any], needed: Iterable[str]) -> None:
    if not isinstance(values, Mapping):
        raise UserError(f"{where}: must be a table")
    for key, value in values.items():
        if key not in known:
            raise UserError(f"{where}: {key}: unknown; permitted: {', '.join(known)}")
        if isinstance(value, bool) or not isinstance(value, known[key]):
            raise UserError(f"{where}: {key} = {value!r}: of another type")
    for key in needed:
        if not values.get(key):
            raise UserError(f"{where}: {key} is missing")

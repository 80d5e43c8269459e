"""A scenario: a worker, a place, a network, a centre, what goes wrong, and what must come of it by when. TOML.

Every key is listed in `KEYS`; one that is unknown, or a time that cannot be, is refused in one line that names it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.errors import UserError
from simulator.parts.centre import REPLIES
from simulator.parts.network_calls import ANSWERS

MINUTES_AT_MOST = 14 * 24 * 60
STARTS = ("duty", "off", "new")
REGISTRATIONS = {"idle": 0, "home": 1, "searching": 2, "denied": 3, "roaming": 5, "sms_only": 6}
BUTTONS = ("sos", "cancel")

# What may stand in a scenario: key, its type, what it means.
KEYS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "title": (str, "one line: what happens"),
    "why": (str, "what this shows, for people"),
    "minutes": ((int, float), "how long it lasts"),
    "board": (str, "a file of firmware/boards"),
    "start": (str, "duty: as if duty had begun before; off: configured, off duty; new: not configured"),
    "settings": (dict, "tunables, over their defaults"),
    "plan": (dict, "over the plan of all scenarios; a value of {} or [] empties a key"),
    "seed": (int, "of everything random"),
    "motion": (list, 'pieces as "walk 20": methods of the synthetic wearer, or "trace NAME"'),
    "repeat": (bool, "the motion begins anew when it ends; else its last second goes on"),
    "reacts_s": ((int, float), "the worker cancels so long after the vibrator begins; left out: never"),
    "reactions": (int, "so many times at most"),
    "sensor": (dict, "errors of this specimen: noise_mg_rms, offset_mg, rate_error_ppm, self_test_mg..."),
    "sky": (dict, "path [[s, lat, lon]...], views [[s, open|poor|none]...], or log: a recorded NMEA file"),
    "network": (dict, "at the beginning: registration, signal_dbm, time, time_error_s, sim, pin, zone_quarters"),
    "contacts": (list, "how people take calls and messages: fields of network_calls.Contact"),
    "centre": (dict, "replies [[s, reply, ...]], heartbeat_s, operators [[after_s, command]], key"),
    "battery_percent": ((int, float), "at the beginning"),
    "at": (list, "what happens, each with its time `s`"),
    "must": (list, "what must be seen: who, what, text, after_s, by_s, least, most, every_s"),
    "never": (list, "what must not be seen: who, what, text, after_s, by_s"),
}

# What may happen in `at`, and the type of its value.
ACTIONS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "press": (str, "sos or cancel; for_s says how long (0.5)"),
    "for_s": ((int, float), "of press"),
    "cord": (str, "pull or restore"),
    "registration": (str, "what the network grants: " + ", ".join(REGISTRATIONS)),
    "signal_dbm": ((int, bool), "strength; false: no coverage"),
    "sms": (str, "to the device, with from"),
    "from": (str, "number that writes or calls"),
    "call": (bool, "somebody calls the device"),
    "smsc": (str, "lose, refuse or deliver"),
    "centre": (str, "how it answers from now on; restart: it forgets what it heard"),
    "command": (str, "waits at the centre for the device's next frame"),
    "contact": (str, "number of the one who changes"),
    "answers": (str, "of contact, from now on"),
    "presses": (str, "of contact: digits in a call"),
    "reply": (str, "of contact: what is written back, to one message more"),
    "phone_on": (bool, "of contact: whether messages arrive"),
    "battery_percent": ((int, float), "from now on"),
    "charger": (bool, "USB is plugged or unplugged"),
    "fault": (str, "one of FAULTS"),
    "steps": (int, "of fault power_cut: bytes of flash still written; of garbage: bytes"),
    "axis": (int, "of fault stuck_axis: 0 x, 1 y, 2 z"),
    "console": (str, "a line that the host writes on the USB console"),
    "note": (str, "into the timeline"),
}
FAULTS = {
    "bus_stuck": "a target holds SDA low until it is clocked free",
    "bus_hung": "the sensor holds SDA low for good",
    "sensor_absent": "the sensor no longer answers",
    "sensor_back": "the sensor is well again",
    "sensor_restart": "the sensor alone restarts, at its defaults",
    "stuck_axis": "one axis stays where it is",
    "dead_output": "all axes read 0",
    "garbage": "noise on the modem's UART",
    "modem_mute": "the modem hears and says nothing",
    "modem_back": "it speaks again",
    "modem_hung": "it says nothing until its power is cycled",
    "modem_restart": "it restarts by itself",
    "gnss_dead": "the receiver says nothing any more",
    "gnss_back": "it speaks again",
    "flash_failing": "every access fails",
    "flash_full": "nothing more fits",
    "flash_back": "the flash works again",
    "power_cut": "the cell is out for two seconds, now or after so many bytes written",
    "watchdog": "the program hangs until the watchdog bites",
    "reset": "the processor restarts",
    "slow_bus": "the processor is held up for two seconds: the FIFO overflows",
}
# What says more about another key of its row: which of those must be there.
_WITH = {
    "for_s": ("press",),
    "from": ("sms", "call"),
    "steps": ("fault",),
    "axis": ("fault",),
    "answers": ("contact",),
    "presses": ("contact",),
    "reply": ("contact",),
    "phone_on": ("contact",),
}
_EXPECTATION = {
    "who": str,
    "what": str,
    "text": str,
    "after_s": (int, float),
    "by_s": (int, float),
    "least": int,
    "most": int,
    "every_s": (int, float),
}
_WHO = ("worker", "device", "network", "contact", "centre", "fault")


@dataclass(frozen=True)
class Expectation:
    """Something that must be seen `least` to `most` times within a span, or never.

    `what` (whole) and `text` (anywhere) are regular expressions. `every_s`: within the span, and to its ends, never
    longer than so without it; by_s left out, the span ends with the scenario.
    """

    who: str
    what: str
    text: str = ""
    after_s: float = 0
    by_s: float | None = None
    least: int = 1
    most: int | None = None
    every_s: float | None = None

    def words(self) -> str:
        span = "" if self.by_s is None else f" by {self.by_s:g} s"
        span = (f" after {self.after_s:g} s" if self.after_s else "") + span
        count = f", {self.least} times or more" if self.least > 1 else ""
        count += "" if self.most is None else f", {self.most} times at most"
        count += "" if self.every_s is None else f", every {self.every_s:g} s"
        return f"{self.who} {self.what}" + (f" {self.text!r}" if self.text else "") + span + count


@dataclass(frozen=True)
class Scenario:
    """One scenario, checked. `values` holds the keys of KEYS as they were given."""

    name: str
    values: Mapping[str, Any]
    must: tuple[Expectation, ...] = ()
    never: tuple[Expectation, ...] = ()
    at: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def title(self) -> str:
        return str(self.values["title"])

    @property
    def end_s(self) -> float:
        return float(self.values["minutes"]) * 60


def load(path: Path) -> Scenario:
    """Read a scenario. UserError in one line for whatever is wrong in it."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no TOML: {error}") from None
    return check(path.stem, values)


def check(name: str, values: Mapping[str, Any]) -> Scenario:
    """A scenario from its values. Raises UserError."""
    where = f"scenario {name}"
    _typed(where, values, KEYS)
    for needed in ("title", "minutes", "must"):
        if needed not in values:
            raise UserError(f"{where}: {needed} is missing")
    end_s = float(values["minutes"]) * 60
    if not 0 < end_s <= MINUTES_AT_MOST * 60:
        raise UserError(f"{where}: minutes = {values['minutes']}: permitted: above 0, up to {MINUTES_AT_MOST}")
    if not 0 <= values.get("battery_percent", 80) <= 100:
        raise UserError(f"{where}: battery_percent = {values['battery_percent']}: permitted: 0 to 100")
    if values.get("reacts_s", 0) < 0:
        raise UserError(f"{where}: reacts_s = {values['reacts_s']}: permitted: 0 and above")
    if values.get("start", "duty") not in STARTS:
        raise UserError(f"{where}: start = {values['start']!r}: permitted: {', '.join(STARTS)}")
    return Scenario(
        name,
        values,
        tuple(_expectation(where, "must", row, end_s) for row in values["must"]),
        tuple(_expectation(where, "never", row, end_s) for row in values.get("never", ())),
        tuple(sorted((_action(where, row, end_s) for row in values.get("at", ())), key=lambda row: row["s"])),
    )


def _typed(where: str, values: Mapping[str, Any], keys: Mapping[str, tuple[Any, str]]) -> None:
    for key, value in values.items():
        if key not in keys:
            raise UserError(f"{where}: {key}: unknown; permitted: {', '.join(keys)}")
        expected = keys[key][0]
        if not isinstance(value, expected) or (isinstance(value, bool) and not _takes(expected, bool)):
            raise UserError(f"{where}: {key} = {value!r}: {keys[key][1]}")


def _takes(expected: Any, kind: type) -> bool:
    return kind is expected or (isinstance(expected, tuple) and kind in expected)


def _time(where: str, key: str, value: Any, end_s: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= end_s:
        raise UserError(f"{where}: {key} = {value!r}: permitted: 0 to {end_s:g}, the end of the scenario")
    return float(value)


def _action(where: str, row: Any, end_s: float) -> Mapping[str, Any]:
    if not isinstance(row, dict) or "s" not in row:
        raise UserError(f"{where}: at: {row!r}: each needs its time, s = ...")
    s = _time(where, "at.s", row["s"], end_s)
    rest = {key: value for key, value in row.items() if key != "s"}
    where = f"{where}: at {s:g} s"
    _typed(where, rest, ACTIONS)
    if not rest:
        raise UserError(f"{where}: nothing happens; permitted: {', '.join(ACTIONS)}")
    for key, permitted in (
        ("press", BUTTONS),
        ("cord", ("pull", "restore")),
        ("fault", tuple(FAULTS)),
        ("registration", tuple(REGISTRATIONS)),
        ("smsc", ("lose", "refuse", "deliver")),
        ("centre", (*REPLIES, "restart")),
        ("answers", tuple(ANSWERS)),
    ):
        if key in rest and rest[key] not in permitted:
            raise UserError(f"{where}: {key} = {rest[key]!r}: permitted: {', '.join(permitted)}")
    for key, others in _WITH.items():
        if key in rest and not any(other in rest for other in others):
            raise UserError(f"{where}: {key} needs {' or '.join(others)} beside it")
    for key, lowest, highest in (
        ("for_s", 0, end_s),
        ("battery_percent", 0, 100),
        ("axis", 0, 2),
        ("steps", 0, 1 << 20),
    ):
        if key in rest and not lowest <= rest[key] <= highest:
            raise UserError(f"{where}: {key} = {rest[key]!r}: permitted: {lowest} to {highest:g}")
    if rest.get("signal_dbm") is True:
        raise UserError(f"{where}: signal_dbm = True: permitted: a strength, or false")
    return {"s": s, **rest}


def _expectation(where: str, kind: str, row: Any, end_s: float) -> Expectation:
    where = f"{where}: {kind}"
    if not isinstance(row, dict):
        raise UserError(f"{where}: {row!r}: permitted: a table with {', '.join(_EXPECTATION)}")
    for key, value in row.items():
        if key not in _EXPECTATION:
            raise UserError(f"{where}: {key}: unknown; permitted: {', '.join(_EXPECTATION)}")
        if isinstance(value, bool) or not isinstance(value, _EXPECTATION[key]):  # type: ignore[arg-type]
            raise UserError(f"{where}: {key} = {value!r}: of another type")
    for key in ("who", "what"):
        if key not in row:
            raise UserError(f"{where}: {key} is missing in {row!r}")
    if row["who"] not in _WHO:
        raise UserError(f"{where}: who = {row['who']!r}: permitted: {', '.join(_WHO)}")
    for key in ("after_s", "by_s"):
        if key in row:
            _time(where, key, row[key], end_s)
    if row.get("by_s", end_s) < row.get("after_s", 0):
        raise UserError(f"{where}: by_s = {row['by_s']:g}: permitted: not before after_s = {row['after_s']:g}")
    least = row.get("least", 1)
    if least < 0 or row.get("most", least) < least:
        raise UserError(f"{where}: least = {least}, most = {row.get('most')}: permitted: 0 <= least <= most")
    for key in ("what", "text"):
        try:
            re.compile(row.get(key, ""))
        except re.error as error:
            raise UserError(f"{where}: {key} = {row[key]!r}: no regular expression: {error}") from None
    if kind == "never" and "every_s" in row:
        raise UserError(f"{where}: every_s: only of must")
    if row.get("every_s", 1) <= 0:
        raise UserError(f"{where}: every_s = {row['every_s']!r}: permitted: above 0")
    return Expectation(**row)

"""What calibration tries: per detector the settings from the default on towards fewer alarms, never the other way.

The first option of every detector is the reference: the default values of what is searched, all else as given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dati.settings import Settings, SettingsError

from simulator.errors import UserError
from simulator.replay import REACTION_MS

VERTICALITY, IMMOBILITY, FALL, OTHER = DETECTORS = ("verticality", "immobility", "fall", "other")
SWITCHES = {
    VERTICALITY: "verticality_enabled",
    IMMOBILITY: "immobility_enabled",
    FALL: "fall_enabled",
    OTHER: "flight_enabled",
}
NEEDS = "verticality_needs_immobility"
SENSITIVITY = "immobility_sensitivity_mg"
SEARCHED = (
    "verticality_threshold_deg",
    "verticality_delay_ms",
    SENSITIVITY,
    "immobility_delay_ms",
    "fall_points",
)

_MORE_DEG = (0, 5, 10, 15, 20, 25, 30, 35, 40)
_VERTICALITY_DELAYS = (1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 3)  # times the default
_IMMOBILITY_DELAYS = (1, 13 / 12, 7 / 6, 1.25, 4 / 3, 1.5, 5 / 3, 2, 2.5, 3)
_SENSITIVITIES = (1, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
_LONGEST_MS = 900000  # as the dead-man check's at most: longer is no help
_POINTS = (0, 15, 30, 45, 60, 80, 100, 120, 150, 200)  # 14 points halve the odds
_NEEDS_DELAYS = (1, 1.5, 2, 3)

# Which way a value is keener: 1 where more is.
_KEENER = (
    ("verticality_delay_ms", -1),
    ("immobility_delay_ms", -1),
    ("verticality_threshold_deg", -1),
    (SENSITIVITY, 1),
)

# What a replay does not need, or what would end it: an alarm that nobody cancels hides all after it.
_PRE_ALARM_MS = 15000
_TECHNICAL_MS = 3600000

Option = dict[str, Any]


def reference(given: Mapping[str, object]) -> Settings:
    """Settings with the default values of what is searched. UserError where the rest of `given` is refused."""
    return checked({name: value for name, value in given.items() if name not in SEARCHED})


def checked(values: Mapping[str, object]) -> Settings:
    try:
        return Settings(dict(values))
    except SettingsError as error:
        raise UserError(f"settings: {error}") from None


def options(given: Mapping[str, object], lying: bool) -> dict[str, list[Option]]:
    """What is tried of each detector, the reference first; nothing in it exceeds a cap of the profile.

    A detector that is off stays off. Where the work itself is done `lying`, verticality may also be made to need
    immobility, or be off: no angle tells that work from lying helpless.
    """
    base = reference(given)
    kept = {name: value for name, value in given.items() if name not in SEARCHED}
    found: dict[str, list[Option]] = {name: [{}] for name in DETECTORS}
    if base.verticality_enabled:
        delays = _scaled(base.verticality_delay_ms, _VERTICALITY_DELAYS)
        angles = [base.verticality_threshold_deg + more for more in _MORE_DEG]
        # Where motion starts the delay anew the sensitivity bears on both: it is then left to what is below.
        if not base.verticality_needs_immobility:
            found[VERTICALITY] = [
                {"verticality_threshold_deg": deg, "verticality_delay_ms": ms} for deg in angles for ms in delays
            ]
        if lying or base.verticality_needs_immobility:
            found[VERTICALITY] += [
                {NEEDS: True, "verticality_delay_ms": ms, SENSITIVITY: mg}
                for ms in _scaled(base.verticality_delay_ms, _NEEDS_DELAYS)
                for mg in _sensitivities(base)
            ]
        if base.verticality_needs_immobility:
            found[VERTICALITY].pop(0)
        elif lying:
            found[VERTICALITY].append({"verticality_enabled": False})
    if base.immobility_enabled:
        found[IMMOBILITY] = [
            {"immobility_delay_ms": ms, SENSITIVITY: mg}
            for ms in _scaled(base.immobility_delay_ms, _IMMOBILITY_DELAYS)
            for mg in _sensitivities(base)
        ]
    if base.fall_enabled:
        found[FALL] = [{"fall_points": base.fall_points + more} for more in _POINTS]
    return {name: [one for one in them if _permitted({**kept, **one})] for name, them in found.items()}


def _scaled(value_ms: int, factors: tuple[float, ...]) -> list[int]:
    every = [round(value_ms * factor / 1000) * 1000 for factor in factors]
    return [ms for ms in every if ms <= max(value_ms, _LONGEST_MS)]


def _sensitivities(base: Settings) -> list[int]:
    return sorted({max(20, round(base.immobility_sensitivity_mg * factor)) for factor in _SENSITIVITIES}, reverse=True)


def _permitted(values: Mapping[str, object]) -> bool:
    try:
        Settings(dict(values))
    except SettingsError:
        return False
    return True


def agree(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two options can be set at once: a sensitivity named by both must be the same."""
    return all(other.get(name, value) == value for name, value in one.items())


def keener(options: Sequence[Option]) -> list[int]:
    """For every option the next keener one: by its delay alone, else by its angle or its sensitivity, else itself."""
    found = []
    for at, one in enumerate(options):
        nearest = at
        for name, sign in _KEENER:
            beyond = [
                other
                for other, two in enumerate(options)
                if one.keys() == two.keys()
                and all((value == two[key]) == (key != name) for key, value in one.items())
                and sign * (two.get(name, 0) - one.get(name, 0)) > 0
            ]
            if beyond:
                nearest = min(beyond, key=lambda other: sign * options[other][name])
                break
        found.append(nearest)
    return found


def replayable(settings: Mapping[str, object], alone: str | None = None) -> dict[str, object]:
    """Full settings as they are replayed, with one detector `alone` or all that are on."""
    values = dict(settings)
    # Caps are checked on what is recommended; here a longer pre-alarm may be needed to let the worker cancel.
    values["profile"] = "default"
    if int(values["pre_alarm_ms"]) <= REACTION_MS:  # type: ignore[call-overload]
        values["pre_alarm_ms"] = _PRE_ALARM_MS
    values.update(technical_delay_ms=_TECHNICAL_MS, dead_man_enabled=False)
    if alone is not None:
        for name, switch in SWITCHES.items():
            if name != alone:
                values[switch] = False
        if not values["verticality_enabled"]:
            values[NEEDS] = False
    return values

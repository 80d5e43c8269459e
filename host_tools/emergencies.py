"""Who must be found: the cases against which calibration weighs false pre-alarms.

Falls come from a corpus, or are synthetic where none is given. The motionless lie, sit or hang in seven postures,
bare and shaken by machines and by the vehicle floors of the corpus. The collapsed lean or lie and still stir: three
of four flat on the ground, one against something; how real workers lie is not known, the shares are assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from datasets.synthetic import Wearer
from host_tools.tradeoff import still_bodies
from simulator.calibration import COLLAPSED, FALLEN, MOTIONLESS, Case
from simulator.calibration_grid import IMMOBILITY, VERTICALITY, Option
from simulator.replay import Options, device_settings
from simulator.stillness import (
    AFTER_DELAY_S,
    MACHINE_MS2,
    VEHICLE_FLOOR,
    Body,
    machine_hz,
    machine_mg,
    ride_mg,
    still_segments,
)
from simulator.trace import Recording

SHAKEN = 60
COLLAPSES = 48
SYNTHETIC_FALLS = 56

_MG_PER_MS2 = 1000 / 9.80665
_MOST_RIDE_CASES = 40
_SIDES = ("forward", "backward", "left", "right")
_FLAT_DEG = (78, 100)  # SisFall's fallen end at 85 to 100
_PROPPED_DEG = (50, 78)  # over a rail, against a wall
_FALLS: tuple[Callable[[Wearer], Wearer], ...] = (
    lambda w: w.walk(8).trip_fall(),
    lambda w: w.walk(8).slip_fall(),
    lambda w: w.walk(8).side_fall("left"),
    lambda w: w.work_standing(8).side_fall("right"),
    lambda w: w.work_standing(8).faint(),
    lambda w: w.sit().work_seated(8).slump(),
    lambda w: w.work_standing(8).harness_fall(hang_deg=70),
)


def cases(
    tried: dict[str, list[Option]], rate_hz: int, rides: Sequence[Recording], longest_s: tuple[float, float]
) -> Iterator[Case]:
    """The motionless and the collapsed, each long enough for the longest delay tried.

    `longest_s`: delays of verticality and immobility that are not searched but given.
    """
    vertical_s = max([longest_s[0], *(one.get("verticality_delay_ms", 0) / 1000 for one in tried[VERTICALITY])])
    immobile_s = max([longest_s[1], *(one.get("immobility_delay_ms", 0) / 1000 for one in tried[IMMOBILITY])])
    bodies = still_bodies(max(vertical_s, immobile_s))
    for body in [*bodies, *_shaken(bodies, rate_hz), *_ridden(bodies, rides)]:
        # Its first segment is the body as it is; what a machine adds is already in it.
        still = next(still_segments([body], [], rate_hz))
        yield Case(MOTIONLESS, still.recording, still.still_since_ms, body.name)
    yield from collapses(vertical_s, rate_hz)


def _shaken(bodies: Sequence[Body], rate_hz: int) -> Iterator[Body]:
    frequencies = machine_hz(rate_hz)
    for number in range(SHAKEN):
        body = bodies[number % len(bodies)]
        hz = frequencies[number * 7 % len(frequencies)]
        ms2 = MACHINE_MS2[number % len(MACHINE_MS2)]
        shaking = machine_mg(hz, ms2 * _MG_PER_MS2, 1 + 2 * (number % 2), body, seed=number)
        yield replace(body, name=f"{body.name}, {hz:g} Hz {ms2:g} m/s2", truth_mg=body.truth_mg + shaking)


def _ridden(bodies: Sequence[Body], rides: Sequence[Recording]) -> Iterator[Body]:
    for number in range(min(_MOST_RIDE_CASES, 4 * len(rides))):
        body, ride = bodies[number % len(bodies)], rides[number % len(rides)]
        shaking = ride_mg(ride, body, number // len(rides) / 3)
        yield replace(body, name=f"{body.name}, {ride.id} {number}", truth_mg=body.truth_mg + shaking)


def collapses(delay_s: float, rate_hz: int) -> Iterator[Case]:
    """Workers who sink without an impact and then lie there stirring, hurt but not unconscious."""
    for seed in range(1, 1 + COLLAPSES):
        low, high = _PROPPED_DEG if seed % 4 == 0 else _FLAT_DEG
        tilt_deg = low + (high - low) * (seed - 0.5) / COLLAPSES
        side = _SIDES[seed // 4 % 4 if seed % 4 == 0 else seed % 4]
        wearer = Wearer(seed).work_standing(5)
        since_ms = wearer.t_ms
        wearer.lean(tilt_deg, side, duration_s=3).lie(delay_s + AFTER_DELAY_S)
        name = f"collapsed {seed}"
        yield Case(COLLAPSED, wearer.recording(name, rate_hz, kind="fall", placement="waist"), since_ms, name)


def synthetic_falls(rate_hz: int) -> Iterator[Case]:
    """Falls of every kind the synthetic worker knows; they stand in where no corpus is given."""
    for number in range(SYNTHETIC_FALLS):
        wearer = _FALLS[number % len(_FALLS)](Wearer(1000 + number)).lie(8)
        recording = wearer.recording(f"fall {number}", rate_hz, kind="fall", placement="waist")
        yield Case(FALLEN, recording, recording.onset_ms or 0, str(number))


def recorded_falls(recordings: Sequence[Recording], placement: str) -> Iterator[Case]:
    """The falls of a corpus that were worn where the post wears the device."""
    for one in recordings:
        if one.kind == "fall" and device_settings(one, Options()).placement == placement:
            yield Case(FALLEN, one, one.onset_ms or 0, one.subject or one.id)


def is_ride(recording: Recording) -> bool:
    return recording.placement == VEHICLE_FLOOR

"""Recordings through the device's mind, on any engine, and what came of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from dati import events as codes
from dati.alarm import STATES
from dati.settings import Settings, SettingsError

from simulator.engines import Engine, Event, Job
from simulator.errors import UserError
from simulator.sensor_model import SensorModel
from simulator.trace import INPUTS, Input, Recording

REACTION_MS = 4000  # how long a worker who cancels takes to reach the button: assumed
# What the vibrator does to the accelerometer beside it; assumed. It is never judged, so the figure changes nothing
# unless that fails, and then it does.
SHAKE_MG = 300

_INPUT_NUMBER = {what: number for number, what in enumerate(INPUTS)}
_CAUSES = dict(codes.CAUSES)
_NAMES = {code: (name, kind) for code, name, kind in codes.EVENTS}
_ARGUMENTS = {
    "by": dict(codes.PARTIES),
    "request": dict(codes.REQUESTS),
    "signal": dict(STATES),
}


@dataclass(frozen=True)
class Options:
    """How to replay: settings over the recording's own, and how the worker behaves."""

    settings: Mapping[str, object] = field(default_factory=dict)
    worker_cancels: bool = False
    start_ms: int = 0
    block: int = 1 << 20


def cause_names(causes: int) -> list[str]:
    """Names of the causes in a bit set, most urgent first."""
    return [name for bit, name in codes.CAUSES if causes & bit]


def event_name(event: Event) -> str:
    return _NAMES[event.code][0]


def event_detail(event: Event) -> str:
    """The argument of an event in words."""
    kind = _NAMES[event.code][1]
    if kind in ("cause", "causes"):
        return "+".join(cause_names(event.argument))
    if kind in _ARGUMENTS:
        return _ARGUMENTS[kind][event.argument]
    return str(event.argument) if kind == "count" else ""


def event_line(event: Event) -> str:
    """An event as it stands in expected results: seconds, name, detail. Full figures, so that no change hides."""
    return f"{event.t_ms / 1000:9.3f}  {event_name(event)} {event_detail(event)}".rstrip()


def digest(events: Iterable[Event]) -> str:
    """A fingerprint of a stream of events: equal streams, and only they, have equal ones."""
    text = "".join(f"{event.sample} {event.t_ms} {event.code} {event.argument}\n" for event in events)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Outcome:
    """What the device made of one recording."""

    recording: Recording
    job: Job
    events: list[Event]
    allocated_bytes: int | None = None

    @cached_property
    def raised(self) -> dict[str, int]:
        """Causes that reached a pre-alarm or alarm, with the time of the first, in ms."""
        found: dict[str, int] = {}
        for event in self.events:
            if event.code in (codes.PRE_ALARM, codes.ALARM, codes.CAUSE_ADDED):
                for name in cause_names(event.argument):
                    found.setdefault(name, event.t_ms)
        return found

    @property
    def pre_alarms(self) -> int:
        return sum(event.code == codes.PRE_ALARM for event in self.events)

    @property
    def alarms(self) -> int:
        return sum(event.code == codes.ALARM for event in self.events)

    @property
    def digest(self) -> str:
        return digest(self.events)


def device_settings(recording: Recording, options: Options) -> Settings:
    """The settings this recording is replayed with. UserError names the value refused, and what is permitted."""
    placement = {} if "placement" in recording.settings else _placement(recording)
    try:
        return Settings({**placement, **recording.settings, **options.settings})
    except SettingsError as error:
        raise UserError(f"settings: {error}") from None


def _placement(recording: Recording) -> dict[str, object]:
    """What the device would be told of where it is worn; the waist where a recording's place has no setting."""
    for setting, words in (("wrist", ("wrist",)), ("pocket", ("pocket", "thigh"))):
        if any(word in recording.placement for word in words):
            return {"placement": setting}
    return {}


def make_job(recording: Recording, options: Options) -> Job:
    """The recording as the device's accelerometer would deliver it, at the settings' rate."""
    settings = device_settings(recording, options)
    rate_hz = settings.rate_hz
    # What a device recorded is what it judged, whatever its sensor.
    recorded = recording.dataset == "device"
    samples = recording.samples if recorded else SensorModel.lis3dh(rate_hz=rate_hz).apply(recording)
    inputs = np.array([_input(put, rate_hz, recording.rate_hz) for put in recording.inputs], np.int32).reshape(-1, 3)
    return Job(
        id=recording.id,
        samples=samples,
        settings=settings.as_dict(),
        inputs=inputs[np.argsort(inputs[:, 0], kind="stable")],
        up=recording.up or _first_second(samples, rate_hz),
        cancel_after=REACTION_MS * rate_hz // 1000 if options.worker_cancels else -1,
        shake_mg=SHAKE_MG,
        start_ms=options.start_ms,
        block=options.block,
    )


def _input(put: Input, rate_hz: int, recorded_hz: float) -> tuple[int, int, int]:
    """An input as engines take it. Lost samples are counted at the recording's rate: it is their time that is kept."""
    value = round(put.value * rate_hz / recorded_hz) if put.what == "lost" else put.value
    return -(-put.t_ms * rate_hz // 1000), _INPUT_NUMBER[put.what], value


def _first_second(samples: np.ndarray, rate_hz: int) -> tuple[int, int, int] | None:
    """Zeroing for a recording that does not say which way was up: whoever it is stands still at first, we assume."""
    x, y, z = (int(mg) for mg in np.rint(samples[:rate_hz].mean(axis=0)))
    return (x, y, z) if x or y or z else None


def replay(recordings: Iterable[Recording], engine: Engine, options: Options) -> Iterator[Outcome]:
    """Replay each recording; outcomes come in order, as they are ready. Memory stays flat over any number."""
    waiting: list[tuple[Recording, Job]] = []

    def jobs() -> Iterator[Job]:
        for recording in recordings:
            job = make_job(recording, options)
            waiting.append((recording, job))
            yield job

    for result in engine.run(jobs()):
        recording, job = waiting.pop(0)
        yield Outcome(recording, job, result.events, result.allocated_bytes)

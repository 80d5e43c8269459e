"""Recordings through the detectors on a connected device, compared with the simulator's, event for event."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from dati.settings import Settings
from dati.tunables import TUNABLES

from host_tools.device_port import DevicePort, UnpluggedError
from simulator.engines import Engine
from simulator.engines.base import Event, Job
from simulator.errors import UserError
from simulator.replay import Options, make_job
from simulator.trace import Recording

_SAMPLES = 27  # in one line: 8 characters each, and device_port.LONGEST holds them with what stands before


class Trial(NamedTuple):
    """`same_settings`: whether the device's defaults, with the settings it was told, come to the same as ours."""

    recording: Recording
    here: list[Event]
    device: list[Event]
    same_settings: bool

    @property
    def same(self) -> bool:
        return self.same_settings and self.here == self.device

    @property
    def difference(self) -> tuple[Event | None, Event | None] | None:
        """The first events that differ, (device, here); None where all are the same."""
        for number in range(max(len(self.here), len(self.device))):
            pair = tuple(events[number] if number < len(events) else None for events in (self.device, self.here))
            if pair[0] != pair[1]:
                return pair[0], pair[1]
        return None


def try_on(
    device: DevicePort,
    recordings: Iterator[Recording],
    engine: Engine,
    options: Options,
    progress: Callable[[str, int, int], None] = lambda identity, done, of: None,
) -> Iterator[Trial]:
    """Each recording on the device and on `engine`. UserError when the device refuses one.

    `progress` hears how many samples of which recording the device has taken.
    """
    for recording in recordings:
        # The device's own vibrator is not felt by samples that are streamed.
        job = replace(make_job(recording, options), shake_mg=0, start_ms=0)
        here = next(iter(engine.run([job]))).events
        same_settings = _begin(device, job)
        yield Trial(recording, here, list(_stream(device, job, progress)), same_settings)
    device.ask("end")


def other_defaults(device: DevicePort) -> list[str]:
    """Names of the tunables whose default is another on the device than here."""
    plain = device.ask("try {} 0 0 0")["settings"]
    if plain == _crc(Settings()):
        return []
    found = []
    for name, *_ in TUNABLES:
        told = json.dumps({name: getattr(Settings(), name)}, separators=(",", ":"))
        try:
            if device.ask(f"try {told} 0 0 0")["settings"] != plain:
                found.append(name)
        except UnpluggedError:
            raise
        except UserError:  # it contradicts another default of the device's: one of the two differs
            found.append(name)
    device.ask("end")
    return found


def _begin(device: DevicePort, job: Job) -> bool:
    up = job.up or (0, 0, 0)
    answer = device.ask(f"try {_short(job)} {up[0]} {up[1]} {up[2]}")
    return bool(answer["settings"] == _crc(Settings(job.settings)))


def _stream(device: DevicePort, job: Job, progress: Callable[[str, int, int], None]) -> Iterator[Event]:
    samples = np.ascontiguousarray(job.samples, dtype="<i2")
    inputs = [tuple(map(int, row)) for row in job.inputs]
    at = 0
    while True:
        while inputs and inputs[0][0] <= at:
            _, what, value = inputs.pop(0)
            yield from _events(device.ask(f"do {what} {value}"))
        if at >= len(samples):
            return
        end = min(at + _SAMPLES, len(samples))
        if inputs:
            end = min(end, inputs[0][0])
        data = base64.b64encode(samples[at:end].tobytes()).decode()
        answer = device.ask(f"feed {at} {data}")
        if answer["taken"] != end:
            raise UserError(f"{device.port}: the device took {answer['taken']} samples of {end}; try again")
        yield from _events(answer)
        at = end
        progress(job.id, at, len(samples))


def _short(job: Job) -> str:
    """Only what is no default: a short line arrives at once."""
    plain = Settings(
        {"profile": job.settings.get("profile", "default"), "placement": job.settings["placement"]}
    ).as_dict()
    told = {name: value for name, value in job.settings.items() if plain[name] != value}
    for name, default in (("profile", "default"), ("placement", "waist")):
        if job.settings.get(name, default) != default:
            told[name] = job.settings[name]
    return json.dumps(told, separators=(",", ":"))


def _crc(settings: Settings) -> str:
    """As firmware/service.py makes it."""
    told = {"profile": settings.profile, **{name: getattr(settings, name) for name, *_ in TUNABLES}}
    return f"{binascii.crc32(''.join(f'{name}={value} ' for name, value in told.items()).encode()):08x}"


def _events(answer: dict[str, object]) -> Iterator[Event]:
    for row in answer["events"]:  # type: ignore[attr-defined]
        yield Event(*row)

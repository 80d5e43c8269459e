"""Recordings through the detectors on a connected device, compared with the simulator's, event for event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from dati.settings import Settings

from host_tools.device_port import DevicePort
from simulator.engines import Engine
from simulator.engines.base import Event, Job
from simulator.errors import UserError
from simulator.replay import Options, make_job
from simulator.trace import Recording

_SAMPLES = 90  # in one line: 12 hex digits each, and the console takes 1200 characters


class Trial(NamedTuple):
    recording: Recording
    here: list[Event]
    device: list[Event]

    @property
    def difference(self) -> tuple[Event | None, Event | None] | None:
        """The first events that differ, (device, here); None where all are the same."""
        for number in range(max(len(self.here), len(self.device))):
            pair = tuple(events[number] if number < len(events) else None for events in (self.device, self.here))
            if pair[0] != pair[1]:
                return pair[0], pair[1]
        return None


def try_on(device: DevicePort, recordings: Iterator[Recording], engine: Engine, options: Options) -> Iterator[Trial]:
    """Each recording on the device and on `engine`. UserError when the device refuses one."""
    for recording in recordings:
        # The device's own vibrator is not felt by samples that are streamed.
        job = replace(make_job(recording, options), shake_mg=0, start_ms=0)
        yield Trial(recording, next(iter(engine.run([job]))).events, list(_stream(device, job)))


def _stream(device: DevicePort, job: Job) -> Iterator[Event]:
    up = job.up or (0, 0, 0)
    device.ask(f"try {_short(job)} {up[0]} {up[1]} {up[2]}")
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
        answer = device.ask("feed " + samples[at:end].tobytes().hex())
        if answer["taken"] != end:
            raise UserError(
                f"{device.port}: {answer['taken']} samples arrived of {end}; the cable loses data, try again"
            )
        yield from _events(answer)
        at = end


def _short(job: Job) -> str:
    """Only what is no default: the console's line is short."""
    plain = Settings(
        {"profile": job.settings.get("profile", "default"), "placement": job.settings["placement"]}
    ).as_dict()
    told = {
        name: value for name, value in job.settings.items() if plain[name] != value or name in ("profile", "placement")
    }
    return json.dumps(told, separators=(",", ":"))


def _events(answer: dict[str, object]) -> Iterator[Event]:
    for row in answer["events"]:  # type: ignore[attr-defined]
        yield Event(*row)

"""Device logs: what `firmware/dati/recorder.py` wrote, read back into a recording, and replayed to compare.

The format is MCAP; see the recorder. A log that was cut is read up to its last whole chunk.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from dati.clock import stamp
from dati.settings import Settings, SettingsError
from mcap.data_stream import RecordBuilder
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.reader import NonSeekingReader
from mcap.records import DataEnd, Footer

from simulator.engines import Engine, Event, Job
from simulator.engines.base import FIRMWARE, TICK_PERIOD_MS, replayed
from simulator.errors import UserError
from simulator.trace import INPUTS, Input, Recording

_MAGIC = b"\x89MCAP0\r\n"
_RECORD_HEAD = 9
_CDR_LITTLE_ENDIAN = b"\x00\x01"
_RANGE_MG = 8000  # the drivers' range
_INPUT_NAMES = list(INPUTS)


@dataclass(frozen=True)
class DeviceLog:
    """What one device log holds. `events` are the device's own, `inputs` int32 triples as a `Job` takes them.

    `up`: the worn vertical that was set, None for the settings' axis. `cut_bytes`: how many followed the last whole
    record of a log without its end, None for a whole log.
    """

    path: Path
    firmware: str
    settings: dict[str, Any]
    utc_s: int
    start_ms: int
    up: tuple[int, int, int] | None
    samples: np.ndarray
    inputs: np.ndarray
    events: list[Event]
    cut_bytes: int | None

    @property
    def job(self) -> Job:
        """The log as the device lived it: its own samples as they are, its own ticks."""
        return Job(
            id=self.path.name,
            samples=self.samples,
            settings=self._checked.as_dict(),
            inputs=self.inputs,
            up=self.up,
            start_ms=self.start_ms,
        )

    @property
    def recording(self) -> Recording:
        """The log as a recording, to be replayed with other settings too."""
        settings = self._checked
        rate_hz = settings.rate_hz
        up = self.up
        if up is None:
            axis = settings.worn_up_axis
            x, y, z = (int(np.sign(axis)) * 1000 * (abs(axis) == number) for number in (1, 2, 3))
            up = (x, y, z)
        words = f"recorded by a device, begun {stamp(self.utc_s)}, firmware {self.firmware}"
        return Recording(
            id=self.path.stem,
            dataset="device",
            samples=self.samples,
            rate_hz=float(rate_hz),
            range_mg=_RANGE_MG,
            words=words if self.firmware == firmware_hash() else f"{words} (another than here)",
            placement=settings.placement,
            up=up,
            settings=self.settings,
            inputs=tuple(
                Input(int(taken) * 1000 // rate_hz, self._input_name(what), int(value))
                for taken, what, value in self.inputs
            ),
        )

    @cached_property
    def _checked(self) -> Any:
        try:
            return Settings(self.settings)
        except SettingsError as error:
            raise UserError(f"{self.path}: its settings are not of this version ({error})") from None

    def _input_name(self, what: int) -> str:
        if not 0 <= what < len(_INPUT_NAMES):
            raise UserError(f"{self.path}: holds input {what}, which this program does not know; take a newer one")
        return _INPUT_NAMES[what]


class Difference(NamedTuple):
    """Where replay and device part: the number of the event, from 0, and what each has there, None for nothing."""

    number: int
    device: Event | None
    replay: Event | None


def firmware_hash() -> str:
    """What stands for the decision's source here; the device is told the same of its own when it is flashed."""
    found = hashlib.sha256()
    for path in replayed(FIRMWARE):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def first_difference(log: DeviceLog, engine: Engine) -> Difference | None:
    """Replay the log; None where every event has the same time, code and argument as the device's own."""
    found = next(iter(engine.run([log.job]))).events
    if log.cut_bytes is not None:
        # The cut may have parted the last samples from what they led to.
        while len(found) > len(log.events) and found[-1].sample == len(log.samples):
            found.pop()
    for number in range(max(len(found), len(log.events))):
        own = log.events[number] if number < len(log.events) else None
        replay = found[number] if number < len(found) else None
        if own is None or replay is None or own[1:] != replay[1:]:
            return Difference(number, own, replay)
    return None


def read_device_log(path: str | Path) -> DeviceLog:
    """Read the log at `path`. UserError where it is missing, no device log or damaged."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if not data.startswith(_MAGIC):
        raise UserError(f"{path}: is not a device log (MCAP)")
    end, cut_bytes = _whole_part(data)
    try:
        return _read(path, data[:end] + _ending(), cut_bytes)
    except UserError:
        raise
    except (McapError, ValueError, KeyError, IndexError, TypeError, struct.error, AssertionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise UserError(f"{path}: is damaged ({reason}); copy it from the device again") from None


def _whole_part(data: bytes) -> tuple[int, int | None]:
    """Where the last whole record before the end records stops; bytes after it, None where the end is there."""
    at = len(_MAGIC)
    while at + _RECORD_HEAD <= len(data):
        kind = data[at]
        end = at + _RECORD_HEAD + int.from_bytes(data[at + 1 : at + _RECORD_HEAD], "little")
        if kind == Opcode.DATA_END and data.endswith(_MAGIC):
            return at, None
        if kind == Opcode.DATA_END or end > len(data):
            break
        at = end
    return at, len(data) - at


def _ending() -> bytes:
    builder = RecordBuilder()
    DataEnd(0).write(builder)
    Footer(0, 0, 0).write(builder)
    return builder.end() + _MAGIC


def _read(path: Path, data: bytes, cut_bytes: int | None) -> DeviceLog:
    start: dict[str, Any] | None = None
    blocks: list[np.ndarray] = []
    inputs: list[tuple[int, int, int]] = []
    events: list[Event] = []
    taken = 0
    for topic, body in _messages(data):
        if topic == "/start":
            start = json.loads(body)
        elif start is None:
            break
        elif topic == "/samples":
            first, _, count = struct.unpack_from("<III", body)
            if first != taken:
                raise ValueError(f"sample {taken} and those up to {first} are missing")
            blocks.append(np.frombuffer(body, "<i2", 3 * count, 12).reshape(-1, 3))
            taken += count
        elif topic == "/input":
            index, _, value, what = struct.unpack_from("<IIiB", body)
            inputs.append((index, what, value))
        elif topic == "/event":
            index, tick_ms, argument, code = struct.unpack_from("<IIiB", body)
            # The device has no log of 12 days, after which its ticks would come round.
            events.append(Event(index, (tick_ms - start["t_ms"]) % TICK_PERIOD_MS, code, argument))
    if start is None:
        raise UserError(f"{path}: is MCAP but no device log, or was cut before its first message")
    if not taken:
        raise UserError(f"{path}: holds no samples; the recording ended before its first block")
    if not isinstance(start["settings"], dict):
        raise ValueError("settings are no JSON object")
    up = start["up"]
    return DeviceLog(
        path=path,
        firmware=str(start["firmware"]),
        settings=start["settings"],
        utc_s=int(start["utc_s"]),
        start_ms=int(start["t_ms"]),
        up=None if up is None else (int(up[0]), int(up[1]), int(up[2])),
        samples=np.concatenate(blocks).astype(np.int16),
        inputs=np.array(inputs, np.int32).reshape(-1, 3),
        events=events,
        cut_bytes=cut_bytes,
    )


def _messages(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Topic and body of every message in the order of the file; CRCs are checked."""
    reader = NonSeekingReader(io.BytesIO(data), validate_crcs=True, record_size_limit=len(data))
    for _, channel, message in reader.iter_messages(log_time_order=False):
        if channel.message_encoding == "cdr":
            if message.data[:2] != _CDR_LITTLE_ENDIAN:
                raise ValueError("a message is not little-endian CDR")
            yield channel.topic, message.data[4:]
        else:
            yield channel.topic, message.data

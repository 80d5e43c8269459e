"""A made-up device as files: its journal, copied off it every two months, and its settings, a folder each time.

`python -m simulator.fleet_files FOLDER --count 12` writes a fleet for `dati drift FOLDER` to read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from dati import journal

from simulator import fleet
from simulator.chronology import DAY_S
from simulator.drift_readings import pack_reading
from simulator.drift_states import Readings

COPIED_EVERY_DAYS = 60.0
_FILES = 8
_LEAD_MS = 60_000  # from switching on to standing still


class _Store:
    """The part of a storage port that a journal needs, in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read(self, name: str) -> bytes:
        return self.files.get(name, b"")

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = bytes(data)

    def append(self, name: str, data: bytes) -> None:
        self.files[name] = self.files.get(name, b"") + bytes(data)

    def rename(self, old: str, new: str) -> None:
        self.files[new] = self.files.pop(old)


def write_device(
    readings: Readings,
    folder: Path,
    *,
    device: str | None = None,
    clock: Callable[[int, int], int] = lambda number, utc_s: utc_s,
    payload: Callable[[bytes], bytes] = lambda packed: packed,
    only_still: bool = False,
) -> None:
    """Write a device's life. `clock` gives what its clock says at reading `number`; `payload` what its firmware packs.

    `only_still`: its starts of duty are not on record.
    """
    store = _Store()
    made = journal.Journal(store, files=_FILES)
    made.open()
    copied_day = readings.day[0]
    began_s = 0.0
    settings = json.dumps({"format": 1, "settings": {}, "plan": {"device": device or readings.device}})
    for number, day in enumerate(readings.day.tolist()):
        if day - copied_day > COPIED_EVERY_DAYS:
            _copy(store, folder / fleet.date_of(copied_day), settings)
            copied_day = day
        at_s = day * DAY_S
        utc_s = clock(number, int(at_s))
        standing = bool(readings.standing[number])
        if standing and only_still:
            continue
        if standing:
            began_s = at_s - _LEAD_MS / 1000
            made.put_number(journal.STARTED, 0, utc_s - _LEAD_MS // 1000, 0)
        t_ms = int((at_s - began_s) * 1000) % (1 << 30)
        made.put(journal.HEALTH, payload(pack_reading(readings, number)), utc_s, t_ms)
        if standing:
            made.put_text(journal.TEST_PASSED, "sensor battery stand tilt hold knock press link", utc_s, t_ms)
            made.put_number(journal.DUTY_BEGUN, 0, utc_s, t_ms)
    _copy(store, folder / fleet.date_of(copied_day), settings)


def _copy(store: _Store, folder: Path, settings: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in store.files.items():
        (folder / name).write_bytes(data)
    (folder / "settings.json").write_text(settings, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--years", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for number, fault in enumerate(fleet.kinds(arguments.count, arguments.seed)):
        made = fleet.make(number, fault, seed=arguments.seed, years=arguments.years)
        write_device(made.readings, arguments.folder / made.readings.device)
    print(f"{arguments.count} devices in {arguments.folder}")


if __name__ == "__main__":
    main()

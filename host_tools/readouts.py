"""Journals as they were read out of devices: whose they are, and several read-outs of one device made one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dati.journal import end_of, find, record_at

from simulator.chronology import Problem, Record
from simulator.device_log import firmware_hash
from simulator.errors import UserError


@dataclass
class Source:
    """The journal of one folder."""

    folder: Path
    files: list[Path]
    device: str
    records: dict[Record, Record] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def sources(paths: Iterable[Path], identities: dict[str, str]) -> list[Source]:
    """The journals under the paths, a folder each. UserError where a path holds none."""
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        found = _files_of(path)
        if not found:
            raise UserError(f"{path}: no journal; name a device's folder with its files journal.0, journal.1, ...")
        for file in found:
            known = folders.setdefault(file.parent, [])
            if file not in known:
                known.append(file)
    read = [_read(folder, sorted(files), identities) for folder, files in folders.items()]
    if not any(source.records for source in read):
        raise UserError(f"{', '.join(str(source.folder) for source in read)}: no journal record found in the files")
    return read


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in path.rglob("journal.*") if file.suffix[1:].isdigit() and file.is_file()]
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; check the path")
    return [path]


def _read(folder: Path, files: list[Path], identities: dict[str, str]) -> Source:
    source = Source(folder, files, "")
    source.device = _identity(source, identities)
    torn = 0
    for file in files:
        try:
            data = file.read_bytes()
        except OSError as error:
            source.problems.append(Problem("unreadable", {"file": file.name, "reason": error.strerror or str(error)}))
            continue
        covered, at = 0, find(data, 0)
        while at >= 0:
            record = Record(*record_at(data, at))
            source.records[record] = record  # the same one twice is one
            end = end_of(data, at)
            covered += end - at
            at = find(data, end)
        torn += len(data) - covered
    if torn:
        source.problems.append(Problem("torn", {"bytes": torn}))
    if not source.records:
        source.problems.append(Problem("empty", {"folder": folder.name}))
    firmware = folder / "firmware"
    if firmware.is_file():
        there = firmware.read_text(encoding="utf-8", errors="replace").strip()
        if there != firmware_hash():
            source.problems.append(Problem("other_firmware", {"there": there[:40], "here": firmware_hash()}))
    return source


def _identity(source: Source, identities: dict[str, str]) -> str:
    """As the command says, else as the device's own settings do, else the folder's name, and that is said."""
    for name in (str(source.folder), source.folder.name, ""):
        if name in identities:
            return identities[name]
    folder = source.folder if source.folder.name != "data" else source.folder.parent
    try:
        device = json.loads((source.folder / "settings.json").read_text(encoding="utf-8"))["plan"]["device"]
        if isinstance(device, str) and device.strip():
            return device.strip()
    except (OSError, ValueError, KeyError, TypeError):
        pass
    name = folder.resolve().name
    source.problems.append(Problem("no_identity", {"folder": name}))
    return name


def joined(read: list[Source]) -> list[Source]:
    """Read-outs of one device made one. Two devices that bear one identity are kept apart, and that is said."""
    groups: list[Source] = []
    for source in read:
        same = [group for group in groups if group.device == source.device]
        mine = next((group for group in same if _one_device(group, source)), None)
        if mine is None:
            groups.append(Source(source.folder, source.files, source.device, dict(source.records), source.problems))
        else:
            mine.records.update(source.records)
            mine.problems += source.problems
    for name in {group.device for group in groups}:
        bearing = [group for group in groups if group.device == name]
        if len(bearing) > 1:
            folders = ", ".join(str(group.folder) for group in bearing)
            for number, group in enumerate(bearing, 1):
                group.device = f"{name} #{number}"
                group.problems.insert(0, Problem("two_devices", {"device": name, "folders": folders}))
    return groups


def _one_device(one: Source, other: Source) -> bool:
    """Whether journals of one identity can be of one device: what they share is the same, or time goes by number."""
    mine = {record.sequence: record for record in one.records.values()}
    shared = [record for record in other.records.values() if record.sequence in mine]
    if shared:
        return all(mine[record.sequence] == record for record in shared)
    dated = [record for source in (one, other) for record in source.records.values() if record.utc_s >= 0]
    dated.sort(key=lambda record: record.sequence)
    return all(dated[at].utc_s <= dated[at + 1].utc_s + 86400 for at in range(len(dated) - 1))

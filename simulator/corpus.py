"""A corpus: many recordings in one Parquet file, a row per recording.

The columns are those of `SCHEMA`; samples are milli-g at the row's own steady `rate_hz`. The file opens as it
is in pandas, polars or DuckDB. The key `dati_corpus_version` of its metadata says which layout it has.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.errors import UserError
from simulator.trace import INPUTS, KINDS, Input, Recording

VERSION = "1"
VERSION_KEY = b"dati_corpus_version"

MIN_RATE_HZ = 10.0  # below this an impact falls between two samples
MAX_RATE_HZ = 1000.0

# A row group is the unit of reading: this bounds the memory of writer and reader alike. A recording is never
# divided, so one that is longer than this makes a row group of its own.
ROW_GROUP_SAMPLES = 1_000_000

AXES = ("x_mg", "y_mg", "z_mg")

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("activity", pa.string(), nullable=False),
        pa.field("words", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("placement", pa.string(), nullable=False),
        pa.field("rate_hz", pa.float64(), nullable=False),
        pa.field("range_mg", pa.int32(), nullable=False),
        pa.field("up", pa.list_(pa.int16())),
        pa.field("onset_ms", pa.int32()),
        pa.field("impact_ms", pa.int32()),
        pa.field("end_ms", pa.int32()),
        *(pa.field(axis, pa.list_(pa.int16()), nullable=False) for axis in AXES),
        pa.field("settings", pa.string()),
        pa.field(
            "inputs",
            pa.list_(pa.struct([("t_ms", pa.int32()), ("what", pa.string()), ("value", pa.int32())])),
        ),
        pa.field("notes", pa.string(), nullable=False),
    ]
)
TEXT_COLUMNS = ("id", "dataset", "licence", "subject", "activity", "words", "kind", "placement", "notes")
NUMBER_COLUMNS = ("rate_hz", "range_mg", "onset_ms", "impact_ms", "end_ms")

T = TypeVar("T")


class CorpusWriter:
    """Writes a corpus; use it as a context manager.

    The rows go to a temporary file beside `path`, renamed to `path` when the block ends well and removed when
    it does not: `path` is either the whole corpus or what it was before. An empty corpus is refused.
    Raises `UserError` where the file cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.recordings = 0
        self._ids: set[str] = set()
        self._rows: list[Recording] = []
        self._pending_samples = 0
        self._temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> CorpusWriter:
        folder = self.path.parent
        if not folder.is_dir():
            raise UserError(f"{self.path}: there is no folder {folder}; create it first")
        if self.path.is_dir():
            raise UserError(f"{self.path}: is a folder; name a file to write")
        schema = SCHEMA.with_metadata({VERSION_KEY: VERSION.encode()})
        self._writer = self._trying(
            lambda: pq.ParquetWriter(
                self._temporary,
                schema,
                compression="zstd",
                # zstd stores noisy samples as they are, and would not notice them change.
                write_page_checksum=True,
                use_dictionary=[*TEXT_COLUMNS, "settings"],
                # Neighbouring samples are close: their differences pack about twice as tight as themselves.
                column_encoding={f"{axis}.list.element": "DELTA_BINARY_PACKED" for axis in AXES},
            )
        )
        return self

    def add(self, recording: Recording) -> None:
        """Add a recording. Raises `UserError` if its id is taken, `ValueError` if it breaks a limit."""
        _check(recording)
        if recording.id in self._ids:
            raise UserError(f"{self.path}: two recordings have the id {recording.id!r}; give each its own id")
        self._ids.add(recording.id)
        self._rows.append(recording)
        self._pending_samples += len(recording.samples)
        self.recordings += 1
        if self._pending_samples >= ROW_GROUP_SAMPLES:
            self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
                self._trying(self._close)
                if not self.recordings:
                    raise UserError(f"{self.path}: not written, there is no recording to put in it")
                self._trying(lambda: self._temporary.replace(self.path))
        finally:
            self._discard()

    def _flush(self) -> None:
        if self._rows and self._writer is not None:
            table, writer = _table(self._rows), self._writer
            self._trying(lambda: writer.write_table(table, row_group_size=len(table)))
            self._rows.clear()
            self._pending_samples = 0

    def _close(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def _discard(self) -> None:
        try:
            self._close()
        except (OSError, pa.ArrowException):
            pass  # the error that brought us here is the one to show
        finally:
            self._temporary.unlink(missing_ok=True)

    def _trying(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except OSError as error:
            reason = error.strerror or str(error).splitlines()[0]
            raise UserError(f"{self.path}: cannot be written ({reason}); choose another folder") from error


def read_corpus(path: str | Path) -> Iterator[Recording]:
    """Yield the recordings of a corpus in file order, holding one row group in memory at a time.

    Raises `UserError` where the file is missing, damaged, not a corpus, of another version or empty.
    """
    ids: set[str] = set()
    for table in _row_groups(path, SCHEMA.names):
        axes = [_lists(table[axis]) for axis in AXES]
        for number, row in enumerate(table.drop_columns(list(AXES)).to_pylist()):
            recording = _recording(path, row, [axis[number] for axis in axes])
            if recording.id in ids:
                raise UserError(f"{path}: two recordings have the id {recording.id!r}; give each its own id")
            ids.add(recording.id)
            yield recording


@dataclass(frozen=True)
class CorpusRow:
    """What a corpus says of one recording, its samples only counted. The fields are those of `Recording`."""

    id: str
    dataset: str
    licence: str
    subject: str
    activity: str
    words: str
    kind: str
    placement: str
    rate_hz: float
    range_mg: int
    samples: int
    notes: str

    @property
    def duration_s(self) -> float:
        return self.samples / self.rate_hz


def corpus_rows(path: str | Path) -> Iterator[CorpusRow]:
    """Yield what the corpus says of each recording, in file order; only one axis is read, to count samples.

    Raises `UserError` as `read_corpus` does.
    """
    columns = [name for name in CorpusRow.__annotations__ if name != "samples"]
    for table in _row_groups(path, [*columns, "x_mg"]):
        counts = table["x_mg"].combine_chunks().value_lengths().to_numpy()
        for row, samples in zip(table.select(columns).to_pylist(), counts, strict=True):
            if not (row["rate_hz"] and MIN_RATE_HZ <= row["rate_hz"] <= MAX_RATE_HZ):
                raise UserError(f"{path}: {row['id']}: {_rate_range(row['rate_hz'])}")
            yield CorpusRow(samples=int(samples), **row)


@dataclass(frozen=True)
class CorpusInfo:
    """A corpus in numbers; the counters count recordings."""

    version: str
    recordings: int
    hours: float
    by_dataset: Counter[str]
    by_kind: Counter[str]
    by_placement: Counter[str]
    by_licence: Counter[str]


def corpus_info(path: str | Path) -> CorpusInfo:
    """Sum up a corpus without loading its samples. Raises `UserError` as `read_corpus` does."""
    info = CorpusInfo(VERSION, 0, 0.0, Counter(), Counter(), Counter(), Counter())
    recordings, seconds = 0, 0.0
    for row in corpus_rows(path):
        recordings += 1
        seconds += row.duration_s
        info.by_dataset[row.dataset] += 1
        info.by_kind[row.kind] += 1
        info.by_placement[row.placement] += 1
        info.by_licence[row.licence] += 1
    return CorpusInfo(
        VERSION, recordings, seconds / 3600, info.by_dataset, info.by_kind, info.by_placement, info.by_licence
    )


def is_corpus(path: str | Path) -> bool:
    """Whether the file at `path` is a corpus, of whatever version; never raises for a file that is not."""
    try:
        return VERSION_KEY in (pq.read_metadata(path).metadata or {})
    except (OSError, pa.ArrowException):
        return False


def _rate_range(rate_hz: float | None) -> str:
    return f"rate {rate_hz} Hz is outside {MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} Hz"


def _check(recording: Recording) -> None:
    samples = recording.samples
    if samples.dtype != np.int16 or samples.ndim != 2 or samples.shape[1] != 3 or not len(samples):
        raise ValueError(f"{recording.id}: samples must be int16 of shape (n, 3), n at least 1")
    if not MIN_RATE_HZ <= recording.rate_hz <= MAX_RATE_HZ:
        raise ValueError(f"{recording.id}: {_rate_range(recording.rate_hz)}")
    if recording.range_mg <= 0:
        raise ValueError(f"{recording.id}: range {recording.range_mg} mg is not above zero")
    if recording.kind not in KINDS:
        raise ValueError(f"{recording.id}: kind {recording.kind!r} is none of {', '.join(KINDS)}")
    if recording.up is not None and (len(recording.up) != 3 or not any(recording.up)):
        raise ValueError(f"{recording.id}: up must be three numbers, not all zero")
    for event in recording.inputs:
        if event.what not in INPUTS or event.t_ms is None or event.value is None:
            raise ValueError(f"{recording.id}: input {event} is not known")


def _table(rows: list[Recording]) -> pa.Table:
    offsets = np.concatenate([[0], np.cumsum([len(row.samples) for row in rows])]).astype(np.int32)
    samples = np.concatenate([row.samples for row in rows])
    columns: dict[str, object] = {
        name: [getattr(row, name) for row in rows] for name in (*TEXT_COLUMNS, *NUMBER_COLUMNS)
    }
    for number, axis in enumerate(AXES):
        values = pa.array(np.ascontiguousarray(samples[:, number]))
        columns[axis] = pa.ListArray.from_arrays(pa.array(offsets), values)
    columns["up"] = [row.up and [int(mg) for mg in row.up] for row in rows]
    columns["settings"] = [json.dumps(dict(row.settings)) if row.settings else None for row in rows]
    columns["inputs"] = [[vars(event) for event in row.inputs] or None for row in rows]
    return pa.table([pa.array(columns[f.name], f.type) for f in SCHEMA], schema=SCHEMA)


def _row_groups(path: str | Path, columns: list[str]) -> Iterator[pa.Table]:
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder, not a corpus; name a .parquet file")
    if not path.exists():
        raise UserError(f"{path}: no such file; check the path, or make a corpus with `dati import`")
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except PermissionError as error:
        raise UserError(f"{path}: may not be read; check the permissions of the file") from error
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: is not a Parquet file, or a damaged one; import it again") from error
    with file:
        version = (file.schema_arrow.metadata or file.metadata.metadata or {}).get(VERSION_KEY)
        if version is None:
            raise UserError(f"{path}: is Parquet but not a dati corpus; make one with `dati import`")
        if version != VERSION.encode():
            found = version.decode(errors="replace")
            raise UserError(f"{path}: corpus of version {found}, this program reads {VERSION}; import it again")
        missing = [name for name in SCHEMA.names if name not in file.schema_arrow.names]
        if missing:
            raise UserError(f"{path}: lacks the column {', '.join(missing)}; import it again")
        if not file.metadata.num_rows:
            raise UserError(f"{path}: has no recordings; import some")
        wanted = pa.schema([SCHEMA.field(name) for name in columns])
        for number in range(file.num_row_groups):
            try:
                # Read one column beside another, not all at once: less memory for the same speed.
                yield file.read_row_group(number, columns, use_threads=False).select(columns).cast(wanted)
            except (OSError, pa.ArrowException, ValueError) as error:
                reason = str(error).splitlines()[0][:120]
                raise UserError(f"{path}: part {number} is damaged ({reason}); import it again") from error


def _lists(column: pa.ChunkedArray) -> list[np.ndarray]:
    """The int16 arrays of a list column, as views of the column's memory."""
    array = column.combine_chunks()
    offsets = array.offsets.to_numpy()
    values = array.values.to_numpy(zero_copy_only=False)
    return [values[start:stop] for start, stop in pairwise(offsets)]


def _recording(path: str | Path, row: dict, axes: list[np.ndarray]) -> Recording:
    where = f"{path}: {row['id']}"
    if len({len(axis) for axis in axes}) != 1:
        raise UserError(f"{where}: x_mg, y_mg and z_mg differ in length; import it again")
    try:
        settings = json.loads(row.pop("settings") or "{}")
    except ValueError as error:
        raise UserError(f"{where}: settings is not JSON ({error}); correct it") from error
    if not isinstance(settings, dict):
        raise UserError(f"{where}: settings is not a JSON object; correct it")
    up, inputs = row.pop("up"), row.pop("inputs")
    recording = Recording(
        samples=np.stack(axes, axis=1),
        up=None if up is None else tuple(up),
        settings=settings,
        inputs=tuple(Input(**event) for event in inputs or ()),
        **row,
    )
    try:
        _check(recording)
    except ValueError as error:
        raise UserError(f"{path}: {error}; import it again") from error
    return recording

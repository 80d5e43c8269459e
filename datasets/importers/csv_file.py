"""Comma-separated accelerations from any logger.

The header says what the columns are: `t_s`, `t_ms`, `t_us`, `t_ns` or `t_unix_ms` for the time, `x_g`, `x_mg`
or `x_ms2` for an axis, likewise `y_` and `z_`. A file without a time column says its rate in a line `#
rate_hz=50` above the header. Other names and units are told by options, which may also stand in such lines.
Separators `,` `;` tab and blank are found out; with `;` a decimal comma is understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from datasets.importers.base import Context, Importer, RejectError
from datasets.importers.signals import (
    MAX_GAP_S,
    MG_PER_G,
    MG_PER_M_S2,
    check_rate,
    numbers,
    on_even_grid,
    samples_mg,
)
from simulator.errors import UserError
from simulator.trace import KINDS, Recording

TIME_UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "unix_ms": 1e-3}
ACCEL_UNITS_MG = {"g": MG_PER_G, "mg": 1.0, "ms2": MG_PER_M_S2}
RANGES_MG = (2000, 4000, 8000, 16000, 32767)

HEADER_ADVICE = "name them x_g, y_g, z_g (or _mg, _ms2)"
TIME_ADVICE = "add a column t_s, t_ms or t_us, or a line '# rate_hz=50' above the header"


@dataclass(frozen=True)
class CsvOptions:
    """What the user tells of the files; empty where the header tells it."""

    time: str = ""  # name of the time column
    time_unit: str = ""  # s, ms, us, ns, unix-ms
    rate_hz: str = ""  # without a time column
    x: str = ""  # names of the axes' columns
    y: str = ""
    z: str = ""
    unit: str = ""  # g, mg, m/s2, counts
    scale_mg: str = ""  # mg a count, with unit counts
    separator: str = ""
    range_mg: str = ""  # empty: the smallest usual one that holds the samples
    dataset: str = "csv"
    licence: str = "not stated"
    subject: str = ""
    activity: str = ""
    words: str = ""
    kind: str = "unknown"
    placement: str = "unknown"
    up: str = ""  # three numbers, what a sensor on an upright wearer reads


OPTION_NAMES = tuple(field.name for field in fields(CsvOptions))


def read_csv_recording(path: str | Path, options: Mapping[str, str] | None = None) -> Recording:
    """Read one recording from a CSV file whose header names the units; `options` are those of `CsvOptions`.

    Raises `UserError` where the file is missing or is no recording, with the line.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder, not a recording; name a .csv file in it")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    try:
        return parse(path.stem, data, options or {})
    except RejectError as reject:
        where = f", {reject.where}" if reject.where else ""
        raise UserError(f"{path}: {reject.reason}{where}; {reject.advice or 'correct the file'}") from reject


def read_csv_recordings(path: str | Path, options: Mapping[str, str] | None = None) -> Iterator[Recording]:
    """Yield the recording of a CSV file, or those of a folder's `.csv` files in the order of their names.

    Raises `UserError` as `read_csv_recording` does, and where the folder has none.
    """
    path = Path(path)
    if not path.is_dir():
        yield read_csv_recording(path, options)
        return
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv")
    if not files:
        raise UserError(f"{path}: no recordings in this folder; put .csv files in it or name another")
    for file in files:
        yield read_csv_recording(file, options)


def parse(name: str, data: bytes, told: Mapping[str, str]) -> Recording:
    """The recording in `data`, `name` in its id. Raises `RejectError`; `UserError` for a wrong option."""
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise RejectError("is not text", f"byte {error.start}", "save it as CSV in UTF-8") from error
    at = next((n for n, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if at is None:
        raise RejectError("no samples", "", "record some")
    options = _options({**_comments(lines[:at]), **told})
    separator = options.separator or _separator(lines[at])
    header = _header(lines[at], separator)
    columns, units_mg = _axes(header, options)
    time, time_unit_s = _time(header, options)
    body = [line for line in lines[at + 1 :] if line.strip()]
    if not body:
        raise RejectError("no samples", f"nothing after line {at + 1}", "record some")
    if time:
        columns = [time, *columns]
    values = _values(lines, at, body, header, columns, separator)

    rate_hz, accel_mg = 0.0, values[:, -3:] * units_mg
    if time:
        t_s = (values[:, 0] - values[0, 0]) * time_unit_s
        rate_hz, accel_mg = _steady(t_s, accel_mg, lambda row: _line(lines, at, row))
    else:
        rate_hz = _number(options.rate_hz, "rate_hz")
        check_rate(rate_hz)
    try:
        samples = samples_mg(accel_mg)
    except RejectError as reject:
        raise RejectError(reject.reason, reject.where, "check the unit in the header") from reject
    return Recording(
        id=f"{options.dataset}/{name}",
        dataset=options.dataset,
        samples=samples,
        rate_hz=rate_hz,
        range_mg=_range_mg(options, samples),
        kind=options.kind,
        licence=options.licence,
        subject=options.subject,
        activity=options.activity,
        words=options.words,
        placement=options.placement,
        up=_up(options.up),
    )


def _comments(lines: list[str]) -> dict[str, str]:
    found = (re.match(r"#\s*(\w+)\s*=\s*(.+?)\s*$", line) for line in lines)
    return {match[1]: match[2] for match in found if match and match[1] in OPTION_NAMES}


def _options(told: Mapping[str, str]) -> CsvOptions:
    options = CsvOptions(**{name: str(value) for name, value in told.items() if value is not None})
    if options.kind not in KINDS:
        raise UserError(f"option kind: {options.kind!r} is not known; use one of {', '.join(KINDS)}")
    if options.unit and _unit(options.unit) not in (*ACCEL_UNITS_MG, "counts"):
        raise UserError(f"option unit: {options.unit!r} is not known; use g, mg, m/s2 or counts")
    if options.unit == "counts" and not options.scale_mg:
        raise UserError("option unit: counts need the option scale_mg, the mg of one count; give it")
    if options.time_unit and _unit(options.time_unit) not in TIME_UNITS_S:
        raise UserError(f"option time_unit: {options.time_unit!r} is not known; use s, ms, us, ns or unix-ms")
    return options


def _unit(name: str) -> str:
    return name.strip().lower().replace("/", "").replace("-", "_").replace("²", "2").replace("^", "")


def _number(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (np.isfinite(value) and value > 0):
        raise UserError(f"option {option}: {text!r} is not a number above zero; correct it")
    return value


def _up(text: str) -> tuple[int, int, int] | None:
    if not text:
        return None
    try:
        x, y, z = (round(float(part)) for part in re.split(r"[,;\s]+", text.strip("()[] ")))
    except (ValueError, OverflowError):
        x = y = z = 0
    if not (x or y or z) or max(abs(x), abs(y), abs(z)) > 32767:
        raise UserError(f"option up: {text!r} is not three numbers such as 0,-1000,0; correct it")
    return x, y, z


def _range_mg(options: CsvOptions, samples: np.ndarray) -> int:
    if options.range_mg:
        return round(_number(options.range_mg, "range_mg"))
    peak_mg = int(np.abs(samples.astype(np.int32)).max())
    return next(range_mg for range_mg in RANGES_MG if peak_mg <= range_mg)


def _separator(line: str) -> str:
    counts = {mark: line.count(mark) for mark in ",;\t "}
    # A blank may follow the true separator, so it counts only where nothing else separates.
    best = max(",;\t", key=lambda mark: counts[mark])
    return best if counts[best] else " "


def _header(line: str, separator: str) -> list[str]:
    cells = [cell.strip().strip("\"'") for cell in line.split(separator)]
    if all(re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", cell, re.I) for cell in cells if cell):
        raise RejectError("no header", "the first line has numbers only", HEADER_ADVICE)
    return cells


def _shown(header: list[str]) -> str:
    return f"the header has {', '.join(header)[:80]}"


def _find(header: list[str], name: str) -> str | None:
    return next((cell for cell in header if cell.lower() == name.lower()), None)


def _axes(header: list[str], options: CsvOptions) -> tuple[list[str], float]:
    """The names of the three columns, and the mg of their unit."""
    columns, units = [], []
    for axis in "xyz":
        told = getattr(options, axis)
        candidates = [told] if told else [f"{axis}_{unit}" for unit in ACCEL_UNITS_MG]
        found = [cell for cell in (_find(header, name) for name in candidates) if cell]
        if len(found) > 1:
            raise RejectError("two columns for one axis", " and ".join(found), "leave one of them out")
        if not found:
            other = next((cell for cell in header if cell.lower().startswith(f"{axis}_") and not told), None)
            if other:
                raise RejectError("unknown unit", f"column {other}", HEADER_ADVICE)
            name = told or axis
            raise RejectError(f"missing column {name}", _shown(header), HEADER_ADVICE)
        columns += found
        units.append(found[0].lower().rpartition("_")[2])
    if options.unit:
        unit = _unit(options.unit)
        return columns, _number(options.scale_mg, "scale_mg") if unit == "counts" else ACCEL_UNITS_MG[unit]
    if len(set(units)) > 1:
        raise RejectError("mixed units", ", ".join(columns), "bring the three axes to one unit")
    if units[0] not in ACCEL_UNITS_MG:
        raise RejectError("unknown unit", f"column {columns[0]}", "give the option unit: g, mg, m/s2 or counts")
    return columns, ACCEL_UNITS_MG[units[0]]


def _time(header: list[str], options: CsvOptions) -> tuple[str, float]:
    """The name of the time column and the seconds of its unit; no name where the rate is told instead."""
    candidates = [options.time] if options.time else [f"t_{unit}" for unit in TIME_UNITS_S]
    found = [cell for cell in (_find(header, name) for name in candidates) if cell]
    if len(found) > 1:
        raise RejectError("two time columns", " and ".join(found), "leave one of them out")
    if options.time and not found:
        raise RejectError(f"missing column {options.time}", _shown(header), TIME_ADVICE)
    if not found:
        other = next((cell for cell in header if cell.lower().startswith(("t_", "time"))), None)
        if options.rate_hz:
            return "", 1.0
        if other:
            raise RejectError("unknown unit of time", f"column {other}", "name it t_s, t_ms, t_us or t_unix_ms")
        raise RejectError("no time column and no rate", "", TIME_ADVICE)
    unit = _unit(options.time_unit) or found[0].lower().removeprefix("t_")
    if unit not in TIME_UNITS_S:
        raise RejectError("unknown unit of time", f"column {found[0]}", "give the option time_unit: s, ms, us or ns")
    return found[0], TIME_UNITS_S[unit]


def _values(
    lines: list[str], at: int, body: list[str], header: list[str], columns: list[str], separator: str
) -> np.ndarray:
    """The columns as numbers, float64, shape (rows, columns); rejects the first line that has none."""
    decimal_point = "," if separator in ";\t" and any("," in line for line in body[:10]) else "."
    if len(set(header)) < len(header):
        raise RejectError("two columns of one name", f"line {at + 1}", "give each column its own name")
    text = "\n".join(re.sub(" +", " ", line.strip()) for line in body) if separator == " " else "\n".join(body)
    try:
        values = numbers(text.encode(), header, columns, separator, decimal_point=decimal_point)
    except RejectError:
        values = None
    if values is not None and np.isfinite(values).all():
        return values
    places = [header.index(name) for name in columns]
    for row, line in enumerate(text.splitlines()):
        cells = line.split(separator)
        if len(cells) != len(header):
            where = f"line {_line(lines, at, row)} has {len(cells)} values for {len(header)} columns"
            raise RejectError("unparsable row", where)
        for place in places:
            try:
                number = float(cells[place].strip().replace(decimal_point, "."))
            except ValueError:
                number = np.nan
            if not np.isfinite(number):
                where = f"line {_line(lines, at, row)}, column {header[place]}: {cells[place].strip()[:20]!r}"
                raise RejectError("not a number", where)
    raise RejectError("unparsable table")


def _line(lines: list[str], at: int, row: int) -> int:
    """The number, from 1, of the line that holds `row` of the body: blank lines count, but hold none."""
    filled = [number for number, line in enumerate(lines[at + 1 :], at + 2) if line.strip()]
    return filled[row]


def _steady(t_s: np.ndarray, accel_mg: np.ndarray, line_of: Callable[[int], int]) -> tuple[float, np.ndarray]:
    """The rate in Hz and the samples at it: untouched where the stamps are even, else interpolated."""
    if len(t_s) < 2:
        raise RejectError("one sample", "", "two are the least that have a rate")
    gaps_s = np.diff(t_s)
    if gaps_s.min() < 0:
        where = f"line {line_of(int((gaps_s < 0).argmax()) + 1)}"
        raise RejectError("time goes back", where, "sort the lines by time")
    if gaps_s.max() > MAX_GAP_S:
        where = f"{gaps_s.max():.3g} s before line {line_of(int(gaps_s.argmax()) + 1)}"
        raise RejectError(f"gap in time longer than {MAX_GAP_S:g} s", where, "cut the recording in two there")
    if t_s[-1] == 0:
        raise RejectError("time stands still", "", "check the time column")
    mean_hz = (len(t_s) - 1) / t_s[-1]
    uneven_s = np.abs(t_s - np.arange(len(t_s)) / mean_hz).max()
    # Stamps are often rounded to a ms, and no logger's clock is better than half a per cent.
    rate_hz = float(round(mean_hz)) if abs(mean_hz - round(mean_hz)) < 0.005 * mean_hz else float(mean_hz)
    try:
        check_rate(rate_hz)
    except RejectError as reject:
        raise RejectError(reject.reason, reject.where, "check the unit of the time column") from reject
    if uneven_s <= max(0.5 / mean_hz, 0.001):
        return rate_hz, accel_mg
    return rate_hz, on_even_grid(t_s, accel_mg, rate_hz)


def read(match: re.Match[str], data: bytes, context: Context) -> Iterator[Recording]:
    name = match.string.rpartition(".")[0]
    if context.source_is_file:
        name = name.rpartition("/")[2]
    elif context.source_is_folder:
        name = name.partition("/")[2]
    yield parse(name, data, context.options)


IMPORTER = Importer(
    name="csv",
    title="Comma-separated files of any logger; the header or the options name columns and units",
    example="walk.csv with the header t_s,x_g,y_g,z_g",
    files=re.compile(r"\.(csv|tsv|txt)$", re.I),
    read=read,
    options=OPTION_NAMES,
)

"""`dati report`: use and alarms per device and period, from the journals that devices keep of themselves."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from dati.clock import seconds
from rich.table import Table

from host_tools import choices
from host_tools.documents import Words, write
from host_tools.output import check_writable, err, out, print_json
from host_tools.readouts import Source, joined, sources
from simulator.chronology import PERIODS, UNDATED, Moment, Problem, in_time, keep, months_before
from simulator.errors import UserError
from simulator.usage import Figures, Tally

PROMPT_S = (10, 40)  # SoloProtect on BS 8484:2016: 80 % of calls answered within 10 s, 98.5 % within 40 s
_DIGEST = 12
_WIDE = 150  # columns of the terminal


class By(StrEnum):
    """What a period is."""

    MONTH = "month"
    WEEK = "week"
    DAY = "day"


class Language(StrEnum):
    """Of what is written."""

    FR = "fr"
    EN = "en"


@dataclass
class Device:
    """One device, from one or several read-outs."""

    name: str
    moments: list[Moment]
    periods: dict[str, Figures]
    problems: list[Problem]

    @property
    def total(self) -> Figures:
        return summed(self.periods.values())


@dataclass
class Report:
    """What is shown, whichever way. `names` are those supplied on purpose, by device."""

    devices: list[Device]
    by: str
    left_out: int
    keep_months: int | None
    made_utc_s: int
    digest: str
    names: dict[str, str] = field(default_factory=dict)

    @property
    def periods(self) -> list[str]:
        """In order; what has no date comes last."""
        found = {period for device in self.devices for period in device.periods}
        return sorted(found - {UNDATED}) + [UNDATED] * (UNDATED in found)

    def of(self, period: str) -> Figures:
        """All devices together."""
        return summed(device.periods[period] for device in self.devices if period in device.periods)

    def label(self, device: str) -> str:
        return f"{device} ({self.names[device]})" if device in self.names else device


def summed(figures: Iterable[Figures]) -> Figures:
    total = Figures()
    for one in figures:
        total.add(one)
    return total


def made(
    read: list[Source], by: str, keep_months: int | None, now_utc_s: int, names: dict[str, str] | None = None
) -> Report:
    """The report of what was read."""
    devices, left_out = [], 0
    told = hashlib.sha256()
    for source in sorted(joined(read), key=lambda source: source.device):
        moments, problems = in_time(source.records.values())
        problems = source.problems + problems
        if keep_months is not None:
            moments, left = keep(moments, months_before(now_utc_s, keep_months))
            left_out += left
            numbers = {moment.record.sequence for moment in moments}
            # What was found of records that are left out is left out, too.
            problems = [p for p in problems if "number" not in p.values or p.values["number"] in numbers]
        for moment in moments:
            told.update(repr(tuple(moment.record)).encode())
        tally = Tally(source.device, PERIODS[by]).take(moments)
        devices.append(Device(source.device, moments, tally.periods, problems + tally.problems))
    return Report(devices, by, left_out, keep_months, now_utc_s, told.hexdigest()[:_DIGEST], names or {})


# --- what is shown ---


def lines(report: Report, words: Words) -> list[tuple[str, str]]:
    """What a reader must know: (device, what)."""
    found = []
    for device in report.devices:
        for problem in device.problems:
            found.append((device.name, words(f"problem_{problem.key}", **problem.values)))
    return found


COLUMNS = (
    "device",
    "period",
    "hours",
    "duties",
    "tests_ok",
    "tests_refused",
    "pre_alarms",
    "cancelled",
    "alarms",
    "acknowledged",
    "median",
    "longest",
    "test_alarms",
    "technical",
    "charges",
)
ROW = (
    "hours_on_duty",
    "duties",
    "days",
    "tests_passed",
    "tests_refused",
    "pre_alarms",
    "cancelled",
    "alarms",
    "acknowledged",
    "within_10_s",
    "within_40_s",
    "acknowledged_median_s",
    "acknowledged_longest_s",
    "test_alarms",
    "technical",
    "technical_hours",
    "charges",
    "charging_hours",
)


def row_of(figures: Figures) -> dict[str, Any]:
    """One line of figures, for CSV and JSON."""
    times = sorted(figures.acknowledged_s)
    return {
        "hours_on_duty": round(figures.hours_on_duty, 2),
        "duties": figures.duties,
        "days": len(figures.days),
        "tests_passed": figures.tests_passed,
        "tests_refused": figures.tests_refused.total(),
        "pre_alarms": figures.pre_alarms.total(),
        "cancelled": figures.cancelled.total(),
        "alarms": figures.alarm_count,
        "acknowledged": figures.acknowledged,
        "within_10_s": figures.within(PROMPT_S[0]),
        "within_40_s": figures.within(PROMPT_S[1]),
        "acknowledged_median_s": round(median(times), 1) if times else None,
        "acknowledged_longest_s": round(times[-1], 1) if times else None,
        "test_alarms": figures.test_alarms,
        "technical": figures.technical.total(),
        "technical_hours": round(sum(figures.technical_hours.values()), 2),
        "charges": figures.charges,
        "charging_hours": round(figures.charging_hours, 2),
    }


def median(values: list[float]) -> float:
    middle = sorted(values)
    half = len(middle) // 2
    return middle[half] if len(middle) % 2 else (middle[half - 1] + middle[half]) / 2


def as_csv(report: Report) -> str:
    held = io.StringIO()
    rows = csv.writer(held)
    rows.writerow(["device", *["name"] * bool(report.names), "period", *ROW])
    for device in report.devices:
        for period in [period for period in report.periods if period in device.periods]:
            values = row_of(device.periods[period])
            name = [report.names.get(device.name, "")] * bool(report.names)
            rows.writerow([device.name, *name, period or "undated", *(values[key] for key in ROW)])
    return held.getvalue()


def as_json(report: Report, words: Words) -> dict[str, Any]:
    return {
        "by": report.by,
        "keep_months": report.keep_months,
        "records_left_out": report.left_out,
        "digest": report.digest,
        "devices": [
            {
                "device": device.name,
                **({"name": report.names[device.name]} if device.name in report.names else {}),
                "records": len(device.moments),
                "periods": {period or "undated": figures.as_json() for period, figures in device.periods.items()},
                "remarks": [{"key": problem.key, **problem.values} for problem in device.problems],
            }
            for device in report.devices
        ],
        "periods": {period or "undated": row_of(report.of(period)) for period in report.periods},
        "remarks": [f"{device}: {line}" for device, line in lines(report, words)],
    }


def _print(report: Report, words: Words) -> None:
    """One table; two below one another where the terminal is narrow."""
    figures = COLUMNS[2:]
    groups = [figures] if out.width >= _WIDE else [figures[:4] + figures[-1:], figures[4:-1]]
    for group in groups:
        table = Table(box=None, title=words("title") if group is groups[0] else None, title_justify="left")
        for key in COLUMNS[:2] + group:
            named = key in COLUMNS[:2]
            table.add_column(words(f"column_{key}"), justify="left" if named else "right", no_wrap=named)
        for device in report.devices:
            for period in [period for period in report.periods if period in device.periods]:
                cells = dict(zip(figures, shown_row(device.periods[period], words), strict=True))
                name = report.label(device.name)
                table.add_row(name, period or words("undated"), *(cells[key] for key in group))
        out.print(table)
        out.print()
    out.print(words("never_known_names" if report.names else "never_known"), style="dim")


def shown_row(figures: Figures, words: Words) -> list[str]:
    """The cells of a device's row in a table, from the hours on."""
    times = figures.acknowledged_s
    return [
        ("≥ " if figures.at_least else "") + words.number(figures.hours_on_duty, 1),
        str(figures.duties),
        str(figures.tests_passed),
        str(figures.tests_refused.total() + figures.self_tests_failed),
        str(figures.pre_alarms.total()),
        str(figures.cancelled.total()),
        str(figures.alarm_count),
        str(figures.acknowledged),
        words.seconds(median(times)) if times else "–",
        words.seconds(max(times)) if times else "–",
        str(figures.test_alarms),
        str(figures.technical.total()),
        str(figures.charges),
    ]


def _names(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        rows = [row for row in csv.reader(path.read_text(encoding="utf-8-sig").splitlines()) if any(row)]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: is no CSV file in UTF-8 ({error})") from None
    if not rows or [cell.strip() for cell in rows[0]] != ["device", "name"] or any(len(row) != 2 for row in rows):
        raise UserError(f"{path}: two columns are needed, under a first line device,name")
    return {device.strip(): name.strip() for device, name in rows[1:]}


def identities(given: list[str] | None) -> dict[str, str]:
    found = {}
    for text in given or []:
        folder, equals, name = text.rpartition("=")
        if not name.strip() or (equals and not folder):
            raise UserError(f"--device {text!r}: give NAME, or FOLDER=NAME for one folder of several")
        found[folder] = name.strip()
    return found


def _today(text: str) -> int:
    if not text:
        now = datetime.now(UTC)
        return seconds(now.year, now.month, now.day, now.hour, now.minute, now.second)
    try:
        day = datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise UserError(f"--today {text!r}: give a date as 2026-11-30") from None
    return seconds(day.year, day.month, day.day, 23, 59, 59)


def report(
    journals: Annotated[
        list[Path],
        typer.Argument(metavar="JOURNALS...", help="A folder per device, with journal.0, ...; or its files."),
    ],
    by: Annotated[By, typer.Option(help="What a period is.")] = By.MONTH,
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="[FOLDER=]NAME", help="Identity of a journal without its settings.json; repeat for more."),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Show persons' names beside devices, on purpose: columns device,name."),
    ] = None,
    keep_months: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=600, help="Leave out what is older than N calendar months.")
    ] = None,
    today: Annotated[str, typer.Option(metavar="DATE", help="What day months are counted from. Default: today.")] = "",
    language: Annotated[Language, typer.Option(help="Of what is written.")] = Language.FR,
    csv_file: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the table.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as a page.")] = None,
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as PDF.")] = None,
    as_json_: choices.AsJson = False,
) -> None:
    """Report use and alarms per device and period from journals: hours on duty, tests, alarms, answers, faults.

    By device, never by person, unless --names is given. Journals hold no places, and no report shows one.

    Example: `dati report read-outs/ --keep-months 12 --pdf november.pdf`
    """
    for path in filter(None, (csv_file, html, pdf)):
        check_writable(path)
    words = Words("report", language)
    found = made(sources(journals, identities(device)), by, keep_months, _today(today), _names(names))
    if as_json_:
        print_json(as_json(found, words))
    else:
        _print(found, words)
    for whose, line in lines(found, words):
        err.print(f"{whose}: {line}", style="yellow")
    if found.left_out:
        err.print(words("left_out", count=found.left_out, months=keep_months), style="yellow")
    if csv_file is not None:
        csv_file.write_text(as_csv(found), encoding="utf-8")
    if html is not None or pdf is not None:
        from host_tools.report_document import document  # noqa: PLC0415  (needs matplotlib)

        write(document(found, words), html, pdf)
    for path in filter(None, (csv_file, html, pdf)):
        err.print(f"{words('written')}: {path}")

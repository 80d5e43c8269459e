"""The report of `dati report` as a document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dati.clock import stamp

from host_tools import documents as model
from host_tools.documents import Document, Words
from host_tools.reporting import COLUMNS, PROMPT_S, Device, Report, lines, median, shown_row
from simulator.chronology import day_of
from simulator.usage import Figures, Tally

_HALF_DAY_H = 4
_WIDTHS = (13, 8.5, 8, 8, 8, 8, 12.5, 11, 9, 14, 8.5, 8.5, 8.5, 10, 9)  # of COLUMNS
_MOST_PERIODS = 12  # columns of the centre's table; with more, the newest


def document(report: Report, words: Words) -> Document:
    """All of it: use, the centre's statistics, causes, faults, history, remarks."""
    dated = [period for period in report.periods if period]
    span = {"first": dated[0] if dated else "–", "last": dated[-1] if dated else "–"}
    made = Document(
        words("title"),
        words("subtitle", devices=len(report.devices), **span),
        words.language,
        words("footer", made=stamp(report.made_utc_s)[:10], digest=report.digest),
        landscape=True,
    )
    made.add(model.Heading(words("heading_use")), _use(report, words))
    made.add(model.Text(words("never_known_names" if report.names else "never_known"), model.DIM))
    made.add(model.Heading(words("heading_month")), model.Text(words("month_text")), _centre(report, words))
    made.add(model.Heading(words("heading_causes")), *_causes(report, words))
    technical = _technical(report, words)
    if technical.rows:
        made.add(model.Heading(words("heading_technical")), technical)
    made.add(model.Heading(words("heading_history")), model.Text(words("history_text")), *_history(report, words))
    made.add(model.Heading(words("heading_remarks")))
    remarks: list[str | model.Cell] = [f"{report.label(device)} : {line}" for device, line in lines(report, words)]
    if report.left_out:
        remarks.append(words("left_out", count=report.left_out, months=report.keep_months))
    made.add(model.Lines(remarks) if remarks else model.Text(words("no_remarks")))
    return made


def _use(report: Report, words: Words) -> model.Table:
    rows = []
    for device in report.devices:
        for period in [period for period in report.periods if period in device.periods]:
            cells = shown_row(device.periods[period], words)
            rows.append([report.label(device.name), period or words("undated"), *cells])
    return model.Table(
        [words(f"column_{key}") for key in COLUMNS],
        rows,
        "ll" + "r" * (len(COLUMNS) - 2),
        _WIDTHS,
    )


def _centre(report: Report, words: Words) -> model.Table:
    periods = report.periods[-_MOST_PERIODS:]
    figures = [report.of(period) for period in periods]
    share = words.share
    rows: list[tuple[str, Callable[[Figures], str]]] = [
        ("row_hours", lambda f: words.number(f.hours_on_duty, 1)),
        ("row_alarms", lambda f: str(f.alarm_count)),
        ("row_voluntary", lambda f: str(f.alarms["voluntary"] + f.alarms["tear_off"])),
        ("row_per_1000", lambda f: _rate(f.alarm_count, f.hours_on_duty / 1000, words)),
        ("row_acknowledged", lambda f: _of(f.acknowledged, f.alarm_count, share)),
        ("row_10", lambda f: _of(f.within(PROMPT_S[0]), f.alarm_count, share)),
        ("row_40", lambda f: _of(f.within(PROMPT_S[1]), f.alarm_count, share)),
        ("row_median", lambda f: words.seconds(median(f.acknowledged_s)) if f.acknowledged_s else "–"),
        ("row_longest", lambda f: words.seconds(max(f.acknowledged_s)) if f.acknowledged_s else "–"),
        ("row_by_centre", lambda f: str(f.confirmed["centre"])),
        ("row_by_contact", lambda f: str(f.confirmed["contact"])),
        ("row_cleared", lambda f: str(f.cleared["centre"] + f.cleared["supervisor"])),
        ("row_cleared_worker", lambda f: str(f.cleared["worker"])),
        ("row_pre_alarms", lambda f: str(f.pre_alarms.total())),
        ("row_cancelled", lambda f: _of(f.cancelled["worker"], f.pre_alarms.total(), share)),
        ("row_per_half_day", lambda f: _rate(f.pre_alarms.total(), f.hours_on_duty / _HALF_DAY_H, words, 2)),
        ("row_test_alarms", lambda f: str(f.test_alarms)),
        ("row_technical", lambda f: str(f.technical.total())),
        ("row_send_failed", lambda f: str(f.send_failed)),
    ]
    on_duty = [str(sum(_was_on_duty(device, period) for device in report.devices)) for period in periods]
    shown = [[words("row_devices"), *on_duty]]
    shown += [[words(key), *(value(one) for one in figures)] for key, value in rows]
    columns = [words("month_figures"), *(period or words("undated") for period in periods)]
    return model.Table(columns, shown, "l" + "r" * len(periods), [28] + [72 / len(periods)] * len(periods))


def _was_on_duty(device: Device, period: str) -> bool:
    return period in device.periods and device.periods[period].hours_on_duty > 0


def _of(count: int, of: int, share: Callable[[int, int], str]) -> str:
    return f"{count} ({share(count, of)})" if of else str(count)


def _rate(count: int, of: float, words: Words, digits: int = 1) -> str:
    return words.number(count / of, digits) if of else "–"


def _causes(report: Report, words: Words) -> list[model.Block]:
    total = Figures()
    for device in report.devices:
        total.add(device.total)
    names = [name for name, _ in (total.alarms + total.pre_alarms + total.causes_added).most_common()]
    rows = [
        [
            words.named("cause", name),
            str(total.pre_alarms[name]),
            str(total.alarms[name]),
            str(total.causes_added[name]),
        ]
        for name in names
    ]
    columns = [words(f"column_{key}") for key in ("cause", "pre_alarms", "alarms", "added")]
    blocks: list[model.Block] = [model.Table(columns, rows, "lrrr", [40, 20, 20, 20])]
    if names:
        blocks.append(model.Picture(_draw_alarms(report, words, names), words("alarms_caption"), 0.8))
    return blocks


def _technical(report: Report, words: Words) -> model.Table:
    rows = []
    for device in report.devices:
        total = device.total
        name = report.label(device.name)
        for kind, count in total.technical.most_common():
            hours = words.seconds(total.technical_hours.get(kind, 0.0) * 3600)
            rows.append([name, words.named("fault", kind), str(count), hours])
        for why, count in total.tests_refused.most_common():
            rows.append([name, words("refused", why=words.named("step", why)), str(count), ""])
        if total.self_tests_failed:
            rows.append([name, words("self_test"), str(total.self_tests_failed), ""])
    columns = [words(f"column_{key}") for key in ("device", "kind", "count", "duration")]
    return model.Table(columns, rows, "llrr", [25, 45, 15, 15])


def _history(report: Report, words: Words) -> list[model.Block]:
    rows = []
    for device in report.devices:
        total = device.total
        days = sorted(day for _, day in total.days)
        per_day = words.number(total.hours_on_duty / len(days), 1) if days else "–"
        tested = _of(min(total.tests_passed, total.duties), total.duties, words.share)
        rows.append(
            [
                report.label(device.name),
                str(len(days)),
                words.number(total.hours_on_duty, 1),
                per_day,
                tested,
                days[-1] if days else "–",
                words.number(total.charging_hours, 1),
            ]
        )
    keys = ("device", "days", "hours", "h_per_day", "tested", "last", "charged")
    blocks: list[model.Block] = [
        model.Table([words(f"column_{key}") for key in keys], rows, "lrrrrlr", [20, 12, 12, 12, 18, 14, 12])
    ]
    by_day = {device.name: _hours_by_day(device) for device in report.devices}
    if any(by_day.values()):
        blocks.append(model.Picture(_draw_days(report, words, by_day), words("history_caption")))
    return blocks


def _hours_by_day(device: Device) -> dict[str, float]:
    periods = Tally(device.name, lambda utc_s: "" if utc_s is None else day_of(utc_s)).take(device.moments).periods
    return {day: figures.hours_on_duty for day, figures in periods.items() if day and figures.hours_on_duty}


def _draw_days(report: Report, words: Words, by_day: dict[str, dict[str, float]]) -> bytes:
    """A square for each device and day, the darker the longer."""
    import matplotlib  # noqa: PLC0415

    matplotlib.use("Agg")
    import matplotlib.dates as mdates  # noqa: PLC0415
    import matplotlib.pyplot as plt  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    days = np.array(sorted({day for hours in by_day.values() for day in hours}), "datetime64[D]")
    all_days = np.arange(days[0], days[-1] + 1)
    names = [device.name for device in report.devices]
    shown = np.full((len(names), len(all_days)), np.nan)
    for row, name in enumerate(names):
        for day, hours in by_day[name].items():
            shown[row, int((np.datetime64(day) - all_days[0]).astype(int))] = hours
    figure, axes = plt.subplots(figsize=(11, 1.3 + 0.32 * len(names)), layout="constrained")
    first = mdates.date2num(all_days[0])
    edges = first - 0.5 + np.arange(len(all_days) + 1)
    mesh = axes.pcolormesh(
        edges, np.arange(len(names) + 1) - 0.5, shown, cmap="Blues", vmin=0, vmax=max(8.0, np.nanmax(shown))
    )
    axes.set(ylim=(len(names) - 0.5, -0.5))
    axes.set_yticks(range(len(names)), [report.label(name) for name in names])
    axes.set_facecolor("#f3f4f6")
    locator = mdates.AutoDateLocator(minticks=3, maxticks=10, interval_multiples=False)
    locator.intervald[mdates.HOURLY] = []
    axes.xaxis_date()
    axes.xaxis.set_major_locator(mdates.DayLocator() if len(all_days) < 11 else locator)
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%Y-%m-%d"))
    axes.tick_params(axis="x", rotation=30)
    figure.colorbar(mesh, ax=axes, label=words("hours_axis"), pad=0.01)
    return model.png_of(figure)


def _draw_alarms(report: Report, words: Words, names: list[str]) -> bytes:
    import matplotlib  # noqa: PLC0415

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    periods = report.periods[-24:]
    figures = [report.of(period) for period in periods]
    figure, both = plt.subplots(1, 2, figsize=(11, 3.4), layout="constrained")
    for axes, key, title in zip(both, ("pre_alarms", "alarms"), ("column_pre_alarms", "column_alarms"), strict=True):
        floor = [0] * len(periods)
        for number, name in enumerate(names):
            counts: list[Any] = [getattr(one, key)[name] for one in figures]
            if not any(counts):
                continue
            label = words.named("cause", name)
            axes.bar(range(len(periods)), counts, bottom=floor, label=label, color=f"C{number}", width=0.6)
            floor = [low + count for low, count in zip(floor, counts, strict=True)]
        axes.set_title(words(title), loc="left")
        axes.set_xticks(
            range(len(periods)), [period or words("undated") for period in periods], rotation=30, ha="right"
        )
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(-0.7, max(len(periods), 4) - 0.3)
        axes.set_ylim(0, max([1, *floor]) * 1.05)
        axes.grid(alpha=0.25, axis="y")
        if any(floor):
            axes.legend(frameon=False, fontsize=8)
    return model.png_of(figure)

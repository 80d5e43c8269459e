"""The page of `dati drift`: the fleet's table, and curves of the devices that need attention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt

from host_tools import documents as model
from host_tools.documents import Document, Words
from host_tools.drift_logs import Followed
from host_tools.drifting import (
    COLUMNS,
    cells,
    chart_name,
    day_of,
    history,
    rule_values,
    share_of,
    status_of,
)
from simulator.charts import CUSUM_LIMIT, EWMA_LIMIT, EWMA_WEIGHT
from simulator.drift_charts import charts_of
from simulator.drift_states import Rules
from simulator.drift_verdict import EARLY, FINE, FLAGGED, OVER

_MOST_PICTURES = 40
_TONES = {FINE: "", EARLY: model.DIM, FLAGGED: model.WARN, OVER: model.BAD, "recovered": model.GOOD}
_DOTS = {FINE: "#5d6878", EARLY: "#b9c0cb", FLAGGED: "#d08700", OVER: "#b41818", "recovered": "#166534"}
_AXES = {"x": "#4477aa", "y": "#228833", "z": "#aa3377"}
_LIMIT: dict[str, Any] = {"color": "#cc3311", "linestyle": "--", "linewidth": 1}
_AHEAD_DAYS = 180.0


def document(found: list[Followed], remarks: list[tuple[str, str]], rules: Rules, words: Words) -> Document:
    """All devices, those that need attention first, which is how `found` comes."""
    dated = [one.course.readings.day for one in found if len(one.course.readings)]
    first = day_of(min(days[0] for days in dated)) if dated else words("not_known")
    last = day_of(max(days[-1] for days in dated)) if dated else words("not_known")
    made = Document(
        words("title"),
        words("subtitle", devices=len(found), first=first, last=last),
        words.language,
        words("footer", made=datetime.now(UTC).strftime("%Y-%m-%d")),
    )
    bad = [one for one in found if one.verdict.status in (FLAGGED, OVER)]
    if bad:
        names = ", ".join(one.device for one in bad)
        made.add(model.Verdict(False, words("summary_bad", flagged=len(bad), count=len(found), names=names)))
    else:
        made.add(model.Verdict(True, words("summary_good", count=len(found))))
    made.add(model.Text(words("rules", **rule_values(rules, words)), model.DIM))
    if any(one.course.states for one in found):
        made.add(model.Picture(_draw_fleet(found, words), words("plot_fleet_caption"), 0.9))
    shown = [one for one in found if one in bad or one.verdict.recovered]
    for one in shown[:_MOST_PICTURES]:
        made.add(model.Heading(f"{one.device} : {', '.join(filter(None, cells(one, words)[-2:]))}".rstrip(" :"), 3))
        made.add(model.Picture(_draw_device(one, words), words("plot_caption", device=one.device)))
        made.add(model.Lines(history(one, words)))
    if len(shown) > _MOST_PICTURES:
        made.add(model.Text(words("more_pictures", shown=_MOST_PICTURES), model.DIM))
    made.add(model.Heading(words("heading_fleet")), _table(found, words))
    made.add(model.Heading(words("heading_remarks")))
    lines: list[str | model.Cell] = [f"{name} : {line}" for name, line in remarks]
    made.add(model.Lines(lines) if lines else model.Text(words("no_remarks")))
    return made


def _table(found: list[Followed], words: Words) -> model.Table:
    rows: list[list[str | model.Cell]] = []
    for one in found:
        row: list[str | model.Cell] = list(cells(one, words))
        row[1] = model.Cell(str(row[1]), _TONES[status_of(one)])
        rows.append(row)
    return model.Table(
        [words(f"column_{key}") for key in COLUMNS], rows, "llrlrllll", [9, 11, 7, 10, 8, 8, 15, 11, 21]
    )  # fmt: skip


def _date(days: float) -> datetime:
    return datetime(2000, 1, 1) + timedelta(days=float(days))


def _draw_fleet(found: list[Followed], words: Words) -> bytes:
    """A dot a device: how much of its tolerance is used up."""
    followed = [one for one in found if one.course.states]
    figure, axes = plt.subplots(figsize=(9, 2.6), layout="constrained")
    shares = np.array([share_of(one) for one in followed])
    # Beside one another where they would cover each other.
    bins = np.round(shares, 2)
    heights = np.array([np.sum(bins[:at] == bins[at]) for at in range(len(bins))])
    for status, colour in _DOTS.items():
        of = np.array([status_of(one) == status for one in followed])
        if of.any():
            label = words.named("status", status)
            axes.scatter(shares[of], heights[of], s=28, color=colour, label=f"{label} ({of.sum()})", zorder=3)
    axes.axvline(1, **_LIMIT, label=words("plot_tolerance"))
    axes.axvline(0.8, **{**_LIMIT, "alpha": 0.4})
    axes.set(xlim=(0, max(1.2, shares.max() * 1.05)), ylim=(-0.8, max(3, heights.max() + 1)), yticks=[])
    axes.set_title(words("plot_fleet"), loc="left")
    axes.grid(alpha=0.25, axis="x")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
    return model.png_of(figure)


def _draw_device(one: Followed, words: Words) -> bytes:
    figure, (error, sensitivity, surplus, cusum) = plt.subplots(
        4, 1, figsize=(10, 9), sharex=True, height_ratios=[3, 2, 3, 2], layout="constrained"
    )
    _draw_error(error, one, words)
    _draw_sensitivity(sensitivity, one, words)
    _draw_charts(surplus, cusum, one, words)
    for axes in (error, sensitivity, surplus, cusum):
        for change in one.course.changes:
            colour = "#166534" if change.kind == "re-zeroed" else "#7a3db8"
            axes.axvline(_date(change.day), color=colour, linewidth=1.2)
        for flag in one.verdict.flags:
            axes.axvline(_date(flag.day), color="#d08700", linewidth=1, linestyle=":")
        axes.grid(alpha=0.25)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
    cusum.xaxis.set_major_formatter(mdates.ConciseDateFormatter(cusum.xaxis.get_major_locator()))
    return model.png_of(figure)


def _draw_error(axes: Any, one: Followed, words: Words) -> None:
    states, rules = one.course.states, one.course.rules
    days = [_date(state.day) for state in states]
    error = np.array([state.error_deg for state in states])
    sd = np.array([state.error_sd_deg for state in states])
    axes.fill_between(days, np.maximum(0, error - 2 * sd), error + 2 * sd, color="#4477aa", alpha=0.2, linewidth=0)
    axes.plot(days, error, color="#4477aa")
    axes.axhline(rules.tolerance_deg, **_LIMIT, label=words("plot_tolerance"))
    last = states[-1]
    if last.rate_deg > 3 * last.rate_sd_deg and last.error_deg < rules.tolerance_deg:
        ahead = np.array([0.0, _AHEAD_DAYS])
        for rate, style in ((last.rate_deg, "-"), *((last.rate_deg + k * last.rate_sd_deg, ":") for k in (-2, 2))):
            line = last.error_deg + rate * ahead
            axes.plot([_date(last.day + day) for day in ahead], line, color="#d08700", linestyle=style, linewidth=1)
    axes.set_ylabel(words("plot_error"))
    axes.set_ylim(0, max(1.3 * rules.tolerance_deg, float((error + 2 * sd).max())) * 1.05)


def _draw_sensitivity(axes: Any, one: Followed, words: Words) -> None:
    states, rules = one.course.states, one.course.rules
    percent = [state.gain_percent + state.noise_percent for state in states]
    axes.plot([_date(state.day) for state in states], percent, color="#4477aa")
    axes.axhline(rules.tolerance_percent, **_LIMIT)
    axes.set_ylabel(words("plot_sensitivity"))
    axes.set_ylim(0, max([1.2 * rules.tolerance_percent, *percent]) * 1.05)


def _draw_charts(surplus: Any, cusum: Any, one: Followed, words: Words) -> None:
    """Where the error is not the sensor's 1 g, what signals is its noise or self-test: shown where it does."""
    limit = EWMA_LIMIT * np.sqrt(EWMA_WEIGHT / (2 - EWMA_WEIGHT))
    for chart in charts_of(one.course):
        days = [_date(day) for day in chart.days]
        name = chart_name(chart.name, words)
        colour = _AXES.get(chart.name[-1]) if chart.name[-1] in "xyz" else "#5d6878"
        style = "-" if chart.name in _AXES else "--"
        if chart.name in _AXES:
            surplus.plot(days, np.clip(chart.values, -150, 150), ".", color=colour, markersize=2.5, alpha=0.5)
            surplus.plot(days, chart.ewma * chart.sd, color=colour, label=f"{name}, EWMA")
            surplus.axhspan(-limit * chart.sd, limit * chart.sd, color=colour, alpha=0.05)
        if chart.name in _AXES or chart.cusum_since is not None:
            sums = np.where(chart.high >= chart.low, chart.high, -chart.low)
            cusum.plot(days, sums, color=colour, linestyle=style, linewidth=1, label=name)
    for side in (-CUSUM_LIMIT, CUSUM_LIMIT):
        cusum.axhline(side, **_LIMIT)
    surplus.set_ylabel(words("plot_surplus"))
    cusum.set_ylabel(words("plot_cusum"))

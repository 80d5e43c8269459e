"""One scenario as a picture: what the worker did, what the device showed, who was told, and how long it took.

Above the whole scenario; below it, for the first alarms, a closer look with the four durations as brackets. Every
message is an arrow from the lane it left to the lane it reached.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from host_tools import timeline_lanes as lanes
from host_tools.timeline_lanes import Band, Mark, Message
from host_tools.timeline_panels import BRACKETS, LEFT_IN, LETTER_IN, WIDTH_IN, Panel, Rows, panels, times
from simulator.simulate import Durations, Outcome

_ROW_IN = 0.30  # one unit of height: a band, or two rows of labels
_FONT = 7.5
_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.75}  # under a label: lines do not cross it


def draw(outcome: Outcome, path: Path) -> None:
    """Write the picture of one outcome; the file's ending says of which kind."""
    contacts = lanes.contacts_of(outcome)
    drawn = panels(outcome, contacts)
    gap_in, head_in, foot_in = 0.8, 0.75, 0.85
    heights_in = [panel.height * _ROW_IN for panel in drawn]
    total_in = head_in + sum(heights_in) + gap_in * (len(drawn) - 1) + foot_in
    figure = plt.figure(figsize=(WIDTH_IN, total_in))
    top_in = total_in - head_in
    for panel, height_in in zip(drawn, heights_in, strict=True):
        where = (
            LEFT_IN / WIDTH_IN,
            (top_in - height_in) / total_in,
            panel.width_in / WIDTH_IN,
            height_in / total_in,
        )
        _draw_panel(figure.add_axes(where), panel, outcome, contacts)
        top_in -= height_in + gap_in
    figure.text(0.01, 1 - 0.12 / total_in, outcome.scenario.name, fontsize=13, weight="bold", va="top")
    figure.text(0.01, 1 - 0.40 / total_in, outcome.scenario.title, fontsize=10, va="top")
    verdict = "as demanded" if outcome.passed else "NOT AS DEMANDED: " + outcome.failures[0]
    colour = lanes.DARK_GREEN if outcome.passed else lanes.RED
    figure.text(0.985, 1 - 0.12 / total_in, verdict, fontsize=10, va="top", ha="right", color=colour)
    _legend(figure, outcome, total_in)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_panel(ax: Axes, panel: Panel, outcome: Outcome, contacts: dict[str, str]) -> None:
    ax.set_xlim(panel.from_s / panel.scale, panel.until_s / panel.scale)
    ax.set_ylim(panel.height, 0)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    ax.grid(axis="x", alpha=0.25)
    ax.set_axisbelow(True)
    ax.set_xlabel(f"time ({panel.unit})", fontsize=8, labelpad=1)
    ax.tick_params(axis="x", labelsize=8)
    if panel.durations is not None:
        causes = panel.durations.causes.replace("_", " ").replace("+", ", ")
        ax.set_title(f"closer: {causes} alarm at {panel.durations.at_s:.1f} s", fontsize=9, loc="left", pad=4)
        _draw_brackets(ax, panel, panel.durations)
    names = {"worker": "worker", "device": "device shows", "sound": "device sounds", "network": "network"}
    names |= {"faults": "wrong, mended", "centre": "receiving centre", "brackets": "durations"} | contacts
    ticks = {lane: top + (1.2 if lane == "brackets" else 0.5) for lane, top in panel.tops.items()}
    ax.set_yticks(list(ticks.values()), [names[lane] for lane in ticks], fontsize=8.5)
    ax.tick_params(axis="y", length=0)

    narrow = _draw_bands(ax, panel, "worker", lanes.worker_bands(outcome), left=True)
    taken = _draw_marks(ax, panel, "worker", lanes.worker_marks(outcome), "black")
    _draw_marks(ax, panel, "worker", [Mark(band.from_s, band.name) for band in narrow], "#5b6f86", taken)
    if "faults" in panel.tops:
        _draw_marks(ax, panel, "faults", lanes.fault_marks(outcome), lanes.RED)
    _draw_bands(ax, panel, "device", lanes.device_bands(outcome), bold=True)
    _draw_sound(ax, panel, outcome)
    _draw_bands(ax, panel, "network", lanes.coverage(outcome), left=True)
    for number in contacts:
        _draw_bands(ax, panel, number, lanes.call_bands(outcome, number), height=0.42)
    for lane in ("centre", *contacts):
        if lane in panel.tops:
            ax.axhline(panel.centre(lane), color="#777777", linewidth=0.8, zorder=1)
    _draw_messages(ax, panel, lanes.messages(outcome))


def _draw_bands(
    ax: Axes, panel: Panel, lane: str, bands: list[Band], height: float = 0.86, bold: bool = False, left: bool = False
) -> list[Band]:
    """The bands with their names; those whose names find no room are given back."""
    y = panel.centre(lane)
    narrow = []
    for band in bands:
        from_s, until_s = max(band.from_s, panel.from_s), min(band.until_s, panel.until_s)
        if until_s <= from_s:
            continue
        where = [(from_s / panel.scale, (until_s - from_s) / panel.scale)]
        style: dict[str, Any] = {"facecolor": band.colour, "edgecolor": "white", "linewidth": 0.5}
        if band.colour == lanes.OUT:
            style = {"facecolor": "#333333", "edgecolor": "#999999", "hatch": "////", "linewidth": 0.5}
        elif band.colour == lanes.WHITE:
            style = {"facecolor": "white", "edgecolor": "#bbbbbb", "linewidth": 0.5}
        ax.broken_barh(where, (y - height / 2, height), zorder=2, **style)
        room_in = panel.inches(until_s) - panel.inches(from_s)
        if len(band.name) * LETTER_IN * (1.1 if bold else 1.0) < room_in:
            dark = band.colour in (lanes.RED, lanes.OUT, lanes.BLUE)
            ax.annotate(
                band.name,
                ((from_s if left else (from_s + until_s) / 2) / panel.scale, y),
                xytext=(3 if left else 0, 0),
                textcoords="offset points",
                ha="left" if left else "center",
                va="center",
                fontsize=_FONT,
                weight="bold" if bold else "normal",
                color="white" if dark else "black",
                zorder=3,
            )
        elif band.from_s >= panel.from_s:
            narrow.append(band)
    return narrow


def _draw_marks(ax: Axes, panel: Panel, lane: str, marks: list[Mark], colour: str, taken: Rows | None = None) -> Rows:
    """Moments with their words, under the lane's band, in as many rows as there is room for.

    `taken`: rows that hold others already; then what finds no room in them is left out altogether.
    """
    top = panel.tops[lane] + (0.1 if lane == "faults" else 1.0)
    rows = taken or Rows(panel, 2)
    for mark in marks:
        if not panel.from_s <= mark.t_s <= panel.until_s:
            continue
        x = mark.t_s / panel.scale
        row, right = rows.place(mark.t_s, mark.label)
        if row < 0 and taken is not None:
            continue
        ax.plot([x, x], [panel.tops[lane] + 0.1, top + 0.5 * (max(row, 0) + 1)], color=colour, linewidth=1.1, zorder=4)
        if row >= 0:
            ax.annotate(
                mark.label,
                (x, top + 0.5 * row + 0.25),
                xytext=(3 if right else -3, 0),
                textcoords="offset points",
                ha="left" if right else "right",
                va="center",
                fontsize=_FONT,
                color=colour,
                bbox=_PAPER,
                zorder=5,
            )
    return rows


def _draw_sound(ax: Axes, panel: Panel, outcome: Outcome) -> None:
    top = panel.tops["sound"]
    for spans, y, colour in ((outcome.buzzer, top + 0.1, "#444444"), (outcome.vibrator, top + 0.55, "#7a5195")):
        # Bars that would be thinner than a hair are drawn as one.
        least_s = (panel.until_s - panel.from_s) / 1500
        bars = [
            (from_s / panel.scale, max(until_s - from_s, least_s) / panel.scale)
            for from_s, until_s in spans
            if until_s >= panel.from_s and from_s <= panel.until_s
        ]
        ax.broken_barh(bars, (y, 0.35), facecolor=colour, linewidth=0, zorder=2)


def _draw_messages(ax: Axes, panel: Panel, messages: list[Message]) -> None:
    rows: dict[str, Rows] = {}
    shown = [
        message
        for message in messages
        if message.until_s >= panel.from_s
        and message.from_s <= panel.until_s
        and {message.source, message.target} <= set(panel.tops)
    ]
    # What matters most is labelled first, receipts last.
    order = list(lanes.KINDS)
    for message in sorted(shown, key=lambda one: (one.kind == "receipt", order.index(one.kind), one.from_s)):
        colour = lanes.KINDS[message.kind]
        down = message.source == "device"
        other = message.target if down else message.source
        ends = {"device": panel.centre("device") + 0.43, "network": panel.centre("network")}
        begin_y, end_y = (ends.get(lane, panel.centre(lane)) for lane in (message.source, message.target))
        ax.annotate(
            "",
            (message.until_s / panel.scale, end_y),
            xytext=(message.from_s / panel.scale, begin_y),
            arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0},
            annotation_clip=False,
            zorder=6 if message.kind == "alarm" else 4,
            clip_on=True,
        )
        if message.failed:
            ax.plot(message.until_s / panel.scale, end_y, "x", color=colour, markersize=7, markeredgewidth=2, zorder=7)
        if not message.label:
            continue
        at_s = message.until_s if down else message.from_s
        lane_rows = rows.setdefault(other, Rows(panel, 2))
        row, right = lane_rows.place(at_s, message.label)
        if row < 0 or not panel.from_s <= at_s <= panel.until_s:
            continue
        y = panel.centre(other) + (0.68 if other == "network" else 0.42) + 0.44 * row
        ax.annotate(
            message.label,
            (at_s / panel.scale, y),
            xytext=(2 if right else -2, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=_FONT,
            color="#555555" if colour == lanes.LIGHT else colour,
            bbox=_PAPER,
            zorder=8,
        )


def _draw_brackets(ax: Axes, panel: Panel, durations: Durations) -> None:
    moments = times(durations)
    ends = {
        "trigger": ("condition", "sent"),
        "pre-alarm": ("perceived", "alarm"),
        "transmission": ("sent", "arrived"),
        "reaction": ("perceived", "arrived"),
    }
    for number, name in enumerate(BRACKETS):
        from_s, until_s = moments[ends[name][0]], moments[ends[name][1]]
        y = panel.tops["brackets"] + 0.35 + 0.62 * number
        if from_s is None or until_s is None:
            ax.text(panel.from_s / panel.scale, y, f" {name}: none", va="center", fontsize=_FONT, color="#777777")
            continue
        x, x_end = from_s / panel.scale, until_s / panel.scale
        ax.plot([x, x, x_end, x_end], [y + 0.2, y, y, y + 0.2], color="black", linewidth=1.2, clip_on=True)
        lasts_s = until_s - from_s
        words = f"{name} {lasts_s:.1f} s" if lasts_s >= 0.05 or lasts_s < 0.001 else f"{name} {lasts_s:.2f} s"
        fits = panel.inches(until_s) + len(words) * LETTER_IN + 0.1 <= panel.width_in
        ax.annotate(
            words,
            (x_end if fits else x, y),
            xytext=(4 if fits else -4, 0),
            textcoords="offset points",
            ha="left" if fits else "right",
            va="center",
            fontsize=_FONT + 0.5,
        )


def _legend(figure: plt.Figure, outcome: Outcome, total_in: float) -> None:
    used = {lanes.KINDS[message.kind] for message in lanes.messages(outcome)}
    handles = [
        Line2D([], [], color=colour, marker=">", linewidth=1.4, markersize=4, label=meaning)
        for colour, meaning in lanes.MEANINGS.items()
        if colour in used
    ]
    for label, colour, shown in (
        ("buzzer", "#444444", outcome.buzzer),
        ("vibrator", "#7a5195", outcome.vibrator),
    ):
        if shown:
            handles.append(Line2D([], [], color=colour, linewidth=5, label=label))
    if handles:
        figure.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(0.01, 0.05 / total_in),
            ncols=len(handles),
            fontsize=8,
            frameon=False,
            handlelength=1.6,
            columnspacing=1.4,
        )

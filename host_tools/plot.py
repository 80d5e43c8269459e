"""One recording on one time axis: what was measured, what each detector decides on, and what followed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from dati import alarm
from dati import events as codes
from matplotlib.axes import Axes

from simulator.engines.python import make_device, replay
from simulator.replay import Options, Outcome, cause_names, device_settings
from simulator.trace import INPUTS

_AXIS_COLOURS = {"x": "#4477aa", "y": "#228833", "z": "#aa3377"}
_LOST = list(INPUTS).index("lost")
_LIMIT = {"color": "#cc3311", "linestyle": "--", "linewidth": 1}
_STATE_COLOURS = {
    alarm.IN_PRE_ALARM: ("#f5c542", "pre-alarm"),
    alarm.IN_ALARM: ("#d93025", "alarm"),
    alarm.IS_ACKNOWLEDGED: ("#4a90d9", "acknowledged"),
}
_CAUSE_COLOURS = {
    "fall": "#d93025",
    "flight": "#aa3377",
    "verticality": "#e08a1e",
    "immobility": "#4477aa",
}


class Slot(NamedTuple):
    """What the detectors knew at the end of a slot."""

    t_s: float
    lean_deg: float
    level_mg: int
    floor_mg: int
    limit_mg: int
    peak_mg: float
    conditions: int


def measures(outcome: Outcome) -> list[Slot]:
    """The detectors' own measures, slot by slot, from a second replay in CPython with the bank watched."""
    job = outcome.job
    device = make_device(job)
    bank = device.bank
    finish = bank._finish_slot
    rows: list[Slot] = []

    def watched() -> None:
        peak_mg = 2 * math.sqrt(bank._peak) if bank._missing < bank.slot_samples else math.nan
        finish()
        vertical, motion, gravity = bank.vertical, bank.motion, bank.gravity
        vertical.lean(gravity.x_mg, gravity.y_mg, gravity.z_mg)  # the judgement of a fall leans others against it
        cosine = vertical.along_q4 / 16 / math.sqrt(128 * vertical.squared) if vertical.squared else 1.0
        rows.append(
            Slot(
                (len(rows) + 1) * bank.slot_samples / bank._rate_hz,
                math.degrees(math.acos(max(-1.0, min(1.0, cosine)))),
                motion.level_mg,
                motion.floor_mg,
                motion.limit_mg,
                peak_mg,
                bank.conditions,
            )
        )

    bank._finish_slot = watched
    for _ in replay(device, job, job.samples.reshape(-1).tolist()):
        pass
    return rows


def draw(outcome: Outcome, options: Options, path: Path) -> None:
    """Write the picture of one outcome."""
    recording = outcome.recording
    settings = device_settings(recording, options)
    slots = measures(outcome)
    t_s, accel_g, end_s = _on_device_clock(outcome, settings.rate_hz)
    slot_t_s = np.array([slot.t_s for slot in slots])

    figure, (motion_ax, lean_ax, level_ax, peak_ax, state_ax) = plt.subplots(
        5, 1, figsize=(13, 10), sharex=True, height_ratios=[3, 2, 2, 2, 1.6], layout="constrained"
    )
    title = f"{recording.id}: {recording.words}" if recording.words else recording.id
    figure.suptitle(title, fontsize=12, wrap=True)

    for axis, values in zip("xyz", accel_g.T, strict=True):
        motion_ax.plot(t_s, values, color=_AXIS_COLOURS[axis], linewidth=0.7, label=axis)
    motion_ax.plot(t_s, np.linalg.norm(accel_g, axis=1), color="black", linewidth=0.5, alpha=0.6, label="|a|")
    motion_ax.set_ylabel("acceleration\n(g)")
    for name, side in (("onset", "right"), ("impact", "left"), ("end", "left")):
        t_ms = getattr(recording, f"{name}_ms")
        if t_ms is not None:
            motion_ax.axvline(t_ms / 1000, color="grey", linestyle=":", linewidth=1)
            motion_ax.annotate(
                name, (t_ms / 1000, 1), xycoords=("data", "axes fraction"), fontsize=8, va="bottom", ha=side
            )

    lean_ax.plot(slot_t_s, [slot.lean_deg for slot in slots], color="#e08a1e")
    lean_ax.axhline(settings.verticality_threshold_deg, **_LIMIT, label="threshold")
    lean_ax.axhline(
        settings.verticality_threshold_deg - settings.verticality_return_deg,
        **{**_LIMIT, "alpha": 0.4},
        label="return",
    )
    lean_ax.set_ylabel("lean\n(degrees)")
    lean_ax.set_ylim(0, 180)
    lean_ax.set_yticks([0, 45, 90, 135, 180])

    worker_mg = [slot.level_mg - slot.floor_mg for slot in slots]
    level_ax.step(slot_t_s, worker_mg, where="pre", color="#4477aa", label="worker")
    level_ax.step(
        slot_t_s,
        [slot.floor_mg for slot in slots],
        where="pre",
        color="grey",
        linewidth=0.8,
        label="steady floor",
    )
    level_ax.step(slot_t_s, [slot.limit_mg for slot in slots], where="pre", **_LIMIT, label="life above")
    level_ax.set_yscale("symlog", linthresh=10)
    level_ax.set_ylim(0, 5000)
    level_ax.set_yticks([0, 10, 100, 1000], ["0", "10", "100", "1000"])
    level_ax.set_ylabel("motion\n(mg)")

    peak_ax.step(slot_t_s, [slot.peak_mg / 1000 for slot in slots], where="pre", color="#555555", label="peak |a|")
    peak_ax.axhline(settings.fall_impact_mg / 1000, **_LIMIT, label="impact judged above")
    peak_ax.set_ylabel("peak of slot\n(g)")
    peak_ax.set_ylim(bottom=0)

    _draw_states(state_ax, outcome, slots, end_s)
    for ax in (motion_ax, lean_ax, level_ax, peak_ax):
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8, frameon=False)
        ax.grid(alpha=0.25)
        _shade(ax, outcome, end_s)
    state_ax.set_xlabel("time (s)")
    state_ax.set_xlim(0, end_s)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _on_device_clock(outcome: Outcome, rate_hz: int) -> tuple[np.ndarray, np.ndarray, float]:
    """When the device took each sample (s), the samples (g), and the end: what was lost took its time, and is a gap."""
    accel_g = outcome.job.samples / 1000
    lost = np.zeros(len(accel_g) + 1, int)
    for at, what, count in outcome.job.inputs:
        if what == _LOST:
            lost[min(at, len(accel_g))] += count
    t_s = (np.arange(len(accel_g)) + np.cumsum(lost)[:-1]) / rate_hz
    gaps = np.flatnonzero(lost[:-1])
    t_s, end_s = np.insert(t_s, gaps, np.nan), (len(accel_g) + int(lost.sum())) / rate_hz
    return t_s, np.insert(accel_g, gaps, np.nan, axis=0), end_s


def _spans(outcome: Outcome, end_s: float) -> list[tuple[float, float, int]]:
    """When the alarm was in which state: (from, to, state), in seconds, the quiet left out."""
    marks = [(event.t_ms / 1000, event.argument) for event in outcome.events if event.code == codes.SIGNAL]
    ends = [*(t_s for t_s, _ in marks), end_s][1:]
    return [(t_s, until, state) for (t_s, state), until in zip(marks, ends, strict=True) if state != alarm.QUIET]


def _shade(ax: Axes, outcome: Outcome, end_s: float) -> None:
    for start_s, until_s, state in _spans(outcome, end_s):
        ax.axvspan(start_s, until_s, color=_STATE_COLOURS[state][0], alpha=0.12, linewidth=0)


def _draw_states(ax: Axes, outcome: Outcome, slots: list[Slot], end_s: float) -> None:
    rows = ["alarm", *_CAUSE_COLOURS]
    for start_s, until_s, state in _spans(outcome, end_s):
        colour, name = _STATE_COLOURS[state]
        ax.broken_barh([(start_s, until_s - start_s)], (-0.4, 0.8), color=colour)
        if until_s - start_s > 0.06 * end_s:
            ax.text((start_s + until_s) / 2, 0, name, ha="center", va="center", fontsize=8)
    step_s = slots[0].t_s if slots else 0
    for row, (cause, colour) in enumerate(_CAUSE_COLOURS.items(), start=1):
        # What a slot showed is known, and reported, at its end.
        held = [(slot.t_s, step_s) for slot in slots if cause in cause_names(slot.conditions)]
        ax.broken_barh(held, (row - 0.4, 0.8), color=colour)
    for event in outcome.events:
        if event.code in (codes.PRE_ALARM, codes.ALARM, codes.CANCELLED, codes.CAUSE_ADDED):
            ax.axvline(event.t_ms / 1000, color="black", linewidth=0.8)
            if event.code != codes.CANCELLED and not set(cause_names(event.argument)) & set(_CAUSE_COLOURS):
                text = "+".join(cause_names(event.argument))
                ax.annotate(
                    text,
                    (event.t_ms / 1000, len(rows) - 0.6),
                    fontsize=8,
                    va="bottom",
                    xytext=(3, 0),
                    textcoords="offset points",
                )
    ax.set_yticks(range(len(rows)), rows, fontsize=8)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(alpha=0.25, axis="x")

"""A calibration as a person reads it: a table of before and after for each post, and the trade-off in a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dati.tunables import TUNABLES
from rich.table import Table

from host_tools.output import out
from simulator.calibration_grid import SEARCHED
from simulator.calibration_result import SWITCHED, Figures, Point, Result
from simulator.calibration_search import FAMILIES

_UNIT = {name: unit for name, unit, *_ in TUNABLES}


def print_results(results: Sequence[Result], notes: Sequence[str]) -> None:
    """One block a post."""
    for number, result in enumerate(results):
        if number:
            out.print()
        _print_one(result)
    for note in notes:
        out.print(f"\n{note}", style="dim")


def _print_one(result: Result) -> None:
    wearers = f", {result.wearers} wearer{'s' * (result.wearers != 1)}" if result.wearers else ""
    out.print(f"{result.post}: {result.hours:.2f} h of work{wearers}", style="bold")
    if result.before is not None:
        out.print(_table(result))
    if result.held_out is not None:
        same = f"{result.agreeing_folds} of {result.folds} choices without a part are the same"
        clusters = f", clusters count {result.dispersion:.1f} times" if result.dispersion > 1.05 else ""
        out.print(f" held out by {result.held_out_by}: {same}{clusters}", style="dim")
    if result.wearers == 1 and result.supported:
        out.print(" one wearer: others may move otherwise; record more before you trust it", style="yellow")
    if result.supported:
        goal = result.goal
        out.print(
            f" recommended: at most {goal.target:g} false pre-alarms a shift, {100 * goal.confidence:g} % confidence",
            style="green",
        )
        return
    out.print(f" no recommendation: {result.reason}", style="red")
    out.print(f" {result.advice}")


def _table(result: Result) -> Table:
    columns = {"before": result.before, "after": result.after, "held out": result.held_out}
    shown = {name: one for name, one in columns.items() if one is not None}
    table = Table("", *shown, box=None)
    for name in (*SEARCHED, *SWITCHED):
        values = [one.settings.get(name) for one in shown.values()]
        if name in SWITCHED and len(set(values) - {None}) < 2:
            continue
        table.add_row(name, *(_value(name, one) for one in shown.values()))
    table.add_row("false pre-alarms", *(f"{one.false} in {one.hours:.1f} h" for one in shown.values()))
    table.add_row("  a shift (at most)", *(_rate(one) for one in shown.values()))
    table.add_row("  by cause", *(_causes(one) for one in shown.values()))
    for family in FAMILIES:
        if any(family in one.detection for one in shown.values()):
            table.add_row(f"{family} found", *(_found(one, family) for one in shown.values()))
    return table


def _value(name: str, one: Figures) -> str:
    value = one.settings.get(name)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if name.startswith("verticality") and not one.settings["verticality_enabled"]:
        return "off"
    return f"{value} {_UNIT[name]}"


def _rate(one: Figures) -> str:
    return f"{one.per_shift:.2f} ({one.upper_per_shift:.2f})"


def _causes(one: Figures) -> str:
    return ", ".join(f"{name} {count}" for name, count in one.by_cause.items()) or ("none" if not one.false else "")


def _found(one: Figures, family: str) -> str:
    found = one.detection.get(family)
    if found is None:
        return "-"
    after = f", {found.mean_s:.0f} s" if found.mean_s is not None and family != FAMILIES[0] else ""
    return f"{found.found}/{found.cases}{after}"


def draw(results: Sequence[Result], path: Path) -> None:
    """A row a post: left how soon help is called, right who is found, over the false pre-alarms a shift."""
    import matplotlib  # noqa: PLC0415  (a second to load: only for who wants a picture)

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    shown = [result for result in results if result.curve]
    figure, rows = plt.subplots(len(shown), 2, figsize=(12, 1 + 3.6 * len(shown)), squeeze=False, layout="constrained")
    for result, (left, right) in zip(shown, rows, strict=True):
        rates = [rate for rate, _, _ in result.cloud]
        left.plot(rates, [mean_s for _, mean_s, _ in result.cloud], ".", color="#bbbbbb", markersize=3)
        line = [(point.per_shift, point.mean_s) for point in result.curve]
        left.step(*zip(*line, strict=True), where="post", color="#1f77b4", label="soonest")
        left.set(title=f"{result.post}, {result.hours:.1f} h", ylabel="mean s until help is called", yscale="log")
        right.plot(
            rates,
            [100 * kept for _, _, kept in result.cloud],
            ".",
            color="#bbbbbb",
            markersize=3,
            label="settings tried",
        )
        right.axhline(100 * result.goal.floor, color="#888888", linestyle=":", label="floor")
        right.set(title="found, of what the default finds", ylabel="% of the worst family", ylim=(-3, 103))
        for axes, height in ((left, _mean_s), (right, _kept)):
            _mark(axes, result, height)
            axes.set_xscale("symlog", linthresh=1)
            axes.set_xlim(-0.1, 2 * max(*rates, 2 * result.goal.target))
            axes.set_xlabel("false pre-alarms a shift")
            axes.axvline(result.goal.target, color="#d62728", linestyle="--", linewidth=1, label="target")
            axes.grid(alpha=0.25)
        handles, labels = right.get_legend_handles_labels()
        front, name = left.get_legend_handles_labels()
        every = dict(zip([*labels, *name], [*handles, *front], strict=True))
        right.legend(every.values(), every.keys(), loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _mean_s(point: Point) -> float:
    return point.mean_s


def _kept(point: Point) -> float:
    return 100 * min(point.kept.values(), default=1.0)


def _mark(axes: Any, result: Result, height: Callable[[Point], float]) -> None:
    """The default and what was chosen, each with how far its rate may reach."""
    chosen = "chosen" if result.supported else "best, not recommended"
    for key, figures, name, form, colour in (
        ("default", result.reference, "default", "s", "#ff7f0e"),
        ("chosen", result.after, chosen, "*", "#2ca02c"),
    ):
        if figures is not None and key in result.points:
            reach = [[0.0], [figures.upper_per_shift - figures.per_shift]]
            at = height(result.points[key])
            axes.errorbar(
                [figures.per_shift], [at], xerr=reach, fmt=form, markersize=9, color=colour, capsize=4, label=name
            )

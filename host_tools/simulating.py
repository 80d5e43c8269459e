"""`dati sim`: scenarios on the virtual board, with the firmware as it would be flashed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from datasets import scenarios
from host_tools import choices
from host_tools.output import EXIT_DIFFERENT, check_writable, err, out, print_json, tracked
from simulator.errors import UserError
from simulator.simulate import Durations, Outcome, line, run

_STYLES = {"worker": "cyan", "network": "dim", "contact": "magenta", "centre": "green", "fault": "red"}
_PICTURES = (".png", ".svg", ".pdf")


class RuntimeName(StrEnum):
    """What runs the firmware."""

    CPYTHON = "cpython"
    MICROPYTHON = "micropython"
    BOTH = "both"


def _simulate(name: str, runtime: str, heap: str) -> Outcome:
    scenario = scenarios.find(name)
    folder = Path(name).parent if Path(name).exists() else scenarios.FOLDER
    return run(scenario, scenarios.motion(scenario), runtime, folder, heap)


def _job(job: tuple[str, str, str]) -> Outcome:
    return _simulate(*job)


def sim(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCENARIO...", help="Bundled scenarios, TOML files, or 'all'.", show_default=False),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name the bundled scenarios and what they show.")] = False,
    runtime: Annotated[
        RuntimeName, typer.Option(help="What runs the firmware; 'both' compares their timelines line by line.")
    ] = RuntimeName.CPYTHON,
    heap: Annotated[
        str, typer.Option(metavar="SIZE", help="Heap of the MicroPython runtime, e.g. 192k; empty: its own default.")
    ] = "",
    energy: Annotated[bool, typer.Option("--energy", help="Show what the parts drew, and how long 2 Ah last.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw one scenario's timeline.", show_default=False)
    ] = None,
    flash: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Put there what the device's flash holds in the end.", show_default=False),
    ] = None,
    as_json: choices.AsJson = False,
) -> None:
    """Run the unmodified firmware on a virtual board through a scenario, and check what must come of it.

    Status 1 when a scenario does not end as its file demands, or two runtimes differ.

    Examples: `dati sim sos-to-the-centre --plot sos.png`, `dati sim all --runtime both`.
    """
    if list_:
        _print_list(as_json)
        return
    if not names:
        raise UserError("name a scenario, or 'all'; `dati sim --list` names them")
    chosen = [found for name in names for found in (scenarios.names() if name == "all" else [name])]
    for name in chosen:
        scenarios.find(name)
    for option, value in (("--plot", plot), ("--flash", flash)):
        if value is not None and len(chosen) != 1:
            raise UserError(f"{option} takes one scenario; name one")
    if flash is not None and flash.exists() and not flash.is_dir():
        raise UserError(f"--flash {flash}: is no folder; name one")
    if plot is not None:
        if plot.suffix.lower() not in _PICTURES:
            raise UserError(f"--plot {plot}: name a file that ends in {', '.join(_PICTURES)}")
        check_writable(plot)
    runtimes = ["cpython", "micropython"] if runtime is RuntimeName.BOTH else [runtime.value]
    jobs = [(name, each, heap) for name in chosen for each in runtimes]
    outcomes = list(tracked(_run(jobs), "simulating", len(jobs)))
    groups = [outcomes[first : first + len(runtimes)] for first in range(0, len(outcomes), len(runtimes))]
    bad = sum(bool(_problems(group)) for group in groups)
    if as_json:
        print_json([_as_json(outcome, _problems(group)) for group in groups for outcome in group])
    elif len(groups) == 1:
        print_outcome(groups[0][0])
    for group in groups:
        if not as_json and (len(groups) > 1 or _problems(group)):
            _print_verdict(group)
    if energy and not as_json:
        for group in groups:
            print_energy(group[0])
    if plot is not None:
        from host_tools.plot_timeline import draw  # noqa: PLC0415  (a second to load: only for who wants a picture)

        draw(outcomes[0], plot)
        err.print(f"drawn: {plot}")
    if flash is not None:
        _write_flash(outcomes[0], flash)
    if len(groups) > 1:
        err.print(f"{len(groups)} scenarios, {', '.join(runtimes)}: {bad} not as demanded")
    if bad:
        raise typer.Exit(EXIT_DIFFERENT)


def _write_flash(outcome: Outcome, folder: Path) -> None:
    """The files of the device, for `dati journal` and `dati replay`."""
    for name, data in outcome.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    err.print(f"{len(outcome.files)} files of the device: {folder}")


def _run(jobs: list[tuple[str, str, str]]) -> Iterator[Outcome]:
    """Outcomes in order; several at a time where there are several."""
    if len(jobs) == 1:
        yield _job(jobs[0])
        return
    with ProcessPoolExecutor(max_workers=2) as pool:
        yield from pool.map(_job, jobs)


def _problems(group: list[Outcome]) -> list[str]:
    """What is not as it should be with one scenario on its runtimes."""
    problems = list(group[0].failures)
    for other in group[1:]:
        problems += [text for text in other.failures if text not in problems]
        if other.lines() != group[0].lines():
            difference = difflib.unified_diff(
                group[0].lines(), other.lines(), group[0].runtime, other.runtime, n=1, lineterm=""
            )
            problems.append("\n".join([f"{other.runtime} differs:", *list(difference)[2:14]]))
    return problems


def _print_list(as_json: bool) -> None:
    found = [scenarios.find(name) for name in scenarios.names()]
    if as_json:
        print_json([{"name": scenario.name, "title": scenario.title} for scenario in found])
        return
    table = Table(box=None)
    table.add_column("scenario")
    table.add_column("minutes", justify="right")
    table.add_column("what happens")
    for scenario in found:
        table.add_row(scenario.name, f"{scenario.end_s / 60:g}", scenario.title)
    out.print(table)


def print_outcome(outcome: Outcome) -> None:
    """One scenario as a person reads it."""
    scenario = outcome.scenario
    out.print(Text.assemble((scenario.name, "bold"), f"  {scenario.title}"))
    for entry in outcome.entries:
        style = _STYLES.get(entry.who, "")
        if entry.who == "device":
            style = {"alarm": "bold red", "pre_alarm": "yellow", "cancelled": "green"}.get(entry.what, "")
        out.print(line(entry), style=style)
    for durations in outcome.durations:
        _print_durations(durations)


def _print_durations(durations: Durations) -> None:
    words = [
        (name, value)
        for name, value in (
            ("trigger", durations.trigger_s),
            ("pre-alarm", durations.pre_alarm_s),
            ("transmission", durations.transmission_s),
            ("reaction", durations.reaction_s),
        )
    ]
    shown = ", ".join(f"{name} {'none' if value is None else f'{value:.1f} s'}" for name, value in words)
    out.print(f"alarm {durations.causes} at {durations.at_s:.1f} s: {shown}", style="bold")


def _print_verdict(group: list[Outcome]) -> None:
    problems = _problems(group)
    name = group[0].scenario.name
    if not problems:
        out.print(Text.assemble(("as demanded  ", "green"), name))
        return
    out.print(Text.assemble(("NOT AS DEMANDED  ", "bold red"), name))
    for problem in problems:
        out.print(f"    {problem}", style="red")


def print_energy(outcome: Outcome) -> None:
    """What each part drew, and what that means for a battery."""
    report = outcome.energy
    table = Table(box=None, title=f"{outcome.scenario.name}: {report.hours:.2f} h", title_justify="left")
    for name in ("part", "state", "share of time", "mAh", "figure"):
        table.add_column(name, justify="left" if name in ("part", "state", "figure") else "right")
    for row in sorted(report.rows, key=lambda row: -row.mah):
        note = "assumed" if row.assumed else "cited"
        table.add_row(row.part, row.state, f"{row.hours / report.hours:.2%}", f"{row.mah:.3f}", note)
    out.print(table)
    out.print(f"mean {report.mean_ma:.2f} mA: 2 Ah last {report.battery_hours(2000):.0f} h (no ageing, no cold)")


def _as_json(outcome: Outcome, problems: list[str]) -> dict[str, Any]:
    return {
        "scenario": outcome.scenario.name,
        "runtime": outcome.runtime,
        "as_demanded": not problems,
        "problems": problems,
        "durations": [vars(durations) for durations in outcome.durations],
        "mean_ma": round(outcome.energy.mean_ma, 3),
        "timeline": [
            {
                "t_s": entry.t_ms / 1000,
                "who": entry.who,
                "what": entry.what,
                "text": entry.text,
                "data": json.loads(json.dumps(entry.data, default=str)),
            }
            for entry in outcome.entries
        ],
    }

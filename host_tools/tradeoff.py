"""`dati tradeoff`: what the sensitivity of immobility costs on either side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from datasets import sources as known
from datasets.synthetic import RATE_HZ, Wearer
from host_tools import choices
from host_tools.output import EXIT_INTERRUPTED, check_writable, err, out, print_json, progress_bar
from simulator.errors import UserError
from simulator.stillness import (
    AFTER_DELAY_S,
    DELAY_SETTING,
    SETTING,
    STILL_GROUPS,
    VEHICLE,
    VEHICLE_FLOOR,
    WORN_HOURS,
    Body,
    Disturbed,
    Found,
    Tradeoff,
    count_still,
    limits,
    quiet_group,
    still_segments,
)
from simulator.trace import Recording

_DEFAULT_MG, _LOWEST_MG, _HIGHEST_MG = limits(SETTING)
_, _LOWEST_MS, _HIGHEST_MS = limits(DELAY_SETTING)
_PICTURES = (".png", ".svg", ".pdf")
_SENSITIVITIES = "20,30,40,50,60,70,85,100,120,150,200,300"
_RIDES_SAMPLES = 30_000_000  # rides are held in memory: 180 MB of them is enough for any set that is public
_BODY_SEEDS = 3
_WORK_SEEDS = 2
_WORK_S = 1800.0

_Piece = Callable[[Wearer], Wearer]

_STILL_POSTURES: dict[str, _Piece] = {
    "on the back": lambda w: w.lie_down("backward"),
    "on the face": lambda w: w.lie_down("forward"),
    "on the left": lambda w: w.lie_down("left"),
    "on the right": lambda w: w.lie_down("right"),
    "back in a chair": lambda w: w.sit().lean(24, "backward"),
    "bent over a table": lambda w: w.sit().lean(50),
    "held upright": lambda w: w.lean(8),
}
_WORK: dict[str, _Piece] = {
    "seated": lambda w: w.sit().work_seated(_WORK_S),
    "standing": lambda w: w.work_standing(_WORK_S),
    "lying": lambda w: w.lie_down().work_lying(_WORK_S),
}


def still_bodies(delay_s: float) -> list[Body]:
    """Workers who do something for less than the shortest delay, take a posture, and then only breathe."""
    bodies = []
    for seed in range(1, 1 + _BODY_SEEDS):
        for posture, take in _STILL_POSTURES.items():
            wearer = take(Wearer(seed).work_standing(5))
            still_since_ms = wearer.t_ms
            truth_mg = wearer.unconscious(delay_s + AFTER_DELAY_S).truth_mg()
            bodies.append(Body(f"{posture} {seed}", truth_mg, RATE_HZ, still_since_ms, seed))
    return bodies


def synthetic_work(rate_hz: int) -> Iterator[Recording]:
    """Quiet work of synthetic workers, for long enough to tell rates apart."""
    for words, work in _WORK.items():
        for seed in range(100, 100 + _WORK_SEEDS):
            yield work(Wearer(seed)).recording(f"{words} {seed}", rate_hz, kind="work", words=words)


def tradeoff(
    corpora: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CORPUS]...",
            help="Vehicle floors and people at work: corpora (.parquet), CSV files, 'bundled'. None: synthetic only.",
            show_default=False,
        ),
    ] = None,
    delay_s: Annotated[float, typer.Option(help="The delay of immobility.")] = 60.0,
    sensitivities: Annotated[str, typer.Option(metavar="MG,MG...", help="Sensitivities to try.")] = _SENSITIVITIES,
    settings_file: choices.SettingsFile = None,
    pairs: choices.SettingPairs = None,
    engine: choices.EngineName = None,
    select: choices.Select = "",
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw both sides over the sensitivity.", show_default=False)
    ] = None,
    as_json: choices.AsJson = False,
) -> None:
    """Weigh the sensitivity of immobility: motionless workers found against quiet workers disturbed.

    Motionless workers are synthetic, shaken by every vehicle floor in the corpora and by machines. Only immobility is
    on; a quiet worker cancels each pre-alarm. Ctrl-C shows what was done.

    Example: `dati tradeoff transport-vibration.parquet empatica.parquet --plot tradeoff.png`.
    """
    tried_mg = _sensitivities(sensitivities)
    if not _LOWEST_MS <= 1000 * delay_s <= _HIGHEST_MS:
        raise UserError(f"--delay-s {delay_s:g}: permitted: {_LOWEST_MS // 1000} to {_HIGHEST_MS // 1000} s")
    if plot is not None:
        if plot.suffix.lower() not in _PICTURES:
            raise UserError(f"--plot {plot}: name a file that ends in {', '.join(_PICTURES)}")
        check_writable(plot)
    given = choices.settings(settings_file, pairs)
    for name in (SETTING, DELAY_SETTING, "immobility_enabled"):
        if name in given:
            raise UserError(f"{name}: not a setting here; use --sensitivities and --delay-s")
    both = Tradeoff(choices.engine(engine), tried_mg, delay_s, given)
    rate_hz = both.rate_hz()
    interrupted = False
    try:
        _fill(both, corpora or [], select, rate_hz)
    except KeyboardInterrupt:
        interrupted = True
        err.print("stopped; this is the result of what was done", style="yellow")
    if as_json:
        print_json(
            {
                "engine": both.engine.name,
                "settings": both.settings,
                "default_mg": _DEFAULT_MG,
                "interrupted": interrupted,
                **both.as_json(),
            }
        )
    else:
        print_tables(both)
    if plot is not None and (both.still or both.quiet):
        draw(both, plot)
        err.print(f"drawn: {plot}")
    if interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)


def _sensitivities(text: str) -> list[int]:
    try:
        tried_mg = sorted({int(word) for word in text.split(",")})
    except ValueError:
        raise UserError(f"--sensitivities {text!r}: give whole numbers of mg, e.g. 50,100,200") from None
    for mg in tried_mg:
        if not _LOWEST_MG <= mg <= _HIGHEST_MG:
            raise UserError(f"--sensitivities {mg}: permitted: {_LOWEST_MG} to {_HIGHEST_MG} mg")
    return tried_mg


def _fill(both: Tradeoff, corpora: list[str], select: str, rate_hz: int) -> None:
    """Replay everything. Work passes as it is read; rides are kept, to be laid under the motionless."""
    rides: list[Recording] = []
    held = 0
    with progress_bar() as progress:
        task = progress.add_task("quiet work", total=None)
        for recording in synthetic_work(rate_hz):
            if (group := quiet_group(recording, both.delay_s)) is not None:
                both.add_quiet(group, recording)
            progress.advance(task)
        if corpora:
            total = sum(filter(None, map(known.count, corpora)))
            progress.update(task, total=total + progress.tasks[0].completed if total and not select else None)
            for recording in known.open_sources(corpora, select):
                if recording.placement == VEHICLE_FLOOR and held < _RIDES_SAMPLES:
                    rides.append(recording)
                    held += len(recording.samples)
                elif (group := quiet_group(recording, both.delay_s)) is not None:
                    both.add_quiet(group, recording)
                progress.advance(task)
        bodies = still_bodies(both.delay_s)
        progress.remove_task(task)
        task = progress.add_task("motionless", total=count_still(len(bodies), len(rides), rate_hz))
        for segment in still_segments(bodies, rides, rate_hz):
            both.add_still(segment)
            progress.advance(task)


# --- what is shown ---


def print_tables(both: Tradeoff) -> None:
    """Both sides as a person reads them; the default setting is marked."""
    if both.still:
        out.print(f"motionless workers, delay {both.delay_s:g} s: % found / % promptly / worst s", style="bold")
        groups = [name for name in STILL_GROUPS if name in both.still]
        table = Table("mg", *(f"{name} ({_segments(both.still[name])})" for name in groups), box=None)
        for mg in both.sensitivities_mg:
            table.add_row(_marked(mg), *(_found(both.still[name][mg]) for name in groups))
        out.print(table)
        if VEHICLE not in both.still:
            out.print(f"no vehicles: no recording of a {VEHICLE_FLOOR} was given", style="dim")
        out.print()
    if both.quiet:
        out.print(f"quiet workers, delay {both.delay_s:g} s: pre-alarms in {WORN_HOURS:g} worn hours", style="bold")
        at_mg = min(both.sensitivities_mg, key=lambda mg: abs(mg - _DEFAULT_MG))
        table = Table(box=None)
        for name in ("group", "hours", *map(_marked, both.sensitivities_mg), f"95 % at {at_mg}"):
            table.add_column(name, no_wrap=name != "group", justify="left" if name == "group" else "right")
        for name in sorted(both.quiet):
            rows = both.quiet[name]
            values = [f"{rows[mg].per_shift.value:.0f}" for mg in both.sensitivities_mg]
            interval = f"{rows[at_mg].per_shift.low:.0f} to {rows[at_mg].per_shift.high:.0f}"
            table.add_row(name, f"{_hours(rows):.1f}", *values, interval)
        out.print(table)


def _segments(rows: dict[int, Found]) -> int:
    return max(one.segments for one in rows.values())


def _hours(rows: dict[int, Disturbed]) -> float:
    return max(one.hours for one in rows.values())


def _found(one: Found) -> str:
    worst = "-" if one.worst_delay_s is None else f"{one.worst_delay_s:.0f}"
    return f"{100 * one.found / one.segments:.0f} / {100 * one.prompt / one.segments:.0f} / {worst}"


def _marked(mg: int) -> str:
    return f"{mg}*" if mg == _DEFAULT_MG else str(mg)


def draw(both: Tradeoff, path: Path) -> None:
    """One figure: above, what must be found; below, who must not be disturbed."""
    import matplotlib  # noqa: PLC0415  (a second to load: only for who wants a picture)

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415
    from matplotlib.ticker import NullLocator  # noqa: PLC0415

    tried_mg = list(both.sensitivities_mg)
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 8), sharex=True, layout="constrained")
    for name in STILL_GROUPS:
        if name in both.still:
            still = both.still[name]
            shares = [100 * still[mg].found / still[mg].segments for mg in tried_mg]
            above.plot(tried_mg, shares, marker="o", label=f"{name} ({_segments(still)})")
    above.set(title="Motionless workers found", ylabel="%", ylim=(-3, 103))
    colours = plt.get_cmap("tab20").colors  # type: ignore[attr-defined]
    below.set_prop_cycle(color=colours[::2] + colours[1::2])
    for name in sorted(both.quiet):
        quiet = both.quiet[name]
        rates = [quiet[mg].per_shift for mg in tried_mg]
        label = f"{name} ({_hours(quiet):.1f} h)"
        (line,) = below.plot(tried_mg, [one.value or 0.0 for one in rates], marker="o", label=label)
        low, high = [one.low or 0.0 for one in rates], [one.high or 0.0 for one in rates]
        below.fill_between(
            tried_mg, low, high, where=[bool(value) for value in low], color=line.get_color(), alpha=0.15, linewidth=0
        )
    below.set_yscale("symlog", linthresh=1)
    below.set(title="Quiet workers disturbed", ylabel=f"pre-alarms in {WORN_HOURS:g} worn hours", ylim=(-0.1, None))
    below.set(xlabel=f"{SETTING}, delay {both.delay_s:g} s")
    for axes in (above, below):
        axes.set_xscale("log")
        axes.set_xticks(tried_mg, [str(mg) for mg in tried_mg])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.axvline(_DEFAULT_MG, color="#888888", linestyle="--", linewidth=1, label=f"default, {_DEFAULT_MG} mg")
        axes.grid(alpha=0.25)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)

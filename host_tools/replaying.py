"""`dati replay` and `dati digest`: recordings through the detectors."""

from __future__ import annotations

import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from dati import events as codes
from rich.table import Table
from rich.text import Text

from datasets import sources as known
from host_tools import choices
from host_tools.output import EXIT_DIFFERENT, EXIT_INTERRUPTED, check_writable, err, out, print_json, tracked
from simulator import engines
from simulator.errors import UserError
from simulator.explain import judgements
from simulator.replay import Options, Outcome, event_detail, event_line, event_name
from simulator.replay import replay as run_replay
from simulator.trace import Recording

_CAUSES = [name for _, name in codes.CAUSES]
_PICTURES = (".png", ".svg", ".pdf")


class Worker(StrEnum):
    """What the worker does about a pre-alarm."""

    CANCELS = "cancels"
    IGNORES = "ignores"


class Summary:
    """Counts over many outcomes, by kind and placement; holds no recording."""

    def __init__(self) -> None:
        self.recordings: Counter[tuple[str, str]] = Counter()
        self.hours: Counter[tuple[str, str]] = Counter()
        self.pre_alarms: Counter[tuple[str, str]] = Counter()
        self.with_cause: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def add(self, outcome: Outcome) -> None:
        group = (outcome.recording.kind, outcome.recording.placement)
        self.recordings[group] += 1
        self.hours[group] += outcome.recording.duration_s / 3600  # type: ignore[assignment]
        self.pre_alarms[group] += outcome.pre_alarms
        self.with_cause[group].update(outcome.raised.keys())

    @property
    def total(self) -> int:
        return self.recordings.total()

    def causes(self) -> list[str]:
        seen = set().union(*self.with_cause.values()) if self.with_cause else set()
        return [name for name in _CAUSES if name in seen]

    def table(self, width: int) -> Table:
        """A row for each kind and placement; a column for each where the rows would not fit."""
        causes = self.causes()
        rows = [["kind", "placement", "recordings", "hours", *causes, "pre-alarms/h"]]
        for group, recordings in sorted(self.recordings.items()):
            shown = [
                f"{self.with_cause[group][name]} ({self.with_cause[group][name] / recordings:.1%})" for name in causes
            ]
            hours = self.hours[group]
            rows.append([*group, str(recordings), f"{hours:.2f}", *shown, f"{self.pre_alarms[group] / hours:.2f}"])
        needed = sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True))
        head, *body = rows if needed <= width else [list(column) for column in zip(*rows, strict=True)]
        table = Table(box=None, title="recordings in which a cause reached a pre-alarm or alarm", title_justify="left")
        for name in head:
            table.add_column(name, justify="left" if name in ("kind", "placement") else "right")
        for row in body:
            table.add_row(*row)
        return table

    def as_json(self) -> list[dict[str, object]]:
        return [
            {
                "kind": kind,
                "placement": placement,
                "recordings": recordings,
                "hours": round(self.hours[kind, placement], 4),
                "pre_alarms": self.pre_alarms[kind, placement],
                "recordings_with": dict(self.with_cause[kind, placement]),
            }
            for (kind, placement), recordings in sorted(self.recordings.items())
        ]


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    recording = outcome.recording
    return {
        "id": recording.id,
        "dataset": recording.dataset,
        "subject": recording.subject,
        "activity": recording.activity,
        "kind": recording.kind,
        "placement": recording.placement,
        "duration_s": round(recording.duration_s, 3),
        "raised": {cause: t_ms / 1000 for cause, t_ms in outcome.raised.items()},
        "events": [
            {"t_s": event.t_ms / 1000, "event": event_name(event), "detail": event_detail(event)}
            for event in outcome.events
        ],
        "digest": outcome.digest,
    }


def print_timeline(outcome: Outcome) -> None:
    """One recording as a person reads it."""
    recording = outcome.recording
    out.print(Text.assemble((recording.id, "bold"), f"  {recording.words}"))
    out.print(f"{recording.duration_s:.1f} s, {recording.placement}, {recording.kind}", style="dim")
    for event in outcome.events:
        style = {codes.PRE_ALARM: "yellow", codes.ALARM: "bold red", codes.CANCELLED: "green"}.get(event.code, "")
        if event.code != codes.SIGNAL:  # it only repeats the state for the drivers
            out.print(event_line(event), style=style)
    if not outcome.events:
        out.print("    nothing raised", style="dim")


def judged_json(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {
            "t_s": case.t_s,
            "points": case.points,
            "needed": case.needed,
            "shares": [share._asdict() for share in case.shares],
        }
        for case in judgements(outcome.job)
    ]


def print_judged(outcome: Outcome) -> None:
    """The impacts that were judged, each with the features' shares, those that speak most for or against it first."""
    for case in judgements(outcome.job):
        verdict = "a fall" if case.points >= case.needed else "no fall"
        out.print(f"{case.t_s:9.3f}  judged {verdict}: {case.points} points, {case.needed} needed", style="bold")
        for share in sorted(case.shares, key=lambda share: -abs(share.points)):
            out.print(f"           {share.points:+5d}  {share.feature} {share.value}")


def replay(
    sources: choices.Sources,
    engine: choices.EngineName = None,
    settings_file: choices.SettingsFile = None,
    pairs: choices.SettingPairs = None,
    select: choices.Select = "",
    worker: Annotated[Worker, typer.Option(help="What the worker does about a pre-alarm.")] = Worker.IGNORES,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="OUT.png", help="Draw the recording and what was decided.", show_default=False),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say of every impact judged which features decided, and by how much.")
    ] = False,
    as_json: choices.AsJson = False,
) -> None:
    """Replay recordings through the device's detectors and show the alarm timeline.

    One recording: its timeline. Several: a summary. Ctrl-C stops and sums up what was done.

    Examples: `dati replay fainting-at-work --plot faint.png`, `dati replay sisfall.parquet --select kind=fall`.
    """
    options = Options(choices.settings(settings_file, pairs), worker is Worker.CANCELS)
    runner = choices.engine(engine)
    if plot is not None:
        if plot.suffix.lower() not in _PICTURES:
            raise UserError(f"--plot {plot}: name a file that ends in {', '.join(_PICTURES)}")
        check_writable(plot)
    total = sum(filter(None, map(known.count, sources))) or None
    summary, shown, interrupted = Summary(), [], False
    last: Outcome | None = None
    try:
        recordings = known.open_sources(sources, select)
        for outcome in tracked(run_replay(recordings, runner, options), "replaying", None if select else total):
            if plot is not None and last is not None:
                raise UserError("--plot draws one recording; choose it with --select 'id=...'")
            summary.add(outcome)
            last = outcome
            if as_json:
                shown.append(outcome_json(outcome) | ({"judged": judged_json(outcome)} if explain else {}))
            elif explain:
                print_timeline(outcome)
                print_judged(outcome)
    except KeyboardInterrupt:
        interrupted = True
        err.print(f"stopped after {summary.total} recordings; this is the summary of those", style="yellow")
    if plot is not None and last is not None:
        from host_tools.plot import draw  # noqa: PLC0415  (a second to load: only for who wants a picture)

        draw(last, options, plot)
    if as_json:
        print_json(
            {
                "engine": runner.name,
                "settings": dict(options.settings),
                "interrupted": interrupted,
                "recordings": shown,
                "summary": summary.as_json(),
            }
        )
    elif summary.total == 1 and last is not None:
        if not explain:
            print_timeline(last)
    elif summary.total:
        out.print(summary.table(out.width))
    if plot is not None and last is not None:
        err.print(f"drawn: {plot}")
    if interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)


def digest(
    sources: choices.Sources,
    engine: Annotated[
        str,
        typer.Option("--engine", "-e", metavar="ENGINE|all", help="An engine, or 'all' to compare the four."),
    ] = "python",
    settings_file: choices.SettingsFile = None,
    pairs: choices.SettingPairs = None,
    select: choices.Select = "",
    start_ms: Annotated[
        int,
        typer.Option("--start-ticks", min=0, max=(1 << 30) - 1, help="The device's tick at the first sample, ms."),
    ] = 0,
    block: Annotated[int, typer.Option(min=1, help="Samples handed over at once.")] = 1 << 20,
    draw: Annotated[int, typer.Option(min=0, help="Draw so many recordings by chance; 0: all.")] = 0,
    seed: Annotated[int, typer.Option(help="Of that draw.")] = 1,
    as_json: choices.AsJson = False,
) -> None:
    """Print a line per recording: id, number of events, digest of the event stream.

    With `--engine all` the engines are compared; status 1 when any differs.
    """
    options = Options(choices.settings(settings_file, pairs), start_ms=start_ms, block=block)
    recordings = known.open_sources(sources, select)
    chosen: Iterable[Recording] = _drawn(recordings, draw, seed) if draw else recordings
    if engine != "all":
        for outcome in tracked(run_replay(chosen, engines.get(engine), options), engine, None):
            _print_digest(outcome.recording.id, len(outcome.events), outcome.digest, as_json)
        return
    held = list(chosen)
    found = {name: list(_digests(name, held, options)) for name in engines.ENGINES}
    differing = 0
    for number, (identity, events, first) in enumerate(found["python"]):
        others = {name: rows[number][2] for name, rows in found.items() if rows[number][2] != first}
        differing += bool(others)
        note = "".join(f"  {name}: {value}" for name, value in others.items())
        _print_digest(identity, events, first + note, as_json)
    err.print(f"{len(held)} recordings, {len(found)} engines, {differing} differences")
    if differing:
        raise typer.Exit(EXIT_DIFFERENT)


def _digests(name: str, recordings: list[Recording], options: Options) -> Iterator[tuple[str, int, str]]:
    outcomes = run_replay(recordings, engines.get(name), options)
    for outcome in tracked(outcomes, name, len(recordings)):
        yield outcome.recording.id, len(outcome.events), outcome.digest


def _print_digest(identity: str, events: int, value: str, as_json: bool) -> None:
    if as_json:
        print_json({"id": identity, "events": events, "digest": value})
    else:
        sys.stdout.write(f"{identity}\t{events}\t{value}\n")  # rich would make blanks of the tabs


def _drawn(recordings: Iterable[Recording], count: int, seed: int) -> list[Recording]:
    """A fair draw from a stream of unknown length, the same for the same seed."""
    chance = random.Random(seed)
    drawn: list[Recording] = []
    for number, recording in enumerate(recordings):
        if number < count:
            drawn.append(recording)
        elif (at := chance.randrange(number + 1)) < count:
            drawn[at] = recording
    return drawn

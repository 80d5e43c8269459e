"""`dati evaluate`: how well are falls found, and how often is a worker disturbed for nothing?"""

from __future__ import annotations

import importlib
import json
import os
import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from datasets import sources as known
from host_tools import choices, results
from host_tools.output import EXIT_INTERRUPTED, check_writable, err, out, print_json, tracked
from simulator import scoring
from simulator.engines import Engine
from simulator.errors import UserError
from simulator.replay import REACTION_MS, Options, Outcome, device_settings
from simulator.replay import replay as run_replay
from simulator.scoring import FALL, NOT_WORN, Estimate, Score, Summary
from simulator.trace import Recording

_PICTURES = 60
_RIGHT_PICTURES = 12
_SEED = 1  # of the draw of pictures: the same recordings each time
_GROUPS = ("missed", "false", "right")
_WIDE = 120  # columns; with fewer, the table of others has no room for what an activity is


class By(StrEnum):
    """What the rows of the table are."""

    ACTIVITY = "activity"
    SUBJECT = "subject"
    PLACEMENT = "placement"


class Over(StrEnum):
    """What is held out when anything learned is learned anew."""

    SUBJECT = "subject"


def held_out(recordings: Iterable[Recording], runner: Engine, options: Options) -> Iterator[Outcome]:
    """Outcomes of recordings, each judged by a scorecard that was learned without its subject.

    Learned from these recordings alone; a placement whose card is not learned keeps it. All are held in memory.
    """
    from datasets.training import USED, fold_cards  # noqa: PLC0415  (needs scikit-learn, which replaying does not)

    by_placement: dict[str, list[Recording]] = {}
    for recording in recordings:
        if recording.placement not in NOT_WORN:
            marked = replace(recording, dataset=f"{recording.dataset} held out")
            by_placement.setdefault(device_settings(recording, options).placement, []).append(marked)
    cards = runner.cards()
    for placement, worn in by_placement.items():
        if placement not in USED:
            yield from run_replay(worn, runner, options)
            continue
        kept = cards[placement]
        try:
            for card, fold in fold_cards(placement, worn):
                cards[placement] = card
                yield from run_replay(fold, runner, options)
        finally:
            cards[placement] = kept


def learned_on() -> str:
    """What of the device was learned, and on whom: figures on the same people say little."""
    try:
        module = importlib.import_module("dati.fall_scores")
    except ImportError:
        return "nothing is learned"
    return (module.__doc__ or "dati.fall_scores does not say").strip()


def evaluate(
    corpora: choices.Sources,
    settings_file: choices.SettingsFile = None,
    pairs: choices.SettingPairs = None,
    engine: choices.EngineName = None,
    select: choices.Select = "",
    by: Annotated[By | None, typer.Option(help="A row for each of these, per corpus.", show_default=False)] = None,
    cross_validate: Annotated[
        Over | None,
        typer.Option(
            help="Judge each subject by a scorecard learned without: what is new to the device.", show_default=False
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help=f"Draw what was missed, false and right into folders there; {_PICTURES} pictures at most.",
            show_default=False,
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the JSON there too.", show_default=False)
    ] = None,
    publish: Annotated[
        bool, typer.Option("--results", help="Put the figures into datasets/results.json and RESULTS.md.")
    ] = False,
    as_json: choices.AsJson = False,
) -> None:
    """Score recordings: falls found, false pre-alarms per worn hour, beside a two-line rule on the same samples.

    The worker cancels every pre-alarm, so that one does not hide the next. Ctrl-C sums up what was done.

    Examples: `dati evaluate sisfall.parquet --by activity`, `dati evaluate *.parquet --plot errors`.
    """
    options = Options(choices.settings(settings_file, pairs), worker_cancels=True)
    if save is not None:
        check_writable(save)
    gallery = _Gallery(plot) if plot is not None else None
    if publish:
        results.read()  # refuse now what could not be merged after long work
    runner = choices.engine(engine)
    scores: list[Score] = []
    interrupted = hides = False
    total = sum(filter(None, map(known.count, corpora))) or None
    try:
        recordings = known.open_sources(corpora, select)
        outcomes = (held_out if cross_validate else run_replay)(recordings, runner, options)
        for outcome in tracked(outcomes, "evaluating", None if select else total):
            scores.append(scoring.score(outcome))
            hides |= outcome.job.settings["pre_alarm_ms"] <= REACTION_MS  # type: ignore[operator]
            if gallery is not None:
                gallery.add(outcome, scores[-1])
    except KeyboardInterrupt:
        interrupted = True
        err.print(f"stopped after {len(scores)} recordings; this is the result of those", style="yellow")
    if hides:
        err.print(
            f"pre_alarm_ms is {REACTION_MS} or less: too short for the worker to cancel, so an alarm hides all that "
            "follows in its recording",
            style="yellow",
        )
    report: dict[str, object] = {
        **report_json(scores, by),
        "settings": dict(options.settings),
        "engine": runner.name,
        "cross_validated": cross_validate,
        "select": select,
        "interrupted": interrupted,
    }
    if save is not None:
        with written(save) as part:
            part.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if publish and not interrupted:
        results.publish(report, learned_on())
    if as_json:
        print_json(report)
    else:
        print_report(scores, by)
    if publish:
        err.print("results not written: stopped" if interrupted else f"written: {results.DATA}, {results.PAGE}")
    if gallery is not None and not interrupted:
        gallery.draw(options)
    if interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; it takes the place of `path` when the block ends well, else it is removed."""
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def report_json(scores: Collection[Score], by: By | None = None) -> dict[str, object]:
    """The result for programs: a row for each data set and placement, and with `by` for each group of it."""
    found = scoring.corpora(scores)
    report: dict[str, object] = {
        "corpora": [
            {
                "name": name,
                "dataset": summary.scores[0].dataset,
                "placement": summary.scores[0].placement,
                **summary.as_json(),
            }
            for name, summary in found.items()
        ],
        "not_worn": not_worn(scores),
    }
    if by is not None:
        report["by"] = by.value
        report["groups"] = [
            {
                "corpus": name,
                by.value: group,
                "words": them[0].words if by is By.ACTIVITY else "",
                **Summary(them).as_json(),
            }
            for name, summary in _tables(scores, by).items()
            for group, them in scoring.grouped(summary.scores, by).items()
        ]
    return report


def _tables(scores: Collection[Score], by: By | None) -> dict[str, Summary]:
    """What has a table of its own: a data set and placement, or a data set where placements are the rows."""
    if by is not By.PLACEMENT:
        return scoring.corpora(scores)
    worn = [one for one in scores if one.role != NOT_WORN]
    return {name: Summary(them) for name, them in scoring.grouped(worn, "dataset").items()}


def not_worn(scores: Collection[Score]) -> list[dict[str, object]]:
    """Recordings of a device that nobody wore: listed, and left out of every figure."""
    recordings: Counter[str] = Counter()
    hours: dict[str, float] = {}
    for one in scores:
        if one.role == NOT_WORN:
            name = f"{one.dataset} {one.placement}"
            recordings[name] += 1
            hours[name] = hours.get(name, 0.0) + one.duration_s / 3600
    return [{"name": name, "recordings": recordings[name], "hours": round(hours[name], 4)} for name in recordings]


def print_report(scores: Collection[Score], by: By | None) -> None:
    """The result as a person reads it, in 80 columns."""
    for number, (name, summary) in enumerate(_tables(scores, by).items()):
        if number:
            out.print()
        lying = len(summary.others) - len(summary.worn)
        out.print(name, style="bold")
        out.print(
            f"falls {len(summary.falls)}, others {len(summary.others)}"
            + (f" ({lying} lying down: judged for falls only)" if lying else "")
            + f", worn hours {summary.worn_hours:.2f}",
            style="dim",
        )
        if by is None:
            _print_summary(summary)
        else:
            _print_groups(summary, by)
    for row in not_worn(scores):
        out.print(f"\n{row['name']}: {row['recordings']} recordings, {row['hours']:.2f} h, worn by nobody: left out")


def percent(estimate: Estimate) -> str:
    """Value and interval in percent."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "-"
    return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def rate(estimate: Estimate) -> str:
    """Value and interval of something per hour."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "-"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _causes(summary: Summary) -> str:
    return ", ".join(f"{name} {count}" for name, count in summary.false_by_cause.items()) or "-"


def _delay(summary: Summary) -> str:
    delay = summary.delay_s
    return "-" if delay["median"] is None else f"{delay['median']:.1f} / {delay['p95']:.1f}"


def _print_summary(summary: Summary) -> None:
    table = Table("", "dati", "two-line rule", box=None)
    table.add_row("sensitivity %", percent(summary.sensitivity), percent(summary.rule_sensitivity))
    table.add_row("specificity %", percent(summary.specificity), percent(summary.rule_specificity))
    table.add_row("false per worn hour", rate(summary.false_per_hour), "")
    table.add_row("  of them falls", rate(summary.false_falls_per_hour), rate(summary.rule_alarms_per_hour))
    table.add_row("false by cause", _causes(summary), f"fall {summary.rule_alarms}" if summary.rule_alarms else "-")
    out.print(table)
    if summary.delay_s["since"] is not None:
        out.print(f" found {_delay(summary)} s (median / 95th percentile) after the {summary.delay_s['since']}")
    for key, plural in (("activity", "activities"), ("subject", "subjects")):
        worst = summary.worst(key)
        if worst["missed"]:
            shown = [f"{row['name']} {row['missed']}/{row['falls']}" for row in worst["missed"]]
            out.print(f" most missed, {plural}: {', '.join(shown)}")
        if worst["false"]:
            shown = [f"{row['name']} {row['false_pre_alarms']} in {row['hours']:.2f} h" for row in worst["false"]]
            out.print(f" most false, {plural}: {', '.join(shown)}")


def _print_groups(summary: Summary, by: By) -> None:
    """A row for each group: a table of falls, a table of others."""
    activity = by is By.ACTIVITY
    falls = _figures(by.value, "falls", "sensitivity %", "two-line", "delay s", words=activity)
    others = _figures(
        by.value,
        "others",
        "hours",
        "specificity %",
        "two-line",
        "false",
        "by cause",
        words=activity and out.width >= _WIDE,
    )
    for group, them in scoring.grouped(summary.scores, by).items():
        one = Summary(them)
        if one.falls:
            rule = one.rule_sensitivity.value or 0.0
            row = [group, str(len(one.falls)), percent(one.sensitivity), f"{100 * rule:.1f}", _delay(one)]
            falls.add_row(*row, *[them[0].words] * (len(falls.columns) - len(row)))
        if one.others:
            rule = one.rule_specificity.value or 0.0
            row = [group, str(len(one.others)), f"{one.worn_hours:.2f}", percent(one.specificity), f"{100 * rule:.1f}"]
            row += [str(one.false_pre_alarms), _causes(one)]
            others.add_row(*row, *[them[0].words] * (len(others.columns) - len(row)))
    for table in (falls, others):
        if table.row_count:
            out.print(table)


def _figures(*columns: str, words: bool) -> Table:
    """A table in which names and words may fold, but figures stay whole."""
    table = Table(box=None)
    for name in [*columns, *["what"] * words]:
        table.add_column(name, no_wrap=name not in (columns[0], "by cause", "what"), overflow="fold")
    return table


class _Gallery:
    """Outcomes worth a picture: a fair draw of each group, so that memory and time stay bounded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if folder.exists() and not folder.is_dir():
            raise UserError(f"--plot {folder}: is a file; name a folder")
        for name in _GROUPS:
            if (folder / name).is_dir() and any((folder / name).iterdir()):
                raise UserError(f"--plot {folder}: holds pictures of an earlier run; empty it, or name another folder")
            try:
                (folder / name).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"--plot {folder}: cannot be made ({error.strerror}); choose another") from None
        self._chance = random.Random(_SEED)
        self._seen: Counter[str] = Counter()
        self._kept: dict[str, list[Outcome]] = {name: [] for name in _GROUPS}

    def add(self, outcome: Outcome, score: Score) -> None:
        if score.role == NOT_WORN:
            return
        group = "right" if score.right else "missed" if score.role == FALL else "false"
        room = _RIGHT_PICTURES if group == "right" else _PICTURES - _RIGHT_PICTURES
        kept = self._kept[group]
        self._seen[group] += 1
        if len(kept) < room:
            kept.append(outcome)
        elif (at := self._chance.randrange(self._seen[group])) < room:
            kept[at] = outcome

    def draw(self, options: Options) -> None:
        from host_tools.plot import draw  # noqa: PLC0415  (a second to load: only for who wants pictures)

        chosen = self._chosen()
        drawn: Counter[str] = Counter()
        for group, outcome in tracked(chosen, "drawing", len(chosen)):
            # Ids may differ only in what a file name cannot hold.
            name = re.sub(r"[^\w.-]+", "_", outcome.recording.id)
            path = self.folder / group / f"{name}.png"
            if path.exists():
                path = path.with_stem(f"{name}-{drawn[group]}")
            with written(path) as part:
                draw(outcome, options, part)
            drawn[group] += 1
        counts = ", ".join(
            f"{drawn[name]} of {self._seen[name]} {name}" if self._seen[name] > drawn[name] else f"{drawn[name]} {name}"
            for name in _GROUPS
        )
        err.print(f"drawn into {self.folder}: {counts}")

    def _chosen(self) -> list[tuple[str, Outcome]]:
        """Half the room for errors to each sort of error; what one does not need is the other's."""
        room = _PICTURES - _RIGHT_PICTURES
        missed, false = (self._kept[name] for name in ("missed", "false"))
        missed = missed[: max(room // 2, room - len(false))]
        chosen = {"missed": missed, "false": false[: room - len(missed)], "right": self._kept["right"]}
        return [(name, outcome) for name in _GROUPS for outcome in chosen[name]]

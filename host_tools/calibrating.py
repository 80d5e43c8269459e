"""`dati calibrate`: the settings that suit a post, or the reason why none can be recommended yet."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from datasets import sources as known
from host_tools import calibration_report, choices, emergencies, posts, site_files
from host_tools.output import EXIT_DIFFERENT, EXIT_INTERRUPTED, check_writable, err, print_json, progress_bar
from simulator.calibration import Help, Post, gather
from simulator.calibration_grid import SEARCHED, checked, options, reference
from simulator.calibration_result import Goal, Result, too_short
from simulator.calibration_search import decide, measured
from simulator.confidence import SHIFT_H
from simulator.errors import UserError
from simulator.sweep import Sweep
from simulator.trace import Recording

_PICTURES = (".png", ".svg", ".pdf")
_UNITS_H = {"shift": SHIFT_H, "half-day": SHIFT_H / 2, "hour": 1.0, "day": 24.0}
_TARGET = re.compile(r"(?:false-per-(?P<unit>[a-z-]+)=)?(?P<number>[0-9.]+)")


def target(text: str) -> float:
    """False pre-alarms a shift, of "1", "false-per-shift=1", "false-per-half-day=10"."""
    match = _TARGET.fullmatch(text)
    unit = match and (match["unit"] or "shift")
    try:
        number = float(match["number"]) if match else math.nan
    except ValueError:
        number = math.nan
    if unit not in _UNITS_H or not 0 < number < math.inf:
        raise UserError(f"--target {text!r}: give a number above 0, as false-per-shift=1; units: {', '.join(_UNITS_H)}")
    return number * SHIFT_H / _UNITS_H[unit]


def calibrate(
    recordings: Annotated[
        list[str],
        typer.Argument(
            metavar="RECORDINGS...",
            help="Ordinary work at the posts: device logs, corpora (.parquet), CSV files.",
            show_default=False,
        ),
    ],
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FALLS.parquet",
            help="Falls that must be found, and vehicle floors to lie on; repeat for more. None: synthetic falls.",
            show_default=False,
        ),
    ] = None,
    target_text: Annotated[
        str, typer.Option("--target", metavar="false-per-shift=N", help="False pre-alarms at most; a shift is 8 h.")
    ] = "false-per-shift=1",
    confidence: Annotated[float, typer.Option(metavar="PERCENT", help="That the target is met.")] = 90.0,
    floor: Annotated[
        float, typer.Option(metavar="PERCENT", help="Of what the default settings find, what must still be found.")
    ] = 95.0,
    post: Annotated[
        list[str] | None,
        typer.Option(
            metavar="POST",
            help=f"The post of all, or of some: 'sitting: subject=S1*'. Known: {', '.join(posts.POSTS)}; any name "
            "does. Default: told by what the recordings say was done.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help=f"Posts are the values of: {', '.join(posts.BY)}.", show_default=False),
    ] = None,
    hold_out: Annotated[
        str | None,
        typer.Option(
            metavar="wearer|time", help="What is held back. Default: wearers, of one: time.", show_default=False
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="SITE.json",
            help="Write the device's settings file there; of several posts, one each beside it. The plan and the "
            "settings of a file that exists are kept.",
            show_default=False,
        ),
    ] = None,
    settings_file: choices.SettingsFile = None,
    pairs: choices.SettingPairs = None,
    engine: choices.EngineName = None,
    select: choices.Select = "",
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw the trade-off of every post.", show_default=False)
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes. Default: one a core.", show_default=False, min=1)] = None,
    as_json: choices.AsJson = False,
) -> None:
    """Find settings for each post that leave its workers in peace and still find who needs help.

    Never keener than the default, never beyond the profile's caps. Part of the recordings is held back and the
    choice counted on it. Exit status 1 where the recordings cannot support a recommendation.

    Example: `dati calibrate week.parquet --corpus sisfall.parquet --set profile=din-0825-11 -o site.json`.
    """
    goal = Goal(target(target_text), _percent("--confidence", confidence, 50), _percent("--floor", floor, 1))
    if hold_out not in (None, "wearer", "time"):
        raise UserError(f"--hold-out {hold_out!r}: permitted: wearer, time")
    for path, endings in ((plot, _PICTURES), (save, (".json",))):
        if path is not None:
            if path.suffix.lower() not in endings:
                raise UserError(f"{path}: name a file that ends in {', '.join(endings)}")
            check_writable(path)
    site = site_files.read_site(save) if save is not None else None
    given = {**((site or {}).get("settings", {})), **choices.settings(settings_file, pairs)}
    checked(given)
    sorter = posts.Sorter(post or [], by)
    runner = choices.engine(engine)
    results: list[Result] = []
    try:
        with _progress() as advance, Sweep(runner, jobs or os.cpu_count() or 1, advance) as sweep:
            found = posts.sort(known.open_sources(recordings, select), sorter, given)
            calibration = _Calibration(given, goal, hold_out, sweep, corpus or [])
            for (_, placement), one in found.items():
                results.append(calibration.run(one, placement))
    except KeyboardInterrupt:
        err.print("stopped; nothing is recommended", style="yellow")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    saved = []
    if save is not None:
        for result, one in zip(results, found.values(), strict=True):
            if result.supported:
                saved.append(_save(save, result, one, given, calibration.origins, len(found) == 1, site))
    if as_json:
        print_json({"engine": runner.name, "settings": given, "posts": [result.as_json() for result in results]})
    else:
        calibration_report.print_results(results, calibration.notes)
    if plot is not None and any(result.curve for result in results):
        calibration_report.draw(results, plot)
        err.print(f"drawn: {plot}")
    for path in saved:
        err.print(f"written: {path}, {site_files.provenance_path(path)}")
    if not all(result.supported for result in results):
        raise typer.Exit(EXIT_DIFFERENT)


def _percent(name: str, value: float, lowest: float) -> float:
    if not lowest <= value < 100:
        raise UserError(f"{name} {value:g}: permitted: {lowest:g} to below 100 percent")
    return value / 100


@contextmanager
def _progress() -> Iterator[Any]:
    """A bar of samples replayed; each sweep fills it once."""
    with progress_bar() as progress:
        task = progress.add_task("replaying", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class _Calibration:
    """One run over several posts: what does not depend on the post is made once."""

    def __init__(
        self, given: dict[str, object], goal: Goal, hold_out: str | None, sweep: Sweep, corpora: list[str]
    ) -> None:
        self._given, self._goal, self._hold_out, self._sweep = given, goal, hold_out, sweep
        self._corpora = corpora
        self._falls: list[Recording] = []
        self._rides: list[Recording] = []
        self._made: dict[tuple[object, ...], Help] = {}
        self._read = False
        self.origins: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def run(self, post: Post, placement: str) -> Result:
        """The recommendation for one post, or why there is none."""
        given = {**self._given, "placement": placement}
        before = checked(given).as_dict()
        short = Result(post.name, post.hours, post.wearers, self._goal)
        if too_short(short):
            return measured(short, post, given, before, self._sweep)
        evidence = gather(post, given, self._help(given, placement), self._sweep, self._hold_out)
        return decide(evidence, before, self._goal, self._sweep)

    def _help(self, given: dict[str, object], placement: str) -> Help:
        base = reference(given)
        # As for a lying post: it has the longest list.
        tried = options(given, lying=True)
        longest_s = (base.verticality_delay_ms / 1000, base.immobility_delay_ms / 1000)
        self._read_corpora()
        key = (base.rate_hz, placement, longest_s)
        if key not in self._made:
            falls = list(emergencies.recorded_falls(self._falls, placement))
            if not self._corpora:
                falls = list(emergencies.synthetic_falls(base.rate_hz)) if placement == "waist" else []
            if not falls:
                missing = "the corpus has none" if self._corpora else "synthetic ones are worn at the waist"
                self._note(f"{placement}: no falls to weigh fall_points against ({missing}); it stays as it is")
            elif not self._corpora:
                self._note("falls are synthetic; name recorded ones with --corpus")
            helpless = emergencies.cases(tried, base.rate_hz, self._rides, longest_s)
            self._made[key] = Help([*falls, *helpless])
        return self._made[key]

    def _read_corpora(self) -> None:
        if self._read:
            return
        self._read = True
        for name in self._corpora:
            taken = 0
            for one in known.open_source(name):
                if emergencies.is_ride(one):
                    self._rides.append(one)
                elif one.kind == "fall":
                    self._falls.append(one)
                else:
                    continue
                taken += 1
            if not taken:
                raise UserError(f"--corpus {name}: holds no falls and no vehicle floor")
            self.origins.append(site_files.corpus_origin(name, taken))

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _save(
    path: Path,
    result: Result,
    post: Post,
    given: dict[str, object],
    origins: list[dict[str, Any]],
    alone: bool,
    site: site_files.Document | None,
) -> Path:
    """Write the settings of one post; what was set and is not searched stays."""
    assert result.settings is not None
    own = site_files.path_of(path, result.post, alone)
    base = reference(given).as_dict()
    changed = {name: value for name, value in result.settings.items() if base[name] != value or name in SEARCHED}
    values = {**{name: value for name, value in given.items() if name not in SEARCHED}, **changed}
    site_files.write_site(own, values, site, site_files.provenance(result, post.work, origins))
    return own

"""A whole drill day on virtual workers, from record to report: `python -m host_tools.drill_day -o FOLDER`.

Three workers are recorded for half a day and drilled with the default settings; `dati calibrate` finds each post's own;
another half day, which it was not given, is drilled with those. What is run is printed: the same commands serve a site.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from datasets import sources as known
from host_tools.drill_sources import shift
from host_tools.output import EXIT_DIFFERENT, EXIT_FINE, err, out, tracked
from simulator import drill as plans
from simulator.corpus import CorpusWriter
from simulator.drill import FAMILIARISATION, Plan, Worker
from simulator.errors import UserError
from simulator.trace import Recording

PLAN = Path(__file__).parent.parent / "datasets" / "drills" / "drill-day.toml"
TARGET = "false-per-half-day=4"
_AFTERNOON = 100  # added to a worker's seed: other work of the same kind
_DATI = [sys.executable, "-c", "from host_tools.cli import main; main()"]


def day(
    folder: Annotated[Path, typer.Option("--output", "-o", help="Where everything goes.")] = Path("drill-day"),
    plan_file: Annotated[Path, typer.Option("--plan", help="Another plan of virtual workers.")] = PLAN,
    falls: Annotated[
        list[str] | None, typer.Option("--corpus", help="Falls that calibration is to keep. Default: synthetic ones.")
    ] = None,
    work: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'DEVICE=FILE key=pattern'", help="A worker's days from a corpus in place of synthetic ones."
        ),
    ] = None,
    language: Annotated[str, typer.Option(help="fr or en.")] = "",
) -> None:
    """Record, drill, calibrate, drill again."""
    plan = plans.load(plan_file)
    folder.mkdir(parents=True, exist_ok=True)
    corpora_of = dict(_work(text, plan) for text in work or [])
    morning = _record(plan, folder, "morning", 0, corpora_of)
    afternoon = _record(plan, folder, "afternoon", _AFTERNOON, corpora_of)
    spoken = ["--language", language] if language else []
    drill = ["drill", str(plan_file), "--yes", "--again", *spoken]

    out.print("\n1. The drill with the settings as they come", style="bold")
    _run([*drill, "-o", str(folder / "before"), *_given(morning)])

    out.print("\n2. Settings for each post, from what was recorded", style="bold")
    corpora = [word for name in falls or [] for word in ("--corpus", name)]
    common = ["--by", "activity", "--target", TARGET, "--set", f"profile={_profile(plan)}"]
    settings = folder / "settings.json"
    for old in folder.glob("settings*.json"):
        old.unlink()
    names = [str(path) for path in morning.values()]
    _run(["calibrate", *names, *corpora, *common, "-o", str(settings), "--plot", str(folder / "calibrate.png")])

    out.print("\n3. The drill with those settings, on work they were not made from", style="bold")
    found = _settings(plan, folder)
    for post in {worker.post for worker in plan.workers} - set(found):
        err.print(f"{post}: nothing was recommended; its settings stay", style="yellow")
    over = [word for post, path in found.items() for word in ("--settings", f"{post}={path}")]
    before = ["--before", str(folder / "before" / "session.json")]
    status = _run([*drill, "-o", str(folder / "after"), *_given(afternoon), *over, *before])
    out.print(f"\nreports: {folder}/before/report.pdf, {folder}/after/report.pdf; each as .html, too", style="bold")
    if status != EXIT_FINE:
        raise typer.Exit(status)


def _work(text: str, plan: Plan) -> tuple[str, str]:
    device, equals, source = text.partition("=")
    if not equals or not source or device not in {worker.device for worker in plan.workers}:
        raise UserError(f"--work {text!r}: give 'DEVICE=FILE key=pattern', the device as in the plan")
    return device, source


def _record(plan: Plan, folder: Path, when: str, seed: int, corpora: dict[str, str]) -> dict[str, Path]:
    """Half a day of each worker, as a corpus: what their devices would have recorded."""
    found = {}
    hours = next((one.hours for one in plan.exercises if one.do == FAMILIARISATION), plans.HALF_DAY_H)
    for worker in tracked(plan.workers, f"recording the {when}", len(plan.workers)):
        path = folder / f"{when}-{worker.device}.parquet"
        if worker.device in corpora:
            made = _half(corpora[worker.device], worker, odd=seed != 0)
        elif worker.motion:
            made = shift(replace(worker, seed=worker.seed + seed), hours)
        else:
            raise UserError(f"{worker.device} is not virtual: the plan gives it no motion")
        with CorpusWriter(path) as corpus:
            for recording in made:
                corpus.add(recording)
        found[worker.device] = path
    return found


def _half(text: str, worker: Worker, odd: bool) -> Iterator[Recording]:
    """Every other wearer of a corpus: who worked in the morning does not in the afternoon."""
    name, _, select = text.partition(" ")
    subjects: dict[str, int] = {}
    for recording in known.open_sources([name], select):
        number = subjects.setdefault(recording.subject, len(subjects))
        if number % 2 == odd:
            yield replace(recording, activity=worker.post)


def _given(recordings: dict[str, Path]) -> list[str]:
    return [word for device, path in recordings.items() for word in ("--recordings", f"{device}={path}")]


def _profile(plan: Plan) -> object:
    return plan.workers[0].settings.get("profile", "default")


def _settings(plan: Plan, folder: Path) -> dict[str, Path]:
    """The file of each post; of a single post it bears no name."""
    posts = sorted({worker.post for worker in plan.workers})
    paths = {post: folder / ("settings.json" if len(posts) == 1 else f"settings-{post}.json") for post in posts}
    return {post: path for post, path in paths.items() if path.exists()}


def _run(words: list[str]) -> int:
    """One of our commands, shown and run. UserError where it was mistaken, which is then ours."""
    out.print(f"$ dati {shlex.join(words)}", style="dim")
    sys.stdout.flush()
    status = subprocess.run([*_DATI, *words], check=False).returncode
    if status not in (EXIT_FINE, EXIT_DIFFERENT):
        raise UserError(f"dati {words[0]} ended with status {status}; its message is above")
    return status


def main() -> None:
    try:
        typer.run(day)
    except UserError as error:
        err.print(f"drill_day: {error}", style="red")
        sys.exit(2)


if __name__ == "__main__":
    main()

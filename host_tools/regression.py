"""`dati regress`: does the device still decide as it was accepted to?

Expected events are committed text: a file per bundled trace, a file per data set. A change is accepted by command,
with a reason, which is committed beside them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from datasets import sources
from host_tools import choices
from host_tools.output import EXIT_DIFFERENT, err, out, print_json, tracked
from simulator.corpus import read_corpus
from simulator.engines import Engine
from simulator.errors import UserError
from simulator.replay import Options, Outcome, event_line, replay

EXPECTED = sources.TRACES / "expected"
EXPECTATIONS = Path(sources.__file__).parent / "expectations"
LOG = EXPECTATIONS / "ACCEPTED.md"

_RAISED = re.compile(r"( \w+@[\d.]+)+\n$| -\n$")  # the end of a corpus line; the id before it may have blanks


@dataclass(frozen=True)
class Difference:
    """A recording whose events are not the expected ones."""

    id: str
    lines: list[str]  # of a unified diff


def trace_text(outcome: Outcome) -> str:
    """The committed form of a bundled trace's events."""
    recording = outcome.recording
    head = [f"# {recording.words}", f"# {recording.notes}"]
    return "\n".join([*head, *map(event_line, outcome.events)]) + "\n"


def corpus_line(outcome: Outcome) -> str:
    """The committed form of a corpus recording: what reached a pre-alarm or alarm, and first when, in seconds."""
    raised = " ".join(f"{cause}@{t_ms / 1000:.2f}" for cause, t_ms in outcome.raised.items())
    return f"{outcome.recording.id} {raised or '-'}"


def regress(
    corpora: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CORPUS",
            help="Corpora to check; without any: the bundled traces.",
            show_default=False,
        ),
    ] = None,
    engine: choices.EngineName = None,
    accept: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            help="Take the events as they are now for the expected ones.",
            show_default=False,
        ),
    ] = None,
    as_json: choices.AsJson = False,
) -> None:
    """Compare what the detectors decide with what is committed as expected; status 1 when it differs.

    Default settings only: a changed default shows here as a changed detector does.
    """
    if accept is not None and not accept.strip():
        raise UserError("--accept: give the reason in words")
    runner = choices.engine(engine)
    changed: list[str] = []
    differences: list[Difference] = []
    checked = 0
    for name, place, expected, found in _comparisons(corpora or [], runner):
        checked += len(found)
        these = list(_compare(expected, found))
        differences += these
        if accept is not None and (these or expected != found):
            _write(place, found)
            changed.append(f"{name}: {len(these)} of {len(found)}")
    if accept is not None and changed:
        _note(accept, changed)
    if as_json:
        print_json({"checked": checked, "differences": [vars(difference) for difference in differences]})
    else:
        for difference in differences if accept is None else []:
            for line in difference.lines:
                out.print(line, style={"+": "green", "-": "red"}.get(line[0], ""))
        verb = "accepted" if accept is not None else "differ"
        out.print(f"{checked} recordings checked, {len(differences)} {verb}")
    if differences and accept is None:
        err.print('If this is meant: `dati regress --accept "why"`, and commit what it writes.')
        raise typer.Exit(EXIT_DIFFERENT)


Texts = dict[str, str]


def _comparisons(corpora: list[Path], engine: Engine) -> Iterator[tuple[str, Path, Texts, Texts]]:
    """Name, place, expected and found text by recording: of the bundled traces, or of each data set of the corpora."""
    if not corpora:
        found = {o.recording.id: trace_text(o) for o in _replayed(sources.bundled_traces(), engine, "bundled traces")}
        expected = {path.stem: path.read_text(encoding="utf-8") for path in sorted(EXPECTED.glob("*.txt"))}
        yield "bundled", EXPECTED, expected, found
        return
    by_dataset: dict[str, Texts] = {}
    for path in corpora:
        for outcome in _replayed(read_corpus(path), engine, path.name):
            line = corpus_line(outcome)
            by_dataset.setdefault(outcome.recording.dataset, {})[outcome.recording.id] = line + "\n"
    for name, found in by_dataset.items():
        file = re.sub(r"[^\w.-]", "_", name)  # a data set may bear any name, that of a path too
        place = EXPECTATIONS / f"{file}.txt"
        yield name, place, _read_expectation(place), found


def _replayed(recordings: Iterable, engine: Engine, what: str) -> Iterator[Outcome]:
    return tracked(replay(recordings, engine, Options()), what, None)


def _read_expectation(path: Path) -> Texts:
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return {_RAISED.sub("", line): line for line in lines}


def _compare(expected: Texts, found: Texts) -> Iterator[Difference]:
    """Recordings that differ or are new. One that is expected but not at hand is no difference: users have parts."""
    for identity, text in found.items():
        before = expected.get(identity)
        if before != text:
            diff = difflib.unified_diff(
                (before or "").splitlines(),
                text.splitlines(),
                f"{identity} expected",
                f"{identity} now",
                lineterm="",
                n=1,
            )
            yield Difference(identity, list(diff))


def _write(place: Path, found: Texts) -> None:
    if place == EXPECTED:
        EXPECTED.mkdir(parents=True, exist_ok=True)
        for path in EXPECTED.glob("*.txt"):
            if path.stem not in found:
                path.unlink()
        for identity, text in found.items():
            (EXPECTED / f"{identity}.txt").write_text(text, encoding="utf-8")
        return
    EXPECTATIONS.mkdir(parents=True, exist_ok=True)
    merged = {**_read_expectation(place), **found}
    place.write_text("".join(merged[key] for key in sorted(merged)), encoding="utf-8")


def _note(reason: str, changed: list[str]) -> None:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    if not LOG.exists():
        LOG.write_text("# Changes of expected events, newest last\n\n", encoding="utf-8")
    with LOG.open("a", encoding="utf-8") as file:
        file.write(f"- {date.today().isoformat()}, {'; '.join(changed)}: {reason.strip()}\n")

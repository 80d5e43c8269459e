"""`dati drill`: a security exercise, led step by step, kept as it goes, judged, and signed off."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.prompt import Prompt
from rich.table import Table

from host_tools import choices
from host_tools.documents import LANGUAGES, Words, write
from host_tools.drill_live import OnCable
from host_tools.drill_session import SESSION, Done, Session, read_session
from host_tools.drill_sources import Ask, Source, source_of
from host_tools.drill_words import words_of
from host_tools.output import EXIT_DIFFERENT, EXIT_INTERRUPTED, err, out, print_json
from simulator import drill as plans
from simulator.drill import Plan, Step
from simulator.drill_judge import Act, Judged, Worn, per_half_day
from simulator.errors import UserError


class Desk:
    """Where the officer is asked: by a script, by nobody (--yes), or at the terminal."""

    def __init__(self, words: Words, answers: Mapping[str, Any], silent: bool) -> None:
        self._words = words
        self._answers = answers
        self._silent = silent

    def ask(self, step: Step, name: str, default: Any) -> Any:
        """The answer for a step; `default` where nobody is asked."""
        own = self._answers.get(step.key, {})
        if name in own:
            return own[name]
        return default if self._silent else self._prompt(self._words(f"ask_{name}"), default)

    def general(self, name: str, default: str) -> str:
        if name in self._answers:
            return str(self._answers[name])
        return default if self._silent else str(self._prompt(self._words(f"ask_{name}"), default))

    def _prompt(self, text: str, default: Any) -> Any:
        while True:
            try:
                answer = Prompt.ask(f"  {text}", default=str(default), show_default=default != "", console=err)
            except EOFError:
                raise UserError("nobody answers here; give --yes, or --answers FILE") from None
            if not isinstance(default, (int, float)) and not text.endswith("(s)"):
                return answer
            try:
                return float(answer.replace(",", ".")) if answer else ""
            except ValueError:
                err.print(f"  {self._words('ask_again')}", style="yellow")


def _answers(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no TOML: {error}") from None


def _over(given: list[str] | None) -> dict[str, dict[str, object]]:
    """Settings files by post or device."""
    found = {}
    for text in given or []:
        name, equals, path = text.partition("=")
        if not equals or not name or not path:
            raise UserError(f"--settings {text!r}: give POST=FILE or DEVICE=FILE")
        found[name] = plans.read_settings(path, Path(), f"--settings {name}")
    return found


def _by_device(option: str, given: list[str] | None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in given or []:
        device, equals, value = text.partition("=")
        if not equals or not device or not value:
            raise UserError(f"{option} {text!r}: give DEVICE=FILE")
        found.setdefault(device, []).append(value)
    return found


def _take_up(folder: Path, plan: Plan, again: bool) -> Session:
    """The session of this plan in the folder, or a new one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror or error}; name another folder with -o") from None
    path = folder / SESSION
    if again or not path.exists():
        return Session(plan)
    session = read_session(path, plan)
    held = json.loads(path.read_text(encoding="utf-8"))["plan"]["digest"]
    if held != plan.digest:
        raise UserError(f"{folder}: holds a drill of another plan or other settings; name another with -o, or --again")
    if session.done:
        err.print(f"{folder}: {len(session.done)} steps are done already and kept; --again begins anew", style="dim")
    return session


def drill(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN.toml", help="Who takes part and what is done.")],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="For session and report. Default: the plan's name.",
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--settings", "-s", metavar="POST=FILE", help="Of a post or device, as `dati calibrate` writes."),
    ] = None,
    recordings: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE=FILE", help="What a worker's device recorded of the familiarisation; repeat."),
    ] = None,
    before: Annotated[
        Path | None, typer.Option(metavar="SESSION.json", help="An earlier drill, to be set beside this one.")
    ] = None,
    port: Annotated[
        list[str] | None, typer.Option(metavar="DEVICE=PORT", help="A worker's device on USB, watched live.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; go on by itself.")] = False,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help='What would be asked: officer, sign, and per step ["DEVICE/do"].'),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Begin anew where a session is in the folder.")] = False,
    language: Annotated[str, typer.Option(metavar="fr|en", help="Of prompts and report. Default: the plan's.")] = "",
    engine: choices.EngineName = None,
    as_json: choices.AsJson = False,
) -> None:
    """Run a security exercise from a plan: guide, mark, measure, judge, and write the report to be signed.

    Workers are virtual, recorded, on a cable, or watched by hand; the plan says which. Each step is kept as soon as it
    is done. Exit status 1 where something did not pass.

    Example: `dati drill drill-day.toml -o drill-november`
    """
    if language and language not in LANGUAGES:
        raise UserError(f"--language {language!r}: permitted: {', '.join(LANGUAGES)}")
    plan = plans.load(plan_file, _over(settings), language, _by_device("--recordings", recordings))
    words = Words("drill", plan.language)
    where = folder or Path(plan_file.stem)
    desk = Desk(words, _answers(answers), yes)
    earlier = None if before is None else read_session(before, plan)
    cables = _ports(port, plan)
    session = _take_up(where, plan, again)
    _print_plan(plan, session, words)
    try:
        _lead(session, where, desk, words, choices.engine(engine), cables)
    except KeyboardInterrupt:
        session.save(where)
        err.print(words("interrupted", folder=where), style="yellow")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    session.signed_by = _sign(session, desk)
    session.signed_utc = _now() if session.signed_by else ""
    session.save(where)
    from host_tools.drill_document import document  # noqa: PLC0415  (needs matplotlib)

    write(document(session, words, earlier), where / "report.html", where / "report.pdf")
    if as_json:
        print_json({**session.as_json(), "passed": session.passed, "judged": _judged_json(session)})
    else:
        _print_verdict(session, words)
    err.print(f"{words('written')}: {where / 'report.html'}, {where / 'report.pdf'}, {where / SESSION}")
    if not session.passed:
        raise typer.Exit(EXIT_DIFFERENT)


def _ports(given: list[str] | None, plan: Plan) -> dict[str, str]:
    found = {}
    for text in given or []:
        device, equals, port = text.partition("=")
        if not equals or not port or device not in {worker.device for worker in plan.workers}:
            raise UserError(f"--port {text!r}: give DEVICE=PORT, the device as in the plan")
        found[device] = port
    return found


def _lead(session: Session, folder: Path, desk: Desk, words: Words, engine: Any, ports: Mapping[str, str]) -> None:
    """Every step that is not yet done, in order."""
    ask: Ask = desk.ask
    sources: dict[str, Source] = {}
    steps = session.plan.steps()
    for number, step in enumerate(steps, 1):
        if step.key in session.done:
            continue
        worker, do = step.worker, step.exercise.do
        err.print(f"\n[{number}/{len(steps)}] {_who(step)}: {words(f'do_{do}')}", style="bold")
        err.print(f"  {words(f'how_{do}', hours=words.number(step.exercise.hours, 1))} {step.exercise.words}".rstrip())
        go = str(desk.ask(step, "go", "")).strip().lower()
        if go == "q":
            raise KeyboardInterrupt
        if worker.device not in sources:
            on_cable = ports.get(worker.device)
            sources[worker.device] = (
                OnCable(on_cable, ask) if on_cable else source_of(worker, session.plan, engine, ask)
            )
        source = sources[worker.device]
        begun = _now()
        seen = None if go == "s" else source.perform(step)
        note = str(desk.ask(step, "note", ""))
        what, marks = (None, []) if seen is None else (seen.what, seen.marks)
        session.add(Done(step.key, begun, source.words, what, marks, note))
        session.save(folder)
        judged = session.judged(step)
        if judged is None:
            err.print(f"  {words('left_out')}", style="yellow")
        else:
            err.print(f"  {_line(session.done[step.key], judged, words)}", style="green" if judged.passed else "red")


def _who(step: Step) -> str:
    worker = step.worker
    return f"{worker.device}{f' ({worker.name})' if worker.name else ''}, {worker.post}"


def _line(done: Done, judged: Judged, words: Words) -> str:
    verdict = words("passed" if judged.passed else "not_passed")
    if isinstance(done.what, Worn):
        rate = per_half_day(done.what).value or 0.0
        figures = words("line_worn", count=len(done.what.pre_alarms), rate=words.number(rate, 1))
    else:
        assert isinstance(done.what, Act)
        act = done.what
        who = act.received_by or "–"
        figures = words("line_act", alarm=words.seconds(act.alarm_s), arrived=words.seconds(act.arrived_s), who=who)
    return f"{verdict}: {figures}"


def _sign(session: Session, desk: Desk) -> str:
    if session.signed_by:
        return session.signed_by
    officer = desk.general("officer", session.plan.officer)
    if not officer:
        return ""
    return officer if str(desk.general("sign", "")).lower() in ("true", "y", "yes", "o", "oui", "1") else ""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _print_plan(plan: Plan, session: Session, words: Words) -> None:
    table = Table(box=None, title=f"{plan.title}: {plan.site}, {plan.date}", title_justify="left")
    for key in ("step", "worker", "post", "exercise", "state"):
        table.add_column(words(f"column_{key}"))
    for number, step in enumerate(plan.steps(), 1):
        state = words("done") if step.key in session.done else ""
        table.add_row(
            str(number),
            step.worker.device,
            words.named("post", step.worker.post),
            words(f"do_{step.exercise.do}"),
            state,
        )
    err.print(table)
    for worker, do in plan.left_off():
        err.print(f"{worker.device}: {words('untried', what=words(f'do_{do}'))}", style="yellow")


def _print_verdict(session: Session, words: Words) -> None:
    for step in session.plan.steps():
        done, judged = session.done.get(step.key), session.judged(step)
        name = f"{step.worker.device:10} {words(f'do_{step.exercise.do}'):34}"
        if done is None or judged is None:
            out.print(f"{name} {words('left_out')}", style="yellow")
            continue
        out.print(f"{name} {_line(done, judged, words)}", style="" if judged.passed else "red")
        for key, values in judged.reasons:
            out.print(f"{'':12}{words_of(words, 'why', key, values)}", style="red")
    out.print(
        words("all_passed" if session.passed else "some_failed"), style="bold green" if session.passed else "bold red"
    )


def _judged_json(session: Session) -> dict[str, Any]:
    found = {}
    for step in session.plan.steps():
        judged = session.judged(step)
        found[step.key] = None if judged is None else asdict(judged)
    return found

"""The report of a drill as a document: what passed, what did not, what to change, and where to sign."""

from __future__ import annotations

from typing import Any

from host_tools import documents as model
from host_tools.documents import Cell, Document, Words
from host_tools.drill_session import Session
from host_tools.drill_words import words_of
from simulator.drill import HALF_DAY_H, Step
from simulator.drill_judge import Act, Worn, cap_s, per_half_day

_CAUSE_COLOURS = {
    "fall": "#d93025",
    "verticality": "#e08a1e",
    "immobility": "#4477aa",
    "flight": "#aa3377",
    "other": "#777777",
}
_PARTS = (("noticed", "#9db8d9"), ("pre_alarm", "#f5c542"), ("sending", "#7a9e7e"), ("transmission", "#d93025"))


def document(session: Session, words: Words, earlier: Session | None = None) -> Document:
    """All of it, in the order in which an officer asks."""
    plan = session.plan
    made = Document(
        plan.title,
        " · ".join(filter(None, (plan.site, plan.date))),
        words.language,
        words("footer", digest=session.digest, plan=plan.digest),
    )
    made.add(model.Verdict(session.passed, words("all_passed" if session.passed else "some_failed")))
    made.add(model.Facts(_facts(session, words)))
    made.add(model.Heading(words("heading_summary")), _summary(session, words))
    changes = _advice(session, words)
    made.add(model.Heading(words("heading_change")))
    made.add(model.Lines(changes) if changes else model.Text(words("nothing_to_change")))
    worn = [step for step in plan.steps() if _worn(session, step) is not None]
    if worn:
        made.add(model.Heading(words("heading_familiarisation")), model.Text(words("text_familiarisation")))
        made.add(_familiarisation(session, worn, words))
        made.add(model.Picture(_draw_worn(session, worn, words), words("caption_familiarisation")))
    if earlier is not None:
        made.add(model.Heading(words("heading_before")), model.Text(words("text_before")))
        made.add(*_before(session, earlier, words))
    acts = [step for step in plan.steps() if _act(session, step) is not None]
    if acts:
        made.add(model.Heading(words("heading_effectiveness")), model.Text(words("text_effectiveness")))
        made.add(_effectiveness(session, acts, words))
        made.add(model.Picture(_draw_acts(session, acts, words), words("caption_effectiveness")))
        made.add(model.Heading(words("heading_location")), model.Text(words("text_location")))
        made.add(_location(session, acts, words))
    remarks = _remarks(session, words)
    if remarks:
        made.add(model.Heading(words("heading_remarks")), model.Lines(remarks))
    made.add(model.Heading(words("heading_signature")), model.Text(words("text_signature")), _signature(session, words))
    return made


def _worn(session: Session, step: Step) -> Worn | None:
    done = session.done.get(step.key)
    return done.what if done is not None and isinstance(done.what, Worn) else None


def _act(session: Session, step: Step) -> Act | None:
    done = session.done.get(step.key)
    return done.what if done is not None and isinstance(done.what, Act) else None


def _who(step: Step, words: Words) -> str:
    worker = step.worker
    return f"{worker.device}{f' ({worker.name})' if worker.name else ''}, {words.named('post', worker.post)}"


def _facts(session: Session, words: Words) -> list[tuple[str, str]]:
    plan = session.plan
    profiles = sorted({str(worker.settings.get("profile", "default")) for worker in plan.workers})
    rows = [
        (words("fact_site"), plan.site),
        (words("fact_date"), plan.date),
        (words("fact_officer"), session.signed_by or plan.officer),
        (words("fact_rescue"), plan.rescue),
        (words("fact_profile"), ", ".join(profiles)),
    ]
    for worker in plan.workers:
        name = f" ({worker.name})" if worker.name else ""
        task = f" : {worker.task}" if worker.task else ""
        rows.append((worker.device + name, words.named("post", worker.post) + task))
    sources = sorted({words.named("source", done.source) for done in session.done.values()})
    rows.append((words("fact_sources"), ", ".join(sources)))
    return [(what, value) for what, value in rows if value]


def _summary(session: Session, words: Words) -> model.Table:
    """A row a worker, a column an exercise."""
    plan = session.plan
    kinds = list(dict.fromkeys(step.exercise.do for step in plan.steps()))
    by_key = {step.key: step for step in plan.steps()}
    rows: list[list[str | Cell]] = []
    for worker in plan.workers:
        row: list[str | Cell] = [f"{worker.device}, {words.named('post', worker.post)}"]
        for do in kinds:
            step = by_key.get(f"{worker.device}/{do}")
            judged = None if step is None else session.judged(step)
            if step is None:
                row.append(Cell("–", model.DIM))
            elif judged is None:
                row.append(Cell(words("left_out"), model.WARN))
            else:
                row.append(Cell(words("yes"), model.GOOD) if judged.passed else Cell(words("no"), model.BAD))
        rows.append(row)
    share = 78 / len(kinds)
    columns = [words("column_worker"), *(words(f"short_{do}") for do in kinds)]
    return model.Table(columns, rows, "l" * (1 + len(kinds)), [22] + [share] * len(kinds))


def _advice(session: Session, words: Words) -> list[str | Cell]:
    found: list[str | Cell] = []
    for step in session.plan.steps():
        judged = session.judged(step)
        for key, values in [] if judged is None else judged.advice:
            line = f"{_who(step, words)} : {words_of(words, 'advice', key, values)}"
            if line not in found:
                found.append(line)
    for step in session.plan.steps():
        if step.key not in session.done or session.done[step.key].what is None:
            found.append(f"{_who(step, words)} : {words('advice_do_it', what=words(f'do_{step.exercise.do}'))}")
    return found


def _familiarisation(session: Session, steps: list[Step], words: Words) -> model.Table:
    rows: list[list[str | Cell]] = []
    for step in steps:
        worn, judged = _worn(session, step), session.judged(step)
        assert worn is not None and judged is not None
        rate = per_half_day(worn)
        causes = ", ".join(f"{words.named('cause', cause)} {count}" for cause, count in worn.by_cause.most_common())
        span = "–" if rate.low is None else f"{words.number(rate.low, 1)}–{words.number(rate.high or 0, 1)}"
        rows.append(
            [
                _who(step, words),
                words.number(worn.hours, 1),
                f"{len(worn.pre_alarms)}" + (f" ({causes})" if causes else ""),
                str(worn.cancelled),
                Cell(words.number(rate.value or 0, 1), model.GOOD if judged.passed else model.BAD),
                span,
                Cell(words("passed" if judged.passed else "not_passed"), model.GOOD if judged.passed else model.BAD),
            ]
        )
    keys = ("worker", "hours", "false", "cancelled", "half_day", "interval", "verdict")
    return model.Table([words(f"column_{key}") for key in keys], rows, "lrlrrrl", [19, 8, 26, 10, 14, 11, 12])


def _effectiveness(session: Session, steps: list[Step], words: Words) -> model.Table:
    rows: list[list[str | Cell]] = []
    for step in steps:
        act, judged = _act(session, step), session.judged(step)
        assert act is not None and judged is not None
        cap = cap_s(str(step.worker.settings.get("profile", "default")), step.exercise.do)
        told_s = act.sent_s if act.sent_s is not None else act.alarm_s
        late = cap is not None and told_s is not None and told_s > cap
        verdict: str | Cell = Cell(words("passed"), model.GOOD)
        if not judged.passed:
            verdict = Cell("; ".join(words_of(words, "why", key, values) for key, values in judged.reasons), model.BAD)
        answered = words.seconds(act.acknowledged_s)
        rows.append(
            [
                f"{step.worker.device}, {words.named('post', step.worker.post)}",
                words(f"short_{step.exercise.do}"),
                words.seconds(act.noticed_s),
                Cell(words.seconds(told_s), model.BAD if late else ""),
                "–" if cap is None else words.seconds(cap),
                words.seconds(act.transmission_s),
                f"{act.received_by or '–'} ({words.seconds(act.arrived_s)})" if act.received_by else "–",
                f"{act.acknowledged_by or '–'} ({answered})" if act.acknowledged_s is not None else "–",
                verdict,
            ]
        )
    keys = ("worker", "exercise", "noticed", "told", "cap", "transmission", "received", "answered", "verdict")
    return model.Table(
        [words(f"column_{key}") for key in keys], rows, "llrrrrlll", [15, 10, 9, 9, 11, 13.5, 14, 14, 11]
    )


def _location(session: Session, steps: list[Step], words: Words) -> model.Table:
    rows: list[list[str | Cell]] = []
    for step in steps:
        act = _act(session, step)
        assert act is not None
        old = (act.location_age_s or 0) > session.plan.limits["location_age_s"]
        far = (act.location_error_m or 0) > session.plan.limits["location_error_m"]
        metres = [
            "–" if value is None else f"{words.number(value)}\u00a0m"
            for value in (act.location_accuracy_m, act.location_error_m)
        ]
        rows.append(
            [
                f"{step.worker.device}, {words.named('post', step.worker.post)}",
                words(f"short_{step.exercise.do}"),
                Cell(words.seconds(act.location_age_s), model.BAD if old else ""),
                metres[0],
                Cell(metres[1], model.BAD if far else ""),
                words.seconds(act.located_s),
            ]
        )
    keys = ("worker", "exercise", "age", "accuracy", "error", "fresh")
    return model.Table([words(f"column_{key}") for key in keys], rows, "llrrrr", [24, 18, 14, 14, 14, 16])


def _before(session: Session, earlier: Session, words: Words) -> list[model.Block]:
    """False pre-alarms, detection and settings of both drills."""
    rows: list[list[str | Cell]] = []
    settings: list[list[str | Cell]] = []
    for worker in session.plan.workers:
        cells: list[str | Cell] = [f"{worker.device}, {words.named('post', worker.post)}"]
        for one in (earlier, session):
            cells += _kept(one, worker.device, words)
        rows.append([cells[0], cells[1], cells[3], cells[2], cells[4]])
        was, now = earlier.settings.get(worker.device, {}), session.settings.get(worker.device, {})
        settings += _changed(worker.device, was, now)
    keys = ("worker", "rate_before", "rate_after", "found_before", "found_after")
    blocks: list[model.Block] = [
        model.Table([words(f"column_{key}") for key in keys], rows, "lrrrr", [28, 18, 18, 18, 18])
    ]
    if settings:
        names = [words(f"column_{key}") for key in ("worker", "setting", "before", "after")]
        blocks.append(model.Table(names, settings, "llrr", [20, 44, 18, 18]))
    return blocks


def _kept(session: Session, device: str, words: Words) -> list[str | Cell]:
    """False pre-alarms in half a day, and how many distresses were found and told in time."""
    steps = [step for step in session.plan.steps() if step.worker.device == device]
    rate: str | Cell = "–"
    passed = done = 0
    for step in steps:
        judged = session.judged(step)
        worn = _worn(session, step)
        if judged is None:
            continue
        if worn is not None:
            value = per_half_day(worn).value or 0.0
            rate = Cell(words.number(value, 1), model.GOOD if judged.passed else model.BAD)
        else:
            done += 1
            passed += judged.passed
    return [rate, Cell(f"{passed} / {done}", model.GOOD if passed == done else model.BAD)]


def _changed(device: str, was: dict[str, Any], now: dict[str, Any]) -> list[list[str | Cell]]:
    from dati.settings import Settings  # noqa: PLC0415

    both = [Settings(dict(values)).as_dict() for values in (was, now)]
    return [
        [device, name, str(both[0][name]), str(both[1][name])] for name in both[0] if both[0][name] != both[1][name]
    ]


def _remarks(session: Session, words: Words) -> list[str | Cell]:
    found: list[str | Cell] = []
    for step in session.plan.steps():
        judged = session.judged(step)
        head = f"{_who(step, words)}, {words(f'short_{step.exercise.do}')} : "
        for key, values in [] if judged is None else judged.remarks:
            found.append(head + words_of(words, "remark", key, values))
        done = session.done.get(step.key)
        if done is not None and done.note:
            found.append(head + done.note)
    for worker, do in session.plan.left_off():
        found.append(f"{worker.device} : {words('untried', what=words(f'do_{do}'))}")
    if any(done.source == "virtual" for done in session.done.values()):
        found.append(words("remark_virtual"))
    return found


def _signature(session: Session, words: Words) -> model.Signature:
    signed = words("signed", who=session.signed_by, utc=session.signed_utc) if session.signed_by else ""
    return model.Signature(
        [
            (words("sign_officer"), signed or session.plan.officer),
            (words("sign_date"), session.signed_utc[:10]),
            (words("sign_workers"), ""),
        ]
    )


# --- pictures ---


def _axes(height: float, columns: int = 1, ratios: list[float] | None = None) -> Any:
    import matplotlib  # noqa: PLC0415  (a second to load: only for who wants a picture)

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    return plt.subplots(1, columns, figsize=(10, height), layout="constrained", width_ratios=ratios)


def _draw_worn(session: Session, steps: list[Step], words: Words) -> bytes:
    """Left how many in half a day, with the interval and the limit; right when, and for which cause."""
    figure, (left, right) = _axes(1.4 + 0.55 * len(steps), 2, [1, 1.5])
    limit = session.plan.limits["false_per_half_day"]
    seen: set[str] = set()
    longest_h = 1.0
    for row, step in enumerate(steps):
        worn, judged = _worn(session, step), session.judged(step)
        assert worn is not None and judged is not None
        rate = per_half_day(worn)
        colour = "#2e7d4f" if judged.passed else "#b41818"
        value = rate.value or 0.0
        left.barh(row, value, color=colour, height=0.5, alpha=0.85)
        left.plot([rate.low or 0.0, rate.high or 0.0], [row, row], color="black", linewidth=1.2)
        longest_h = max(longest_h, worn.hours)
        right.barh(row, worn.hours, color="#eef1f5", height=0.6)
        for at_s, causes in worn.pre_alarms:
            cause = causes.split("+")[0]
            label = words.named("cause", cause) if cause not in seen else None
            seen.add(cause)
            colour = _CAUSE_COLOURS.get(cause, "#777777")
            right.plot([at_s / 3600] * 2, [row - 0.3, row + 0.3], color=colour, linewidth=1.4, label=label)
    left.axvline(limit, color="#cc3311", linestyle="--", linewidth=1.2, label=words("axis_limit", limit=f"{limit:g}"))
    left.set_xlabel(words("axis_half_day", hours=HALF_DAY_H))
    left.set_yticks(range(len(steps)), [f"{s.worker.device}\n{words.named('post', s.worker.post)}" for s in steps])
    right.set_xlabel(words("axis_hours"))
    right.set_yticks([])
    right.set_xlim(0, longest_h)
    for axes in (left, right):
        axes.set_ylim(len(steps) - 0.4, -0.6)
        axes.grid(alpha=0.25, axis="x")
    left.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, 1.22))
    if seen:
        right.legend(frameon=False, fontsize=8, ncols=4, loc="upper left", bbox_to_anchor=(0, 1.22))
    return model.png_of(figure)


def _draw_acts(session: Session, steps: list[Step], words: Words) -> bytes:
    """Each distress from what was done to its arrival, and the longest time permitted."""
    figure, axes = _axes(1.2 + 0.3 * len(steps))
    longest = 10.0
    for row, step in enumerate(steps):
        act = _act(session, step)
        assert act is not None
        at = 0.0
        for (name, colour), until in zip(_PARTS, _until(act), strict=True):
            if until is not None and until > at:
                label = words(f"part_{name}") if row == 0 else None
                axes.barh(row, until - at, left=at, color=colour, height=0.6, label=label)
                at = until
        if act.arrived_s is None:
            axes.text(at + 0.5, row, words("part_nobody"), va="center", fontsize=8, color="#b41818")
        cap = cap_s(str(step.worker.settings.get("profile", "default")), step.exercise.do)
        if cap is not None:
            axes.plot([cap, cap], [row - 0.4, row + 0.4], color="black", linewidth=1.6)
        longest = max(longest, at, cap or 0)
    labels = [f"{step.worker.device} {words(f'short_{step.exercise.do}')}" for step in steps]
    axes.set_yticks(range(len(steps)), labels, fontsize=8)
    axes.set_ylim(len(steps) - 0.4, -0.6)
    axes.set_xlim(0, longest * 1.04)
    axes.set_xlabel(words("axis_seconds"))
    axes.grid(alpha=0.25, axis="x")
    from matplotlib.patches import Patch  # noqa: PLC0415

    handles = [Patch(color=colour, label=words(f"part_{name}")) for name, colour in _PARTS]
    handles.append(axes.plot([], [], color="black", linewidth=1.6, label=words("part_cap"))[0])
    figure.legend(handles=handles, loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    return model.png_of(figure)


def _until(act: Act) -> tuple[float | None, ...]:
    """When each part of a distress ended, as _PARTS names them."""
    return act.noticed_s, act.alarm_s, act.sent_s, act.arrived_s

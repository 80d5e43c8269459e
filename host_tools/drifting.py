"""`dati drift`: which devices' accelerometers have changed, what it costs, until when, and what to do."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from dati.clock import stamp
from rich.table import Table

from host_tools import choices
from host_tools.documents import Words
from host_tools.drift_logs import Followed, devices, followed
from host_tools.output import check_writable, err, out, print_json, tracked
from host_tools.reporting import Language, identities
from simulator.chronology import DAY_S, Problem
from simulator.drift_charts import charts_of
from simulator.drift_states import Rules, State
from simulator.drift_verdict import EARLY, FINE, FLAGGED, OVER, measures_of

STYLES = {FINE: "", EARLY: "dim", FLAGGED: "yellow", OVER: "bold red", "recovered": "green"}
_ORDER = {OVER: 0, FLAGGED: 1, FINE: 2, EARLY: 3}
COLUMNS = ("device", "status", "readings", "verticality", "sensitivity", "self_test", "reached", "action", "why")
_NARROW = ("device", "status", "verticality", "sensitivity", "reached", "action")
_WIDE = 150  # columns of the terminal
CSV_COLUMNS = (
    "device",
    "status",
    "kind",
    "recovered",
    "action",
    "why",
    "flagged_on",
    "reached",
    "reached_earliest",
    "reached_latest",
    "readings",
    "starts_of_duty",
    "first_day",
    "last_day",
    "verticality_deg",
    "verticality_sd_deg",
    "sensitivity_percent",
    "offset_x_mg",
    "offset_y_mg",
    "offset_z_mg",
    "offset_sd_x_mg",
    "offset_sd_y_mg",
    "offset_sd_z_mg",
    "gain_x_percent",
    "gain_y_percent",
    "gain_z_percent",
    "noise_mg",
    "self_test_x_percent",
    "self_test_y_percent",
    "self_test_z_percent",
    "per_kelvin_x_mg",
    "per_kelvin_y_mg",
    "per_kelvin_z_mg",
    "determined",
    "zero_x_mg",
    "zero_y_mg",
    "zero_z_mg",
)
_PARAMETERS = ("offset x", "offset y", "offset z", "gain x", "gain y", "gain z")


def day_of(days: float) -> str:
    """`2026-11-22` of days since 2000-01-01."""
    return stamp(max(0, int(days * DAY_S)))[:10]


def status_of(one: Followed) -> str:
    return "recovered" if one.verdict.recovered else one.verdict.status


def in_order(found: list[Followed]) -> list[Followed]:
    """What needs attention first, the nearest to its tolerance before the others."""
    return sorted(found, key=lambda one: (_ORDER[one.verdict.status], -share_of(one), one.device))


def share_of(one: Followed) -> float:
    """Of the tolerance that is used up most."""
    return max((measure.share for measure in measures_of(one.course).values()), default=0.0)


def determined(state: State) -> tuple[list[str], list[str]]:
    """Names of the parameters that the readings determine, and of the others."""
    named = list(zip(_PARAMETERS, state.known, strict=True))
    return [name for name, known in named if known], [name for name, known in named if not known]


# --- what is shown ---


def why(problem: Problem | None, words: Words) -> str:
    return "" if problem is None else words(f"why_{problem.key}", **problem.values)


def reached(one: Followed, words: Words) -> str:
    verdict, state = one.verdict, one.course.states[-1] if one.course.states else None
    if state is None or verdict.reached is None:
        return ""
    if verdict.reached <= state.day:
        return words("now")
    ends = [words("later") if day is None else day_of(day) for day in (verdict.earliest, verdict.latest)]
    return words("forecast", day=day_of(verdict.reached), earliest=ends[0], latest=ends[1])


def cells(one: Followed, words: Words) -> list[str]:
    """A device's row, as COLUMNS."""
    verdict = one.verdict
    status = words.named("status", status_of(one))
    if verdict.kind:
        status += f", {words.named('kind', verdict.kind)}"
    row = [one.device, status, str(len(one.course.readings))]
    if one.course.states:
        state = one.course.states[-1]
        percent = state.gain_percent + state.noise_percent
        row += [
            f"{words.number(state.error_deg, 2)} ± {words.number(state.error_sd_deg, 2)}",
            words.number(percent, 1),
            three(100 * (state.self_test - 1), "{:+.0f}"),
        ]
    else:
        row += ["", "", ""]
    action = words.named("action", verdict.action) if verdict.action else ""
    return [*row, reached(one, words), action, why(verdict.why, words)]


def three(values: np.ndarray, form: str) -> str:
    """Numbers of the axes; nothing where none is known."""
    return " ".join(form.format(value) for value in values) if np.isfinite(values).all() else ""


def problem_line(problem: Problem, words: Words, shared: Words) -> str:
    """A remark on the records; what is not of drift alone is said as `dati report` says it."""
    own = f"problem_{problem.key}"
    return words(own, **problem.values) if words.has(own) else shared(own, **problem.values)


def history(one: Followed, words: Words) -> list[str]:
    """What happened to a device, in lines."""
    course = one.course
    found: list[tuple[float, str]] = []
    for change in course.changes:
        by = dict(zip("xyz", (round(float(mg)) for mg in change.by_mg), strict=True))
        values: dict[str, Any] = {"day": day_of(change.day), "found": day_of(change.found_day), **by}
        if change.kind == "re-zeroed":
            values["before"] = _error_on(course.states, change.day, words, before=True)
            values["after"] = _error_on(course.states, change.day, words, before=False)
        found.append((change.day, words(f"history_{change.kind}", **values)))
    for flag in one.verdict.flags:
        quantity = words.named("quantity", flag.quantity)
        kind = words.named("kind", flag.kind)
        found.append((flag.day, words("history_flag", day=day_of(flag.day), quantity=quantity, kind=kind)))
        if flag.until is not None:
            found.append((flag.until, words("history_flag_ended", day=day_of(flag.until), quantity=quantity)))
    for chart in charts_of(course):
        since = [day for day in (chart.ewma_since, chart.cusum_since) if day is not None]
        if since:
            which = "EWMA" * (chart.ewma_since is not None), "CUSUM" * (chart.cusum_since is not None)
            name = chart_name(chart.name, words)
            line = words("history_signal", day=day_of(min(since)), chart=name, which=", ".join(filter(None, which)))
            found.append((min(since), line))
    lines = [line for _, line in sorted(found)]
    if course.states:
        state = course.states[-1]
        known, unknown = (", ".join(names) or words("nothing") for names in determined(state))
        lines.append(words("history_determined", known=known, unknown=unknown))
        warmth = dict(zip("xyz", map(float, state.per_kelvin_mg), strict=True))
        lines.append(words("history_temperature", **warmth))
        if one.verdict.action == "re-zero":
            zero = ", ".join(str(round(float(mg))) for mg in state.built_offset_mg)
            lines.append(words("history_zero", zero=f"[{zero}]"))
    return lines


def chart_name(name: str, words: Words) -> str:
    if name in ("x", "y", "z"):
        return words("plot_axis", axis=name)
    if name.startswith("self-test "):
        return f"{words('quantity_self-test')} {name[-1]}"
    return words(f"chart_{name}")


def _error_on(states: list[State], day: float, words: Words, *, before: bool) -> str:
    days = [state for state in states if (state.day < day if before else state.day >= day)]
    if not days:
        return words("not_known")
    return words.number((days[-1] if before else days[min(2, len(days) - 1)]).error_deg, 1)


def row_of(one: Followed, words: Words) -> dict[str, Any]:
    """All figures of a device, as CSV_COLUMNS; None where there is none."""
    verdict, readings = one.verdict, one.course.readings
    row: dict[str, Any] = dict.fromkeys(CSV_COLUMNS)
    standing = [flag.day for flag in verdict.flags if flag.until is None]
    row |= {
        "device": one.device,
        "status": verdict.status,
        "kind": verdict.kind or None,
        "recovered": verdict.recovered,
        "action": verdict.action or None,
        "why": why(verdict.why, words) or None,
        "flagged_on": day_of(min(standing)) if standing else None,
        "readings": len(readings),
        "starts_of_duty": int(readings.standing.sum()),
    }
    for key, day in (("", verdict.reached), ("_earliest", verdict.earliest), ("_latest", verdict.latest)):
        row[f"reached{key}"] = None if day is None else day_of(day)
    if len(readings):
        row |= {"first_day": day_of(readings.day[0]), "last_day": day_of(readings.day[-1])}
    if not one.course.states:
        return row
    state = one.course.states[-1]
    row["verticality_deg"] = round(state.error_deg, 3)
    row["verticality_sd_deg"] = round(state.error_sd_deg, 3)
    row["sensitivity_percent"] = round(state.gain_percent + state.noise_percent, 2)
    row["noise_mg"] = round(state.noise_mg, 1)
    row["determined"] = ", ".join(determined(state)[0])
    groups: list[tuple[Callable[[str], str], np.ndarray, int]] = [
        ("offset_{}_mg".format, state.offset_mg, 1),
        ("offset_sd_{}_mg".format, state.offset_sd_mg, 1),
        ("gain_{}_percent".format, 100 * state.gain, 2),
        ("self_test_{}_percent".format, 100 * (state.self_test - 1), 1),
        ("per_kelvin_{}_mg".format, state.per_kelvin_mg, 2),
        ("zero_{}_mg".format, state.built_offset_mg, 0),
    ]
    for named, values, digits in groups:
        for axis, value in zip("xyz", values, strict=True):
            row[named(axis)] = round(float(value), digits) if np.isfinite(value) else None
    return row


def as_csv(found: list[Followed], words: Words) -> str:
    held = io.StringIO()
    rows = csv.DictWriter(held, CSV_COLUMNS)
    rows.writeheader()
    for one in found:
        rows.writerow(row_of(one, words))
    return held.getvalue()


def _print(found: list[Followed], words: Words, rules: Rules) -> None:
    table = Table(box=None, title=words("title"), title_justify="left")
    shown = COLUMNS if out.width >= _WIDE else _NARROW
    for key in shown:
        right = key in ("readings", "sensitivity")
        table.add_column(words(f"column_{key}"), justify="right" if right else "left", no_wrap=key == "device")
    for one in found:
        row = dict(zip(COLUMNS, cells(one, words), strict=True))
        table.add_row(*(row[key] for key in shown), style=STYLES[status_of(one)])
    out.print(table)
    out.print(words("rules", **rule_values(rules, words)), style="dim")
    for one in found:
        if one.verdict.status in (FLAGGED, OVER) or one.verdict.recovered:
            out.print(f"\n{one.device} {', '.join(filter(None, cells(one, words)[-2:]))}", style="bold")
            for line in history(one, words):
                out.print(f"  {line}")


def rule_values(rules: Rules, words: Words) -> dict[str, Any]:
    return {
        "degrees": words.number(rules.tolerance_deg, 1),
        "percent": words.number(rules.tolerance_percent),
        "sessions": rules.sessions,
        "horizon": words.number(rules.horizon_days),
    }


def drift(
    device_logs: Annotated[
        list[Path],
        typer.Argument(
            metavar="DEVICE-LOGS...",
            help="A folder per device (journal.0, ..., settings.json, *.mcap), copies of several dates in folders of "
            "their own; or a folder of such folders.",
        ),
    ],
    tolerance_deg: Annotated[float, typer.Option(min=0.2, max=20, help="Verticality error that is tolerated.")] = 2.0,
    tolerance_percent: Annotated[
        float, typer.Option(min=1, max=90, help="Change of the sensitivity of immobility that is tolerated.")
    ] = 10.0,
    sessions: Annotated[int, typer.Option(min=5, max=500, help="First starts of duty, to compare with.")] = 20,
    horizon_days: Annotated[
        float, typer.Option(min=0, max=3650, help="Flag what is forecast to leave its tolerance within so many days.")
    ] = 90.0,
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="[FOLDER=]NAME", help="Identity of a journal without its settings.json; repeat for more."),
    ] = None,
    language: Annotated[Language, typer.Option(help="Of what is written.")] = Language.FR,
    csv_file: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the fleet's table.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with plots.")] = None,
    as_json: choices.AsJson = False,
) -> None:
    """Watch accelerometers for drift: zero-g offset, gain, noise and self-test since commissioning, and what to do.

    From the self-test and the standing still at each start of duty, and from still moments in ordinary use.

    Example: `dati drift read-outs/ --csv fleet.csv --html fleet.html`
    """
    for path in filter(None, (csv_file, html)):
        check_writable(path)
    words, shared = Words("drift", language), Words("report", language)
    rules = Rules(tolerance_deg, tolerance_percent, sessions, horizon_days)
    read = devices(device_logs, identities(device))
    found = in_order([followed(one, rules) for one in tracked(read, words("following"), len(read))])
    remarks = [(one.device, problem_line(problem, words, shared)) for one in found for problem in one.problems]
    if as_json:
        print_json(
            {
                "tolerance_deg": tolerance_deg,
                "tolerance_percent": tolerance_percent,
                "devices": [{**row_of(one, words), "history": history(one, words)} for one in found],
                "remarks": [f"{name}: {line}" for name, line in remarks],
            }
        )
    else:
        _print(found, words, rules)
    for name, line in remarks:
        err.print(f"{name}: {line}", style="yellow")
    if csv_file is not None:
        csv_file.write_text(as_csv(found, words), encoding="utf-8")
    if html is not None:
        from host_tools.documents import write  # noqa: PLC0415
        from host_tools.drift_page import document  # noqa: PLC0415  (needs matplotlib)

        write(document(found, remarks, rules, words), html, None)
    for path in filter(None, (csv_file, html)):
        err.print(f"{words('written')}: {path}")

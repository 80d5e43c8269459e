"""When what a journal tells happened, over restarts, ticks that come round, and clocks wrong, late or never set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from dati import journal
from dati.clock import date, seconds

_WRAP_MS = 1 << 30
_ROUND_MS = 60000  # a crystal of 20 ppm is out by so much in a month
_JUMP_S = 5  # between two records the clock was set, and not only rounded
DAY_S = 86400
UNDATED = ""


class Record(NamedTuple):
    """As `journal.record_at` gives it: `utc_s` -1 where the clock was unset."""

    kind: int
    sequence: int
    utc_s: int
    t_ms: int
    payload: bytes

    @property
    def number(self) -> int:
        return int.from_bytes(self.payload[:4], "little", signed=True)

    @property
    def text(self) -> str:
        return self.payload.decode(errors="replace")


class Moment(NamedTuple):
    """A record in time: `run` counts the starts, `t_s` goes on within one, `utc_s` is None where nothing tells it."""

    record: Record
    run: int
    t_s: float
    utc_s: int | None


class Problem(NamedTuple):
    """Something a reader must know: a key of the words, and what belongs into them."""

    key: str
    values: dict[str, Any]


def month_of(utc_s: int | None) -> str:
    """`2026-11`."""
    return UNDATED if utc_s is None else "{:04d}-{:02d}".format(*date(utc_s)[:2])


def day_of(utc_s: int) -> str:
    return "{:04d}-{:02d}-{:02d}".format(*date(utc_s)[:3])


def week_of(utc_s: int | None) -> str:
    """The Monday that a week begins with."""
    if utc_s is None:
        return UNDATED
    days = utc_s // DAY_S  # day 0, 2000-01-01, was a Saturday
    return day_of(max(0, days - (days + 5) % 7) * DAY_S)


PERIODS: dict[str, Callable[[int | None], str]] = {
    "month": month_of,
    "week": week_of,
    "day": lambda utc_s: UNDATED if utc_s is None else day_of(utc_s),
}


def months_before(utc_s: int, months: int) -> int:
    """The begin of the month that lies `months` - 1 before that of `utc_s`: so many calendar months are left."""
    year, month = date(utc_s)[:2]
    at = max(0, year * 12 + month - months - 2000 * 12)
    return seconds(2000 + at // 12, at % 12 + 1, 1, 0, 0, 0)


def in_time(records: Iterable[Record]) -> tuple[list[Moment], list[Problem]]:
    """Records of one device in the order of their numbers, each with its time; and what was wrong with the clock."""
    runs: list[list[tuple[Record, float]]] = []
    problems = []
    previous: Record | None = None
    t_s = 0.0
    for record in sorted(records, key=lambda record: record.sequence):
        step_ms = None if previous is None else _step_ms(previous, record)
        if not runs or record.kind == journal.STARTED or step_ms is None:
            if runs and record.kind != journal.STARTED:
                problems.append(Problem("restart_not_noted", {"number": record.sequence}))
            runs.append([])
            t_s = record.t_ms / 1000
        else:
            t_s += step_ms / 1000
        runs[-1].append((record, t_s))
        previous = record
    moments: list[Moment] = []
    for number, run in enumerate(runs):
        offset, jumps = _offset(run)
        problems += jumps
        for record, at_s in run:
            moments.append(Moment(record, number, at_s, None if offset is None else round(offset + at_s)))
    return _between(moments, problems), problems


def _step_ms(before: Record, after: Record) -> int | None:
    """Ticks from one record to the next of a run; None where they cannot be of one run."""
    step = (after.t_ms - before.t_ms) % _WRAP_MS
    if before.utc_s >= 0 and after.utc_s >= 0:
        passed_ms = (after.utc_s - before.utc_s) * 1000
        wraps = round((passed_ms - step) / _WRAP_MS)
        # Silence is whole rounds of the ticks longer; a clock that was set by years is so by chance only.
        if wraps > 0 and abs(passed_ms - step - wraps * _WRAP_MS) < _ROUND_MS:
            return step + wraps * _WRAP_MS
    # A start sets the ticks to 0: only if they went back can it be a start that was not noted.
    return step if after.t_ms >= before.t_ms or step < _WRAP_MS // 2 else None


def _offset(run: list[tuple[Record, float]]) -> tuple[float | None, list[Problem]]:
    """UTC less ticks, by what the clock of a run was last set to; and where it was set by more than rounding."""
    last: float | None = None
    jumps = []
    for record, t_s in run:
        if record.utc_s < 0:
            continue
        offset = record.utc_s - t_s
        if last is not None and abs(offset - last) > _JUMP_S:
            jumps.append(Problem("clock_jump", {"seconds": round(offset - last), "number": record.sequence}))
            last = offset
        elif last is None:
            last = offset
    return last, jumps


def _between(moments: list[Moment], problems: list[Problem]) -> list[Moment]:
    """Runs of an unset clock lie between their neighbours: where those are of one month, so are they."""
    dated = [moment.utc_s for moment in moments]
    before: int | None = None
    after: list[int | None] = [None] * len(moments)
    following: int | None = None
    for at in range(len(moments) - 1, -1, -1):
        following = dated[at] if dated[at] is not None else following
        after[at] = following
    found, undated = [], 0
    for at, moment in enumerate(moments):
        utc_s = moment.utc_s
        if utc_s is None:
            later = after[at]
            if before is not None and later is not None and month_of(before) == month_of(later):
                utc_s = before
            undated += utc_s is None
        else:
            if before is not None and utc_s < before - _JUMP_S and moments[at - 1].run != moment.run:
                problems.append(Problem("clock_back", {"seconds": before - utc_s, "number": moment.record.sequence}))
            before = utc_s
        found.append(moment._replace(utc_s=utc_s))
    if undated:
        problems.append(Problem("undated", {"count": undated}))
    return found


def keep(moments: list[Moment], from_utc_s: int) -> tuple[list[Moment], int]:
    """The moments from that time on, and how many were left out. One without a date is as old as the next with one."""
    kept: list[Moment] = []
    following: int | None = None
    for moment in reversed(moments):
        following = moment.utc_s if moment.utc_s is not None else following
        if following is None or following >= from_utc_s:
            kept.append(moment)
    return kept[::-1], len(moments) - len(kept)

"""What a device's journal says of its use: hours on duty, tests, alarms and their answers, faults, charging.

Durations are counted by the device's own ticks, which no clock that is set wrong can stretch; UTC only says to which
period something belongs. What a restart, a gap or an unset clock hides is counted as far as it is known, and said.
No record says where anybody is, and none of what is read here names anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dati import events as codes
from dati import journal
from dati.duty import STEPS
from dati.supervision import FAULTS

from simulator.chronology import DAY_S, Moment, Problem, day_of, month_of

_PARTIES = dict(codes.PARTIES)
_FAULTS = {name for _, name in FAULTS}
_REASONS = {*(name for _, name in STEPS), "cord", "given_up", "interrupted"}
_KNOWN = {code for code, _, _ in journal.KINDS}
_SHORT_OUTAGE = ("watchdog", "crash", "wake")  # after these the device is back within seconds
_RESETS = dict(journal.RESETS)


@dataclass
class Figures:
    """Of one device, or of several, in one period. Times in s unless the name says hours."""

    hours_on_duty: float = 0.0
    duties: int = 0
    days: set[tuple[str, str]] = field(default_factory=set)  # device and day on which it was on duty
    tests_passed: int = 0
    tests_refused: Counter[str] = field(default_factory=Counter)
    self_tests_failed: int = 0
    pre_alarms: Counter[str] = field(default_factory=Counter)
    cancelled: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    causes_added: Counter[str] = field(default_factory=Counter)
    acknowledged_s: list[float] = field(default_factory=list)
    acknowledged: int = 0  # with those whose time is not known
    sent_s: list[float] = field(default_factory=list)
    confirmed: Counter[str] = field(default_factory=Counter)
    cleared: Counter[str] = field(default_factory=Counter)
    send_failed: int = 0
    test_alarms: int = 0
    technical: Counter[str] = field(default_factory=Counter)
    technical_hours: dict[str, float] = field(default_factory=dict)
    charges: int = 0
    charging_hours: float = 0.0
    restarts: Counter[str] = field(default_factory=Counter)
    gaps: int = 0  # how often samples were lost
    at_least: bool = False  # a duty whose begin or end is not known: hours are no fewer

    @property
    def alarm_count(self) -> int:
        return self.alarms.total()

    def add(self, other: Figures) -> None:
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(mine, Counter):
                mine.update(value)
            elif isinstance(mine, dict):
                for key, hours in value.items():
                    mine[key] = mine.get(key, 0.0) + hours
            elif isinstance(mine, set):
                mine |= value
            elif isinstance(mine, bool):
                setattr(self, name, mine or value)
            else:
                setattr(self, name, mine + value)

    def within(self, limit_s: float) -> int:
        """Alarms acknowledged within so many s."""
        return sum(value <= limit_s for value in self.acknowledged_s)

    def as_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, dict):
                shown[name] = {key: round(count, 3) for key, count in sorted(value.items())}
            elif isinstance(value, set):
                shown["days_on_duty"] = len(value)
            elif isinstance(value, list):
                shown[name] = [round(item, 1) for item in value]
            else:
                shown[name] = round(value, 3) if isinstance(value, float) else value
        return shown


@dataclass
class _Alarm:
    """The alarm that is going on."""

    raised: Moment
    sent: bool = False
    acknowledged: bool = False


class Tally:
    """Adds a device's moments up, by period. `periods` maps a period to its Figures; `problems` what is in doubt."""

    def __init__(self, device: str, period: Callable[[int | None], str] = month_of) -> None:
        self.device = device
        self.periods: dict[str, Figures] = {}
        self.problems: list[Problem] = []
        self._period = period
        self._duty: Moment | None = None
        self._charging: Moment | None = None
        self._faults: dict[str, Moment] = {}
        self._alarm: _Alarm | None = None
        self._pre_alarm = False
        self._test = False
        self._first: Moment | None = None
        self._last: Moment | None = None
        self._duty_known = False  # whether anything has been heard of duty since the first record
        self._resuming = False  # it started anew while on duty: what begins next is the same duty
        self._unknown = 0

    def take(self, moments: Iterable[Moment]) -> Tally:
        for moment in moments:
            last = self._last
            if last is not None and moment.record.sequence > last.record.sequence + 1:
                count = moment.record.sequence - last.record.sequence - 1
                self.problems.append(Problem("missing", {"count": count, "number": last.record.sequence + 1}))
            if last is not None and moment.run != last.run:
                self._run_ends(last, moment)
            if self._first is None:
                self._first = moment
            self._take(moment)
            self._last = moment
        self._finish()
        return self

    def _at(self, moment: Moment) -> Figures:
        return self.periods.setdefault(self._period(moment.utc_s), Figures())

    def _take(self, moment: Moment) -> None:
        record, figures = moment.record, self._at(moment)
        kind = record.kind
        if kind not in _KNOWN:
            self._unknown += 1
        elif kind == journal.STARTED:
            figures.restarts[_RESETS.get(record.number, "other")] += 1
        elif kind == journal.DUTY_BEGUN:
            if self._duty is not None:
                self._end_duty(self._last or moment, False)
            elif not self._resuming:
                figures.duties += 1
            self._duty, self._duty_known, self._resuming = moment, True, False
        elif kind == journal.DUTY_ENDED:
            self._duty_ends(moment)
        elif kind == journal.TEST_PASSED:
            figures.tests_passed += 1
        elif kind == journal.DUTY_REFUSED:
            figures.tests_refused[_reason(record.text)] += 1
        elif kind == journal.TEST_FAILED:
            figures.self_tests_failed += 1
        elif kind in (journal.FAULT_BEGAN, journal.FAULT_ENDED):
            self._fault(moment, kind == journal.FAULT_BEGAN)
        elif kind == journal.CHARGING_BEGAN:
            figures.charges += 1
            self._charging = moment
        elif kind == journal.CHARGING_ENDED:
            self._end_charging(moment)
        elif kind == journal.TEST_ALARM:
            figures.test_alarms += 1
            self._test = True
        elif kind == journal.MISSED:
            self.problems.append(Problem("missed", {"count": record.number, "number": record.sequence}))
        else:
            self._take_alarm(moment, figures)

    def _take_alarm(self, moment: Moment, figures: Figures) -> None:
        record = moment.record
        kind, alarm = record.kind, self._alarm
        if kind == codes.PRE_ALARM:
            figures.pre_alarms[_cause(record.number)] += 1
            self._pre_alarm = True
        elif kind == codes.CANCELLED:
            if self._pre_alarm:
                figures.cancelled[_PARTIES.get(record.number, "other")] += 1
            self._pre_alarm = False
        elif kind == codes.ALARM:
            figures.alarms[_cause(record.number)] += 1
            self._alarm, self._pre_alarm, self._test = _Alarm(moment), False, False
        elif kind == codes.CAUSE_ADDED:
            figures.causes_added[_cause(record.number)] += 1
        elif kind == codes.SAMPLES_LOST:
            figures.gaps += 1
        elif kind == journal.SEND_FAILED:
            figures.send_failed += 1
        elif kind == journal.SENT and alarm is not None and not alarm.sent and record.text.endswith(": alarm"):
            alarm.sent = True
            self._passed(self._at(alarm.raised).sent_s, alarm.raised, moment)
        elif kind == journal.CONFIRMED and alarm is not None and not alarm.acknowledged:
            # Who it was stands in the journal by name: only what they are goes on.
            who = record.text.split(" ", 1)[0]
            self._at(alarm.raised).confirmed[who if who in ("centre", "contact") else "other"] += 1
        elif kind == codes.ACKNOWLEDGED and alarm is not None and not alarm.acknowledged:
            alarm.acknowledged = True
            raised = self._at(alarm.raised)
            raised.acknowledged += 1
            self._passed(raised.acknowledged_s, alarm.raised, moment)
        elif kind == codes.CLEARED:
            if alarm is not None:
                self._at(alarm.raised).cleared[_PARTIES.get(record.number, "other")] += 1
            self._alarm = None

    def _passed(self, times_s: list[float], since: Moment, until: Moment) -> None:
        """By ticks; over a restart by UTC, where both are known."""
        if since.run == until.run:
            times_s.append(until.t_s - since.t_s)
        elif since.record.utc_s >= 0 and until.record.utc_s >= since.record.utc_s:
            times_s.append(float(until.record.utc_s - since.record.utc_s))

    # --- what lasts ---

    def _duty_ends(self, moment: Moment) -> None:
        if self._duty is None and not self._duty_known and self._first is not None:
            self.problems.append(Problem("duty_before", {"number": moment.record.sequence}))
            self._at(self._first).duties += 1
            self._duty = self._first if self._first.run == moment.run else moment
            self._end_duty(moment, False)
        elif self._duty is None:
            self.problems.append(Problem("duty_unopened", {"number": moment.record.sequence}))
            self._at(moment).at_least = True
        else:
            self._end_duty(moment, True)
        self._duty_known = True

    def _end_duty(self, until: Moment, known: bool) -> None:
        if self._duty is None:
            return
        begun, self._duty = self._duty, None
        for from_s, length_s in self._spread(begun, until):
            figures = self.periods.setdefault(self._period(from_s), Figures())
            figures.hours_on_duty += length_s / 3600
            figures.at_least |= not known
            if from_s is not None:
                figures.days.add((self.device, day_of(from_s)))

    def _fault(self, moment: Moment, began: bool) -> None:
        name = moment.record.text if moment.record.text in _FAULTS else "other"
        if began:
            self._at(moment).technical[name] += 1
            self._faults.setdefault(name, moment)
        elif name in self._faults:
            self._end_fault(name, moment)

    def _end_fault(self, name: str, until: Moment) -> None:
        for from_s, length_s in self._spread(self._faults.pop(name), until):
            hours = self.periods.setdefault(self._period(from_s), Figures()).technical_hours
            hours[name] = hours.get(name, 0.0) + length_s / 3600

    def _end_charging(self, until: Moment) -> None:
        if self._charging is not None:
            for from_s, length_s in self._spread(self._charging, until):
                self.periods.setdefault(self._period(from_s), Figures()).charging_hours += length_s / 3600
        self._charging = None

    def _spread(self, begun: Moment, until: Moment) -> Iterator[tuple[int | None, float]]:
        """A span of one run, cut where a day begins: (UTC of the part, its length in s)."""
        length_s = max(0.0, until.t_s - begun.t_s)
        at_s = begun.utc_s
        if at_s is None:
            yield None, length_s
            return
        while True:
            part_s = min(length_s, float(DAY_S - at_s % DAY_S))
            yield at_s, part_s
            length_s -= part_s
            at_s += round(part_s)
            if length_s <= 0:
                return

    def _run_ends(self, last: Moment, following: Moment) -> None:
        """The device started anew: what lasted is counted up to the last that is known of it."""
        for name in list(self._faults):
            self._end_fault(name, last)
        self._end_charging(last)
        if self._duty is None:
            return
        self._resuming = True
        reset = following.record.kind == journal.STARTED and _RESETS.get(following.record.number)
        known = last.record.utc_s >= 0 and following.record.utc_s >= last.record.utc_s
        if reset in _SHORT_OUTAGE and known and last.utc_s is not None:
            outage_s = following.record.utc_s - last.record.utc_s
            last = last._replace(t_s=last.t_s + outage_s)
        else:
            self.problems.append(Problem("duty_cut", {"number": following.record.sequence}))
            self._end_duty(last, False)
            return
        self._end_duty(last, True)

    def _finish(self) -> None:
        last = self._last
        if last is None:
            return
        if self._duty is not None:
            self.problems.append(Problem("still_on_duty", {}))
            self._end_duty(last, False)
        for name in list(self._faults):
            self._end_fault(name, last)
        self._end_charging(last)
        if self._unknown:
            self.problems.append(Problem("unknown_kinds", {"count": self._unknown}))


def _cause(causes: int) -> str:
    """The highest of a bit set, as the rescuers are told it first."""
    return next((name for bit, name in codes.CAUSES if causes & bit), "other")


def _reason(text: str) -> str:
    """Why duty was refused, as one word that is known."""
    word = text.replace(" ", "_")
    return word if word in _REASONS else "not_ready"

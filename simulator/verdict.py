"""What must come of an alarm whatever goes wrong: it is told, it is noticed, and the device lives."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from dati import texts
from dati.events import CAUSES
from dati.journal import end_of, find, record_at
from dati.plan import Plan

from simulator.parts.clock import Entry
from simulator.simulate import Outcome, arrives

_FALLEN = ("fall", "verticality", "immobility", "technical")
_PRESSED_S = 4  # after a press: the longest hold asked for, and the time the processor may be held up
_HANG_S = 21  # the watchdog takes its time, and the device its own to start
_ROUND_S = (
    240  # two contacts by SMS and by voice, a minute each: after that an alarm has reached whoever can be reached
)
_REPEAT_S = 75  # an alarm nobody answers for is sent again: every 60 s, and the modem takes its time
_FED_S = 10


@dataclass
class Verdict:
    failures: list[str]
    alarms: int = 0  # alarms and causes added to them
    waits_s: list[float] = field(default_factory=list)  # of each, until it arrived
    acknowledged: bool = False
    repeating: bool = False
    restarts: int = 0


def judge(outcome: Outcome, falls_s: float | None) -> Verdict:
    """Judge a run that was well in the end. `falls_s`: when the worker fell for good, if they did."""
    entries = outcome.entries
    starts = _times(entries, "device", "started")
    verdict = Verdict([], restarts=len(starts) - 1)
    verdict.failures += _not_raised(entries, starts, falls_s)
    _follow_alarms(entries, outcome.scenario.end_s, verdict)
    _follow_end(outcome, verdict)
    verdict.failures += _dead(outcome, starts)
    verdict.failures += _unreadable(outcome)
    return verdict


def _of(entries: list[Entry], who: str, *whats: str) -> list[Entry]:
    return [entry for entry in entries if entry.who == who and entry.what in whats]


def _times(entries: list[Entry], who: str, what: str) -> list[float]:
    return [entry.t_ms / 1000 for entry in _of(entries, who, what)]


def _causes(entry: Entry) -> list[str]:
    return entry.text.split("+")


def _not_raised(entries: list[Entry], starts: list[float], falls_s: float | None) -> Iterator[str]:
    """What befell the worker and the device says nothing of."""
    raised = _of(entries, "device", "alarm", "cause_added")

    def heard(causes: tuple[str, ...], from_s: float, until_s: float = 1e9) -> bool:
        return any(from_s <= entry.t_ms / 1000 <= until_s and set(causes) & set(_causes(entry)) for entry in raised)

    hung = _times(entries, "fault", "watchdog")
    for entry in _of(entries, "worker", "presses"):
        pressed_s = entry.t_ms / 1000
        held_s = float(entry.text.split()[2])
        living = not any(pressed_s - 3 <= start_s <= pressed_s + held_s + 3 for start_s in starts)
        living = living and not any(hung_s <= pressed_s + held_s <= hung_s + held_s + _HANG_S for hung_s in hung)
        if living and not heard(("voluntary",), pressed_s, pressed_s + _PRESSED_S):
            yield f"lost: SOS held at {pressed_s:g} s raised no alarm"
    for entry in _of(entries, "worker", "cord"):
        if not heard(("tear_off",), entry.t_ms / 1000):
            yield f"lost: the cord pulled at {entry.t_ms / 1000:g} s raised no alarm"
    if falls_s is not None and not heard(_FALLEN, falls_s):
        yield f"lost: the worker lies there since {falls_s:g} s and there was no alarm"


def _follow_alarms(entries: list[Entry], end_s: float, verdict: Verdict) -> None:
    """Every cause that was raised is to reach somebody."""
    known: set[str] = set()
    for number, entry in enumerate(entries):
        if entry.who != "device" or entry.what not in ("alarm", "cause_added"):
            continue
        t_s = entry.t_ms / 1000
        new = [cause for cause in _causes(entry) if cause not in known]
        known.update(new)
        late = t_s > end_s - _ROUND_S
        for cause in new:
            verdict.alarms += 1
            arrived = next((later for later in entries[number:] if _tells(later, cause)), None)
            # Who answers for an alarm hears of what joins it, too; should that message be lost, the alarm is not.
            answered = entry.what == "cause_added" and any(_of(entries[number:], "device", "confirmed"))
            if arrived is None and not late and not answered:
                verdict.failures.append(f"lost: {cause} raised at {t_s:.1f} s reached nobody")
            elif arrived is not None:
                verdict.waits_s.append(arrived.t_ms / 1000 - t_s)


def _tells(entry: Entry, cause: str) -> bool:
    if not arrives(entry) or (entry.who == "centre" and not entry.data["accepted"]):
        return False
    # A voice cannot be read here: who answers hears the alarm.
    text = _bare(entry.text)
    return entry.who == "network" or _WORDS[cause] in text or " autres" in text


def _bare(text: str) -> str:
    """Without accents: the centre's frames are ASCII."""
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))


_WORDS = {name: _bare(texts.causes(Plan(), bit)) for bit, name in CAUSES}  # French, as in the plan of scenarios


def _follow_end(outcome: Outcome, verdict: Verdict) -> None:
    """In the end somebody answers for the alarm, or it is still told again and again."""
    entries = outcome.entries
    signals = _of(entries, "device", "signal")
    if not _of(entries, "device", "alarm"):
        return
    last = signals[-1].text if signals else "nothing"
    if last == "alarm":
        end_s = outcome.scenario.end_s
        sent = _of(entries, "network", "tcp_up", "sms_submitted", "call_dialled")
        verdict.repeating = any(entry.t_ms / 1000 > end_s - _REPEAT_S for entry in sent)
        if not verdict.repeating:
            verdict.failures.append("unnoticed: nobody has acknowledged the alarm, and it is not repeated")
    elif last in ("acknowledged", "pre_alarm"):
        verdict.acknowledged = last == "acknowledged"
    else:
        verdict.failures.append(f"unnoticed: there was an alarm, and in the end the device shows {last}")


def _dead(outcome: Outcome, starts: list[float]) -> Iterator[str]:
    """What shows that the device does not live in the end, or did not in between."""
    entries, end_s = outcome.entries, outcome.scenario.end_s
    if outcome.fed_s is None or outcome.fed_s < end_s - _FED_S:
        yield f"dead: the watchdog was last fed at {outcome.fed_s} s"
    duty = [entry for entry in _of(entries, "device", "duty_begun", "duty_ended") if entry.t_ms / 1000 >= starts[-1]]
    if not duty or duty[-1].what == "duty_ended":
        yield "dead: it is not on duty in the end"
    for entry in entries:
        if entry.who == "device" and (entry.text.startswith("crash:") or entry.what == "console"):
            yield f"crash at {entry.t_ms / 1000:.1f} s: {entry.text}"
    bites = [entry for entry in _of(entries, "fault", "watchdog") if entry.text]
    if len(bites) > sum(row.get("fault") == "watchdog" for row in outcome.scenario.at):
        yield f"dead: the watchdog was not fed, last at {bites[-1].t_ms / 1000:.1f} s"
    asked = [row for row in outcome.scenario.at if row.get("fault") in ("power_cut", "watchdog", "reset")]
    if len(starts) > 1 + len(asked):
        yield f"dead: started {len(starts)} times, {1 + len(asked)} at most were asked for"


def _unreadable(outcome: Outcome) -> Iterator[str]:
    """What is wrong with the journal: damage, or the order of its numbers."""
    sequences = set()
    for name, data in outcome.files.items():
        if not name.startswith("data/journal.") or name.endswith(".new"):
            continue
        at, covered, last = find(data, 0), 0, -1
        while at >= 0:
            sequence = record_at(data, at)[1]
            if sequence <= last or sequence in sequences:
                yield f"journal: {name}: number {sequence} after {last}"
            sequences.add(sequence)
            last = sequence
            covered += end_of(data, at) - at
            at = find(data, end_of(data, at))
        if covered != len(data):
            yield f"journal: {name}: {len(data) - covered} bytes belong to no record"
    if not sequences:
        yield "journal: empty"

"""Evidence on a post: how often each setting disturbs its work, and how soon it finds who needs help.

Detectors do not hear of each other until an alarm begins. So each is swept alone over the work of the post, and what
the combinations do follows without a replay of each: the pre-alarms of a combination are at most the sum of its
detectors', since a worker who cancels starts every delay anew; and who is helpless is found by the first to find
them. What is recommended is replayed with all detectors on before it is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from dati import events as codes
from numpy.typing import NDArray

from simulator.calibration_grid import (
    DETECTORS,
    FALL,
    IMMOBILITY,
    OTHER,
    VERTICALITY,
    Option,
    agree,
    options,
    reference,
    replayable,
)
from simulator.engines import Job
from simulator.replay import Options, cause_names, make_job
from simulator.scoring import JUDGED
from simulator.sweep import Sweep, Told
from simulator.trace import Recording

Array = NDArray[np.float64]

# Families of those who need help.
FALLEN = "falls"  # a fall is found by the fall detector: recordings end before the others can speak
MOTIONLESS = "motionless"
COLLAPSED = "collapsed"  # leaning or lying, and stirring: only verticality can tell
LYING_POST = "lying"

_BITS = {VERTICALITY: codes.VERTICALITY, IMMOBILITY: codes.IMMOBILITY, FALL: codes.FALL}
_HELPLESS = codes.VERTICALITY | codes.IMMOBILITY
_MOTION_INPUTS = ("zero", "lost", "guard")  # buttons are not motion
_OWN = ("rate_hz", "worn_up_axis")  # settings that a recording brings along
_FOLDS_BY_WEARER = 5
_FOLDS_BY_TIME = 4
_PIECES_PER_FOLD = 3
MISSED_DELAYS = 10  # who is not found counts as found after so many delays of immobility: when somebody comes by


@dataclass(frozen=True)
class Case:
    """Somebody who needs help from `since_ms` on. Cases of one `group` are held out together."""

    family: str
    recording: Recording
    since_ms: int
    group: str


@dataclass
class Post:
    """The work of one post, as recorded there."""

    name: str
    work: list[Recording]
    lying: bool = False

    @property
    def hours(self) -> float:
        return sum(one.duration_s for one in self.work) / 3600

    @property
    def wearers(self) -> int:
        return len({one.subject for one in self.work if one.subject})


@dataclass(frozen=True)
class Pieces:
    """How the work of a post is divided: into pieces that say how even it is, and folds that are held out."""

    by: str  # "wearer" or "time"
    hours: Array  # of each piece
    fold: NDArray[np.int64]  # of each piece
    starts: list[tuple[int, float]]  # of each recording: piece of its start, or -1, and hours before it

    @property
    def folds(self) -> int:
        return int(self.fold.max()) + 1

    def of(self, recording: int, t_ms: NDArray[np.int32]) -> NDArray[np.int64]:
        """The piece in which each time of a recording falls."""
        piece, before_h = self.starts[recording]
        if piece >= 0:
            return np.full(len(t_ms), piece)
        whole_h = self.hours.sum()
        at = (before_h + t_ms / 3_600_000) / whole_h * len(self.hours)
        return np.clip(at.astype(np.int64), 0, len(self.hours) - 1)


def divide(work: Sequence[Recording], by: str | None = None) -> Pieces:
    """By wearer where there are two or more, else by time; `by` asks for one of them."""
    hours: dict[str, float] = {}
    for one in work:
        hours[one.subject] = hours.get(one.subject, 0.0) + one.duration_s / 3600
    if by == "time" or (by is None and (len(hours) < 2 or "" in hours)):
        count = _FOLDS_BY_TIME * _PIECES_PER_FOLD
        before = np.cumsum([0.0, *(one.duration_s / 3600 for one in work)])
        fold = np.arange(count) // _PIECES_PER_FOLD
        return Pieces("time", np.full(count, before[-1] / count), fold, [(-1, float(h)) for h in before[:-1]])
    names = sorted(hours, key=lambda name: (-hours[name], name))
    loads = np.zeros(min(_FOLDS_BY_WEARER, len(names)))
    folds = []
    for name in names:
        folds.append(int(np.argmin(loads)))
        loads[folds[-1]] += hours[name]
    piece = {name: number for number, name in enumerate(names)}
    starts = [(piece[one.subject], 0.0) for one in work]
    return Pieces("wearer", np.array([hours[name] for name in names]), np.array(folds), starts)


def work_job(recording: Recording, given: Mapping[str, object]) -> Job:
    """Ordinary work as it is replayed: who is disturbed cancels."""
    inputs = tuple(put for put in recording.inputs if put.what in _MOTION_INPUTS)
    return _job(replace(recording, inputs=inputs), given, cancels=True)


def case_job(case: Case, given: Mapping[str, object]) -> Job:
    """Who is helpless cancels nothing; of who fell, what came up before the fall is cancelled."""
    return _job(replace(case.recording, inputs=()), given, cancels=case.family == FALLEN)


def _job(recording: Recording, given: Mapping[str, object], cancels: bool) -> Job:
    base = reference(given).as_dict()
    # A device's own log is at the device's own rate, whatever is asked for now.
    own = () if recording.dataset != "device" else ("rate_hz",)
    kept = {name: value for name, value in base.items() if name not in _OWN or (name in given and name not in own)}
    # What our own vibrator shakes is not judged; without it the replay need not go sample by sample.
    return replace(make_job(recording, Options(kept, cancels)), shake_mg=0)


class Help:
    """Cases, and how soon each option finds them: swept once, however many posts ask."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = list(cases)
        self._swept: dict[str, Array] = {}

    def first_s(self, name: str, tried: Sequence[Option], given: Mapping[str, object], sweep: Sweep) -> Array:
        """Seconds until the detector, alone, announces each case: (options, cases), infinite where it does not."""
        base = reference(given).as_dict()
        key = repr((name, tried, sorted(base.items())))
        if key not in self._swept:
            first_s = np.full((len(tried), len(self.cases)), np.inf)
            ours = [at for at, case in enumerate(self.cases) if (case.family == FALLEN) == (name == FALL)]
            jobs = [case_job(self.cases[at], given) for at in ours]
            told = sweep.run(jobs, [_change({**base, **one}, name) for one in tried])
            for at, one in zip(ours, told, strict=True):
                first_s[:, at] = [_first_s(some, self.cases[at].since_ms, _BITS[name]) for some in one]
            self._swept[key] = first_s
        return self._swept[key]


@dataclass
class Counted:
    """What one combination did, replayed with all detectors on."""

    settings: dict[str, object]
    false: NDArray[np.int64]  # by piece
    by_cause: dict[str, int]
    first_s: Array  # of each case until it was announced; infinite where it was not


@dataclass
class Evidence:
    """All that was found on one post. Indices of options are by detector, as in `options`."""

    post: Post
    given: dict[str, object]
    cases: list[Case]
    pieces: Pieces
    options: dict[str, list[Option]]
    false: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # (options, pieces)
    first_s: dict[str, Array] = field(default_factory=dict)  # (options, cases), infinite where not found
    work_jobs: list[Job] = field(default_factory=list)
    case_jobs: list[Job] = field(default_factory=list)

    @cached_property
    def family(self) -> NDArray[np.str_]:
        return np.array([case.family for case in self.cases], dtype=str)

    @cached_property
    def case_fold(self) -> NDArray[np.int64]:
        groups = sorted({(case.family, case.group) for case in self.cases})
        number = {group: at % self.pieces.folds for at, group in enumerate(groups)}
        return np.array([number[case.family, case.group] for case in self.cases], np.int64)

    @property
    def missed_s(self) -> float:
        return MISSED_DELAYS * reference(self.given).immobility_delay_ms / 1000

    @cached_property
    def agree(self) -> NDArray[np.bool_]:
        """Whether options of verticality (rows) and immobility can be set at once."""
        rows = [[agree(one, other) for other in self.options[IMMOBILITY]] for one in self.options[VERTICALITY]]
        return np.array(rows, bool)

    @property
    def combinations(self) -> int:
        return int(self.agree.sum()) * len(self.options[FALL])

    def settings(self, index: Sequence[int]) -> dict[str, object]:
        """The settings of a combination (verticality, immobility, fall), all of them."""
        chosen: dict[str, object] = dict(reference(self.given).as_dict())
        for name, at in zip((VERTICALITY, IMMOBILITY, FALL), index, strict=True):
            chosen.update(self.options[name][at])
        return chosen


def gather(post: Post, given: Mapping[str, object], help_: Help, sweep: Sweep, hold_out: str | None = None) -> Evidence:
    """Sweep every detector over the work of a post and over those who need help."""
    ours = [at for at, case in enumerate(help_.cases) if not (post.lying and case.family == COLLAPSED)]
    kept = [help_.cases[at] for at in ours]
    found = Evidence(post, dict(given), kept, divide(post.work, hold_out), options(given, post.lying))
    base = reference(given).as_dict()
    found.work_jobs = [work_job(one, given) for one in post.work]
    found.case_jobs = [case_job(one, given) for one in kept]
    for name in DETECTORS:
        tried = found.options[name]
        if name != OTHER:
            found.first_s[name] = help_.first_s(name, tried, given, sweep)[:, ours]
        elif not base["flight_enabled"]:
            found.false[name] = np.zeros((1, len(found.pieces.hours)), np.int64)
            continue
        told = sweep.run(found.work_jobs, [_change({**base, **one}, name) for one in tried])
        by_option = [[one[at] for one in told] for at in range(len(tried))]
        found.false[name] = np.array([_by_piece(found, one) for one in by_option], np.int64)
    return found


def count(found: Evidence, many: Sequence[Mapping[str, object]], sweep: Sweep) -> list[Counted]:
    """Replay combinations, full settings each, with all their detectors on."""
    changes = [_change(one) for one in many]
    work = sweep.run(found.work_jobs, changes)
    helped = sweep.run(found.case_jobs, changes)
    counted = []
    for at, settings in enumerate(many):
        told = [one[at] for one in work]
        causes = np.concatenate([one[one[:, 0] == codes.PRE_ALARM, 2] for one in told]) if told else np.zeros(0)
        names = [name for bits in causes for name in cause_names(int(bits))]
        first_s = [
            _first_s(one[at], case.since_ms, codes.FALL if case.family == FALLEN else _HELPLESS)
            for one, case in zip(helped, found.cases, strict=True)
        ]
        by_cause = {name: names.count(name) for name in JUDGED if name in names}
        counted.append(Counted(dict(settings), _by_piece(found, told), by_cause, np.array(first_s)))
    return counted


def _change(settings: Mapping[str, object], alone: str | None = None) -> dict[str, object]:
    return {name: value for name, value in replayable(settings, alone).items() if name not in _OWN}


def _by_piece(found: Evidence, told: Sequence[Told]) -> NDArray[np.int64]:
    """Pre-alarms in each piece of the work; `told` by recording."""
    counts = np.zeros(len(found.pieces.hours), np.int64)
    for recording, one in enumerate(told):
        np.add.at(counts, found.pieces.of(recording, one[one[:, 0] == codes.PRE_ALARM, 1]), 1)
    return counts


def _first_s(told: Told, since_ms: int, bits: int) -> float:
    """Seconds until one of the causes in `bits` is announced; infinite where it is not."""
    after = told[(told[:, 1] >= since_ms) & ((told[:, 2] & bits) != 0), 1]
    return float(after[0] - since_ms) / 1000 if len(after) else float("inf")

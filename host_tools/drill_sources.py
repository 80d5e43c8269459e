"""Where a drill sees what happens: virtual workers on the virtual board, recordings replayed, the officer's own eyes.

A `Source` is asked to let one step be done and gives back what was seen. A device on a cable is one more of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from dati import events as codes
from dati.settings import Settings

from datasets import scenarios
from datasets import sources as known
from datasets.scenarios import Motion
from datasets.synthetic import Wearer
from simulator import scenario as scenario_files
from simulator import simulate
from simulator.drill import DISTRESS, FAMILIARISATION, Plan, Step, Worker
from simulator.drill_judge import Act, Worn
from simulator.engines import Engine
from simulator.errors import UserError
from simulator.parts.clock import Entry
from simulator.parts.gnss import Sky
from simulator.replay import Options, Outcome, event_detail, replay
from simulator.trace import Recording
from simulator.world import PLACE

BEGIN_S = 60  # of ordinary work before a distress: the modem registers, the receiver finds its place
_AFTER_S = 90  # once all times are over: what was sent may still arrive, and a place of now follow
_PIECE_MIN = 10  # a virtual worker's shift is made of recordings so long: memory stays flat
_PLACE = re.compile(r"(-?\d{1,3}\.\d{4,7}), ?(-?\d{1,3}\.\d{4,7})")
_ACCURACY = re.compile(r"(?:\b[àa] |\+-)(\d+) m\b")
_AGE = re.compile(r"(?:il y a (\d+) (s|min|h)|(\d+) (s|min|h) ago)")
_UNIT_S = {"s": 1, "min": 60, "h": 3600}
# What a virtual worker does for each distress, after some ordinary work; `s` is longer than all times together.
_DEEDS = {
    "fall": ("trip_fall", "unconscious {s:g}"),
    "still": ("unconscious {s:g}",),
    "tilt": ("lie_down", "lie {s:g}"),
}
_SEATED = "sit"


class Mark(NamedTuple):
    """Something noted into a recording: `t_s` since its begin."""

    recording: str
    t_s: float
    what: str


@dataclass
class Seen:
    """What came of a step, and the marks that say where in which recording."""

    what: Worn | Act
    marks: list[Mark]


class Source(Protocol):
    """Lets a step of one worker be done. `ask` puts a question to the officer; a virtual worker asks none."""

    words: str  # what it is

    def perform(self, step: Step) -> Seen: ...


Ask = Callable[[Step, str, Any], Any]


def source_of(worker: Worker, plan: Plan, engine: Engine, ask: Ask) -> Source:
    """By what the plan says of the worker."""
    if worker.motion:
        return Virtual(plan, engine)
    if worker.recordings or worker.acts:
        return Recorded(plan, engine, ask)
    return ByHand(ask)


# --- a virtual worker ---


def shift(worker: Worker, hours: float) -> Iterator[Recording]:
    """Ordinary work of a virtual worker, in recordings of some minutes: what `dati calibrate` takes, too."""
    left_s, number = hours * 3600, 0
    while left_s > 0:
        wearer = Wearer(1000 * worker.seed + number)
        # Whole rounds: what is cut at a recording's end would be cut in the same movement each time.
        while wearer.t_ms < 60_000 * _PIECE_MIN:
            for piece in worker.motion:
                _do(worker, wearer, piece)
        words = f"{worker.post}: {worker.task}".strip(": ")
        name = f"{worker.device}-{number:03d}"
        made = wearer.recording(name, rate_hz=50, dataset="drill", kind="work", words=words)
        yield replace(made, subject=worker.device, activity=worker.post, placement="waist", up=(0, 1000, 0))
        left_s -= made.duration_s
        number += 1


def _do(worker: Worker, wearer: Wearer, piece: str) -> None:
    name, *numbers = piece.split()
    where = f"worker {worker.device}: motion: {piece!r}"
    if name not in scenarios.PIECES:
        raise UserError(f"{where}: unknown; permitted: {', '.join(scenarios.PIECES)}")
    try:
        getattr(wearer, name)(*(_argument(word) for word in numbers))
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {error}") from None


def _argument(word: str) -> float | str:
    return float(word) if re.fullmatch(r"-?[0-9.]+", word) else word


class Virtual:
    """Work made by the synthetic wearer and replayed; distress on the virtual board, with modem, network and centre."""

    words = "virtual"

    def __init__(self, plan: Plan, engine: Engine) -> None:
        self._plan = plan
        self._engine = engine

    def perform(self, step: Step) -> Seen:
        worker = step.worker
        if step.exercise.do == FAMILIARISATION:
            own = known.open_sources(list(worker.recordings), worker.select) if worker.recordings else None
            return _worn(own or shift(worker, step.exercise.hours), self._engine, worker.settings)
        if step.exercise.do in step.worker.acts:
            recording = act_recording(step.worker.acts[step.exercise.do])
            motion, done_s = recorded(recording, step.worker.seed)
            return on_board(self._plan, step, motion, done_s, recording.id)
        motion, done_s = distress(step)
        return on_board(self._plan, step, motion, done_s, step.worker.device)


def distress(step: Step) -> tuple[Motion, float]:
    """A virtual worker's motion up to and through a distress, and when that begins, in s."""
    worker, do = step.worker, step.exercise.do
    wearer = Wearer(1000 * worker.seed + 500)
    begins: list[tuple[float, str]] = []

    def go(piece: str) -> None:
        begins.append((wearer.t_ms / 1000, piece))
        _do(worker, wearer, piece)

    at = 0
    while wearer.t_ms < BEGIN_S * 1000:
        go(worker.motion[at % len(worker.motion)])
        at += 1
    deed = [text.format(s=_longest_s(step) + 60) for text in _DEEDS.get(do, ())]
    if do in ("fall", "tilt") and _SEATED in worker.motion:
        go("get_up")
        go("stand 4")
    done_s = wearer.t_ms / 1000
    for piece in deed:
        go(piece)
    return Motion(wearer.truth_mg(), 400.0, not deed, tuple(begins)), done_s


def _longest_s(step: Step) -> float:
    """By when its alarm must be there, by the worker's own settings."""
    settings = Settings(dict(step.worker.settings))
    return sum(getattr(settings, name) for name in DISTRESS[step.exercise.do][1]) / 1000


def recorded(recording: Recording, seed: int) -> tuple[Motion, float]:
    """A recorded distress after a minute of synthetic standing work, as the device on its board would feel it."""
    wearer = Wearer(seed).work_standing(BEGIN_S)
    before = wearer.truth_mg()
    count = round(len(recording.samples) / recording.rate_hz * 400)
    at = np.arange(count) * recording.rate_hz / 400
    own = np.arange(len(recording.samples))
    turned = recording.samples @ _upright(recording).T
    after = np.stack([np.interp(at, own, turned[:, axis]) for axis in range(3)], axis=1)
    onset_s = BEGIN_S + (recording.onset_ms or 0) / 1000
    pieces = ((0.0, f"work_standing {BEGIN_S}"), (float(BEGIN_S), recording.id))
    return Motion(np.concatenate([before, after]), 400.0, False, pieces), onset_s


def _upright(recording: Recording) -> np.ndarray:
    """The rotation that takes the recording's vertical to +Y, where the virtual board has it."""
    first = recording.samples[: round(recording.rate_hz)].mean(axis=0)
    up = np.array(recording.up if recording.up is not None else first, float)
    up /= np.linalg.norm(up) or 1.0
    goal = np.array([0.0, 1.0, 0.0])
    axis, cosine = np.cross(up, goal), float(up @ goal)
    if cosine < -0.9999:
        return np.diag([1.0, -1.0, -1.0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turned: np.ndarray = np.eye(3) + cross + cross @ cross / (1 + cosine)
    return turned


def on_board(plan: Plan, step: Step, motion: Motion, done_s: float, recording: str) -> Seen:
    """Let a distress happen to the virtual board, and read from the timeline what became of it."""
    worker, do = step.worker, step.exercise.do
    settings = Settings(dict(worker.settings))
    world = {key: value for key, value in plan.world.items() if key != "plan"}
    given = dict(worker.settings)
    at: list[dict[str, Any]] = list(world.pop("at", []))
    if do in ("sos", "rescue"):
        at.append({"s": done_s, "press": "sos", "for_s": settings.sos_hold_ms / 1000 + 1})
    elif do == "cord":
        at.append({"s": done_s, "cord": "pull"})
    if do == "rescue":
        # A receipt rescues nobody: a person must answer.
        given["centre_ack_suffices"] = False
        if not world.get("contacts"):
            world["centre"] = {"operators": [[25, "4821 1 ACK"]]} | world.get("centre", {})
    own_plan = {"device": worker.device, "worker": worker.name or worker.device, "language": plan.language}
    until_s = done_s + _longest_s(step) + (180 if do == "rescue" else _AFTER_S)
    values = {
        "title": f"{plan.title}: {step.key}",
        "minutes": math.ceil(until_s / 6) / 10,
        "settings": given,
        "seed": worker.seed,
        "plan": own_plan | plan.world.get("plan", {}),
        "at": at,
        "must": [],
        **world,
    }
    outcome = simulate.run(scenario_files.check(step.key.replace("/", "-"), values), motion)
    act = seen(outcome.entries, done_s, world.get("sky", {}), DISTRESS[do][0])
    name = f"{recording}/{do}"
    marks = [Mark(name, round(done_s, 3), f"{do} begins"), Mark(name, round(until_s, 3), f"{do} ends")]
    return Seen(act, marks)


def seen(entries: list[Entry], done_s: float, sky: Mapping[str, Any], expected: tuple[str, ...]) -> Act:
    """What a timeline tells of the distress that begins at `done_s`. An alarm of the expected cause goes before."""
    after = [entry for entry in entries if entry.t_ms >= done_s * 1000]

    def since(entry: Entry | None) -> float | None:
        return None if entry is None else entry.t_ms / 1000 - done_s

    def first(test: Callable[[Entry], bool], from_ms: float = 0) -> Entry | None:
        return next((entry for entry in after if entry.t_ms >= from_ms and test(entry)), None)

    def device(*whats: str) -> Callable[[Entry], bool]:
        return lambda entry: entry.who == "device" and entry.what in whats

    act = Act(noticed_s=since(first(device("pre_alarm", "alarm"))))
    alarm = first(device("alarm"))
    if alarm is None:
        return act
    causes = [cause for entry in after if device("alarm", "cause_added")(entry) for cause in entry.text.split("+")]
    act.causes = tuple(dict.fromkeys(causes))
    act.alarm_s = since(alarm)
    if not set(alarm.text.split("+")) & set(expected):
        # Another detector came first: what counts is when this one spoke.
        own = first(lambda entry: device("cause_added")(entry) and bool(set(entry.text.split("+")) & set(expected)))
        act.alarm_s = act.alarm_s if own is None else since(own)
    act.sent_s = since(first(lambda e: device("sent")(e) and e.text.endswith(": alarm"), alarm.t_ms))
    arrived = first(simulate.arrives, alarm.t_ms)
    act.arrived_s = since(arrived)
    if arrived is not None:
        act.received_by = "centre" if arrived.who == "centre" else arrived.text.partition(":")[0]
    answer = first(device("acknowledged"), alarm.t_ms)
    act.acknowledged_s = since(answer)
    confirmed = first(device("confirmed", "command_accepted"), alarm.t_ms)
    if answer is not None and confirmed is not None:
        act.acknowledged_by = _who(confirmed)
    _place(act, [entry for entry in after if entry.t_ms >= alarm.t_ms and simulate.arrives(entry)], sky, done_s)
    return act


def _who(entry: Entry) -> str:
    if entry.what == "command_accepted":
        return entry.text.rpartition(" from ")[2]
    kind, _, name = entry.text.partition(" ")
    return kind if kind == "centre" else name


def _place(act: Act, told: list[Entry], sky: Mapping[str, Any], done_s: float) -> None:
    """Age, accuracy and true error of the first place that arrived; when one of now did."""
    path = Sky(tuple(tuple(point) for point in sky.get("path", [(0, *PLACE)])), ((0, "open"),))
    for entry in told:
        where, age, accuracy = _PLACE.search(entry.text), _AGE.search(entry.text), _ACCURACY.search(entry.text)
        if where is None:
            continue
        age_s = None if age is None else int(age[1] or age[3]) * _UNIT_S[age[2] or age[4]]
        if act.location_age_s is None and age_s is not None:
            act.location_age_s = float(age_s)
            act.location_accuracy_m = None if accuracy is None else float(accuracy[1])
            true = path.place(entry.t_ms / 1000)
            act.location_error_m = _metres(true, (float(where[1]), float(where[2])))
        if age_s is not None and age_s <= 10:
            act.located_s = entry.t_ms / 1000 - done_s
            return


def _metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    north = (other[0] - one[0]) * 111_195
    east = (other[1] - one[1]) * 111_195 * math.cos(math.radians(one[0]))
    return math.hypot(north, east)


# --- recordings ---


def _worn(recordings: Iterator[Recording], engine: Engine, settings: Mapping[str, object]) -> Seen:
    """What a task that was worn would have raised with these settings; a worker cancels what the log does not."""
    worn, marks, begun_s = Worn(0.0, []), [], 0.0
    for recording in recordings:
        own = recording.dataset == "device"
        for outcome in replay([recording], engine, Options(settings=dict(settings), worker_cancels=not own)):
            _add(worn, outcome, begun_s)
        marks.append(Mark(recording.id, 0.0, f"{FAMILIARISATION} begins"))
        marks.append(Mark(recording.id, round(recording.duration_s, 3), f"{FAMILIARISATION} ends"))
        begun_s += recording.duration_s
    worn.hours = begun_s / 3600
    return Seen(worn, marks)


def _add(worn: Worn, outcome: Outcome, begun_s: float) -> None:
    raised_before = False
    for event in outcome.events:
        if event.code == codes.PRE_ALARM:
            worn.pre_alarms.append((begun_s + event.t_ms / 1000, event_detail(event)))
            raised_before = True
        elif event.code == codes.CANCELLED:
            worn.cancelled += raised_before
            raised_before = False
        elif event.code == codes.ALARM:
            worn.alarms += 1
            raised_before = False


class Recorded:
    """Recordings of real work, replayed; recorded distress, where the plan names it, on the virtual board."""

    words = "recordings"

    def __init__(self, plan: Plan, engine: Engine, ask: Ask) -> None:
        self._plan = plan
        self._engine = engine
        self._by_hand = ByHand(ask)

    def perform(self, step: Step) -> Seen:
        worker, do = step.worker, step.exercise.do
        if do == FAMILIARISATION and worker.recordings:
            return _worn(known.open_sources(list(worker.recordings), worker.select), self._engine, worker.settings)
        if do not in worker.acts:
            return self._by_hand.perform(step)
        recording = act_recording(worker.acts[do])
        if recording.dataset == "device":
            return self._own_log(step, recording)
        motion, done_s = recorded(recording, worker.seed)
        return on_board(self._plan, step, motion, done_s, recording.id)

    def _own_log(self, step: Step, recording: Recording) -> Seen:
        """What the device decided stands in its log; who received it, the officer tells."""
        outcome = next(iter(replay([recording], self._engine, Options(settings=dict(step.worker.settings)))))
        done_s = (recording.onset_ms or 0) / 1000
        noted = [event for event in outcome.events if event.t_ms >= done_s * 1000]
        notice = next((e for e in noted if e.code in (codes.PRE_ALARM, codes.ALARM)), None)
        alarm = next((event for event in noted if event.code == codes.ALARM), None)
        act = Act(None if notice is None else notice.t_ms / 1000 - done_s)
        if alarm is not None:
            act.alarm_s = alarm.t_ms / 1000 - done_s
            act.causes = tuple(event_detail(alarm).split("+"))
            self._by_hand.arrival(step, act)
        name = recording.id
        return Seen(act, [Mark(name, done_s, f"{step.exercise.do} begins"), Mark(name, recording.duration_s, "ends")])


def act_recording(text: str) -> Recording:
    """The first recording of "FILE" or "FILE key=pattern ..."."""
    name, _, select = text.partition(" ")
    return next(iter(known.open_sources([name], select)))


# --- by hand ---


class ByHand:
    """The officer watches and tells: the device is neither virtual nor recorded."""

    words = "by hand"

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def perform(self, step: Step) -> Seen:
        if step.exercise.do == FAMILIARISATION:
            hours = float(self._ask(step, "hours", step.exercise.hours))
            count = int(self._ask(step, "false_pre_alarms", 0))
            cancelled = int(self._ask(step, "cancelled", count))
            # When each was is not known: they are spread.
            times = [((number + 0.5) * hours * 3600 / count, "other") for number in range(count)]
            return Seen(Worn(hours, times, cancelled, max(0, count - cancelled)), [])
        act = Act()
        noticed = self._ask(step, "noticed_s", "")
        if noticed not in ("", None):
            act.noticed_s = float(noticed)
            alarm = self._ask(step, "alarm_s", "")
            if alarm not in ("", None):
                act.alarm_s = float(alarm)
                act.causes = DISTRESS[step.exercise.do][0]
                self.arrival(step, act)
        return Seen(act, [])

    def arrival(self, step: Step, act: Act) -> None:
        """Who received it, when, and how well it was located: only the receiving side knows."""
        arrived = self._ask(step, "arrived_s", "")
        if arrived in ("", None):
            return
        act.arrived_s = float(arrived)
        act.received_by = str(self._ask(step, "received_by", "centre"))
        for name in ("acknowledged_s", "location_age_s", "location_error_m"):
            value = self._ask(step, name, "")
            setattr(act, name, None if value in ("", None) else float(value))

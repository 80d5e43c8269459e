"""Runs a scenario on a runtime: what was seen, whether it was what the scenario demands, and how long alarms took."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from dati import journal
from dati.events import CAUSES, PARTIES, REQUESTS
from dati.journal import RESETS

from simulator import energy
from simulator.firmware import RUNTIMES, MicroPythonRuntime, Runtime
from simulator.parts.clock import Entry
from simulator.scenario import Expectation, Scenario
from simulator.shaken import Truth
from simulator.world import World

_ARGUMENT = {row[1]: row[2] for row in journal.KINDS}
_NUMBERED = {"by": dict(PARTIES), "request": dict(REQUESTS), "reset": dict(RESETS)}


@dataclass(frozen=True)
class Durations:
    """Of one alarm, in s; None where it never came to that. The terms are those of handbooks to DIN VDE V 0825-11.

    trigger: from the condition to the first message handed to the network, pre-alarm included. transmission: from
    there to its arrival. reaction: from what the worker perceives first to the arrival.
    """

    at_s: float
    causes: str
    trigger_s: float | None
    pre_alarm_s: float
    transmission_s: float | None
    reaction_s: float | None


@dataclass
class Outcome:
    scenario: Scenario
    runtime: str
    entries: list[Entry]
    failures: list[str]
    durations: list[Durations]
    energy: energy.Report
    buzzer: list[tuple[float, float]]  # when it sounded, s
    vibrator: list[tuple[float, float]]
    heap_peak: int = 0
    console: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)  # what lies on the device's flash in the end
    fed_s: float | None = None  # when its watchdog was last fed, since the last start; None: never

    @property
    def passed(self) -> bool:
        return not self.failures

    def lines(self) -> list[str]:
        """The timeline as text, the same for the same events: what two runtimes are compared by."""
        return [line(entry) for entry in self.entries]


def line(entry: Entry) -> str:
    return f"{entry.t_ms / 1000:10.3f}  {entry.who:<8} {entry.what:<18} {entry.text}".rstrip()


def run(
    scenario: Scenario,
    truth: Truth,
    runtime: str = "cpython",
    folder: Path = Path(),
    heap: str = "",
    start_ticks_ms: int = 0,
) -> Outcome:
    """Run `scenario`; the firmware's ticks count from `start_ticks_ms` at each of its starts.

    UserError when the runtime or a peer is not there, or the scenario names what is not.
    """
    world = World(scenario, truth, folder)
    world.board.start_ticks_ms = start_ticks_ms
    console: list[str] = []

    def on_line(text: str) -> None:
        console.append(text)
        what, detail = _event(text)
        world.timeline.note("device", what, detail)

    firmware: Runtime
    if runtime == "micropython":
        firmware = MicroPythonRuntime(world.board, on_line, heap)
    else:
        firmware = RUNTIMES[runtime](world.board, on_line)
    firmware.run()
    entries = world.timeline.entries
    failures = [text for want in scenario.must if (text := _missing(want, entries, scenario.end_s))]
    failures += [text for want in scenario.never if (text := _unwanted(want, entries))]
    return Outcome(
        scenario,
        runtime,
        entries,
        failures,
        durations(entries),
        world.ledger.report(),
        world.buzzer.all(),
        world.vibrator.all(),
        world.board.heap_peak,
        console,
        {name: bytes(data) for name, data in world.flash.files.items()},
        None if world.board.fed_us is None else world.board.fed_us / 1e6,
    )


def _event(text: str) -> tuple[str, str]:
    """A line of the console, `TICKS WHAT DETAIL`, with numbers put into words."""
    words = text.split(" ", 2)
    if len(words) < 2 or not words[0].isdigit():
        return "console", text
    what, detail = words[1], words[2] if len(words) > 2 else ""
    kind = _ARGUMENT.get(what, "")
    if not re.fullmatch(r"-?\d+", detail):
        return what, detail
    number = int(detail)
    if kind in ("cause", "causes"):
        return what, "+".join(name for bit, name in CAUSES if number & bit) or "none"
    if kind in _NUMBERED:
        return what, _NUMBERED[kind].get(number, detail)
    return what, "" if kind in ("none", "zeroing") else detail


def _matching(want: Expectation, entries: list[Entry]) -> list[Entry]:
    return [
        entry
        for entry in entries
        if entry.who == want.who
        and re.fullmatch(want.what, entry.what)
        and re.search(want.text, entry.text)
        and want.after_s * 1000 <= entry.t_ms
        and (want.by_s is None or entry.t_ms <= want.by_s * 1000)
    ]


def _missing(want: Expectation, entries: list[Entry], end_s: float) -> str:
    found = _matching(want, entries)
    if want.every_s is not None:
        by_s = end_s if want.by_s is None else want.by_s
        times_s = [want.after_s, *(entry.t_ms / 1000 for entry in found), by_s]
        longest_s, from_s = max((later - earlier, earlier) for earlier, later in pairwise(times_s))
        if longest_s > want.every_s:
            return f"must: {want.words()}: not seen for {longest_s:.1f} s from {from_s:.1f} s on"
    if len(found) >= want.least and (want.most is None or len(found) <= want.most):
        return ""
    seen = ", ".join(f"{entry.t_ms / 1000:.1f} s" for entry in found[:5]) or "never"
    return f"must: {want.words()}: seen {seen}"


def _unwanted(want: Expectation, entries: list[Entry]) -> str:
    found = _matching(want, entries)
    return f"never: {want.words()}: seen at {found[0].t_ms / 1000:.1f} s: {found[0].text}" if found else ""


_SENT = ("tcp_up", "sms_submitted", "call_dialled")


def _is_sent(entry: Entry) -> bool:
    """An alarm's message is handed to the network; a link test is none."""
    if entry.who == "device":
        return entry.what == "sent" and entry.text.endswith(": alarm")
    data = entry.data.get("data", b"")
    return entry.who == "network" and entry.what in _SENT and not (isinstance(data, bytes) and b'NULL"' in data)


def arrives(entry: Entry) -> bool:
    """An alarm reaches the centre or a person; a voicemail is none."""
    if entry.who == "network":
        return entry.what == "call_answered" and bool(entry.data["outgoing"]) and "voicemail" not in entry.text
    if entry.who == "centre":
        # A technical alarm comes as trouble; what sets it apart from a fault is its text.
        return entry.what in ("alarm", "trouble") and "ALARM" in entry.text
    return (entry.who, entry.what) == ("contact", "sms_received")


def durations(entries: list[Entry]) -> list[Durations]:
    """Of each alarm that the device raised."""
    found = []
    for number, entry in enumerate(entries):
        if entry.who != "device" or entry.what != "alarm":
            continue
        before, after = entries[:number], entries[number:]
        began = _last(before, "pre_alarm")
        others = [_last(before, what) for what in ("cancelled", "cleared", "alarm")]
        if began is not None and any(other is not None and other.t_ms > began.t_ms for other in others):
            began = None
        perceived_ms = entry.t_ms if began is None else began.t_ms
        # The condition: the last thing the worker did, or that was done, before the device noticed.
        did = [past for past in before if past.who == "worker" and past.t_ms <= perceived_ms]
        sent = next((later for later in after if _is_sent(later)), None)
        arrived = next((later for later in after if arrives(later)), None)
        found.append(
            Durations(
                entry.t_ms / 1000,
                entry.text,
                None if sent is None or not did else (sent.t_ms - did[-1].t_ms) / 1000,
                (entry.t_ms - perceived_ms) / 1000,
                None if sent is None or arrived is None else max(0, arrived.t_ms - sent.t_ms) / 1000,
                None if arrived is None else (arrived.t_ms - perceived_ms) / 1000,
            )
        )
    return found


def _last(entries: list[Entry], what: str) -> Entry | None:
    return next((entry for entry in reversed(entries) if (entry.who, entry.what) == ("device", what)), None)

"""Chaos: an alarm in ten minutes in which everything else goes wrong at random, and is well again for the last four.

A schedule is drawn from a seed and is an ordinary scenario; `simulator/verdict.py` says what must have come of it all
the same. `python -m simulator.chaos --count N --seed S`; `--only SEED` runs one and shows its timeline.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any

import numpy as np

from simulator.scenario import Scenario, check
from simulator.simulate import Outcome, line, run
from simulator.verdict import Verdict, judge

END_S = 600
WELL_S = 380  # from here on nothing goes wrong any more
RATE_HZ = 100
BOARDS = ("t_a7670e", "t_a7670x_s3", "t_sim7600e")
NUMBERS = ("+33639980001", "+33639980002")  # of the plan's contacts
STRANGER = "+33639980077"
CONFIRMS = r"Répondez (\d{4})"

# What may go wrong for a while: the action, and what ends it. Each is as likely as it has rows.
_LASTING: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"signal_dbm": False}, {"signal_dbm": -85}),
    ({"signal_dbm": False}, {"signal_dbm": -107}),
    ({"registration": "searching"}, {"registration": "home"}),
    ({"registration": "denied"}, {"registration": "home"}),
    ({"registration": "sms_only"}, {"registration": "roaming"}),
    ({"smsc": "lose"}, {"smsc": "deliver"}),
    ({"smsc": "refuse"}, {"smsc": "deliver"}),
    ({"centre": "nak"}, {"centre": "ack"}),
    ({"centre": "duh"}, {"centre": "ack"}),
    ({"centre": "silence"}, {"centre": "ack"}),
    ({"centre": "refuse"}, {"centre": "ack"}),
    ({"centre": "close"}, {"centre": "ack"}),
    ({"centre": "bad_crc"}, {"centre": "ack"}),
    ({"fault": "bus_hung"}, {"fault": "sensor_back"}),
    ({"fault": "sensor_absent"}, {"fault": "sensor_back"}),
    ({"fault": "stuck_axis"}, {"fault": "sensor_back"}),
    ({"fault": "dead_output"}, {"fault": "sensor_back"}),
    ({"fault": "modem_mute"}, {"fault": "modem_back"}),
    ({"fault": "modem_mute"}, {"fault": "modem_back"}),
    ({"fault": "gnss_dead"}, {"fault": "gnss_back"}),
    ({"battery_percent": 6}, {"battery_percent": 70}),
    ({"fault": "flash_failing"}, {"fault": "flash_back"}),
    ({"fault": "flash_full"}, {"fault": "flash_back"}),
)
# What happens at once and is over.
_SUDDEN: tuple[dict[str, Any], ...] = (
    {"centre": "restart"},
    {"fault": "bus_stuck"},
    {"fault": "sensor_restart"},
    {"fault": "garbage"},
    {"fault": "garbage"},
    {"fault": "modem_restart"},
    {"fault": "modem_restart"},
    {"fault": "modem_hung"},
    {"fault": "modem_hung"},
    {"fault": "slow_bus"},
    {"call": True, "from": STRANGER},
    {"sms": "4821 9 ACK", "from": STRANGER},
    {"sms": "bonjour, tout va bien ?", "from": NUMBERS[0]},
)
RESTARTS = ("power_cut", "watchdog", "reset")
_FLASH = ("flash_failing", "flash_full")


@dataclass(frozen=True)
class Motion:
    """A worker who works on their feet, and from `falls_s` on, if that is not None, lies there. True mg."""

    falls_s: float | None
    seed: int
    rate_hz: float = RATE_HZ
    repeat: bool = False
    pieces: list[tuple[float, str]] = field(default_factory=list)

    @cached_property
    def samples(self) -> np.ndarray:
        random = np.random.default_rng(self.seed)
        t_s = np.arange(END_S * RATE_HZ) / RATE_HZ
        mg = np.array((0, 1000, 0)) + random.normal(0, 40, (len(t_s), 3))
        mg[:, 1] += 250 * np.sin(2 * np.pi * 1.8 * t_s)
        if self.falls_s is not None:
            down = t_s >= self.falls_s
            mg[down] = np.array((0, 0, 1000)) + random.normal(0, 3, (int(down.sum()), 3))
            mg[(t_s >= self.falls_s) & (t_s < self.falls_s + 0.06)] = (900, 1800, 2600)
        return mg


@dataclass(frozen=True)
class Schedule:
    """What one seed has drawn."""

    seed: int
    scenario: Scenario
    motion: Motion

    def toml(self) -> str:
        """As a scenario's file would have it, for people and for a scenario made from it."""
        values = dict(self.scenario.values)
        rows = values.pop("at")
        falls_s = self.motion.falls_s
        head = "# the worker " + ("works on" if falls_s is None else f"falls at {falls_s:g} s and lies there")
        lines = [head, *(f"{key} = {_toml(value)}" for key, value in values.items())]
        for row in rows:
            lines += ["", "[[at]]", *(f"{key} = {_toml(value)}" for key, value in row.items())]
        return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def schedule(seed: int) -> Schedule:
    """The schedule of a seed: always the same one."""
    random = Random(seed)
    at: list[dict[str, Any]] = []
    falls_s = _worker(random, at)
    plan, ways = _plan(random)
    suffices = "centre" in ways and random.random() < 0.6
    if not suffices and not ways - {"centre"}:
        suffices = True
    _troubles(random, at)
    contacts = _contacts(random, at, ways)
    if "centre" not in ways:
        at[:] = [row for row in at if row.get("centre") != "ack"]
        at.append(
            {"s": round(random.uniform(0, 60), 1), "centre": random.choice(("silence", "refuse", "nak", "close"))}
        )
    values = {
        "title": f"chaos {seed}",
        "minutes": END_S / 60,
        "seed": seed,
        "board": random.choice(BOARDS),
        "settings": {"profile": random.choice(("default", "critical")), "centre_ack_suffices": suffices},
        "plan": plan,
        "contacts": contacts,
        "centre": {"key": "0123456789ABCDEF"} if random.random() < 0.3 and plan.get("centre") != {} else {},
        "network": {"signal_dbm": random.choice((-65, -85, -105))},
        "at": sorted(at, key=lambda row: row["s"]),
        "must": [],
    }
    return Schedule(seed, check(f"chaos-{seed}", values), Motion(falls_s, seed))


def _worker(random: Random, at: list[dict[str, Any]]) -> float | None:
    """One or two things befall the worker; the time of a fall, or None."""
    falls_s = None
    for what in random.sample(("sos", "sos", "fall", "fall", "cord"), random.choice((1, 1, 1, 2))):
        s = round(random.uniform(20, 340), 1)
        if what == "fall":
            falls_s = s
        elif what == "cord":
            at.append({"s": s, "cord": "pull"})
        elif not any(row.get("press") for row in at):
            at.append({"s": s, "press": "sos", "for_s": round(random.uniform(4, 8), 1)})
    return falls_s


def _plan(random: Random) -> tuple[dict[str, Any], set[str]]:
    """(plan, the ways that are open in the end): centre, sms0, voice0, sms1, voice1; at least one that confirms."""
    kind = random.choice(("all", "all", "all", "centre only", "people only"))
    plan: dict[str, Any] = {}
    known = ["centre", "sms0", "voice0", "sms1", "voice1"]
    if kind == "centre only":
        plan["contacts"] = []
        known = ["centre"]
    elif kind == "people only":
        plan["centre"] = {}
        known.remove("centre")
    if kind != "centre only" and random.random() < 0.3:
        plan["steps"] = random.sample(("centre", "sms", "voice"), 3)
    return plan, set(random.sample(known, random.randint(1, len(known))))


def _troubles(random: Random, at: list[dict[str, Any]]) -> None:
    """Three to ten things that go wrong before WELL_S, restarts among them."""
    flash: list[tuple[float, float]] = []  # when it is ill
    for _ in range(random.randint(2, 7)):
        begins_s = round(random.uniform(1, WELL_S - 10), 1)
        ends_s = round(min(WELL_S, begins_s + random.choice((5, 20, 60, 120, 300)) * random.uniform(0.5, 1.5)), 1)
        begin, end = random.choice(_LASTING)
        at += [{"s": begins_s, **begin}, {"s": ends_s, **end}]
        if begin.get("fault") in _FLASH:
            flash.append((begins_s, ends_s))
        if begin.get("fault") == "stuck_axis":
            at[-2]["axis"] = random.randrange(3)
    for _ in range(random.randint(1, 3)):
        row = {"s": round(random.uniform(1, WELL_S), 1), **random.choice(_SUDDEN)}
        if row.get("fault") == "garbage":
            row["steps"] = random.choice((1, 20, 200, 2000))
        at.append(row)
    armed = False
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        row = {"s": round(random.uniform(1, WELL_S - 25), 1), "fault": random.choice(RESTARTS)}
        if random.random() < 0.4:
            # The alarm's own moment is the interesting one.
            begun_s = next((one["s"] for one in at if "press" in one or "cord" in one), row["s"])
            row["s"] = round(min(WELL_S - 25, begun_s + random.uniform(0, 20)), 2)
        if row["fault"] == "power_cut" and random.random() < 0.6:
            row["steps"] = random.randint(0, 1500)
            armed = True
        # A device that starts while its flash does not answer finds no program either. The watchdog takes 20 s.
        if not any(begin_s - 22 <= row["s"] < end_s for begin_s, end_s in flash):
            at.append(row)
    if armed:
        at.append({"s": WELL_S, "fault": "power_cut", "steps": 1 << 20})  # one that has not come yet comes no more


def _contacts(random: Random, at: list[dict[str, Any]], ways: set[str]) -> list[dict[str, Any]]:
    """The people: anyhow at first; from WELL_S on as `ways` says."""
    contacts = []
    for number, name in zip(NUMBERS, ("Garde", "Astreinte"), strict=True):
        index = NUMBERS.index(number)
        writes, answers = f"sms{index}" in ways, f"voice{index}" in ways
        contacts.append(
            {
                "number": number,
                "name": name,
                "answers": random.choice(("answered", "voicemail", "busy", "unanswered", "rejected", "unreachable")),
                "after_s": random.choice((2, 6, 20)),
                "presses": random.choice(("", "1", "5")) if answers else "",
                "phone_on": random.random() < 0.7,
                "reply": "{0}" if writes else "",
                "reply_when": CONFIRMS,
                "reply_after_s": random.choice((5, 30, 60)),
                "replies": -1,
            }
        )
        change = {"s": WELL_S, "contact": number, "phone_on": writes, "presses": "5" if answers else ""}
        at.append({**change, "answers": "answered" if answers else random.choice(("voicemail", "unanswered", "busy"))})
    return contacts


def trial(seed: int) -> tuple[Schedule, Verdict]:
    """Draw, run, judge."""
    drawn, outcome = simulate(seed)
    return drawn, judge(outcome, drawn.motion.falls_s)


def simulate(seed: int, runtime: str = "cpython") -> tuple[Schedule, Outcome]:
    drawn = schedule(seed)
    return drawn, run(drawn.scenario, drawn.motion, runtime)


def _verdict(seed: int) -> tuple[int, Verdict]:
    return seed, trial(seed)[1]


def trials(seeds: range, processes: int = 2) -> Iterator[tuple[int, Verdict]]:
    """Every seed's verdict, in order."""
    with ProcessPoolExecutor(max_workers=processes) as pool:
        yield from pool.map(_verdict, seeds, chunksize=4)


def main(arguments: list[str] | None = None) -> int:
    """Status 0 when nothing was lost, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m simulator.chaos", description="Random faults around an alarm.")
    parser.add_argument("--count", type=int, default=1000, help="schedules (1000)")
    parser.add_argument("--seed", type=int, default=0, help="the first one's seed (0)")
    parser.add_argument("--only", type=int, metavar="SEED", help="run this one and show its timeline")
    parser.add_argument("--runtime", choices=("cpython", "micropython"), default="cpython", help="for --only")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    if options.only is not None:
        return _show(options.only, options.runtime)
    begun = time.monotonic()
    verdicts = []
    for seed, verdict in trials(range(options.seed, options.seed + options.count), options.processes):
        verdicts.append(verdict)
        if verdict.failures:
            print(f"\nseed {seed} (again: --only {seed}):", *verdict.failures, sep="\n    ")
            print(schedule(seed).toml() + "\n", flush=True)
        if sys.stderr.isatty() or len(verdicts) % 50 == 0:
            print(f"\r{len(verdicts)} of {options.count}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    report(verdicts)
    print(f"{time.monotonic() - begun:.0f} s")
    return int(any(verdict.failures for verdict in verdicts))


def report(verdicts: list[Verdict]) -> None:
    """The figures of many trials."""
    failed = sum(bool(verdict.failures) for verdict in verdicts)
    alarms = sum(verdict.alarms for verdict in verdicts)
    waits_s = sorted(wait_s for verdict in verdicts for wait_s in verdict.waits_s)
    print(f"{len(verdicts)} schedules, {alarms} alarms and added causes, {failed} schedules not as demanded")
    print(
        f"{sum(verdict.acknowledged for verdict in verdicts)} ended acknowledged, "
        f"{sum(verdict.repeating for verdict in verdicts)} still repeated; "
        f"{sum(verdict.restarts for verdict in verdicts)} restarts"
    )
    if len(waits_s) > 1:
        parts = statistics.quantiles(waits_s, n=20, method="inclusive")
        print(f"from alarm to arrival: median {parts[9]:.1f} s, 95 % {parts[18]:.1f} s, longest {waits_s[-1]:.1f} s")


def _show(seed: int, runtime: str) -> int:
    drawn, outcome = simulate(seed, runtime)
    print(drawn.toml(), end="\n\n")
    print(*map(line, outcome.entries), sep="\n")
    verdict = judge(outcome, drawn.motion.falls_s)
    print(*(verdict.failures or ["as demanded"]), sep="\n")
    return int(bool(verdict.failures))


if __name__ == "__main__":
    sys.exit(main())

"""How the pictures of timelines are laid out: stretches of time, their lanes, and rows of labels in them."""

from __future__ import annotations

from typing import NamedTuple

from host_tools import timeline_lanes as lanes
from simulator.simulate import Durations, Outcome

WIDTH_IN, LEFT_IN, RIGHT_IN = 14.0, 1.35, 0.2
LETTER_IN = 0.067  # how wide a letter of a label is, about
BRACKETS = ("trigger", "pre-alarm", "transmission", "reaction")
_CLOSER = 2  # alarms that get a closer look
_LOOK_S = 240  # what such a look shows at most
_HEIGHTS = {"faults": 1.2, "worker": 2.0, "sound": 0.9, "device": 1.1, "network": 1.1}
_TARGET = 1.7  # height of the lanes that messages go to


class Panel(NamedTuple):
    """A stretch of time with its lanes; y grows downwards from 0."""

    from_s: float
    until_s: float
    unit: str
    tops: dict[str, float]
    height: float
    durations: Durations | None = None

    @property
    def scale(self) -> float:
        return {"s": 1.0, "min": 60.0, "h": 3600.0}[self.unit]

    @property
    def width_in(self) -> float:
        return WIDTH_IN - LEFT_IN - RIGHT_IN

    def inches(self, s: float) -> float:
        return (s - self.from_s) / (self.until_s - self.from_s) * self.width_in

    def centre(self, lane: str) -> float:
        return self.tops[lane] + 0.5


def panels(outcome: Outcome, contacts: dict[str, str]) -> list[Panel]:
    """The whole, then a closer look at each of the first alarms."""
    end_s = outcome.scenario.end_s
    found = [_panel(outcome, contacts, 0, end_s, None)]
    for durations in outcome.durations[:_CLOSER]:
        begun_s, over_s = _span(outcome, durations)
        margin_s = max(2.0, 0.12 * (over_s - begun_s))
        from_s, until_s = max(0.0, begun_s - margin_s), min(end_s, over_s + margin_s, begun_s + _LOOK_S)
        if len(found) == 1 or from_s >= found[-1].until_s:
            found.append(_panel(outcome, contacts, from_s, until_s, durations))
    return found


def _span(outcome: Outcome, durations: Durations) -> tuple[float, float]:
    """From the condition to the acknowledgement, or what there is of that."""
    moments = times(durations)
    known = [s for s in moments.values() if s is not None]
    acknowledged = [
        entry.t_ms / 1000
        for entry in outcome.entries
        if (entry.who, entry.what) == ("device", "acknowledged") and entry.t_ms / 1000 >= durations.at_s
    ]
    return min(known), max([*known, durations.at_s + 3, *acknowledged[:1]])


def times(durations: Durations) -> dict[str, float | None]:
    """When what the durations lie between happened, in s."""
    perceived_s = durations.at_s - durations.pre_alarm_s
    arrived_s = None if durations.reaction_s is None else perceived_s + durations.reaction_s
    sent_s = None
    if arrived_s is not None and durations.transmission_s is not None:
        sent_s = arrived_s - durations.transmission_s
    condition_s = None if sent_s is None or durations.trigger_s is None else sent_s - durations.trigger_s
    return {
        "perceived": perceived_s,
        "alarm": durations.at_s,
        "condition": condition_s,
        "sent": sent_s,
        "arrived": arrived_s,
    }


def _panel(
    outcome: Outcome, contacts: dict[str, str], from_s: float, until_s: float, durations: Durations | None
) -> Panel:
    def within(*moments: float) -> bool:
        return any(from_s <= moment <= until_s for moment in moments)

    heights = dict(_HEIGHTS)
    if not within(*(mark.t_s for mark in lanes.fault_marks(outcome))):
        del heights["faults"]
    if within(*(message.until_s for message in lanes.messages(outcome) if message.failed)):
        heights["network"] += 0.9
    tops: dict[str, float] = {}
    y = 0.0
    if durations is not None:
        tops["brackets"] = y
        y += 0.62 * len(BRACKETS) + 0.2
    for row, height in heights.items():
        tops[row] = y
        y += height + 0.15
    heard = any(entry.who == "centre" and entry.what != "behaviour" for entry in outcome.entries)
    for row in (["centre"] if heard else []) + list(contacts):
        tops[row] = y
        y += _TARGET
    unit = "s" if until_s - from_s <= 900 else "min" if until_s - from_s <= 4 * 3600 else "h"
    return Panel(from_s, until_s, unit, tops, y + 0.1, durations)


class Rows:
    """Rows of labels that do not overlap: each label stands right of its moment, or left of it at the edge."""

    def __init__(self, panel: Panel, count: int) -> None:
        self._panel = panel
        self._taken: list[list[tuple[float, float]]] = [[] for _ in range(count)]

    def place(self, s: float, label: str) -> tuple[int, bool]:
        """(row or -1 where there is no room, whether it stands to the right)."""
        at_in, long_in = self._panel.inches(s), len(label) * LETTER_IN + 0.1
        right = at_in + long_in <= self._panel.width_in
        from_in = at_in if right else at_in - long_in
        for row, taken in enumerate(self._taken):
            if all(from_in + long_in <= other[0] or from_in >= other[1] for other in taken):
                taken.append((from_in, from_in + long_in))
                return row, right
        return -1, right

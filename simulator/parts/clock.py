"""Virtual time, which moves only when the firmware sleeps or a bus is busy, and the record of what happened in it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count


class Timer:
    """Something that will happen; `cancel` keeps it from happening."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self._action = None

    @property
    def cancelled(self) -> bool:
        return self._action is None

    def fire(self) -> None:
        if self._action is not None:
            action, self._action = self._action, None
            action()


class VirtualClock:
    """Microseconds since the scenario began. Whatever falls due happens in order, each at its own time."""

    def __init__(self) -> None:
        self.now_us = 0
        self._due: list[tuple[int, int, Timer]] = []
        self._number = count()

    @property
    def now_ms(self) -> int:
        return self.now_us // 1000

    @property
    def next_us(self) -> int | None:
        """When the next thing is due, or None."""
        due = self._due
        while due and due[0][2].cancelled:
            heapq.heappop(due)
        return due[0][0] if due else None

    def at_us(self, t_us: int, action: Callable[[], None]) -> Timer:
        timer = Timer(action)
        heapq.heappush(self._due, (max(t_us, self.now_us), next(self._number), timer))
        return timer

    def after_ms(self, delay_ms: float, action: Callable[[], None]) -> Timer:
        return self.at_us(self.now_us + round(delay_ms * 1000), action)

    def advance_to_us(self, t_us: int) -> None:
        """Let time pass until `t_us`."""
        while self._due and self._due[0][0] <= t_us:
            due_us, _, timer = heapq.heappop(self._due)
            self.now_us = due_us
            timer.fire()
        self.now_us = max(self.now_us, t_us)


@dataclass(frozen=True)
class Entry:
    """Something seen to happen: `what` is a short word for programs, `text` is for people, `data` belongs to it."""

    t_ms: int
    who: str  # worker, device, network, contact, centre, fault
    what: str
    text: str = ""
    data: dict[str, object] = field(default_factory=dict)


class Timeline:
    """Everything that was seen to happen, in order."""

    def __init__(self, clock: VirtualClock) -> None:
        self.entries: list[Entry] = []
        self._clock = clock

    def note(self, who: str, what: str, text: str = "", **data: object) -> None:
        self.entries.append(Entry(self._clock.now_ms, who, what, text, data))

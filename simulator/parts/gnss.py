"""A GNSS receiver: NMEA once a second from a path under a sky, or from a recorded log."""

from __future__ import annotations

import math
import random
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise

from simulator.parts.clock import Timer, VirtualClock

LineSink = Callable[[bytes], None]

# Time to the first fix under an open sky: SIM7000 Hardware Design V1.07, section 4.3.1 (hot < 1 s, cold < 35 s). The
# A76XX manuals give none; its receiver stands here with the SIM7000's.
COLD_S = 35
HOT_S = 1
# Assumed: what the receiver knows of the orbits serves a hot start this long.
_ORBITS_LAST_S = 2 * 3600
# Half of the fixes within 2.5 m under an open sky (same document, CEP50): of two equal axes, 2.5 m / 1.1774 each.
_SIGMA_M = 2.5 / 1.1774
_METRES_A_DEGREE = 111_195.0

OPEN = "open"
POOR = "poor"  # between houses or under trees: few satellites low in the sky
NONE = "none"  # tunnel, cellar, indoors
# Assumed figures of each view: HDOP and satellites used.
_VIEWS = {OPEN: (0.9, 10), POOR: (3.5, 5), NONE: (99.99, 0)}


@dataclass(frozen=True)
class Sky:
    """Where the receiver truly is, and what it sees, by time. Times in s since the scenario began, rising.

    path   (t_s, lat_deg, lon_deg): straight and even between the points, at rest before the first and after the last;
           no leg may cross the 180th meridian
    views  (t_s, "open" | "poor" | "none"): from then on; the first is taken as from the beginning
    """

    path: tuple[tuple[float, float, float], ...]
    views: tuple[tuple[float, str], ...] = ((0.0, OPEN),)

    def __post_init__(self) -> None:
        if not self.path or not self.views:
            raise ValueError("a sky needs a place and a view")
        for name, times in (("path", [at for at, *_ in self.path]), ("views", [at for at, _ in self.views])):
            if any(later <= earlier for earlier, later in pairwise(times)):
                raise ValueError(f"{name}: times must rise")
        for _, lat, lon in self.path:
            if not (-90 <= lat <= 90 and -180 <= lon <= 180):
                raise ValueError(f"path: {lat}, {lon} is no place on Earth")
        for _, view in self.views:
            if view not in _VIEWS:
                raise ValueError(f"views: {view!r} is unknown; permitted: {', '.join(_VIEWS)}")

    def place(self, t_s: float) -> tuple[float, float]:
        """Latitude and longitude in degrees at `t_s`."""
        after = bisect_right(self.path, t_s, key=lambda point: point[0])
        if after == 0:
            return self.path[0][1:]
        if after == len(self.path):
            return self.path[-1][1:]
        (t0, lat0, lon0), (t1, lat1, lon1) = self.path[after - 1 : after + 1]
        share = (t_s - t0) / (t1 - t0)
        return lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0)

    def view(self, t_s: float) -> str:
        """What it sees at `t_s`."""
        return self.views[max(bisect_right(self.views, t_s, key=lambda step: step[0]) - 1, 0)][1]


def sentence(body: str) -> bytes:
    """The line as it goes over the wire: $body*checksum CR LF."""
    total = reduce(lambda value, byte: value ^ byte, body.encode("ascii"), 0)
    return f"${body}*{total:02X}\r\n".encode("ascii")


def angle(degrees: float, digits: int, letters: str, decimals: int = 5) -> str:
    """`4851.39600,N` of 48.8566: degrees in `digits`, minutes with `decimals`; `letters` are "NS" or "EW"."""
    scale = 10**decimals
    whole, part = divmod(round(abs(degrees) * 60 * scale), 60 * scale)
    minutes, part = divmod(part, scale)
    return f"{whole:0{digits}d}{minutes:02d}.{part:0{decimals}d},{letters[degrees < 0]}"


@dataclass
class GnssReceiver:
    """RMC, GGA and GSA once a second while it is on, each line to `on_line`; deterministic for a `seed`.

    Without a fix it does what real receivers do: it goes on sending the coordinates it had, in RMC V and GGA 0. The
    date and time are empty until the satellites told them once. Without a view its search stands still. Every start
    searches 35 s when it has known no orbits for 2 h, else 1 s; after a tunnel 1 s as well.

    epoch_utc  the wall clock when the scenario began
    """

    clock: VirtualClock
    sky: Sky
    on_line: LineSink | None = None
    talker: str = "GN"
    epoch_utc: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    seed: int = 0
    on: bool = field(default=False, init=False)
    tracking: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(f"gnss {self.seed}")
        self._timer: Timer | None = None
        self._searched_s = 0
        self._needs_s = COLD_S
        self._orbits_at_s: float | None = None
        self._time_known = False
        self._last: tuple[float, float] | None = None
        self._view = NONE

    def start(self) -> None:
        """Switch on. Nothing happens when it is on."""
        if self.on:
            return
        self.on = True
        now_s = self.clock.now_ms / 1000
        known = self._orbits_at_s is not None and now_s - self._orbits_at_s < _ORBITS_LAST_S
        self._search(HOT_S if known else COLD_S)
        self._timer = self.clock.after_ms(1000, self._second)

    def stop(self) -> None:
        """Switch off."""
        self.on = self.tracking = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def forget(self) -> None:
        """As after weeks in a drawer: the next start is cold, and neither time nor place is known."""
        self._orbits_at_s = self._last = None
        self._time_known = False
        self._search(COLD_S)

    def _search(self, needs_s: int) -> None:
        self.tracking = False
        self._searched_s, self._needs_s = 0, needs_s

    def _second(self) -> None:
        self._timer = self.clock.after_ms(1000, self._second)
        now_s = self.clock.now_ms / 1000
        self._view = self.sky.view(now_s)
        if self._view == NONE:
            if self.tracking:
                self._search(HOT_S)
        else:
            self._searched_s += 1
            self.tracking = self._searched_s >= self._needs_s
        if self.tracking:
            self._orbits_at_s = now_s
            self._time_known = True
            self._last = self._measured(now_s)
        if self.on_line is not None:
            for line in self._lines():
                self.on_line(line)

    def _measured(self, now_s: float) -> tuple[float, float]:
        lat, lon = self.sky.place(now_s)
        sigma_deg = _SIGMA_M * _VIEWS[self._view][0] / _METRES_A_DEGREE
        lat += self._random.gauss(0, sigma_deg)
        lon += self._random.gauss(0, sigma_deg) / max(math.cos(math.radians(lat)), 0.01)
        return max(-90.0, min(90.0, lat)), (lon + 180) % 360 - 180

    def _lines(self) -> Iterable[bytes]:
        time = date = ""
        if self._time_known:
            now = self.epoch_utc + timedelta(milliseconds=self.clock.now_ms)
            time, date = f"{now:%H%M%S}.{now.microsecond // 10_000:02d}", f"{now:%d%m%y}"
        place = ",,,"
        if self._last is not None:
            place = f"{angle(self._last[0], 2, 'NS')},{angle(self._last[1], 3, 'EW')}"
        hdop, satellites = _VIEWS[self._view] if self.tracking else _VIEWS[NONE]
        status, mode, quality, dimensions = ("A", "A", 1, 3) if self.tracking else ("V", "N", 0, 1)
        height = "35.0,M,47.0,M" if self.tracking else ",,,"
        used = ",".join([f"{number + 1:02d}" for number in range(satellites)] + [""] * (12 - satellites))
        yield sentence(f"{self.talker}RMC,{time},{status},{place},0.0,,{date},,,{mode}")
        yield sentence(f"{self.talker}GGA,{time},{place},{quality},{satellites:02d},{hdop:.2f},{height},,")
        yield sentence(f"{self.talker}GSA,A,{dimensions},{used},{hdop * 1.6:.2f},{hdop:.2f},{hdop * 1.3:.2f}")


_TIMED = re.compile(rb"\$..(RMC|GGA),(\d{6}(?:\.\d+)?)?,")
_DAY_MS = 86_400_000
# A log whose time jumps further was cut together: its next part follows a second later.
_LONGEST_GAP_MS = 600_000
# Sentences of one second may come in any order.
_DISORDER_MS = 5_000


def paced(log: bytes) -> list[tuple[int, bytes]]:
    """The lines of a recorded log with the time of each, in ms since its first, by the UTC of its own RMC and GGA.

    A line without a time goes with the line before it, except that each RMC without one is a second. Lines that begin
    with # are comments of gpsd's logs. Whatever else there is (binary, cut) is passed on as it is.
    """
    out: list[tuple[int, bytes]] = []
    t_ms, last_ms = 0, -1
    for line in log.splitlines(keepends=True):
        if line.startswith(b"#"):
            continue
        found = _TIMED.match(line)
        if found and found[2]:
            told = float(found[2])
            whole = int(told)
            day_ms = (whole // 10_000 * 3600 + whole // 100 % 100 * 60) * 1000 + round(told % 100 * 1000)
            passed_ms = (day_ms - last_ms) % _DAY_MS if last_ms >= 0 else 0
            if passed_ms <= _DAY_MS - _DISORDER_MS:
                t_ms += passed_ms if passed_ms <= _LONGEST_GAP_MS else 1000
                last_ms = day_ms
        elif found and found[1] == b"RMC" and out:
            t_ms += 1000
        out.append((t_ms, line))
    return out


@dataclass
class RecordedReceiver:
    """A recorded NMEA log in place of a receiver, with its own pace, begun when the scenario begins.

    It plays on while it is switched off: those lines are never heard. After its end it is silent.
    """

    clock: VirtualClock
    log: bytes
    on_line: LineSink | None = None
    on: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._lines = paced(self.log)
        self._next = 0
        self._timer: Timer | None = None

    @property
    def tracking(self) -> bool:
        """What it would draw: a log does not tell whether it searches, so on is tracking."""
        return self.on

    def start(self) -> None:
        """Switch on. Nothing happens when it is on."""
        if not self.on:
            self.on = True
            self._next = bisect_right(self._lines, self.clock.now_ms - 1, key=lambda line: line[0])
            self._plan()

    def stop(self) -> None:
        """Switch off."""
        self.on = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _plan(self) -> None:
        if self.on and self._next < len(self._lines):
            self._timer = self.clock.at_us(self._lines[self._next][0] * 1000, self._play)

    def _play(self) -> None:
        now_ms = self._lines[self._next][0]
        while self.on and self._next < len(self._lines) and self._lines[self._next][0] <= now_ms:
            self._next += 1
            if self.on_line is not None:
                self.on_line(self._lines[self._next - 1][1])
        self._plan()

"""When satellites are looked for, when not, what a silent receiver is, and that the last place is kept."""

from __future__ import annotations

from itertools import pairwise

import pytest
from dati.clock import seconds
from dati.place import PlaceWatch
from dati.position import Position
from dati.settings import Settings
from dati.ticks import MASK, ticks_add

from simulator.parts.flash import Flash

NOON = seconds(2026, 11, 22, 12, 0, 0)
INTERVAL_MS = 900000
SEARCH_MS = 60000
STEP_MS = 500


class Modem:
    def __init__(self):
        self.on = False
        self.turns = []

    def gnss(self, on, t_ms):
        self.on = on
        self.turns.append(on)


def sentence(body):
    check = 0
    for letter in body:
        check ^= ord(letter)
    return b"$%s*%02X\r\n" % (body.encode(), check)


class Walk:
    """A watch over a true `Position`; `sky`: "open", "none" (sentences without a fix), or "dead"."""

    def __init__(self, start_ms=0, flash=None, **values):
        self.flash = flash or Flash()
        self.position = Position()
        self.modem = Modem()
        self.watch = PlaceWatch(Settings(values), self.position, self.modem, self.flash)
        self.t_ms = start_ms
        self.passed_ms = 0
        self.sky = "open"
        self.lat_min = 51.396
        self.on_ms = []
        self.watch.start(start_ms)

    def run(self, ms, on_duty=True, urgent=False):
        for _ in range(0, ms, STEP_MS):
            self.t_ms = ticks_add(self.t_ms, STEP_MS)
            self.passed_ms += STEP_MS
            if self.modem.on and self.sky != "dead" and self.passed_ms % 1000 == 0:
                self._hear()
            self.position.tick(self.t_ms)
            self.watch.tick(on_duty, urgent, NOON + self.passed_ms // 1000, self.t_ms)
            if self.watch.on:
                self.on_ms.append(self.passed_ms)
        return self

    def _hear(self):
        second = self.passed_ms // 1000 % 86400
        clock = f"{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}.00"
        if self.sky == "open":
            place = f"48{self.lat_min:08.5f},N,00221.13000,E"
            said = [f"GNGGA,{clock},{place},1,08,1.0,40.0,M,47.0,M,,", f"GNRMC,{clock},A,{place},0.1,200.0,221126,,,A"]
        else:
            said = [f"GNGGA,{clock},,,,,0,00,99.9,,M,,M,,", f"GNRMC,{clock},V,,,,,,,221126,,,N"]
        for body in said:
            data = bytearray(sentence(body))
            self.position.receive(data, len(data), self.t_ms)


@pytest.mark.parametrize("start_ms", [0, MASK, MASK - 1000000])
def test_on_duty_it_looks_at_once_and_then_now_and_then_until_it_finds(start_ms):
    walk = Walk(start_ms).run(3 * INTERVAL_MS + 10000)
    begins = [ms for ms in walk.on_ms if ms - STEP_MS not in walk.on_ms]
    assert len(begins) == 4
    assert begins[0] <= 1000
    assert all(abs(later - earlier - INTERVAL_MS) <= 1000 for earlier, later in pairwise(begins))
    assert len(walk.on_ms) * STEP_MS <= 4 * 5000
    assert walk.position.known
    assert not walk.watch.on


def test_without_a_fix_it_gives_up_and_that_is_no_fault():
    walk = Walk()
    walk.sky = "none"
    walk.run(5 * INTERVAL_MS)
    assert SEARCH_MS - 2000 <= len(walk.on_ms) * STEP_MS // 5 <= SEARCH_MS + 2000
    assert not walk.watch.dead


def test_a_receiver_that_says_nothing_three_times_is_dead_until_it_speaks():
    walk = Walk()
    walk.sky = "dead"
    walk.run(INTERVAL_MS + SEARCH_MS + 2000)
    assert not walk.watch.dead
    walk.run(INTERVAL_MS)
    assert walk.watch.dead
    walk.sky = "none"
    walk.run(INTERVAL_MS)
    assert not walk.watch.dead


def test_off_duty_nothing_is_looked_for_and_duty_looks_at_once():
    walk = Walk().run(4 * INTERVAL_MS, on_duty=False)
    assert walk.on_ms == []
    walk.run(2000)
    assert walk.on_ms
    walk.run(INTERVAL_MS // 2, on_duty=False)
    count = len(walk.on_ms)
    walk.run(2 * INTERVAL_MS, on_duty=False)
    assert len(walk.on_ms) == count
    walk.run(2000)
    assert len(walk.on_ms) > count


def test_with_an_interval_of_none_it_looks_only_when_urgent():
    walk = Walk(gnss_interval_ms=0).run(4 * INTERVAL_MS)
    assert walk.on_ms == []
    walk.run(1000, urgent=True)
    assert walk.watch.on
    walk.run(2000)
    assert not walk.watch.on


@pytest.mark.parametrize("on_duty", [True, False])
def test_while_urgent_it_looks_without_pause_and_stops_afterwards(on_duty):
    walk = Walk().run(SEARCH_MS, on_duty)
    walk.on_ms.clear()
    walk.run(600000, on_duty, urgent=True)
    assert len(walk.on_ms) * STEP_MS == 600000
    walk.run(5000, on_duty)
    assert not walk.watch.on
    assert not walk.modem.on


def test_a_search_that_becomes_urgent_is_not_cut_short():
    walk = Walk()
    walk.sky = "none"
    walk.run(SEARCH_MS - 5000)
    walk.run(3 * SEARCH_MS, urgent=True)
    assert len(walk.on_ms) * STEP_MS >= 4 * SEARCH_MS - 6000
    assert walk.modem.turns == [True]


def test_the_last_place_is_kept_over_a_reset_and_only_where_it_moved():
    walk = Walk().run(INTERVAL_MS - 10000)
    assert sum(walk.flash.writes.values()) == 1
    again = Walk(flash=walk.flash)
    assert again.position.known
    assert again.position.lat_e7 == walk.position.lat_e7
    assert again.position.lon_e7 == walk.position.lon_e7
    assert not again.position.fresh(again.t_ms)
    walk.lat_min = 52.5
    walk.run(INTERVAL_MS)
    assert Walk(flash=walk.flash).position.lat_e7 == walk.position.lat_e7 != again.position.lat_e7


def test_flash_that_fails_keeps_nobody_from_looking():
    walk = Walk()
    walk.flash.fault = "failing"
    walk.run(INTERVAL_MS + 10000)
    assert walk.position.known
    walk.flash.fault = ""
    walk.run(INTERVAL_MS)
    assert Walk(flash=walk.flash).position.known


@pytest.mark.parametrize("data", [b"", b"x", b"\xff" * 40, b"\n" * 20])
def test_what_was_kept_by_another_version_is_no_place(data):
    walk = Walk()
    walk.watch._slots.save(data)
    assert not Walk(flash=walk.flash).position.known

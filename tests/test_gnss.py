"""The virtual receiver: says what real ones say, at their pace, and never more than its sky shows it."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from dati.clock import date
from dati.position import Position

from simulator.parts.clock import VirtualClock
from simulator.parts.gnss import (
    NONE,
    OPEN,
    POOR,
    GnssReceiver,
    RecordedReceiver,
    Sky,
    angle,
    paced,
    sentence,
)

HOME = (48.8566, 2.3522)
STILL = ((0.0, *HOME),)


class Listener:
    """Our reader behind a receiver; remembers when each line came."""

    def __init__(self, sky=None, log=None, **others):
        self.clock = VirtualClock()
        self.heard: list[tuple[int, bytes]] = []
        self.position = Position()
        if log is None:
            self.receiver = GnssReceiver(self.clock, sky or Sky(STILL), self.take, **others)
        else:
            self.receiver = RecordedReceiver(self.clock, log, self.take)

    def take(self, line):
        self.heard.append((self.clock.now_ms, line))
        self.position.receive(line, len(line), self.clock.now_ms)

    def run(self, seconds):
        self.clock.advance_to_us(self.clock.now_us + int(seconds * 1e6))
        return self

    def fresh(self):
        return self.position.fresh(self.clock.now_ms)

    def metres_from(self, lat, lon):
        north = (self.position.lat_e7 / 1e7 - lat) * 111_195
        east = (self.position.lon_e7 / 1e7 - lon) * 111_195 * math.cos(math.radians(lat))
        return math.hypot(north, east)


def started(*args, **kwargs):
    listener = Listener(*args, **kwargs)
    listener.receiver.start()
    return listener


def test_cold_it_takes_35_s_and_says_no_time_before():
    listener = started().run(34)
    assert not listener.position.known and not listener.receiver.tracking
    assert listener.position.utc_s < 0
    assert all(line.split(b",")[1] == b"" for _, line in listener.heard if b"RMC" in line or b"GGA" in line)
    listener.run(1)
    assert listener.fresh() and listener.receiver.tracking
    assert date(listener.position.utc_s) == (2026, 3, 2, 8, 0, 35)


def test_three_sentences_a_second_each_with_the_right_checksum():
    listener = started(talker="GP").run(60)
    assert [t_ms for t_ms, _ in listener.heard] == [second * 1000 for second in range(1, 61) for _ in range(3)]
    assert {line[:6] for _, line in listener.heard} == {b"$GPRMC", b"$GPGGA", b"$GPGSA"}
    assert all(len(line) <= 102 for _, line in listener.heard)
    assert (listener.position.sentences, listener.position.damaged) == (180, 0)


def test_off_it_is_silent_and_costs_nothing():
    listener = started().run(40)
    listener.receiver.stop()
    count = len(listener.heard)
    assert not listener.receiver.on and not listener.receiver.tracking
    listener.run(8 * 3600)
    assert len(listener.heard) == count
    never = Listener().run(8 * 3600)
    assert never.heard == [] and never.clock.next_us is None


@pytest.mark.parametrize(("off_s", "first_fix_s"), [(600, 1), (3 * 3600, 35)], ids=["hot", "cold again"])
def test_the_next_start(off_s, first_fix_s):
    listener = started().run(40)
    listener.receiver.stop()
    listener.position.lost()
    listener.run(off_s)
    listener.receiver.start()
    listener.run(first_fix_s - 0.5)
    assert not listener.fresh()
    listener.run(0.5)
    assert listener.fresh()


def test_forgotten_it_knows_neither_time_nor_place():
    listener = started().run(40)
    listener.receiver.stop()
    listener.receiver.forget()
    del listener.heard[:]
    listener.receiver.start()
    listener.run(30)
    assert all(b",,V,,,,,0.0" in line for _, line in listener.heard if b"RMC" in line)
    listener.run(5)
    assert listener.receiver.tracking


def test_starting_twice_is_starting_once():
    listener = started()
    listener.receiver.start()
    listener.run(5)
    assert len(listener.heard) == 15


def test_in_a_tunnel_it_goes_on_sending_the_place_it_had():
    listener = started(Sky(STILL, ((0, OPEN), (60, NONE), (120, OPEN)))).run(59)
    assert listener.fresh()
    lat_e7 = listener.position.lat_e7
    del listener.heard[:]
    listener.run(60)
    rmc = [line for _, line in listener.heard if b"RMC" in line]
    gga = [line for _, line in listener.heard if b"GGA" in line]
    assert len(rmc) == 60 and all(b",V,4851." in line for line in rmc)
    assert len({line.split(b",")[2] for line in gga}) == 1 and all(line.split(b",")[6] == b"0" for line in gga)
    assert all(line.split(b",")[1] for line in rmc), "the time goes on"
    assert listener.position.lat_e7 == lat_e7 and listener.position.age_s(listener.clock.now_ms) == 60
    listener.run(2)
    assert listener.fresh()


def test_without_a_sky_the_search_does_not_end_and_does_not_advance():
    listener = started(Sky(STILL, ((0, NONE), (3600, OPEN)))).run(3600 + 33)
    assert not listener.position.known
    listener.run(2)
    assert listener.fresh()


@pytest.mark.parametrize("view", [OPEN, POOR])
def test_the_error_told_holds_for_19_of_20(view):
    listener = started(Sky(STILL, ((0, view),)), seed=7).run(35)
    outside = 0
    for _ in range(1000):
        listener.run(1)
        outside += listener.metres_from(*HOME) > listener.position.error_m(listener.clock.now_ms)
    assert outside <= 50
    assert listener.metres_from(*HOME) > 0


def test_half_of_the_fixes_lie_within_2_5_m_at_hdop_1():
    listener = started(seed=1).run(35)
    off = []
    for _ in range(2000):
        listener.run(1)
        off.append(listener.metres_from(*HOME))
    assert 2.5 * 0.9 * 0.93 < sorted(off)[1000] < 2.5 * 0.9 * 1.07


def test_the_same_seed_says_the_same():
    assert started(seed=4).run(100).heard == started(seed=4).run(100).heard
    assert started(seed=4).run(100).heard != started(seed=5).run(100).heard


def test_it_follows_its_path():
    path = ((0, 48.0, 2.0), (100, 48.0, 2.0), (200, 48.01, 2.02), (300, 48.0, 2.0))
    sky = Sky(path)
    assert sky.place(-5) == sky.place(50) == (48.0, 2.0)
    assert sky.place(150) == pytest.approx((48.005, 2.01))
    assert sky.place(250) == pytest.approx((48.005, 2.01))
    assert sky.place(200) == (48.01, 2.02) and sky.place(9999) == (48.0, 2.0)
    listener = started(sky).run(200)
    assert listener.metres_from(48.01, 2.02) < 15


@pytest.mark.parametrize(
    ("place", "near"),
    [((-22.275, 166.458), 20), ((-17.53, -149.57), 20), ((0.0, 0.0), 20), ((89.99, -179.999), 20), ((-21.1, 55.5), 20)],
)
def test_anywhere_on_earth(place, near):
    assert started(Sky(((0.0, *place),))).run(60).metres_from(*place) < near


def test_midnight_and_new_year():
    listener = started(epoch_utc=datetime(2026, 12, 31, 23, 59, 0, tzinfo=UTC)).run(90)
    assert date(listener.position.utc_s) == (2027, 1, 1, 0, 0, 30) and listener.fresh()


@pytest.mark.parametrize(
    ("path", "views", "word"),
    [
        ((), ((0, OPEN),), "needs a place"),
        (STILL, (), "needs a place and a view"),
        (((0, 48, 2), (0, 48, 2)), ((0, OPEN),), "path: times must rise"),
        (STILL, ((5, OPEN), (4, NONE)), "views: times must rise"),
        (((0, 91, 2),), ((0, OPEN),), "no place on Earth"),
        (STILL, ((0, "fog"),), "'fog' is unknown"),
    ],
)
def test_an_impossible_sky_is_refused(path, views, word):
    with pytest.raises(ValueError, match=word):
        Sky(path, views)


@pytest.mark.parametrize(
    ("degrees", "digits", "letters", "text"),
    [
        (48.8566, 2, "NS", "4851.39600,N"),
        (-2.3521667, 3, "EW", "00221.13000,W"),
        (0.0, 2, "NS", "0000.00000,N"),
        (48.99999999999, 2, "NS", "4900.00000,N"),
        (-180.0, 3, "EW", "18000.00000,W"),
    ],
)
def test_angles_as_text(degrees, digits, letters, text):
    assert angle(degrees, digits, letters) == text


def test_checksum_with_a_known_answer():
    # A sentence of the NMEA reference found in every manual of receivers.
    body = "GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"
    assert sentence(body) == f"${body}*47\r\n".encode()


# --- a recorded log ---


def log_of(*times, place="4851.39600,N,00221.13000,E"):
    lines = [b"# a comment of whoever recorded it\n"]
    for time in times:
        status, quality = ("A", 1) if time else ("V", 0)
        lines.append(sentence(f"GPGGA,{time},{place},{quality},08,0.9,35.0,M,47.0,M,,"))
        lines.append(sentence(f"GPRMC,{time},{status},{place},0.1,,020326,,"))
    return b"".join(lines)


def paces(log):
    return sorted({t_ms for t_ms, _ in paced(log)})


def test_a_log_keeps_its_own_pace():
    assert paces(log_of("120000", "120001", "120003.50", "120100")) == [0, 1000, 3500, 60_000]
    assert paces(log_of("235959", "000001")) == [0, 2000]
    # Cut together, or a day later: a second. Out of order within seconds: no time at all.
    assert paces(log_of("120000", "090000", "090001")) == [0, 1000, 2000]
    assert paces(log_of("120000", "120002", "120001", "120003")) == [0, 2000, 3000]
    assert paces(log_of("", "", "", "120000", "120004")) == [0, 1000, 2000, 3000, 7000]


def test_a_recorded_log_is_heard_as_it_was():
    log = log_of(*(f"12{minute:02d}{second:02d}" for minute in range(10) for second in range(0, 60, 2)))
    listener = started(log=log).run(30)
    assert listener.fresh() and listener.position.lat_e7 == 488566000
    assert b"".join(line for _, line in listener.heard) == b"".join(line for t_ms, line in paced(log) if t_ms <= 30_000)
    assert [t_ms for t_ms, _ in listener.heard] == [t_ms for t_ms, _ in paced(log) if t_ms <= 30_000]
    listener.receiver.stop()
    listener.run(60)
    listener.receiver.start()
    assert listener.receiver.on and listener.receiver.tracking
    del listener.heard[:]
    listener.run(1000)
    times = [line.split(b",")[1] for _, line in listener.heard]
    assert times[0] == b"120130" and times[-1] == b"120958"
    listener.receiver.stop()
    listener.receiver.start()
    assert listener.clock.next_us is None


def test_switched_off_by_what_it_says_it_stops_there():
    log = log_of("120000", "120001", "120002")
    listener = started(log=log)
    take = listener.take

    def once(line):
        take(line)
        listener.receiver.stop()

    listener.receiver.on_line = once
    listener.run(10)
    assert len(listener.heard) == 1

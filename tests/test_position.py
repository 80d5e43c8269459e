"""Places: only what RMC and GGA both call valid, now; everything else is the last known one with its age."""

from __future__ import annotations

import random
import subprocess
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from dati.clock import UNSET, Clock, seconds
from dati.nmea import GGA, OTHER, RMC, Sentence
from dati.position import UNKNOWN_AGE, Position
from dati.ticks import MASK, ticks_add
from hypothesis import given
from hypothesis import strategies as st

from simulator.engines.base import FIRMWARE, EngineUnavailableError
from simulator.engines.interpreters import MicroPython32Engine, MicroPythonEngine
from simulator.parts.gnss import angle, sentence

PARIS = "4851.39600,N,00221.13000,E"
PARIS_E7 = (488566000, 23521667)


def rmc(time="083850.00", status="A", place=PARIS, date="221126", mode=",A", talker="GN"):
    return sentence(f"{talker}RMC,{time},{status},{place},0.1,200.0,{date},,{mode}")


def gga(time="083850.00", quality="1", place=PARIS, hdop="0.90", satellites="08", talker="GN"):
    return sentence(f"{talker}GGA,{time},{place},{quality},{satellites},{hdop},35.0,M,47.0,M,,")


def hear(position, *lines, t_ms=0):
    data = b"".join(lines)
    position.receive(data, len(data), t_ms)
    return position


def place(position):
    return position.lat_e7, position.lon_e7


# --- what is a fix ---


@pytest.mark.parametrize("lines", [(rmc(), gga()), (gga(), rmc())], ids=["rmc first", "gga first"])
def test_both_valid_for_one_moment_is_a_fix(lines):
    position = hear(Position(), *lines)
    assert position.known and position.fresh(0) and position.age_s(0) == 0
    assert place(position) == PARIS_E7
    assert (position.hdop_e2, position.satellites) == (90, 8)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (rmc(),),
        (gga(),),
        (rmc(), rmc()),
        (gga(), gga()),
        (rmc(status="V"), gga()),
        (gga(), rmc(status="V")),
        (gga(), rmc(status="V", mode=",A")),
        (rmc(status=""), gga()),
        (rmc(), gga(quality="0")),
        (rmc(), gga(quality="")),
        (rmc(), gga(quality="6")),
        (rmc(), gga(quality="7")),
        (rmc(), gga(quality="8")),
        (rmc(mode=",N"), gga()),
        (rmc(mode=",E"), gga()),
        (rmc(mode=",S"), gga()),
        (rmc(mode=",M"), gga()),
        (rmc(place=",,,"), gga()),
        (rmc(), gga(place=",,,")),
        (rmc(time=""), gga()),
        (rmc(), gga(time="")),
        (rmc(time="083853.00"), gga()),
        (rmc(time="240000.00"), gga(time="240000.00")),
        (rmc(), gga().replace(b"*", b"0*")),
        (rmc().replace(b"4851", b"4951"), gga()),
        (rmc(), gga(talker="P")),
    ],
)
def test_anything_less_is_none(lines):
    position = hear(Position(), *lines)
    assert not position.known and not position.fresh(0)
    assert position.age_s(0) == UNKNOWN_AGE


@pytest.mark.parametrize("mode", [",A", ",D", ",P", ",R", ",F", "", ",A,V"])
@pytest.mark.parametrize("quality", "12345")
@pytest.mark.parametrize("talkers", [("GP", "GP"), ("GN", "GN"), ("QZ", "GB"), ("IN", "GL")])
def test_every_real_kind_of_fix_is_one(mode, quality, talkers):
    lines = rmc(mode=mode, talker=talkers[0]), gga(quality=quality, talker=talkers[1])
    assert place(hear(Position(), *lines)) == PARIS_E7


def test_stale_coordinates_do_not_replace_a_fix():
    position = hear(Position(), rmc(), gga())
    elsewhere = "4700.00000,N,00300.00000,E"
    for second in range(1, 60):
        time = f"0839{second:02d}.00"
        lines = rmc(time, "V", elsewhere), gga(time, "0", elsewhere)
        hear(position, *lines, t_ms=second * 1000)
    assert place(position) == PARIS_E7
    assert position.age_s(59_000) == 59 and not position.fresh(59_000)


def test_one_of_the_two_saying_no_ends_it_at_once():
    position = hear(Position(), rmc(), gga())
    hear(position, rmc("083851.00", "V"), gga("083851.00", place="4700.00000,N,00300.00000,E"), t_ms=1000)
    assert place(position) == PARIS_E7 and position.age_s(3000) == 3


def test_the_two_must_be_heard_together():
    assert not hear(hear(Position(), rmc()), gga(), t_ms=2001).known
    assert hear(hear(Position(), rmc()), gga(), t_ms=2000).known


def test_over_midnight_they_are_of_one_moment():
    assert hear(Position(), rmc("235959.50"), gga("000000.50")).known
    assert not hear(Position(), rmc("235957.00"), gga("000000.50")).known


@pytest.mark.parametrize("gga_time", ["083850.00", "083849.00"])
def test_a_frozen_receiver_is_no_fix(gga_time):
    position = Position()
    for second in range(60):
        hear(position, gga(gga_time), rmc(), t_ms=second * 1000)
    assert position.known and position.age_s(59_000) >= 57


def test_switched_off_it_forgets_the_half_it_heard():
    position = hear(Position(), rmc(), gga()[:20])
    position.lost()
    hear(position, gga()[20:], rmc(), t_ms=500)
    assert not position.known
    position.lost()
    hear(position, gga(), t_ms=1000)
    assert not position.known
    hear(position, rmc("083851.00"), t_ms=1000)
    assert position.known


# --- bytes ---


def test_in_any_pieces_it_is_the_same():
    stream = b"".join((b"\xff\x00noise", gga(), b"$GPRMC,0838", rmc(), b"!AIVDM,1,1*00\r\n"))
    for size in (1, 2, 3, 7, 50, len(stream)):
        position = Position()
        buffer = bytearray(64 + len(stream))
        for start in range(0, len(stream), size):
            piece = stream[start : start + size]
            buffer[: len(piece)] = piece  # what lies behind the count is an older piece
            position.receive(buffer, len(piece), 0)
        assert place(position) == PARIS_E7
        assert (position.sentences, position.damaged) == (2, 1)


def test_a_single_wrong_bit_anywhere_is_refused():
    for line, other in ((rmc(), gga()), (gga(), rmc())):
        for at in range(1, len(line) - 2):
            for bit in range(8):
                wrong = bytearray(line)
                wrong[at] ^= 1 << bit
                # A checksum in small letters is the same checksum.
                if bytes(wrong).upper() == line:
                    continue
                assert not hear(Position(), other, bytes(wrong)).known, wrong


def test_a_sentence_may_have_100_bytes_and_no_more():
    spare = 100 - (len(gga()) - 6)
    assert hear(Position(), rmc(), sentence(gga()[1:-5].decode() + "0" * spare)).known
    position = hear(Position(), rmc(), sentence(gga()[1:-5].decode() + "0" * (spare + 1)))
    assert not position.known and position.damaged == 1
    assert hear(position, gga(), t_ms=100).known


@pytest.mark.parametrize("byte", [0x00, 0x0A, 0x1F, 0x7F, 0x80, 0xFF])
def test_a_sentence_is_of_printable_ascii(byte):
    body = rmc()[1:-5] + bytes([byte])
    total = 0
    for part in body:
        total ^= part
    position = hear(Position(), b"$%s*%02X" % (body, total), gga())
    assert not position.known and position.damaged == 1


def test_kinds_and_talkers():
    kinds = {"GPRMC,1": RMC, "BDGGA,1": GGA, "PGRMC,A": OTHER, "GPGSA,A": OTHER, "GPRMCX,1": OTHER, "GPRMC": OTHER}
    for body, kind in {**kinds, "RMC,1": OTHER, "": OTHER}.items():
        reader = Sentence()
        assert [reader.feed(byte) for byte in sentence(body)].index(True) == len(body) + 3
        assert reader.kind() == kind, body


def test_many_commas_do_not_reach_beyond_the_fields():
    reader = Sentence()
    assert any(reader.feed(byte) for byte in sentence("GPRMC" + "," * 90))
    assert reader.kind() == RMC and reader.number(23, 0) == -1 and reader.number(24, 0) == -1


# --- numbers ---


def exact_e7(text, degree_digits):
    """By decimal arithmetic: 1e-7 degrees of ddmm.mmmm, of 8 decimals at most, halves up."""
    minutes = Decimal(text[degree_digits:]).quantize(Decimal("1e-8"), rounding="ROUND_DOWN")
    degrees = int(text[:degree_digits]) + minutes / 60
    return int((degrees * 10**7).quantize(Decimal(1), rounding=ROUND_HALF_UP))


@given(
    st.integers(0, 89),
    st.integers(0, 179),
    st.integers(0, 59),
    st.integers(0, 59),
    st.text("0123456789", min_size=3, max_size=8),
    st.text("0123456789", min_size=3, max_size=10),
    st.sampled_from("NS"),
    st.sampled_from("EW"),
)
def test_angles_are_exact(lat, lon, lat_min, lon_min, lat_part, lon_part, north, east):
    lat_text, lon_text = f"{lat:02d}{lat_min:02d}.{lat_part}", f"{lon:03d}{lon_min:02d}.{lon_part}"
    where = f"{lat_text},{north},{lon_text},{east}"
    position = hear(Position(), rmc(place=where), gga(place=where))
    signs = (1 if north == "N" else -1), (1 if east == "E" else -1)
    assert place(position) == (signs[0] * exact_e7(lat_text, 2), signs[1] * exact_e7(lon_text, 3))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("9000.00000,N,18000.00000,E", (900000000, 1800000000)),
        ("9000.00000,S,18000.00000,W", (-900000000, -1800000000)),
        ("0000.000,N,00000.000,E", (0, 0)),
        ("2216.500,S,16627.500,E", (-222750000, 1664583333)),
        ("4807.03812345,N,01131.00087654,E", (481173021, 115166813)),
        ("4859.99999999,N,00059.99999999,W", (490000000, -10000000)),
    ],
)
def test_angles_with_known_answers(where, expected):
    assert place(hear(Position(), rmc(place=where), gga(place=where))) == expected


@pytest.mark.parametrize(
    "where",
    [
        "9000.00100,N,00221.13000,E",
        "4851.39600,N,18000.00100,E",
        "9100.00000,N,00221.13000,E",
        "4851.39600,N,18100.00000,E",
        "4860.00000,N,00221.13000,E",
        "4851.39600,E,00221.13000,N",
        "4851.39600,,00221.13000,E",
        "4851.39600,N,00221.13000,",
        "4851.39,N,00221.13,E",
        "4851,N,00221,E",
        "851.39600,N,00221.13000,E",
        "-4851.3960,N,00221.13000,E",
        "4851.3 600,N,00221.13000,E",
        "4851.39.00,N,00221.13000,E",
        "48513.9600,N,00221.13000,E",
        "4851.39600,NN,00221.13000,E",
        "nan,N,nan,E",
    ],
)
def test_what_is_no_angle_is_refused(where):
    assert not hear(Position(), rmc(place=where), gga(place=where)).known


@pytest.mark.parametrize(
    ("hdop", "error_m"),
    [("0.90", 14), ("0.3", 5), ("1", 15), ("1.0", 15), ("01.2", 18), ("2.001", 30), ("99.99", 1500), ("500", 1500)],
)
def test_error_of_a_fix(hdop, error_m):
    assert hear(Position(), rmc(), gga(hdop=hdop)).error_m(0) == error_m


@pytest.mark.parametrize("hdop", ["", "0.0", "x", "-1"])
def test_an_hdop_that_is_not_told_counts_as_5(hdop):
    assert hear(Position(), rmc(), gga(hdop=hdop)).error_m(0) == 75


# --- age ---


def test_the_error_grows_as_the_worker_walks_off():
    position = hear(Position(), rmc(), gga())
    assert [position.error_m(t_ms) for t_ms in (0, 4999)] == [14, 14]
    assert position.error_m(5000) == 14 + 8
    assert position.error_m(600_000) == 14 + 900
    assert position.error_m(24 * 3_600_000) == 50_000
    errors = [position.error_m(t_ms) for t_ms in range(0, 60_000, 500)]
    assert errors == sorted(errors)


@pytest.mark.parametrize("start_ms", [0, MASK - 1500, MASK - 3_600_000])
def test_age_over_the_wrap_of_the_ticks_and_beyond(start_ms):
    position = hear(Position(), rmc(), gga(), t_ms=start_ms)
    for second in (1, 4, 6, 59, 4000):
        t_ms = ticks_add(start_ms, second * 1000)
        assert position.age_s(t_ms) == second and position.fresh(t_ms) == (second < 5)
    t_ms = start_ms
    for hour in range(1, 24 * 40):
        t_ms = ticks_add(t_ms, 3_600_500)
        position.tick(t_ms)
        assert abs(position.age_s(t_ms) - min(hour * 3600.5, 30 * 86400)) <= 1
        assert not position.fresh(t_ms) and position.error_m(t_ms) <= 50_000
    hear(position, rmc("100000.00"), gga("100000.00"), t_ms=t_ms)
    assert position.fresh(t_ms) and position.age_s(t_ms) == 0


# --- the wall clock ---


def test_time_comes_from_a_valid_rmc_only():
    position = hear(Position(), rmc(status="V"), gga())
    assert position.utc_s == UNSET
    hear(position, rmc("083850.40"), t_ms=10_000)
    assert position.utc_s == seconds(2026, 11, 22, 8, 38, 50)
    assert position.utc_at_ms == 9600
    hear(position, rmc("083852.00", "V", date="221127"), t_ms=12_000)
    assert position.utc_s == seconds(2026, 11, 22, 8, 38, 50)


@pytest.mark.parametrize("date", ["", "310226", "001126", "221326", "2211", "x21126"])
def test_no_date_no_time_but_a_place(date):
    position = hear(Position(), rmc(date=date), gga())
    assert position.utc_s == UNSET and position.known


def test_a_receiver_1024_weeks_behind_is_refused_by_the_clock():
    position = hear(Position(), rmc(date="080407"), gga())
    clock = Clock()
    assert position.known
    assert not clock.set(position.utc_s, position.utc_at_ms) and not clock.is_set()
    assert clock.set(hear(position, rmc("083851.00"), t_ms=1000).utc_s, 1000)


def test_a_frozen_receiver_does_not_hold_the_clock():
    position = Position()
    for second in range(60):
        hear(position, rmc(), t_ms=second * 1000)
    assert position.utc_at_ms <= 2000


# --- over a reset ---

NOW = seconds(2026, 11, 22, 9, 0, 0)


def restored(data, utc_s, t_ms=5):
    position = Position()
    assert position.restore(data, utc_s, t_ms)
    return position


@pytest.mark.parametrize("where", ["4851.39600,N,00221.13000,E", "2216.50000,S,16627.50000,E"])
def test_a_restored_place_is_the_last_known(where):
    before = hear(Position(), rmc(place=where), gga(place=where))
    saved = before.save(NOW, 60_000)
    after = restored(saved, NOW + 120)
    assert place(after) == place(before)
    assert (after.hdop_e2, after.satellites) == (before.hdop_e2, before.satellites)
    assert after.age_s(5) == 180 and after.error_m(5) == 14 + 270
    assert not restored(before.save(NOW, 0), NOW).fresh(5)
    assert after.save(NOW + 120, 5) == saved


def test_without_a_clock_its_age_is_unknown_until_there_is_one():
    before = hear(Position(), rmc(), gga())
    after = restored(before.save(NOW, 0), UNSET)
    assert after.known and after.age_s(5) == UNKNOWN_AGE and not after.fresh(5)
    assert after.error_m(5) == 50_000
    assert after.save(UNSET, 5) == before.save(NOW, 0)
    after.tick(9000)
    after.told_time(NOW - 5, 9000)  # a clock that says it was before: no age
    assert after.age_s(9000) == UNKNOWN_AGE
    after.told_time(NOW + 60, 10_000)
    assert after.age_s(12_000) == 62
    assert restored(before.save(UNSET, 0), NOW).age_s(5) == UNKNOWN_AGE
    assert hear(after, rmc("090000.00"), gga("090000.00"), t_ms=13_000).fresh(13_000)


def test_nothing_known_nothing_saved():
    assert Position().save(NOW, 0) == b""
    position = Position()
    assert not position.restore(b"", NOW, 0) and not position.known


@given(st.binary(max_size=60))
def test_what_was_not_saved_is_not_restored(data):
    position = hear(Position(), rmc(), gga())
    assert not position.restore(data, NOW, 0)
    assert place(position) == PARIS_E7 and position.fresh(0)


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_torn_place_with_fields_missing_is_refused(cut):
    saved = hear(Position(), rmc(), gga()).save(NOW, 0)
    assert not Position().restore(b" ".join(saved.split()[:-cut]), NOW, 0)


def test_impossible_places_are_refused():
    good = [1, 488566000, 2, 3521667, 90, 8, 100]
    for at, value in ((0, 2), (1, 900000001), (2, 181), (3, 10000001), (4, 0), (4, 10000), (5, 256), (6, -2)):
        fields = [*good[:at], value, *good[at + 1 :]]
        assert not Position().restore(" ".join(map(str, fields)).encode(), NOW, 0)
    assert Position().restore(" ".join(map(str, good)).encode(), NOW, 0)


# --- the same, and without a single allocation, in the real interpreter of either word size ---

_RUNNER = """
import sys
import micropython
from array import array
from dati.position import Position

def locked(position, pieces, times, trail):
    micropython.heap_lock()
    try:
        at = 0
        for k in range(len(times)):
            t_ms = times[k]
            position.receive(pieces[k], len(pieces[k]), t_ms)
            position.tick(t_ms)
            trail[at] = position.lat_e7
            trail[at + 1] = position.error_m(t_ms)
            trail[at + 2] = position.age_s(t_ms) * 2 + (1 if position.fresh(t_ms) else 0)
            trail[at + 3] = position.damaged
            at += 4
    finally:
        micropython.heap_unlock()

def main(path):
    pieces = []
    times = array("i")
    with open(path, "rb") as file:
        while True:
            head = file.read(6)
            if not head:
                break
            times.append(int.from_bytes(head[:4], "little"))
            pieces.append(file.read(int.from_bytes(head[4:], "little")))
    trail = array("i", bytearray(16 * len(times)))
    position = Position()
    locked(position, pieces, times, trail)
    for value in trail:
        print(value)
    print(position.lon_e7, position.utc_s, position.save(827584519, times[-1]).decode())
    print(Position().restore(position.save(5, 6), 7, 8), Position().restore(b"1 2 \\xff", 0, 0))
    try:
        micropython.heap_lock()
        [position]
        print("the lock does not hold")
    except MemoryError:
        pass
    finally:
        micropython.heap_unlock()
"""


def pieces_of_every_kind():
    """(t_ms, bytes): fixes at the edges of the globe, stale, damaged, noise; over the wrap of the ticks."""
    rng = random.Random(5)
    t_ms = MASK - 100_000
    for number in range(400):
        t_ms = ticks_add(t_ms, rng.choice((200, 1000, 1000, 6000)))
        time = f"{8 + number // 100:02d}{number % 60:02d}{rng.randrange(60):02d}.{rng.randrange(100):02d}"
        where = f"{angle(rng.uniform(-90, 90), 2, 'NS', 8)},{angle(rng.uniform(-180, 180), 3, 'EW', 8)}"
        valid = rng.random() < 0.7
        data = bytearray(
            rmc(time, "A" if valid else "V", where) + gga(time, str(int(valid)), where, f"{rng.uniform(0, 20):.2f}")
        )
        if rng.random() < 0.2:
            data[rng.randrange(len(data))] = rng.randrange(256)
        cut = rng.randrange(len(data))
        yield t_ms, bytes(data[:cut])
        yield t_ms, bytes(data[cut:]) + rng.randbytes(rng.randrange(4))


@pytest.mark.parametrize("engine", [MicroPythonEngine, MicroPython32Engine], ids=["64 bits", "32 bits"])
def test_micropython_agrees_and_allocates_nothing(engine, tmp_path: Path):
    try:
        command = engine().command(tmp_path)
    except EngineUnavailableError as reason:
        pytest.skip(str(reason))
    position = Position()
    expected = []
    stream = b""
    t_ms = 0
    for t_ms, data in pieces_of_every_kind():
        stream += t_ms.to_bytes(4, "little") + len(data).to_bytes(2, "little") + data
        position.receive(data, len(data), t_ms)
        position.tick(t_ms)
        age = position.age_s(t_ms) * 2 + position.fresh(t_ms)
        expected += [position.lat_e7, position.error_m(t_ms), age, position.damaged]
    expected += [f"{position.lon_e7} {position.utc_s} {position.save(827584519, t_ms).decode()}", "True False"]
    (tmp_path / "dati").mkdir()
    for name in ("__init__", "nmea", "position", "clock", "ticks"):
        (tmp_path / "dati" / f"{name}.py").write_bytes((FIRMWARE / f"{name}.py").read_bytes())
    (tmp_path / "interpreted.py").write_text(_RUNNER, encoding="utf-8")
    (tmp_path / "jobs").write_bytes(stream)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [str(value) for value in expected]
    assert len(set(expected[:-2:4])) > 150  # places

"""Our NMEA reader beside pynmea2 and pynmeagps, on recorded logs and on generated ones.

Recorded logs: a folder named by the environment variable DATI_NMEA, such as gpsd's own 154 (`apt-get source gpsd`, then
gpsd-*/test/daemon): of its 6078 RMC and GGA, 338 carry a place that is none.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from dati.clock import UNSET, seconds
from dati.position import Position
from hypothesis import given
from hypothesis import strategies as st

from simulator.parts.clock import VirtualClock
from simulator.parts.gnss import NONE, OPEN, POOR, GnssReceiver, Sky, angle, paced, sentence

try:
    import pynmea2
except ImportError:
    pynmea2 = None
try:
    import pynmeagps
except ImportError:
    pynmeagps = None

SENTENCE = re.compile(rb"\$[\x20-\x23\x25-\x29\x2b-\x7e]{0,100}\*[0-9A-Fa-f]{2}")
RMC_OR_GGA = re.compile(rb"\$(?!P)..(RMC|GGA),")


@dataclass(frozen=True)
class Reading:
    """What a peer read from one sentence; degrees as real numbers, None where there are none."""

    kind: str
    moment_ms: int | None
    valid: bool
    carries_place: bool
    lat: float | None
    lon: float | None
    hdop: float = 0.0
    satellites: int = 0
    utc_s: int = UNSET


def _moment_ms(time):
    return None if not time else ((time.hour * 60 + time.minute) * 60 + time.second) * 1000 + time.microsecond // 1000


def _utc_s(date, moment_ms):
    if not date or moment_ms is None:
        return UNSET
    # Two digits of a year are of this century to us; pynmea2 takes 69 and above for the last.
    return seconds(2000 + date.year % 100, date.month, date.day, 0, 0, 0) + moment_ms // 1000


NOT_REAL = ("N", "E", "M", "S")
REAL = ("1", "2", "3", "4", "5")


def by_pynmea2(line: bytes) -> Reading | None:
    try:
        read = pynmea2.parse(line.decode("ascii"), check=True)
        moment_ms = _moment_ms(read.timestamp)
        where = (read.latitude, read.longitude) if read.lat and read.lon else (None, None)
        if read.sentence_type == "RMC":
            mode = read.mode_indicator if len(read.data) > 11 else ""
            valid = read.status == "A" and mode not in NOT_REAL
            return Reading("RMC", moment_ms, valid, bool(read.lat), *where, utc_s=_utc_s(read.datestamp, moment_ms))
        hdop, satellites = float(read.horizontal_dil or 0), int(read.num_sats or 0)
        valid = str(read.gps_qual) in REAL
        return Reading("GGA", moment_ms, valid, bool(read.lat), *where, hdop, satellites)
    except (pynmea2.ParseError, ValueError, TypeError, AttributeError):
        return None


def by_pynmeagps(line: bytes) -> Reading | None:
    try:
        read = pynmeagps.NMEAReader.parse(line + b"\r\n", validate=pynmeagps.VALCKSUM)
        assert read is not None
        moment_ms = _moment_ms(read.time)
        carries = read.lat != "" and read.lon != ""
        where = (read.lat, read.lon) if carries else (None, None)
        if read.msgID == "RMC":
            valid = read.status == "A" and getattr(read, "posMode", "") not in NOT_REAL
            return Reading("RMC", moment_ms, valid, carries, *where, utc_s=_utc_s(read.date, moment_ms))
        hdop, satellites = float(read.HDOP or 0), int(read.numSV or 0)
        return Reading("GGA", moment_ms, str(read.quality) in REAL, carries, *where, hdop, satellites)
    except (pynmeagps.NMEAParseError, pynmeagps.NMEAMessageError, pynmeagps.NMEATypeError, ValueError, TypeError):
        return None


PEERS = {"pynmea2": by_pynmea2, "pynmeagps": by_pynmeagps}


def peer_of(name):
    if globals()[name] is None:
        pytest.skip(f"{name} is not installed; pip install {name}")
    return PEERS[name]


@pytest.fixture(params=sorted(PEERS))
def peer(request):
    return peer_of(request.param)


class Expected:
    """The rule said once more, over what a peer read: the state our reader must be in after each line."""

    def __init__(self):
        self.place = None
        self.hdop_e2 = self.satellites = 0
        self.utc_s = UNSET
        self._last = {"RMC": None, "GGA": None}
        self._said = {"RMC": (None, 0), "GGA": (None, 0)}

    def take(self, read, t_ms):
        """True when it makes a fix."""
        self._last[read.kind] = None
        if read.moment_ms is None:
            return False
        if self._said[read.kind][0] != read.moment_ms:
            self._said[read.kind] = read.moment_ms, t_ms
        elif t_ms - self._said[read.kind][1] > 2000:
            return False
        if not read.valid:
            return False
        if read.utc_s != UNSET:
            self.utc_s = read.utc_s
        if read.lat is None or read.lon is None:
            return False
        self._last[read.kind] = read, t_ms
        if None in self._last.values():
            return False
        (rmc, rmc_at), (gga, gga_at) = self._last["RMC"], self._last["GGA"]
        apart_ms = abs(rmc.moment_ms - gga.moment_ms)
        if min(apart_ms, 86_400_000 - apart_ms) > 2000 or abs(rmc_at - gga_at) > 2000:
            return False
        self.place = read.lat, read.lon
        self.hdop_e2 = min(int(gga.hdop * 100 + 1e-6), 9999) or 500
        self.satellites = min(gga.satellites, 255)
        return True


def compare(log: bytes, peer) -> tuple[Counter[str], list[str]]:
    """Counts of what was in the log, and every line after which the two do not agree."""
    ours, expected = Position(), Expected()
    counts: Counter[str] = Counter()
    apart = []
    for t_ms, line in paced(log):
        for found in SENTENCE.findall(line):
            fixed = False
            if RMC_OR_GGA.match(found):
                counts["sentences"] += 1
                read = peer(found)
                if read is None:
                    counts["refused by the peer"] += 1
                else:
                    fixed = expected.take(read, t_ms)
                    counts["fixes"] += fixed
                    counts[f"stale {read.kind}"] += read.carries_place and not read.valid
            before = ours.lat_e7, ours.lon_e7
            ours.receive(found, len(found), t_ms)
            if not fixed and (ours.lat_e7, ours.lon_e7) != before:
                apart.append(f"{found!r}: taken by us alone")
            elif expected.place is None:
                if ours.known:
                    apart.append(f"{found!r}: known to us alone")
            else:
                apart += [f"{found!r}: {what}" for what in differences(ours, expected)]
                if fixed and not (ours.fresh(t_ms) and ours.age_s(t_ms) == 0):
                    apart.append(f"{found!r}: a fix that is not fresh")
    return counts, apart


def differences(ours, expected):
    if abs(ours.lat_e7 - expected.place[0] * 1e7) > 1 or abs(ours.lon_e7 - expected.place[1] * 1e7) > 1:
        yield f"{ours.lat_e7}, {ours.lon_e7}, not {expected.place}"
    for name in ("hdop_e2", "satellites", "utc_s"):
        if getattr(ours, name) != getattr(expected, name):
            yield f"{name} {getattr(ours, name)}, not {getattr(expected, name)}"


# --- recorded ---


def recorded():
    folder = os.environ.get("DATI_NMEA")
    return sorted(Path(folder).glob("*.log")) if folder else []


def test_we_agree_on_every_recorded_log(peer, capsys):
    logs = recorded()
    if not logs:
        pytest.skip("no recorded logs: set DATI_NMEA to a folder of them, such as gpsd's test/daemon")
    total: Counter[str] = Counter()
    apart = []
    for path in logs:
        counts, found = compare(path.read_bytes(), peer)
        total += counts
        apart += [f"{path.name}: {what}" for what in found]
    with capsys.disabled():
        counted = ", ".join(f"{count} {what}" for what, count in sorted(total.items()))
        print(f"\n{peer.__name__}: {len(logs)} logs: {counted}; {len(apart)} disagreements")
    assert total["sentences"] > 0
    assert apart == []


# --- generated: something always runs ---


def test_we_agree_on_a_drive_through_a_tunnel(peer):
    """Cold start, the open road, a tunnel with stale coordinates, houses, and a second start."""
    clock = VirtualClock()
    sky = Sky(
        path=((0, 48.85, 2.35), (600, 48.90, 2.30)),
        views=((0, OPEN), (200, NONE), (260, POOR), (400, OPEN)),
    )
    lines: list[bytes] = []
    receiver = GnssReceiver(clock, sky, lines.append, seed=3)
    receiver.start()
    clock.advance_to_us(300_000_000)
    receiver.stop()
    clock.advance_to_us(400_000_000)
    receiver.start()
    clock.advance_to_us(600_000_000)
    counts, apart = compare(b"".join(lines), peer)
    assert apart == []
    assert (
        counts["fixes"] > 600
        and counts["stale RMC"] == counts["stale GGA"] >= 60
        and counts["refused by the peer"] == 0
    )


ALL_MODES = st.sampled_from(["", ",A", ",D", ",E", ",N", ",S", ",M", ",R", ",F"])
DECIMALS = st.integers(3, 8)


@st.composite
def sentences(draw):
    """RMC and GGA of receivers of every kind, a second or so apart, valid, stale or empty; some damaged."""
    out = []
    second = draw(st.integers(0, 86_399))
    for _ in range(draw(st.integers(1, 12))):
        second = (second + draw(st.sampled_from([0, 0, 1, 1, 1, 3, 60]))) % 86_400
        fraction = draw(st.sampled_from(["", ".0", ".25", ".999"]))
        time = f"{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}{fraction}"
        decimals = draw(DECIMALS)
        lat, lon = draw(st.floats(-90, 90)), draw(st.floats(-180, 180))
        where = f"{angle(lat, 2, 'NS', decimals)},{angle(lon, 3, 'EW', decimals)}"
        where = draw(st.sampled_from([where, where, where, ",,,"]))
        talker = draw(st.sampled_from(["GP", "GN", "GL", "GA", "GB", "BD", "QZ"]))
        if draw(st.booleans()):
            date = draw(st.sampled_from(["221126", "290228", "010126", ""]))
            status = draw(st.sampled_from("AAAV"))
            body = f"{talker}RMC,{time},{status},{where},0.10,200.0,{date},,{draw(ALL_MODES)}"
        else:
            quality = draw(st.sampled_from("1112450678"))
            hdop = draw(st.sampled_from(["0.9", "1.25", "12", "99.99", ""]))
            body = f"{talker}GGA,{time},{where},{quality},{draw(st.integers(0, 24)):02d},{hdop},35.0,M,47.0,M,,"
        line = sentence(body)
        if draw(st.integers(0, 9)) == 0:
            line = line.replace(b"0", b"1", 1)
        out.append(line)
    return b"".join(out)


@given(log=sentences())
@pytest.mark.parametrize("name", sorted(PEERS))
def test_we_agree_on_whatever_receivers_say(name, log):
    _, apart = compare(log, peer_of(name))
    assert apart == []


def test_the_comparison_can_fail(peer):
    """A reader that believes stale coordinates does not pass."""
    lines = [
        sentence("GPRMC,120000,A,4851.396,N,00221.130,E,0.1,,221126,,"),
        sentence("GPGGA,120000,4851.396,N,00221.130,E,1,08,0.9,35.0,M,47.0,M,,"),
        sentence("GPRMC,120001,V,4751.396,N,00221.130,E,0.1,,221126,,"),
        sentence("GPGGA,120001,4751.396,N,00221.130,E,0,00,9.9,35.0,M,47.0,M,,"),
    ]
    counts, apart = compare(b"".join(lines), peer)
    assert (counts["fixes"], counts["stale RMC"], counts["stale GGA"], apart) == (1, 1, 1, [])

    def credulous(line):
        read = peer(line)
        return read and Reading(**{**vars(read), "valid": True})

    assert compare(b"".join(lines), credulous)[1]

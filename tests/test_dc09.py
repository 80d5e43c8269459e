"""SIA DC-09: frames byte for byte, replies in any split, the same in every interpreter."""

from __future__ import annotations

import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import dati
import pytest
from dati import dc09, events
from dati.clock import UNSET, seconds
from dati.dc09 import ACK, DUH, NAK, RSP, Replies, frame
from hypothesis import given
from hypothesis import strategies as st

from simulator.engines import EngineUnavailableError
from simulator.engines.interpreters import MicroPython32Engine, MicroPythonEngine

FIRMWARE = Path(dati.__file__).parent
NOW_S = seconds(2026, 11, 22, 8, 38, 50)
STAMP = b"_08:38:50,11-22-2026"


def no_cipher(key, data, encrypting):
    """Lets the test see what would be encrypted. Blocks only, as AES."""
    assert len(data) % 16 == 0
    return bytes(data)


def some(count):
    return bytes(range(256))[-count:]


def framed(content):
    """A frame around any content, its CRC computed here, bit by bit."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return b"\n%04X%04X" % (crc, len(content)) + content + b"\r"


def taken(replies):
    return [(r.kind, r.sequence, r.data, r.utc_s, r.encrypted) for r in iter(replies.take, None)]


def read(data, key=b""):
    replies = Replies(key, no_cipher)
    replies.receive(data, len(data))
    return taken(replies), replies.unreadable


# --- frames ---


def test_the_crc_is_crc_16_arc():
    assert dc09.crc16(b"123456789", 0, 9) == 0xBB3D  # the check value every catalogue of CRCs gives
    assert dc09.crc16(b"", 0, 0) == 0
    assert dc09.crc16(b'x"SIA-DCS"0001RF3L77#1234[#1234|NRR|Atest]x', 1, 42) == 0xF4D2


@given(st.binary(max_size=200))
def test_the_crc_of_anything(data):
    assert b"\n%04X" % dc09.crc16(data, 0, len(data)) == framed(data)[:5]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            lambda: frame("SIA-DCS", 1, "1234", dc09.event_body("1234", "PA", 1)),
            b'\nBB510028"SIA-DCS"0001R0L0#1234[#1234|Nri1/PA001]\r',
        ),
        (
            lambda: frame(
                "SIA-DCS", 3, "1234", dc09.event_body("1234", "MA", 1), dc09.place(488566000, 23521667), NOW_S
            ),
            b'\n8D780057"SIA-DCS"0003R0L0#1234[#1234|Nri1/MA001][X002E21.1300][Y48N51.3960]_08:38:50,11-22-2026\r',
        ),
        (lambda: frame("NULL", 0, "1234"), b'\n28330015"NULL"0000R0L0#1234[]\r'),
        (
            lambda: frame("ADM-CID", 7, "abc", dc09.cid_body("abc", 100, 6)),
            framed(b'"ADM-CID"0007R0L0#ABC[#ABC|1100 01 006]'),
        ),
        (
            lambda: frame("ADM-CID", 7, "ABC", dc09.cid_body("ABC", 100, 6, over=True), receiver="F3", prefix="77"),
            framed(b'"ADM-CID"0007RF3L77#ABC[#ABC|3100 01 006]'),
        ),
        (
            lambda: frame("SIA-DCS", 9999, "1234", dc09.report_body("1234", dc09.LINK, over=True), dc09.occurred(0)),
            framed(b'"SIA-DCS"9999R0L0#1234[#1234|Nri12/YK012][H00:00:00,01-01-2000]'),
        ),
    ],
)
def test_frames_byte_for_byte(made, expected):
    assert made() == expected


@given(st.binary(max_size=64), st.binary(min_size=31, max_size=31))
def test_what_is_encrypted(body, noise):
    body = bytes(byte for byte in body if byte not in b"|[]")
    made = frame("SIA-DCS", 2, "abcd", body, b"[Ix]", NOW_S, b"k" * 16, no_cipher, lambda count: noise[:count])
    head, _, digits = made.partition(b"[")
    assert head[9:] == b'"*SIA-DCS"0002R0L0#ABCD'
    assert framed(made[9:-1]) == made
    assert digits == digits.upper()
    clear = bytes.fromhex(digits[:-1].decode())
    padding, _, rest = clear.partition(b"|")
    assert 16 <= len(padding) <= 31
    assert not set(padding) & set(b"[]\r\n\0")
    assert rest == body + b"][Ix]" + STAMP


def test_the_padding_is_what_random_gave():
    first, second = (
        frame("NULL", 1, "ABC", key=b"k", cipher=no_cipher, random=lambda count, n=n: bytes([n] * count))
        for n in (1, 2)
    )
    assert first != second
    paddings = {frame("NULL", 1, "ABC", key=b"k", cipher=no_cipher, random=random.Random(1).randbytes) for _ in "12"}
    assert len(paddings) == 1


def test_an_encrypted_frame_bears_the_year_2000_while_the_clock_is_unset():
    made = frame("NULL", 1, "ABC", key=b"k", cipher=no_cipher, random=some)
    assert bytes.fromhex(made.partition(b"[")[2][:-1].decode()).endswith(b"|]_00:00:00,01-01-2000")


@pytest.mark.parametrize(
    ("sequence", "account"),
    [(-1, "1234"), (10000, "1234"), (1, "12"), (1, "12345678901234567"), (1, "12G4"), (1, "12 4"), (1, "12`4")],
)
def test_what_no_receiver_reads_is_refused(sequence, account):
    with pytest.raises(ValueError, match="no receiver"):
        frame("NULL", sequence, account)


@pytest.mark.parametrize("account", ["123", "0123456789abcdef"])
def test_accounts_of_every_length(account):
    assert f"#{account.upper()}[".encode() in frame("NULL", 1, account)


@given(
    st.integers(-900000000, 900000000) | st.sampled_from([599999999, -599999999, 9999999, 0, -1]),
    st.integers(-1800000000, 1800000000) | st.sampled_from([1799999999, -1799999999, 9999991, 9999992]),
)
def test_places_are_right_to_a_ten_thousandth_of_a_minute(lat_e7, lon_e7):
    x, y = dc09.place(lat_e7, lon_e7).decode()[1:-1].split("][")
    for text, letter, width, hemispheres, e7 in ((x, "X", 3, "EW", lon_e7), (y, "Y", 2, "NS", lat_e7)):
        assert text[0] == letter
        degrees, side, minutes = text[1 : 1 + width], text[1 + width], text[2 + width :]
        assert len(degrees) == width
        assert len(minutes) == 7
        assert Fraction(minutes) < 60
        shown = int(degrees) + Fraction(minutes) / 60
        assert abs(shown - Fraction(abs(e7), 10**7)) <= Fraction(1, 2 * 10**4 * 60)
        assert side == hemispheres[e7 < 0]


@given(st.text(max_size=400))
def test_text_is_what_every_receiver_reads(words):
    made = dc09.text(words)
    assert made[:2] == b"[I"
    assert made[-1:] == b"]"
    inside = made[2:-1]
    assert len(inside) == min(len(words), dc09.MAX_TEXT)
    assert all(32 <= byte < 127 for byte in inside)
    assert not set(inside) & set(b"[]|")


def test_text_keeps_what_can_be_read():
    made = dc09.text("Élodie à l’entrepôt [nº 3|4]\n100 %", "L")
    assert made == b"[LElodie a l'entrepot (n? 3/4) 100 %]"


def test_the_longest_frame_is_read_at_once_by_pysiaalarm():
    xdata = dc09.place(1, -1) + dc09.occurred(NOW_S) + dc09.text("x" * 999) + dc09.text("y" * 40, "V")
    account = "0123456789ABCDEF"
    body = dc09.report_body(account, dc09.OFF_DUTY)
    made = frame("SIA-DCS", 1, account, body, xdata, NOW_S, b"k", no_cipher, some, "FFFFFF", "FFFFFF")
    assert len(made) <= dc09.MAX_FRAME


# --- what is reported ---


def test_every_cause_has_its_number_and_row():
    for number, (cause, _) in enumerate(reversed(events.CAUSES), 1):
        assert dc09.number_of(cause) == number
        assert number in dc09.REPORTS
    assert dc09.number_of(events.VOLUNTARY | events.TECHNICAL) == 8
    assert dc09.number_of(events.DEAD_MAN | events.IMMOBILITY) == 3
    assert dc09.number_of(0) == 1


def test_what_is_reported():
    assert max(dc09.REPORTS) <= 999
    assert dc09.report(8) == ("PA", "PR", 120)
    with pytest.raises(ValueError, match="unknown"):
        dc09.report(99)
    assert [dc09.report_body("abc", 8), dc09.report_body("ABC", 8, True)] == [b"#ABC|Nri8/PA008", b"#ABC|Nri8/PR008"]


# --- replies ---

_ACK = b'\nDBE70014"ACK"0001R0L0#1234[]\r'
_DUH = b'\nAB3F0014"DUH"0001R0L0#1234[]\r'
_NAK = b'\n02AD0025"NAK"0000R0L0A0[]_08:38:51,11-22-2026\r'


def encrypted(token, clear):
    clear = clear.rjust(len(clear) + -len(clear) % 16, b"0")
    return framed(b'"*%s"0004R0L0#ABCD[' % token + clear.hex().upper().encode())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (_ACK, [(ACK, 1, b"", UNSET, False)]),
        (_DUH, [(DUH, 1, b"", UNSET, False)]),
        (_NAK, [(NAK, 0, b"", NOW_S + 1, False)]),
        (b'"NAK"', [(NAK, -1, b"", UNSET, False)]),
        (b"\n\r", []),
        (framed(b'"ACK"0042L0#1234[CLEAR 77|1][K99]' + STAMP), [(ACK, 42, b"CLEAR 77|1", NOW_S, False)]),
        (framed(b'"RSP"0042R1L0#1234[LOCATE]'), [(RSP, 42, b"LOCATE", UNSET, False)]),
        (framed(b'"ACK"0042R1L0#1234[]_24:38:51,11-22-2026'), [(ACK, 42, b"", UNSET, False)]),
    ],
)
def test_replies_one_by_one(data, expected):
    assert read(data) == (expected, 0)


@pytest.mark.parametrize(
    ("token", "clear", "expected"),
    [
        (b"ACK", b"00000000000]" + STAMP, (ACK, 4, b"", NOW_S, True)),
        (b"ACK", b"0123456789abcdef|]" + STAMP, (ACK, 4, b"", NOW_S, True)),
        (b"ACK", b"0123456789abcdef|#ABCD|ACK 1]" + STAMP, (ACK, 4, b"#ABCD|ACK 1", NOW_S, True)),
        (b"RSP", b"\xff\x00\n\r5678901234_]|][K|1]" + STAMP, (RSP, 4, b"", NOW_S, True)),
    ],
)
def test_encrypted_replies(token, clear, expected):
    data = encrypted(token, clear)
    assert read(data, b"k") == ([expected], 0)
    assert read(data) == ([], 1)


@pytest.mark.parametrize(
    "data",
    [
        _ACK.replace(b"0001", b"0002"),
        _ACK.replace(b"0014", b"0015"),
        _ACK.replace(b"DBE7", b"DBE "),
        framed(b'"ACK"00x1R0L0#1234[]'),
        framed(b'"ACK"0001R0L0#1234]'),
        framed(b'"ACK"0001R0L0#1234['),
        framed(b'"WHAT"0001R0L0#1234[]'),
        framed(b'"ACK'),
        framed(b"ACK"),
        framed(b""),
        b"\n00\r",
        b"\n0000000\r",
        encrypted(b"ACK", b"0123456789abcdef|]"),  # no time: another key, or nobody who has it
        encrypted(b"ACK", b"no bracket" + STAMP),
        framed(b'"*ACK"0004R0L0#ABCD[]'),
        framed(b'"*ACK"0004R0L0#ABCD[ABC]'),
        framed(b'"*ACK"0004R0L0#ABCD[ABCDEF'),
        framed(b'"*ACK"0004R0L0#ABCD[\xff\xfe'),
        b"\n" + b"x" * 600 + b"\r",
    ],
)
def test_what_is_no_reply_is_counted_and_what_follows_is_read(data):
    good = encrypted(b"ACK", b"00000000000]" + STAMP)
    assert read(data + good, b"k") == ([(ACK, 4, b"", NOW_S, True)], 1)


def test_with_a_key_a_clear_receipt_proves_nothing():
    clear = framed(b'"RSP"0001R0L0#1234[CLEAR]')
    assert read(_ACK + clear + _NAK + _DUH + b'"NAK"', b"k") == (
        [(NAK, 0, b"", NOW_S + 1, False), (DUH, 1, b"", UNSET, False), (NAK, -1, b"", UNSET, False)],
        2,
    )


def test_lower_case_digits_are_read():
    lower = framed(b'"*ACK"0004R0L0#ABCD[' + (b"0000000000|OK]" + STAMP).rjust(48, b"x").hex().encode())
    assert read(lower[:1] + lower[1:9].lower() + lower[9:], b"k") == ([(ACK, 4, b"OK", NOW_S, True)], 0)


@given(st.lists(st.integers(1, 40), min_size=1), st.randoms(use_true_random=False))
def test_replies_in_any_split_with_garbage_between(sizes, rng):
    parts = []
    expected = []
    for sequence in range(6):
        noise = bytes(rng.choice(b'abc"[]0\xff') for _ in range(rng.randrange(12)))
        parts += [b"q" + noise if rng.random() < 0.5 else b"", b"\n" + noise if rng.random() < 0.2 else b""]
        parts.append(framed(b'"ACK"%04dR0L0#1234[%d]' % (sequence, sequence)))
        expected.append((ACK, sequence, b"%d" % sequence, UNSET, False))
    data = b"".join(parts)
    replies = Replies()
    got = []
    at = 0
    while at < len(data):
        for size in sizes:
            piece = bytearray(data[at : at + size]) + b"not received"
            replies.receive(piece, len(data[at : at + size]))
            at += size
            got += taken(replies)
    assert got == expected


@given(st.lists(st.sampled_from([_ACK, _NAK, b"\n", b"\r", b'"NAK"', b'"*ACK"', b"[", b"]", b"|", b"\xff", b"0A"])))
def test_garbage_never_raises_and_never_makes_a_receipt(parts):
    data = b"".join(parts)
    replies, _ = read(data)
    assert sum(reply[0] == ACK for reply in replies) <= data.count(_ACK)
    read(data, b"k")


@given(st.integers(0, len(_ACK) - 1), st.integers(1, 255))
def test_a_spoilt_byte_is_no_receipt(at, change):
    spoilt = bytearray(_ACK)
    spoilt[at] ^= change
    got, _ = read(bytes(spoilt))
    # Only the case of a digit of the CRC or of the length may change; the ends may come twice.
    assert got == [] or bytes(spoilt).upper() == _ACK


def test_a_new_connection_forgets_the_old_one():
    replies = Replies()
    replies.receive(_ACK + _NAK[:20], len(_ACK) + 20)
    replies.reset()
    replies.receive(_NAK[20:] + b'"NAK"', len(_NAK) - 20 + 5)
    assert taken(replies) == [(NAK, -1, b"", UNSET, False)]
    assert replies.take() is None


def test_when_nobody_takes_them_the_oldest_are_lost():
    replies = Replies(most=3)
    for sequence in range(9):
        data = framed(b'"ACK"%04dR0L0#1234[]' % sequence)
        replies.receive(data, len(data))
    assert [reply[1] for reply in taken(replies)] == [6, 7, 8]


# --- the same in the real interpreter ---

_RUNNER = """
from dati import dc09
from dati.dc09 import Replies

KEY = b"0123456789abcdef"

def mixed(key, data, encrypting):
    return bytes([data[i] ^ key[i % 16] for i in range(len(data))])

def some(count):
    return bytes([(77 * i) & 255 for i in range(count)])

def show(replies):
    while True:
        reply = replies.take()
        if reply is None:
            return
        print(reply.kind, reply.sequence, list(reply.data), reply.utc_s, reply.encrypted)

def main(path):
    with open(path, "rb") as file:
        data = file.read()
    print(dc09.crc16(data, 0, len(data)))
    for lat_e7, lon_e7 in ((1, -1), (-899999999, 1799999999), (599999999, -1800000000), (488566000, 23521667)):
        print(dc09.place(lat_e7, lon_e7))
    print(dc09.text("\\u00c9lodie [nord|sud] \\u20ac\\n\\u2019"))
    for number in sorted(dc09.REPORTS):
        body = dc09.report_body("12ab", number, True)
        for key in (b"", KEY):
            for utc_s in (-1, 848651930):
                print(dc09.frame(dc09.SIA_DCS, number, "12ab", body, dc09.occurred(utc_s), utc_s, key, mixed, some))
    for account in ("12", "12G4", "x" * 17):
        try:
            dc09.frame("NULL", 1, account)
        except ValueError as error:
            print(error)
    for key in (b"", KEY):
        replies = Replies(key, mixed)
        for at in range(0, len(data), 7):
            replies.receive(bytearray(data[at:]), min(7, len(data) - at))
            show(replies)
        print(replies.unreadable)
    try:
        import micropython
    except ImportError:
        return
    replies = Replies(key, mixed)
    noise = b"\\n123" + b"x" * 700 + b"\\r\\n\\r\\n" + b"y" * 20
    replies.receive(noise, len(noise))
    micropython.heap_lock()
    try:
        replies.receive(noise, len(noise))
    finally:
        micropython.heap_unlock()
"""


def replies_of_every_kind():
    rng = random.Random(9)
    mixed = bytes(a ^ b for a, b in zip(b"0123456789abcdef", b"0" * 16, strict=True))
    for sequence in range(60):
        content = b'"%s"%04dR0L0#1234[%d|x]' % (
            rng.choice([b"ACK", b"NAK", b"DUH", b"RSP", b"HUH"]),
            sequence,
            sequence,
        )
        data = bytearray(framed(content + (STAMP if rng.random() < 0.7 else b"")))
        if rng.random() < 0.3:
            data[rng.randrange(len(data))] = rng.randrange(256)
        yield bytes(data) + rng.choice([b"", b'"NAK"', b"\n\r", rng.randbytes(9), b"z" * 600])
        clear = mixed + b"|%d]" % sequence + STAMP
        clear = clear[:16] + clear[16:].rjust(len(clear) - 16 + -len(clear) % 16, b"1")
        key = b"0123456789abcdef" * (len(clear) // 16)
        hidden = bytes(a ^ b for a, b in zip(clear, key, strict=True))
        yield framed(b'"*ACK"%04dR0L0#1234[' % sequence + hidden.hex().encode())


@pytest.mark.parametrize("engine", [MicroPythonEngine, MicroPython32Engine], ids=["64 bits", "32 bits"])
def test_micropython_agrees_and_bytes_cost_no_allocation(engine, tmp_path):
    try:
        command = engine().command(tmp_path)
    except EngineUnavailableError as reason:
        pytest.skip(str(reason))
    (tmp_path / "dati").mkdir()
    for name in ("__init__", "dc09", "clock", "crc", "events", "ticks"):
        (tmp_path / "dati" / f"{name}.py").write_bytes((FIRMWARE / f"{name}.py").read_bytes())
    (tmp_path / "interpreted.py").write_text(_RUNNER, encoding="utf-8")
    (tmp_path / "jobs").write_bytes(b"".join(replies_of_every_kind()))
    here = [sys.executable, "-S", "-c", "import interpreted; interpreted.main('jobs')"]
    outputs = []
    for program in (here, command):
        done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout.split("\n")[:-1])
    assert outputs[0] == outputs[1]
    assert sum(line.endswith("True") for line in outputs[0]) == 60
    assert len(outputs[0]) > 180

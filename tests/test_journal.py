"""The journal: what was confirmed is read back after a cut at any byte, and it goes on from there."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import dati
import pytest
from dati import events, journal
from dati.clock import UNSET
from dati.crc import crc16
from dati.journal import KINDS, LONGEST, Journal, end_of, find, record_at
from dati.slots import TwoSlots
from hypothesis import given
from hypothesis import strategies as st

from simulator.parts.flash import Flash, PowerCut


def records(data):
    at = find(data, 0)
    while at >= 0:
        yield record_at(data, at)
        at = find(data, end_of(data, at))


def history(made):
    found, position = [], 0
    while (data := made.chunk(position)) is not None:
        found += records(data)
        position += 1
    return found


def opened(flash, **sizes):
    made = Journal(flash, **sizes)
    assert made.open()
    return made


def test_the_crc_is_the_one_of_the_catalogue():
    """The check value that the catalogue of parametrised CRC algorithms gives for CRC-16/ARC."""
    assert crc16(b"123456789", 0, 9) == 0xBB3D
    assert crc16(b"..123456789..", 2, 11) == 0xBB3D


def test_kinds_are_given_once_and_bear_the_numbers_of_the_events():
    codes = [code for code, _, _ in KINDS]
    names = [name for _, name, _ in KINDS]
    assert len(set(codes)) == len(codes) and len(set(names)) == len(names)
    assert KINDS[: len(events.EVENTS)] == events.EVENTS
    assert all(code < 32 for code, _, _ in events.EVENTS) and max(codes) < 256
    assert all(getattr(journal, name.upper()) == code for code, name, _ in KINDS if code >= 32)


def test_records_come_back_as_they_were_put():
    flash = Flash()
    made = opened(flash)
    assert made.put(journal.DUTY_BEGUN, b"", UNSET, 7)
    assert made.put_text(journal.NOTE, "clé cassée", 845_000_000, (1 << 30) - 1)
    assert made.put_number(journal.CLOCK_SET, -5, (1 << 31) + 5, 0)
    assert made.put(journal.NOTE, bytes(range(256)), 0, 1)
    assert history(made) == [
        (journal.DUTY_BEGUN, 0, UNSET, 7, b""),
        (journal.NOTE, 1, 845_000_000, (1 << 30) - 1, "clé cassée".encode()),
        (journal.CLOCK_SET, 2, (1 << 31) + 5, 0, b"\xfb\xff\xff\xff"),
        (journal.NOTE, 3, 0, 1, bytes(range(LONGEST))),
    ]
    again = opened(flash)
    again.put(journal.NOTE, b"on", 9, 9)
    assert [record[1] for record in history(again)] == [0, 1, 2, 3, 4]


def test_the_ring_forgets_the_oldest_file_only():
    flash = Flash()
    made = opened(flash, files=3, file_bytes=100)
    for number in range(40):
        assert made.put_number(journal.CLOCK_SET, number, 0, number)
        kept = [record[1] for record in history(made)]
        assert kept == list(range(number + 1))[-len(kept) :]
        assert len(kept) >= min(number + 1, 9)  # 4 records of 22 bytes a file, two files full
        assert [record[1] for record in history(opened(flash, files=3, file_bytes=100))] == kept
    assert all(len(data) <= 100 for data in flash.files.values()) and len(flash.files) == 3


def scripted(flash, confirmed):
    """A sequence of writes as the device makes them; what was confirmed is added as it is confirmed."""
    made = Journal(flash, files=3, file_bytes=100)
    made.open()
    settings, outbox = TwoSlots(flash, "settings"), TwoSlots(flash, "outbox")
    for number in range(16):
        assert made.put_number(journal.CLOCK_SET, number, 1000 + number, number)
        confirmed.append(("journal", number))
        if number % 3 == 0:
            assert settings.save(b"settings %d" % number)
            confirmed.append(("settings", number))
        if number % 4 == 1:
            assert outbox.save(b"outbox %d" % number)
            confirmed.append(("outbox", number))


def last(confirmed, what):
    return max((number for name, number in confirmed if name == what), default=None)


def test_a_cut_at_every_byte_loses_nothing_that_was_confirmed():
    """Journal with rotation, settings and outbox in one sequence; then the next start, twice cut."""
    steps, finished = 0, False
    while not finished:
        flash, confirmed = Flash(), []
        flash.cut_after(steps)
        try:
            scripted(flash, confirmed)
            finished = True
        except PowerCut:
            pass
        flash.power_up()
        made = opened(flash, files=3, file_bytes=100)
        values = [int.from_bytes(record[4], "little") for record in history(made)]
        puts = [number for name, number in confirmed if name == "journal"]
        lost = [number for number in puts if number not in values]
        assert values == sorted(values) and set(values) - set(puts) <= {len(puts)}
        # Rotation forgets whole files of 4 records, never one that the two other files may still hold.
        assert all(number < len(puts) - 7 for number in lost), (steps, puts, values)
        for name, step in (("settings", 3), ("outbox", 4)):
            value, saved = TwoSlots(flash, name).load(), last(confirmed, name)
            allowed = {b"%s %d" % (name.encode(), saved)} if saved is not None else {None}
            following = saved + step if saved is not None else (0, 1)[step == 4]
            assert value in allowed | {b"%s %d" % (name.encode(), following)}, steps
            assert TwoSlots(flash, name).save(b"next") and TwoSlots(flash, name).load() == b"next"
        newest = history(made)[-1][1] if history(made) else -1
        assert made.put_text(journal.NOTE, "started again", 0, 0)
        assert history(opened(flash, files=3, file_bytes=100))[-1][1:] == (newest + 1, 0, 0, b"started again")
        steps += 1
    assert steps > 500


@pytest.mark.parametrize("first", range(0, 130, 7))
def test_cut_upon_cut_is_survived(first):
    """Starts that are cut while they write their first record, again and again."""
    flash, kept = Flash(), []
    chance = random.Random(first)
    for start in range(30):
        flash.power_up()
        made = opened(flash, files=3, file_bytes=200)
        assert [record[2] for record in history(made)][-3:] == kept[-3:]
        flash.cut_after(chance.randrange(first + 40))
        try:
            for put in range(4):
                value = 10 * start + put
                if made.put(journal.NOTE, b"x" * chance.randrange(20), value, 0):
                    kept.append(value)
        except PowerCut:
            flash.power_up()
            found = [record[2] for record in history(opened(flash, files=3, file_bytes=200))]
            if found and found[-1] not in kept:
                kept.append(found[-1])  # it landed whole, only nobody was told


@given(st.binary(max_size=200), st.binary(max_size=60), st.integers(0, 70))
def test_a_reader_finds_whole_records_among_any_junk(junk, payload, cut):
    flash = Flash()
    made = opened(flash)
    made.put(journal.NOTE, payload, 1, 2)
    whole = flash.read("journal.0")
    data = junk + whole + whole[:cut] + junk + whole
    found = list(records(data))
    assert (journal.NOTE, 0, 1, 2, payload) in found
    assert found.count((journal.NOTE, 0, 1, 2, payload)) >= 2


@given(st.binary(max_size=300))
def test_junk_never_raises(data):
    assert all(len(payload) <= LONGEST for *_, payload in records(b"\xd7\x4a" + data))


@pytest.mark.parametrize("fault", ["failing", "full"])
def test_a_failing_store_is_told_and_shows_as_a_gap(fault):
    flash = Flash()
    made = opened(flash)
    assert made.put(journal.NOTE, b"before", 0, 0)
    flash.fault = fault
    assert not made.put(journal.NOTE, b"lost", 0, 0)
    assert made.failed and made.missed == 1
    flash.fault = ""
    assert made.put(journal.NOTE, b"after", 0, 0) and not made.failed
    assert [(record[1], record[4]) for record in history(made)] == [(0, b"before"), (2, b"after")]


def test_a_store_that_is_down_at_the_start_is_tried_again():
    flash = Flash()
    for number in range(5):
        opened(flash, files=3, file_bytes=60).put_number(journal.CLOCK_SET, number, 0, 0)
    flash.fault = "failing"
    made = Journal(flash, files=3, file_bytes=60)
    assert not made.open() and made.failed
    assert not made.put(journal.NOTE, b"lost", 0, 0)
    flash.fault = ""
    assert made.put(journal.NOTE, b"after", 0, 0)
    assert [record[1] for record in history(made)][-2:] == [4, 5]


def test_a_torn_append_that_only_failed_is_stepped_over():
    """The store says no after some bytes landed: the size of the file is asked for again."""

    class Tearing(Flash):
        tear = 0

        def append(self, name, data):
            if self.tear:
                super().append(name, bytes(data)[: self.tear])
                raise OSError(5)
            super().append(name, data)

    flash = Tearing()
    made = opened(flash, files=2, file_bytes=100)
    assert made.put(journal.NOTE, b"1", 0, 0) and made.put(journal.NOTE, b"2", 0, 0)
    flash.tear = 11
    assert not made.put(journal.NOTE, b"3", 0, 0)
    flash.tear = 0
    for text in (b"4", b"5", b"6", b"7"):
        assert made.put(journal.NOTE, text, 0, 0)
    assert [record[4] for record in history(made)] == [b"1", b"2", b"4", b"5", b"6", b"7"]
    assert all(len(data) <= 100 for data in flash.files.values())


def test_opening_reads_each_file_once_and_the_last_twice():
    class Counting(Flash):
        reads = 0

        def read(self, name):
            self.reads += 1
            return super().read(name)

    flash = Counting()
    made = opened(flash)
    for number in range(2000):
        made.put_number(journal.CLOCK_SET, number, 0, 0)
    flash.reads = 0
    opened(flash)
    assert flash.reads == 9


_ON_MICROPYTHON = """
import sys
sys.path.insert(0, sys.argv[1])
from dati.journal import CLOCK_SET, NOTE, Journal, end_of, find, record_at
from dati.slots import TwoSlots
class Store:
    files = {}
    def read(self, name): return self.files.get(name, b"")
    def write(self, name, data): self.files[name] = bytes(data)
    def append(self, name, data): self.files[name] = self.read(name) + bytes(data)
    def rename(self, old, new): self.files[new] = self.files.pop(old)
store = Store()
made = Journal(store, "journal", 3, 120)
made.open()
for number in range(30):
    assert made.put_number(CLOCK_SET, -number, 2147483600 + number, 1073741823 - number)
store.append("journal.0", b"torn")
store.append("journal.1", bytes([0xD7, 0x4A, 3, 0]))
store.append("journal.2", b"torn")
made = Journal(store, "journal", 3, 120)
assert made.open()
made.put_text(NOTE, "\\u00e9", -1, 3)
position = 0
while True:
    data = made.chunk(position)
    if data is None:
        break
    at = find(data, 0)
    while at >= 0:
        print(record_at(data, at))
        at = find(data, end_of(data, at))
    position += 1
slots = TwoSlots(store, "s")
print(slots.load(), slots.save(b"old"), slots.save(bytearray(b"new")), TwoSlots(store, "s").load())
print(sorted(store.files.items()))
"""


def test_micropython_writes_and_reads_the_same(tmp_path):
    beside = Path(sys.executable).parent / "micropython"
    if not beside.exists():
        pytest.skip("no MicroPython interpreter")
    script = tmp_path / "journal.py"
    script.write_text(_ON_MICROPYTHON)
    folder = str(Path(dati.__file__).parents[1])
    said = [
        subprocess.run([str(program), str(script), folder], capture_output=True, text=True, check=True).stdout
        for program in (sys.executable, beside)
    ]
    assert said[0] == said[1] and said[0].count("(49, ") > 5

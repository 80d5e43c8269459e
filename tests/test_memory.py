"""What survives a reset: whole or not at all, whatever was cut, damaged, or written by another version."""

from __future__ import annotations

from contextlib import suppress

import pytest
from dati.memory import Memory
from hypothesis import given
from hypothesis import strategies as st

from simulator.parts.flash import Flash, PowerCut

FIELDS = ("on_duty", "expected", "state", "causes", "number", "vertical", "outbox")


def filled(store, **values):
    memory = Memory(store)
    known = {
        "on_duty": True,
        "expected": False,
        "state": 2,
        "causes": 0xA4,
        "number": 9999,
        "vertical": (-16384, 3, 16383),
        "outbox": b"\n1 2 3\n\x00\xff\n",
    }
    for name, value in {**known, **values}.items():
        setattr(memory, name, value)
    return memory


def fields(memory):
    return {name: getattr(memory, name) for name in FIELDS}


def loaded(store):
    memory = Memory(store)
    return memory if memory.load() else None


def test_all_of_it_comes_back():
    flash = Flash()
    memory = filled(flash)
    assert memory.save()
    assert fields(loaded(flash)) == fields(memory)
    assert not loaded(flash).lost


@given(
    on_duty=st.booleans(),
    state=st.integers(0, 3),
    causes=st.integers(0, 255),
    vertical=st.tuples(*[st.integers(-16384, 16384)] * 3),
    outbox=st.binary(max_size=400),
)
def test_whatever_it_is(**values):
    flash = Flash()
    memory = filled(flash, **values)
    assert memory.save()
    assert fields(loaded(flash)) == fields(memory)


def test_a_new_device_has_nothing_and_has_lost_nothing():
    memory = Memory(Flash())
    assert not memory.load()
    assert not memory.lost
    assert (memory.on_duty, memory.state, memory.causes, memory.outbox) == (False, 0, 0, b"")


def test_what_has_not_changed_is_not_written_again_unless_asked():
    flash = Flash()
    memory = filled(flash)
    memory.save()
    writes = sum(flash.writes.values())
    assert memory.save()
    assert loaded(flash).save()
    assert sum(flash.writes.values()) == writes
    assert memory.save(True)
    assert sum(flash.writes.values()) == writes + 1


def test_what_could_not_be_written_is_written_the_next_time():
    flash = Flash()
    memory = filled(flash, state=1)
    memory.save()
    memory.state = 2
    flash.fault = "failing"
    assert not memory.save()
    assert memory.slots.failed
    flash.fault = ""
    assert memory.save()
    assert loaded(flash).state == 2


def test_a_cut_at_any_byte_leaves_the_old_or_the_new():
    flash = Flash()
    memory = filled(flash, state=1)
    memory.save()
    before = {name: bytes(data) for name, data in flash.files.items()}
    seen = set()
    for cut in range(200):
        flash = Flash()
        flash.files = {name: bytearray(data) for name, data in before.items()}
        changed = Memory(flash)
        changed.load()
        changed.state = 3
        changed.outbox = b"another"
        flash.cut_after(cut)
        with suppress(PowerCut):
            assert changed.save()
        flash.power_up()
        found = loaded(flash)
        assert (found.state, found.outbox) in ((1, b"\n1 2 3\n\x00\xff\n"), (3, b"another"))
        seen.add(found.state)
    assert seen == {1, 3}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"2 1 0 2 4 1 -1 0 0 16384 0\n",  # of the next version
        b"1 1 0 2 4 1 -1 0 0 16384\n",
        b"1 1 0 2 4 1 -1 0 0 16384 0 5\n",
        b"1 1 0 2 4 1 -1 0 0 16384 0",
        b"1 x 0 2 4 1 -1 0 0 16384 0\n",
        b"\xff\xfe\n",
        b"\x00" * 60,
    ],
)
def test_what_another_version_wrote_is_refused_and_said(data):
    flash = Flash()
    memory = Memory(flash)
    memory.slots.save(data)
    memory = Memory(flash)
    assert not memory.load()
    assert memory.lost
    assert (memory.on_duty, memory.state, memory.outbox) == (False, 0, b"")
    memory.on_duty = True
    assert memory.save()
    assert loaded(flash).on_duty


@given(st.binary(max_size=60))
def test_nothing_that_can_be_saved_stops_the_start(data):
    flash = Flash()
    Memory(flash).slots.save(data)
    Memory(flash).load()


@pytest.mark.parametrize("damaged", [(0,), (1,), (0, 1)])
def test_one_damaged_slot_leaves_the_other_and_two_are_said(damaged):
    flash = Flash()
    memory = filled(flash, state=1)
    memory.save()
    memory.state = 2
    memory.save()
    for slot in damaged:
        flash.files[f"state.{slot}"][9] ^= 0x40
    found = loaded(flash)
    if len(damaged) == 2:
        assert found is None
        again = Memory(flash)
        again.load()
        assert again.lost
        assert again.save()
        assert loaded(flash) is not None
    else:
        assert found.state in (1, 2)


def test_flash_that_cannot_be_read_is_said():
    flash = Flash()
    filled(flash).save()
    flash.fault = "failing"
    memory = Memory(flash)
    assert not memory.load()
    assert memory.lost
    assert memory.slots.failed


class Scratch:
    def __init__(self):
        self.data = b""

    def kept(self):
        return self.data

    def keep(self, data):
        self.data = data


def test_a_flash_that_takes_nothing_loses_nothing_over_a_reset():
    flash, scratch = Flash(), Scratch()
    memory = Memory(flash, scratch)
    assert memory.save()
    flash.fault = "full"
    memory.state, memory.causes, memory.outbox = 2, 0x80, b"owed"
    assert not memory.save()
    again = Memory(flash, scratch)
    assert again.load()
    assert (again.state, again.causes, again.outbox) == (2, 0x80, b"owed")
    flash.fault = ""
    assert again.save()  # the flash is owed what only the scratch memory knew
    assert fields(loaded(flash)) == fields(again)


def test_after_a_loss_of_power_the_flash_speaks():
    flash, scratch = Flash(), Scratch()
    memory = filled(flash)
    assert memory.save()
    for damaged in (b"", b"not of ours", b"99 1 2\n"):
        scratch.data = damaged
        again = Memory(flash, scratch)
        assert again.load()
        assert fields(again) == fields(memory)

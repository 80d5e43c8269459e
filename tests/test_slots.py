"""Two slots: after a cut at any byte there is the old value or the new, never none and never an older one."""

from __future__ import annotations

import pytest
from dati.slots import LONGEST, TwoSlots

from simulator.parts.flash import Flash, PowerCut


def test_a_value_comes_back():
    flash = Flash()
    assert TwoSlots(flash, "s").load() is None
    for value in (b"", b"one", bytes(300), bytes(range(256)), bytes(LONGEST)):
        slots = TwoSlots(flash, "s")
        assert slots.save(value)
        assert slots.load() == TwoSlots(flash, "s").load() == value
        assert not slots.failed and not slots.damaged


@pytest.mark.parametrize("generations", [0, 0x7FFD, 0xFFFC])
def test_a_cut_at_any_byte_leaves_the_old_or_the_new(generations):
    """Generations wrap at 0x10000, and look odd at half of it; both are passed here."""
    values = [b"value %d" % number for number in range(8)]
    started = Flash()
    slots = TwoSlots(started, "s")
    slots.load()
    slots._generation = generations
    assert slots.save(b"first")
    steps = 0
    finished = False
    while not finished:
        flash = Flash()
        flash.files = {name: bytearray(data) for name, data in started.files.items()}
        flash.cut_after(steps)
        slots = TwoSlots(flash, "s")
        confirmed, begun = b"first", b"first"
        try:
            for value in values:
                begun = value
                assert slots.save(value)
                confirmed = value
            finished = True
        except PowerCut:
            pass
        flash.power_up()
        after = TwoSlots(flash, "s")
        assert after.load() in (confirmed, begun), steps
        assert not after.damaged
        assert after.save(b"next") and TwoSlots(flash, "s").load() == b"next"
        steps += 1
    assert steps > 8 * len(values[0])


@pytest.mark.parametrize("fault", ["failing", "full"])
def test_a_failing_store_is_told_and_the_old_value_stays(fault):
    flash = Flash()
    slots = TwoSlots(flash, "s")
    slots.save(b"old")
    slots.save(b"older is overwritten")
    flash.fault = fault
    assert not slots.save(b"new") and slots.failed
    flash.fault = ""
    assert TwoSlots(flash, "s").load() == b"older is overwritten"
    assert slots.save(b"new") and not slots.failed
    assert TwoSlots(flash, "s").load() == b"new"


def test_a_store_that_cannot_be_read_at_first_does_not_bring_back_an_old_value():
    flash = Flash()
    for number in range(5):
        TwoSlots(flash, "s").save(b"%d" % number)

    class Unreadable:
        def read(self, name):
            raise OSError(5)

        def write(self, name, data):
            flash.write(name, data)

    slots = TwoSlots(Unreadable(), "s")
    assert slots.load() is None and slots.failed
    assert slots.save(b"new")
    assert TwoSlots(flash, "s").load() == b"new"


def test_one_damaged_slot_gives_the_other_and_two_are_told():
    flash = Flash()
    slots = TwoSlots(flash, "s")
    slots.save(b"old")
    slots.save(b"new")
    flash.files["s.1"][7] ^= 1
    assert slots.load() == b"old" and not slots.damaged
    flash.files["s.0"][7] ^= 1
    assert slots.load() is None and slots.damaged
    assert slots.save(b"fresh") and slots.load() == b"fresh" and not slots.damaged


def test_every_damaged_bit_is_noticed():
    flash = Flash()
    TwoSlots(flash, "s").save(b"settings")
    whole = bytes(flash.files["s.1" if "s.1" in flash.files else "s.0"])
    name = next(iter(flash.files))
    for bit in range(8 * len(whole)):
        flash.files[name] = bytearray(whole)
        flash.files[name][bit // 8] ^= 1 << bit % 8
        assert TwoSlots(flash, "s").load() is None, bit

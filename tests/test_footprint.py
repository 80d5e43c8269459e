"""What the firmware takes of memory, with its code in place, through an alarm on the virtual board."""

from __future__ import annotations

import pytest

from simulator import footprint
from simulator.engines import EngineUnavailableError
from simulator.footprint import BOUND_BYTES, STAGES, alarm, lived, measure
from simulator.scenario import check

# The 64-bit interpreter's words are twice as long as the ESP32's.
ENOUGH_64_BYTES = 240 << 10


@pytest.fixture(scope="module")
def code():
    try:
        with footprint.compiled() as made:
            yield made
    except EngineUnavailableError as error:
        pytest.skip(str(error))


def measured(*args, **kwargs):
    try:
        return measure(*args, **kwargs)
    except EngineUnavailableError as error:
        pytest.skip(str(error))


def test_with_the_esp32s_words_dati_needs_less_than_its_bound(code):
    found, world = measured(*alarm(), code.image, words=32)
    assert lived(found, world), found.console[-3:]
    assert list(found.left) == list(STAGES), "each stage was told"
    held = [found.left[stage] for stage in STAGES]
    assert held == sorted(held)
    need = found.left["duty"] - found.others
    print(f"dati/ with 32-bit words: {need} bytes of {BOUND_BYTES}; all {held[-1]}, high-water {found.high_water}")
    assert 0 < need < BOUND_BYTES
    assert found.high_water > held[-1], "what a turn throws away is counted"


def test_the_whole_firmware_lives_through_an_alarm_in_a_small_heap(code):
    found, world = measured(*alarm(), code.image, ENOUGH_64_BYTES)
    print(f"all with 64-bit words: {found.left.get('duty')} bytes in a heap of {ENOUGH_64_BYTES}")
    assert lived(found, world), found.console[-3:]


def test_a_heap_that_is_too_small_is_noticed(code):
    scenario = check("short", {"title": "too small", "minutes": 0.1, "must": []})
    found, world = measured(scenario, alarm()[1], code.image, 100 << 10)
    assert not lived(found, world)
    assert any("MemoryError" in line for line in found.console)


def test_without_the_tools_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(footprint, "find_node", lambda: None)
    with pytest.raises(EngineUnavailableError, match="32-bit"):
        footprint._node()
    with pytest.raises(EngineUnavailableError, match=r"dati\[flash\]"):
        footprint._tool("no_such_module")


def test_the_manifest_names_all_that_is_flashed():
    asked = []
    path = footprint.ROOT / "frozen" / "manifest.py"
    scope = {"include": lambda path: None}
    for verb in ("module", "package"):
        scope[verb] = lambda name, base_path, opt: asked.append(path.parent / base_path / name)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)
    assert all(found.exists() for found in asked)
    files = {found.name for found in footprint.ROOT.glob("*.py")}
    folders = {found.parent.name for found in footprint.ROOT.glob("*/__init__.py")}
    assert {found.name for found in asked} == files | folders

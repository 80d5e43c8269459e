"""Four engines, the same bits; and what is said when one cannot run."""

from __future__ import annotations

import dataclasses
import shutil
from array import array

import numpy as np
import pytest
from dati import events as codes

from simulator import engines
from simulator.engines import ENGINES, EngineUnavailableError, Job, compiled, interpreters, python, runner, store
from simulator.errors import UserError
from simulator.trace import INPUTS

PERIOD_MS = 1 << 30
NUMBER = {what: number for number, what in enumerate(INPUTS)}
OTHERS = [name for name in ENGINES if name != "python"]
LOCKED = ("micropython", "micropython32")  # run with the heap locked
BLOCKS = (1, 7, 25, 32, 1 << 20)


def engine(name):
    try:
        return ENGINES[name]()
    except EngineUnavailableError as error:
        pytest.skip(f"engine {name!r}: {error}")


def no_inputs():
    return np.zeros((0, 3), np.int32)


def inputs_of(*rows):
    return np.array([(at, NUMBER[what], value) for at, what, value in rows], np.int32).reshape(-1, 3)


def random_job(seed):
    """Somebody who moves, lies, falls, presses, at settings drawn at random."""
    random = np.random.default_rng(seed)
    rate_hz = int(random.choice([25, 33, 50, 97, 200]))
    count = 40 * rate_hz
    lean_rad = np.radians(np.repeat(random.uniform(-120, 120, 20), 2 * rate_hz))
    samples_mg = np.column_stack([np.sin(lean_rad), np.cos(lean_rad), 0 * lean_rad]) * 1000
    samples_mg += random.normal(0, 1, samples_mg.shape) * np.repeat(random.choice([2, 300], 20), 2 * rate_hz)[:, None]
    samples_mg[random.integers(0, count, 5)] = random.uniform(-16000, 16000, (5, 3))
    samples_mg[-12 * rate_hz :] = (1000, 30, 0)
    names = random.choice(list(INPUTS), 15)
    at = np.sort(random.integers(0, count, 15))
    rows = zip(at, names, random.integers(0, 4 * rate_hz, 15), strict=True)
    return Job(
        id=f"random/{seed}",
        samples=np.clip(np.rint(samples_mg), -32768, 32767).astype(np.int16),
        settings={
            "rate_hz": rate_hz,
            "verticality_delay_ms": int(random.choice([1000, 2345, 5000])),
            "verticality_needs_immobility": bool(random.integers(2)),
            "immobility_delay_ms": 10000,
            "fall_impact_mg": 1500,
            "flight_enabled": True,
            "flight_delay_ms": 3000,
            "pre_alarm_ms": int(random.choice([0, 1777, 5000])),
            "recovery_cancels": bool(random.integers(2)),
            "dead_man_enabled": True,
            "dead_man_interval_ms": 30000,
            "technical_delay_ms": 1000,
        },
        inputs=inputs_of(*((i, what, int(value) % 4 if what == "clear" else int(value)) for i, what, value in rows)),
        up=None if seed % 2 else (100, -900, 300),
        cancel_after=int(random.choice([-1, 0, rate_hz])),
        shake_mg=int(random.choice([0, 300, 32767])),
        start_ms=int(random.choice([0, PERIOD_MS - 1, PERIOD_MS - 20000])),
        block=int(random.choice(BLOCKS)),
    )


def adversarial_jobs():
    """What no worker does: full scale, nothing at all, one sample, everything at once."""
    hard = {"rate_hz": 200, "flight_enabled": True, "verticality_delay_ms": 1000, "immobility_delay_ms": 10000}
    count = 200 * 30
    flips = np.where(np.arange(count)[:, None] % 2, 32767, -32768) * np.ones(3)
    slow = np.where(np.arange(count)[:, None] // 31 % 2, 32767, -32768) * np.ones(3)
    shapes = {
        "flips": flips,
        "slow flips": slow,
        "lowest": np.full((count, 3), -32768),
        "highest": np.full((count, 3), 32767),
        "zero": np.zeros((count, 3)),
        "one mg": np.tile((0, 0, -1), (count, 1)),
        "noise": np.random.default_rng(7).integers(-32768, 32768, (count, 3)),
        "one sample": np.array([[0, 1000, 0]]),
    }
    for number, (name, samples) in enumerate(shapes.items()):
        yield Job(
            id=f"adversarial/{name}",
            samples=samples.astype(np.int16),
            settings=hard,
            inputs=inputs_of((0, "zero", 0), (0, "lost", 3000), (0, "sos_down", 0)),
            up=(32767, -32768, 1),
            shake_mg=32767,
            start_ms=PERIOD_MS - 1 - number,
            block=BLOCKS[number % len(BLOCKS)],
        )
    yield Job("adversarial/empty", np.zeros((0, 3), np.int16), {}, no_inputs())


def noisy_job(events=700):
    """An alarm, and a worker who presses cancel again and again: each press is refused, each is an event."""
    rows = [(0, "sos_down", 0), *((80 + number // 3, "cancel", 0) for number in range(events))]
    standing = np.tile(np.array((0, 1000, 0), np.int16), (500, 1))
    return Job("many events", standing, {"sos_hold_ms": 1000}, inputs_of(*rows))


@pytest.fixture(scope="module")
def jobs():
    return [*(random_job(seed) for seed in range(16)), *adversarial_jobs(), noisy_job()]


@pytest.fixture(scope="module")
def wanted(jobs):
    return [result.events for result in ENGINES["python"]().run(jobs)]


def test_the_jobs_go_through_all_the_firmware_has_to_say(wanted):
    seen = {event.code for events in wanted for event in events}
    assert seen == {code for code, _, _ in codes.EVENTS}
    raised = {event.argument for events in wanted for event in events if event.code == codes.CONDITION_BEGAN}
    assert raised == {codes.FALL, codes.FLIGHT, codes.VERTICALITY, codes.IMMOBILITY}


@pytest.mark.parametrize("name", OTHERS)
def test_every_engine_gives_the_same_events(name, jobs, wanted):
    results = list(engine(name).run(jobs))
    assert len(results) == len(jobs)
    for job, result, events in zip(jobs, results, wanted, strict=True):
        assert result.events == events, job.id


@pytest.mark.parametrize("name", LOCKED)
def test_a_replay_allocates_nothing(name, jobs):
    for job, result in zip(jobs, engine(name).run(jobs), strict=True):
        assert result.allocated_bytes == 0, job.id


@pytest.mark.parametrize("name", ENGINES)
def test_more_events_than_the_buffer_holds_all_arrive(name):
    [result] = engine(name).run([noisy_job(events=700)])
    refused = [event for event in result.events if event.code == codes.REFUSED]
    assert len(refused) == 700
    assert [event.sample for event in refused] == [80 + number // 3 for number in range(700)]


@pytest.mark.parametrize("name", [name for name in ENGINES if name not in LOCKED])
def test_events_depend_neither_on_the_blocks_nor_on_the_start_tick(name):
    ready = engine(name)
    for seed in range(8):
        job = random_job(seed)
        variants = [dataclasses.replace(job, block=block) for block in BLOCKS]
        variants += [dataclasses.replace(job, start_ms=start_ms) for start_ms in (0, 12345, PERIOD_MS - 5000)]
        first, *rest = [result.events for result in ready.run(variants)]
        assert all(events == first for events in rest)


@pytest.mark.parametrize("name", ENGINES)
def test_no_jobs_no_results(name):
    assert list(engine(name).run([])) == []


def test_results_come_while_jobs_are_still_being_made():
    asked = []

    def endless():
        while True:
            asked.append(None)
            yield noisy_job(events=1)

    results = ENGINES["python"]().run(endless())
    next(results)
    next(results)
    assert len(asked) == 2


def test_an_interpreter_takes_jobs_in_batches_and_keeps_their_order(monkeypatch):
    monkeypatch.setattr(interpreters, "_BATCH_BYTES", 1)
    ready = engine("micropython")
    results = list(ready.run(noisy_job(events) for events in (1, 2, 3)))
    assert [sum(event.code == codes.REFUSED for event in result.events) for result in results] == [1, 2, 3]


# --- the vibrator of the simulated device ---


def fed(job):
    """The x of every sample as the device's detectors saw it, and whether the vibrator was running."""
    device = python.make_device(job)
    run = device.bank.run
    seen = []

    def watched(samples, first, end):
        taken = run(samples, first, end)
        seen.extend((int(samples[3 * at]), device.bank.shaken) for at in range(first, taken))
        return taken

    device.bank.run = watched
    list(python.replay(device, job, array("h", job.samples.tobytes())))
    return seen


@pytest.mark.parametrize("block", BLOCKS)
def test_the_simulated_vibrator_shakes_every_pulse_whatever_the_block(block):
    still = np.tile(np.array((0, 1000, 0), np.int16), (30 * 50, 1))
    values = {"immobility_delay_ms": 10000, "verticality_enabled": False}
    seen = fed(Job("still", still, values, no_inputs(), shake_mg=300, block=block))
    assert len(seen) == len(still)
    assert sum(shaken for _, shaken in seen) > 5 * 40  # 15 s of pre-alarm hold 7 pulses
    assert all((x_mg != 0) == shaken for x_mg, shaken in seen)


# --- what is said when an engine is not there ---


def one_line(caught):
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


def test_an_unknown_engine_is_a_users_mistake_that_names_the_known_ones():
    with pytest.raises(UserError) as caught:
        engines.get("fortran")
    message = one_line(caught)
    assert "'fortran'" in message
    assert all(name in message for name in ENGINES)


def nowhere(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "home", lambda: tmp_path / "engines")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(interpreters.sys, "executable", str(tmp_path / "python"))


@pytest.mark.parametrize("name", OTHERS)
def test_a_missing_engine_is_a_users_mistake_that_says_what_to_do(name, monkeypatch, tmp_path):
    nowhere(monkeypatch, tmp_path)
    with pytest.raises(UserError) as caught:
        engines.get(name)
    message = one_line(caught)
    assert message.startswith(f"engine {name!r} cannot run here: ")
    assert any(command in message for command in ("dati engines --install", "make setup", "pip install"))


def test_a_missing_node_is_said(monkeypatch):
    monkeypatch.setattr(interpreters, "find_node", lambda: None)
    with pytest.raises(UserError) as caught:
        engines.get("micropython32")
    assert "node" in one_line(caught)


def test_without_a_build_python_is_the_fastest(monkeypatch, tmp_path):
    nowhere(monkeypatch, tmp_path)
    assert engines.fastest().name == "python"


def test_an_interpreter_that_fails_is_a_users_mistake_with_its_last_words():
    ready = engine("micropython")
    bad = dataclasses.replace(noisy_job(1), id="bad/one", settings={"no_such": 1})
    with pytest.raises(UserError) as caught:
        list(ready.run([noisy_job(1), bad]))
    assert "'micropython'" in one_line(caught)
    assert "no_such" in one_line(caught)


# --- the 32-bit interpreter is the one that was pinned ---


def test_a_package_that_is_not_the_pinned_one_is_refused_and_leaves_nothing(tmp_path):
    target = tmp_path / "engines" / "micropython32"
    with pytest.raises(UserError) as caught:
        store.unpack_wasm(b"not the package", target)
    assert store.WASM_PACKAGE in one_line(caught)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_package_does_not_replace_a_right_one(tmp_path):
    target = tmp_path / "micropython32"
    target.mkdir()
    (target / "micropython.mjs").write_text("right")
    with pytest.raises(UserError):
        store.unpack_wasm(b"not the package", target)
    assert (target / "micropython.mjs").read_text() == "right"
    assert list(tmp_path.iterdir()) == [target]


# --- a compiled build of other sources is not used ---


def test_a_build_of_other_sources_is_not_used(monkeypatch, tmp_path):
    engine("compiled")
    changed = tmp_path / "dati"
    shutil.copytree(compiled.FIRMWARE, changed, ignore=shutil.ignore_patterns("__pycache__"))
    before = compiled._package()
    monkeypatch.setattr(compiled, "FIRMWARE", changed)
    assert compiled._package() == before
    assert compiled.is_built()
    (changed / "ticks.py").write_text((changed / "ticks.py").read_text() + "\n")
    assert compiled._package() != before
    assert not compiled.is_built()
    with pytest.raises(UserError) as caught:
        engines.get("compiled")
    assert "not built from these sources" in one_line(caught)
    assert engines.fastest().name == "python"


def test_a_change_of_the_declared_types_is_another_build(monkeypatch, tmp_path):
    before = compiled._package()
    shutil.copytree(compiled._PXD, tmp_path / "pxd")
    (tmp_path / "pxd" / "more.pxd").touch()
    monkeypatch.setattr(compiled, "_PXD", tmp_path / "pxd")
    assert compiled._package() != before


def test_a_build_needs_cython(monkeypatch):
    monkeypatch.setattr(compiled.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError) as caught:
        compiled.build()
    assert "pip install" in one_line(caught)


# --- numbers that stand in two files ---


def test_the_runner_knows_the_inputs_and_events_by_their_numbers():
    for what, number in NUMBER.items():
        assert getattr(runner, f"_{what.upper()}") == number
    assert runner._SIGNAL == codes.SIGNAL

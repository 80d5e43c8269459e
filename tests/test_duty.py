"""The function test: which steps for which settings, what passes each, what each refuses, and when it gives up."""

from __future__ import annotations

import random
from array import array

import pytest
from dati import duty, signals
from dati.device import Device
from dati.duty import BATTERY, HOLD, KNOCK, LINK, PRESS, SENSOR, STAND, TILT, FunctionTest
from dati.settings import Settings
from dati.ticks import MASK, ticks_add

STANDS = (0, 1000, 0)
LIES = (1000, 0, 0)
STARTS_MS = [0, MASK, MASK - 20000]
_random = random.Random(1)
_SWAY_MG = [_random.randrange(-900, 900) for _ in range(512)]


def sways(ms):
    """A worker who does not hold still, and is no machine either."""
    return _SWAY_MG[ms // 400 % 512], 1000, 0


class Trial:
    """A worker who does as told, or does not; `run` feeds samples and lets time pass."""

    def __init__(self, start_ms=0, block=10, **values):
        self.settings = Settings(values)
        self.device = Device(self.settings, start_ms)
        self.device.guard(False)
        self.t_ms = start_ms
        self.block = block
        self.test = FunctionTest(self.settings, self.device, start_ms)

    def run(self, ms, accel_mg=STANDS):
        """Returns after how many ms the step was over."""
        step = self.test.step
        rate_hz = self.settings.rate_hz
        for passed_ms in range(0, ms, self.block * 1000 // rate_hz):
            if self.test.step != step or self.test.over:
                return passed_ms
            self.t_ms = ticks_add(self.t_ms, self.block * 1000 // rate_hz)
            flat = array("h", tuple(accel_mg(passed_ms) if callable(accel_mg) else accel_mg) * self.block)
            first = 0
            while first < self.block:
                taken = self.device.run(flat, first, self.block)
                self.test.samples(flat, first, taken, self.t_ms)
                first = taken
                while self.device.events.count:
                    self.device.events.drop()
            self.test.tick(self.t_ms)
        return ms

    def at(self, step):
        """Pass whatever comes before `step`."""
        while self.test.step != step:
            self.pass_step()
        return self

    def pass_step(self):
        step = self.test.step
        if step in (SENSOR, PRESS, LINK):
            self.test.done(step, self.t_ms)
        elif step == BATTERY:
            self.test.battery(80, self.t_ms)
        else:
            self.run(25000, {STAND: STANDS, TILT: LIES, HOLD: STANDS, KNOCK: (3000, 0, 0)}[step])
        assert self.test.step != step or self.test.over


def steps_of(**values):
    trial = Trial(**values)
    seen = [trial.test.step]
    while not trial.test.over:
        trial.pass_step()
        if not trial.test.over:
            seen.append(trial.test.step)
    assert trial.test.failed == 0
    assert trial.test.passed == sum(seen)
    return seen


OFF = {"verticality_enabled": False, "immobility_enabled": False, "fall_enabled": False}


@pytest.mark.parametrize(
    ("values", "tested"),
    [
        ({}, [TILT, HOLD, KNOCK]),
        (OFF, []),
        ({**OFF, "verticality_enabled": True}, [TILT]),
        ({**OFF, "immobility_enabled": True}, [HOLD]),
        ({**OFF, "fall_enabled": True}, [KNOCK]),
        ({**OFF, "flight_enabled": True}, [KNOCK]),
        ({"placement": "pocket"}, [HOLD, KNOCK]),
        ({"placement": "wrist"}, [HOLD, KNOCK]),
    ],
)
def test_every_detector_that_is_on_is_tested_and_no_other(values, tested):
    assert steps_of(**values) == [SENSOR, BATTERY, STAND, *tested, PRESS, LINK]


def test_steps_are_bits_with_names_and_the_worker_is_led_by_a_signal_each():
    assert sorted(step for step, _ in duty.STEPS) == [1 << bit for bit in range(8)]
    assert duty.name_of(HOLD) == "hold"
    assert duty.name_of(3) == "3"
    assert duty.names_of(SENSOR | KNOCK | LINK) == "sensor knock link"
    assert [name for _, name in duty.STATES] == ["off_duty", "function_test", "on_duty", "charging"]
    led = [signals.DUTY_STAND, signals.DUTY_TILT, signals.DUTY_HOLD, signals.DUTY_KNOCK, signals.DUTY_PRESS]
    trial = Trial()
    assert trial.test.signal == signals.DUTY_LINK  # nothing for the worker to do yet
    assert [trial.at(step).test.signal for step in (STAND, TILT, HOLD, KNOCK, PRESS)] == led
    assert trial.at(LINK).test.signal == signals.DUTY_LINK


@pytest.mark.parametrize("start_ms", STARTS_MS)
@pytest.mark.parametrize("step", [SENSOR, BATTERY, STAND, TILT, HOLD, KNOCK, PRESS, LINK])
def test_a_step_that_does_not_come_refuses_duty_after_its_time(step, start_ms):
    trial = Trial(start_ms).at(step)
    passed = trial.test.passed
    took_ms = trial.run(200000, sways if step in (STAND, HOLD) else STANDS)
    assert trial.test.over
    assert trial.test.failed == step
    assert trial.test.passed == passed
    limit_ms = duty.LINK_MS if step == LINK else 30000
    assert limit_ms - 200 <= took_ms <= limit_ms + 400


@pytest.mark.parametrize("step", [SENSOR, PRESS, LINK])
def test_a_step_that_fails_refuses_at_once(step):
    trial = Trial().at(step)
    trial.test.done(step, trial.t_ms, False)
    assert (trial.test.over, trial.test.failed) == (True, step)
    trial.test.done(step, trial.t_ms)
    trial.test.tick(ticks_add(trial.t_ms, 10**6))
    assert trial.test.failed == step


@pytest.mark.parametrize(("percent", "failed"), [(19, BATTERY), (0, BATTERY), (20, 0), (100, 0)])
def test_a_low_battery_refuses(percent, failed):
    trial = Trial().at(BATTERY)
    trial.test.battery(percent, 0)
    assert trial.test.failed == failed
    assert trial.test.over == bool(failed)


def test_what_is_not_asked_for_now_does_not_count():
    trial = Trial()
    for step in (BATTERY, STAND, TILT, HOLD, KNOCK, PRESS, LINK):
        trial.test.done(step, 0)
    trial.test.battery(0, 0)
    assert trial.test.step == SENSOR
    assert not trial.test.over
    trial.at(STAND)
    trial.run(1000, (5000, 0, 0))
    assert trial.test.step == STAND
    trial.test.done(PRESS, trial.t_ms)
    assert trial.test.step == STAND


def test_standing_zeroes_by_the_way_it_is_worn():
    trial = Trial().at(STAND)
    took_ms = trial.run(30000, (0, 0, -1000))
    assert trial.test.step == TILT
    assert 2000 <= took_ms <= 8000
    vertical = trial.device.bank.vertical
    assert (vertical.x_q14, vertical.y_q14, vertical.z_q14) == (0, 0, -16384)


def test_standing_is_seen_as_soon_as_the_worker_comes_to_rest():
    trial = Trial().at(STAND)
    took_ms = trial.run(30000, lambda ms: sways(ms) if ms < 15000 else STANDS)
    assert trial.test.step == TILT
    assert 15000 < took_ms < 26000


@pytest.mark.parametrize("accel_mg", [(0, 500, 0), (0, 2000, 0), (0, 0, 0)])
def test_a_sensor_that_does_not_read_one_g_at_rest_is_not_zeroed(accel_mg):
    trial = Trial().at(STAND)
    trial.run(40000, accel_mg)
    assert trial.test.failed == STAND


@pytest.mark.parametrize(("deg_mg", "passes"), [((600, 800, 0), False), ((800, 600, 0), True), ((0, -1000, 0), True)])
def test_a_tilt_counts_beyond_the_threshold(deg_mg, passes):
    trial = Trial(verticality_threshold_deg=45).at(TILT)
    took_ms = trial.run(29000, deg_mg)
    assert (trial.test.step != TILT) == passes
    assert not passes or took_ms < 5000


def test_holding_still_takes_two_seconds_after_the_last_motion():
    trial = Trial().at(HOLD)
    took_ms = trial.run(29000, lambda ms: sways(ms) if ms < 9000 else STANDS)
    assert trial.test.step == KNOCK
    assert took_ms >= 11000


@pytest.mark.parametrize(("peak_mg", "passes"), [(1700, False), (1800, True), (-1800, True), (32767, True)])
@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_knock_is_the_impact_of_the_settings_wherever_in_a_block(peak_mg, passes, place):
    trial = Trial(fall_impact_mg=1750).at(KNOCK)
    flat = array("h", STANDS * 10)
    flat[3 * place : 3 * place + 3] = array("h", (peak_mg, 0, 0))
    trial.test.samples(flat, 0, 10, trial.t_ms)
    assert (trial.test.step == PRESS) == passes
    assert not trial.test.over


def test_only_the_samples_given_are_looked_at():
    trial = Trial().at(KNOCK)
    flat = array("h", (9000, 0, 0) + STANDS * 8 + (9000, 0, 0))
    trial.test.samples(flat, 1, 9, trial.t_ms)
    assert trial.test.step == KNOCK


def test_each_step_passed_is_told_once():
    trial = Trial()
    trial.test.changed = False
    trial.test.tick(20)
    assert not trial.test.changed
    trial.test.done(SENSOR, 40)
    assert trial.test.changed


def test_a_test_that_is_over_stays_so():
    trial = Trial().at(LINK)
    trial.test.done(LINK, trial.t_ms)
    assert (trial.test.over, trial.test.failed) == (True, 0)
    trial.run(300000)
    trial.test.done(LINK, trial.t_ms, False)
    trial.test.battery(0, trial.t_ms)
    assert (trial.test.over, trial.test.failed) == (True, 0)

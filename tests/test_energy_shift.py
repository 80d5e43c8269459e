"""How long 2 Ah last, measured: the firmware on the virtual board through scenarios, its parts' currents integrated."""

from __future__ import annotations

import time

import pytest
from dati.settings import Settings

from datasets import scenarios
from simulator.energy import Duty, budget, mean_ma
from simulator.scenario import check
from simulator.simulate import run

BATTERY_MAH = 2000
STANDBY_H = 168
AWAKE_H = 12


def outcome(name, **changes):
    scenario = scenarios.find(name)
    if changes:
        scenario = check(name, {**scenario.values, **changes})
    return run(scenario, scenarios.motion(scenario))


def share(report, part, state):
    """Of the time that `part` spent in `state`."""
    return sum(row.hours for row in report.rows if (row.part, row.state) == (part, state)) / report.hours


def test_a_shift_of_eight_hours_takes_seconds_and_leaves_168_h_of_standby():
    begun_s = time.process_time()
    shift = outcome("shift-8h")
    spent_s = time.process_time() - begun_s
    print(f"8 h in {spent_s:.1f} s, {shift.energy.mean_ma:.2f} mA: {shift.energy.battery_hours(BATTERY_MAH):.0f} h")
    assert shift.failures == []
    assert spent_s < 20
    assert shift.energy.hours == pytest.approx(8)
    assert shift.energy.battery_hours(BATTERY_MAH) >= STANDBY_H
    # Positive safety was on all the while, and all slept between.
    assert sum(entry.what == "heartbeat" for entry in shift.entries) >= 47
    assert share(shift.energy, "gnss", "searching") > 0.005
    assert share(shift.energy, "esp32", "light_sleep") > 0.88
    assert share(shift.energy, "modem", "sleep") > 0.95


def test_168_h_where_every_look_for_satellites_is_in_vain():
    # Two hours, so the modem's start weighs four times as much as in a shift.
    indoors = outcome("shift-8h", minutes=120, sky={"views": [[0, "none"]]}, must=[])
    assert indoors.failures == []
    assert share(indoors.energy, "gnss", "searching") > 0.06
    assert indoors.energy.battery_hours(BATTERY_MAH) >= STANDBY_H
    # The budget assumes no better than what was measured, within a tenth.
    assert mean_ma(budget(Duty.of_settings(Settings()))) == pytest.approx(indoors.energy.mean_ma, rel=0.1)


def test_12_h_with_everything_awake():
    awake = outcome("awake-12h")
    assert awake.failures == []
    assert share(awake.energy, "gnss", "searching") > 0.95
    assert share(awake.energy, "modem", "sleep") < 0.01
    assert share(awake.energy, "esp32", "light_sleep") < 0.02
    assert awake.energy.battery_hours(BATTERY_MAH) >= AWAKE_H
    assert BATTERY_MAH / mean_ma(budget(Duty.of_settings(Settings()).awake())) >= AWAKE_H

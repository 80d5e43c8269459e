"""Battery life from cited currents: the ledger adds up, and the defaults keep what the device promises."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dati.settings import Settings

from simulator.energy import FIGURES, Duty, Figure, Ledger, budget, life, mean_ma
from simulator.parts.clock import VirtualClock

STANDBY_H = 168  # what a radio lone-worker alarm of the field claims
AWAKE_H = 12
BATTERY_MAH = 2000


def hours(duty, capacity_mah=BATTERY_MAH, figures=FIGURES):
    return life(mean_ma(budget(duty, figures)), capacity_mah)


DEFAULT = Duty.of_settings(Settings())


# --- the table ---


def test_every_figure_has_its_source_and_every_guess_says_so():
    for (part, state), figure in FIGURES.items():
        assert figure.ma >= 0 and len(figure.source) > 8, (part, state)
        assert figure.assumed == any(word in figure.source for word in ("no document", "stand")), (part, state)
    assert not any(FIGURES[key].assumed for key in (("esp32", "light_sleep"), ("modem", "sleep"), ("modem", "idle")))


def test_a_deeper_sleep_draws_less():
    for part, order in {
        "esp32": ("off", "deep_sleep", "light_sleep", "waiting", "active", "active_240"),
        "esp32s3": ("off", "deep_sleep", "light_sleep", "waiting", "active", "active_240"),
        "modem": ("off", "sleep", "idle", "connected", "data", "sending"),
    }.items():
        drawn = [FIGURES[part, state].ma for state in order]
        assert drawn == sorted(set(drawn)), part


# --- what the defaults keep ---


def test_standby_of_168_h_from_2_ah_though_every_look_up_for_the_place_is_in_vain():
    assert (DEFAULT.heartbeat_every_s, DEFAULT.gnss_every_s, DEFAULT.gnss_on_s) == (600, 900, 60)
    assert hours(DEFAULT) >= STANDBY_H
    assert hours(replace(DEFAULT, mcu="esp32s3")) >= STANDBY_H


def test_12_h_with_everything_awake():
    rows = budget(DEFAULT.awake())
    assert {(row.part, row.state): row.share for row in rows}["esp32", "active_240"] == 1
    assert hours(DEFAULT.awake()) >= AWAKE_H


@pytest.mark.parametrize("duty", [DEFAULT, DEFAULT.awake()], ids=["standby", "awake"])
def test_half_the_battery_or_twice_the_current_does_not_do(duty):
    least = STANDBY_H if duty.asleep else AWAKE_H
    twice = {key: replace(figure, ma=figure.ma * 2) for key, figure in FIGURES.items()}
    assert hours(duty, BATTERY_MAH / 2) < least
    assert hours(duty, figures=twice) < least
    assert hours(duty, figures=twice) == pytest.approx(hours(duty) / 2)


@pytest.mark.parametrize(
    "change",
    [
        {"asleep": False},
        {"gnss_every_s": 300},
        {"gnss_on_s": 180},
        {"fifo_awake_ms": 100},
        {"heartbeat_every_s": 120},
        {"heartbeat_awake_s": 120},
    ],
    ids=lambda change: "-".join(change),
)
def test_each_part_of_the_duty_cycle_matters(change):
    assert hours(replace(DEFAULT, **change)) < STANDBY_H


@pytest.mark.parametrize("key", [("modem", "sleep"), ("esp32", "light_sleep")])
def test_each_sleep_matters(key):
    awake = {("modem", "sleep"): ("modem", "idle"), ("esp32", "light_sleep"): ("esp32", "waiting")}
    assert hours(DEFAULT, figures={**FIGURES, key: FIGURES[awake[key]]}) < STANDBY_H / 2


def test_a_place_found_at_once_and_none_looked_for_save():
    found = replace(DEFAULT, gnss_on_s=12)
    never = Duty.of_settings(Settings({"gnss_interval_ms": 0}))
    assert hours(DEFAULT) < hours(found) < hours(never)


def test_shares_of_a_part_make_one():
    for duty in (DEFAULT, DEFAULT.awake(), replace(DEFAULT, gnss_every_s=0)):
        total: dict[str, float] = {}
        for row in budget(duty):
            total[row.part] = total.get(row.part, 0) + row.share
        assert total == pytest.approx(dict.fromkeys(total, 1.0))
        assert {"esp32", "accelerometer", "modem", "gnss", "led", "board"} == set(total)


def test_the_budget_by_hand():
    rows = {(row.part, row.state): row.mean_ma for row in budget(DEFAULT)}
    assert rows["esp32", "active"] == pytest.approx(31 * 30 / 500)
    assert rows["esp32", "waiting"] == pytest.approx(20 * (5 / 600 + 60 / 900))
    assert rows["modem", "idle"] == pytest.approx(23 * 60 / 900)
    assert rows["modem", "connected"] == pytest.approx(60 * 10 / 600)
    assert rows["modem", "sending"] == pytest.approx(620 * 0.3 / 600)
    assert rows["gnss", "searching"] == pytest.approx(30 * 60 / 900)
    assert mean_ma(budget(DEFAULT)) == pytest.approx(sum(rows.values()))


@pytest.mark.parametrize("change", [{"gnss_on_s": 1000}, {"fifo_awake_ms": 600}, {"heartbeat_awake_s": 700}])
def test_a_duty_that_does_not_fit_into_its_time_is_refused(change):
    with pytest.raises(ValueError, match="of the time"):
        budget(replace(DEFAULT, **change))


def test_life():
    assert life(10, 2000) == 200
    for wrong in ((0, 2000), (10, 0), (-1, 2000)):
        with pytest.raises(ValueError, match="above 0"):
            life(*wrong)


# --- the ledger ---

PLAIN = {
    ("a", "on"): Figure(60, "made up"),
    ("a", "off"): Figure(0, "made up"),
    ("b", "on"): Figure(6, "made up", True),
}


def test_the_ledger_adds_up():
    clock = VirtualClock()
    ledger = Ledger(clock, PLAIN)
    ledger.set("a", "on")
    ledger.set("b", "on")
    assert ledger.now_ma == 66 and ledger.state("a") == "on" and ledger.state("c") is None
    clock.advance_to_us(3600_000_000)
    ledger.set("a", "off")
    ledger.set("a", "off")
    clock.advance_to_us(2 * 3600_000_000)
    report = ledger.report()
    spent = {(row.part, row.state): (row.hours, row.mah, row.assumed) for row in report.rows}
    assert spent == {("a", "on"): (1, 60, False), ("a", "off"): (1, 0, False), ("b", "on"): (2, 12, True)}
    assert (report.hours, report.mah, report.mean_ma, report.battery_hours(720)) == (2, 72, 36, 20)
    assert ledger.report() == report
    clock.advance_to_us(3 * 3600_000_000)
    assert ledger.report().mah == 78


def test_a_part_counts_from_its_first_state_on():
    clock = VirtualClock()
    clock.advance_to_us(1_000_000)
    ledger = Ledger(clock, PLAIN)
    assert ledger.report().mean_ma == 0 and ledger.report().rows == ()
    clock.advance_to_us(1_801_000_000)
    ledger.set("a", "on")
    clock.advance_to_us(3_601_000_000)
    assert ledger.report().mah == pytest.approx(30) and ledger.report().mean_ma == pytest.approx(30)


def test_many_short_states_lose_nothing():
    clock = VirtualClock()
    ledger = Ledger(clock, PLAIN)
    for millisecond in range(100_000):
        ledger.set("a", "on" if millisecond % 10 == 0 else "off")
        clock.advance_to_us((millisecond + 1) * 1000)
    assert ledger.report().mean_ma == pytest.approx(6)


def test_a_state_without_a_figure_is_refused_and_changes_nothing():
    ledger = Ledger(VirtualClock())
    ledger.set("modem", "sleep")
    with pytest.raises(KeyError, match="no current for modem dreaming"):
        ledger.set("modem", "dreaming")
    assert ledger.state("modem") == "sleep"


@pytest.mark.parametrize("part", ["esp32", "modem", "gnss", "led"])
def test_a_ledger_of_the_budgets_states_comes_to_the_budget(part):
    """An hour and a half of the default duty, as the simulator would tell it."""
    clock = VirtualClock()
    ledger = Ledger(clock)
    rows = [row for row in budget(DEFAULT) if row.part == part]
    for row in rows:
        ledger.set(part, row.state)
        clock.advance_to_us(clock.now_us + round(row.share * 5_400_000_000))
    assert ledger.report().mean_ma == pytest.approx(mean_ma(rows), rel=1e-6)

"""The whole mind of the device: duty, buttons, alarms over a reset, faults, and what the worker is shown."""

from __future__ import annotations

from array import array

import pytest
from dati import duty, events, journal, modem, outbox, record, signals, supervision
from dati.alarm import IN_ALARM, IN_PRE_ALARM, IS_ACKNOWLEDGED, QUIET
from dati.clock import seconds
from dati.memory import Memory
from dati.ticks import MASK, ticks_add
from worn import LIES, PLAN, STANDS, Worn, on_duty

from simulator.parts.flash import Flash, PowerCut

KNOCK = (3000, 1000, 0)
WRAP = MASK + 1
STARTS_MS = [0, WRAP - 1, WRAP - 30000]
CALM = {"verticality_enabled": False, "immobility_enabled": False, "fall_enabled": False}


def begin_duty(worn):
    """The function test, step by step, up to the answer to its message."""
    w = worn.w
    worn.press("cancel", w.settings.duty_hold_ms + 20)
    assert w.duty == duty.TESTING
    assert w.sensor_suspect
    w.sensor(True, worn.t_ms)
    w.power(80, False, worn.t_ms)
    test = w.function_test
    worn.run(15000, until=lambda: test.step != duty.STAND)
    if w.settings.verticality_enabled:
        worn.run(20000, LIES, until=lambda: test.step != duty.TILT)
    if w.settings.immobility_enabled:
        worn.run(20000, until=lambda: test.step != duty.HOLD)
    if w.settings.fall_enabled:
        worn.run(1000, KNOCK, until=lambda: test.step != duty.KNOCK)
    worn.press("sos")
    worn.run(100)
    assert test.step == duty.LINK
    return test


# --- duty ---


def test_duty_begins_after_the_function_test_and_ends_by_the_same_button():
    worn = Worn().start()
    w = worn.w
    begin_duty(worn)
    assert w.signal == signals.DUTY_LINK
    assert worn.record.test
    worn.heard.on_delivered("sms", "Garde", worn.t_ms)
    worn.run(100)
    assert w.duty == duty.ON
    assert w.signal == signals.ON_DUTY
    assert w.device.guarding
    assert not worn.record.test
    assert worn.said("test_passed") == ["sensor battery stand tilt hold knock press link"]
    assert signals.DUTY_BEGUN in w.beeps
    assert Worn(worn.flash).start().w.duty == duty.ON  # and stays so over a reset
    worn.press("cancel", 2900)
    assert w.duty == duty.ON
    worn.press("cancel", 3100)
    assert w.duty == duty.OFF
    assert not w.device.guarding
    assert signals.DUTY_ENDED in w.beeps
    assert worn.restart().w.duty == duty.OFF


def test_duty_is_refused_when_nobody_answers_and_the_test_message_ends():
    worn = Worn().start()
    begin_duty(worn)
    worn.run(duty.LINK_MS + 200)
    assert worn.w.duty == duty.OFF
    assert worn.said("duty_refused") == ["link"]
    assert signals.DUTY_REFUSED in worn.w.beeps
    assert worn.record.state == record.QUIET
    assert worn.said("test_alarm") == [0]


def test_duty_is_refused_without_anybody_to_tell():
    worn = Worn(plan_={}).start()
    worn.press("cancel", 3100)
    assert worn.w.duty == duty.OFF
    assert "nobody can be reached" in worn.said("duty_refused")[0]


@pytest.mark.parametrize(("enabled", "refused"), [(True, ["cord"]), (False, [])])
def test_duty_is_refused_while_the_cord_is_out(enabled, refused):
    worn = Worn(tear_off_enabled=enabled).start()
    worn.w.cord(True, worn.t_ms)
    worn.press("cancel", 3100)
    assert worn.said("duty_refused") == refused
    worn.w.cord(False, worn.t_ms)
    if enabled:
        worn.press("cancel", 3100)
    assert worn.w.duty == duty.TESTING


def test_a_second_hold_gives_the_test_up():
    worn = Worn().start()
    worn.press("cancel", 3100)
    worn.press("cancel", 3100)
    assert worn.w.duty == duty.OFF
    assert worn.said("duty_refused") == ["given up"]


def test_a_sensor_that_fails_its_self_test_is_no_alarm_off_duty_but_refuses_duty():
    worn = Worn().start()
    worn.press("cancel", 3100)
    worn.w.sensor(False, worn.t_ms)
    worn.run(1100)
    assert worn.said("duty_refused") == ["sensor"]
    assert worn.state == QUIET
    assert worn.w.signal == signals.TECHNICAL


def test_sos_in_a_function_test_is_an_alarm_and_ends_it():
    worn = Worn().start()
    worn.press("cancel", 3100)
    worn.press("sos", 1600)
    assert worn.state == IN_ALARM
    assert worn.said("duty_refused") == ["interrupted"]
    assert worn.w.duty == duty.OFF
    assert (worn.record.state, worn.record.test, worn.record.causes) == (record.RAISED, False, events.VOLUNTARY)


@pytest.mark.parametrize(("hold_ms", "state"), [(1500, IN_ALARM), (1000, IN_ALARM), (500, QUIET), (0, QUIET)])
def test_sos_held_where_it_is_to_be_pressed_still_is_an_alarm(hold_ms, state):
    """Unless a press is all it takes: then it passes the step, and no more."""
    worn = Worn(sos_hold_ms=hold_ms, **CALM).start()
    w = worn.w
    worn.press("cancel", 3100)
    w.sensor(True, worn.t_ms)
    w.power(80, False, worn.t_ms)
    worn.run(15000, until=lambda: w.function_test.step == duty.PRESS)
    worn.press("sos", 1600)
    assert worn.state == state


def test_an_alarm_during_the_link_test_takes_the_place_of_the_test():
    worn = Worn().start()
    begin_duty(worn)
    worn.press("sos", 1600)
    assert worn.state == IN_ALARM
    assert not worn.record.test
    assert worn.record.state == record.RAISED
    assert worn.record.causes == events.VOLUNTARY


def test_a_test_that_a_reset_interrupts_is_over():
    worn = Worn().start()
    begin_duty(worn)
    assert worn.record.test
    worn.restart()
    assert worn.record.state == record.QUIET
    assert worn.w.duty == duty.OFF
    assert worn.restart().record.state == record.QUIET


# --- charging ---


def test_in_the_charger_nothing_is_guarded_but_sos():
    worn = on_duty(immobility_delay_ms=10000)
    w = worn.w
    w.power(80, True, worn.t_ms)
    worn.run(60000)
    assert worn.state == QUIET
    assert w.signal == signals.CHARGING
    worn.press("cancel", 3100)
    assert w.duty == duty.CHARGING
    assert signals.REFUSED in w.beeps
    worn.press("sos", 1600)
    assert worn.state == IN_ALARM
    w.power(80, False, worn.t_ms)
    worn.run(100)
    assert worn.state == IN_ALARM
    worn.heard.on_command("CLEAR", "centre", worn.t_ms)
    w.power(80, False, worn.t_ms)
    assert w.duty == duty.OFF


def test_a_cradle_is_no_acknowledgement_and_counts_once_the_alarm_is_over():
    worn = on_duty()
    worn.press("sos", 1600)
    worn.w.power(80, True, worn.t_ms)
    assert worn.w.duty == duty.ON
    assert worn.state == IN_ALARM
    worn.heard.on_command("CLEAR", "centre", worn.t_ms)
    worn.w.power(80, True, worn.t_ms)
    assert worn.w.duty == duty.CHARGING


def test_the_charger_ends_a_function_test_and_a_test_that_was_commanded():
    worn = Worn().start()
    begin_duty(worn)
    worn.w.power(80, True, worn.t_ms)
    assert worn.said("duty_refused") == ["interrupted"]
    assert worn.record.state == record.QUIET
    worn.w.power(80, False, worn.t_ms)
    worn.heard.on_command("TEST", "centre", worn.t_ms)
    assert worn.record.test
    worn.w.power(80, True, worn.t_ms)
    assert worn.record.state == record.QUIET


# --- SOS, cancel, cord ---


@pytest.mark.parametrize("start_ms", STARTS_MS)
@pytest.mark.parametrize("make", [Worn, on_duty])
def test_sos_is_an_alarm_on_duty_and_off(make, start_ms):
    worn = make(start_ms=start_ms).start() if make is Worn else make(start_ms=start_ms)
    worn.press("sos", 1400)
    worn.run(1000)
    assert worn.state == QUIET
    worn.w.sos(True, worn.t_ms)
    assert worn.w.waited_for
    assert 1500 <= worn.run(1600, until=lambda: worn.state == IN_ALARM) <= 1540
    assert worn.record.causes == events.VOLUNTARY
    assert worn.w.signal == signals.ALARM
    assert signals.DELIVERED not in worn.w.beeps


@pytest.mark.parametrize("rate_hz", [25, 33, 50, 200])
@pytest.mark.parametrize("step_ms", [20, 23, 33, 39, 100])
@pytest.mark.parametrize("known", [True, False])
def test_a_held_sos_counts_without_a_sensor(rate_hz, step_ms, known):
    """However often it is looked at: rounding must not stop the device's time."""
    worn = Worn(rate_hz=rate_hz).start()
    worn.silent = True
    if known:
        worn.w.sensor(False, worn.t_ms)
    worn.run(500, step_ms=step_ms)
    worn.w.sos(True, worn.t_ms)
    assert worn.run(3000, step_ms=step_ms, until=lambda: worn.state == IN_ALARM) <= 1500 + 200 + 2 * step_ms


def test_time_without_a_sensor_is_neither_slow_nor_fast():
    for rate_hz in (25, 33, 52, 142, 200):
        worn = Worn(rate_hz=rate_hz).start()
        worn.silent = True
        worn.w.sensor(False, 0)
        worn.run(600000, step_ms=37)
        assert abs(worn.w.device.now_ms - worn.t_ms) < 600000 * 2 // 100


def test_a_silent_sensor_on_duty_is_an_alarm_within_its_delay():
    worn = on_duty(technical_delay_ms=5000)
    worn.silent = True
    took_ms = worn.run(10000, until=lambda: worn.state == IN_ALARM)
    assert 5000 <= took_ms <= 7500
    assert worn.record.causes == events.TECHNICAL
    assert len(worn.said("samples_lost")) == 1


def test_a_sensor_known_to_fail_on_duty_is_an_alarm_at_once_and_again_after_it_was_cleared():
    worn = on_duty(technical_delay_ms=5000)
    worn.silent = True
    worn.w.sensor(False, worn.t_ms)
    assert worn.state == IN_ALARM
    worn.run(1100)
    assert worn.said("fault_began") == ["sensor"]
    worn.heard.on_command("CLEAR", "centre", worn.t_ms)
    assert worn.state == QUIET
    assert worn.run(7000, until=lambda: worn.state == IN_ALARM) >= 3500


def test_a_sensor_that_fails_off_duty_is_heard_and_no_alarm():
    worn = Worn(technical_delay_ms=5000).start()
    worn.silent = True
    worn.w.sensor(False, worn.t_ms)
    worn.run(20000)
    assert worn.state == QUIET
    assert worn.w.signal == signals.TECHNICAL
    worn.silent = False
    worn.w.sensor(True, worn.t_ms)
    worn.run(1100)
    assert worn.w.signal == signals.OFF_DUTY
    assert worn.said("fault_ended") == ["sensor"]


def test_a_stuck_axis_asks_for_the_self_test_once():
    worn = on_duty()
    for turn in range(40):
        worn.run(500, (turn % 2 * 600, 1000, 0))
    assert worn.w.sensor_suspect
    worn.w.sensor(False, worn.t_ms)
    for turn in range(40):
        worn.run(500, (turn % 2 * 600, 1000, 0))
    assert not worn.w.sensor_suspect  # the runtime tests it again by itself


def test_samples_that_overflowed_are_counted_and_time_goes_on():
    worn = on_duty()
    worn.run(1000)
    before_ms = worn.w.device.now_ms
    worn.t_ms = ticks_add(worn.t_ms, 2000)
    worn.w.samples(array("h", STANDS * 32), 32, True, worn.t_ms)
    assert worn.said("samples_lost") == [68]
    assert worn.w.device.now_ms - before_ms == 2000


def test_the_worker_cancels_a_pre_alarm_and_goes_on_holding():
    worn = on_duty(immobility_delay_ms=10000)
    worn.run(20000, until=lambda: worn.state == IN_PRE_ALARM)
    assert worn.w.signal == signals.PRE_ALARM
    worn.press("cancel", 5000)
    assert worn.w.duty == duty.ON
    assert worn.said("cancelled") == [events.WORKER]
    assert worn.record.state == record.QUIET


def test_an_alarm_is_not_the_workers_to_cancel_nor_to_go_off_duty_in():
    worn = on_duty()
    worn.w.cancel(True, worn.t_ms)
    worn.press("sos", 1600)
    worn.run(3000)
    assert worn.w.duty == duty.ON
    assert signals.REFUSED in worn.w.beeps
    worn.w.cancel(False, worn.t_ms)
    worn.press("cancel", 4000)
    assert worn.state == IN_ALARM
    assert worn.w.duty == duty.ON


def test_the_cord_alarms_on_duty_only():
    worn = on_duty()
    worn.press("cord", 100)
    worn.run(1000)
    assert worn.state == QUIET
    worn.w.cord(True, worn.t_ms)
    worn.run(300, until=lambda: worn.state == IN_ALARM)
    assert worn.record.causes == events.TEAR_OFF
    worn = Worn().start()
    worn.w.cord(True, worn.t_ms)
    worn.run(1000)
    assert worn.state == QUIET


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("start_ms", STARTS_MS)
def test_the_vibrator_runs_only_while_the_detectors_leave_the_motion_out(start_ms, silent):
    worn = on_duty(start_ms=start_ms, immobility_delay_ms=10000)
    worn.run(20000, until=lambda: worn.state == IN_PRE_ALARM)
    worn.silent = silent
    ran = 0
    while worn.state == IN_PRE_ALARM:
        running = worn.w.vibrate
        worn.run(20)
        ran += running
        # What is sampled while it runs is stamped with the device's time of now, at the latest a poll later.
        left_out = worn.w.device.alarm.shaking(worn.w.device.now_ms)
        assert not running or left_out or silent or worn.state == IN_ALARM
    assert 6 * 20 <= ran <= 8 * 30
    assert not worn.w.vibrate


# --- the tick wraps ---


def test_a_day_across_the_wrap_of_the_ticks_raises_nothing():
    worn = on_duty(start_ms=WRAP - 20000, **CALM)
    worn.run(40000)
    worn.w.clock.set(seconds(2026, 11, 22, 8, 0, 0), worn.t_ms)
    worn.run(60000)
    assert worn.state == QUIET
    assert set(worn.said("fault_began")) <= {"network"}  # its modem hears nothing
    assert abs(worn.w.clock.utc_s(worn.t_ms) - seconds(2026, 11, 22, 8, 1, 0)) <= 1


# --- resets ---


@pytest.mark.parametrize("start_ms", STARTS_MS)
def test_a_pre_alarm_survives_a_reset_with_its_whole_time(start_ms):
    worn = on_duty(start_ms=start_ms, immobility_delay_ms=10000)
    worn.run(20000, until=lambda: worn.state == IN_PRE_ALARM)
    worn.restart()
    assert worn.state == IN_PRE_ALARM
    assert worn.run(20000, until=lambda: worn.state == IN_ALARM) >= 14900
    assert worn.record.causes == events.IMMOBILITY


@pytest.mark.parametrize("up_mg", [(420, -637, -984), (-982, 1061, -192), (0, 1000, 0)])
def test_the_worn_vertical_does_not_drift_however_often_it_restarts(up_mg):
    worn = on_duty()
    worn.w.device.bank.set_vertical(*up_mg)
    worn.w.save()
    worn.restart()
    first = worn.w._worn_up()
    for _ in range(50):
        worn.restart()
        worn.press("sos")
        worn.w.save(True)
    assert worn.w._worn_up() == first


def test_a_pre_alarm_that_was_cancelled_does_not_come_back_with_a_reset():
    worn = on_duty(immobility_delay_ms=10000)
    worn.run(20000, until=lambda: worn.state == IN_PRE_ALARM)
    worn.press("cancel", 100)
    worn.restart()
    assert worn.state == QUIET
    assert worn.w.duty == duty.ON


@pytest.mark.parametrize("guarding", [True, False])
def test_alarm_and_acknowledgement_survive_a_reset(guarding):
    worn = on_duty() if guarding else Worn().start()
    worn.press("sos", 1600)
    worn.restart()
    assert worn.state == IN_ALARM
    assert worn.record.state == record.RAISED
    assert worn.record.causes == events.VOLUNTARY
    number, code = worn.record.number, worn.record.code
    assert worn.w.duty == (duty.ON if guarding else duty.OFF)
    worn.run(100)
    assert worn.w.signal == signals.ALARM
    worn.heard.on_acknowledged("contact", "Garde", worn.t_ms)
    worn.restart()
    worn.run(100)
    assert worn.state == IS_ACKNOWLEDGED
    assert worn.record.state == record.ANSWERED
    assert worn.w.signal == signals.ACKNOWLEDGED
    worn.press("cancel", 100)
    assert worn.state == IS_ACKNOWLEDGED
    worn.w.device.blind()
    worn.w.follow(worn.t_ms)
    worn.restart()
    assert worn.state == IN_ALARM
    assert worn.record.state == record.RAISED
    assert (worn.record.number, worn.record.causes) == (number, events.VOLUNTARY | events.TECHNICAL)
    assert worn.record.code != code
    worn.heard.on_command("CLEAR", "centre", worn.t_ms)
    worn.restart()
    assert worn.state == QUIET
    assert worn.record.state == record.QUIET


def test_an_alarm_whose_record_is_lost_is_told_anew():
    worn = on_duty()
    worn.press("sos", 1600)
    memory = Memory(worn.flash)
    memory.load()
    memory.outbox = b"of another version"
    memory.save()
    worn.restart()
    assert worn.state == IN_ALARM
    assert worn.record.state == record.RAISED
    assert worn.record.causes == events.VOLUNTARY
    assert any("not of this version" in text for text in worn.said("note"))


def test_an_alarm_whose_event_is_lost_in_a_crash_is_told(monkeypatch):
    worn = on_duty()

    def fails(self, *_):
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(outbox.Outbox, "alarm", fails)
        with pytest.raises(MemoryError):
            worn.press("sos", 1600)
    assert worn.state == IN_ALARM
    assert worn.record.state == record.QUIET
    worn.run(20)
    assert worn.record.state == record.RAISED
    assert worn.record.causes == events.VOLUNTARY


def life(worn, done):
    """On duty, a pre-alarm, the alarm, another cause, acknowledged, cleared. `done` notes what lies behind."""
    worn.run(12000, until=lambda: worn.state == IN_PRE_ALARM)
    done.append(IN_PRE_ALARM)
    worn.run(16000, until=lambda: worn.state == IN_ALARM)
    done.append(IN_ALARM)
    worn.heard.on_acknowledged("contact", "Garde", worn.t_ms)
    worn.run(20)
    done.append(IS_ACKNOWLEDGED)
    worn.press("sos", 1600)
    done.append(IN_ALARM)
    worn.heard.on_command("CLEAR", "centre", worn.t_ms)
    worn.run(20)
    done.append(QUIET)


# From what lies behind: the next state may have been kept already, or not yet.
FOLLOWING = {0: IN_PRE_ALARM, 1: IN_ALARM, 2: IS_ACKNOWLEDGED, 3: IN_ALARM, 4: QUIET, 5: QUIET}


def test_power_cut_at_every_step_of_an_alarm_loses_nothing_that_was_reached():
    whole = on_duty(immobility_delay_ms=10000)
    whole.flash.cut_after(100000)
    life(whole, [])
    steps = 100000 - whole.flash._steps_left
    assert steps > 400
    clean = on_duty(immobility_delay_ms=10000).flash.files
    seen = set()
    for cut in range(0, steps, 3):
        flash = Flash()
        flash.files = {name: bytearray(data) for name, data in clean.items()}
        worn = Worn(flash, immobility_delay_ms=10000).start()
        flash.cut_after(cut)
        done: list[int] = []
        try:
            life(worn, done)
        except PowerCut:
            worn.restart()
        state = worn.state
        reached = done[-1] if done else QUIET
        assert state in (reached, FOLLOWING[len(done)]), (cut, done, state)
        assert worn.w.duty == duty.ON
        told = {IN_ALARM: record.RAISED, IS_ACKNOWLEDGED: record.ANSWERED}.get(state, record.QUIET)
        assert worn.record.state == told, (cut, done, state)
        seen.add((len(done), state))
    assert len(seen) >= 8


def test_state_that_cannot_be_read_is_no_silent_device():
    worn = on_duty()
    for name in ("state.0", "state.1"):
        if worn.flash.size(name):
            worn.flash.write(name, b"\xd7\x53" + b"\xff" * 20)
    worn.restart()
    assert worn.w.duty == duty.OFF
    assert worn.said("note") == ["state lost: off duty"]
    assert signals.DUTY_REFUSED in worn.w.beeps
    assert not Worn().start().w.beeps


def test_a_restart_on_duty_is_told_and_one_that_was_asked_for_is_not():
    worn = on_duty()
    assert worn.said("fault_began") == []
    worn.restart()
    assert worn.said("fault_began") == ["restart"]
    assert any(notice.argument == supervision.RESTART for notice in worn.record.notices)
    worn.run(61000, (0, 1000, 0))
    assert worn.said("fault_ended") == ["restart"]


# --- faults ---


def notices(worn):
    return [(notice.kind, notice.argument) for notice in worn.record.notices]


def test_a_modem_that_never_answers_is_one_fault_however_often_it_is_tried():
    worn = on_duty(**CALM)
    worn.run(400000, step_ms=100)
    assert worn.said("modem").count("dead") >= 1
    worn.run(600000, step_ms=100)
    assert worn.said("modem").count("dead") >= 3
    assert worn.said("fault_began").count("modem") == 1
    assert worn.said("fault_ended") == []
    assert worn.w.signal == signals.NO_NETWORK
    worn.w.modem.power.state = modem.READY
    worn.run(1100)
    assert worn.said("fault_ended") == ["modem"]


def test_a_fault_that_began_off_duty_is_told_when_duty_begins_and_its_end_too():
    worn = Worn().start()
    worn.w.battery_percent = 5
    worn.run(12000)
    assert worn.said("fault_began") == ["battery"]
    assert notices(worn) == []
    assert worn.w.signal == signals.LOW_BATTERY
    worn.w.shift.set_duty(duty.ON, worn.t_ms)
    assert notices(worn) == [(record.FAULT, supervision.BATTERY)]
    worn.w.shift.set_duty(duty.OFF, worn.t_ms)
    worn.w.battery_percent = 90
    worn.run(1100)
    assert notices(worn)[-1] == (record.MENDED, supervision.BATTERY)


def test_a_fault_that_nobody_was_told_of_does_not_end_for_anybody():
    worn = Worn().start()
    worn.w.battery_percent = 5
    worn.run(12000)
    worn.w.battery_percent = 90
    worn.run(1100)
    assert worn.said("fault_ended") == ["battery"]
    assert notices(worn) == []


def test_the_low_battery_ends_only_well_above_its_limit():
    worn = on_duty(**CALM)
    for percent in (19, 20, 24, 19, 24):
        worn.w.battery_percent = percent
        worn.run(11000)
    worn.w.battery_percent = 25
    worn.run(1100)
    assert [text for what, text in worn.lines if what.startswith("fault") and text == "battery"] == ["battery"] * 2


def test_a_clock_that_nobody_sets_is_a_fault_after_ten_minutes_on_duty():
    worn = on_duty(**CALM)
    worn.run(590000, step_ms=100)
    assert "clock" not in worn.said("fault_began")
    worn.run(12000, step_ms=100)
    assert "clock" in worn.said("fault_began")
    worn.w.tell_time(seconds(2026, 1, 1, 0, 0, 0), worn.t_ms)
    worn.run(1100)
    assert "clock" in worn.said("fault_ended")


def test_duty_without_a_sim_is_heard():
    worn = on_duty()
    worn.w.modem.station.sim = modem.SIM_ABSENT
    worn.run(7000)
    assert worn.said("fault_began") == ["sim"]
    assert worn.w.signal == signals.NO_NETWORK


def test_storage_that_fails_is_heard_and_the_alarm_it_could_not_keep_is_kept_later():
    worn = on_duty()
    worn.flash.fault = "failing"
    worn.press("sos", 1600)
    assert worn.state == IN_ALARM
    assert worn.record.state == record.RAISED
    worn.run(1100)
    assert "storage" in worn.said("fault_began")
    worn.flash.fault = ""
    worn.run(12000)
    assert "storage" in worn.said("fault_ended")
    assert worn.w.journal.missed > 0
    assert worn.restart().state == IN_ALARM


def test_nothing_grows_while_the_flash_fails():
    worn = on_duty(**CALM)
    worn.flash.fault = "failing"
    worn.press("sos", 1600)
    for _ in range(200):
        worn.press("cancel")
    assert len(worn.w.beeps) <= 4
    assert worn.w.beeps[-1] == signals.REFUSED


def test_a_crash_is_a_fault_that_lasts_a_minute():
    worn = on_duty(**CALM)
    worn.w.crashed("house: OSError 5", worn.t_ms)
    assert worn.said("note") == ["crash: house: OSError 5"]
    assert worn.said("fault_began") == ["program"]
    worn.run(100)
    assert worn.w.signal == signals.TECHNICAL
    worn.run(61000)
    assert "program" in worn.said("fault_ended")


# --- what is shown ---


def test_the_signals_rank_by_what_the_worker_must_know_first():
    worn = on_duty(immobility_delay_ms=10000, dead_man_enabled=True, dead_man_interval_ms=30000)
    w = worn.w

    def shown():
        w.tick(worn.t_ms)
        return w.signal

    assert shown() == signals.ON_DUTY
    w.recorder = type("Recorder", (), {"on": True, "event": lambda *_: None})()
    assert shown() == signals.RECORDING
    w.supervision.raised = 1 << supervision.STORAGE
    assert shown() == signals.TECHNICAL
    w.supervision.raised |= 1 << supervision.BATTERY
    assert shown() == signals.LOW_BATTERY
    w.supervision.raised |= 1 << supervision.NETWORK
    assert shown() == signals.NO_NETWORK
    w.device.ask()
    assert shown() == signals.DEAD_MAN
    w.device.alarm.raise_cause(events.FALL, w.device.now_ms)
    assert shown() == signals.PRE_ALARM
    w.device.alarm.raise_cause(events.VOLUNTARY, w.device.now_ms)
    assert shown() == signals.ALARM
    w.device.acknowledge()
    assert shown() == signals.ACKNOWLEDGED


# --- test alarms and commands ---


def test_a_commanded_test_ends_when_it_arrived_or_after_its_time():
    worn = on_duty(**CALM)
    worn.heard.on_command("TEST", "centre", worn.t_ms)
    assert (worn.record.state, worn.record.test) == (record.RAISED, True)
    assert worn.state == QUIET
    worn.heard.on_acknowledged("contact", "Garde", worn.t_ms)
    assert worn.record.state == record.QUIET
    worn.heard.on_command("TEST", "centre", worn.t_ms)
    worn.run(duty.LINK_MS + 100)
    assert worn.record.state == record.QUIET
    assert worn.said("test_alarm") == [0, 0]


def test_a_test_does_not_disturb_an_alarm_nor_an_alarm_wait_for_a_test():
    worn = on_duty(**CALM)
    worn.press("sos", 1600)
    number = worn.record.number
    worn.heard.on_command("TEST", "centre", worn.t_ms)
    assert (worn.record.number, worn.record.test, worn.record.state) == (number, False, record.RAISED)
    worn = on_duty(**CALM)
    worn.heard.on_command("TEST", "centre", worn.t_ms)
    worn.press("sos", 1600)
    assert not worn.record.test
    worn.run(duty.LINK_MS + 100)
    assert worn.record.state == record.RAISED


def test_a_pre_alarm_that_is_cancelled_does_not_end_a_test_under_way():
    worn = on_duty(**CALM)
    worn.heard.on_command("TEST", "centre", worn.t_ms)
    worn.heard.on_command("CHECK", "centre", worn.t_ms)
    assert worn.state == IN_PRE_ALARM
    worn.press("cancel", 100)
    assert worn.state == QUIET
    assert worn.record.test


def test_commands_acknowledge_clear_and_answer():
    worn = on_duty(**CALM)
    w = worn.w
    worn.heard.on_command("ACK", "centre", worn.t_ms)
    assert signals.REFUSED in w.beeps
    worn.press("sos", 1600)
    worn.heard.on_command("ACK", "centre", worn.t_ms)
    assert worn.state == IS_ACKNOWLEDGED
    worn.heard.on_command("LOCATE", "+33639980001", worn.t_ms)
    worn.heard.on_command("STATUS", "+33639980001", worn.t_ms)
    assert [number for number, _ in w.outbox._mail.answers] == ["+33639980001"] * 2
    worn.heard.on_command("CLEAR", "centre", worn.t_ms)
    assert worn.state == QUIET
    assert worn.said("cleared") == [events.CENTRE]
    worn.heard.on_command("CHECK", "centre", worn.t_ms)
    assert w.device.alarm.causes == events.DEAD_MAN
    worn.heard.on_command("CLEAR", "centre", worn.t_ms)  # nobody clears a pre-alarm
    assert worn.state == IN_PRE_ALARM


def test_a_sign_of_life_is_not_asked_of_a_device_off_duty():
    worn = Worn().start()
    worn.heard.on_command("CHECK", "+33639980001", worn.t_ms)
    assert worn.state == QUIET
    assert len(worn.w.outbox._mail.answers) == 1


def test_a_command_counts_once_over_a_reset():
    worn = on_duty(**CALM)
    worn.press("sos", 1600)
    worn.w.outbox.on_sms("+33639980001", "4821 7 ACK", worn.t_ms)
    assert worn.state == IS_ACKNOWLEDGED
    worn.w.device.blind()
    worn.w.follow(worn.t_ms)
    worn.restart()
    assert worn.state == IN_ALARM
    worn.w.outbox.on_sms("+33639980001", "4821 7 ACK", worn.t_ms)
    assert worn.state == IN_ALARM
    assert "counter" in worn.said("command_ignored")[0]


# --- how long it may be left alone ---


def test_it_is_left_alone_only_where_nothing_is_waited_for():
    worn = on_duty(**CALM)
    w = worn.w
    w.modem.power.state = modem.READY
    w.modem.sleep = True
    w.place.on = False
    assert w.may_doze
    assert w.poll_ms(440) == 440
    w.sos(True, worn.t_ms)
    assert not w.may_doze
    assert w.poll_ms(440) == 20
    w.sos(False, worn.t_ms)
    w.cancel(True, worn.t_ms)
    assert not w.may_doze
    w.cancel(False, worn.t_ms)
    w.device.ask()
    assert not w.may_doze
    assert w.poll_ms(440) == 20
    w.device.alarm.raise_cause(events.VOLUNTARY, 0)
    w.modem.sleep = True
    assert w.poll_ms(440) == 200
    assert w.poll_ms(40) == 40
    w.modem.sleep = False
    assert not w.may_doze
    assert w.poll_ms(440) == 50
    w.modem.sleep = True
    w.charging = True
    assert not w.may_doze


def test_every_kind_of_record_carries_what_its_table_promises():
    """A number where a number is promised, or the reader shows hexadecimal."""
    worn = on_duty(**CALM)
    begin = worn.restart()  # a fault, as text
    begin.press("cancel", 3100)
    begin_duty(worn)
    worn.heard.on_delivered("sms", "Garde", worn.t_ms)
    worn.run(100)
    meanings = {kind: meaning for kind, _, meaning in journal.KINDS}
    seen = set()
    for file in range(8):
        data = worn.flash.read(f"journal.{file}")
        at = journal.find(data, 0)
        while at >= 0:
            kind, *_, payload = journal.record_at(data, at)
            seen.add(kind)
            longer = {"text": len(payload), "health": 22}
            assert len(payload) == longer.get(meanings[kind], 4), (kind, payload)
            assert meanings[kind] != "text" or payload.decode().isprintable()
            at = journal.find(data, journal.end_of(data, at))
    assert {journal.FAULT_BEGAN, journal.TEST_PASSED, journal.DUTY_BEGUN} <= seen


assert PLAN["worker"]

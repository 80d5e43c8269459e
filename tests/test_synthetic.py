"""The motion generator keeps to physics and to what was measured; the scenes can be replayed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from datasets.scenes import CAUSES, SCENES, Scene, bundled_recordings
from datasets.synthetic import RATE_HZ, Wearer, leaning
from simulator.trace import INPUTS, KINDS

Motion = Callable[[Wearer], Wearer]

FALLS: dict[str, Motion] = {
    "trip": lambda w: w.stand(5).trip_fall().unconscious(6),
    "slip": lambda w: w.stand(5).slip_fall().unconscious(6),
    "side": lambda w: w.stand(5).side_fall().unconscious(6),
    "faint": lambda w: w.stand(5).faint().unconscious(6),
    "slump": lambda w: w.stand(5).slump().unconscious(6),
}
# Peak |a| at 50 Hz, mg: 5th to 95th percentile or so of SisFall's adults (see the package), a little widened.
PEAKS_MG: dict[str, tuple[Motion, float, float]] = {
    "D01": (lambda w: w.walk(20, 1.5), 1500, 2000),
    "D02": (lambda w: w.walk(20, 1.95), 1850, 2700),
    "D04": (lambda w: w.run(20), 4000, 7500),
    "D05": (lambda w: w.stairs(15), 1600, 2250),
    "D07": (lambda w: w.stand(2).sit().stand(2).get_up(), 1100, 1450),
    "D08": (lambda w: w.stand(2).sit(hard=True).stand(2).get_up(), 1650, 3600),
    "D15": (lambda w: w.stand(2).crouch(), 1150, 1500),
    "D16": (lambda w: w.stand(2).bend(), 1000, 1250),
    "D18": (lambda w: w.walk(5).stumble().walk(3), 2900, 6400),
    "D19": (lambda w: w.stand(3).jump_down().stand(2), 2900, 5700),
    "F02": (FALLS["slip"], 4000, 11500),
    "F03": (FALLS["side"], 3500, 10000),
    "F04": (FALLS["trip"], 4000, 10000),
    "F06": (FALLS["faint"], 3400, 9000),
    "F13": (FALLS["slump"], 2100, 5000),
}


def _size_mg(motion: Motion, seed: int) -> np.ndarray:
    return np.linalg.norm(motion(Wearer(seed)).recording("x").samples.astype(float), axis=1)


def _tilt_deg(accel_mg: np.ndarray) -> float:
    mean = accel_mg.mean(axis=0)
    return float(np.degrees(np.arccos(mean[1] / np.linalg.norm(mean))))


def test_the_seed_decides_everything() -> None:
    def draw(seed: int) -> np.ndarray:
        return Wearer(seed).walk(4).trip_fall().unconscious(4).recording("x").samples

    assert np.array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1)[:200], draw(2)[:200])


def test_standing_reads_one_g_along_y() -> None:
    samples = Wearer(3).stand(10).recording("x").samples.astype(float)
    assert samples.mean(axis=0) == pytest.approx([0, 1000, 0], abs=4)
    assert np.abs(np.linalg.norm(samples, axis=1) - 1000).max() < 20


def test_a_device_left_alone_shows_only_its_noise() -> None:
    """LIS3DH: 0.22 mg per root Hz over 25 Hz is 1.1 mg, and steps of 4 mg add 1.15 mg."""
    samples = Wearer(3).stand(3).take_off().untouched(20).recording("x").samples[-900:].astype(float)
    assert samples.mean(axis=0) == pytest.approx([0, 0, 1000], abs=3)
    assert samples.std(axis=0).max() < 2.5
    assert np.ptp(samples, axis=0).min() > 0


def test_breathing_shows_at_its_rate_and_size() -> None:
    still = Wearer(7).slip_fall().unconscious(60).truth_mg()[-50 * RATE_HZ :]
    spectrum = np.abs(np.fft.rfft(still - still.mean(axis=0), axis=0)).max(axis=1)
    peak_hz = np.fft.rfftfreq(len(still), 1 / RATE_HZ)[int(np.argmax(spectrum))]
    assert 0.18 <= peak_hz <= 0.32
    assert 5 / np.sqrt(2) * 0.9 < np.linalg.norm(still.std(axis=0)) < 10


def test_free_fall_is_deep_and_as_long_as_asked() -> None:
    truth = Wearer(5).stand(2).harness_fall(free_fall_s=0.55).truth_mg()
    free_s = (np.linalg.norm(truth, axis=1) < 300).sum() / RATE_HZ
    assert 0.48 < free_s < 0.58
    assert np.linalg.norm(truth, axis=1).min() < 50
    assert 4000 < np.linalg.norm(truth, axis=1).max() < 6000


def test_a_dropped_device_falls_from_the_height() -> None:
    truth = np.linalg.norm(Wearer(5).stand(1).drop(height_m=1.0).truth_mg(), axis=1)[RATE_HZ:]
    landed_s = np.argmax(truth > 2000) / RATE_HZ
    assert landed_s == pytest.approx(np.sqrt(2 * 1.0 / 9.80665), abs=0.01)


@pytest.mark.parametrize("name", FALLS)
def test_an_impact_gives_back_the_speed_of_the_fall(name: str) -> None:
    """Support integrates to one g over the whole piece: who lies still again has no speed left."""
    for seed in range(5):
        wearer = Wearer(seed)
        ups: list[np.ndarray] = []
        append = wearer._go

        def spy(
            duration_s: float,
            end: np.ndarray | None = None,
            course: np.ndarray | None = None,
            support: np.ndarray | None = None,
            push: np.ndarray | None = None,
            ups: list[np.ndarray] = ups,
            append: Callable[..., Wearer] = append,
        ) -> Wearer:
            ups.append(np.ones(round(duration_s * RATE_HZ)) if support is None else support)
            return append(duration_s, end, course, support, push)

        wearer._go = spy  # type: ignore[method-assign]
        FALLS[name](wearer)
        support = np.concatenate(ups)
        falling_m_s = ((1 - support) / RATE_HZ * 9.80665).cumsum()
        assert falling_m_s.max() > 0.4
        assert abs(falling_m_s[-1]) < 0.05


@pytest.mark.parametrize("code", PEAKS_MG)
def test_peaks_are_those_measured(code: str) -> None:
    motion, lowest, highest = PEAKS_MG[code]
    peaks = [_size_mg(motion, seed).max() for seed in range(8)]
    assert lowest < min(peaks)
    assert max(peaks) < highest


@pytest.mark.parametrize("name", FALLS)
def test_a_fall_ends_lying_and_its_times_are_right(name: str) -> None:
    for seed in range(5):
        wearer = FALLS[name](Wearer(seed))
        recording = wearer.recording("x")
        samples = recording.samples.astype(float)
        assert _tilt_deg(samples[:100]) < 5
        assert 72 < _tilt_deg(samples[-100:]) < 102
        assert recording.onset_ms == 5000
        assert recording.impact_ms is not None
        peak_ms = np.linalg.norm(samples, axis=1).argmax() * 20
        assert abs(peak_ms - recording.impact_ms) <= 80


@pytest.mark.parametrize(("toward", "axis"), [("forward", (0, 0, -1)), ("backward", (0, 0, 1)), ("left", (-1, 0, 0))])
def test_lying_reads_the_side_that_is_up(toward: str, axis: tuple[int, int, int]) -> None:
    samples = Wearer(2).stand(1).lie_down(toward).unconscious(5).recording("x").samples[-200:]
    assert samples.mean(axis=0) / 1000 == pytest.approx(axis, abs=0.02)


def test_sitting_and_stumbling_leave_the_worker_upright() -> None:
    for motion in (lambda w: w.stand(1).sit(hard=True).stand(5), lambda w: w.walk(5).stumble().stand(5)):
        assert _tilt_deg(motion(Wearer(4)).recording("x").samples[-200:].astype(float)) < 15


def test_posture_does_not_jump_between_pieces() -> None:
    """Averaged over 50 ms either side of a joint, the force turns by a few degrees at most."""
    wearer = Wearer(9)
    joints = []
    pieces: list[Motion] = [
        lambda w: w.stand(2),
        lambda w: w.bend(70, 2),
        lambda w: w.sit(),
        lambda w: w.work_seated(20),
        lambda w: w.get_up(),
        lambda w: w.crouch(2),
        lambda w: w.walk(5),
        lambda w: w.lie_down(),
        lambda w: w.work_lying(10),
        lambda w: w.slump(slow=True),
        lambda w: w.unconscious(5),
        lambda w: w.get_up(),
        lambda w: w.take_off(),
        lambda w: w.untouched(3),
    ]
    for piece in pieces:
        piece(wearer)
        joints.append(round(wearer.t_ms * RATE_HZ / 1000))
    truth = wearer.truth_mg()
    for joint in joints[:-1]:
        before, after = truth[joint - 20 : joint].mean(axis=0), truth[joint : joint + 20].mean(axis=0)
        cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
        assert np.degrees(np.arccos(min(1.0, cosine))) < 6


def test_vibration_stays_in_its_lines() -> None:
    quiet = Wearer(1).stand(20).truth_mg()
    shaken = Wearer(1).vibrate(12.5, 60).stand(20).truth_mg()
    spectrum = np.abs(np.fft.rfft((shaken - shaken.mean(axis=0)), axis=0)).max(axis=1)
    hz = np.fft.rfftfreq(len(shaken), 1 / RATE_HZ)
    lines = np.min([np.abs(hz - 12.5 * k) for k in range(1, 5)], axis=0) < 0.5
    assert spectrum[(hz > 5) & ~lines].max() < 0.05 * spectrum[lines].max()
    assert shaken.std(axis=0).max() > 5 * quiet.std(axis=0).max()


def test_a_crooked_mount_turns_what_is_read() -> None:
    recording = Wearer(1, mount=("left", 30)).stand(4).recording("x")
    assert recording.samples.mean(axis=0) / 1000 == pytest.approx(leaning("left", 30), abs=0.01)
    assert recording.up == (-500, 866, 0)


def test_an_unknown_input_is_refused() -> None:
    with pytest.raises(ValueError, match="panic: unknown input"):
        Wearer(1).stand(1).does("panic")


# --- scenes ---


def test_scenes_are_distinct_and_cover_every_cause_both_ways() -> None:
    names = [scene.name for scene in SCENES]
    assert len(set(names)) == len(names)
    for cause in CAUSES:
        assert any(cause in scene.must for scene in SCENES), cause
        assert any(cause in scene.must_not for scene in SCENES), cause
    assert sum("immobility_delay_ms" not in scene.settings for scene in SCENES if "immobility" in scene.must) >= 1
    assert {25, 50, 100, 200} == {scene.rate_hz for scene in SCENES}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_makes_a_recording_the_device_can_take(scene: Scene) -> None:
    recording = scene.recording()
    assert recording.samples.dtype == np.int16
    assert recording.samples.shape[1:] == (3,)
    assert np.abs(recording.samples).max() <= recording.range_mg
    assert not (recording.samples % 4).any()
    assert 30 <= recording.duration_s <= 150
    assert recording.kind in KINDS
    assert recording.settings.get("rate_hz", 50) == recording.rate_hz
    times = [given.t_ms for given in recording.inputs]
    assert times == sorted(times)
    assert all(0 <= t_ms < 1000 * recording.duration_s for t_ms in times)
    assert all(given.what in INPUTS for given in recording.inputs)
    assert set(scene.must + scene.may) <= set(CAUSES)
    assert not set(scene.must) & set(scene.must_not)


def test_bundled_recordings_are_the_scenes_in_order_and_always_the_same() -> None:
    first, again = bundled_recordings(), bundled_recordings()
    assert [recording.id for recording in first] == [scene.name for scene in SCENES]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(first, again, strict=True))
    assert {(recording.dataset, recording.licence) for recording in first} == {("bundled", "Apache-2.0")}
    assert all(recording.words and recording.notes for recording in first)

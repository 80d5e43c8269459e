"""The judgement of falls: its features against plain computations, its points, and when a case is judged."""

from __future__ import annotations

from array import array
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from dati.bank import DetectorBank
from dati.fall import FEATURES, flat
from dati.fall_scores import CARDS
from dati.settings import Settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from made_up import falling, leaning

from datasets.synthetic import Wearer
from simulator.explain import judgements
from simulator.replay import Options, make_job

RATES_HZ = (25, 33, 35, 36, 50, 77, 104, 141, 142, 200)
# The same figures as in fall.py, written out a second time, in ms from the impact.
BEFORE_MS, APPROACH_MS, SETTLING_MS = (-4000, -1500), (-1600, -600), (500, 1300)
JUDGED_MS, AFTER_MS, CHAIN_MS, DROP_MS, AROUND_MS, HARD_MG = 2600, 1100, 2000, 1000, 1500, 1600
OPENS_MG = 1500
COSINE = 6  # of 1024: what a direction's 0.2 degree and the halvings make of a cosine
AT = {name: number for number, name in enumerate(FEATURES)}


class Judged:
    """Slots through the fall detector of a bank, and each case as it was judged."""

    def __init__(self, rate_hz=50, **values):
        self.bank = DetectorBank(Settings({"rate_hz": rate_hz, "fall_points": 500, **values}))
        self.slots = self.bank.slots
        self.fall = self.bank.fall
        self.taken = 0
        self.means_mg = []
        self.peaks = []
        self.cases = []  # (slot of the hardest, slot of the first, slot it is judged in, features, points)
        self._pending = self.fall.step
        self.fall.step = self.step

    def step(self, x_mg, y_mg, z_mg, peak):
        """One slot, as the bank hands it over."""
        self.means_mg.append((x_mg, y_mg, z_mg))
        self.peaks.append(peak)
        before, hit, first = self.fall.judged, self.fall.pending_slots, self.fall._first_age
        self._pending(x_mg, y_mg, z_mg, peak)
        if self.fall.judged > before:
            assert self.fall.judged == before + 1
            now = len(self.peaks) - 1
            self.cases.append((now - hit, now - first, now, list(self.fall.features), self.fall.points))
        return self

    def feed(self, slots):
        for slot in slots:
            self.step(*(int(number) for number in slot))
        return self

    def samples(self, samples_mg):
        flat_mg = array("h", np.ascontiguousarray(samples_mg, np.int16).tobytes())
        at = 0
        while at < len(samples_mg):
            at = self.bank.run(flat_mg, at, len(samples_mg))
        return self


def cosine(a, b):
    """Of the angle between two vectors, in 1/1024; 1024 where one of them is zero, as a case for nobody."""
    length = np.linalg.norm(a) * np.linalg.norm(b)
    return 1024 * np.dot(a, b) / length if length else 1024.0


def plainly(seen, hit, first, now, up=(0, 1000, 0)):
    """The features of a case by plain numpy, over slot numbers instead of ages; and what each may be off by."""
    slots = seen.slots
    means = np.array(seen.means_mg, float)
    peaks = np.array(seen.peaks, float)

    def window(event, bounds_ms):
        """Slot numbers of a window before the event: from the earlier bound, not included, to the later."""
        return np.arange(event - slots(-bounds_ms[0]) + 1, event - slots(-bounds_ms[1]) + 1)

    def posture(numbers):
        """Whole mean of what there is; where there is nothing, the first slot ever."""
        kept = numbers[numbers >= 0]
        return np.floor(means[kept].mean(axis=0)) if len(kept) else means[0]

    def there(low, high):
        """Slot numbers from low to high; what is before the first slot ever is that slot, again and again."""
        return np.maximum(np.arange(low, min(high, now) + 1), 0)

    def changes(numbers):
        return [np.abs(means[n] - means[max(n - 1, 0)]).sum() for n in numbers]

    def length_mg(peak):
        return 2 * int(np.sqrt(peak))

    around, judged, after = slots(AROUND_MS), slots(JUDGED_MS), slots(AFTER_MS)
    assert now - hit == judged
    settling = np.arange(hit + slots(SETTLING_MS[0]) + 1, hit + slots(SETTLING_MS[1]) + 1)
    since = np.arange(settling[0], now + 1)
    last = np.arange(now - after + 1, now + 1)
    before, approach = posture(window(first, BEFORE_MS)), posture(window(first, APPROACH_MS))
    right_after, finally_ = posture(settling), posture(last)
    unit = before / np.linalg.norm(before) if before.any() else np.array([0.0, 1.0, 0.0])
    drop = there(hit - slots(DROP_MS), hit - 1)
    at_impact = there(hit - 2, hit + 2)
    plain = {
        "peak_mg": length_mg(peaks[hit]),
        "lean_before_cos": cosine(before, up),
        "tilt_cos": cosine(before, finally_),
        "approach_cos": cosine(approach, finally_),
        "settling_cos": cosine(before, right_after),
        "settled_cos": cosine(right_after, finally_),
        "drop": (1000 - means[drop] @ unit).sum(),
        "impacts": (peaks[there(hit - around + 1, hit + around)] > (HARD_MG / 2) ** 2).sum(),
        "push_mg": np.linalg.norm(means[at_impact], axis=1).max(),
        "jerk_mg": max(changes(there(hit - 2, hit + 3))),
        "shock_mg": sum(map(length_mg, peaks[there(hit - 3, hit + 4)])),
        "stir_mg": np.floor(np.mean(changes(since))),
        "sway_mg": np.abs(means[last] - finally_).sum(axis=1).max(),
        "calm_mg": np.floor(np.mean([length_mg(peak) for peak in peaks[since]])),
    }
    off = {name: COSINE if name.endswith("_cos") else 0 for name in plain}
    off["push_mg"] = 4
    off["drop"] = len(drop) * (28 + 0.004 * np.linalg.norm(means[drop], axis=1).max())
    return plain, off


def assert_plain(seen, up=(0, 1000, 0)):
    for hit, first, now, features, _ in seen.cases:
        plain, off = plainly(seen, hit, first, now, up)
        for name, expected in plain.items():
            assert abs(features[AT[name]] - expected) <= off[name], (name, features[AT[name]], expected, hit)


def random_slots(seed, count=400):
    """Postures held for a while, shaken, and impacts now and then; sometimes two or three close together."""
    random = np.random.default_rng(seed)
    means, peaks = [], []
    while len(means) < count:
        length = random.integers(4, 40)
        posture = random.normal(size=3)
        posture *= 1000 / np.linalg.norm(posture)
        means += (posture + random.normal(0, random.choice([5, 100, 600]), (length, 3))).tolist()
        peaks += np.linalg.norm(means[-length:], axis=1).tolist()
        for _ in range(random.integers(0, 4)):
            peaks[-random.integers(1, min(length, 10))] = random.uniform(1200, 12000)
    slots = np.clip(np.rint(means), -16000, 16000).astype(int)
    return np.column_stack([slots, (np.maximum(peaks, 900) / 2).astype(int) ** 2])


@cache
def fall_mg(kind, rate_hz, seed=3):
    wearer = Wearer(seed, ("left", 12.0)).work_standing(4 + seed)
    return getattr(wearer.walk(3), kind)().unconscious(8).recording("x", rate_hz).samples


# --- the features ---


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_features_of_random_slots_are_the_plain_ones(rate_hz):
    for seed in range(6):
        up = np.rint(np.random.default_rng(seed).normal(0, 600, 3)).astype(int)
        seen = Judged(rate_hz)
        seen.bank.set_vertical(*map(int, up))
        seen.feed(random_slots(1000 * seed + rate_hz))
        assert len(seen.cases) >= 4
        assert_plain(seen, up)


@pytest.mark.parametrize("placement", CARDS)
@pytest.mark.parametrize("kind", ["trip_fall", "slip_fall", "faint"])
@pytest.mark.parametrize("rate_hz", [25, 50, 77, 142, 200])
def test_features_of_falls_are_the_plain_ones(rate_hz, kind, placement):
    """From the samples on: the slots are the bank's own, seen as it hands them over."""
    seen = Judged(rate_hz, placement=placement).samples(fall_mg(kind, rate_hz))
    assert seen.cases
    assert_plain(seen)


@pytest.mark.parametrize("rate_hz", [25, 35, 36, 141, 142, 200])
def test_slots_reach_the_detector_as_their_mean_and_peak(rate_hz):
    samples_mg = fall_mg("trip_fall", rate_hz)
    seen = Judged(rate_hz).samples(samples_mg)
    size = seen.bank.slot_samples
    whole = samples_mg[: len(samples_mg) // size * size].reshape(-1, size, 3).astype(int)
    assert np.array_equal(seen.means_mg, whole.sum(axis=1) // size)
    assert np.array_equal(seen.peaks, ((whole >> 1) ** 2).sum(axis=2).max(axis=1))


@given(seen_before=st.integers(0, 45), rate_hz=st.sampled_from(RATES_HZ), seed=st.integers(0, 1000))
@hypothesis_settings(max_examples=80)
def test_a_case_soon_after_power_on_is_judged_by_what_there_is(seen_before, rate_hz, seed):
    """What a feature asks for before the first slot ever is that first slot."""
    slots = random_slots(seed, 80)
    slots[:, 3] = 500 * 500
    slots[seen_before, 3] = 3000 * 3000
    seen = Judged(rate_hz).feed(slots)
    assert [case[0] for case in seen.cases] == [seen_before]
    assert_plain(seen)


@pytest.mark.parametrize("rate_hz", range(25, 201))
def test_what_a_judgement_asks_for_is_still_in_the_ring(rate_hz):
    slots = DetectorBank(Settings({"rate_hz": rate_hz})).slots
    assert slots(CHAIN_MS) + slots(JUDGED_MS) + 1 + slots(-BEFORE_MS[0]) <= Judged(rate_hz).fall._ring_slots


def test_before_is_before_the_first_of_a_chain_and_after_is_after_the_hardest():
    seen = Judged().feed([(0, 1000, 0, 500 * 500)] * 40)
    seen.feed([(0, 1000, 0, 1000 * 1000)] + [(1000, 0, 0, 500 * 500)] * 8)
    seen.feed([(0, 0, 1000, 2000 * 2000)] + [(0, 0, -1000, 500 * 500)] * 40)
    [(hit, first, _, features, _)] = seen.cases
    assert (hit, first) == (49, 40)
    assert features[AT["lean_before_cos"]] == pytest.approx(1024, abs=COSINE)
    assert features[AT["tilt_cos"]] == pytest.approx(0, abs=COSINE)
    assert features[AT["settled_cos"]] == pytest.approx(1024, abs=COSINE)
    assert features[AT["impacts"]] == 2
    assert features[AT["peak_mg"]] == 4000


def test_a_step_longer_ago_than_a_chain_is_not_part_of_the_fall():
    gap = DetectorBank(Settings()).slots(CHAIN_MS)
    for between, chained in ((gap - 2, True), (gap - 1, False)):
        seen = Judged().feed([(0, 1000, 0, 500 * 500)] * 40)
        seen.feed([(0, 1000, 0, 1000 * 1000)] + [(0, 1000, 0, 500 * 500)] * between)
        seen.feed([(0, 1000, 0, 2000 * 2000)] + [(0, 1000, 0, 500 * 500)] * 40)
        [(hit, first, *_)] = seen.cases
        assert hit == 41 + between
        assert (first == 40) == chained
        assert first in (40, hit)


# --- the points ---


def share(row, features):
    """What a row of a scorecard adds: its points, or those of the last step reached."""
    name, points, steps = row
    return [points, *(then for at, then in steps if features[AT[name]] >= at)][-1]


def pointed(fall, features):
    """The points of given features, counted by the firmware."""
    fall._measure = lambda hit, first: None
    for number, feature in enumerate(features):
        fall.features[number] = int(feature)
    fall._judge()
    return fall.points


@pytest.mark.parametrize("placement", CARDS)
def test_every_judgement_explains_itself(placement):
    judged = 0
    for seed in range(5):
        seen = Judged(placement=placement).feed(random_slots(seed))
        judged += len(seen.cases)
        for *_, features, points in seen.cases:
            assert points == sum(share(row, features) for row in CARDS[placement])
    assert judged > 20


@pytest.mark.parametrize("placement", CARDS)
@pytest.mark.parametrize("rate_hz", [25, 50, 142])
def test_explaining_a_recording_tells_each_judgement_as_it_was(rate_hz, placement):
    recording = Wearer(4, ("left", 12.0)).walk(6).jump_down().walk(4).trip_fall().unconscious(8).recording("x", rate_hz)
    values = {"rate_hz": rate_hz, "placement": placement, "verticality_enabled": False}
    job = make_job(recording, Options(values))
    told = list(judgements(job, all_cases=True))
    seen = Judged(**values)
    seen.bank.set_vertical(*job.up)
    seen.samples(job.samples)
    assert [(one.features, one.points) for one in told] == [(tuple(case[3]), case[4]) for case in seen.cases]
    assert len(told) >= 2
    for one, (_, _, now, *_) in zip(told, seen.cases, strict=True):
        assert one.t_s == pytest.approx((now + 1) * seen.bank.slot_samples / rate_hz)
        assert one.needed == 0
        assert one.points == sum(given.points for given in one.shares)
        assert [given.feature for given in one.shares] == [name for name, _, _ in CARDS[placement]]
        assert all(given.value == one.features[AT[given.feature]] for given in one.shares)


def features_at_the_steps(placement, random):
    """Any features, with those of the card often just at, below or above one of its steps."""
    features = random.integers(-1200, 12000, len(FEATURES))
    for name, _, steps in CARDS[placement]:
        features[AT[name]] = steps[random.integers(len(steps))][0] + random.integers(-1, 2)
    return features


@pytest.mark.parametrize("placement", CARDS)
def test_points_are_those_that_training_counts(placement):
    training = pytest.importorskip("datasets.training", reason="make train needs scikit-learn")
    random = np.random.default_rng(5)
    features = np.array([features_at_the_steps(placement, random) for _ in range(500)])
    fall = Judged(placement=placement).fall
    assert [pointed(fall, row) for row in features] == training.score(CARDS[placement], features).tolist()
    assert len(set(training.score(CARDS[placement], features))) > 2


@pytest.mark.parametrize("placement", CARDS)
def test_a_card_is_well_formed(placement):
    """Steps rise and each says something; a flat card is all of it, in int32."""
    card = CARDS[placement]
    for name, points, steps in card:
        assert name in FEATURES
        assert [at for at, _ in steps] == sorted({at for at, _ in steps})
        told = [points, *(then for _, then in steps)]
        assert all(type(number) is int and abs(number) < 1000 for number in told)
        assert all(a != b for a, b in pairwise(told))
    numbers = flat(card)
    assert numbers.typecode == "i"
    assert len(numbers) == sum(3 + 2 * len(steps) for _, _, steps in card)


def test_features_are_named_once_each_and_all_filled():
    assert len(set(FEATURES)) == len(FEATURES) == len(Judged().fall.features)
    seen = Judged().samples(fall_mg("trip_fall", 50))
    assert all(seen.cases[-1][3])


# --- the cases ---


@pytest.mark.parametrize("rate_hz", [25, 50, 77, 141, 200])
def test_nothing_is_judged_twice_and_the_hardest_is_what_is_judged(rate_hz):
    for seed in range(20):
        seen = Judged(rate_hz).feed(random_slots(seed, 600))
        peaks = np.array(seen.peaks)
        last = -1
        for hit, first, now, *_ in seen.cases:
            assert last < first <= hit < now
            assert now - hit == seen.slots(JUDGED_MS)
            assert hit - first < seen.slots(CHAIN_MS)
            assert peaks[hit] >= peaks[hit:now].max()
            assert first == hit or peaks[hit] > peaks[first:hit].max()
            assert peaks[first] >= (OPENS_MG // 2) ** 2
            last = now
        # Whatever is hard enough is in a case, or belongs to one that was taken over or has not ended.
        hard = np.flatnonzero(peaks >= (OPENS_MG // 2) ** 2)
        ends = [now for *_, now, _, _ in seen.cases]
        for at in hard[hard < len(peaks) - 100]:
            assert any(end >= at for end in ends)


@pytest.mark.parametrize("rate_hz", [25, 50, 200])
def test_a_harder_impact_takes_the_case_over_and_a_weaker_or_equal_one_does_not(rate_hz):
    quiet = [(0, 1000, 0, 500 * 500)]
    for second, taken_over in ((999, False), (1000, False), (1001, True)):
        seen = Judged(rate_hz).feed(quiet * 30)
        seen.feed([(0, 1000, 0, 1000 * 1000)]).feed(quiet * 5)
        seen.feed([(0, 1000, 0, second * second)]).feed(quiet * 60)
        [(hit, first, *_)] = seen.cases
        assert hit == (36 if taken_over else 30)
        assert first == 30


def test_every_harder_impact_puts_the_judgement_off_until_none_follows():
    seen = Judged().feed([(0, 1000, 0, 500 * 500)] * 30)
    for number in range(20):
        seen.feed([(0, 1000, 0, (1000 + number) ** 2)]).feed([(0, 1000, 0, 500 * 500)] * 10)
        assert seen.cases == []
    seen.feed([(0, 1000, 0, 500 * 500)] * 20)
    assert [case[0] for case in seen.cases] == [30 + 19 * 11]


def test_a_case_that_is_no_fall_leaves_the_next_alone():
    seen = Judged()
    for _ in range(3):
        seen.samples(np.rint(np.vstack([leaning(np.zeros(304)), falling(50), leaning(np.zeros(205))])))  # 68 slots
    first, second, third = (features for *_, features, _ in seen.cases)
    assert first == second == third


def test_a_gap_in_the_middle_of_a_case_ends_it_in_time():
    seen = Judged(fall_points=-500)
    seen.samples(np.rint(np.vstack([leaning(np.zeros(300)), falling(50), leaning(np.full(25, 90.0))])))
    assert seen.cases == []
    left = 50 * 10
    while left:
        left -= seen.bank.skip(left)
    assert len(seen.cases) == 1
    assert_plain(seen)

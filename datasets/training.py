"""Trains the scorecards of falls: `make train WAIST=sisfall.parquet WRIST="weda.parquet ..."`.

The cases and their features are the firmware's own: every recording is replayed and each judgement of
`dati.fall.Fall` is noted. A scorecard is a sum of steps, one feature each, fitted by gradient boosting of stumps
(scikit-learn); so it stays small enough to read, and explains itself. The zero of the points is set by
cross-validation over subjects, so nobody's falls set the bar they are judged by.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
from dati.fall import FEATURES
from sklearn.ensemble import GradientBoostingClassifier

from datasets.synthetic import Wearer
from simulator.corpus import read_corpus
from simulator.errors import UserError
from simulator.explain import judgements
from simulator.replay import Options, make_job
from simulator.trace import Recording

Step = tuple[int, int]
Card = list[tuple[str, int, list[Step]]]  # rows of feature, points below the first step, steps

SCORES = Path(__file__).parent.parent / "firmware" / "dati" / "fall_scores.py"
POINTS_PER_LOGIT = 20
SMALLEST_STEP = 7  # points: smaller ones are noise, and bytes on the device
LARGEST_COS = 1015  # of 1024: above it the cosine is rounding
FOLDS = 8
STUMPS = 300
# Where sensitivity and specificity are traded: the zero is set where both miss these by the same.
GOALS = {"waist": (0.99, 0.995), "wrist": (0.94, 0.95)}
# Chosen by backward elimination, cross-validated on the subjects of the training corpora.
USED = {
    "waist": (
        "peak_mg",
        "lean_before_cos",
        "tilt_cos",
        "approach_cos",
        "settled_cos",
        "drop",
        "impacts",
        "push_mg",
    ),
    "wrist": tuple(name for name in FEATURES if name not in ("lean_before_cos",)),
}


@dataclass(frozen=True)
class Cases:
    """Judged cases: `features` int, shape (n, len(FEATURES)); `fall` says which is the fall; `recording` is its row."""

    recordings: list[Recording]  # without their samples
    features: np.ndarray
    fall: np.ndarray
    recording: np.ndarray

    @property
    def subject(self) -> np.ndarray:
        return np.array([_person(recording) for recording in self.recordings])[self.recording]

    def only(self, wanted: Sequence[bool]) -> Cases:
        """The cases of the recordings that are wanted."""
        kept = np.asarray(wanted)
        number = np.cumsum(kept) - 1
        case = kept[self.recording]
        recordings = [recording for recording, want in zip(self.recordings, wanted, strict=True) if want]
        return Cases(recordings, self.features[case], self.fall[case], number[self.recording[case]])


def gather(recordings: Iterable[Recording], rates_hz: Sequence[int] = (50, 100)) -> Cases:
    """Every case of the recordings, at each rate.

    Of a fall's cases the one with the hardest impact is the fall; the others are left out: nobody knows what they are.
    """
    kept: list[Recording] = []
    rows: list[tuple[tuple[int, ...], bool, int]] = []
    for recording in recordings:
        for rate_hz in rates_hz:
            # The other detectors off: no pre-alarm, so no vibrator that shakes the cases.
            options = Options({"rate_hz": rate_hz, "verticality_enabled": False, "immobility_enabled": False})
            cases = [case.features for case in judgements(make_job(recording, options), all_cases=True)]
            if recording.kind == "fall":
                cases = sorted(cases, key=lambda features: features[0])[-1:]
            rows += [(features, recording.kind == "fall", len(kept)) for features in cases]
        kept.append(Recording(**{**vars(recording), "samples": recording.samples[:1]}))
    features, fall, index = zip(*rows, strict=True)
    return Cases(kept, np.array(features), np.array(fall), np.array(index))


def fit(features: np.ndarray, fall: np.ndarray, used: Sequence[str]) -> Card:
    """A scorecard in points, its zero where the chances are even."""
    columns = [FEATURES.index(name) for name in used]
    cosines = [at for at, name in enumerate(FEATURES) if name.endswith("_cos")]
    features = features.copy()
    features[:, cosines] = np.minimum(features[:, cosines], LARGEST_COS)
    model = GradientBoostingClassifier(
        n_estimators=STUMPS,
        max_depth=1,
        learning_rate=0.07,
        subsample=0.5,
        max_features=0.5,
        min_samples_leaf=20,
        random_state=0,
    ).fit(features[:, columns], fall)
    start = float(model.decision_function(features[:1, columns])[0])
    steps: dict[str, dict[int, float]] = {name: {} for name in used}
    base = 0.0
    for (stump,) in model.estimators_:
        tree = stump.tree_
        low, high = (
            model.learning_rate * tree.value[leaf, 0, 0] for leaf in (tree.children_left[0], tree.children_right[0])
        )
        if tree.feature[0] < 0:
            continue  # nothing left to split; its value is in `start` already
        name = used[tree.feature[0]]
        at = int(np.floor(tree.threshold[0])) + 1  # "x <= t" goes low: whole numbers from t's floor + 1 go high
        steps[name][at] = steps[name].get(at, 0.0) + high - low
        base += low
        start -= low if features[0, columns[tree.feature[0]]] < at else high
    card: Card = []
    share = (base + start) / len(used)
    for name in used:
        logit = share
        points = round(POINTS_PER_LOGIT * logit)
        rows: list[Step] = []
        for at, rise in sorted(steps[name].items()):
            logit += rise
            now = round(POINTS_PER_LOGIT * logit)
            if abs(now - (rows[-1][1] if rows else points)) >= SMALLEST_STEP:
                rows.append((at, now))
        card.append((name, points, rows))
    return card


def score(card: Card, features: np.ndarray) -> np.ndarray:
    """Points of each case, as the firmware counts them."""
    total = np.zeros(len(features), int)
    for name, points, steps in card:
        values = features[:, FEATURES.index(name)]
        now = np.full(len(features), points)
        for at, then in steps:
            now = np.where(values >= at, then, now)
        total += now
    return total


def cross_validated(cases: Cases, used: Sequence[str], seed: int = 0) -> np.ndarray:
    """Points of each case by a scorecard that was fitted without its subject."""
    subjects = np.random.default_rng(seed).permutation(sorted(set(cases.subject)))
    fold = {subject: number % FOLDS for number, subject in enumerate(subjects)}
    folds = np.array([fold[subject] for subject in cases.subject])
    points = np.zeros(len(folds), int)
    for number in range(FOLDS):
        held = folds == number
        if held.any():
            card = fit(cases.features[~held], cases.fall[~held], used)
            points[held] = score(card, cases.features[held])
    return points


def by_recording(cases: Cases, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The highest points of each recording (far below zero without a case), and whether it is a fall."""
    best = np.full(len(cases.recordings), -10_000)
    np.maximum.at(best, cases.recording, points)
    return best, np.array([recording.kind == "fall" for recording in cases.recordings])


def rates(best: np.ndarray, fall: np.ndarray, zero: int = 0) -> tuple[float, float]:
    """Sensitivity and specificity over recordings when `zero` points are needed."""
    return float((best[fall] >= zero).mean()), float((best[~fall] < zero).mean())


def set_zero(best: np.ndarray, fall: np.ndarray, goals: tuple[float, float]) -> int:
    """The points to need, so that the worse of the two margins over the goals is best; the middle of such."""
    candidates = np.arange(-100, 101)
    margins = [min(a - b for a, b in zip(rates(best, fall, int(zero)), goals, strict=True)) for zero in candidates]
    good = candidates[np.isclose(margins, max(margins))]
    return int(good[len(good) // 2])


def fold_cards(placement: str, recordings: list[Recording]) -> Iterator[tuple[Card, list[Recording]]]:
    """For each fold of the subjects: the card learned from the others, its zero too, and the fold's recordings.

    Raises UserError with fewer than two subjects, or without falls to learn from.
    """
    used = USED[placement]
    made_up = list(argued()) if placement == "waist" else []
    cases = gather([*recordings, *made_up])
    people = sorted({_person(recording) for recording in recordings})
    if len(people) < 2 or not cases.fall.any():
        raise UserError(
            f"--cross-validate subject: at the {placement} there are not two subjects and falls to learn from"
        )
    order = np.random.default_rng(0).permutation(people)
    for fold in np.array_split(order, min(FOLDS, len(people))):
        held = set(fold)
        others = cases.only([_person(recording) not in held for recording in cases.recordings])
        best, fall = by_recording(others, cross_validated(others, used))
        real = np.array([recording.dataset != "synthetic" for recording in others.recordings])
        zero = set_zero(best[real], fall[real], GOALS[placement])
        card = shifted(fit(others.features, others.fall, used), zero)
        yield card, [recording for recording in recordings if _person(recording) in held]


def _person(recording: Recording) -> str:
    return f"{recording.dataset}/{recording.subject}"


def shifted(card: Card, zero: int) -> Card:
    """The same card with `zero` points moved to 0, taken from its first feature."""
    name, points, steps = card[0]
    return [(name, points - zero, [(at, now - zero) for at, now in steps]), *card[1:]]


def argued(seeds: int = 12) -> Iterator[Recording]:
    """Daily life at the waist that the public recordings lack, from the synthetic generator.

    A heel strike or a landing and a bend right after it, a device pulled off the belt: without these a card takes any
    lean after a hard step for a fall. No belt sits straight: on SisFall the worn vertical leans by 10 to 20 degrees
    from the sensor's axis, and so does it here.
    """
    for seed in range(seeds):
        mount = (("forward", "left", "backward", "right")[seed % 4], 5.0 + seed % 15)
        for words, live in _lives(1.7 + 0.4 * (seed % 7) / 6, 50 + 5 * (seed % 8)).items():
            wearer = live(Wearer(zlib.crc32(f"{words} {seed}".encode()), mount))
            yield wearer.recording(
                f"argued/{words}/{seed}",
                dataset="synthetic",
                subject=str(seed),
                kind="adl",
                words=words,
                up=(0, 1000, 0),
            )


def _lives(cadence_hz: float, tilt_deg: float) -> dict[str, Callable[[Wearer], Wearer]]:
    return {
        "walk and bend": lambda w: w.walk(9, cadence_hz).bend(tilt_deg, 4).walk(6, cadence_hz),
        "walk and lean on a rail": lambda w: w.walk(8, cadence_hz).lean(tilt_deg).sway(tilt_deg, 8, 8),
        "jump down and bend": lambda w: w.walk(6).jump_down().bend(tilt_deg, 4).walk(4),
        "walk and take the device off": lambda w: w.walk(8, cadence_hz).take_off().untouched(6),
    }


def train(placement: str, corpora: Sequence[Path]) -> tuple[Card, str]:
    """The card of a placement and what to say of it."""
    recordings = [
        recording
        for path in corpora
        for recording in read_corpus(path)
        if placement in recording.placement and recording.kind != "unknown"
    ]
    if not any(recording.kind == "fall" for recording in recordings):
        named = ", ".join(map(str, corpora))
        raise UserError(f"{named}: no falls worn at the {placement} to learn from; name corpora that have some")
    if placement == "waist":
        recordings += argued()
    cases = gather(recordings)
    used = USED[placement]
    best, fall = by_recording(cases, cross_validated(cases, used))
    made_up = np.array([recording.dataset == "synthetic" for recording in cases.recordings])
    best, fall = best[~made_up], fall[~made_up]
    zero = set_zero(best, fall, GOALS[placement])
    sensitivity, specificity = rates(best, fall, zero)
    sets: dict[str, set[str]] = {}
    for recording in cases.recordings:
        sets.setdefault(recording.dataset, set()).add(recording.subject)
    text = (
        f"{placement}: trained at commit {_commit()} on "
        f"{', '.join(f'{name} ({len(who)})' for name, who in sets.items())} (subjects):\n"
        f"  {fall.sum()} falls, {(~fall).sum()} others; each subject judged by a card fitted without, {FOLDS} folds:\n"
        f"  sensitivity {sensitivity:.3f}, specificity {specificity:.3f} over recordings"
    )
    return shifted(fit(cases.features, cases.fall, used), zero), text


_HEAD = '''"""Scorecards of falls by placement, in points; written by `make train`, not by hand.

A card is a row per feature of `dati.fall.FEATURES`: its points, and the steps (value, points from that value on).
The points of all rows are added; `fall_points` or more make a fall. {per_doubling:.0f} points double the odds.

{text}
pocket: not trained: peak of 2 g and 45 degrees of tilt, the rule of thumb of the literature on the waist; the
recordings at hand (MobiFall) clip at 2 g an axis and are too few to learn from.
"""

# fmt: off
CARDS = {{
'''
POCKET: Card = [("peak_mg", -75, [(2000, -25)]), ("tilt_cos", 50, [(724, -50)])]


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def export(cards: dict[str, Card], texts: Sequence[str]) -> str:
    """The module `fall_scores` as text."""
    lines = [
        _HEAD.format(
            per_doubling=POINTS_PER_LOGIT * np.log(2),
            text="\n".join(texts),
        ).rstrip("\n")
    ]
    for placement, card in {**cards, "pocket": POCKET}.items():
        lines.append(f'    "{placement}": (')
        for name, points, steps in card:
            shown = "".join(f" ({at}, {now})," for at, now in steps)
            lines += wrap(
                f'("{name}", {points}, ({shown.lstrip()})),', 120, initial_indent=" " * 8, subsequent_indent=" " * 12
            )
        lines.append("    ),")
    return "\n".join([*lines, "}", "# fmt: on", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waist", nargs="+", type=Path, required=True, metavar="CORPUS")
    parser.add_argument("--wrist", nargs="+", type=Path, required=True, metavar="CORPUS")
    options = parser.parse_args()
    cards, texts = {}, []
    for placement, corpora in (("waist", options.waist), ("wrist", options.wrist)):
        try:
            cards[placement], text = train(placement, corpora)
        except UserError as error:
            print(f"dati: {error}", file=sys.stderr)
            sys.exit(2)
        print(text)
        texts.append(text)
    SCORES.write_text(export(cards, texts), encoding="utf-8")
    print(f"written: {SCORES.name}; now `dati engines --install`, `dati regress`")


if __name__ == "__main__":
    main()

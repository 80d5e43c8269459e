"""Why the fall detector decided as it did: every case it judged, with each feature's share of the points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dati.fall import FEATURES
from dati.fall_scores import CARDS

from simulator.engines import Job
from simulator.engines.python import make_device, replay


class Share(NamedTuple):
    """A feature's value in a case, and the points that its row of the scorecard gives."""

    feature: str
    value: int
    points: int


class Judgement(NamedTuple):
    """One case: when it was judged, its points, how many were needed, all features, and the shares that add up."""

    t_s: float
    points: int
    needed: int
    features: tuple[int, ...]
    shares: tuple[Share, ...]


def row_points(points: int, steps: tuple[tuple[int, int], ...], value: int) -> int:
    """What a row of a card gives for a value: the points of the last step reached."""
    for at, then in steps:
        if value >= at:
            points = then
    return points


def judgements(job: Job, all_cases: bool = False) -> Iterator[Judgement]:
    """Every case of a job, from a replay in CPython with the detector watched.

    With `all_cases` no fall is ever found, so that none hides the case after it.
    """
    device = make_device(job)
    fall = device.bank.fall
    card = CARDS[str(job.settings["placement"])]
    needed = fall._needed
    if all_cases:
        fall._needed = 1 << 20
    judge = fall._judge
    found: list[Judgement] = []

    def watched() -> None:
        judge()
        shares = []
        for name, points, steps in card:
            value = fall.features[FEATURES.index(name)]
            shares.append(Share(name, value, row_points(points, steps, value)))
        # The device's clock moves on with the block; the bank's own count of slots is exact.
        found.append(
            Judgement(
                slots * bank.slot_samples / bank._rate_hz, fall.points, needed, tuple(fall.features), tuple(shares)
            )
        )

    bank = device.bank
    finish = bank._finish_slot
    slots = 0

    def counted() -> None:
        nonlocal slots
        slots += 1
        finish()

    bank._finish_slot = counted
    fall._judge = watched
    for _ in replay(device, job, job.samples.reshape(-1).tolist()):
        pass
    yield from found

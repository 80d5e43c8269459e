"""Made-up work at posts whose right settings are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from datasets.synthetic import Wearer


def tiled(wearer, hours, **fields):
    """A wearer's motion over and over, for so many hours."""
    once = wearer.recording(fields.pop("id"), 50, kind="work", **fields)
    times = max(1, round(hours * 3600 / once.duration_s))
    return replace(once, samples=np.tile(once.samples, (times, 1)))


def people(motion, words, hours=5.0, wearers=4, first=1):
    """The same kind of work by several wearers."""
    return [
        tiled(motion(Wearer(seed)), hours, id=f"{words} {seed}", subject=f"W{seed}", activity=words)
        for seed in range(first, first + wearers)
    ]


def leaning(wearer):
    """Work that leans 60 degrees for 25 s at a time, upright and busy in between."""
    for _ in range(4):
        wearer.work_standing(40).lean(60).work_leaning(25, 60).lean(0)
    return wearer


def resting(wearer):
    """Seated work with rests of 70 s in which nothing but the breath moves; before and after, the worker stirs."""
    wearer.sit()
    for _ in range(3):
        wearer.work_seated(30).work_leaning(6).unconscious(70).work_leaning(6)
    return wearer.work_seated(30)


def on_the_back(wearer):
    """A mechanic under machines: lies, and works."""
    return wearer.lie_down().work_lying(300)


def at_the_bench(wearer):
    """Nothing that the default settings mind."""
    return wearer.work_standing(200).walk(30)

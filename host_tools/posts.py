"""Which post a recording is of: the kind of work that one setting must suit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from datasets.selection import Selection
from simulator.calibration import LYING_POST, Post
from simulator.errors import UserError
from simulator.replay import Options, device_settings
from simulator.scoring import NOT_WORN, role
from simulator.trace import Recording

POSTS = ("sitting", "standing", LYING_POST, "mobile")
BY = ("activity", "subject", "placement")

# English and French, as what was done is noted in recordings; the first that fits.
_WORDS = (
    (LYING_POST, re.compile(r"\blying|\blie\b|\bbed\b|\bcouch", re.IGNORECASE)),
    ("mobile", re.compile(r"walk|stairs|jog|\brun|jump|mobile|patrol|ronde|march", re.IGNORECASE)),
    ("sitting", re.compile(r"\bseated\b|\bsitting\b|\bdesk\b|\bdriv|\bassis|\bbureau\b", re.IGNORECASE)),
    ("standing", re.compile(r"\bstanding\b|\bpacking\b|\bbench\b|\bdebout\b", re.IGNORECASE)),
)
_OF_WORK = ("work", "adl", "unknown")


class Sorter:
    """Names posts: by rules "POST" or "POST: key=pattern ...", by a column, or by the words of the recording."""

    def __init__(self, rules: Sequence[str], by: str | None = None) -> None:
        if by is not None and by not in BY:
            raise UserError(f"--by {by!r}: permitted: {', '.join(BY)}")
        self._by = by
        self._rules = [self._rule(text) for text in rules]

    @staticmethod
    def _rule(text: str) -> tuple[str, Selection]:
        name, _, pattern = text.partition(":")
        if not re.fullmatch(r"[\w -]{1,40}", name.strip()):
            raise UserError(f"--post {text!r}: give a name such as {', '.join(POSTS)}, or 'NAME: key=pattern'")
        return name.strip(), Selection(pattern)

    def name(self, recording: Recording) -> str:
        for name, takes in self._rules:
            if takes(recording):
                return name
        if self._by is not None:
            return str(getattr(recording, self._by)) or "unnamed"
        words = f"{recording.words} {recording.activity}"
        # What nobody named is taken for the hardest to keep quiet.
        return next((name for name, pattern in _WORDS if pattern.search(words)), "mobile")


def sort(recordings: Iterable[Recording], sorter: Sorter, given: Mapping[str, object]) -> dict[tuple[str, str], Post]:
    """Posts by name and placement of the device, sorted. Only ordinary work counts: no falls, nothing unworn."""
    posts: dict[tuple[str, str], Post] = {}
    for one in recordings:
        if one.kind not in _OF_WORK or role(one) == NOT_WORN:
            continue
        name = sorter.name(one)
        placement = str(device_settings(one, Options({n: v for n, v in given.items() if n == "placement"})).placement)
        posts.setdefault((name, placement), Post(name, [], name == LYING_POST)).work.append(one)
    if not posts:
        raise UserError("no recordings of ordinary work: falls, stillness and vehicle floors do not tell of a post")
    for (name, placement), post in posts.items():
        if len({where for _, where in posts}) > 1:
            post.name = f"{name}, {placement}"
    return dict(sorted(posts.items()))

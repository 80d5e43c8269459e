"""Choosing recordings by what is known of them: `kind=fall subject=SA0*`."""

from __future__ import annotations

from fnmatch import fnmatchcase

from simulator.errors import UserError
from simulator.trace import Recording

KEYS = ("id", "dataset", "subject", "activity", "kind", "placement")


class Selection:
    """Every `key=pattern[,pattern...]` must match one of its patterns; `*` and `?` stand for any text."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self._wanted: dict[str, list[str]] = {}
        for term in text.split():
            key, equals, patterns = term.partition("=")
            if not equals or key not in KEYS or not patterns:
                raise UserError(f"--select {term!r}: give key=value with a key of {', '.join(KEYS)}")
            self._wanted[key] = patterns.split(",")

    def __call__(self, recording: Recording) -> bool:
        return all(
            any(fnmatchcase(getattr(recording, key), pattern) for pattern in patterns)
            for key, patterns in self._wanted.items()
        )

"""Reasons, remarks and advice of a drill in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from host_tools.documents import Words


def words_of(words: Words, kind: str, key: str, values: Mapping[str, Any]) -> str:
    """A reason, remark or advice in words."""
    shown = dict(values)
    for name in ("seconds", "cap"):
        if name in shown:
            shown[name] = words.seconds(float(shown[name]))
    for name in ("rate", "high", "limit", "hours", "metres"):
        if name in shown:
            shown[name] = words.number(float(shown[name]), 0 if name in ("limit", "metres") else 1)
    if "causes" in shown:
        shown["causes"] = " + ".join(words.named("cause", cause) for cause in shown["causes"])
    return words(f"{kind}_{key}", **shown)

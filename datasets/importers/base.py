"""What an importer is, and how it turns a file away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from simulator.trace import Recording


class RejectError(Exception):
    """A file that is no usable recording; `reason` is worded alike for all such files, to count them."""

    def __init__(self, reason: str, where: str = "", advice: str = "") -> None:
        super().__init__(reason, where, advice)
        self.reason = reason
        self.where = where
        self.advice = advice


@dataclass(frozen=True)
class Rejection:
    """A file (or a part of one, after `@`) that was not taken, why, and where in it the reason lies."""

    file: str
    reason: str
    where: str = ""


@dataclass(frozen=True)
class Context:
    """What a reader knows beside the file: the user's options, and the files `Importer.beside` asked for."""

    options: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, bytes] = field(default_factory=dict)
    source_is_file: bool = False
    source_is_folder: bool = False


Read = Callable[[re.Match[str], bytes, Context], Iterator[Recording | Rejection]]


@dataclass(frozen=True)
class Importer:
    """How to read one public data set.

    `files` is searched in the path of every file, `/` between folders; where it matches, `read` gets the
    match and the bytes, and yields recordings, or rejections of parts of the file, or raises `RejectError`
    for the whole. `beside` matches the files that `read` needs before any recording, such as a table of
    labels.
    """

    name: str
    title: str
    example: str  # a path as the set has it, for the message when none is found
    files: re.Pattern[str]
    read: Read
    beside: re.Pattern[str] | None = None
    options: tuple[str, ...] = ()

"""The catalogue of public recordings of motion: what there is, on what terms, and how to get it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Entry:
    """One public data set. A number that its publication does not give is the string "not stated".

    `falls` and `others` count recordings, `hours` their length; `source` is a DOI, `github:owner/name` or
    words; `importer` is a name for `dati import`, empty where there is none.
    """

    name: str
    what: str
    authors: str
    licence: str
    placement: str
    rate: str
    range: str
    subjects: int | str
    falls: int | str
    others: int | str
    hours: float | str
    source: str
    importer: str
    notes: str


def catalogue() -> tuple[Entry, ...]:
    """All entries, in the order of the file."""
    table = tomllib.loads((files("datasets") / "catalogue.toml").read_text("utf-8"))
    return tuple(Entry(**entry) for entry in table["dataset"])

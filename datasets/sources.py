"""What a user may name as SOURCE: a bundled trace, a corpus, a CSV file or a folder of them, a device's log."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

import pyarrow.parquet as pq

from datasets.importers import read_csv_recordings
from datasets.selection import Selection
from simulator.corpus import is_corpus, read_corpus
from simulator.device_log import read_device_log
from simulator.errors import UserError
from simulator.trace import Recording

TRACES = Path(__file__).parent / "traces"
BUNDLED = TRACES / "bundled.parquet"


def bundled_traces() -> list[Recording]:
    """The traces that come with the project, in their order."""
    return list(read_corpus(BUNDLED))


def count(source: str) -> int | None:
    """How many recordings a source has where that is cheap to know, for progress; None otherwise."""
    path = Path(source)
    if path.is_file() and is_corpus(path):
        return pq.read_metadata(path).num_rows
    return None


def open_source(source: str) -> Iterator[Recording]:
    """The recordings of one SOURCE, one at a time. UserError when there is nothing of that name."""
    if not source:
        raise UserError("SOURCE is empty; name a bundled trace, a corpus or a CSV file")
    path = Path(source)
    if path.suffix == ".parquet":
        yield from read_corpus(path)
    elif path.is_dir() or path.suffix.lower() in (".csv", ".tsv", ".txt"):
        yield from read_csv_recordings(path)
    elif path.suffix == ".mcap":
        yield read_device_log(path).recording
    elif path.exists():
        raise UserError(
            f"{source}: neither a corpus (.parquet), a CSV file nor a device's log (.mcap); "
            "`dati import` makes a corpus of a data set"
        )
    elif source == "bundled":
        yield from bundled_traces()
    else:
        yield _bundled(source)


def _bundled(name: str) -> Recording:
    traces = {trace.id: trace for trace in bundled_traces()}
    if name in traces:
        return traces[name]
    close = get_close_matches(name, traces, 1)
    hint = f"did you mean {close[0]!r}?" if close else "`dati corpus list` names the bundled traces"
    raise UserError(f"{name}: no such file or bundled trace; {hint}")


def open_sources(sources: list[str], select: str = "") -> Iterator[Recording]:
    """The recordings of all sources that the selection takes. UserError when it takes none."""
    selection = Selection(select)
    taken = seen = 0
    for source in sources:
        for recording in open_source(source):
            seen += 1
            if selection(recording):
                taken += 1
                yield recording
    if not taken:
        raise UserError(f"--select {select!r}: takes none of the {seen} recordings of {', '.join(sources)}")

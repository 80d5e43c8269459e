"""Importers: public data sets, as users download them, into one corpus. One small module for each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from datasets.importers import (
    assist_iot,
    csv_file,
    empatica,
    mobifall,
    openpack,
    sisfall,
    transport_vibration,
    umafall,
    weda_fall,
)
from datasets.importers.base import Context, Importer, RejectError, Rejection
from datasets.importers.csv_file import read_csv_recording, read_csv_recordings
from datasets.importers.driver import ImportReport, run
from datasets.importers.source import Progress
from simulator.errors import UserError

IMPORTERS: dict[str, Importer] = {
    module.IMPORTER.name: module.IMPORTER
    for module in (
        sisfall,
        mobifall,
        weda_fall,
        umafall,
        assist_iot,
        openpack,
        transport_vibration,
        empatica,
        csv_file,
    )
}

__all__ = [
    "IMPORTERS",
    "Context",
    "ImportReport",
    "Importer",
    "Progress",
    "RejectError",
    "Rejection",
    "import_corpus",
    "read_csv_recording",
    "read_csv_recordings",
]


def import_corpus(
    name: str,
    source: str | Path,
    out: str | Path,
    options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import `source`, a folder, a tar or zip, or one file, with importer `name` into the corpus `out`.

    A file that is no recording is counted in the report with its reason and does not stop the import.
    `progress` is called with the fraction done (0 to 1) and the path of each file. Raises `UserError` for an
    unknown name or option, an unreadable source, a source with nothing to take, or an `out` that cannot be
    written; `out` is then left as it was.
    """
    if name not in IMPORTERS:
        raise UserError(f"importer {name!r} is not known; use one of {', '.join(IMPORTERS)}")
    return run(IMPORTERS[name], source, out, options, progress)

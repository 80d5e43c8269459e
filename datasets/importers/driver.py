"""Run an importer over a source and write what it takes as a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from datasets.importers.base import Context, Importer, RejectError, Rejection
from datasets.importers.source import Progress, is_archive, walk
from simulator.corpus import CorpusWriter
from simulator.errors import UserError


@dataclass
class ImportReport:
    """What an import took and what it turned away.

    `files` are those the importer looked at, `files_by_kind` those that gave at least one recording; a file
    may hold several recordings, one for each body position.
    """

    name: str
    out: Path
    files: int = 0
    taken: int = 0
    hours: float = 0.0
    rejected: list[Rejection] = field(default_factory=list)
    files_by_kind: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    by_placement: Counter[str] = field(default_factory=Counter)

    @property
    def by_reason(self) -> Counter[str]:
        return Counter(rejection.reason for rejection in self.rejected)


def run(
    importer: Importer,
    source: str | Path,
    out: str | Path,
    options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import `source`, a folder, an archive or a file, into the corpus `out`; see `import_corpus`."""
    source, out = Path(source), Path(out)
    options = dict(options or {})
    unknown = sorted(set(options) - set(importer.options))
    if unknown:
        known = f"use {', '.join(importer.options)}" if importer.options else "it takes none"
        raise UserError(f"importer {importer.name}: unknown option {', '.join(unknown)}; {known}")
    beside = {}
    if importer.beside:
        beside = {match.string: data for match, data in walk(source, importer.beside)}
    context = Context(options, beside, source.is_file() and not is_archive(source), source.is_dir())
    report = ImportReport(importer.name, out)
    ids: set[str] = set()
    with CorpusWriter(out) as writer:
        for match, data in walk(source, importer.files, progress):
            report.files += 1
            kinds = set()
            try:
                for item in importer.read(match, data, context):
                    if isinstance(item, Rejection):
                        report.rejected.append(item)
                    elif item.id in ids:
                        report.rejected.append(Rejection(match.string, "duplicate id", item.id))
                    else:
                        ids.add(item.id)
                        writer.add(item)
                        kinds.add(item.kind)
                        report.taken += 1
                        report.hours += item.duration_s / 3600
                        report.by_kind[item.kind] += 1
                        report.by_placement[item.placement] += 1
            except RejectError as reject:
                report.rejected.append(Rejection(match.string, reject.reason, reject.where))
            report.files_by_kind.update(kinds)
        if not report.files:
            raise UserError(
                f"{source}: no recordings of {importer.name} in it; it has files such as {importer.example}"
            )
        if not report.taken:
            first = report.rejected[0]
            why = ", ".join(filter(None, (first.reason, first.where)))
            name = first.file.rpartition("/")[2]
            raise UserError(f"{source}: none of {report.files} files could be taken; the first, {name}: {why}")
    if progress:
        progress(1.0, "")
    return report

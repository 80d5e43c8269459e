"""`dati import`, `dati corpus`: recordings from where users get them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from datasets import sources
from datasets.catalogue import NOT_STATED, catalogue
from datasets.importers import IMPORTERS, import_corpus
from host_tools.choices import AsJson
from host_tools.output import out, print_json, progress_bar
from simulator.corpus import corpus_info
from simulator.errors import UserError

_SHOWN_REJECTIONS = 10

app = typer.Typer(help="Corpora: what public recordings exist, and what is in a file.", no_args_is_help=True)


def import_(
    name: Annotated[
        str, typer.Argument(metavar="IMPORTER", help=f"One of {', '.join(IMPORTERS)}.", show_default=False)
    ],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="The folder or archive (.tar.*, .zip) as it was downloaded.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.parquet", help="The corpus to write.")],
    pairs: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="For the importer, as licence=MIT; a wrong name lists those it takes.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a corpus (one Parquet file) of a public data set or of CSV files.

    Examples: `dati import sisfall SisFall.zip -o sisfall.parquet`,
    `dati import csv drill/ -o drill.parquet --option unit=g --option rate_hz=50 --option placement=waist`.
    """
    options = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"--option {pair!r}: give NAME=VALUE")
        options[key] = value
    with progress_bar() as progress:
        task = progress.add_task(f"importing {name}", total=1000)
        report = import_corpus(
            name, source, output, options, lambda done, _: progress.update(task, completed=int(1000 * done))
        )
    if as_json:
        print_json(
            {
                "out": str(report.out),
                "files": report.files,
                "files_by_kind": report.files_by_kind,
                "recordings": report.taken,
                "recordings_by_kind": report.by_kind,
                "recordings_by_placement": report.by_placement,
                "hours": round(report.hours, 4),
                "rejected": [vars(rejection) for rejection in report.rejected],
            }
        )
        return
    falls = report.files_by_kind["fall"]
    others = report.files_by_kind.total() - falls
    out.print(f"{report.out}: {report.taken} recordings, {report.hours:.2f} h")
    out.print(f"  from {report.files} files: {falls} of falls, {others} of others")
    out.print("  worn at: " + ", ".join(f"{place} {count}" for place, count in report.by_placement.most_common()))
    if report.rejected:
        out.print(f"  rejected: {len(report.rejected)}", style="yellow")
        for reason, count in report.by_reason.most_common():
            out.print(f"    {count} x {reason}")
        for rejection in report.rejected[:_SHOWN_REJECTIONS]:
            out.print(f"      {rejection.file} {rejection.where}", style="dim")
        if len(report.rejected) > _SHOWN_REJECTIONS:
            out.print(f"      and {len(report.rejected) - _SHOWN_REJECTIONS} more; --json lists all", style="dim")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the bundled traces and the public data sets that are known, with how to obtain them."""
    traces = sources.bundled_traces()
    if as_json:
        print_json(
            {
                "bundled": [{"name": trace.id, "words": trace.words} for trace in traces],
                "public": [vars(entry) for entry in catalogue()],
            }
        )
        return
    table = Table("bundled trace", "seconds", "what happens", box=None)
    for trace in traces:
        table.add_row(trace.id, f"{trace.duration_s:.0f}", trace.words)
    out.print(table)
    out.print()
    table = Table("public set", "what it holds; licence; where it is, and who reads it", box=None)
    table.columns[1].overflow = "fold"
    for entry in catalogue():
        holds = f"{entry.placement}; {entry.rate}; falls {entry.falls}, others {entry.others}, hours {entry.hours}"
        reader = f"dati import {entry.importer}" if entry.importer else "no importer"
        lines = f"{holds}; licence {entry.licence}".replace(NOT_STATED, "?"), f"{entry.source}; {reader}"
        table.add_row(entry.name, "\n".join(lines))
    out.print(table)
    out.print("? is not stated. None is passed on with this project: obtain your own copy, and mind its licence.")


@app.command()
def info(
    file: Annotated[Path, typer.Argument(metavar="CORPUS", help="A .parquet file.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Say what is in a corpus, without loading its samples."""
    summary = corpus_info(file)
    if as_json:
        print_json({**vars(summary), "hours": round(summary.hours, 4)})
        return
    out.print(f"{file}: version {summary.version}, {summary.recordings} recordings, {summary.hours:.2f} h")
    for title, counts in (
        ("data set", summary.by_dataset),
        ("kind", summary.by_kind),
        ("worn at", summary.by_placement),
        ("licence", summary.by_licence),
    ):
        out.print(f"  {title}: " + ", ".join(f"{name} {count}" for name, count in counts.most_common()))

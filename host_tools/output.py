"""How the command speaks: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulator.errors import UserError


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would exit with 1, which here means a difference


# Names and words of recordings are the user's: a bracket in them is a bracket.
out = _Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

EXIT_FINE = 0
EXIT_DIFFERENT = 1
EXIT_MISTAKE = 2
EXIT_INTERRUPTED = 130

T = TypeVar("T")


def print_json(value: object) -> None:
    """For programs: one JSON value, complete or not at all."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def progress_bar() -> Progress:
    """A bar on standard error; nothing is drawn where that is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def tracked(items: Iterable[T], what: str, total: int | None) -> Iterator[T]:
    """The items, with a progress bar while they pass."""
    with progress_bar() as progress:
        task = progress.add_task(what, total=total)
        for item in items:
            yield item
            progress.advance(task)


def check_writable(path: Path) -> None:
    """Refuse early what could not be written at the end of long work."""
    folder = path.parent
    if not folder.is_dir():
        raise UserError(f"{path}: there is no folder {folder}; create it first")
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file to write")
    try:
        probe = folder / f".{path.name}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); choose another folder") from None

"""Options that several commands share, and what they mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from datasets.selection import KEYS
from host_tools.output import err
from simulator import engines
from simulator.errors import UserError

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help="A bundled trace's name, 'bundled' for all of them, a corpus (.parquet), a CSV file or a folder of them.",
        show_default=False,
    ),
]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine",
        "-e",
        metavar="ENGINE",
        help=f"What runs the firmware: {', '.join(engines.ENGINES)}. Default: compiled where built, else python.",
        show_default=False,
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", "-s", metavar="FILE", help="Settings as a JSON object.", show_default=False),
]
SettingPairs = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="One setting, over the file; repeat for more. `dati settings` lists them.",
        show_default=False,
    ),
]
Select = Annotated[
    str,
    typer.Option(
        metavar="'KEY=PATTERN ...'",
        help=f"Only these recordings, e.g. 'kind=fall subject=SA0*'; keys: {', '.join(KEYS)}.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def engine(name: str | None) -> engines.Engine:
    """The engine of that name, or the fastest that is ready, said plainly where that is the slow one."""
    if name is not None:
        return engines.get(name)
    found = engines.fastest()
    if found.name == "python":
        err.print(
            "engine python; `dati engines --install` builds the compiled one, some 100 times as fast",
            style="dim",
        )
    return found


def settings(file: Path | None, pairs: list[str] | None) -> dict[str, object]:
    """The settings named on the command line; a pair wins over the file. Values are checked where they are used."""
    values = _read(file) if file is not None else {}
    for pair in pairs or []:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UserError(f"--set {pair!r}: give NAME=VALUE")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def _read(file: Path) -> dict[str, object]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{file}: no such settings file; `dati settings --json` prints one to start from") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"{file}: is not JSON ({error}); correct it") from None
    if not isinstance(values, dict):
        raise UserError(f"{file}: must be a JSON object of settings by name")
    return values

"""`dati settings`, `dati engines`: what can be set, and what can run it."""

from __future__ import annotations

from typing import Annotated

import typer
from dati.settings import Settings, SettingsError
from dati.tunables import PROFILES, TUNABLES
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from host_tools.choices import AsJson, SettingPairs, SettingsFile
from host_tools.choices import settings as chosen
from host_tools.output import err, out, print_json
from simulator import engines as simulator_engines
from simulator.engines import EngineUnavailableError, compiled, store
from simulator.errors import UserError

_WIDE = 140  # columns; with fewer, what a setting does stands below its name


def settings(
    profile: Annotated[
        str, typer.Option(metavar="PROFILE", help=f"One of {', '.join(row[0] for row in PROFILES)}.")
    ] = "default",
    file: SettingsFile = None,
    pairs: SettingPairs = None,
    as_json: AsJson = False,
) -> None:
    """Show every setting: its value, unit, range and purpose. With a file, check it."""
    try:
        values = Settings({"profile": profile, **chosen(file, pairs)}).as_dict()
    except SettingsError as error:
        raise UserError(f"{f'{file}: ' if file else ''}{error}") from None
    if as_json:
        print_json(values)
        return
    wide = out.width >= _WIDE
    columns = ["setting", "value", "range", *["what it does"] * wide]
    table = Table(*columns, title=f"profile {values['profile']}", title_justify="left", box=None)
    for name, unit, _, lowest, highest, purpose in TUNABLES:
        if unit == "switch":
            shown, span = "on" if values[name] else "off", "on or off"
        elif isinstance(lowest, tuple):
            shown, span = values[name], " or ".join(lowest)
        else:
            shown, span = f"{values[name]} {unit}", f"{lowest} to {highest}"
        if wide:
            table.add_row(name, shown, span, purpose)
        else:
            table.add_row(Group(name, Padding(Text(purpose, "dim"), (0, 0, 0, 2))), shown, span)
    out.print(table)
    for name, base, _, caps in PROFILES:
        if caps:
            out.print(f"\nprofile {name} (adds to {base}) refuses more than:")
            for names, highest in caps:
                out.print(f"  {' + '.join(names)}: {highest} ms")
    out.print(
        "\nCaps follow the longest trigger times published for DIN VDE V 0825-11 in DGUV Information 212-139 (annex 2, "
        "table 5; section 7 for critical hazards). No conformity is claimed."
    )


def engines(
    install: Annotated[
        bool, typer.Option("--install", help="Build the compiled engine and fetch the 32-bit interpreter.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what can run the firmware here, and what is missing."""
    if install:
        for what, action in (("compiled", compiled.build), ("micropython32", store.install_wasm)):
            try:
                action()
            except UserError as error:
                # Not one's fault alone: the others still work, and the table below says what does not.
                err.print(f"dati: {error}", style="yellow")
            else:
                err.print(f"{what}: ready")
    rows = []
    for name, engine in simulator_engines.ENGINES.items():
        try:
            rows.append({"engine": name, "ready": True, "what": engine().describe()})
        except EngineUnavailableError as error:
            rows.append({"engine": name, "ready": False, "what": str(error)})
    if as_json:
        print_json(rows)
        return
    table = Table("engine", "ready", "what", box=None)
    for row in rows:
        table.add_row(str(row["engine"]), "yes" if row["ready"] else "no", str(row["what"]))
    out.print(table)

"""The one command, `dati`. Each group of subcommands has a file of its own; this one joins them."""

from __future__ import annotations

import os
import sys

import typer

from host_tools import (
    calibrating,
    configuration,
    corpora,
    drifting,
    drilling,
    evaluation,
    flashing,
    journals,
    live,
    regression,
    replaying,
    reporting,
    simulating,
    tradeoff,
)
from host_tools.output import EXIT_FINE, EXIT_INTERRUPTED, EXIT_MISTAKE, err
from simulator.errors import UserError

app = typer.Typer(
    name="dati",
    help="Lone-worker alarm: replay recorded motion through the very code that runs on the device.\n\n"
    "Exit status: 0 fine, 1 a regression or difference, 2 a mistake in what was asked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("replay")(replaying.replay)
app.command("digest")(replaying.digest)
app.command("sim")(simulating.sim)
app.command("evaluate")(evaluation.evaluate)
app.command("tradeoff")(tradeoff.tradeoff)
app.command("calibrate")(calibrating.calibrate)
app.command("regress")(regression.regress)
app.command("import")(corpora.import_)
app.add_typer(corpora.app, name="corpus")
app.command("drill")(drilling.drill)
app.command("journal")(journals.journal)
app.command("report")(reporting.report)
app.command("drift")(drifting.drift)
app.command("verify")(journals.verify)
app.command("monitor")(live.monitor)
app.command("record")(live.record)
app.command("settings")(configuration.settings)
app.command("flash")(flashing.flash)
app.command("engines")(configuration.engines)


def main() -> None:
    """Run the command; a user's mistake is one line on standard error and status 2, never a traceback."""
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()  # a full disk or a closed pipe may show only here
    except UserError as error:
        status = _mistake(str(error))
    except (BrokenPipeError, SystemExit):  # typer makes the one of the other
        # The reader of our output has gone; so do we, without a word.
        _drop_output()
        status = EXIT_FINE
    except OSError as error:
        status = _mistake(f"{error.filename or 'output'}: cannot be read or written ({error.strerror or error})")
        if error.filename is None:
            _drop_output()
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    except Exception as error:
        # Usage errors of the command-line library; it has no public base class that all its versions share.
        message = getattr(error, "format_message", None)
        if message is None:
            if type(error).__name__ != "Abort":
                raise
            status = EXIT_INTERRUPTED
        else:
            status = _mistake(message())
    sys.exit(status if isinstance(status, int) else 0)


def _mistake(message: str) -> int:
    text = " ".join(message.split())
    if text:  # none where the help was shown instead
        err.print(f"dati: {text.replace('Value error, ', '')}", style="red")
    return EXIT_MISTAKE


def _drop_output() -> None:
    """Send nowhere what standard output still holds, so that the interpreter does not fail on it while leaving."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

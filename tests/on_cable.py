"""Of the commands for a running device: what the test modules make their fixtures of, and what they look at."""

from __future__ import annotations

import sys
import threading

import pytest

from datasets.scenarios import motion
from host_tools import cli
from simulator import engines
from simulator.device_log import firmware_hash, first_difference, read_device_log
from simulator.live_board import LiveBoard, Standing, desk

COMMAND = [sys.executable, "-c", "from host_tools.cli import main; main()"]


def dati(monkeypatch, capsys):
    """Run the command in this process: status, standard output, standard error."""

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dati", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        text = capsys.readouterr()
        return left.value.code, text.out, text.err

    return run


def mistake(dati):
    """Run the command on a mistake: status 2, nothing on standard output, one line at the end. It is given back."""

    def run(*arguments) -> str:
        status, out, err = dati(*arguments)
        assert (status, out) == (2, ""), err
        assert "Traceback" not in err
        return err.splitlines()[-1]

    return run


def live():
    """Start a virtual board; it is stopped at the end."""
    running = []

    def start(speed=1.0, **values):
        scenario = desk(**values)
        board = LiveBoard(scenario, motion(scenario) if "motion" in values else Standing(), speed, hurry=True)
        running.append(board.__enter__())
        return board

    yield start
    for board in running:
        board.__exit__(None, None, None)
        assert board.error is None


def log_of(board) -> bytes:
    found = []
    board.do(lambda: found.append(board.world.flash.read("data/log.mcap")))
    return found[0]


def after(seconds, work):
    """`work` is done in another thread, so many seconds from now."""
    timer = threading.Timer(seconds, work)
    timer.start()
    return timer


def replays(path, samples=1) -> None:
    log = read_device_log(path)
    assert len(log.samples) >= samples
    assert log.firmware == firmware_hash()
    assert first_difference(log, engines.get("python")) is None

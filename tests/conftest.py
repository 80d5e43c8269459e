"""One hypothesis profile for all tests: no deadline, and the same examples every time. And the command, run in here."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, settings

from host_tools import cli

settings.register_profile(
    "dati",
    deadline=None,
    max_examples=50,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("dati")


@pytest.fixture
def dati(monkeypatch, capsys):
    """Run the command: status, standard output, standard error."""

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dati", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        text = capsys.readouterr()
        return left.value.code, text.out, text.err

    return run


@pytest.fixture
def mistake(dati):
    """Run the command on a mistake: one line on standard error, nothing else, status 2. The line is given back."""

    def run(*arguments) -> str:
        status, out, err = dati(*arguments)
        assert (status, out) == (2, ""), err
        assert err.startswith("dati: ")
        assert err.count("\n") == 1 and err.endswith("\n")
        return err

    return run

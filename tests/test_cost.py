"""What the detectors cost stays under its bars. Counted, so the same on every machine."""

from __future__ import annotations

import pytest
from dati.settings import Settings

from simulator import cost
from simulator.engines import EngineUnavailableError

INSTRUCTIONS = 20_000  # a sample
BYTES = 12 * 1024


def test_a_sample_costs_fewer_instructions_than_the_bar():
    try:
        few, many = cost.instructions(cost.FEW), cost.instructions(cost.MANY)
    except EngineUnavailableError as error:
        pytest.skip(str(error))
    per_sample = (many - few) / (cost.MANY - cost.FEW)
    assert per_sample < INSTRUCTIONS, f"{per_sample:.0f} instructions a sample"
    # What is counted is the work: some hundred bytecodes, of ten instructions or more each. And starting is not in it.
    assert per_sample > 1000
    assert few > 1.2 * cost.FEW * per_sample


def test_what_starting_costs_drops_out(monkeypatch):
    monkeypatch.setattr(cost, "instructions", lambda samples: 387_000_000 + 8884 * samples)
    assert cost.instructions_per_sample() == 8884


def test_the_bytecode_of_the_bank_is_smaller_than_the_bar():
    try:
        sizes = cost.mpy_bytes()
    except EngineUnavailableError as error:
        pytest.skip(str(error))
    assert set(sizes) == set(cost.BANK)
    assert min(sizes.values()) > 100
    assert sum(sizes.values()) < BYTES, sizes


def test_without_valgrind_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(cost.shutil, "which", lambda name: None)
    with pytest.raises(EngineUnavailableError, match="valgrind"):
        cost.instructions(1000)


def test_every_detector_is_counted_and_every_module_of_the_bank():
    values = Settings(dict(cost.ALL_ON)).as_dict()
    detectors = ("verticality_enabled", "immobility_enabled", "fall_enabled", "flight_enabled")
    assert all(values[name] for name in detectors)
    imported = {
        line.split()[1].lstrip(".")
        for module in cost.BANK
        for line in (cost.FIRMWARE / f"{module}.py").read_text(encoding="utf-8").splitlines()
        if line.strip().startswith("from .")
    }
    assert imported - {"events"} == set(cost.BANK) - {"bank"}

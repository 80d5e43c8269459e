"""Random faults around an alarm: a few schedules here, a thousand by `make chaos`; and that the judge can fail."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from dati.outbox import Outbox
from dati.wearable import Wearable

from simulator import chaos
from simulator.chaos import RESTARTS, WELL_S, schedule, simulate
from simulator.scenario import check
from simulator.verdict import judge

FIRST = 5000  # other seeds than those `make chaos` begins with


def verdict_of(seed: int):
    drawn, outcome = simulate(seed)
    return judge(outcome, drawn.motion.falls_s)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 12))
def test_no_alarm_is_lost_and_none_unnoticed(seed):
    verdict = verdict_of(seed)
    assert verdict.failures == []
    assert verdict.alarms
    assert verdict.acknowledged or verdict.repeating


def test_schedules_are_drawn_from_their_seed_and_differ():
    assert schedule(1) == schedule(1)
    assert len({schedule(seed).toml() for seed in range(50)}) == 50


def test_schedules_can_be_kept_as_scenarios():
    drawn = schedule(3)
    assert check(drawn.scenario.name, tomllib.loads(drawn.toml())).at == drawn.scenario.at


def test_nothing_goes_wrong_once_all_is_well():
    seen = set()
    for seed in range(300):
        at = schedule(seed).scenario.at
        assert all(row["s"] <= WELL_S for row in at)
        seen |= {row.get("fault") for row in at}
        network = [row for row in at if "signal_dbm" in row or "registration" in row]
        lasting = {key: value for row in network for key, value in row.items() if key != "s"}
        assert lasting.get("signal_dbm", -75) is not False
        assert lasting.get("registration", "home") in ("home", "roaming")
        assert [row["smsc"] for row in at if "smsc" in row][-1:] in ([], ["deliver"])
        for begun, mended in (("modem_mute", "modem_back"), ("flash_full", "flash_back"), ("bus_hung", "sensor_back")):
            faults = [row["fault"] for row in at if row.get("fault") in (begun, mended)]
            assert faults[-1:] in ([], [mended])
    assert {*RESTARTS, "modem_mute", "flash_full", "stuck_axis", "garbage", "bus_hung", "dead_output"} <= seen


# --- the judge ---


def a_seed(wanted) -> int:
    """The first schedule in which `wanted` holds."""
    return next(seed for seed in range(1000) if wanted(schedule(seed)))


def pressed(drawn) -> bool:
    at = drawn.scenario.at
    quiet = not any(row.get("fault") in (*RESTARTS, "flash_failing", "flash_full") for row in at)
    return quiet and any("press" in row for row in at)


def test_an_outbox_that_drops_alarms_is_found(monkeypatch):
    monkeypatch.setattr(Outbox, "alarm", lambda *_: False)
    failures = verdict_of(a_seed(pressed)).failures
    assert any(failure.startswith("lost: voluntary raised") for failure in failures)
    assert any(failure.startswith("unnoticed") for failure in failures)


def test_a_button_that_is_not_heard_is_found(monkeypatch):
    monkeypatch.setattr(Wearable, "sos", lambda *_: None)
    assert any("raised no alarm" in failure for failure in verdict_of(a_seed(pressed)).failures)


def test_a_device_that_forgets_its_duty_is_found(monkeypatch):
    monkeypatch.setattr("dati.memory.Memory.load", lambda self: False)
    assert "dead: it is not on duty in the end" in verdict_of(a_seed(pressed)).failures


def test_a_part_that_crashes_is_found(monkeypatch):
    def fail(self, samples, count, overflowed, t_ms):
        raise ValueError("bad luck")

    monkeypatch.setattr(Wearable, "samples", fail)
    assert any("bad luck" in failure for failure in verdict_of(a_seed(pressed)).failures)


def test_a_device_that_hangs_in_the_end_and_a_damaged_journal_are_found():
    drawn, outcome = simulate(a_seed(pressed))
    assert judge(outcome, drawn.motion.falls_s).failures == []
    [hung] = judge(replace(outcome, fed_s=570.0), drawn.motion.falls_s).failures
    assert hung == "dead: the watchdog was last fed at 570.0 s"
    name = next(name for name in outcome.files if name.startswith("data/journal"))
    spoilt = bytearray(outcome.files[name])
    spoilt[30] ^= 1
    [damage] = judge(replace(outcome, files={**outcome.files, name: bytes(spoilt)}), drawn.motion.falls_s).failures
    assert damage.startswith(f"journal: {name}: ") and "belong to no record" in damage


# --- the command ---


def test_the_command(capsys, monkeypatch):
    assert chaos.main(["--count", "2", "--seed", str(FIRST), "--processes", "1"]) == 0
    assert "2 schedules" in capsys.readouterr().out
    assert chaos.main(["--only", str(FIRST)]) == 0
    out = capsys.readouterr().out
    assert f'title = "chaos {FIRST}"' in out and "as demanded" in out
    monkeypatch.setattr(Wearable, "sos", lambda *_: None)
    seed = a_seed(pressed)
    assert chaos.main(["--only", str(seed)]) == 1
    assert "lost: SOS held" in capsys.readouterr().out

"""`dati verify --port`: recordings through the detectors of a running device, and what is found when they differ."""

from __future__ import annotations

import json

import on_cable
import pytest
from dati.settings import Settings

from host_tools.device_port import DevicePort
from simulator.device_log import firmware_hash
from simulator.firmware import loaded

pytest.importorskip("serial")

dati = pytest.fixture(on_cable.dati)
live = pytest.fixture(on_cable.live)


def test_the_bundled_traces_are_decided_the_same_on_the_device(live, dati):
    board = live()
    status, out, err = dati("verify", "--port", board.port, "bundled")
    assert status == 0, err
    assert len(out.splitlines()) == 44
    assert all(line.endswith(" events, the same on the device") for line in out.splitlines())
    assert "firmware" not in err
    assert board.lost == 0


def change(monkeypatch, name, value):
    """What runs on the board has another default."""
    service = loaded().modules["service"]
    monkeypatch.setattr(service, "Settings", lambda values: Settings({name: value, **values}))


@pytest.mark.parametrize(
    ("name", "value", "trace", "device", "here"),
    [
        ("pre_alarm_ms", 15001, "slumped-over-a-rail", "42.700  alarm verticality", "42.680  alarm verticality"),
        ("sos_hold_ms", 1501, "sos-held", "21.520  alarm voluntary", "21.500  alarm voluntary"),
        (
            "verticality_threshold_deg",
            46,
            "slumped-over-a-rail",
            "27.840  condition_began verticality",
            "27.680  condition_began verticality",
        ),
        ("fall_points", 1, "tripping-and-falling", None, None),
        ("immobility_sensitivity_mg", 101, "tripping-and-falling", None, None),
    ],
)
def test_one_threshold_changed_by_one_unit_is_found(live, dati, monkeypatch, name, value, trace, device, here):
    """By the first event that differs, and always by its name: hardly any trace stands so near to every threshold."""
    board = live()
    with DevicePort(board.port):
        change(monkeypatch, name, value)
    status, out, err = dati("verify", "--port", board.port, trace)
    assert status == 1
    assert f"another default on the device than here: {name}\n" in err
    if device is None:
        assert out.startswith(f"{trace}: other settings on the device")
    else:
        assert out == f"{trace}: differs\n  device: {device}\n  here:   {here}\n"
    rows = json.loads(dati("verify", "--port", board.port, trace, "--json")[1])
    sides = None if device is None else {"device": device, "here": here}
    assert [(row["same"], row["same_settings"], row["difference"]) for row in rows] == [(False, False, sides)]


def test_other_firmware_on_the_device_is_said(live, dati):
    board = live()
    board.do(lambda: board.world.flash.write("data/firmware", b"0123456789ab"))
    status, _, err = dati("verify", "--port", board.port, "walking-a-beat")
    assert status == 0
    assert f"firmware 0123456789ab is on the device, {firmware_hash()} here" in err


def test_settings_that_are_long_arrive_in_pieces(live, dati, tmp_path):
    """A recording whose settings make a line longer than the board's buffer."""
    board = live()
    told = {"immobility_delay_ms": 30001, "verticality_delay_ms": 20001, "verticality_return_ms": 2001}
    told |= {"verticality_threshold_deg": 44, "verticality_return_deg": 11, "immobility_sensitivity_mg": 99}
    told |= {"dead_man_enabled": True, "dead_man_interval_ms": 840001, "tear_off_delay_ms": 201, "fall_points": 3}
    words = f"try {json.dumps(told)} 0 1000 0"
    assert len(words) > 300
    with DevicePort(board.port) as device:
        assert device.ask(words)["trying"] == 50
        assert device.repeats == 0
    assert board.lost == 0

"""A running device on its port: `dati monitor`, `dati journal --port`; ports that are none, answers that are wrong."""

from __future__ import annotations

import binascii
import json
import os
import pty
import select
import threading
import time
import tty

import on_cable
import pytest
from on_cable import after

from host_tools import device_port
from host_tools.device_port import DevicePort, UnpluggedError
from simulator.device_log import firmware_hash
from simulator.errors import UserError

pytest.importorskip("serial")

dati = pytest.fixture(on_cable.dati)
live = pytest.fixture(on_cable.live)
mistake = pytest.fixture(on_cable.mistake)


class Scripted:
    """A port behind which `answer(line)` says what comes back; None for silence."""

    def __init__(self, answer):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.heard = []
        self._answer = answer
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        rest = b""
        while not self._stopping:
            if not select.select([self.master], [], [], 0.05)[0]:
                continue
            rest += os.read(self.master, 4096)
            while b"\n" in rest:
                line, _, rest = rest.partition(b"\n")
                if line.strip():
                    self.heard.append(line.decode())
                    said = self._answer(line.decode())
                    if said:
                        os.write(self.master, said.encode() + b"\r\n")

    def close(self):
        self._stopping = True
        self._thread.join(5)
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def scripted(monkeypatch):
    monkeypatch.setattr(device_port, "_ANSWER_S", 0.2)
    running = []

    def start(answer):
        running.append(Scripted(answer))
        return running[-1]

    yield start
    for port in running:
        port.close()


def proper(line, value, number=None):
    """A device's answer to `line`."""
    number = line.split("#")[1].split(" ")[0] if number is None else number
    body = json.dumps(value)
    return f"!#{number} {binascii.crc32(f'{number} {body}'.encode()):08x} {body}"


# --- monitor ---


def test_the_state_is_shown_live(live, dati):
    board = live(speed=30)
    with DevicePort(board.port) as device:
        until = time.monotonic() + 20
        while device.status()["utc"] == "unset" and time.monotonic() < until:  # the network tells the time
            time.sleep(0.1)
    status, out, err = dati("monitor", "--port", board.port, "--seconds", 1.5)
    assert (status, out) == (0, "")
    for words in (
        "DATI-7, board t_a7670e",
        "off duty",
        "working, 50 Hz",
        "mg; gravity ",
        "2026-11-22T08:",
        "home",
    ):
        assert words in err
    assert "Traceback" not in err


def test_the_state_as_json(live, dati):
    board = live(start="duty")
    status, out, err = dati("monitor", "--port", board.port, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["duty"] == "on_duty"


def test_the_cable_pulled_while_it_is_watched(live, mistake):
    board = live()
    after(1.0, board.unplug)
    assert "unplugged" in mistake("monitor", "--port", board.port)


# --- journal ---


def test_the_journal_is_read_shown_and_kept_for_the_report(live, dati, mistake, tmp_path):
    board = live(start="duty", at=[{"s": 0.5, "note": "on duty"}])
    with DevicePort(board.port):  # it has begun
        pass
    kept = tmp_path / "read-outs" / "november"
    kept.parent.mkdir()
    status, out, err = dati("journal", "--port", board.port, "--save", kept)
    assert status == 0, err
    assert "duty_begun" in out and "started" in out
    flash = board.world.flash
    assert (kept / "journal.0").read_bytes() == flash.read("data/journal.0")[: (kept / "journal.0").stat().st_size]
    assert json.loads((kept / "settings.json").read_text()) == {"plan": {"device": "DATI-7"}}
    assert (kept / "firmware").read_text() == firmware_hash()
    records = json.loads(dati("journal", "--port", board.port, "--json")[1])
    assert records["damaged_bytes"] == 0
    assert [row["what"] for row in records["records"]][:2] == ["started", "duty_begun"]
    report = json.loads(dati("report", kept.parent, "--json")[1])
    assert [row["device"] for row in report["devices"]] == ["DATI-7"]
    again = mistake("journal", "--port", board.port, "--save", kept)
    assert again.endswith("is there already; name a new folder, `dati report` joins several of one device")
    assert "there is no folder" in mistake("journal", "--port", board.port, "--save", tmp_path / "no" / "x")
    assert "--save keeps what is read" in mistake("journal", kept / "journal.0", "--save", tmp_path / "x")
    assert "name the files" in mistake("journal")
    assert "name the files" in mistake("journal", kept / "journal.0", "--port", board.port)


# --- ports that are none, and lines that lose bytes ---


@pytest.mark.parametrize("command", ["monitor", "record", "verify", "journal"])
def test_a_wrong_port_is_one_line(mistake, scripted, tmp_path, command):
    more = {"record": ("-o", tmp_path / "x.mcap"), "verify": ("walking-a-beat",)}.get(command, ())
    (tmp_path / "file").write_text("no port")
    assert "no such port" in mistake(command, "--port", tmp_path / "ttyUSB7", *more)
    assert "file: is no serial port" in mistake(command, "--port", tmp_path / "file", *more)
    assert "cannot be opened" in mistake(command, "--port", "/dev/null", *more)
    silent = scripted(lambda line: None)
    assert "no device answers; is it switched on?" in mistake(command, "--port", silent.port, *more)
    assert len(silent.heard) == 6  # twice as patient as with a device that has answered
    prompt = scripted(lambda line: ">>> " + line + "\r\nNameError: name 'dati' isn't defined")
    assert "no device answers" in mistake(command, "--port", prompt.port, *more)
    assert not (tmp_path / "x.mcap").exists()


def test_a_port_opened_twice(live, mistake):
    board = live()
    with DevicePort(board.port):
        assert "is in use by another program; close that first" in mistake("monitor", "--port", board.port)


def test_answers_that_are_late_garbled_or_of_another_line_are_not_taken(scripted):
    wrong = iter(("late", "turned", "cut", "garbled", "hand"))

    def answer(line):
        if "status" in line:
            return proper(line, {"device": "DATI-7"})
        good = proper(line, {"size": 3, "data": "QUJD"})
        return {
            "late": proper(line, {"size": 3, "data": "WFla"}, 1),
            "turned": good.replace("QUJD", "QUJE"),
            "cut": good[:-3],
            "garbled": "!garbled",
            "hand": good[good.index(" {") + 1 :],
            "": good,
        }[next(wrong, "")]

    port = scripted(answer)
    with DevicePort(port.port) as device:
        device._number = 41
        with pytest.raises(UnpluggedError, match="the line garbles what it carries"):
            device.read("journal.0", 0)
        assert device.read("journal.0", 0) == (b"ABC", 3)
        assert device.repeats == 4
    assert len({line.split(" ")[1] for line in port.heard}) == 3  # the same number again for the same line


def test_a_device_that_falls_silent_and_one_that_refuses(scripted):
    def answer(line):
        if "status" in line:
            return proper(line, {"device": "DATI-7"})
        return proper(line, {"error": "read: storage fails (5)"}) if "read" in line else None

    port = scripted(answer)
    with DevicePort(port.port) as device:
        with pytest.raises(UserError, match=r"the device refuses: read: storage fails \(5\)"):
            device.read("journal.0", 0)
        with pytest.raises(UnpluggedError, match="the device answers no more"):
            device.ask("files")

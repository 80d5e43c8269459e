"""`dati record`: nothing that a running device has recorded is lost, whatever happens to cable, device and command."""

from __future__ import annotations

import functools
import json
import os
import pty
import select
import signal
import subprocess
import threading
import time
import tty

import on_cable
import pytest
from dati import recorder
from on_cable import COMMAND, after, log_of, replays

from host_tools import device_port
from host_tools.device_port import DevicePort
from simulator.device_log import read_device_log

pytest.importorskip("serial")

dati = pytest.fixture(on_cable.dati)
live = pytest.fixture(on_cable.live)
mistake = pytest.fixture(on_cable.mistake)


class Flaky:
    """A cable to `port` that loses or turns a byte now and then, both ways."""

    def __init__(self, port, every):
        self.far = os.open(port, os.O_RDWR | os.O_NOCTTY)
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.harmed = 0
        self._every = every
        self._carried = [0, 0]
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stopping:
            for fd in select.select([self.master, self.far], [], [], 0.05)[0]:
                way = 0 if fd == self.master else 1
                data = self._harm(os.read(fd, 4096), way)
                os.write(self.far if way == 0 else self.master, data)

    def _harm(self, data, way):
        kept = bytearray()
        for byte in data:
            self._carried[way] += 1
            if self._carried[way] % self._every[way]:
                kept.append(byte)
                continue
            self.harmed += 1
            if self.harmed % 2:
                kept.append(byte ^ 4)
        return bytes(kept)

    def close(self):
        self._stopping = True
        self._thread.join(5)
        for fd in (self.far, self.master, self.slave):
            os.close(fd)


def test_a_recording_arrives_and_replays(live, dati, tmp_path):
    board = live(speed=60, motion=["walk 20"], repeat=True)
    file = tmp_path / "worn.mcap"
    status, out, err = dati("record", "--port", board.port, "-o", file, "--seconds", 1, "--json")
    assert status == 0, err
    assert json.loads(out) == {"file": str(file), "bytes": file.stat().st_size, "ended": "asked"}
    assert file.read_bytes() == log_of(board)
    replays(file, 1500)
    status, out, _ = dati("verify", file)
    assert (status, out.endswith("all as the device decided\n")) == (0, True)
    status, out, _ = dati("verify", "--port", board.port, file)  # and once more through the device's own detectors
    assert (status, out.endswith(" events, the same on the device\n")) == (0, True)


def test_unplugged_in_the_middle_it_is_kept_and_the_same_command_goes_on(live, dati, mistake, tmp_path):
    board = live(speed=20)
    file = tmp_path / "worn.mcap"
    sizes = []
    after(1.2, lambda: sizes.append(len(log_of(board))))
    cut = after(2.0, board.unplug)
    line = mistake("record", "--port", board.port, "-o", file)
    cut.join()
    kept = file.read_bytes()
    assert "unplugged" in line
    assert f"{len(kept)} bytes are in {file}; when it is back, the same command goes on" in line
    whole = log_of(board)
    assert whole.startswith(kept)
    assert len(kept) >= sizes[0] > 2000
    replays(file, 500)
    board.replug()
    status, _, err = dati("record", "--port", board.port, "-o", file, "--seconds", 0.5)
    assert status == 0, err
    assert f"the device is recording; {len(kept)} bytes are here already" in err
    assert file.read_bytes() == log_of(board)
    assert len(file.read_bytes()) > len(whole)
    replays(file)
    assert read_device_log(file).cut_bytes is None


def test_a_log_that_is_full_ends_the_command_with_a_word(live, dati, mistake, monkeypatch, tmp_path):
    monkeypatch.setattr(recorder, "Recorder", functools.partial(recorder.Recorder, limit_bytes=20000))
    board = live(speed=60)
    file = tmp_path / "worn.mcap"
    status, out, err = dati("record", "--port", board.port, "-o", file, "--json")
    assert status == 0
    assert json.loads(out)["ended"] == "device"
    assert "the recording has ended on the device: its log is full" in err
    assert file.read_bytes() == log_of(board)
    replays(file, 1000)
    # One that ended while nobody was there is fetched, too, and nothing is begun.
    file.write_bytes(file.read_bytes()[:7000])
    status, out, _ = dati("record", "--port", board.port, "-o", file)
    assert status == 0
    assert file.read_bytes() == log_of(board)
    assert dati("record", "--port", board.port, "-o", file)[0] == 0
    other = tmp_path / "other.mcap"
    status, out, err = dati("record", "--port", board.port, "-o", other, "--last", "--json")
    assert (status, json.loads(out)["ended"]) == (0, "there"), err
    assert other.read_bytes() == file.read_bytes()
    other.write_bytes(other.read_bytes()[:-100] + bytes(100))
    assert "no part of the recording on the device" in mistake("record", "--port", board.port, "-o", other)


def test_a_device_that_restarts_meanwhile(live, dati, tmp_path):
    board = live(speed=20)
    file = tmp_path / "worn.mcap"
    after(1.5, lambda: board.do(lambda: board.world.board.restart(5)))
    status, out, err = dati("record", "--port", board.port, "-o", file, "--json")
    assert (status, json.loads(out)["ended"]) == (0, "cut")
    assert "the recording broke off on the device" in err
    assert file.read_bytes() == log_of(board)
    replays(file, 200)


def test_no_recording_on_duty(live, mistake, tmp_path):
    board = live(start="duty")
    line = mistake("record", "--port", board.port, "-o", tmp_path / "worn.mcap")
    assert "the device does not record now: it is on duty" in line
    assert not (tmp_path / "worn.mcap").exists()
    assert "has no recording" in mistake("record", "--port", board.port, "-o", tmp_path / "worn.mcap", "--last")


def test_a_file_of_something_else_is_left_alone(live, mistake, tmp_path):
    board = live(speed=10)
    file = tmp_path / "worn.mcap"
    file.write_bytes(b"precious")
    refused = f"{file}: exists, and is no part of the recording on the device; name another file"
    assert refused in mistake("record", "--port", board.port, "-o", file)
    with DevicePort(board.port) as device:
        assert device.ask("record 1")["recording"]
    time.sleep(0.3)
    head = log_of(board)[:-1]
    for other in (b"precious", head[:600] + b"x" + head[601:], head + b"longer than the other by far" * 200):
        file.write_bytes(other)
        assert refused in mistake("record", "--port", board.port, "-o", file)
        assert file.read_bytes() == other
    assert "there is no folder" in mistake("record", "--port", board.port, "-o", tmp_path / "no" / "x.mcap")


def test_ctrl_c_ends_it_well(live, tmp_path):
    board = live(speed=20)
    file = tmp_path / "worn.mcap"
    arguments = ["record", "--port", board.port, "-o", str(file)]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while time.monotonic() < until and not (file.exists() and file.stat().st_size > 5000):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert out.startswith(f"{file}: ")
    assert file.read_bytes() == log_of(board)
    assert read_device_log(file).cut_bytes is None
    replays(file, 500)


def test_a_line_with_noise_loses_nothing_and_takes_nothing_twice(live, dati, tmp_path, monkeypatch):
    monkeypatch.setattr(device_port, "_ANSWER_S", 0.5)
    board = live(speed=60, start="off")
    cable = Flaky(board.port, (911, 2203))
    try:
        status, out, err = dati("verify", "--port", cable.port, "tripping-and-falling", "walking-a-beat")
        assert status == 0, out + err
        file = tmp_path / "worn.mcap"
        status, _, err = dati("record", "--port", cable.port, "-o", file, "--seconds", 0.5)
        assert status == 0, err
        assert file.read_bytes() == log_of(board)
        replays(file)
        kept = tmp_path / "kept"
        assert dati("journal", "--port", cable.port, "--save", kept)[0] == 0
        assert (kept / "journal.0").read_bytes() == board.world.flash.read("data/journal.0")
        assert cable.harmed > 20
    finally:
        cable.close()

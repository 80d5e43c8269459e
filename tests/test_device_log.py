"""Device logs: what the recorder wrote while a device lived is replayed to the very events that the device had."""

from __future__ import annotations

import binascii
import json
import random
import sys
from array import array
from dataclasses import replace

import numpy as np
import pytest
from dati import events as codes
from dati import journal, recorder
from dati.device import Device
from dati.journal import Journal
from dati.recorder import Recorder
from dati.settings import Settings
from mcap.writer import Writer

from datasets.sources import bundled_traces
from host_tools import cli
from simulator import engines
from simulator.device_log import firmware_hash, first_difference, read_device_log
from simulator.errors import UserError
from simulator.parts.flash import Flash
from simulator.replay import Options, make_job
from simulator.replay import replay as run_replay

TRACES = {trace.id: trace for trace in bundled_traces()}
START_MS = (1 << 30) - 7000  # the ticks come round within the log


class Wearer:
    """A device lived by hand as a board does it: FIFO blocks, buttons between them, events drained and recorded."""

    def __init__(self, settings, up, flash, **about):
        self.device = Device(Settings(settings), START_MS)
        if up:
            self.device.bank.set_vertical(*up)
        self.events = []
        self.log = Recorder(flash, "log", binascii.crc32)
        assert self.log.begin(
            json.dumps(settings), about.get("firmware", firmware_hash()), up, about.get("utc_s", 845_000_000), START_MS
        )

    def drain(self):
        events = self.device.events
        while events.count:
            self.events.append(((events.t_ms() - START_MS) % (1 << 30), events.code(), events.argument()))
            self.log.event(events.code(), events.argument(), events.t_ms())
            events.drop()

    def block(self, samples):
        first, count = 0, len(samples) // 3
        while first < count:
            taken = self.device.run(samples, first, count)
            self.log.samples(samples, first, taken, self.device.now_ms)
            first = taken
            self.drain()

    def do(self, what, value):
        device = self.device
        self.log.input(what, value, device.now_ms)
        actions = {
            recorder.SOS_DOWN: device.press_sos,
            recorder.SOS_UP: device.release_sos,
            recorder.CANCEL: device.cancel,
            recorder.TEAR_OFF: device.pull_cord,
            recorder.TEAR_OFF_RESTORED: device.restore_cord,
            recorder.ACKNOWLEDGE: device.acknowledge,
            recorder.ZERO: device.zero,
        }
        if what == recorder.CLEAR:
            device.clear(value)
        elif what == recorder.LOST:
            device.lost(value)
        else:
            actions[what]()
        self.drain()


def lived(trace, flash, **about):
    """The trace lived through, its inputs and some lost samples besides; the wearer."""
    job = make_job(trace, Options())
    up = about.pop("up", job.up)
    wearer = Wearer(dict(trace.settings), up, flash, **about)
    chance = random.Random(1)
    inputs = [tuple(int(number) for number in row) for row in job.inputs]
    at = 0
    while at < len(job.samples):
        while inputs and inputs[0][0] <= at:
            wearer.do(*inputs.pop(0)[1:])
        end = min(at + chance.randrange(1, 33), len(job.samples), inputs[0][0] if inputs else 1 << 30)
        wearer.block(array("h", job.samples[at:end].tobytes()))
        at = end
        if chance.random() < 0.003:
            wearer.do(recorder.LOST, chance.randrange(1, 40))
        wearer.log.gnss(b"$GNRMC,,V*00\r\n", 14, wearer.device.now_ms)
    return wearer


@pytest.fixture
def dati(monkeypatch, capsys):
    """Run the command in this process: status, standard output, standard error."""

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dati", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        text = capsys.readouterr()
        return left.value.code, text.out, text.err

    return run


def saved(flash, path):
    path.write_bytes(flash.read("log"))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "alarm-acknowledged-and-cleared",
        "cancelled-by-the-worker",
        "crooked-and-zeroed",
        "sos-held",
        "tripping-and-falling",
        "device-torn-off",
        "some-samples-lost",
        "dead-man-answered",
    ],
)
def test_a_log_replays_to_the_events_that_the_device_had(name, tmp_path):
    flash = Flash()
    wearer = lived(TRACES[name], flash)
    wearer.log.end()
    log = read_device_log(saved(flash, tmp_path / "a.mcap"))
    assert log.cut_bytes is None and log.start_ms == START_MS
    assert [event[1:] for event in log.events] == wearer.events and wearer.events
    engine = engines.get("python")
    assert first_difference(log, engine) is None
    # As `dati replay` does it: through the model of the sensor, from another tick.
    outcome = next(run_replay([log.recording], engine, Options()))
    assert [event[1:] for event in outcome.events] == wearer.events


def test_without_a_vertical_set_the_settings_axis_stands_for_it(tmp_path):
    flash = Flash()
    trace = replace(TRACES["tripping-and-falling"], settings={"worn_up_axis": -1})
    lived(trace, flash, up=None).log.end()
    log = read_device_log(saved(flash, tmp_path / "a.mcap"))
    assert log.up is None and log.recording.up == (-1000, 0, 0)
    assert first_difference(log, engines.get("python")) is None


def test_samples_of_finer_steps_are_replayed_as_they_are(tmp_path):
    """The LSM6DSOX has steps of 0.244 mg; a replay of the log must not make LIS3DH steps of them."""
    flash = Flash()
    wearer = Wearer({}, (0, 1000, 0), flash)
    samples = np.random.default_rng(1).integers(-2000, 2000, (500, 3)).astype(np.int16)
    wearer.block(array("h", samples.tobytes()))
    wearer.log.end()
    log = read_device_log(saved(flash, tmp_path / "a.mcap"))
    assert np.array_equal(log.job.samples, samples) and log.job.shake_mg == 0
    assert first_difference(log, engines.get("python")) is None


def test_a_cut_log_replays_as_far_as_it_goes(tmp_path):
    flash = Flash()
    lived(TRACES["tripping-and-falling"], flash).log.end()
    whole = flash.read("log")
    engine = engines.get("python")
    path = tmp_path / "a.mcap"
    lengths = []
    for end in range(5000, len(whole), len(whole) // 40):
        path.write_bytes(whole[:end])
        log = read_device_log(path)
        assert log.cut_bytes is not None
        assert first_difference(log, engine) is None
        lengths.append(len(log.samples))
    assert lengths == sorted(lengths) and lengths[-1] > 2000


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(
    ("alter", "number"),
    [
        (lambda events: events[:1] + events[2:], 1),  # the device did not report one that the replay finds
        (lambda events: [*events[:2], events[2]._replace(t_ms=events[2].t_ms + 20), *events[3:]], 2),
        (lambda events: [*events[:2], events[2]._replace(argument=0), *events[3:]], 2),
        (lambda events: [*events, events[0]], None),
        (lambda events: events[:-1], None),
    ],
)
def test_any_other_event_is_a_difference(alter, number, cut, tmp_path):
    flash = Flash()
    lived(TRACES["tripping-and-falling"], flash).log.end()
    log = read_device_log(saved(flash, tmp_path / "a.mcap"))
    events = alter(log.events)
    altered = replace(log, events=events, cut_bytes=0 if cut else None)
    difference = first_difference(altered, engines.get("python"))
    assert difference is not None
    assert difference.number == (min(len(events), len(log.events)) if number is None else number)


def test_damage_is_one_line_or_noticed_as_a_cut(tmp_path):
    """Whatever bit flips: a UserError, a log read short, or a flip that changes nothing that was seen."""
    flash = Flash()
    lived(replace(TRACES["sos-held"], samples=TRACES["sos-held"].samples[:400]), flash).log.end()
    whole = flash.read("log")
    path = tmp_path / "a.mcap"
    path.write_bytes(whole)
    right = read_device_log(path)
    chance = random.Random(2)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[chance.randrange(8, len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            log = read_device_log(path)
        except UserError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
            continue
        if log.cut_bytes is None:
            assert np.array_equal(log.samples, right.samples) and log.events == right.events
        else:
            assert np.array_equal(log.samples, right.samples[: len(log.samples)])
    assert refused > 250


def test_verify_says_what_it_found(dati, tmp_path):
    flash = Flash()
    wearer = lived(TRACES["sos-held"], flash)
    wearer.log.end()
    path = saved(flash, tmp_path / "a.mcap")
    status, text, complaint = dati("verify", path, "-e", "python")
    assert (status, complaint) == (0, "")
    assert f"{len(wearer.events)} events, all as the device decided" in text
    status, text, _ = dati("replay", path, "-e", "python")
    assert status == 0 and "alarm voluntary" in text and "2026-10-11T" in text

    other = Flash()
    wrong = lived(TRACES["sos-held"], other, firmware="0123456789ab")
    end_s = ((wrong.device.now_ms - START_MS) % (1 << 30)) / 1000
    wrong.log.event(codes.ALARM, codes.FALL, wrong.device.now_ms)
    wrong.log.end()
    path = saved(other, tmp_path / "b.mcap")
    status, text, complaint = dati("verify", path, "-e", "python")
    assert status == 1
    assert (
        complaint.count("\n") == 1 and f"recorded by firmware 0123456789ab, replayed by {firmware_hash()}" in complaint
    )
    assert text.splitlines()[1:] == [f"  device: {end_s:.3f}  alarm fall", "  replay: nothing"]
    status, text, _ = dati("verify", path, "-e", "python", "--json")
    assert status == 1 and json.loads(text)[0]["difference"]["replay"] is None


def foreign(path):
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start()
        channel = writer.register_channel("/imu", "json", 0)
        writer.add_message(channel, 0, b"{}", 0)
        writer.finish()


def test_mistakes_are_one_line(dati, tmp_path):
    def mistake(*arguments):
        status, text, complaint = dati(*arguments)
        assert (status, text) == (2, "") and complaint.count("\n") == 1, complaint
        return complaint

    other = tmp_path / "other.mcap"
    foreign(other)
    text = tmp_path / "text.mcap"
    text.write_text("not one")
    empty = tmp_path / "empty.mcap"
    flash = Flash()
    Wearer({}, None, flash).log.end()
    saved(flash, empty)
    new = tmp_path / "new.mcap"
    flash = Flash()
    made = Recorder(flash, "log")
    made.begin('{"from_the_future":1}', "abc", None, -1, 0)
    made.samples(array("h", [0, 0, 1000]), 0, 1, 0)
    made.end()
    saved(flash, new)
    for command in ("replay", "verify"):
        options = ("-e", "python")
        assert "no device log" in mistake(command, other, *options)
        assert "is not a device log" in mistake(command, text, *options)
        assert "holds no samples" in mistake(command, empty, *options)
        assert "from_the_future" in mistake(command, new, *options)
        assert "no such file" in mistake(command, tmp_path / "gone.mcap", *options)
    assert "no such file" in mistake("journal", tmp_path / "journal.0")
    assert "no journal record" in mistake("journal", text)


def test_a_journal_is_printed_for_people_and_programs(dati, tmp_path):
    flash = Flash()
    made = Journal(flash, files=3, file_bytes=200)
    made.open()
    made.put_number(journal.STARTED, 4, -1, 12)
    made.put_text(journal.NOTE, "clé [bold]", 845_000_000, 1234)
    made.put(journal.DUTY_BEGUN, b"", 845_000_001, 2345)
    made.put_number(codes.ALARM, codes.FALL | codes.VOLUNTARY, 845_000_002, 3456)
    flash.fault = "failing"
    made.put_text(journal.NOTE, "lost", 0, 0)
    flash.fault = ""
    made.put_number(journal.CLOCK_SET, -7, 845_000_003, 4567)
    made.put(200, b"\x01", 845_000_003, 4568)
    paths = []
    for name in ("journal.1", "journal.0"):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(flash.read(name) + b"\xd7\x4a torn")
    status, text, complaint = dati("journal", *paths)
    assert status == 0
    lines = [line.split() for line in text.splitlines()[1:]]
    assert [line[0] for line in lines] == ["0", "1", "2", "3", "5", "6"]
    assert lines[0] == ["0", "unset", "0.012", "started", "brown_out"]
    assert lines[1] == ["1", "2026-10-11T02:13:20Z", "1.234", "note", "clé", "[bold]"]
    assert lines[3][3:] == ["alarm", "voluntary+fall"]
    assert lines[4][3:] == ["clock_set", "-7"]
    assert lines[5][3:] == ["kind", "200", "01"]
    assert "missing: 1 from number 4 on" in complaint and complaint.count("7 bytes of torn") == 2
    status, text, _ = dati("journal", "--json", *paths, paths[0])
    found = json.loads(text)
    assert len(found["records"]) == 6 and found["damaged_bytes"] == 14
    assert found["records"][2] == {
        "number": 2,
        "utc": "2026-10-11T02:13:21Z",
        "t_ms": 2345,
        "kind": journal.DUTY_BEGUN,
        "what": "duty_begun",
        "detail": "",
    }

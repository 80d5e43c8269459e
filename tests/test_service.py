"""What a host on the USB console is told and may do: every verb, every mistake; and the device goes on guarding."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
import sys
from array import array
from types import SimpleNamespace

import numpy as np
import pytest
from dati import duty, events
from dati.alarm import IN_ALARM
from dati.memory import Memory
from dati.settings import Settings
from dati.tunables import TUNABLES
from test_drivers import interpreter
from test_runtime import GOOD, Bench

from datasets.scenarios import find, motion
from datasets.sources import bundled_traces
from host_tools import device_port, trial
from simulator import engines
from simulator.device_log import firmware_hash, first_difference, read_device_log
from simulator.engines.base import FIRMWARE
from simulator.firmware import _Firmware
from simulator.parts.flash import Flash
from simulator.replay import Options, make_job
from simulator.scenario import check
from simulator.simulate import run as simulate

SECRET = {
    "device": "DATI-7",
    "worker": "Camille Martin",
    "apn": "operator.example",
    "pin": "9753",
    "code": "4821",
    "centre": {"host": "centre.example", "port": 10500, "account": "1234", "key": "0123456789abcdef"},
    "centre_number": "+33639980099",
    "contacts": [{"name": "Garde", "number": "+33639980001"}],
}


class Store(Flash):
    """The flash with what drivers/files.py has beside."""

    def read_part(self, name, offset, count):
        assert offset >= 0
        assert 0 <= count <= 1024
        return bytes(self.files[name][offset : offset + count])

    def names(self):
        return self.listdir()


class Host(Bench):
    """A bench whose console has somebody at it."""

    def __init__(self, firmware, on_duty=False, plan=SECRET, settings=None):
        super().__init__(firmware, Store())
        self.flash.write("settings.json", json.dumps({**GOOD, "settings": settings or {}, "plan": plan}).encode())
        self.flash.write("firmware", firmware_hash().encode())
        if on_duty:
            memory = Memory(self.flash)
            memory.on_duty = memory.expected = True
            memory.vertical = (0, 16384, 0)
            memory.save()
        self.typed = []
        self.told = []
        self.board.console = SimpleNamespace(
            read_line=lambda: self.typed.pop(0) if self.typed else None, write_line=self.told.append
        )
        self.start()
        self.number = 0
        self.run(1000)
        self.naps.clear()

    @property
    def service(self):
        return self.runtime._serve()

    def line(self, line):
        """A line as it is; what came of it."""
        self.typed.append(line)
        self.told.clear()
        self.run(600)
        assert not self.typed
        return list(self.told)

    def ask(self, words):
        """As a person types it."""
        (said,) = (line for line in self.line("dati " + words) if not line.startswith('!{"live"'))
        assert said.startswith("!{")
        return json.loads(said[1:])

    def refused(self, words):
        answer = self.ask(words)
        assert list(answer) == ["error"]
        return answer["error"]

    def wrapped(self, words, number=None):
        self.number = self.number + 1 if number is None else number
        body = f"{self.number} {words}"
        return f"dati #{self.number} {binascii.crc32(body.encode()):08x} {words}"


@pytest.fixture(scope="module")
def firmware():
    return _Firmware()


@pytest.fixture(autouse=True)
def imported_late(firmware, monkeypatch):
    """The firmware imports its service when a host first says something."""
    monkeypatch.setitem(sys.modules, "service", firmware.modules["service"])


@pytest.fixture
def host(firmware):
    return Host(firmware)


def b64(samples):
    return base64.b64encode(np.asarray(samples, "<i2").tobytes()).decode()


STILL = b64([[0, 1000, 0]] * 27)


# --- what it tells ---


def test_the_state(host):
    status = host.ask("status")
    assert status["device"] == "DATI-7"
    assert status["firmware"] == firmware_hash()
    assert (status["duty"], status["alarm"], status["recording"]) == ("off_duty", 0, -1)
    assert (status["battery"], status["rate_hz"], status["utc"]) == (82, 50, "unset")


def test_files_are_listed_with_their_sizes(host):
    files = dict(host.ask("files")["files"])
    assert files["settings.json"] == host.flash.size("settings.json")
    assert files["journal.0"] > 0


def test_the_journal_is_read_in_pieces(host):
    whole = host.flash.read("journal.0")
    assert len(whole) > 20
    found = b""
    while len(found) < len(whole):
        answer = host.ask(f"read journal.0 {len(found)} 20")
        assert (answer["at"], answer["size"]) == (len(found), len(whole))
        piece = base64.b64decode(answer["data"])
        assert len(piece) == min(20, len(whole) - len(found))
        found += piece
    assert found == whole
    assert host.ask(f"read journal.0 {len(whole)} 20")["data"] == ""
    assert host.ask("read journal.7 0 20") == {"at": 0, "size": 0, "data": ""}


@pytest.mark.parametrize(
    "name",
    [
        "settings.json",
        "settings.0",
        "memory.0",
        "firmware",
        "place",
        "journal.",
        "journal.x",
        "journal./../settings.json",
        "journal.0/../settings.json",
        "../board",
        "/data/settings.json",
        "log.mcap.old",
    ],
)
def test_nothing_but_journal_and_recording_is_read(host, name):
    assert host.refused(f"read {name} 0 20") == f"read: not to be read: {name}"


@pytest.mark.parametrize("words", ["journal.0 -1 20", "journal.0 0 -1", "journal.0 0 841", "journal.0 0", "journal.0"])
def test_no_more_is_read_than_fits(host, words):
    assert host.refused("read " + words).startswith("read: ")


def test_the_longest_answer_fits_the_line(host):
    host.flash.write("journal.3", bytes(range(256)) * 16)
    (said,) = host.line(host.wrapped("read journal.3 1000 840"))
    assert len(said) <= 1200
    assert device_port.PIECE == 840


def test_the_motion_is_told_twice_a_second_and_ends_by_itself(host):
    assert host.ask("live 3") == {"live_s": 3}
    host.told.clear()
    host.run(10000)
    told = [json.loads(line[1:])["live"] for line in host.told]
    assert 4 <= len(told) <= 6
    assert all(row[1:4] == [0, 1000, 0] for row in told)
    assert not host.service.busy


def test_the_motion_is_ended_when_asked_for(host):
    host.ask("live 60")
    host.ask("live 0")
    host.told.clear()
    host.run(3000)
    assert host.told == []
    for words in ("live -1", "live 3601", "live", "live x"):
        assert host.refused(words).startswith("live: ")
    host.run(6000)
    assert not host.service.busy


def test_attention_ends_and_the_device_dozes_again(firmware):
    host = Host(firmware, on_duty=True)
    calm = {"may_doze": True, "poll_ms": lambda self, idle_ms: idle_ms}  # as with a modem that sleeps
    host.w.__class__ = type("Calm", (type(host.w),), calm)
    host.run(2000)
    assert host.naps[-1][1] and host.naps[-1][0] > 100
    host.ask("status")
    host.naps.clear()
    host.run(3000)
    assert {light for _, light in host.naps} == {False}
    assert max(ms for ms, _ in host.naps) <= 20
    host.run(3000)
    host.naps.clear()
    host.run(3000)
    assert {light for _, light in host.naps} == {True}
    assert max(ms for ms, _ in host.naps) > 100


def test_nothing_that_is_said_tells_keys_numbers_names_or_places(firmware):
    host = Host(firmware, on_duty=True)
    host.w.position.lat_e7 = 488566000
    host.flash.write("place", b"488566000 23522000")
    host.line("dati live 2")
    said = []
    for words in (
        "status",
        "memory",
        "files",
        *(f"read {name} 0 840" for name in host.flash.names()),
        "record 1",
        "try {} 0 1000 0",
        "feed 0 " + STILL,
        "do 0 0",
        "end",
        "settings",
        "plan",
        "position",
        "__class__",
        "",
    ):
        said += host.line("dati " + words)
    text = "\n".join(said)
    text += "".join(
        base64.b64decode(answer["data"]).decode("latin-1")
        for answer in (json.loads(line[1:]) for line in said)
        if "data" in answer
    )
    for secret in (
        "Camille",
        "9753",
        "4821",
        "centre.example",
        "0123456789",
        "3363998",
        "Garde",
        "operator",
        "48856",
        "2352",
    ):
        assert secret not in text, secret
    assert host.w.duty == duty.ON


# --- whatever a line holds ---


def test_the_log_of_others_and_noise_are_no_lines_for_it(host):
    for line in ("", "help", "import os", "datistatus", "DATI status", "\x00\x7f", ">>> "):
        assert host.line(line) == []
    assert not host.service.busy


@pytest.mark.parametrize(
    "words",
    [
        "nonsense",
        "",
        " ",
        "_do status",
        "try",
        "try {",
        "try }",
        "try {} 0 0",
        "try {} 0 0 0 0",
        "try {} a b c",
        "try {} 0 99999 0",
        "try [] 0 1000 0",
        "try null 0 1000 0",
        'try {"a": {}} 0 1000 0',
        'try {"placement": []} 0 1000 0',
        'try {"profile": {}} 0 1000 0',
        'try {"rate_hz": "50"} 0 1000 0',
        'try {"rate_hz": 50.5} 0 1000 0',
        "try " + "[" * 1150,
        "feed",
        "feed x AAAA",
        "feed 0 AAAA",
        "do",
        "do 0",
        "do 0 0",
        "do x y",
        "record",
        "record 2",
        "record on",
        "memory of mine" + "x" * 1000,
        "#",
        "#1",
        "#1 2",
    ],
)
def test_a_malformed_line_is_answered_and_is_no_fault_of_the_device(host, words):
    if words.startswith("memory"):
        host.ask(words)
    elif words.startswith("#"):
        assert host.line("dati " + words) == ["!garbled"]
    else:
        assert host.refused(words)
    host.run(3000)
    assert host.said("note") == []
    assert host.said("fault_began") == []
    assert host.ask("status")["device"] == "DATI-7"


def test_settings_that_the_device_would_refuse_are_refused_with_the_same_words(host):
    assert host.refused('try {"rate_hz": 7} 0 0 0') == "try: rate_hz = 7: permitted: 25 to 200 Hz"
    assert host.refused('try {"mystery": 7} 0 0 0').startswith("try: mystery: unknown setting")
    assert "profile critical permits" in host.refused('try {"profile": "critical", "sos_hold_ms": 9000} 0 0 0')


def test_storage_that_fails_is_said(host):
    host.flash.fault = "failing"
    assert host.refused("files").startswith("files: storage fails")
    assert host.refused("read journal.0 0 10").startswith("read: storage fails")
    host.flash.fault = ""
    assert host.ask("files")["files"]


# --- number and checksum ---


def test_an_answer_bears_the_lines_number_and_a_checksum(host):
    (said,) = host.line(host.wrapped("status", 4711))
    number, crc, body = said[2:].split(" ", 2)
    assert said.startswith("!#4711 ")
    assert crc == f"{binascii.crc32(f'{number} {body}'.encode()):08x}"
    assert json.loads(body)["device"] == "DATI-7"


def test_a_garbled_line_is_refused_and_does_nothing(host):
    host.ask("try {} 0 1000 0")
    line = host.wrapped("feed 0 " + STILL)
    for at in range(5, len(line)):
        assert host.line(line[:at] + line[at + 1 :]) != []
    assert host.service._taken == 0
    assert json.loads(host.line(line)[0].split(" ", 2)[2])["taken"] == 27


def test_a_line_that_comes_again_is_answered_again_and_not_done_again(host):
    host.line(host.wrapped("try {} 0 1000 0"))
    line = host.wrapped("feed 0 " + STILL)
    first = host.line(line)
    assert host.line(line) == first
    assert host.service._taken == 27
    line = host.wrapped("do 0 0")
    assert host.line(line) == host.line(line)
    (said,) = host.line(host.wrapped("feed 27 " + STILL))
    assert json.loads(said.split(" ", 2)[2])["taken"] == 54


def test_samples_out_of_their_order_are_refused(host):
    host.ask("try {} 0 1000 0")
    assert host.refused("feed 27 " + STILL) == "feed: 0 samples are taken"
    host.ask("feed 0 " + STILL)
    assert host.refused("feed 0 " + STILL) == "feed: 27 samples are taken"
    assert host.refused("feed 27 AAAA") == "feed: no whole samples"
    assert host.refused("feed 27 AA").startswith("feed: ")
    assert host.ask("feed 27 " + STILL)["taken"] == 54


# --- recording ---


def test_a_recording_begins_off_duty_ends_when_asked_and_replays(host, tmp_path):
    assert host.ask("record 1") == {"recording": True}
    host.run(20000)
    size = host.ask("status")["recording"]
    assert size > 0
    assert host.ask("record 1") == {"recording": True}  # it is, and is not begun anew
    assert host.ask("status")["recording"] >= size
    ended = host.ask("record 0")
    assert ended == {"recording": False, "size": host.flash.size("log.mcap")}
    assert host.ask("status")["recording"] == -1
    assert host.ask("record 0") == ended
    (tmp_path / "log.mcap").write_bytes(host.flash.read("log.mcap"))
    log = read_device_log(tmp_path / "log.mcap")
    assert (log.firmware, log.cut_bytes) == (firmware_hash(), None)
    assert len(log.samples) > 900
    assert first_difference(log, engines.get("python")) is None


def test_no_recording_on_duty_nor_in_an_alarm(firmware):
    host = Host(firmware, on_duty=True)
    assert host.ask("record 1") == {"recording": False}
    host = Host(firmware)
    host.board.buttons.sos.news = [1]
    host.run(3000)
    assert host.w.device.alarm.state == IN_ALARM
    assert host.ask("record 1") == {"recording": False}
    assert host.flash.size("log.mcap") == 0


# --- the trial ---


def test_the_trial_knows_the_settings_it_runs_with(host):
    for told in ({}, {"fall_points": 1}, {"placement": "wrist"}, {"profile": "critical", "flight_enabled": True}):
        answer = host.ask(f"try {json.dumps(told)} 0 1000 0")
        assert answer == {"trying": 50, "settings": trial._crc(Settings(told))}
    crcs = {trial._crc(Settings())}
    for name, _, default, lowest, highest, _ in TUNABLES:
        if isinstance(lowest, tuple):
            other = lowest[-1]
        elif highest is None:
            other = not default
        else:
            other = default + 1 if default < highest else default - 1
        crcs.add(trial._crc(Settings({name: other})))
    assert len(crcs) == len(TUNABLES) + 1


def test_what_a_trial_decides_is_what_the_simulator_does(host):
    trace = next(trace for trace in bundled_traces() if trace.id == "tripping-and-falling")
    job = make_job(trace, Options())
    up = " ".join(map(str, job.up))
    host.ask(f"try {trial._short(job)} {up}")
    found = []
    for at in range(0, len(job.samples), 27):
        piece = job.samples[at : at + 27]
        found += host.service._do(f"feed {at} {b64(piece)}", 0)["events"]
    here = next(iter(engines.get("python").run([make_job(trace, Options())]))).events
    assert [tuple(row) for row in found] == [tuple(event) for event in here]
    assert any(event.code == events.ALARM for event in here)


def test_inputs_of_a_trial(host):
    host.ask('try {"sos_hold_ms": 0} 0 1000 0')
    assert host.ask("do 0 0") == {"taken": 0, "events": [[0, 0, 4, 128], [0, 0, 12, 2]]}
    host.ask("feed 0 " + STILL)
    assert host.ask("do 8 50")["events"] == [[27, 540, 11, 50]]
    assert host.refused("do 99 0") == "do: no input 99"
    for count in (0, -5, 3001, 100000000):
        assert host.refused(f"do 8 {count}").startswith("do: ")
    assert host.w.device.alarm.state == 0


def test_a_trial_frees_its_device_when_the_next_begins_when_it_ends_and_by_itself(host):
    assert host.refused("feed 0 " + STILL) == "feed: nothing is tried; begin with `dati try`"
    host.ask("try {} 0 1000 0")
    first = host.service._tried
    host.refused('try {"rate_hz": 1} 0 1000 0')
    assert host.service._tried is None
    host.ask("try {} 0 1000 0")
    assert host.service._tried is not first
    assert host.ask("end") == {"trying": 0}
    assert host.service._tried is None
    assert host.refused("feed 0 " + STILL)
    host.ask("try {} 0 1000 0")
    host.run(30000)
    assert host.service._tried is not None
    host.run(31000)
    assert host.service._tried is None
    assert host.service._said == ""


BOUNDED = """
import binascii, gc, sys
sys.path.insert(0, sys.argv[1])
import dati
from service import Service
class Any: pass
board = Any(); board.console = Any()
lines, said = [], []
board.console.write_line = said.append
board.console.read_line = lambda: lines.pop(0) if lines else None
service = Service(board, None)
def ask(words, number):
    body = "%d %s" % (number, words)
    lines.append("dati #%d %08x %s" % (number, binascii.crc32(body.encode()), words))
    service.turn(board.console.read_line(), 0)
    answer = said.pop()
    del said[:]
    return answer
def once(number):
    assert '"trying": 50' in ask('try {"fall_points": 1} 0 1000 0', number)
    for at in range(0, 270, 27):
        assert '"taken": %d' % (at + 27) in ask("feed %d %s" % (at, STILL), number + at + 1), at
    gc.collect()
    return gc.mem_alloc()
STILL = binascii.b2a_base64(bytes((0, 0, 232, 3, 0, 0)) * 27).decode().strip()
ask("end", 1); gc.collect()
before = gc.mem_alloc()
held = [once(1000 * n) for n in range(1, 7)]
ask("end", 9); gc.collect()
print(before, max(held) - held[1], held[1] - before, gc.mem_alloc() - before, "dati.tunables" in sys.modules)
"""


def test_trials_on_micropython_hold_one_device_and_leave_nothing(tmp_path):
    (tmp_path / "bounded.py").write_text(BOUNDED)
    done = subprocess.run(
        [interpreter(), str(tmp_path / "bounded.py"), str(FIRMWARE.parent)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    _, growth, held, left, tables = done.stdout.split()
    assert int(growth) <= 256  # of one trial after another
    assert int(held) < 16384  # 64-bit words: half of it on the board
    assert int(left) <= 2048  # the compiler's names and the last answer
    assert tables == "False"


# --- beside its own work ---


def test_an_alarm_raised_in_the_middle_of_a_trial_leaves_at_once():
    """The scenario's own demands, 2 s from the button to the centre, while a host feeds twenty lines a second."""
    values = dict(find("sos-to-the-centre").values)
    lines = [{"s": 50, "console": "dati try {} 0 1000 0"}, {"s": 50.5, "console": "dati live 60"}]
    for number in range(600):
        lines.append({"s": 51 + number * 0.05, "console": f"dati feed {27 * number} {STILL}"})
    values["at"] = [*values["at"], *lines]
    scenario = check("sos-in-a-trial", values)
    outcome = simulate(scenario, motion(scenario))
    assert outcome.failures == []
    answers = [entry.data["value"] for entry in outcome.entries if entry.what == "answers"]
    assert [answer["taken"] for answer in answers if "taken" in answer] == [27 * n for n in range(1, 601)]
    assert sum("live" in answer for answer in answers) > 100
    assert not any("error" in answer for answer in answers)


def test_the_trials_alarm_is_not_the_devices(firmware):
    host = Host(firmware, on_duty=True)
    host.ask('try {"sos_hold_ms": 0} 0 1000 0')
    host.ask("do 0 0")
    host.ask("do 11 0")
    host.run(3000)
    assert host.w.device.alarm.state == 0
    assert host.w.duty == duty.ON
    assert host.w.outbox.record.causes == 0


def test_samples_of_the_device_are_not_kept_waiting_by_a_trial(firmware):
    host = Host(firmware, on_duty=True)
    host.ask("try {} 0 1000 0")
    samples = array("h", [0, 1000, 0] * 27)
    assert len(samples) == 81
    for number in range(40):
        host.typed.append(f"dati feed {27 * number} {STILL}")
    host.run(4000)
    assert not host.typed
    assert host.said("samples_lost") == []
    assert host.w.sensor_ok

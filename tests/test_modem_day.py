"""One of everything, at every cut and with news at every boundary; with the simulator's modem; in MicroPython."""

from __future__ import annotations

import subprocess
import sys

import pytest
from dati import modem as md
from scripted_modem import NMEA, NUMBER, OK, STEP_MS, Bench, Listener, clcc, inbox, incoming, opened, report

from simulator.engines.base import FIRMWARE, EngineUnavailableError
from simulator.engines.interpreters import MicroPython32Engine, MicroPythonEngine
from simulator.parts.clock import Timeline, VirtualClock
from simulator.parts.modem import VirtualModem
from simulator.parts.network import Network


def a_day(**options):
    """One of everything; what the listener was told and what the modem was given, but for the polls."""
    bench = Bench(on=True, **options)
    inbox(bench, *incoming("OK 42"))
    bench.start()
    bench.modem.gnss(True, bench.t_ms)
    bench.say(b"\r\n+CGNSSPWR: READY!\r\n")
    opened(bench)
    bench.modem.send(b"frame", bench.t_ms)
    bench.run(100)
    bench.script.binary = b'\r\nOK\r\n+CMTI: "SM",1\r\n> '
    bench.say(b"\r\n+CIPRXGET: 1,0\r\n")
    bench.modem.send_sms(NUMBER, "ê" * 80, bench.t_ms)
    bench.run(200)
    bench.say(b"\r\n+CDS: 25\r\n" + report(1) + b"\r\n")
    bench.say(b"\r\n+CDS: 25\r\n" + report(2) + b"\r\n")
    bench.script.answers["AT+CLCC"] = clcc(3) + OK
    bench.modem.dial(NUMBER, bench.t_ms)
    bench.run(2500)
    bench.say(b"\r\nVOICE CALL: BEGIN\r\n\r\r\n+RXDTMF: 1\r\r\n\r\nVOICE CALL: END: 000003\r\n\r\nNO CARRIER\r\n")
    bench.modem.close(bench.t_ms)
    bench.run(300)
    bench.modem.stop(bench.t_ms)
    bench.run(300)
    told = [entry for entry in bench.listener.told if entry[0] not in ("nmea", "data", "network_time")]
    data = b"".join(piece for (piece,) in bench.of("data"))
    assert bench.modem.at.garbage == bench.modem.at.overflows == bench.modem.at.strays == 0
    return told, data, bench.script.payloads


@pytest.fixture(scope="module")
def the_day():
    told, data, payloads = a_day()
    assert ("sms_report", 1, True) in told
    assert ("call", md.IDLE, "ended") in told
    assert data == b'\r\nOK\r\n+CMTI: "SM",1\r\n> '
    return told, data, payloads


@pytest.mark.parametrize("chunk", [*range(1, 24), 31, 64, 127])
def test_a_day_in_pieces(the_day, chunk):
    assert a_day(chunk=chunk) == the_day


@pytest.mark.parametrize("noise", [b"\r\n+CREG: 1\r\n", NMEA, b"\r\r\n+UNKNOWN: 1,2\r\r\n", b"\r\nSMS DONE\r\n"])
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_a_day_with_news_at_every_boundary(the_day, noise, chunk):
    assert a_day(noise=noise, chunk=chunk) == the_day


def test_a_day_across_the_wrap_of_the_ticks(the_day):
    assert a_day(start_ms=2**30 - 5500) == the_day


# --- the virtual modem of the simulator ---


class World:
    """The same modem with the simulator's, pins and ring included; one step is 10 ms."""

    def __init__(self, dialect):
        self.clock = VirtualClock()
        self.network = Network(self.clock, Timeline(self.clock))
        self.heard = bytearray()
        self.virtual = VirtualModem(self.clock, self.network, self.heard.extend, dialect)
        self.listener = Listener()
        self.modem = md.Modem(dialect, self.listener)
        self.rings = []
        self.virtual.on_ring = self.rings.append
        self.modem.start(0)
        self.run(40000)

    def run(self, ms):
        for _ in range(ms // STEP_MS):
            t_ms = self.clock.now_ms
            if self.heard:
                heard = bytearray(self.heard)
                self.heard.clear()
                self.modem.receive(heard, len(heard), t_ms)
            if True in self.rings:
                self.modem.wake(t_ms)
            self.rings.clear()
            self.modem.tick(t_ms)
            self.virtual.pin("power_key", self.modem.power_key)
            self.virtual.pin("dtr", self.modem.sleep)
            out = self.modem.take()
            if out:
                self.virtual.receive(out)
            self.clock.advance_to_us((t_ms + STEP_MS) * 1000)


class Echo:
    """A host that says back what it hears."""

    def connect(self):
        return self

    def receive(self, data):
        self.send(b"ACK " + data)

    def close(self):
        pass


@pytest.mark.parametrize("dialect", ["a76xx", "sim7600"])
def test_with_the_virtual_modem(dialect):
    world = World(dialect)
    modem, listener = world.modem, world.listener
    assert (modem.state, modem.sim, modem.registration, modem.signal_dbm) == (md.READY, md.SIM_READY, 1, -75)
    assert world.virtual.power == "sleep"
    assert listener.of("network_time")
    echo = Echo()
    world.network.register_host("centre.fr", 7000, echo)
    t_ms = world.clock.now_ms
    assert modem.open("centre.fr", 7000, t_ms)
    assert modem.send(b"alarm\r\nOK\r\n", t_ms)
    while not listener.of("sent"):
        world.run(STEP_MS)
    assert world.clock.now_ms - t_ms < 600  # asleep to handed over, of which two round trips of the network
    world.run(2000)
    assert listener.of("data") == [(b"ACK alarm\r\nOK\r\n",)]
    world.network.sms_from(NUMBER, "clear 1234")
    world.run(30000)
    assert listener.of("sms") == [(NUMBER, "clear 1234")]
    assert modem.send_sms(NUMBER, "Chute à l'entrepôt " * 6, world.clock.now_ms)
    world.run(20000)
    assert listener.of("sms_report") == [(listener.of("sms_sent")[0][1], True)]
    modem.stop(world.clock.now_ms)
    world.run(5000)
    assert world.virtual.power == "off"
    assert modem.at.garbage == modem.at.overflows == 0


# --- in MicroPython ---


class Recording(md.Modem):
    """Writes down how it was used."""

    def __init__(self, *args):
        self.calls_made = []
        super().__init__(*args)

    def receive(self, data, count, t_ms):
        self.calls_made.append(("receive", bytes(data), count, t_ms))
        super().receive(data, count, t_ms)

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name not in PUBLIC:
            return found

        def called(*args):
            self.calls_made.append((name, *args))
            return found(*args)

        return called


PUBLIC = ("start", "stop", "tick", "take", "open", "send", "close", "send_sms", "dial", "gnss", "wake")
RUNNER = """
from dati.modem import Modem

class Listener:
    def __getattr__(self, name):
        def told(*args):
            print(name, bytes(args[0][: args[1]]) if name == "on_nmea" else repr(args).encode())
        return told

def main(path):
    modem = Modem("a76xx", Listener(), "", "")
    with open(path) as lines:
        for line in lines:
            use = eval(line)
            args = use[1:]
            if use[0] == "receive":
                args = (bytearray(use[1]), use[2], use[3])
            said = getattr(modem, use[0])(*args)
            if said:
                print(said)
    print(modem.state, modem.sim, modem.registration, modem.signal_dbm, modem.identity, modem.busy)
"""


@pytest.mark.parametrize("engine", [MicroPythonEngine, MicroPython32Engine], ids=["64 bits", "32 bits"])
def test_a_day_in_micropython(engine, tmp_path, monkeypatch):
    try:
        command = engine().command(tmp_path)
    except EngineUnavailableError as reason:
        pytest.skip(str(reason))
    made = []

    def recording(*args):
        made.append(Recording(*args))
        return made[-1]

    monkeypatch.setattr(md, "Modem", recording)
    a_day(chunk=7, noise=NMEA)
    (tmp_path / "jobs").write_text("\n".join(map(repr, made[0].calls_made)), encoding="utf-8")
    (tmp_path / "interpreted.py").write_text(RUNNER, encoding="utf-8")
    (tmp_path / "dati").mkdir()
    for path in FIRMWARE.glob("*.py"):
        (tmp_path / "dati" / path.name).write_bytes(path.read_bytes())
    outputs = []
    for program in ([sys.executable, "-S", "-c", "import interpreted; interpreted.main('jobs')"], command):
        run = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        outputs.append(run.stdout.split("\n")[:-1])
    assert outputs[0] == outputs[1]
    assert any("on_sms_report" in line for line in outputs[0])

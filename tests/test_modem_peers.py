"""The virtual modem driven, in real time, by programs that were written for real ones: gammu, python-gsmmodem, oFono.

What reached the virtual service centre is decoded by codecs of other people.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import warnings
from io import StringIO
from pathlib import Path

import pytest

from simulator.parts.clock import Timeline, VirtualClock
from simulator.parts.modem import VirtualModem
from simulator.parts.modem_command import Timing
from simulator.parts.network import Network
from simulator.parts.network_calls import Contact
from simulator.parts.pty import Served

ALICE = "+33612345678"
BOB = "+33698765432"
# Nothing in these tests is about how long a real modem takes.
QUICK = Timing(
    power_on_pulse=1,
    boot=5,
    sim_ready=2,
    sms_ready=4,
    phonebook_ready=6,
    register=2,
    network_time=2,
    answer=1,
    answers={},
    sms_sent=10,
)


class World:
    def __init__(self):
        self.clock = VirtualClock()
        self.timeline = Timeline(self.clock)
        self.network = Network(self.clock, self.timeline)
        self.network.smsc.delay_ms = self.network.smsc.report_delay_ms = 50
        self.network.switchboard.setup_ms = 50
        self.alice = self.network.add_contact(Contact(ALICE, after_s=0.6, talks_s=60))

    def modem(self, send):
        modem = VirtualModem(self.clock, self.network, send, timing_=QUICK)
        modem.pin("power_key", True)
        return modem

    def noted(self, what):
        return [entry for entry in self.timeline.entries if entry.what == what]


@pytest.fixture
def world():
    return World()


@pytest.fixture
def served(world):
    with Served(world.clock, world.modem) as served:
        until(lambda: world.noted("time"), "the modem has not registered")
        yield served


def until(ready, otherwise, within_s=8.0):
    end = time.monotonic() + within_s
    while not (result := ready()):
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)
    return result


def need(*programs):
    for program in programs:
        if shutil.which(program) is None and not Path("/usr/sbin", program).exists():
            pytest.skip(f"{program} is not installed (apt install {program})")


def gsmmodem(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its regular expressions are no raw strings
        return pytest.importorskip(f"gsmmodem.{module}", reason="python-gsmmodem-new is not installed")


def decoded(tpdu):
    """By python-gsmmodem: a dictionary with type, number, text, reference, udh, ..."""
    return gsmmodem("pdu").decodeSmsPdu("00" + tpdu.hex())


def test_gammu_identifies_and_sends_text_unicode_and_two_parts(world, served, tmp_path):
    need("gammu")
    fields = pytest.importorskip("smspdudecoder.fields", reason="smspdudecoder is not installed")
    world.network.smsc.delay_ms = 1  # gammu leaves as soon as it has sent
    config, batch = tmp_path / "gammurc", tmp_path / "batch"
    config.write_text(f"[gammu]\ndevice={served.pty()}\nconnection=at115200\n")
    long = "0123456789" * 20
    batch.write_text(
        "identify\n"
        f"sendsms TEXT {ALICE} -text Bonjour_{{é}}\n"
        f"sendsms TEXT {ALICE} -unicode -text Détresse_ê_ç\n"
        f"sendsms TEXT {ALICE} -report -len 400 -text {long}\n"
    )
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    run = subprocess.run(
        ["gammu", "-c", str(config), "batch", str(batch)],
        capture_output=True,
        text=True,
        timeout=30,
        env=environment,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "A7670E-FASE" in run.stdout
    assert run.stdout.count("..OK, message reference=") == 4
    assert served.ask(lambda: world.alice.inbox) == ["Bonjour_{é}", "Détresse_ê_ç", long]
    taken = [decoded(tpdu) for tpdu in world.network.smsc.submitted]
    assert [part["text"] for part in taken[:2]] == ["Bonjour_{é}", "Détresse_ê_ç"]
    assert taken[2]["text"] + taken[3]["text"] == long
    assert [part["udh"][0].number for part in taken[2:]] == [1, 2]
    assert [part["reference"] for part in taken] == [1, 2, 3, 4]
    again = [fields.SMSSubmit.decode(StringIO("00" + tpdu.hex().upper())) for tpdu in world.network.smsc.submitted]
    assert [part["user_data"]["data"] for part in again] == [part["text"] for part in taken]
    assert [part["header"]["srr"] for part in again] == [False, False, True, True]


@pytest.mark.parametrize("cnmi", ["2,1,0,2", "1,1,0,1,0"], ids=["by index", "direct"])
def test_gsmmodem_knows_that_its_message_was_delivered(world, served, cnmi):
    library = gsmmodem("modem")
    modem = library.GsmModem(served.pty(), 115200, AT_CNMI=cnmi)
    modem.connect()
    try:
        assert modem.manufacturer == "SIMCOM INCORPORATED"
        assert modem.signalStrength == 19
        sms = modem.sendSms(ALICE, "Alarme: tombé près du hangar {7}", waitForDeliveryReport=True, deliveryTimeout=8)
        assert sms.status == library.SentSms.DELIVERED
    finally:
        modem.close()
    assert served.ask(lambda: world.alice.inbox) == ["Alarme: tombé près du hangar {7}"]
    assert decoded(world.network.smsc.submitted[0])["text"] == "Alarme: tombé près du hangar {7}"


def test_gsmmodem_receives_and_calls(world, served):
    library = gsmmodem("modem")
    received = []
    modem = library.GsmModem(served.pty(), 115200, smsReceivedCallbackFunc=received.append)
    modem.connect()
    try:
        served.ask(lambda: world.network.sms_from(BOB, "Reçu ✓ code 4711"))
        until(lambda: received, "the message has not arrived")
        assert (received[0].number, received[0].text) == (BOB, "Reçu ✓ code 4711")
        call = modem.dial(ALICE)
        until(lambda: call.answered, "the call is not seen to be answered")
        call.hangup()
        until(lambda: world.noted("call_ended"), "the call has not ended")
        time.sleep(0.6)  # its thread looks once more
    finally:
        modem.close()
    assert [entry.what for entry in world.timeline.entries if entry.what.startswith("call")] == [
        "call_dialled",
        "call_answered",
        "call_ended",
    ]


BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:dir={}</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""


@pytest.fixture
def ofono(served, tmp_path):
    """Calls a method of oFono and returns what it prints, or None on an error."""
    need("ofonod", "dbus-daemon", "dbus-send")
    served.ask(lambda: served.modem.receive(b"ATE0\r"))  # its phonesim driver speaks to modems without an echo
    config = tmp_path / "phonesim"
    config.write_text(f"[phonesim]\nAddress=127.0.0.1\nPort={served.tcp()}\n")
    bus_config = tmp_path / "bus"
    bus_config.write_text(BUS.format(tmp_path))
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={bus_config}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert bus.stdout is not None
    address = bus.stdout.readline().strip()
    environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=address, OFONO_PHONESIM_CONFIG=str(config))
    program = shutil.which("ofonod") or "/usr/sbin/ofonod"
    daemon = subprocess.Popen(
        [program, "-n", "-p", "phonesim,atmodem"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def call(path, method, *arguments):
        command = ["dbus-send", "--system", "--print-reply", "--dest=org.ofono", path, f"org.ofono.{method}"]
        run = subprocess.run(
            [*command, *arguments], env=environment, capture_output=True, text=True, timeout=10, check=False
        )
        return run.stdout if run.returncode == 0 else None

    try:
        until(lambda: "/phonesim" in (call("/", "Manager.GetModems") or ""), "oFono has found no modem")
        yield call
    finally:
        for process in (daemon, bus):
            process.terminate()
            process.wait(10)
        bus.stdout.close()


def test_ofono_registers_sends_and_dials(world, served, ofono):
    for name in ("Powered", "Online"):
        assert ofono("/phonesim", "Modem.SetProperty", f"string:{name}", "variant:boolean:true") is not None

    def registered():
        return '"registered"' in (ofono("/phonesim", "NetworkRegistration.GetProperties") or "")

    until(registered, "oFono is not registered")
    until(lambda: ofono("/phonesim", "MessageManager.GetProperties"), "oFono has no messages")
    text = "Détresse ê, " + "appelez vite, " * 6
    assert ofono("/phonesim", "MessageManager.SendMessage", f"string:{ALICE}", f"string:{text}") is not None
    until(lambda: world.alice.inbox, "oFono's message has not arrived")
    assert world.alice.inbox[0] == text
    parts = [decoded(tpdu) for tpdu in world.network.smsc.submitted[:2]]
    assert "".join(part["text"] for part in parts) == text
    assert ofono("/phonesim", "VoiceCallManager.Dial", f"string:{ALICE}", "string:default") is not None
    until(lambda: world.noted("call_answered"), "oFono's call is not answered")
    until(lambda: '"active"' in (ofono("/phonesim", "VoiceCallManager.GetCalls") or ""), "oFono sees no call")

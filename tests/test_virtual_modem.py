"""The virtual modem and its network: what the AT manuals say of it, and every way in which the world can fail it."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import UserError
from simulator.parts import pdu
from simulator.parts.clock import Timeline, VirtualClock
from simulator.parts.modem import VirtualModem
from simulator.parts.modem_command import Command, split_line
from simulator.parts.network import Network, Sim
from simulator.parts.network_calls import Contact

ALICE = "+33611111111"
BOB = "+33622222222"


class Bench:
    """A modem, its network, and what it said."""

    def __init__(self, dialect="a76xx", sim=None, on=True, **arguments):
        self.clock = VirtualClock()
        self.timeline = Timeline(self.clock)
        self.network = Network(self.clock, self.timeline, sim=sim)
        self.heard = bytearray()
        self.rings = []
        self.powers = []
        self.modem = VirtualModem(self.clock, self.network, self.heard.extend, dialect, **arguments)
        self.modem.on_ring = lambda ringing: self.rings.append((self.clock.now_ms, ringing))
        self.modem.on_power = lambda power: self.powers.append((self.clock.now_ms, power))
        if on:
            self.press(600)
            self.run(25)
            self.at("ATE0")

    def run(self, seconds):
        self.clock.advance_to_us(self.clock.now_us + round(seconds * 1e6))

    def press(self, ms):
        self.modem.pin("power_key", True)
        self.run(ms / 1000)
        self.modem.pin("power_key", False)

    def said(self):
        lines = [line for line in re.split("[\r\n]+", self.heard.decode("latin-1")) if line]
        self.heard.clear()
        return lines

    def at(self, text, seconds=0.5):
        """The lines that come within `seconds`."""
        self.heard.clear()
        self.modem.receive(text.encode("latin-1") + b"\r")
        self.run(seconds)
        return self.said()

    def write(self, text, seconds=5.0):
        self.modem.receive(text.encode("latin-1"))
        self.run(seconds)
        return self.said()

    def noted(self, what):
        return [entry for entry in self.timeline.entries if entry.what == what]

    def connect(self, host="centre.example", port=7000):
        assert self.at("AT+NETOPEN", 2) == ["OK", "+NETOPEN: 0"]
        assert self.at("AT+CIPRXGET=1") == ["OK"]
        return self.at(f'AT+CIPOPEN=0,"TCP","{host}",{port}', 2)


@pytest.fixture
def bench():
    return Bench()


class Host:
    """Answers everything with the same, backwards; its sessions are kept."""

    def __init__(self):
        self.sessions = []
        self.refuses = None

    def connect(self):
        if self.refuses:
            raise self.refuses
        self.sessions.append(Session())
        return self.sessions[-1]


class Session:
    def __init__(self):
        self.got = []
        self.ended = False

    def receive(self, data):
        self.got.append(data)
        self.send(data[::-1])

    def close(self):
        self.ended = True


# Power


@pytest.mark.parametrize(("dialect", "boot_ms"), [("a76xx", 11_100), ("sim7600", 15_000)])
def test_the_uart_is_ready_only_after_the_boot(dialect, boot_ms):
    bench = Bench(dialect, on=False)
    bench.press(600)
    begin_ms = bench.powers[0][0]
    bench.clock.advance_to_us((begin_ms + boot_ms - 1) * 1000)
    bench.modem.receive(b"AT\r")
    assert not bench.heard
    bench.run(10)
    assert bench.said() == ["RDY", "+CPIN: READY", "SMS DONE", "PB DONE"]
    assert bench.powers[:2] == [(begin_ms, "boot"), (begin_ms + boot_ms, "idle")]


def test_a_pulse_too_short_does_nothing():
    bench = Bench(on=False)
    bench.press(40)
    bench.run(30)
    assert bench.modem.power == "off"


def test_off_by_a_long_pulse_and_on_again_only_after_a_rest(bench):
    bench.press(2000)
    assert bench.at("AT") == ["OK"]
    bench.press(2600)
    assert bench.at("AT") == []
    bench.run(2)
    assert bench.modem.power == "off"
    bench.press(100)
    assert bench.modem.power == "off"
    bench.run(2)
    bench.press(100)
    assert bench.modem.power == "boot"


def test_off_by_command(bench):
    assert bench.at("AT+CPOF") == ["OK"]
    bench.run(3)
    assert bench.modem.power == "off"
    assert bench.at("AT") == []


def test_without_supply_it_is_off_and_its_clock_starts_anew(bench):
    bench.at('AT+CCLK="26/03/02,10:00:00+04"')
    bench.modem.pin("supply", False)
    assert bench.modem.power == "off"
    bench.press(100)
    bench.run(20)
    assert bench.modem.power == "off"
    bench.modem.pin("supply", True)
    bench.press(100)
    bench.run(20)
    assert bench.at("AT+CCLK?")[-2].startswith('+CCLK: "14/01/01,')


@pytest.mark.parametrize("how", ["restart", "reset", "AT+CRESET"])
def test_a_restart_forgets_what_is_volatile(bench, how):
    bench.network.register_host("centre.example", 7000, host := Host())
    bench.at("AT+CMEE=2;+CREG=2")
    bench.connect()
    if how == "restart":
        bench.modem.restart()
    elif how == "reset":
        bench.modem.pin("reset", True)
        bench.run(0.2)
        bench.modem.pin("reset", False)
    else:
        bench.at(how)
    assert bench.modem.power == "boot"
    assert host.sessions[0].ended
    bench.run(20)
    assert "RDY" in bench.said()
    assert bench.at("AT+CMEE?")[:2] == ["AT+CMEE?", "+CMEE: 0"]  # echo again
    assert bench.at("AT+NETOPEN?")[1] == "+NETOPEN: 0"


def test_a_brown_out_is_silent_and_stays(bench):
    bench.modem.brown_out()
    bench.run(60)
    assert (bench.said(), bench.modem.power) == ([], "off")


# The command line


def test_echo_until_ate0():
    bench = Bench(on=False)
    bench.press(100)
    bench.run(25)
    bench.heard.clear()
    bench.modem.receive(b"AT\r")
    bench.run(1)
    assert bytes(bench.heard) == b"AT\r\r\nOK\r\n"
    bench.at("ATE0")
    bench.modem.receive(b"AT\r")
    bench.run(1)
    assert bytes(bench.heard) == b"\r\nOK\r\n"


def test_levels_of_errors():
    bench = Bench(sim=Sim("absent"))
    assert bench.at("AT+CIMI") == ["ERROR"]
    assert bench.at("AT+CMEE=1;+CIMI") == ["+CME ERROR: 10"]
    assert bench.at("AT+CMEE=2;+CIMI") == ["+CME ERROR: SIM not inserted"]
    assert bench.at("AT+CMGS=20") == ["+CMS ERROR: 310"]
    assert bench.at("AT+NOSUCH") == ["ERROR"]


def test_lines_of_commands(bench):
    assert bench.at("AT+CREG=1;+CSQ;+CREG?") == ["+CSQ: 19,99", "+CREG: 1,1", "OK"]
    assert bench.at("AT+CSQ;+NOSUCH;+CREG?") == ["+CSQ: 19,99", "ERROR"]
    assert bench.at("\xff\x00noiseAT+CSQ") == ["+CSQ: 19,99", "OK"]
    assert bench.at("no command") == []
    assert bench.at("AT+CSX\x08Q") == ["+CSQ: 19,99", "OK"]
    bench.heard.clear()
    bench.modem.receive(b"AT+CSQ\rAT+CREG?\r\n")
    bench.run(1)
    assert bench.said() == ["+CSQ: 19,99", "OK", "+CREG: 1,1", "OK"]


def test_numeric_results(bench):
    bench.at("ATV0")
    assert [bench.at("AT"), bench.at("AT+NOSUCH")] == [["0"], ["4"]]


def test_a_line_is_split_as_v250_has_it():
    line = 'E0Q0 V1S0=0+CMGS="a;b",1;+CSQ;+CPIN?;D112;'
    assert split_line(line) == [
        Command("E", "", "0"),
        Command("Q", "", "0"),
        Command("V", "", "1"),
        Command("S0", "=", "0"),
        Command("+CMGS", "=", '"a;b",1'),
        Command("+CSQ"),
        Command("+CPIN", "?"),
        Command("D", "=", "112;"),
    ]
    assert Command("+X", "=", '"a,b",,3').parameters == ["a,b", "", "3"]


NAMES = sorted(set(Bench(on=False).modem.line.names) - {"+CPOF", "+CRESET", "+CFUN", "+CSCLK"})


@given(
    st.sampled_from(NAMES) | st.text(st.characters(max_codepoint=255), max_size=8),
    st.sampled_from(["", "?", "=?", "="]),
    st.text(st.sampled_from('0123,"+ATPCx;\xff\x00') | st.characters(max_codepoint=255), max_size=12),
)
@settings(derandomize=True, max_examples=400, deadline=None)
def test_whatever_is_typed_it_answers_and_goes_on(name, form, parameters):
    bench = Bench()
    text = ("AT" + name + form + parameters).replace("\r", "")
    bench.write(text + "\r", 130)
    bench.write("\x1b\r", 130)  # out of a prompt, if there is one
    assert "OK" in bench.at("ATE0V1Q0", 130)
    assert bench.at("AT") == ["OK"]


def test_identity():
    for dialect, model in (("a76xx", "A7670E-FASE"), ("sim7600", "SIMCOM_SIM7600E-H")):
        bench = Bench(dialect)
        lines = bench.at("AT+SIMCOMATI")
        assert lines[0] == "Manufacturer: SIMCOM INCORPORATED"
        assert lines[1] == f"Model: {model}"
        assert bench.at("AT+CGMM") == [model, "OK"]
        assert re.fullmatch(r"\d{15}", bench.at("AT+CGSN")[0])
        assert bench.at("AT+CICCID")[0].startswith("+ICCID: 89")


# SIM


def test_a_wrong_pin_costs_a_try_and_three_ask_for_the_puk():
    bench = Bench(sim=Sim("pin", pin="4711"))
    assert bench.at("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    bench.at("AT+CMEE=1")
    assert bench.at("AT+CMGF=0;+CMGS=20") == ["+CMS ERROR: 311"]
    assert bench.at("AT+CPIN=0000", 1) == ["+CME ERROR: 16"]
    assert bench.at("AT+SPIC") == ["+SPIC: 2,10,0,0", "OK"]
    assert bench.at("AT+CPIN=0000", 1) == ["+CME ERROR: 16"]
    bench.at("AT+CPIN=0000", 1)
    assert bench.at("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]
    assert bench.at('AT+CPIN="12345678","1111"', 1) == ["OK", "+CPIN: READY"]
    assert bench.network.sim.pin == "1111"


def test_the_right_pin_opens_the_way_to_the_network():
    bench = Bench(sim=Sim("pin", pin="4711"))
    assert bench.at("AT+CREG?") == ["+CREG: 0,11", "OK"]
    assert bench.at('AT+CPIN="4711"', 10) == ["OK", "+CPIN: READY", "SMS DONE", "PB DONE"]
    assert bench.at("AT+CREG?") == ["+CREG: 0,1", "OK"]
    bench.modem.restart()
    bench.run(25)
    assert "+CPIN: SIM PIN" in bench.said()  # it asks at every start


def test_without_a_card_only_emergency_calls():
    bench = Bench(sim=Sim("absent"))
    assert bench.at("AT+CMEE=1;+CPIN?") == ["+CME ERROR: 10"]
    assert bench.at(f"ATD{ALICE};") == ["+CME ERROR: 10"]
    assert bench.at("ATD112;", 15) == ["OK", "VOICE CALL: BEGIN"]


# Network


def test_registration_with_and_without_n():
    bench = Bench()
    assert bench.at("AT+CREG?;+CGREG?;+CEREG?") == ["+CREG: 0,1", "+CGREG: 0,1", "+CEREG: 0,1", "OK"]
    bench.at("AT+CREG=1;+CEREG=2")
    bench.network.set_registration(5)
    bench.run(5)
    assert bench.said() == ["+CREG: 5", '+CEREG: 5,"230A","0A75D1AB",7']
    assert bench.at("AT+CEREG?") == ['+CEREG: 2,5,"230A","0A75D1AB",7', "OK"]
    bench.network.set_registration(3)
    bench.run(5)
    assert bench.said() == ["+CREG: 3", "+CEREG: 3"]


def test_signal_and_its_loss(bench):
    bench.at("AT+CREG=1")
    for dbm, csq in ((-113, 0), (-120, 0), (-111, 1), (-75, 19), (-51, 31), (-40, 31)):
        bench.network.set_signal(dbm)
        assert bench.at("AT+CSQ")[0] == f"+CSQ: {csq},99"
    bench.network.set_signal(None)
    assert bench.at("AT+CSQ") == ["+CSQ: 99,99", "OK"]
    bench.run(5)
    assert bench.said() == ["+CREG: 2"]
    assert bench.at("AT+CPSI?")[0] == "+CPSI: NO SERVICE,Online"
    assert bench.at("AT+COPS?")[0] == "+COPS: 0"
    bench.network.set_signal(-90)
    bench.run(5)
    assert bench.said() == ["+CREG: 1"]


def test_a_short_gap_is_not_even_noticed(bench):
    bench.at("AT+CREG=1")
    bench.network.set_signal(None)
    bench.run(2)
    bench.network.set_signal(-90)
    bench.run(10)
    assert bench.said() == []


def test_sms_only_takes_messages_and_no_calls_or_data(bench):
    bench.network.set_registration(6)
    bench.run(5)
    assert bench.at("AT+CMEE=1;+CREG?")[0] == "+CREG: 0,6"
    assert bench.at(f"ATD{ALICE};") == ["+CME ERROR: 30"]
    assert bench.at("AT+NETOPEN", 2) == ["OK", "+NETOPEN: 1"]
    bench.at("AT+CMGF=1")
    bench.at(f'AT+CMGS="{ALICE}"')
    assert bench.write("hello\x1a") == ["+CMGS: 1", "OK"]


def test_a_number_that_is_no_registration_is_refused(bench):
    with pytest.raises(UserError, match="registration 9"):
        bench.network.set_registration(9)


def test_the_clock_is_stale_until_the_network_tells_the_time():
    bench = Bench(on=False)
    bench.press(100)
    bench.run(11.2)
    assert "OK" in bench.at("AT+CTZU=1;+CTZR=1")
    bench.run(10)
    assert "+CTZV: +04,26/03/02,08:00:15,0" in bench.said()
    assert re.match(r'\+CCLK: "26/03/02,09:00:2\d\+04"', bench.at("ATE0+CCLK?")[1])
    late = Bench()  # nobody asked in time
    late.at("AT+CTZU=1")
    late.run(60)
    assert late.at("AT+CCLK?")[0].startswith('+CCLK: "14/01/01,')
    late.network.set_signal(None)
    late.run(10)
    late.network.set_signal(-80)
    late.run(10)
    assert late.at("AT+CCLK?")[0].startswith('+CCLK: "26/03/02,09:')


# Messages


def submit_pdu(text, report=True, number=ALICE):
    tpdu = pdu.write_submit(number, text, 0x31 if report else 0x11, 167, 0, 0)
    return f"AT+CMGS={len(tpdu)}", "00" + tpdu.hex().upper() + "\x1a"


def test_a_message_its_receipt_and_the_report_on_it(bench):
    alice = bench.network.add_contact(Contact(ALICE))
    assert bench.at("AT+CNMI=1,1,0,1,0") == ["OK"]
    command, data = submit_pdu("Alarme")
    assert bench.at(command) == ["> "]
    lines = bench.write(data, 10)
    assert lines[:2] == ["+CMGS: 1", "OK"]
    assert lines[2] == "+CDS: 25"
    report = pdu.read_incoming(bytes.fromhex(lines[3])[8:])
    assert (report.reference, report.number, report.status) == (1, ALICE, 0)
    assert report.sent < report.done
    assert alice.inbox == ["Alarme"]
    assert [entry.what for entry in bench.timeline.entries if entry.what.startswith("sms")] == [
        "sms_submitted",
        "sms_delivered",
        "sms_received",
        "sms_to_device",
    ]


def test_escape_leaves_with_ok_and_sends_nothing(bench):
    command, _ = submit_pdu("no")
    bench.at(command)
    assert bench.write("0011\x1b") == ["OK"]
    assert not bench.noted("sms_submitted")


def test_what_is_no_message_is_refused(bench):
    command, data = submit_pdu("text")
    bench.at(command[:-1] + "9")
    assert bench.write(data) == ["+CMS ERROR: 304"]
    bench.at(command)
    assert bench.write("zz" + data) == ["+CMS ERROR: 304"]
    bench.at("AT+CMGF=1")
    assert bench.at('AT+CMGS="nobody"') == ["+CMS ERROR: 305"]
    bench.at(f'AT+CMGS="{ALICE}"')
    assert bench.write("x" * 161 + "\x1a") == ["+CMS ERROR: 305"]


def test_refused_lost_late_and_unreported(bench):
    smsc, alice = bench.network.smsc, bench.network.add_contact(Contact(ALICE))
    bench.at("AT+CNMI=1,1,0,1,0")

    def send(seconds=10):
        command, data = submit_pdu("x")
        bench.at(command)
        return [line for line in bench.write(data, seconds) if line.startswith(("+CM", "+CDS", "OK"))]

    smsc.refuse(38, 1)
    assert send() == ["+CMS ERROR: 38"]
    smsc.lose(1)
    assert send() == ["+CMGS: 2", "OK"]
    assert not alice.inbox
    smsc.delay_ms = 60_000
    assert send(30) == ["+CMGS: 3", "OK"]
    bench.run(40)
    assert alice.inbox == ["x"]
    assert "+CDS: 25" in bench.said()
    smsc.delay_ms, smsc.reports = 100, False
    assert send() == ["+CMGS: 4", "OK"]
    assert len(alice.inbox) == 2
    alice.phone_on = False
    smsc.reports = True
    assert send(60) == ["+CMGS: 5", "OK"]
    alice.phone_on = True
    bench.run(30)
    assert "+CDS: 25" in bench.said()


def test_no_network_and_a_card_still_read():
    bench = Bench()
    bench.network.set_signal(None)
    bench.run(10)
    command, data = submit_pdu("x")
    bench.at(command)
    assert bench.write(data) == ["+CMS ERROR: 331"]
    bench.modem.restart()
    bench.run(11.5)
    assert bench.at(command)[-1] == "+CMS ERROR: 314"


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("2,1,0,1,0", False),
        ("1,1,0,1,0", True),
        ("2,1,0,2,0", True),
        ("2,1,0,2", True),
        ("2,3,0,0,0", False),
        ("1,3,0,0,0", True),
        ("0,1,0,1,0", False),
        ("4,1,0,0,0", False),
    ],
)
def test_the_trap_of_cnmi(bench, asked, allowed):
    answer = bench.at(f"AT+CNMI={asked}")
    assert (answer == ["OK"]) is allowed


def test_every_combination_that_cnmi_advertises_is_taken(bench):
    ranges = [part.split(",") for part in re.findall(r"\(([\d,]+)\)", bench.at("AT+CNMI=?")[0])]
    assert len(ranges) == 5
    for mode in ranges[0]:
        for mt in ranges[1]:
            for ds in ranges[3]:
                assert bench.at(f"AT+CNMI={mode},{mt},0,{ds},0") == ["OK"]


def test_messages_that_arrive_are_kept_told_read_and_deleted(bench):
    bench.at("AT+CNMI=1,1,0,1,0")
    bench.network.sms_from(BOB, "ACK 4711")
    bench.run(5)
    assert bench.said() == ['+CMTI: "SM",0']
    lines = bench.at("AT+CMGR=0")
    assert lines[0] == "+CMGR: 0,,26"
    message = pdu.read_incoming(bytes.fromhex(lines[1])[8:])
    assert (message.number, message.text) == (BOB, "ACK 4711")
    assert bench.at("AT+CMGR=0")[0] == "+CMGR: 1,,26"
    assert bench.at("AT+CMGL=0") == ["OK"]
    assert bench.at("AT+CMGL=4")[0] == "+CMGL: 0,1,,26"
    bench.at("AT+CMGF=1")
    assert bench.at('AT+CMGL="ALL"')[0].startswith(f'+CMGL: 0,"REC READ","{BOB}","","26/03/02,09:00:')
    assert bench.at("AT+CPMS?")[0] == '+CPMS: "SM",1,30,"SM",1,30,"SM",1,30'
    assert bench.at("AT+CMGD=0") == ["OK"]
    assert bench.at("AT+CMGR=0") == ["+CMS ERROR: 321"]


def test_messages_straight_to_the_board_and_reports_by_index(bench):
    bench.at('AT+CNMI=2,2,0,2,0;+CPMS="ME","ME","ME"')
    bench.network.sms_from(BOB, "ê" * 71)
    bench.run(5)
    first, one, second, two = bench.said()
    parts = [pdu.read_incoming(bytes.fromhex(text)[8:]) for text in (one, two)]
    assert [first, second] == [f"+CMT: ,{len(text) // 2 - 8}" for text in (one, two)]
    assert [(part.part, part.parts) for part in parts] == [(1, 2), (2, 2)]
    assert "".join(part.text for part in parts) == "ê" * 71
    command, data = submit_pdu("x")
    bench.at(command)
    assert bench.write(data, 10)[-1] == '+CDSI: "ME",0'
    assert pdu.read_incoming(bytes.fromhex(bench.at("AT+CMGR=0")[1])[8:]).reference == 1


def test_mode_0_of_cnmi_keeps_the_lines_until_asked(bench):
    bench.at("AT+CNMI=0,2,0,0,0")
    bench.network.sms_from(BOB, "kept")
    bench.run(10)
    assert bench.said() == []
    assert bench.at("AT+CNMI=1,2,0,0,0")[0].startswith("+CMT: ,")


def test_a_full_memory_keeps_the_rest_in_the_network(bench):
    for i in range(32):
        bench.network.sms_from(BOB, str(i))
    bench.run(60)
    assert bench.said().count("+SMS FULL") == 1
    assert len(bench.noted("sms_to_device")) == 30
    bench.at("AT+CMGD=0,4", 60)
    assert len(bench.noted("sms_to_device")) == 32


def test_messages_wait_for_a_device_that_is_off_or_out_of_coverage(bench):
    bench.network.set_signal(None)
    bench.run(10)
    bench.network.sms_from(BOB, "later")
    bench.run(600)
    assert bench.said() == []
    bench.network.set_signal(-80)
    bench.run(10)
    assert bench.said() == ['+CMTI: "SM",0']


def test_a_contact_answers_with_the_code_it_was_sent(bench):
    bench.network.add_contact(Contact(ALICE, reply="OK {0}", reply_when=r"code (\d+)", reply_after_s=20))
    for text in ("no number", "code 4711", "code 4712"):
        command, data = submit_pdu(text, report=False)
        bench.at(command)
        bench.write(data)
    bench.run(60)
    assert [entry.data["message"] for entry in bench.noted("sms_sent")] == ["OK 4711"]


def test_national_and_international_numbers_are_one_contact(bench):
    alice = bench.network.add_contact(Contact(ALICE))
    assert bench.network.contact("0611111111") is alice
    assert bench.network.contact("0033611111111") is alice


# Calls


def call_bench(**contact):
    bench = Bench()
    bench.network.add_contact(Contact(ALICE, **contact))
    bench.at("AT+CLCC=1")
    return bench


def clcc(state, direction=0):
    return f'+CLCC: 1,{direction},{state},0,0,"{ALICE}",145'


def test_a_call_answered_with_a_digit():
    bench = call_bench(presses="1#", talks_s=17)
    assert bench.at(f"ATD{ALICE};", 60) == [
        "OK",
        clcc(2),
        clcc(3),
        "VOICE CALL: BEGIN",
        clcc(0),
        "+RXDTMF: 1",
        "+RXDTMF: #",
        clcc(6),
        "VOICE CALL: END: 000017",
        "NO CARRIER",
    ]


@pytest.mark.parametrize(
    ("contact", "ends"),
    [
        ({"answers": "busy"}, ["BUSY"]),
        ({"answers": "rejected"}, ["BUSY"]),
        ({"answers": "unanswered"}, ["NO CARRIER"]),
        ({"answers": "unreachable"}, ["NO CARRIER"]),
        ({"answers": "voicemail", "presses": "1"}, ["VOICE CALL: END: 000020", "NO CARRIER"]),
    ],
)
def test_calls_that_nobody_takes(contact, ends):
    bench = call_bench(**contact)
    lines = bench.at(f"ATD{ALICE};", 90)
    assert [line for line in lines if "CLCC" not in line and "BEGIN" not in line] == ["OK", *ends]


def test_hanging_up_by_chup_and_by_ath_only_after_cvhu():
    bench = call_bench()
    bench.at(f"ATD{ALICE};", 12)
    assert bench.at("ATH", 1) == ["OK"]
    assert bench.modem.power == "call"
    assert "VOICE CALL: END: 000004" in bench.at("AT+CHUP", 1)
    assert bench.modem.power == "idle"
    bench.at("AT+CVHU=0")
    bench.at(f"ATD{ALICE};", 12)
    assert "VOICE CALL: END: 000003" in bench.at("ATH", 1)
    assert [entry.text for entry in bench.noted("call_ended")] == [f"{ALICE}: device"] * 2


def test_dialling_needs_a_semicolon_and_one_call_at_a_time():
    bench = call_bench()
    assert bench.at(f"ATD{ALICE}") == ["NO CARRIER"]
    bench.at(f"AT+CMEE=1;D{ALICE};", 12)
    assert bench.at(f"ATD{BOB};") == ["+CME ERROR: 3"]
    assert bench.at('AT+VTS="1"') == ["OK"]
    assert bench.noted("tone")[0].data["digit"] == "1"
    assert bench.at("AT+CMGS=20") == ["+CMS ERROR: 302"]


def test_the_digits_may_be_reported_otherwise_or_not_at_all():
    for name, expected in (("+DTMF", ["+DTMF: 1"]), (None, [])):
        bench = call_bench(presses="1")
        bench.modem.calls.digits_as = name
        assert [line for line in bench.at(f"ATD{ALICE};", 20) if "DTMF" in line] == expected


def test_a_call_drops_when_the_coverage_goes():
    bench = call_bench(talks_s=600)
    bench.at(f"ATD{ALICE};", 20)
    bench.network.set_signal(None)
    bench.run(10)
    assert "NO CARRIER" in bench.said()
    assert bench.noted("call_ended")[0].text.endswith("dropped")


def test_an_incoming_call_rings_every_six_seconds():
    bench = call_bench(talks_s=10)
    bench.at("AT+CLIP=1;+CLCC=0")
    bench.rings.clear()
    bench.network.call_from(ALICE)
    bench.run(13)
    assert bench.said() == ["RING", f'+CLIP: "{ALICE}",145,,,,0'] * 3
    assert [ringing for _, ringing in bench.rings] == [True]  # held while it rings
    assert bench.at("ATA", 1) == ["VOICE CALL: BEGIN", "OK"]
    assert bench.rings[-1][1] is False
    bench.run(20)
    assert bench.said() == ["VOICE CALL: END: 000010", "NO CARRIER"]


def test_a_missed_call_and_one_that_is_refused():
    bench = call_bench()
    bench.network.call_from(ALICE, 10)
    bench.run(20)
    assert bench.said()[-2:] == ["NO CARRIER", f"MISSED_CALL: 09:00AM {ALICE}"]
    bench.network.call_from(ALICE)
    bench.run(1)
    bench.at("AT+CHUP", 1)
    bench.run(30)
    assert "RING" not in bench.said()
    assert bench.noted("call_ended")[-1].text.endswith("device")


def test_a_contact_that_makes_no_sense():
    with pytest.raises(UserError, match="answers = 'maybe'"):
        Contact(ALICE, answers="maybe")
    with pytest.raises(UserError, match="reply_when"):
        Contact(ALICE, reply_when="(")


# Data


@pytest.fixture
def online():
    bench = Bench()
    bench.host = Host()
    bench.network.register_host("centre.example", 7000, bench.host)
    return bench


def send(bench, data, seconds=2.0):
    bench.heard.clear()
    bench.modem.receive(b"AT+CIPSEND=0,%d\r" % len(data))
    bench.run(0.1)
    assert bytes(bench.heard) == b"\r\n>"
    bench.heard.clear()
    bench.modem.receive(data)
    bench.run(seconds)
    return bench.said()


def test_bytes_there_and_back(online):
    assert online.connect() == ["OK", "+CIPOPEN: 0,0"]
    frame = b'\n"AT+CSQ\r\x1a\x1b\x00\xff"\r'
    assert send(online, frame) == ["OK", f"+CIPSEND: 0,{len(frame)},{len(frame)}", "+CIPRXGET: 1,0"]
    assert online.host.sessions[0].got == [frame]
    assert online.at("AT+CIPRXGET=4,0") == [f"+CIPRXGET: 4,0,{len(frame)}", "OK"]
    online.heard.clear()
    online.modem.receive(b"AT+CIPRXGET=2,0,4\r")
    online.run(1)
    answer = f"\r\n+CIPRXGET: 2,0,4,{len(frame) - 4}\r\n".encode()
    assert bytes(online.heard) == answer + frame[::-1][:4] + b"\r\n\r\nOK\r\n"
    online.at("AT+CIPRXGET=2,0,1500")
    assert online.at("AT+CIPRXGET=2,0,1500") == ["+IP ERROR: No data", "ERROR"]
    assert [entry.data["data"] for entry in online.noted("tcp_up")] == [frame]


def test_data_without_asking(online):
    online.connect()
    online.at("AT+CIPRXGET=0")
    assert send(online, b"abc")[2:] == ["RECV FROM:centre.example:7000", "+IPD3", "cba"]


def test_what_goes_wrong_with_connections(online):
    open_ = 'AT+CIPOPEN={},"{}","{}",{}'
    assert online.at(open_.format(0, "TCP", "centre.example", 7000)) == ["+CIPOPEN: 0,2", "ERROR"]
    online.connect()
    assert online.at("AT+NETOPEN") == ["+IP ERROR: Network is already opened", "ERROR"]
    assert online.at(open_.format(0, "TCP", "centre.example", 7000)) == ["+CIPOPEN: 0,9", "ERROR"]
    assert online.at(open_.format(1, "UDP", "centre.example", 7000)) == ["+CIPOPEN: 1,4", "ERROR"]
    assert online.at(open_.format(1, "TCP", "centre.example", 0)) == ["+CIPOPEN: 1,3", "ERROR"]
    assert online.at(open_.format(1, "TCP", "nowhere.example", 7000), 5) == ["OK", "+CIPOPEN: 1,11"]
    assert online.at(open_.format(1, "TCP", "centre.example", 7001), 5) == ["OK", "+CIPOPEN: 1,5"]
    assert online.at(open_.format(1, "TCP", "192.0.2.1", 7001), 119) == ["OK"]
    online.run(5)
    assert online.said() == ["+CIPOPEN: 1,10"]
    online.host.refuses = ConnectionRefusedError()
    assert online.at(open_.format(1, "TCP", "centre.example", 7000), 5) == ["OK", "+CIPOPEN: 1,5"]
    assert online.at("AT+CIPSEND=1,5") == ["+CIPERROR: 4", "ERROR"]
    assert online.at("AT+CIPSEND=0,1501") == ["ERROR"]


def test_closing_from_either_side(online):
    online.connect()
    session = online.host.sessions[0]
    session.closed()
    online.run(1)
    assert online.said() == ["+IPCLOSE: 0,1"]
    assert send_refused(online)
    online.at('AT+CIPOPEN=0,"TCP","centre.example",7000', 2)
    assert online.at("AT+CIPCLOSE=0", 1) == ["OK", "+CIPCLOSE: 0,0"]
    assert online.host.sessions[1].ended
    assert online.at("AT+NETCLOSE", 1) == ["OK", "+NETCLOSE: 0"]


def send_refused(bench):
    return bench.at("AT+CIPSEND=0,5") == ["+CIPERROR: 4", "ERROR"]


def test_a_host_that_closes_while_data_are_typed_in(online):
    online.connect()
    online.modem.receive(b"AT+CIPSEND=0,5\r")
    online.run(0.1)
    online.host.sessions[0].closed()
    online.run(1)
    online.heard.clear()
    online.modem.receive(b"hello")
    online.run(1)
    assert online.said() == ["OK", "+IPCLOSE: 0,1", "+CIPSEND: 0,5,-1"]


def test_a_gap_in_the_coverage_delays_and_a_long_one_loses(online):
    online.connect()
    online.network.set_signal(None)
    assert send(online, b"first") == ["OK", "+CIPSEND: 0,5,5"]
    online.network.set_signal(-80)
    online.run(5)
    assert online.host.sessions[0].got == [b"first"]
    online.network.set_signal(None)
    online.run(10)
    assert send(online, b"never")[1] == "+CIPSEND: 0,5,5"  # into the buffer of the stack
    online.run(120)
    assert "+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY" in online.said()
    assert online.host.sessions[0].ended
    assert online.noted("tcp_lost")[0].data["bytes"] == 5
    online.network.set_signal(-80)
    online.run(10)
    assert online.host.sessions[0].got == [b"first"]
    assert online.connect() == ["OK", "+CIPOPEN: 0,0"]


def test_what_arrives_for_a_closed_connection_is_nobodys(online):
    online.connect()
    send(online, b"first", 0.1)  # its answer is on the way when the coverage goes
    online.network.set_signal(None)
    online.run(1)
    online.at("AT+CIPCLOSE=0", 1)
    online.network.set_signal(-80)
    online.run(0.1)
    online.heard.clear()
    online.run(10)
    assert "+CIPRXGET: 1,0" not in online.said()
    assert online.noted("tcp_down")


# Sleep and RI


def test_asleep_it_is_deaf_and_mute_and_rings(online):
    online.at("AT+CSCLK=1;+CNMI=1,1,0,1,0")
    online.modem.pin("dtr", True)
    online.run(1)
    assert online.modem.power == "sleep"
    online.rings.clear()
    assert online.at("AT", 2) == []
    online.network.sms_from(BOB, "wake")
    online.run(10)
    assert online.said() == []
    assert [ringing for _, ringing in online.rings] == [True, False]
    assert online.rings[1][0] - online.rings[0][0] == 120
    online.modem.pin("dtr", False)
    online.run(0.1)
    assert online.said() == ['+CMTI: "SM",0']
    assert online.at("AT") == ["OK"]
    assert online.modem.power == "idle"


def test_dtr_alone_does_not_put_it_to_sleep(bench):
    bench.modem.pin("dtr", True)
    bench.run(10)
    assert bench.at("AT") == ["OK"]


def test_a_call_keeps_it_awake():
    bench = call_bench(talks_s=5)
    bench.at("AT+CSCLK=1")
    bench.at(f"ATD{ALICE};", 0.2)
    bench.modem.pin("dtr", True)
    bench.run(10)
    assert bench.modem.power == "call"
    bench.run(20)
    assert bench.modem.power == "sleep"


def test_sleep_mode_2_wakes_by_a_byte_which_is_lost(bench):
    bench.at("AT+CSCLK=2", 2)
    assert bench.modem.power == "sleep"
    assert bench.at("AT", 0.2) == []
    assert bench.at("AT", 0.2) == ["OK"]


# GNSS


class Receiver:
    def __init__(self):
        self.on_line = None
        self.on = False

    def start(self):
        self.on = True

    def stop(self):
        self.on = False


RMC = b"$GNRMC,091918.00,A,4851.39600,N,00221.13000,E,0.1,255.0,020326,,,A*7C\r\n"


def test_the_receiver_takes_nine_seconds_before_anything_else():
    receiver = Receiver()
    bench = Bench(gnss=receiver)
    assert bench.at("AT+CGNSSPWR=1", 8) == ["OK"]
    assert receiver.on
    assert bench.modem.power == "idle+gnss"
    assert bench.at("AT+CGNSSTST=1") == ["ERROR"]
    bench.run(1)
    assert bench.said() == ["+CGNSSPWR: READY!"]
    receiver.on_line(RMC)
    assert bench.said() == []
    assert bench.at("AT+CGNSSPORTSWITCH=0,1;+CGNSSTST=1") == ["OK"]
    receiver.on_line(RMC)
    assert bench.said() == [RMC.decode().strip()]
    assert bench.at("AT+CGNSSINFO")[0].startswith("+CGNSSINFO: 2,,00,00,4851.39600,N,00221.13000,E,020326,091918.00,")
    receiver.on_line(RMC.replace(b",A,4851", b",V,4851"))
    assert bench.at("AT+CGNSSINFO")[0] == "+CGNSSINFO:,,,,,,,,,,,,,,,"
    bench.at("AT+CGNSSPWR=0")
    assert not receiver.on
    assert bench.modem.power == "idle"


def test_the_other_dialect_and_the_other_uart():
    receiver, lines = Receiver(), []
    bench = Bench("sim7600", gnss=receiver)
    assert bench.at("AT+CGNSSPWR=1") == ["ERROR"]
    assert bench.at("AT+CGPSINFOCFG=1,31;+CGPS=1") == ["OK"]
    receiver.on_line(RMC)
    assert bench.said() == [RMC.decode().strip()]
    bench.modem.restart()
    assert not receiver.on
    own = Bench(gnss=receiver, on_nmea=lines.append)
    own.at("AT+CGNSSPWR=1", 10)
    receiver.on_line(RMC)
    assert lines == [RMC]
    assert own.said() == []


# Faults, framing, energy


def test_mute_slow_and_garbage(bench):
    bench.modem.mute = True
    assert bench.at("AT") == []
    bench.modem.mute = False
    bench.modem.slow = 200
    assert bench.at("AT", 1.9) == []
    bench.run(1)
    assert bench.said() == ["OK"]
    bench.modem.garbage(b"\xfe\xff")
    assert bytes(bench.heard) == b"\xfe\xff"


def test_unsolicited_lines_with_one_or_two_returns(bench):
    bench.modem.urc("+RXDTMF: 8")
    bench.modem.double_cr = True
    bench.modem.urc("+RXDTMF: 9")
    assert bytes(bench.heard) == b"\r\n+RXDTMF: 8\r\n\r\r\n+RXDTMF: 9\r\n"


def test_the_states_that_cost_current(online):
    online.powers.clear()
    online.connect()
    online.run(20)
    command, data = submit_pdu("x")
    online.at(command)
    online.write(data)
    assert [power for _, power in online.powers] == ["data", "connected", "data", "connected", "idle", "sms", "idle"]


def test_two_runs_are_the_same():
    def run():
        bench = call_bench(presses="1")
        bench.network.register_host("centre.example", 7000, Host())
        bench.connect()
        transcript = [send(bench, b"abc"), bench.at(f"ATD{ALICE};", 40)]
        return transcript, bench.timeline.entries

    assert run() == run()


# The codec, against others


def gsmmodem_pdu():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("gsmmodem.pdu", reason="python-gsmmodem-new is not installed")


TEXTS = st.text(st.sampled_from("abcé à{}€[]|\n@ΔÇçêœ✓Z9"), min_size=1, max_size=320)


@given(TEXTS)
@settings(derandomize=True, max_examples=150, deadline=None)
def test_what_the_network_writes_another_codec_reads(text):
    codec = gsmmodem_pdu()
    clock = VirtualClock()
    utc = Network(clock, Timeline(clock)).utc
    decoded = [codec.decodeSmsPdu("00" + tpdu.hex()) for tpdu in pdu.write_deliver(ALICE, text, utc, 4)]
    assert "".join(part["text"] for part in decoded) == text
    assert {part["number"] for part in decoded} == {ALICE}
    assert {part["time"] for part in decoded} == {utc}


@given(TEXTS)
@settings(derandomize=True, max_examples=150, deadline=None)
def test_what_another_codec_writes_the_network_reads(text):
    codec = gsmmodem_pdu()
    parts = codec.encodeSmsSubmitPdu(ALICE, text, requestStatusReport=True)
    messages = [pdu.read_submit(bytes(part.data)[1:]) for part in parts]
    assert "".join(message.text for message in messages) == text
    assert all(message.report and message.number == ALICE for message in messages)
    assert [message.part for message in messages] == list(range(1, len(parts) + 1))


def test_a_report_is_read_by_another_codec(bench):
    codec = gsmmodem_pdu()
    utc = bench.network.utc
    submitted = pdu.Message(ALICE, "x", reference=7)
    report = codec.decodeSmsPdu("00" + pdu.write_report(submitted, utc, utc, -14, 0x41).hex())
    assert (report["type"], report["reference"], report["status"]) == ("SMS-STATUS-REPORT", 7, 0x41)
    assert report["time"] == utc.replace(microsecond=0)


@given(st.binary(max_size=60))
@settings(derandomize=True, max_examples=300, deadline=None)
def test_bytes_that_are_no_message_are_refused_cleanly(data):
    for read in (pdu.read_submit, pdu.read_incoming):
        try:
            read(data)
        except pdu.BadPduError:
            continue


def test_what_gammu_wrote_is_read():
    """Taken from gammu 1.42: seven bits with braces, and UCS-2."""
    seven_bit = pdu.read_submit(bytes.fromhex("11000B913316325476F80000FF0DC2B75BFDAECB411B54619302"))
    assert (seven_bit.text, seven_bit.number, seven_bit.report) == ("Bonjour {é}", "+33612345678", False)
    ucs2 = bytes.fromhex("11000B913316325476F80008FF18004400E9007400720065007300730065002000EA002000E7")
    assert pdu.read_submit(ucs2).text == "Détresse ê ç"
    assert pdu.read_submit(bytes([0x31]) + ucs2[1:]).report

"""Voice calls over AT commands, against a scripted modem."""

from __future__ import annotations

import pytest
from dati import modem as md
from scripted_modem import NUMBER, OK, Bench, clcc


@pytest.fixture
def bench():
    return Bench(on=True).start()


def calling(bench):
    bench.script.answers["AT+CLCC"] = clcc(2) + OK
    assert bench.modem.dial(NUMBER, bench.t_ms)
    assert bench.modem.call_state == md.DIALING
    assert not bench.modem.dial(NUMBER, bench.t_ms)
    assert bench.since(300)[:1] == ["ATD+33611111111;"]


def test_ok_is_not_answered(bench):
    calling(bench)
    bench.run(5000)
    assert bench.of("call") == [(md.DIALING, "")]
    bench.script.answers["AT+CLCC"] = clcc(3) + OK
    bench.run(2500)
    assert bench.of("call")[-1] == (md.ALERTING, "")
    bench.script.answers["AT+CLCC"] = clcc(0) + OK
    bench.run(2500)
    assert bench.of("call")[-1] == (md.ACTIVE, "")
    bench.say(b"\r\r\n+RXDTMF: 1\r\r\n\r\n+DTMF: #\r\n\r\n+DTMF: 12\r\n")
    assert bench.of("dtmf") == [("1",), ("#",)]
    bench.say(b"\r\nVOICE CALL: END: 000017\r\n\r\nNO CARRIER\r\n")
    assert bench.of("call")[-1] == (md.IDLE, "ended")
    assert len(bench.of("call")) == 4


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"\r\nBUSY\r\n", "busy"),
        (b"\r\nNO ANSWER\r\n", "no_answer"),
        (b"\r\nNO CARRIER\r\n", "no_carrier"),
        (b"\r\nVOICE CALL: END\r\n", "no_carrier"),
        (clcc(6) + b"\r\nBUSY\r\n", "busy"),
    ],
)
def test_why_a_call_failed(bench, said, reason):
    calling(bench)
    bench.say(said)
    assert bench.of("call")[-1] == (md.IDLE, reason)
    assert bench.modem.call_state == md.IDLE


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"\r\nNO CARRIER\r\n", "no_carrier"),
        (b"\r\nBUSY\r\n", "busy"),
        (b"\r\n+CME ERROR: 30\r\n", "error"),
        (b"\r\nERROR\r\n", "error"),
    ],
)
def test_a_call_refused_at_once(bench, said, reason):
    bench.script.answers["ATD"] = said
    assert bench.modem.dial(NUMBER, bench.t_ms)
    bench.run(500)
    assert bench.of("call") == [(md.DIALING, ""), (md.IDLE, reason)]


def test_a_call_that_vanishes_without_a_word_is_noticed(bench):
    calling(bench)
    bench.say(b"\r\nVOICE CALL: BEGIN\r\n")
    bench.script.answers["AT+CLCC"] = OK
    bench.run(7000)
    assert bench.of("call")[-1] == (md.IDLE, "ended")


def test_hanging_up(bench):
    calling(bench)
    bench.script.answers["AT+CHUP"] = b"\r\nVOICE CALL: END\r\n" + OK
    bench.modem.hang_up(bench.t_ms)
    assert "AT+CHUP" in bench.since(300)
    assert bench.of("call")[-1] == (md.IDLE, "")
    assert bench.modem.dial(NUMBER, bench.t_ms)


def test_messages_wait_for_the_call_and_calls_for_the_message(bench):
    calling(bench)
    assert bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    bench.say(b'\r\n+CMTI: "SM",0\r\n')
    bench.run(5000)
    assert bench.of("sms_sent") == []
    assert "AT+CMGR=0" not in bench.script.commands
    bench.say(b"\r\nBUSY\r\n")
    assert bench.of("sms_sent") == [(True, 1)]
    assert "AT+CMGR=0" in bench.script.commands

    bench.script.answers["AT+CMGS"] = b""  # no prompt yet
    bench.modem.send_sms(NUMBER, "ê" * 80, bench.t_ms)
    bench.run(500)
    assert bench.modem.dial(NUMBER, bench.t_ms)
    bench.script.answers["AT+CMGS"] = b"\r\n> "
    bench.script._wants = -1
    commands = bench.script.commands
    del commands[:]
    bench.say(b"\r\n> ")
    bench.run(500)
    assert [text[:7] for text in commands if text[:7] in ("AT+CMGS", "ATD+336")] == ["AT+CMGS", "ATD+336"]


def test_the_link_goes_on_beside_a_call(bench):
    calling(bench)
    bench.modem.open("c.fr", 1000, bench.t_ms)
    bench.modem.send(b"frame", bench.t_ms)
    bench.run(500)
    assert bench.of("sent") == [(True,)]


RING = b'\r\nRING\r\n\r\n+CLIP: "+33622222222",145,,,,0\r\n'


def test_an_incoming_call_is_told_and_not_answered(bench):
    bench.say(RING)
    bench.run(5900)
    bench.say(RING)
    assert bench.of("call") == [(md.RINGING, "")]
    assert bench.modem.calls.caller == "+33622222222"
    bench.run(10000)
    assert bench.of("call")[-1] == (md.IDLE, "no_answer")
    assert "ATA" not in bench.script.commands


def test_an_incoming_call_is_answered_where_the_owner_wants_it(bench):
    bench.modem.calls.auto_answer = True
    bench.script.answers["ATA"] = b"\r\nVOICE CALL: BEGIN\r\n" + OK
    bench.script.answers["AT+CLCC"] = clcc(0, incoming=1) + OK
    bench.say(RING)
    assert bench.of("call") == [(md.RINGING, ""), (md.ACTIVE, "")]
    bench.run(6000)
    assert bench.modem.call_state == md.ACTIVE


def test_a_ringing_telephone_holds_up_no_alarm(bench):
    bench.say(RING)
    assert bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    bench.run(300)
    assert bench.of("sms_sent") == [(True, 1)]
    bench.say(RING)
    assert bench.modem.dial(NUMBER, bench.t_ms)
    commands = bench.since(300)
    assert commands.index("AT+CHUP") < commands.index("ATD+33611111111;")

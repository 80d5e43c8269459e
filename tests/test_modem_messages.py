"""Short messages over AT commands, against a scripted modem."""

from __future__ import annotations

import pytest
from dati import modem as md
from dati import sms
from scripted_modem import NUMBER, OK, Bench, inbox, incoming, report


@pytest.fixture
def bench():
    return Bench(on=True).start()


def test_a_message_goes_out_and_its_report_comes_back(bench):
    assert bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    assert not bench.modem.send_sms(NUMBER, "another", bench.t_ms)
    bench.run(500)
    octets, pdu = sms.submit(NUMBER, "ALARME", True)
    assert f"AT+CMGS={octets}" in bench.script.commands
    assert bench.script.payloads == [pdu.encode() + b"\x1a"]
    assert bench.of("sms_sent") == [(True, 1)]
    assert bench.of("sms_report") == []
    bench.say(b"\r\n+CDS: 25\r\n" + report(1) + b"\r\n")
    assert bench.of("sms_report") == [(1, True)]


REPORTS = [(0, [(1, True)]), (1, []), (0x30, []), (0x46, [(1, False)]), (0x62, [(1, False)])]


@pytest.mark.parametrize(("status", "told"), REPORTS)
def test_what_a_report_says(bench, status, told):
    bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    bench.run(200)
    bench.say(b"\r\n+CDS: 25\r\n" + report(9) + b"\r\n")  # of somebody else's
    bench.say(b"\r\n+CDS: 25\r\n" + report(1, status) + b"\r\n")
    assert bench.of("sms_report") == told


def test_a_long_message_is_delivered_when_all_its_parts_are(bench):
    bench.modem.send_sms(NUMBER, "ê" * 140, bench.t_ms)
    bench.run(500)
    assert len(bench.script.payloads) == 3
    assert bench.of("sms_sent") == [(True, 1)]
    for reference in (2, 1):
        bench.say(b"\r\n+CDS: 25\r\n" + report(reference) + b"\r\n")
        assert bench.of("sms_report") == []
    bench.say(b"\r\n+CDS: 25\r\n" + report(3) + b"\r\n")
    bench.say(b"\r\n+CDS: 25\r\n" + report(3) + b"\r\n")
    assert bench.of("sms_report") == [(1, True)]


def test_a_sim_that_is_still_being_read_is_waited_for(bench):
    bench.script.answers["AT+CMGS"] = b"\r\n+CMS ERROR: 314\r\n"
    bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    bench.run(2500)
    assert bench.of("sms_sent") == []
    assert len([text for text in bench.script.commands if text.startswith("AT+CMGS")]) == 3
    bench.script.answers["AT+CMGS"] = b"\r\n> "
    bench.say(b"\r\nSMS DONE\r\n")
    bench.run(300)
    assert bench.of("sms_sent") == [(True, 1)]


def test_a_sim_that_stays_busy_is_given_up_in_time(bench):
    bench.script.answers["AT+CMGS"] = b"\r\n+CMS ERROR: 314\r\n"
    bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    bench.run(59000)
    assert bench.of("sms_sent") == []
    bench.run(3000)
    assert bench.of("sms_sent") == [(False, -1)]


def test_one_lost_part_fails_the_whole(bench):
    bench.modem.send_sms(NUMBER, "ê" * 140, bench.t_ms)
    bench.run(500)
    for reference, status in ((1, 0), (2, 0x46), (3, 0)):
        bench.say(b"\r\n+CDS: 25\r\n" + report(reference, status) + b"\r\n")
    assert bench.of("sms_report") == [(1, False)]


def test_a_message_that_is_refused_or_unheard_has_failed(bench):
    bench.script.answers["AT+CMGS"] = b"\r\n+CMS ERROR: 331\r\n"
    bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    bench.run(500)
    assert bench.of("sms_sent") == [(False, -1)]
    bench.script.answers["AT+CMGS"] = b""
    bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    bench.run(61000)
    assert bench.of("sms_sent") == [(False, -1)] * 2
    assert bench.modem.state == md.READY
    bench.script.answers["AT+CMGS"] = b"\r\n> "
    assert bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    bench.run(500)
    assert bench.of("sms_sent")[-1] == (True, 1)


def test_a_message_without_a_sim_fails_in_bounded_time():
    bench = Bench(on=True)
    bench.script.answers["AT+CPIN?"] = b"\r\n+CME ERROR: 10\r\n"
    bench.start()
    assert bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    bench.run(61000)
    assert bench.of("sms_sent") == [(False, -1)]


@pytest.mark.parametrize("number", ["", "12a", '1"', "+33 6", "ATZ"])
def test_what_is_no_number_is_not_accepted(bench, number):
    assert not bench.modem.send_sms(number, "ALARME", bench.t_ms)
    assert not bench.modem.dial(number, bench.t_ms)


def test_a_text_of_too_many_parts_is_not_accepted(bench):
    assert not bench.modem.send_sms(NUMBER, "a" * (153 * 8 + 1), bench.t_ms)
    assert bench.modem.send_sms(NUMBER, "a" * (153 * 8), bench.t_ms)


def test_what_lay_on_the_sim_is_read_and_deleted():
    bench = Bench(on=True)
    places = inbox(bench, *incoming("OK 42"), *incoming("ê" * 100)[::-1], "00GG", *incoming("bye"))
    bench.start()
    assert bench.of("sms") == [(NUMBER, "OK 42"), (NUMBER, "ê" * 100), (NUMBER, "bye")]
    assert bench.modem.messages.refused <= 1
    assert list(places) in ([], [3])


def test_more_than_can_be_remembered_is_read_in_the_end():
    bench = Bench(on=True)
    places = inbox(bench, *[pdu for i in range(40) for pdu in incoming(f"message {i}")])
    bench.start()
    bench.modem.may_sleep = False
    bench.run(100000)
    assert bench.of("sms") == [(NUMBER, f"message {i}") for i in range(40)]
    assert places == {}


def test_a_message_is_announced_read_and_deleted(bench):
    places = inbox(bench, *incoming("OK 42"))
    bench.say(b'\r\n+CMTI: "SM",0\r\n')
    assert bench.of("sms") == [(NUMBER, "OK 42")]
    assert places == {}


def test_a_message_whose_announcement_was_lost_is_found(bench):
    inbox(bench, *incoming("OK 42"))
    bench.modem.may_sleep = False
    bench.run(31000)
    assert bench.of("sms") == [(NUMBER, "OK 42")]


def test_a_message_that_could_not_be_read_is_not_deleted_but_read_later(bench):
    places = inbox(bench, *incoming("OK 42"))
    read = bench.script.answers["AT+CMGR"]
    bench.script.answers["AT+CMGR"] = b"\r\n+CMGR: 1,,30\r\n\xff\xff\r\n" + OK
    bench.say(b'\r\n+CMTI: "SM",0\r\n')
    assert list(places) == [0]
    places[0][1] = b"1"
    bench.script.answers["AT+CMGR"] = read
    bench.modem.may_sleep = False
    bench.run(31000)
    assert bench.of("sms") == [(NUMBER, "OK 42")]
    assert places == {}


def test_parts_of_several_senders_are_kept_apart_and_bounded(bench):
    first, second = incoming("a" * 200, group=1), incoming("b" * 200, group=2)
    for group in range(3, 20):
        second[:0] = incoming("c" * 200, group)[:1]
    for pdu in second + first:
        bench.say(b"\r\n+CMT: ,159\r\n" + pdu.encode() + b"\r\n")
    assert bench.of("sms") == [(NUMBER, "b" * 200), (NUMBER, "a" * 200)]
    assert len(bench.modem.messages._groups) <= 3


def test_a_report_kept_on_the_sim_is_read(bench):
    bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    bench.run(200)
    places = inbox(bench, report(1).decode())
    bench.say(b'\r\n+CDSI: "SM",0\r\n')
    assert bench.of("sms_report") == [(1, True)]
    assert places == {}

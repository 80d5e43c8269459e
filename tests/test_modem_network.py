"""Registration, time, the receiver of satellites and sleep of the modem, against a scripted modem."""

from __future__ import annotations

import pytest
from dati.clock import seconds
from scripted_modem import NMEA, NUMBER, OK, Bench, inbox, incoming, report


@pytest.fixture
def bench():
    return Bench(on=True).start()


# --- the network ---


@pytest.mark.parametrize(
    ("creg", "cereg", "registration"),
    [(1, 1, 1), (0, 5, 5), (1, 3, 1), (6, 2, 6), (3, 2, 3), (0, 11, 11), (2, 0, 2), (6, 3, 6), (7, 1, 1)],
)
def test_the_better_registration_counts(bench, creg, cereg, registration):
    bench.say(b"\r\n+CREG: %d\r\n\r\n+CEREG: %d\r\n" % (creg, cereg))
    assert bench.modem.registration == registration
    assert bench.modem.registered == (registration in (1, 5))
    assert bench.modem.sms_only == (registration in (6, 7))
    assert bench.modem.denied == (registration == 3)


def test_registration_in_every_form(bench):
    for line, stat in (
        (b'+CREG: 2,"00D5","80D413D",7', 2),  # unasked, with the place
        (b'+CREG: 2,5,"00D5","80D413D",7', 5),  # asked
        (b"+CREG: 0,3", 3),
        (b"+CREG: 1", 1),
    ):
        bench.say(b"\r\n+CEREG: 0\r\n\r\n" + line + b"\r\n")
        assert bench.modem.registration == stat


@pytest.mark.parametrize(("rssi", "dbm"), [(0, -113), (20, -73), (31, -51), (99, 0), (199, 0)])
def test_signal(bench, rssi, dbm):
    bench.say(b"\r\n+CSQ: %d,99\r\n" % rssi)
    assert bench.modem.signal_dbm == dbm


def test_registration_and_signal_are_polled(bench):
    bench.modem.may_sleep = False
    bench.script.answers["AT+CEREG?"] = bench.script.answers["AT+CREG?"] = b"\r\n+CEREG: 1,3\r\n" + OK
    bench.script.answers["AT+CSQ"] = b"\r\n+CSQ: 99,99\r\n" + OK
    commands = bench.since(61000)
    assert commands.count("AT+CSQ") == 2
    assert bench.modem.signal_dbm == 0


@pytest.mark.parametrize(
    ("line", "utc"),
    [
        ('+CCLK: "26/11/22,09:38:50+04"', (2026, 11, 22, 8, 38, 50)),
        ('+CCLK: "26/01/01,00:15:00+08"', (2025, 12, 31, 22, 15, 0)),
        ('+CCLK: "26/11/22,03:38:50-20"', (2026, 11, 22, 8, 38, 50)),
        ('+CTZV: +4,"26/11/22,08:38:50"', (2026, 11, 22, 8, 38, 50)),
    ],
)
def test_the_networks_time(bench, line, utc):
    bench.listener.told.clear()
    bench.say(f"\r\n{line}\r\n".encode())
    assert bench.of("network_time") == [(seconds(*utc),)]


@pytest.mark.parametrize(
    "line",
    [
        '+CCLK: "14/01/01,00:00:15+00"',
        '+CCLK: "70/01/01,00:00:15+00"',
        '+CCLK: "80/01/06,00:00:15+00"',
        '+CCLK: "26/13/22,09:38:50+04"',
        '+CCLK: "26/11/22,25:38:50+04"',
        '+CCLK: ""',
        "+CTZV: +4",
        '+CCLK: "a/b/c,d:e:f+g"',
    ],
)
def test_an_implausible_time_is_refused_and_asked_again(line):
    bench = Bench(on=True)
    bench.script.answers["AT+CCLK?"] = f"\r\n{line}\r\n".encode() + OK
    bench.start()
    bench.modem.may_sleep = False
    assert bench.of("network_time") == []
    assert "AT+CCLK?" in bench.since(40000)


# --- satellites ---


def test_sentences_of_the_a76xx(bench):
    bench.modem.gnss(True, bench.t_ms)
    assert bench.since(1000)[-1] == "AT+CGNSSPWR=1"
    assert bench.since(8000) == []
    bench.script.say(b"\r\n+CGNSSPWR: READY!\r\n")
    assert bench.since(100) == ["AT+CGNSSPORTSWITCH=0,1", "AT+CGNSSTST=1"]
    bench.say(NMEA)
    assert bench.of("nmea") == [(NMEA,)]
    bench.run(10000)
    assert bench.modem.busy
    bench.modem.gnss(False, bench.t_ms)
    assert bench.since(100) == ["AT+CGNSSTST=0", "AT+CGNSSPWR=0"]
    bench.run(5000)
    assert bench.modem.sleep


def test_sentences_of_the_sim7600():
    bench = Bench("sim7600", on=True).start()
    bench.modem.gnss(True, bench.t_ms)
    assert bench.since(1000) == ["AT+CGPS=1", "AT+CGPSINFOCFG=1,3"]


def test_a_receiver_with_a_uart_of_its_own_lets_the_modem_sleep(bench):
    bench.modem.nmea_here = False
    bench.modem.gnss(True, bench.t_ms)
    bench.run(300)
    bench.say(b"\r\n+CGNSSPWR: READY!\r\n")
    assert "AT+CGNSSTST=1" not in bench.since(5000)
    assert bench.modem.sleep


def test_a_receiver_is_switched_on_again_after_a_restart(bench):
    bench.modem.gnss(True, bench.t_ms)
    bench.run(300)
    bench.script.commands.clear()
    bench.say(b"\r\n+CGNSSPWR: READY!\r\n")
    bench.say(b"\r\nRDY\r\n")
    bench.run(5000)
    assert bench.script.commands.count("AT+CGNSSPWR=1") == 1


# --- sleep ---


def test_it_sleeps_two_seconds_after_the_last_work_and_wakes_for_work(bench):
    bench.run(10000)
    assert bench.modem.sleep
    assert not bench.modem.busy
    bench.modem.dial("112", bench.t_ms)
    assert bench.modem.busy
    assert not bench.modem.sleep
    assert bench.since(90) == []
    assert bench.since(20)[0] == "ATD112;"
    bench.say(b"\r\nBUSY\r\n")
    bench.run(1500)
    assert not bench.modem.sleep
    bench.run(1000)
    assert bench.modem.sleep


def test_asleep_it_is_asked_rarely(bench):
    bench.run(10000)
    commands = bench.since(3600000)
    assert 11 <= commands.count("AT+CSQ") <= 13
    assert bench.modem.sleep


def test_a_ring_asks_for_what_may_have_been_missed(bench):
    inbox(bench, *incoming("OK 42"))
    bench.run(10000)
    assert bench.modem.sleep
    bench.modem.wake(bench.t_ms)
    assert not bench.modem.sleep
    bench.run(300)
    assert bench.of("sms") == [(NUMBER, "OK 42")]


def test_it_stays_awake_for_a_delivery_report(bench):
    bench.modem.send_sms(NUMBER, "ALARME", bench.t_ms)
    bench.run(50000)
    assert not bench.modem.sleep
    bench.say(b"\r\n+CDS: 25\r\n" + report(1) + b"\r\n")
    bench.run(3000)
    assert bench.modem.sleep

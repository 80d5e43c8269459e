"""The modem's TCP connection, against a scripted modem."""

from __future__ import annotations

import pytest
from dati import modem as md
from dati import sockets
from scripted_modem import OK, STEP_MS, Bench, opened


@pytest.fixture
def bench():
    return Bench(on=True).start()


def test_opening_and_sending_take_two_commands(bench):
    bench.run(5000)
    assert bench.modem.sleep
    before = bench.now_ms
    assert bench.modem.open("centre.fr", 7000, bench.t_ms)
    assert bench.modem.send(b"\nframe\r> OK\x1a", bench.t_ms)
    assert not bench.modem.sleep
    bench.script.commands.clear()
    bench.run(1000, lambda: bench.of("sent"))
    assert bench.now_ms - before <= 100 + 2 * STEP_MS
    assert bench.script.commands == ['AT+CIPOPEN=0,"TCP","centre.fr",7000', "AT+CIPSEND=0,12"]
    assert bench.script.payloads == [b"\nframe\r> OK\x1a"]
    assert bench.of("link") == [(md.OPEN, 0)]
    assert bench.of("sent") == [(True,)]


def test_data_come_back_whatever_they_hold(bench):
    opened(bench)
    bench.script.binary = b'\r\nOK\r\n+CMTI: "SM",1\r\n\x00\xff$GP\r\n+IPCLOSE: 0,1\r\n'
    expected = bench.script.binary
    bench.say(b"\r\n+CIPRXGET: 1,0\r\n")
    assert b"".join(data for (data,) in bench.of("data")) == expected
    assert bench.modem.link == md.OPEN


def test_what_came_before_the_other_side_closed_is_read(bench):
    opened(bench)
    bench.script.binary = b"ACK"
    bench.say(b"\r\n+CIPRXGET: 1,0\r\n\r\n+IPCLOSE: 0,1\r\n")
    assert bench.listener.told[-2:] == [("data", b"ACK"), ("link", md.CLOSED, sockets.CLOSED_BY_CENTRE)]
    opened(bench)


def test_closing_and_opening_again(bench):
    opened(bench)
    bench.modem.close(bench.t_ms)
    assert bench.modem.link == md.CLOSED
    assert bench.modem.open("other.fr", 7001, bench.t_ms)
    assert bench.modem.send(b"frame", bench.t_ms)
    commands = [text for text in bench.since(500) if "CIP" in text]
    assert commands == ["AT+CIPCLOSE=0", 'AT+CIPOPEN=0,"TCP","other.fr",7001', "AT+CIPSEND=0,5"]
    assert bench.of("link") == [(md.OPEN, 0), (md.CLOSED, 0), (md.OPEN, 0)]


@pytest.mark.parametrize("error", [1, 4, 5, 10, 11])
def test_a_link_that_cannot_be_opened(bench, error):
    end = b"\r\nERROR\r\n" if error == 4 else b""
    bench.script.answers["AT+CIPOPEN"] = (b"" if end else OK) + b"\r\n+CIPOPEN: 0,%d\r\n" % error + end
    bench.modem.open("centre.fr", 7000, bench.t_ms)
    bench.modem.send(b"frame", bench.t_ms)
    bench.run(500)
    assert bench.of("link") == [(md.CLOSED, error)]
    assert bench.of("sent") == [(False,)]
    assert bench.modem.link == md.CLOSED
    if error == 1:
        assert "AT+NETCLOSE" in bench.script.commands


def test_an_opening_that_never_ends_is_given_up(bench):
    bench.script.answers["AT+CIPOPEN"] = OK
    bench.modem.open("centre.fr", 7000, bench.t_ms)
    bench.run(31000)
    assert bench.of("link") == [(md.CLOSED, sockets.TIMED_OUT)]
    # It may have been opened after all: closed before the next.
    assert "AT+CIPCLOSE=0" in bench.script.commands


@pytest.mark.parametrize("taken", [b"-1", b"0", b"3"])
def test_a_frame_that_was_not_taken_closes_the_link(bench, taken):
    opened(bench)
    bench.script._payload = lambda data: (
        bench.script.say(OK + b"\r\n+CIPSEND: 0,5," + taken + b"\r\n"),
        setattr(bench.script, "_wants", 0),
        setattr(bench.script, "_line", bytearray()),
    )
    bench.modem.send(b"frame", bench.t_ms)
    bench.run(300)
    assert bench.of("sent") == [(False,)]
    assert bench.of("link")[-1] == (md.CLOSED, sockets.NOT_SENT)
    assert bench.script.commands[-1] != "AT+CIPSEND=0,5"


def test_the_network_that_closes_is_opened_again(bench):
    opened(bench)
    bench.say(b"\r\n+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY\r\n")
    assert bench.of("link")[-1] == (md.CLOSED, sockets.NETWORK)
    bench.script.answers["AT+NETCLOSE"] = OK + b"\r\n+NETCLOSE: 0\r\n"
    bench.run(15000)
    assert bench.script.commands.count("AT+NETOPEN") == 2
    opened(bench)


def test_a_network_that_is_open_already_may_hold_a_socket_of_a_former_life():
    bench = Bench(on=True)
    bench.script.answers["AT+NETOPEN"] = b"\r\n+IP ERROR: Network is already opened\r\n\r\nERROR\r\n"
    bench.start()
    assert "AT+CIPCLOSE=0" in bench.script.commands
    opened(bench)


def test_a_network_that_does_not_open_is_tried_ever_more_rarely():
    bench = Bench(on=True)
    bench.script.answers["AT+NETOPEN"] = OK + b"\r\n+NETOPEN: 1\r\n"
    bench.start()
    bench.run(600000)
    assert 5 <= bench.script.commands.count("AT+NETOPEN") <= 9
    bench.script.answers["AT+NETOPEN"] = OK + b"\r\n+NETOPEN: 0\r\n"
    opened(bench)  # at once: somebody wants it


def test_no_network_no_link_in_bounded_time():
    bench = Bench(on=True)
    bench.script.answers["AT+CREG?"] = bench.script.answers["AT+CEREG?"] = b"\r\n+CEREG: 1,2\r\n" + OK
    bench.start()
    assert bench.modem.open("centre.fr", 7000, bench.t_ms)
    bench.run(31000)
    assert bench.of("link") == [(md.CLOSED, sockets.TIMED_OUT)]
    assert "AT+NETOPEN" not in bench.script.commands


ADDRESSES = [("", 1), ('a"b', 1), ("a b", 1), ("a\r", 1), ("é", 1), ("a", 0), ("a", 65536)]


@pytest.mark.parametrize(("host", "port"), ADDRESSES)
def test_what_is_no_address_is_not_accepted(bench, host, port):
    assert not bench.modem.open(host, port, bench.t_ms)


def test_a_frame_needs_a_link_and_a_size(bench):
    assert not bench.modem.send(b"frame", bench.t_ms)
    opened(bench)
    assert not bench.modem.send(b"", bench.t_ms)
    assert not bench.modem.send(b"x" * 1501, bench.t_ms)

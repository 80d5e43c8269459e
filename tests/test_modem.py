"""The modem's power and SIM, against a scripted modem."""

from __future__ import annotations

import pytest
from dati import modem as md
from dati import sockets
from scripted_modem import NUMBER, OK, Bench, Listener


@pytest.fixture
def bench():
    return Bench(on=True).start()


# --- power ---


def test_a_modem_that_is_off_is_switched_on_by_the_key():
    bench = Bench()
    assert not bench.modem.busy
    bench.modem.start(0)
    bench.run(2490)
    assert not bench.modem.power_key
    bench.run(50)
    assert bench.modem.power_key
    bench.run(110)
    assert not bench.modem.power_key
    bench.run(20000, lambda: bench.modem.state == md.READY)
    assert bench.now_ms < 2500 + 11100 + 2500
    assert bench.of("modem") == [(md.STARTING,), (md.READY,)]
    assert bench.modem.restarts == 0
    assert bench.modem.identity == "A7670E-FASE A110B07"


def test_a_modem_that_is_on_is_found_without_touching_the_key():
    bench = Bench(on=True).start()
    assert bench.keys == [False]
    assert bench.script.commands[:2] == ["AT", "ATE0"]
    assert bench.modem.state == md.READY


@pytest.mark.parametrize(("dialect", "held_ms"), [("a76xx", 100), ("sim7600", 500)])
def test_the_key_is_held_as_long_as_the_dialect_wants(dialect, held_ms):
    bench = Bench(dialect)
    bench.modem.start(0)
    bench.run(5000, lambda: bench.modem.power_key)
    began = bench.now_ms
    bench.run(5000, lambda: not bench.modem.power_key)
    assert bench.now_ms - began == held_ms


def test_an_unknown_dialect_is_refused():
    with pytest.raises(ValueError, match="no modem dialect sim800"):
        md.Modem("sim800", Listener())


def test_the_set_up_minds_the_trap_of_cnmi(bench):
    commands = bench.script.commands
    for wanted in ("ATE0", "AT+CTZU=1", "AT+CLCC=1", "AT+CVHU=0", "AT+CSCLK=1", "AT+CMGF=0", "AT+CNMI=1,1,0,1,0"):
        assert commands.count(wanted) == 1
    assert not [text for text in commands if "CGDCONT" in text]
    assert 'AT+CGDCONT=1,"IP","iot.fr"' in Bench(on=True, apn="iot.fr").start().script.commands


def test_where_cnmi_refuses_reports_at_once_they_are_kept_on_the_sim():
    bench = Bench(on=True)
    bench.script.answers["AT+CNMI=1"] = b"\r\nERROR\r\n"
    bench.start()
    assert "AT+CNMI=2,1,0,2,0" in bench.script.commands
    assert bench.script.commands.count("AT+CNMI=1,1,0,1,0") == 1


def test_a_modem_that_falls_silent_is_started_again():
    bench = Bench(on=True).start()
    bench.modem.may_sleep = False
    bench.script.mute = True
    bench.modem.dial(NUMBER, bench.t_ms)
    bench.run(90000, lambda: bench.modem.restarts > 0)
    assert bench.modem.state == md.STARTING
    assert bench.of("call")[-1] == (md.IDLE, "error")
    bench.script.mute = False
    bench.run(60000, lambda: bench.modem.state == md.READY)
    assert bench.modem.restarts == 1


def test_a_dead_modem_is_said_to_be_dead_and_tried_again():
    bench = Bench()
    bench.script.boot_ms = 10**9
    bench.modem.start(0)
    bench.run(200000, lambda: bench.modem.state == md.DEAD)
    assert not bench.modem.power_key
    assert not bench.modem.reset
    assert not bench.modem.busy
    assert not bench.modem.open("c.fr", 1, bench.t_ms)
    starts = bench.modem.restarts
    bench.script.boot_ms = 11100
    bench.script._ready_ms = 0
    bench.run(200000, lambda: bench.modem.state == md.READY)
    assert bench.modem.restarts >= starts
    assert bench.of("modem")[:3] == [(md.STARTING,), (md.DEAD,), (md.STARTING,)]


def test_a_modem_that_restarts_by_itself_is_set_up_again(bench):
    bench.modem.open("c.fr", 1000, bench.t_ms)
    bench.run(500)
    assert bench.modem.link == md.OPEN
    bench.script.commands.clear()
    bench.say(b"\r\nRDY\r\n")
    bench.run(3000)
    assert bench.script.commands[0] == "ATE0"
    assert "AT+CNMI=1,1,0,1,0" in bench.script.commands
    assert "AT+NETOPEN" in bench.script.commands
    assert bench.of("link")[-1] == (md.CLOSED, sockets.MODEM_LOST)
    assert bench.of("modem")[-2:] == [(md.STARTING,), (md.READY,)]


def test_it_is_switched_off_in_good_order(bench):
    bench.run(10000)
    assert bench.modem.sleep
    bench.modem.stop(bench.t_ms)
    assert bench.since(1000) == ["AT+CPOF"]
    assert bench.modem.state == md.OFF
    assert not bench.modem.busy
    bench.modem.stop(bench.t_ms)
    assert bench.modem.state == md.OFF


def test_a_deaf_modem_is_switched_off_by_the_key():
    bench = Bench(on=True).start()
    bench.script.mute = True
    bench.modem.stop(bench.t_ms)
    bench.run(15000, lambda: bench.modem.power_key)
    bench.run(5000, lambda: not bench.modem.power_key)
    assert bench.modem.state == md.OFF


# --- SIM ---


LOCKED = b"\r\n+CPIN: SIM PIN\r\n" + OK


def locked(pin, tries=3, right="1234", spic=True):
    bench = Bench(on=True, pin=pin)
    state = {"open": False}

    def enter(text):
        state["open"] = text == f'AT+CPIN="{right}"'
        return OK + b"\r\n+CPIN: READY\r\n" if state["open"] else b"\r\n+CME ERROR: 16\r\n"

    bench.script.answers = {
        "AT+CPIN?": lambda text: b"\r\n+CPIN: READY\r\n" + OK if state["open"] else LOCKED,
        "AT+CPIN=": enter,
        "AT+SPIC": b"\r\n+SPIC: %d,10,3,10\r\n" % tries + OK if spic else b"\r\nERROR\r\n",
        **{text: said for text, said in bench.script.answers.items() if text != "AT+CPIN?"},
    }
    return bench, state


def entered(bench):
    return [text for text in bench.script.commands if text.startswith("AT+CPIN=")]


@pytest.mark.parametrize("spic", [True, False])
def test_the_pin_is_entered_and_again_after_a_restart(spic):
    bench, state = locked("1234", spic=spic)
    bench.start()
    assert bench.modem.sim == md.SIM_READY
    assert "AT+CMGF=0" in bench.script.commands
    state["open"] = False
    bench.say(b"\r\nRDY\r\n")
    bench.run(5000)
    assert bench.modem.sim == md.SIM_READY
    assert entered(bench) == ['AT+CPIN="1234"'] * 2


def test_a_wrong_pin_is_never_entered_twice():
    bench, _ = locked("9999")
    bench.start()
    assert bench.modem.sim == md.SIM_REFUSED
    for _ in range(3):
        bench.say(b"\r\nRDY\r\n")
        bench.run(70000)
    assert bench.modem.sim == md.SIM_REFUSED
    assert entered(bench) == ['AT+CPIN="9999"']


def test_a_pin_that_was_refused_in_a_former_life_is_not_entered():
    bench, _ = locked("9999", tries=2)
    bench.start()
    assert bench.modem.sim == md.SIM_REFUSED
    assert entered(bench) == []


@pytest.mark.parametrize(
    ("said", "sim"),
    [
        (LOCKED, md.SIM_PIN),
        (b"\r\n+CPIN: SIM PUK\r\n" + OK, md.SIM_PUK),
        (b"\r\n+CME ERROR: 10\r\n", md.SIM_ABSENT),
        (b"\r\n+CME ERROR: 11\r\n", md.SIM_PIN),
        (b"\r\n+CME ERROR: 13\r\n", md.SIM_ABSENT),
    ],
)
def test_what_a_sim_may_be(said, sim):
    bench = Bench(on=True)
    bench.script.answers["AT+CPIN?"] = said
    bench.start()
    assert bench.modem.state == md.READY
    assert bench.modem.sim == sim
    assert "AT+CMGF=0" not in bench.script.commands
    # An emergency call needs no SIM.
    assert bench.modem.dial("112", bench.t_ms)
    assert "ATD112;" in bench.since(500)


def test_a_busy_sim_is_waited_for_and_one_put_in_later_is_set_up():
    bench = Bench(on=True)
    bench.script.answers["AT+CPIN?"] = b"\r\n+CME ERROR: 14\r\n"
    bench.start()
    assert bench.modem.sim == md.SIM_UNKNOWN
    bench.run(40000)
    assert bench.modem.sim == md.SIM_ABSENT
    bench.say(b"\r\n+CPIN: READY\r\n")
    bench.run(1000)
    assert bench.modem.sim == md.SIM_READY
    assert "AT+CMGF=0" in bench.script.commands

"""Remote commands: whose count, which are fresh, and why the others are not taken."""

from __future__ import annotations

import pytest
from dati import commands
from dati.commands import Commands, has_code, same_number
from dati.plan import Plan
from hypothesis import given, settings
from hypothesis import strategies as st

ANNE = "+33611111111"
PLAN = Plan({"contacts": [{"name": "Anne", "number": ANNE}], "code": "4821"})


@pytest.mark.parametrize(
    ("word", "verb"),
    [
        ("ACK", "ACK"),
        ("ack", "ACK"),
        ("Acquitter", "ACK"),
        ("CLEAR", "CLEAR"),
        ("fin", "CLEAR"),
        ("LOCATE", "LOCATE"),
        ("Position", "LOCATE"),
        ("STATUS", "STATUS"),
        ("etat", "STATUS"),
        ("TEST", "TEST"),
        ("CHECK", "CHECK"),
        ("vie", "CHECK"),
    ],
)
@pytest.mark.parametrize("source", [ANNE, "0611111111", "0033611111111", commands.CENTRE])
def test_a_command_from_whom_may_give_it_is_taken(word, verb, source):
    taken = Commands(PLAN)
    assert taken.take(f" 4821  17\n{word} ", source, True) == verb
    assert taken.counter == 17
    assert taken.reason == ""


@pytest.mark.parametrize(
    ("text", "source", "reason"),
    [
        ("", ANNE, commands.NO_COMMAND),
        ("bonjour", ANNE, commands.NO_COMMAND),
        ("4821 ACK", ANNE, commands.NO_COMMAND),
        ("4821 17 ACK please", ANNE, commands.NO_COMMAND),
        ("4821 -17 ACK", ANNE, commands.NO_COMMAND),
        ("4821 1e3 ACK", ANNE, commands.NO_COMMAND),
        ("4821 9999999999 ACK", ANNE, commands.NO_COMMAND),
        ("4821 17 ACK", "+33622222222", commands.NUMBER),
        ("4821 17 ACK", "", commands.NUMBER),
        ("4821 17 ACK", "611111111", ""),
        ("4821 17 ACK", "11111111", commands.NUMBER),
        ("0000 17 ACK", ANNE, commands.CODE),
        ("04821 17 ACK", ANNE, commands.CODE),
        ("4821 10 ACK", ANNE, commands.COUNTER),
        ("4821 9 ACK", ANNE, commands.COUNTER),
        ("4821 17 REBOOT", ANNE, commands.VERB),
    ],
)
def test_what_is_not_taken_has_a_reason_and_leaves_the_counter(text, source, reason):
    taken = Commands(PLAN)
    taken.counter = 10
    assert (taken.take(text, source, True) == "") == (reason != "")
    assert taken.reason == reason
    assert taken.counter == (10 if reason else 17)


def test_the_place_is_told_only_in_an_alarm_or_test():
    taken = Commands(PLAN)
    assert taken.take("4821 1 LOCATE", ANNE, False) == ""
    assert taken.reason == commands.NOT_NOW
    assert taken.take("4821 1 LOCATE", ANNE, True) == "LOCATE"


def test_a_message_delivered_twice_does_nothing_the_second_time():
    taken = Commands(PLAN)
    assert taken.take("4821 5 CLEAR", ANNE, True)
    assert not taken.take("4821 5 CLEAR", ANNE, True)
    assert not taken.take("4821 4 CLEAR", commands.CENTRE, True)
    assert taken.take("4821 6 CLEAR", commands.CENTRE, True)


def test_without_a_code_in_the_settings_nobody_commands():
    taken = Commands(Plan({"contacts": [{"name": "Anne", "number": ANNE}]}))
    assert taken.take("4821 1 ACK", ANNE, True) == ""
    assert taken.reason == commands.NO_CODE


def test_who_is_not_listed_does_not_command_though_he_is_a_contact():
    taken = Commands(Plan({"contacts": [{"name": "Anne", "number": ANNE}], "code": "4821", "authorised": []}))
    assert taken.take("4821 1 ACK", ANNE, True) == ""
    assert taken.reason == commands.NUMBER


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=200), st.sampled_from([ANNE, "", "centre", "inconnu"]))
def test_any_text_is_survived(text, source):
    taken = Commands(PLAN)
    verb = taken.take(text, source, True)
    assert verb in ("", "ACK", "CLEAR", "LOCATE", "STATUS", "TEST", "CHECK")
    assert bool(verb) != bool(taken.reason)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+33611111111", "0611111111", True),
        ("+33611111111", "0033 6 11 11 11 11", True),
        ("+33611111111", "+33611111112", False),
        ("112", "112", True),
        ("112", "0112", False),
        ("36665", "+33936665", False),
        ("", "", False),
        ("Orange", "Orange", False),
    ],
)
def test_numbers_are_compared_whatever_their_form(one, other, same):
    assert same_number(one, other) == same
    assert same_number(other, one) == same


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("4821", True),
        ("ok 4821.", True),
        ("J'arrive:4821", True),
        ("4 821", False),
        ("48210", False),
        ("14821", False),
        ("", False),
        ("ok", False),
    ],
)
def test_the_code_must_stand_alone(text, there):
    assert has_code(text, "4821") == there
    assert not has_code(text, "")

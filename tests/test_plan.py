"""The plan and the settings file: what is accepted, what is refused, and what the refusal says."""

from __future__ import annotations

import json

import pytest
from dati.plan import MOST_CONTACTS, Plan, load
from dati.settings import SettingsError

ANNE = {"name": "Anne", "number": "+33611111111"}
HOST = {"host": "centre.example", "port": 9999, "account": "12aB"}


def refusal(act, *args) -> str:
    with pytest.raises(SettingsError) as caught:
        act(*args)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_an_empty_plan_is_accepted_but_not_for_duty():
    for plan in (Plan(), Plan({}), Plan(None)):
        assert plan.stages() == []
        assert "nobody can be reached" in plan.missing()
        assert plan.centre is None
        assert plan.language == "fr"


def test_one_way_to_reach_somebody_and_a_name_are_enough_for_duty():
    assert Plan({"worker": "Jean", "contacts": [ANNE]}).missing() == ""
    assert Plan({"worker": "Jean", "centre": HOST}).missing() == ""
    assert "worker" in Plan({"contacts": [ANNE]}).missing()


@pytest.mark.parametrize(
    "values",
    [
        {"contacts": [ANNE], "steps": ["centre"]},
        {"centre": HOST, "steps": ["sms", "voice"]},
        {"contacts": [{**ANNE, "sms": False}], "steps": ["sms"]},
        {"contacts": [ANNE], "steps": []},
    ],
)
def test_a_step_that_reaches_nobody_is_no_way(values):
    assert "nobody can be reached" in Plan({"worker": "Jean", **values}).missing()


def test_stages_follow_the_steps_and_the_contacts():
    contacts = [ANNE, {"name": "Bruno", "number": "112", "sms": False}, {**ANNE, "name": "Cleo", "voice": False}]
    plan = Plan({"centre": HOST, "contacts": contacts, "steps": ["voice", "centre", "sms"]})
    assert plan.stages() == [("voice", 0), ("voice", 1), ("centre", -1), ("sms", 0), ("sms", 2)]


def test_who_may_command_are_the_contacts_and_the_centre_unless_listed():
    plan = Plan({"contacts": [ANNE], "centre_number": "+33100000000"})
    assert plan.authorised == ["+33611111111", "+33100000000"]
    assert Plan({"contacts": [ANNE], "authorised": []}).authorised == []
    assert Plan({"contacts": [ANNE], "authorised": ["0612345678"]}).authorised == ["0612345678"]


def test_keys_in_both_encodings():
    assert Plan({"centre": HOST}).centre.key == b""
    assert Plan({"centre": {**HOST, "key": "A" * 16}}).centre.key == b"A" * 16
    assert Plan({"centre": {**HOST, "key": "0aFf" * 8, "key_encoding": "hex"}}).centre.key == b"\x0a\xff" * 8
    for length in (16, 24, 32):
        assert len(Plan({"centre": {**HOST, "key": "k" * length}}).centre.key) == length
        assert len(Plan({"centre": {**HOST, "key": "4b" * length, "key_encoding": "hex"}}).centre.key) == length


@pytest.mark.parametrize(
    ("key", "encoding"),
    [("k" * 15, "ascii"), ("k" * 33, "ascii"), ("é" * 16, "ascii"), ("4" * 33, "hex"), ("4g" * 16, "hex"), (7, "hex")],
)
def test_a_key_is_refused_without_being_repeated(key, encoding):
    message = refusal(Plan, {"centre": {**HOST, "key": key, "key_encoding": encoding}})
    assert message.startswith("centre.key")
    assert str(key) not in message or key == 7


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"devise": "x"}, ["plan.devise", "device"]),
        ({"device": ""}, ["device = ''", "1 to 12"]),
        ({"device": "D 42"}, ["device = 'D 42'", "letters"]),
        ({"device": 42}, ["device = 42"]),
        ({"worker": "J" * 31}, ["worker", "30"]),
        ({"worker": "Jean\n"}, ["worker"]),
        ({"language": "de"}, ["language = 'de'", "fr, en"]),
        ({"language": None}, ["language = None", "fr, en"]),
        ({"apn": 'a"b'}, ["apn = ", "63"]),
        ({"pin": "123"}, ["pin = '123'", "4 to 8"]),
        ({"pin": "12a4"}, ["pin = '12a4'"]),
        ({"pin": 1234}, ["pin = 1234"]),
        ({"code": "12"}, ["code = '12'", "4 to 8"]),
        ({"code": "123456789"}, ["code"]),
        ({"centre": "host"}, ["centre = 'host'", "host"]),
        ({"centre": {}}, ["centre.host = None"]),
        ({"centre": {**HOST, "host": 'a",9,"'}}, ["centre.host"]),
        ({"centre": {**HOST, "port": 0}}, ["centre.port = 0", "1 to 65535"]),
        ({"centre": {**HOST, "port": True}}, ["centre.port = True"]),
        ({"centre": {**HOST, "port": "9999"}}, ["centre.port = '9999'"]),
        ({"centre": {**HOST, "account": "12"}}, ["centre.account = '12'", "3 to 16"]),
        ({"centre": {**HOST, "account": "12G4"}}, ["centre.account = '12G4'"]),
        ({"centre": {**HOST, "receiver": ""}}, ["centre.receiver = ''", "1 to 6"]),
        ({"centre": {**HOST, "prefix": "1234567"}}, ["centre.prefix = '1234567'"]),
        ({"centre": {**HOST, "key_encoding": "base64"}}, ["centre.key_encoding = 'base64'", "ascii, hex"]),
        ({"centre": {**HOST, "path": 1}}, ["centre.path", "account"]),
        ({"centre_number": "+33 6"}, ["centre_number = '+33 6'"]),
        ({"contacts": ANNE}, ["contacts = ", "list"]),
        ({"contacts": [ANNE] * (MOST_CONTACTS + 1)}, ["contacts = ", str(MOST_CONTACTS)]),
        ({"contacts": [ANNE, {"number": "+33611111111"}]}, ["contacts[1].name = None"]),
        ({"contacts": [{**ANNE, "number": "0612;+1"}]}, ["contacts[0].number = '0612;+1'", "+33612345678"]),
        ({"contacts": [{**ANNE, "number": ""}]}, ["contacts[0].number = ''"]),
        ({"contacts": [{**ANNE, "number": 611111111}]}, ["contacts[0].number = 611111111"]),
        ({"contacts": [{**ANNE, "sms": 1}]}, ["contacts[0].sms = 1", "true or false"]),
        ({"contacts": [{**ANNE, "sms": False, "voice": False}]}, ["contacts[0]", "at least one"]),
        ({"contacts": ["Anne"]}, ["contacts[0] = 'Anne'"]),
        ({"authorised": "112"}, ["authorised = '112'", "list"]),
        ({"authorised": ["112", "x"]}, ["authorised[1] = 'x'"]),
        ({"steps": ["sms", "sms"]}, ["steps = ", "at most once"]),
        ({"steps": ["fax"]}, ["steps = ", "centre, sms, voice"]),
        ({"steps": "sms"}, ["steps = 'sms'"]),
    ],
)
def test_what_is_wrong_is_named_with_what_is_permitted(values, parts):
    message = refusal(Plan, values)
    for part in parts:
        assert part in message


def test_a_settings_file_gives_settings_and_plan():
    document = {"format": 1, "settings": {"rate_hz": 100}, "plan": {"worker": "Jean", "contacts": [ANNE]}}
    settings, plan = load(json.loads(json.dumps(document)))
    assert settings.rate_hz == 100
    assert plan.contacts[0].name == "Anne"
    settings, plan = load({"format": 1})
    assert settings.rate_hz == 50
    assert plan.missing()


@pytest.mark.parametrize(
    ("document", "parts"),
    [
        ([], ["no settings file"]),
        ({}, ['no "format"']),
        ({"format": 2}, ["another version", "format 2", "reads 1"]),
        ({"format": "1"}, ["format '1'"]),
        ({"format": True}, ["format True"]),
        ({"format": 1, "plans": {}}, ["plans: unknown", "plan"]),
        ({"format": 1, "settings": []}, ["settings = []"]),
        ({"format": 1, "settings": {"rate_hz": 1}}, ["rate_hz = 1"]),
        ({"format": 1, "plan": []}, ["plan = []"]),
    ],
)
def test_a_file_that_is_none_or_another_versions_is_refused_in_one_line(document, parts):
    message = refusal(load, document)
    for part in parts:
        assert part in message

"""Who is told what, when, by which channel, and again: the outbox against a scripted modem, centre and people."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from dati import dc09, supervision, texts
from dati.centre import CLOSED, OPEN, OPENING
from dati.clock import Clock, seconds
from dati.events import FALL, IMMOBILITY, VOLUNTARY
from dati.outbox import Outbox
from dati.people import CALL_ACTIVE, CALL_ALERTING, CALL_IDLE
from dati.plan import Plan
from dati.record import MOST_NOTICES, QUIET, RAISED, Record
from dati.settings import Settings
from dati.ticks import MASK, ticks_add, ticks_diff
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent
NOW = seconds(2026, 11, 22, 14, 32, 5)
STEP_MS = 50
KEY = "0123456789abcdef"

ANNE = {"name": "Anne", "number": "+33611111111"}
BRUNO = {"name": "Bruno", "number": "+33622222222"}
HOST = {"host": "centre.example", "port": 9999, "account": "1234"}
CENTRE = {"worker": "Jean", "centre": HOST, "code": "4821"}
BOTH = {**CENTRE, "contacts": [ANNE, BRUNO]}
PEOPLE = {"worker": "Jean", "contacts": [ANNE, BRUNO], "code": "4821"}


def xor(key, data, encrypt):
    """No AES, but a cipher that needs its key."""
    return bytes(byte ^ key[i % len(key)] for i, byte in enumerate(data))


class World:
    """Modem, network, centre and people; virtual milliseconds from a tick that soon wraps."""

    def __init__(self, plan, tunables=None, clock_set=True, start_ms=MASK - 20000):
        self.plan = Plan(plan)
        self.settings = Settings(tunables or {})
        self.begin_ms = self.t_ms = start_ms
        self.clock = Clock()
        if clock_set:
            self.clock.set(NOW, start_ms)
        self.due: list[tuple[int, int, object]] = []
        self.count = 0
        self.drawn = 0
        # the modem
        self.registered = True
        self.sms_only = False
        self.link = CLOSED
        self.calling = False
        # what the world does
        self.sms_ok = lambda number: True
        self.sms_takes_ms = 3000
        self.report = lambda number: None
        self.call = lambda number: "no_answer"
        self.centre = lambda frame: "ack"
        self.connects = True
        self.riding = b""
        self.owner_acts = True
        # what was seen
        self.sms: list[tuple[int, str, str]] = []
        self.frames: list[tuple[int, str, int, str]] = []
        self.calls: list[tuple[int, str]] = []
        self.heard: list[tuple] = []
        self.blob = b""
        self.make()

    def make(self):
        self.box = Outbox(self.settings, self.plan, self, self.clock, self, xor, self.random)
        self.box.facts.battery_percent = 78

    def random(self, count):
        self.drawn += 1
        return bytes((self.drawn * 37 + i * 11) & 255 for i in range(count))

    @property
    def at_s(self):
        return ticks_diff(self.t_ms, self.begin_ms) / 1000

    def after(self, delay_ms, act):
        self.count += 1
        self.due.append((ticks_diff(self.t_ms, self.begin_ms) + delay_ms, self.count, act))

    def run(self, span_ms):
        for _ in range(span_ms // STEP_MS):
            self.t_ms = ticks_add(self.t_ms, STEP_MS)
            now = ticks_diff(self.t_ms, self.begin_ms)
            for entry in sorted(e for e in self.due if e[0] <= now):
                self.due.remove(entry)
                entry[2]()
            self.box.tick(self.t_ms)
            self.keep()

    def keep(self):
        if self.box.changed:
            self.box.changed = False
            self.blob = self.box.save()

    def reset(self):
        """The device restarts: all that was under way in the modem is lost, what was saved is there."""
        self.due.clear()
        self.link = CLOSED
        self.calling = False
        self.make()
        if self.blob:
            assert self.box.restore(self.blob, self.t_ms)

    def alarm(self, causes=FALL, number=1, test=False):
        made = self.box.alarm(number, causes, self.t_ms, test)
        self.box.tick(self.t_ms)
        self.keep()
        return made

    def clear(self):
        self.box.cleared(self.t_ms)
        self.keep()

    # --- modem ---

    def send_sms(self, number, text, t_ms):
        if not (self.registered or self.sms_only):
            return False
        ok = self.sms_ok(number)

        def over():
            if ok:
                self.sms.append((self.at_s, number, text))
            self.count += 1
            reference = self.count & 255
            self.box.on_sms_sent(ok, reference, self.t_ms)
            told = self.report(number)
            if ok and told is not None:
                self.after(2000, lambda: self.box.on_sms_report(reference, told, self.t_ms))

        self.after(self.sms_takes_ms, over)
        return True

    def dial(self, number, t_ms):
        if self.calling or not self.registered:
            return False
        self.calling = True
        self.calls.append((self.at_s, number))
        outcome = self.call(number)
        if outcome == "busy":
            self.after(2000, lambda: self.end("busy"))
        else:
            self.after(2000, lambda: self.box.on_call(CALL_ALERTING, "", self.t_ms))
            if outcome in ("answers", "confirms", "hangs_up"):
                self.after(8000, self.pick_up)
            if outcome == "confirms":
                self.after(15000, lambda: self.box.on_dtmf(texts.CONFIRM_DIGIT, self.t_ms))
            if outcome == "hangs_up":
                self.after(15000, lambda: self.end("ended"))
        return True

    def pick_up(self):
        if self.calling:
            self.box.on_call(CALL_ACTIVE, "", self.t_ms)

    def end(self, reason):
        if self.calling:
            self.calling = False
            self.box.on_call(CALL_IDLE, reason, self.t_ms)

    def hang_up(self, t_ms):
        self.after(200, lambda: self.end(""))

    def open(self, host, port, t_ms):
        assert (host, port) == ("centre.example", 9999)
        if self.link != CLOSED or not self.registered:
            return False
        self.link = OPENING
        self.after(800, self.opened)
        return True

    def opened(self):
        if self.link == OPENING:
            self.link = OPEN if self.connects else CLOSED
            self.box.on_link(self.link, 0 if self.connects else 10, self.t_ms)

    def close(self, t_ms):
        if self.link != CLOSED:
            self.link = CLOSED
            self.box.on_link(CLOSED, 0, t_ms)

    def send(self, frame, t_ms):
        assert self.link == OPEN
        self.after(100, lambda: self.sent(frame))
        return True

    def sent(self, frame):
        if self.link != OPEN:
            return
        content = read(frame, self.plan.centre.key)
        self.frames.append((self.at_s, *content))
        self.box.on_sent(True, self.t_ms)
        answer = self.centre(content)
        if answer in ("ack", "duh", "nak", "nak_time"):
            self.after(300, lambda: self.reply(answer, content[1]))

    def reply(self, answer, sequence):
        if self.link != OPEN:
            return
        key = self.plan.centre.key
        utc_s = NOW + int(self.at_s)
        if answer == "ack":
            riding, self.riding = self.riding, b""
            data = dc09.frame("ACK", sequence, "1234", riding, utc_s=utc_s, key=key, cipher=xor, random=self.random)
        elif answer == "duh":
            data = dc09.frame("DUH", sequence, "1234")
        else:
            data = dc09.frame("NAK", 0, "1234", utc_s=utc_s if answer == "nak_time" else -1)
        half = len(data) // 2
        self.box.on_data(data[:half], self.t_ms)
        self.box.on_data(data[half:], self.t_ms)

    # --- listener ---

    def on_acknowledged(self, by, who, t_ms):
        self.heard.append(("acknowledged", by, who))
        if self.owner_acts:
            self.box.acknowledged(t_ms)

    def on_delivered(self, channel, who, t_ms):
        self.heard.append(("delivered", channel, who))

    def on_command(self, verb, source, t_ms):
        self.heard.append(("command", verb, source))

    def on_ignored(self, reason, source, t_ms):
        self.heard.append(("ignored", reason, source))

    def on_sent_message(self, channel, who, what, t_ms):
        self.heard.append(("sent", channel, who, what))

    def on_failed(self, channel, who, reason, t_ms):
        self.heard.append(("failed", channel, who, reason))

    # --- what the tests ask ---

    def says(self, name):
        """The texts that contact got."""
        numbers = {contact.name: contact.number for contact in self.plan.contacts}
        return [text for _, number, text in self.sms if number == numbers[name]]

    def code(self):
        return str(self.box.record.code)

    def events(self):
        """The report codes the centre got, in order, link tests left out."""
        return [re.search(r"/(..)\d{3}", body)[1] for _, token, _, body in self.frames if token.endswith("SIA-DCS")]

    def alarm_times(self):
        """When something of the alarm left: SMS, frame with an alarm's code, ringing telephone."""
        by_frame = [t for t, token, _, body in self.frames if re.search(r"/(MA|PA|QA)", body)]
        by_sms = [t for t, _, text in self.sms if text.startswith("ALARME ") and "Répondez" in text]
        return sorted(by_frame + by_sms + [t + 2 for t, _ in self.calls])


def read(frame, key):
    """(token, sequence, all behind the first bracket) of a frame, CRC and length checked."""
    assert frame[:1] == b"\n"
    assert frame[-1:] == b"\r"
    content = frame[9:-1]
    assert int(frame[1:5], 16) == dc09.crc16(content, 0, len(content))
    assert int(frame[5:9], 16) == len(content)
    match = re.fullmatch(rb'"([*A-Z-]+)"(\d{4})R0L0#1234\[(.*)', content, re.S)
    assert match is not None
    body = match[3]
    assert match[1].startswith(b"*") == bool(key), "a clear frame on a keyed account"
    if key:
        body = xor(key, bytes.fromhex(body.decode()), False)
        body = body[body.index(b"|") + 1 :]
    return match[1].decode(), int(match[2]), body.decode()


# --- the first message, and the order of those who are tried ---


def test_the_centre_is_told_at_once_and_its_receipt_acknowledges():
    world = World(BOTH)
    world.alarm()
    world.run(10000)
    assert world.frames[0][0] < 1.2
    assert world.frames[0][1] == "SIA-DCS"
    assert "#1234|Nri6/MA006]" in world.frames[0][3]
    assert "[H14:32:05,11-22-2026]" in world.frames[0][3]
    assert ("delivered", "centre", "centre.example") in world.heard
    assert ("acknowledged", "centre", "centre") in world.heard
    assert not world.sms
    assert not world.calls


def test_contacts_are_tried_in_order_each_for_his_time_first_by_sms_then_by_voice():
    world = World(PEOPLE)
    world.alarm()
    world.run(59000)
    assert [number for _, number, _ in world.sms] == [ANNE["number"]]
    world.run(55000)
    assert [number for _, number, _ in world.sms] == [ANNE["number"], BRUNO["number"]]
    assert not world.calls
    world.run(65000)
    assert [number for _, number in world.calls] == [ANNE["number"], BRUNO["number"]]
    # He is let ring for 30 s, then it is the next one's turn; and all over again.
    assert 30 <= world.calls[1][0] - world.calls[0][0] < 36
    world.run(60000)
    assert [number for _, number, _ in world.sms][2] == ANNE["number"]


def test_a_silent_centre_gives_way_after_two_tries_of_10_s_and_is_still_tried():
    world = World(BOTH)
    world.centre = lambda frame: "silence"
    world.alarm()
    world.run(30000)
    assert 19 <= world.sms[0][0] <= 25
    assert len(world.frames) == 2
    world.centre = lambda frame: "ack"
    world.run(60000)
    assert ("acknowledged", "centre", "centre") in world.heard
    assert {sequence for _, _, sequence, body in world.frames if "MA006" in body} == {1}, "the same frame again"


def test_a_centre_that_cannot_be_reached_gives_way_at_once():
    world = World(BOTH)
    world.connects = False
    world.alarm()
    world.run(9000)
    assert len(world.sms) == 1
    assert ("failed", "centre", "centre.example", "no connection") in world.heard


@pytest.mark.parametrize("answer", ["duh", "nak", "nak_time"])
def test_a_centre_that_refuses_gives_way_at_once(answer):
    world = World(BOTH)
    world.centre = lambda frame: answer
    world.alarm()
    world.run(8000)
    assert len(world.sms) == 1
    # A NAK that tells the time is tried once more, with it.
    assert len(world.frames) == (2 if answer == "nak_time" else 1)
    world.run(60000)
    assert len(world.frames) == (4 if answer == "nak_time" else 2)


def test_the_receipt_only_counts_as_delivery_where_a_person_must_acknowledge():
    world = World(BOTH, {"centre_ack_suffices": False})
    world.alarm()
    world.run(10000)
    assert ("delivered", "centre", "centre.example") in world.heard
    assert not [event for event in world.heard if event[0] == "acknowledged"]
    assert len(world.sms) == 1, "and people are told without waiting"
    world.box.on_sms(ANNE["number"], "ok " + world.code(), world.t_ms)
    assert ("acknowledged", "contact", "Anne") in world.heard
    world.run(20000)
    assert [name for name in ("Anne", "Bruno") if any("PRIS EN CHARGE" in text for text in world.says(name))] == [
        "Anne"
    ]
    assert any("PRIS EN CHARGE Jean DATI par Anne" in body for _, _, _, body in world.frames)


def test_the_order_is_the_plans():
    world = World({**BOTH, "steps": ["voice", "centre"]})
    world.call = lambda number: "busy"
    world.centre = lambda frame: "silence"
    world.alarm()
    world.run(20000)
    assert not world.sms
    assert [number for _, number in world.calls][:2] == [ANNE["number"], BRUNO["number"]]
    # The centre is told beside: nobody's turn holds it up.
    assert world.frames[0][0] < 1.2


def test_an_sms_that_is_refused_or_not_delivered_gives_the_turn_away():
    world = World(PEOPLE)
    world.sms_ok = lambda number: number != ANNE["number"]
    world.alarm()
    world.run(7000)
    assert [number for _, number, _ in world.sms] == [BRUNO["number"]]
    world = World(PEOPLE)
    world.report = lambda number: number != ANNE["number"]
    world.alarm()
    world.run(12000)
    assert [number for _, number, _ in world.sms] == [ANNE["number"], BRUNO["number"]]
    assert ("delivered", "sms", "Bruno") in world.heard
    assert ("delivered", "sms", "Anne") not in world.heard


# --- confirmation ---


def test_a_contact_confirms_by_the_alarms_own_code_and_only_one_who_was_told():
    world = World(PEOPLE)
    world.alarm()
    world.run(10000)
    world.box.on_sms("0622222222", world.code(), world.t_ms)
    world.box.on_sms("0611111111", "1" + world.code(), world.t_ms)
    world.box.on_sms("0699999999", world.code(), world.t_ms)
    assert not [event for event in world.heard if event[0] == "acknowledged"]
    world.box.on_sms("0611111111", f"J'arrive, {world.code()}.", world.t_ms)
    assert ("acknowledged", "contact", "Anne") in world.heard
    count = len(world.sms)
    world.run(300000)
    assert len(world.sms) == count + 1, "that somebody comes is told once, then nothing"


def test_every_alarm_has_a_code_of_its_own_and_never_that_of_the_commands():
    world = World(PEOPLE)
    codes = set()
    for number in range(1, 30):
        world.alarm(number=number)
        codes.add(world.code())
        assert 1000 <= world.box.record.code <= 9999
        assert world.code() != "4821"
        world.clear()
    assert len(codes) > 20
    world.random = lambda count: bytes(((4821 - 1000) >> 8, (4821 - 1000) & 255)) if world.drawn < 0 else b"\x00\x01"
    world.make()
    world.alarm()
    assert world.code() == "1001"


def test_a_call_confirms_by_the_key_and_goes_on():
    world = World({**PEOPLE, "steps": ["voice"]})
    world.call = lambda number: "confirms"
    world.alarm()
    world.run(30000)
    assert ("acknowledged", "contact", "Anne") in world.heard
    assert world.calling, "they talk"
    world.run(700000)
    assert not world.calling


@pytest.mark.parametrize("outcome", ["answers", "hangs_up", "busy", "no_answer"])
def test_a_voicemail_or_an_unanswered_call_never_counts(outcome):
    world = World({**PEOPLE, "steps": ["voice"]})
    world.call = lambda number: outcome
    world.alarm()
    world.run(200000)
    assert not [event for event in world.heard if event[0] == "acknowledged"]
    assert len(world.calls) >= 3
    assert [number for _, number in world.calls][:3] == [ANNE["number"], BRUNO["number"], ANNE["number"]]


def test_a_digit_pressed_outside_a_call_of_ours_means_nothing():
    world = World(PEOPLE)
    world.alarm()
    world.run(5000)
    world.box.on_dtmf("5", world.t_ms)
    assert not [event for event in world.heard if event[0] == "acknowledged"]


# --- again, until acknowledged ---


@pytest.mark.parametrize(
    ("plan", "tunables", "call"),
    [
        (PEOPLE, {}, "no_answer"),
        (PEOPLE, {}, "answers"),
        (PEOPLE, {"contact_wait_ms": 300000}, "no_answer"),
        (PEOPLE, {"contact_wait_ms": 300000}, "answers"),
        (PEOPLE, {"contact_wait_ms": 300000, "message_repeat_ms": 10000}, "no_answer"),
        ({**PEOPLE, "contacts": [ANNE]}, {}, "busy"),
        (CENTRE, {}, ""),
        (BOTH, {"centre_ack_suffices": False}, "no_answer"),
        (BOTH, {}, "no_answer"),
    ],
)
def test_for_an_hour_no_repeat_is_later_than_the_settings_say(plan, tunables, call):
    world = World(plan, tunables)
    world.call = lambda number: call
    if world.settings.centre_ack_suffices:
        world.centre = lambda frame: "silence"
    world.alarm()
    # The modem takes no SMS while a call lives: then no sooner than the call ends.
    highest = max(world.settings.message_repeat_ms / 1000, 60 if call == "answers" else 35)
    world.run(3600000)
    times = world.alarm_times()
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert times[0] <= 4
    assert times[-1] > 3600 - 65
    assert max(gaps) <= highest
    assert world.box.record.state == RAISED


def test_without_network_the_alarm_waits_and_goes_first_when_it_is_back():
    world = World(PEOPLE)
    world.registered = False
    world.box.technical(supervision.BATTERY, True, world.t_ms)
    world.alarm()
    world.run(300000)
    assert not world.sms
    world.registered = True
    world.run(10000)
    assert world.sms[0][2].startswith("ALARME Jean")
    assert "14:32 UTC" in world.sms[0][2], "the time it was raised, not sent"
    assert any(text.startswith("DEFAUT Jean") for _, _, text in world.sms[1:])


def test_where_only_sms_pass_the_centre_and_voice_are_skipped():
    world = World(BOTH)
    world.registered = False
    world.sms_only = True
    world.alarm()
    world.run(200000)
    assert [number for _, number, _ in world.sms][:3] == [ANNE["number"], BRUNO["number"], ANNE["number"]]
    assert not world.calls
    assert not world.frames


# --- what follows the alarm ---


def test_the_place_follows_the_first_message_and_again_where_it_has_changed():
    world = World(BOTH, {"centre_ack_suffices": False})
    facts = world.box.facts
    world.alarm()
    world.run(10000)
    assert "Position inconnue" in world.says("Anne")[0]
    facts.has_position = facts.fresh = True
    facts.lat_e7, facts.lon_e7, facts.age_s, facts.error_m = 488566000, 23522000, 1, 10
    world.run(10000)
    assert "SUITE ALARME Jean DATI: chute. Position 48.85660,2.35220 à 10 m" in world.says("Anne")[1]
    assert any("[X002E21.1320][Y48N51.3960]" in body for _, _, _, body in world.frames)
    count = len(world.says("Anne"))
    facts.lat_e7 += 3000  # 33 m
    world.run(61000)
    assert not [text for text in world.says("Anne")[count:] if text.startswith("SUITE")]
    facts.lat_e7 += 3000
    world.run(10000)
    assert len([text for text in world.says("Anne")[count:] if text.startswith("SUITE")]) == 1
    facts.lat_e7 += 100000
    world.run(30000)
    assert len([text for text in world.says("Anne")[count:] if text.startswith("SUITE")]) == 1, "not yet again"


def test_a_place_that_went_with_the_first_message_does_not_follow_it():
    world = World(PEOPLE)
    facts = world.box.facts
    facts.has_position = facts.fresh = True
    facts.lat_e7, facts.lon_e7, facts.age_s = 488566000, 23522000, 1
    world.alarm()
    world.run(50000)
    assert len(world.sms) == 1


def test_a_second_cause_is_told_to_those_told_and_is_an_event_of_its_own():
    world = World(BOTH, {"centre_ack_suffices": False})
    world.alarm(FALL)
    world.run(10000)
    world.box.add_cause(FALL | IMMOBILITY, world.t_ms)
    world.run(10000)
    assert world.events() == ["MA", "MA"]
    assert "MA003" in world.frames[-1][3] or any("MA003" in body for _, _, _, body in world.frames)
    assert "chute + immobilité" in world.says("Anne")[1]
    assert not world.says("Bruno")


def test_a_cause_after_the_acknowledgement_raises_the_alarm_again_with_a_new_code():
    world = World(PEOPLE)
    world.alarm(FALL)
    world.run(5000)
    code = world.code()
    world.box.on_sms(ANNE["number"], code, world.t_ms)
    world.run(10000)
    world.box.add_cause(VOLUNTARY, world.t_ms)
    world.run(10000)
    assert world.code() != code
    assert "SOS + chute" in world.says("Anne")[-1]
    world.box.on_sms(ANNE["number"], code, world.t_ms)
    assert world.box.record.state == RAISED


def test_the_end_is_told_to_exactly_those_who_were_told():
    world = World(BOTH)
    world.centre = lambda frame: "silence"
    world.alarm()
    world.run(40000)
    assert len(world.says("Anne")) == 1
    assert not world.says("Bruno")
    world.box.acknowledged(world.t_ms, "Bruno")
    world.centre = lambda frame: "ack"
    world.clear()
    world.run(200000)
    assert world.says("Anne")[1:] == ["FIN D'ALARME Jean DATI. 22/11 14:32 UTC"]
    assert not world.says("Bruno")
    assert world.events()[-1] == "MR"


def test_nobody_hears_of_the_end_of_what_never_left():
    world = World(BOTH)
    world.registered = False
    world.alarm()
    world.run(60000)
    world.clear()
    world.registered = True
    world.run(120000)
    assert not world.sms
    assert not world.frames


@pytest.mark.parametrize("ok", [True, False])
def test_an_sms_on_its_way_when_the_alarm_ends_is_followed_by_the_end_only_if_it_left(ok):
    world = World(PEOPLE)
    world.sms_ok = lambda number: ok
    world.alarm()
    world.run(1000)
    world.box.cancelled(world.t_ms)
    world.sms_ok = lambda number: True
    world.run(60000)
    told = [text for text in world.says("Anne") if text.startswith("ALARME ANNULEE")]
    assert len(told) == (1 if ok else 0)
    assert not world.says("Bruno")


def test_every_cause_is_restored_at_the_centre():
    world = World(CENTRE)
    world.alarm(VOLUNTARY | FALL)
    world.run(20000)
    assert world.events() == ["PA", "MA"]
    world.clear()
    world.run(20000)
    assert world.events()[2:] == ["PR", "MR"]
    sequences = [sequence for _, token, sequence, _ in world.frames if token == "SIA-DCS"]
    assert sequences == [1, 2, 3, 4]


def test_a_test_says_so_first_and_makes_room_for_an_alarm():
    world = World(BOTH, {"centre_ack_suffices": False})
    assert world.alarm(0, 1, test=True)
    world.run(10000)
    assert world.says("Anne")[0].startswith("TEST ALARME Jean DATI: essai")
    assert world.events() == ["RX"]
    assert not world.alarm(0, 2, test=True)
    assert world.alarm(FALL, 3)
    assert not world.alarm(FALL, 4, test=True)
    world.run(30000)
    assert "MA" in world.events()
    assert [text for text in world.says("Anne") if text.startswith("ALARME Jean DATI: chute")]
    assert [text for text in world.says("Anne") if text.startswith("TEST FIN D'ALARME")]


# --- the centre's link ---


def test_an_encrypted_account_is_never_served_in_clear_and_learns_the_time_from_a_nak():
    world = World({**BOTH, "centre": {**HOST, "key": KEY}}, clock_set=False)
    stamps = []

    def judge(frame):
        stamps.append(frame[2][-19:])
        return "ack" if stamps[-1].endswith("2026") else "nak_time"

    world.centre = judge
    world.alarm()
    world.run(5000)
    assert [stamp[-4:] for stamp in stamps] == ["2000", "2026"]
    assert ("acknowledged", "centre", "centre") in world.heard
    assert world.clock.is_set()
    assert world.frames[0][1] == world.frames[1][1] == "*SIA-DCS"
    assert world.box.record.utc_s in (NOW, NOW + 1), "and so is the alarm's own time"


def test_a_keyed_centre_that_does_not_tell_the_time_gives_way_to_people():
    world = World({**BOTH, "centre": {**HOST, "key": KEY}}, clock_set=False)
    world.centre = lambda frame: "nak"
    world.alarm()
    world.run(10000)
    assert len(world.sms) == 1
    assert ("failed", "centre", "centre.example", "refused") in world.heard


def test_an_old_receipt_played_back_is_none():
    world = World({**CENTRE, "centre": {**HOST, "key": KEY}})
    world.centre = lambda frame: "silence"
    world.alarm()
    world.run(5000)
    key = world.plan.centre.key
    for utc_s, accepted in ((NOW - 3600, False), (NOW + 5, True)):
        old = dc09.frame("ACK", 1, "1234", utc_s=utc_s, key=key, cipher=xor, random=world.random)
        world.box.on_data(old, world.t_ms)
        assert (("delivered", "centre", "centre.example") in world.heard) == accepted


def test_a_receipt_that_comes_late_still_counts():
    world = World({**CENTRE})
    world.centre = lambda frame: "silence"
    world.alarm()
    world.run(25000)
    world.link = OPEN
    world.box.on_data(dc09.frame("ACK", 1, "1234"), world.t_ms)
    assert ("acknowledged", "centre", "centre") in world.heard


def test_the_alarm_does_not_wait_for_a_heartbeat_under_way():
    world = World(CENTRE)
    world.centre = lambda frame: "silence" if frame[0] == "NULL" else "ack"
    world.box.poll()
    world.run(3000)
    assert [token for _, token, _, _ in world.frames] == ["NULL"]
    world.alarm()
    world.run(1000)
    assert world.events() == ["MA"]


def test_an_alarm_that_overtakes_a_frame_just_being_handed_over_waits_for_no_more_than_that():
    world = World(CENTRE)
    world.box.poll()
    world.run(900)
    assert world.link == OPEN
    accept, world.send = world.send, lambda frame, t_ms: False
    world.alarm()
    world.run(1000)
    world.send = accept
    world.run(200)
    assert world.events() == ["MA"]


def test_heartbeats_leave_on_duty_and_tell_when_the_centre_last_answered():
    world = World(CENTRE, {"heartbeat_interval_ms": 60000})
    world.run(300000)
    assert not world.frames
    assert world.box.link_ok_ms == -1
    world.box.guard(True, world.t_ms)
    world.run(310000)
    assert [(token, sequence) for _, token, sequence, _ in world.frames] == [("NULL", 0)] * 5
    since_ms = ticks_diff(world.t_ms, world.box.link_ok_ms)
    assert 0 <= since_ms < 60000
    world.centre = lambda frame: "silence"
    world.run(600000)
    assert ticks_diff(world.t_ms, world.box.link_ok_ms) >= since_ms + 540000
    world.box.guard(False, world.t_ms)
    world.run(60000)
    count = len(world.frames)
    world.run(1200000)
    assert len(world.frames) == count
    assert world.link == CLOSED


def test_a_centre_that_does_not_know_null_gets_periodic_reports():
    world = World(CENTRE, {"heartbeat_interval_ms": 60000})
    world.centre = lambda frame: "duh" if frame[0] == "NULL" else "ack"
    world.box.guard(True, world.t_ms)
    world.run(200000)
    assert [token for _, token, _, _ in world.frames] == ["NULL", "SIA-DCS", "SIA-DCS", "SIA-DCS"]
    assert set(world.events()) == {"RP"}
    assert world.box.link_ok_ms >= 0


def test_commands_ride_on_the_answers_to_the_polls_of_an_alarm():
    world = World(CENTRE)
    world.alarm()
    world.run(10000)
    world.riding = b"4821 5 CLEAR"
    world.run(60000)
    assert ("command", "CLEAR", "centre") in world.heard
    polls = [t for t, token, _, _ in world.frames if token == "NULL"]
    world.run(600000)
    polls = [t for t, token, _, _ in world.frames if token == "NULL"]
    assert len(polls) >= 10
    assert max(later - earlier for earlier, later in pairwise(polls)) <= 60


def test_the_connection_is_closed_when_nothing_is_to_be_said():
    world = World(CENTRE)
    world.alarm()
    world.run(5000)
    world.clear()
    world.run(20000)
    assert world.link == CLOSED
    assert not world.box.busy


# --- faults ---


def test_a_fault_is_told_to_the_centre_once_the_link_is_back_in_its_order():
    world = World(BOTH)
    world.registered = False
    world.box.technical(supervision.NETWORK, True, world.t_ms)
    world.run(60000)
    world.box.technical(supervision.NETWORK, False, world.t_ms)
    world.registered = True
    world.run(20000)
    assert world.events() == ["YC", "YK"]
    assert not world.sms
    assert "[H14:32:05" in world.frames[0][3], "and when it began"


def test_a_fault_that_comes_and_goes_while_nobody_hears_is_told_as_it_stands():
    world = World(PEOPLE)
    world.registered = False
    for began in (True, False, True, False, True):
        world.box.technical(supervision.BATTERY, began, world.t_ms)
        world.run(1000)
    world.registered = True
    world.run(20000)
    assert [text[:6] for text in world.says("Anne")] == ["DEFAUT"]
    world.box.technical(supervision.BATTERY, False, world.t_ms)
    world.run(4000)
    assert [text[:6] for text in world.says("Anne")] == ["DEFAUT", "FIN DE"]
    assert len(world.says("Bruno")) == 1
    world.box.technical(supervision.BATTERY, True, world.t_ms)
    world.run(20000)
    for name in ("Anne", "Bruno"):
        assert world.says(name)[-1].startswith("DEFAUT")


def test_without_a_centre_the_contacts_hear_of_faults():
    world = World(PEOPLE)
    world.box.technical(supervision.SENSOR, True, world.t_ms)
    world.run(20000)
    for name in ("Anne", "Bruno"):
        assert world.says(name) == ["DEFAUT Jean DATI: capteur de mouvement. 22/11 14:32 UTC"]


def test_that_the_centre_is_silent_is_told_to_the_contacts_too():
    world = World(BOTH)
    world.centre = lambda frame: "silence"
    world.box.technical(supervision.CENTRE, True, world.t_ms)
    world.box.technical(supervision.BATTERY, True, world.t_ms)
    world.run(60000)
    for name in ("Anne", "Bruno"):
        assert [text.split(": ")[1][:8] for text in world.says(name)] == ["centre m", "batterie"]
    world.centre = lambda frame: "ack"
    world.run(120000)
    assert world.events().count("YT") >= 1
    assert not world.box.record.notices


def test_a_position_never_leaves_with_a_fault_a_heartbeat_or_a_status():
    world = World(BOTH)
    facts = world.box.facts
    facts.has_position = facts.fresh = True
    facts.lat_e7, facts.lon_e7 = 488566000, 23522000
    world.box.guard(True, world.t_ms)
    world.box.technical(supervision.CENTRE, True, world.t_ms)
    world.box.technical(supervision.BATTERY, True, world.t_ms)
    world.box.answer("centre", texts.status(world.plan, facts, True, False))
    world.box.answer(ANNE["number"], texts.status(world.plan, facts, True, False))
    world.run(1300000)
    said = " ".join([body for _, _, _, body in world.frames] + [text for _, _, text in world.sms])
    assert "en service" in said
    assert "48.8" not in said
    assert "osition" not in said
    assert "[X" not in said
    assert [event for event in world.events() if event == "RP"] == ["RP"]


# --- commands ---


def test_answers_go_to_whom_they_belong():
    world = World(BOTH)
    world.box.on_sms("0611111111", "4821 7 STATUS", world.t_ms)
    assert world.heard[-1] == ("command", "STATUS", "0611111111")
    world.box.answer("0611111111", "tout va bien")
    world.box.answer("centre", "all [is] well")
    world.run(10000)
    assert world.sms == [(world.sms[0][0], "0611111111", "tout va bien")]
    assert "/RP022][Iall (is) well]" in world.frames[0][3]


def test_a_command_counts_once_even_over_a_reset():
    world = World(PEOPLE)
    world.box.on_sms(ANNE["number"], "4821 7 TEST", world.t_ms)
    world.keep()
    world.reset()
    world.box.on_sms(ANNE["number"], "4821 7 TEST", world.t_ms)
    assert [event[0] for event in world.heard] == ["command", "ignored"]
    world.box.on_sms(ANNE["number"], "4821 8 LOCATE", world.t_ms)
    assert world.heard[-1][:2] == ("ignored", "only during an alarm or test")
    world.alarm()
    world.box.on_sms(ANNE["number"], "4821 8 LOCATE", world.t_ms)
    assert world.heard[-1][:2] == ("command", "LOCATE")


def test_who_acknowledged_by_a_command_is_named():
    world = World(PEOPLE)
    world.alarm()
    world.run(5000)
    world.box.on_sms(BRUNO["number"], "4821 1 ACK", world.t_ms)
    world.box.acknowledged(world.t_ms)
    world.run(10000)
    assert world.says("Anne")[1] == "PRIS EN CHARGE Jean DATI par Bruno"


# --- resets ---


@pytest.mark.parametrize("reset_s", [0.3, 1, 3.02, 4, 30, 59, 63, 90, 121, 130, 200])
def test_a_reset_at_any_moment_loses_no_alarm_and_nobody_who_was_told(reset_s):
    world = World(PEOPLE)
    world.call = lambda number: "answers"
    world.alarm()
    world.run(int(reset_s * 1000) // STEP_MS * STEP_MS)
    told = {number for _, number, _ in world.sms}
    world.reset()
    assert world.box.record.state == RAISED
    count = len(world.sms) + len(world.calls)
    world.run(65000)
    assert len(world.sms) + len(world.calls) > count
    told |= {number for _, number, _ in world.sms}
    world.box.on_sms(world.sms[0][1], world.code(), world.t_ms)
    assert world.heard[-1][0] == "acknowledged" or ("acknowledged", "contact", "Anne") in world.heard
    world.run(1000)
    world.reset()
    world.clear()
    world.end("ended")
    world.run(100000)
    ended = [number for _, number, text in world.sms if text.startswith("FIN D'ALARME")]
    assert set(ended) >= told
    assert len(ended) == len(set(ended))


def test_a_reset_after_every_step_sends_the_centre_each_event_under_one_number():
    world = World(BOTH, {"centre_ack_suffices": False})
    world.alarm(FALL)
    for _ in range(40):
        world.run(350)
        world.reset()
    world.box.facts.has_position = False
    world.run(30000)
    world.box.acknowledged(world.t_ms, "Anne")
    world.clear()
    for _ in range(20):
        world.run(1150)
        world.reset()
    world.run(100000)
    by_event: dict[str, set[int]] = {}
    for _, token, sequence, body in world.frames:
        if token == "SIA-DCS":
            by_event.setdefault(body[:18], set()).add(sequence)
    assert {len(numbers) for numbers in by_event.values()} == {1}
    assert "MA" in world.events()
    assert world.events()[-1] == "MR"


def test_what_is_saved_is_bounded_and_comes_back_the_same():
    world = World(BOTH)
    world.registered = False
    for number in range(1, 40):
        world.alarm(FALL | VOLUNTARY, number)
        world.box.record.told = 7
        world.clear()
        for fault, _ in supervision.FAULTS:
            world.box.technical(fault, True, world.t_ms)
            world.box.technical(fault, False, world.t_ms)
    world.alarm(FALL, 4000)
    blob = world.box.save()
    assert len(blob) <= 28 + 15 * MOST_NOTICES
    again = Record()
    assert again.unpack(blob)
    assert again.pack() == blob
    assert {notice.number for notice in again.notices if notice.kind < 5} >= {39, 38}


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x02" + bytes(27), bytes(28)])
def test_what_another_version_saved_is_refused_and_nothing_changed(damage):
    world = World(PEOPLE)
    assert not world.box.restore(damage, world.t_ms)
    assert world.box.record.state == QUIET


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.binary(max_size=120))
def test_restoring_anything_does_not_crash(data):
    world = World(BOTH)
    if world.box.restore(b"\x01" + data, world.t_ms):
        world.box.save()
    record = Record()
    record.unpack(b"\x01" + data)


def test_a_notice_for_a_contact_who_is_no_longer_in_the_plan_is_dropped():
    world = World(PEOPLE)
    world.alarm()
    world.run(70000)
    world.clear()
    world.plan = Plan({**PEOPLE, "contacts": [ANNE]})
    world.reset()
    world.run(20000)
    assert not world.box.record.notices


# --- whatever the network does ---

OUTCOMES = st.lists(st.tuples(st.sampled_from(["sms", "call", "link", "gone"]), st.booleans()), max_size=30)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(OUTCOMES, st.sampled_from(["centre", "sms", "voice"]), st.integers(0, 300))
def test_an_alarm_that_some_way_lets_through_in_the_long_run_is_delivered(script, way, reset_at):
    """Ten minutes of mishaps, a reset among them; then one way works, and no other."""
    world = World(BOTH)
    world.sms_ok = lambda number: False
    world.call = lambda number: "busy"
    world.connects = False
    world.alarm()
    for what, value in script:
        world.sms_ok = lambda number, ok=what == "sms" and value: ok
        outcome = "answers" if what == "call" and value else "no_answer"
        world.call = lambda number, how=outcome: how
        world.connects = what == "link" and value
        world.centre = lambda frame: "silence"
        world.registered = what != "gone"
        world.run(20000)
        if reset_at == len(world.heard):
            world.reset()
    world.registered = True
    world.connects = way == "centre"
    world.centre = lambda frame: "ack" if way == "centre" else "silence"
    world.sms_ok = lambda number: way == "sms"
    world.call = lambda number: "confirms" if way == "voice" else "busy"
    for _ in range(60):
        world.run(10000)
        if way == "sms":
            for _, number, _ in world.sms[-1:]:
                world.box.on_sms(number, world.code(), world.t_ms)
        if world.box.record.state != RAISED:
            break
    assert [event for event in world.heard if event[0] == "acknowledged"]


# --- the other runtime ---

SCRIPT = """
import sys
sys.path.insert(0, {firmware!r})
from dati.clock import Clock
from dati.outbox import Outbox
from dati.plan import Plan
from dati.settings import Settings
from dati import dc09

class Modem:
    registered = True
    sms_only = False
    link = 0
    def send_sms(self, number, text, t_ms):
        print(t_ms, "sms", number, len(text), repr(text.encode()))
        self.sms = True
        return True
    def dial(self, number, t_ms):
        print(t_ms, "dial", number)
        return True
    def hang_up(self, t_ms):
        print(t_ms, "hang up")
        box.on_call(0, "", t_ms)
    def open(self, host, port, t_ms):
        self.link = 2
        return True
    def close(self, t_ms):
        self.link = 0
    def send(self, frame, t_ms):
        print(t_ms, frame)
        box.on_sent(True, t_ms)
        if t_ms > 5000:
            box.on_data(dc09.frame("ACK", int(frame[frame.find(b'"', 10) + 1:][:4]), "1234", b"4821 3 STATUS"), t_ms)
        return True

class Listener:
    def on_acknowledged(self, *what): print("acknowledged", what)
    def on_delivered(self, *what): print("delivered", what)
    def on_command(self, *what): print("command", what)
    def on_ignored(self, *what): print("ignored", what)
    def on_sent_message(self, *what): print("sent", what)
    def on_failed(self, *what): print("failed", what)

def random(count):
    return bytes([7] * count)

plan = Plan({{"worker": "J\\u00e9r\\u00f4me", "centre": {{"host": "a.b", "port": 1, "account": "1234"}},
    "contacts": [{{"name": "Anne", "number": "+33611111111"}}]}})
settings = Settings({{"centre_ack_suffices": False}})
clock = Clock()
clock.set(848000000, 0)
modem = Modem()
box = Outbox(settings, plan, modem, clock, Listener(), None, random)
box.facts.has_position = True
box.facts.lat_e7 = -4567
box.facts.lon_e7 = 1790000000
box.alarm(1, 0x24, 0)
modem.sms = False
for t_ms in range(0, 200000, 100):
    if modem.sms:
        modem.sms = False
        box.on_sms_sent(True, 1, t_ms)
    if t_ms == 100000:
        box.on_sms("0611111111", "ok %d" % box.record.code, t_ms)
        box.acknowledged(t_ms)
    if t_ms == 120000:
        box.facts.fresh = True
        box.technical(3, True, t_ms)
    if t_ms == 150000:
        blob = box.save()
        print(blob)
        box = Outbox(settings, plan, modem, clock, Listener(), None, random)
        print(box.restore(blob, t_ms), box.save() == blob)
        box.cleared(t_ms)
    box.tick(t_ms)
print(box.save(), box.busy)
"""


def test_micropython_says_the_same():
    pytest.importorskip("micropython_unix")
    interpreter = Path(sys.executable).parent / "micropython"
    if not interpreter.exists():
        pytest.skip("no micropython beside this Python")
    script = SCRIPT.format(firmware=str(ROOT / "firmware"))
    said = [
        subprocess.run([program, "-c", script], capture_output=True, text=True, check=True).stdout
        for program in (sys.executable, str(interpreter))
    ]
    assert said[0] == said[1]
    assert said[0].count("sms") > 3

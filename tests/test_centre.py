"""The virtual receiving centre: what it makes of frames, how it answers, what it misses."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime

import pytest
from dati import dc09
from dati.clock import seconds

from simulator.errors import UserError
from simulator.parts.centre import REPLIES, Behaviour, Centre, Operator
from simulator.parts.clock import Timeline, VirtualClock

pytest.importorskip("siadc09", reason="siadc09 reads the frames")

from siadc09.util import decrypt, encrypt

ACCOUNT = "12AB"
KEY = bytes(range(16))
BEGIN = datetime(2026, 11, 22, 8, 38, 50, tzinfo=UTC)
BEGIN_S = seconds(2026, 11, 22, 8, 38, 50)


def cipher(key, data, encrypting):
    return bytes(encrypt(key, data) if encrypting else decrypt(key, data))


class Line:
    """A device's end of the connection: what was sent to it, and when."""

    def __init__(self, key=None, **options):
        self.clock = VirtualClock()
        self.timeline = Timeline(self.clock)
        self.key = key
        self.centre = Centre(self.clock, self.timeline, ACCOUNT, key, utc=BEGIN, **options)
        self.replies = dc09.Replies(key or b"", cipher)
        self.segments = []
        self.ended_ms = None
        self.sequence = 0
        self.session = None

    def connect(self):
        self.session = self.centre.connect()
        self.session.send = self.hear
        self.session.closed = self.end

    def end(self):
        self.ended_ms = self.clock.now_ms

    def hear(self, data):
        self.segments.append((self.clock.now_ms, data))
        self.replies.receive(data, len(data))

    def frame(self, number=8, xdata=b"", utc_s=None, account=ACCOUNT, key=None, over=False):
        self.sequence += 1
        body = dc09.report_body(account, number, over)
        key = self.key if key is None else key
        if utc_s is None:
            utc_s = BEGIN_S + self.clock.now_ms // 1000
        return dc09.frame(
            dc09.SIA_DCS, self.sequence, account, body, xdata, utc_s, key or b"", cipher, lambda n: bytes(range(n))
        )

    def send(self, data=None, run_ms=1000, **options):
        if self.session is None:
            self.connect()
        self.session.receive(self.frame(**options) if data is None else data)
        self.run(run_ms)
        return self.replies.take()

    def run(self, ms):
        self.clock.advance_to_us(self.clock.now_us + ms * 1000)

    def notes(self, what=None):
        return [entry for entry in self.timeline.entries if what in (None, entry.what)]

    def whats(self):
        return [entry.what for entry in self.timeline.entries]


@pytest.mark.parametrize("key", [None, KEY])
def test_an_alarm_is_read_and_receipted(key):
    line = Line(key)
    xdata = dc09.place(488566000, -23521667) + dc09.occurred(BEGIN_S - 3600) + dc09.text("Zoé, chute")
    reply = line.send(number=6, xdata=xdata)
    assert (reply.kind, reply.sequence, reply.data, reply.encrypted) == (dc09.ACK, 1, b"", key is not None)
    assert line.segments[0][0] == Behaviour().latency_ms
    assert line.whats() == ["connected", "alarm"]
    entry = line.timeline.entries[1]
    assert entry.who == "centre"
    assert entry.text == "Medical Alarm (MA 6) at 48.85660, -2.35217: Zoe, chute"
    assert entry.data == {
        "account": ACCOUNT,
        "token": "SIA-DCS",
        "sequence": 1,
        "code": "MA",
        "zone": 6,
        "name": "Medical Alarm",
        "latitude": pytest.approx(48.8566, abs=1e-5),
        "longitude": pytest.approx(-2.3521667, abs=1e-5),
        "message": "Zoe, chute",
        "occurred": "07:38:50,11-22-2026",
        "encrypted": key is not None,
        "repeated": False,
        "accepted": True,
    }


@pytest.mark.parametrize(
    ("number", "over", "kind"),
    [
        (8, True, "restore"),
        (dc09.BATTERY, False, "trouble"),
        (dc09.LINK, True, "trouble_over"),
        (dc09.RESTART, False, "trouble"),
        (dc09.TEST, False, "test"),
        (dc09.CANCEL, False, "cancelled"),
        (dc09.OFF_DUTY, False, "off_duty"),
        (dc09.OFF_DUTY, True, "on_duty"),
        (dc09.PERIODIC, False, "heartbeat"),
    ],
)
def test_what_the_centre_makes_of_a_report(number, over, kind):
    line = Line()
    assert line.send(number=number, over=over).kind == dc09.ACK
    assert line.whats()[-1] == kind
    assert line.timeline.entries[-1].data["zone"] == number


@pytest.mark.parametrize(
    ("event", "over", "kind"),
    [(120, False, "alarm"), (100, True, "restore"), (302, False, "trouble"), (401, True, "on_duty")],
)
def test_contact_id_is_read(event, over, kind):
    line = Line()
    body = dc09.cid_body(ACCOUNT, event, 8, over)
    assert line.send(dc09.frame(dc09.ADM_CID, 1, ACCOUNT, body)).kind == dc09.ACK
    assert line.whats()[-1] == kind
    assert line.timeline.entries[-1].data["code"] == str(event)


@pytest.mark.parametrize("key", [None, KEY])
def test_a_link_test_is_a_heartbeat(key):
    line = Line(key)
    reply = line.send(
        dc09.frame(
            dc09.NULL, 7, ACCOUNT, utc_s=BEGIN_S, key=key or b"", cipher=cipher, random=lambda n: bytes(range(n))
        )
    )
    assert (reply.kind, reply.sequence) == (dc09.ACK, 7)
    assert line.whats() == ["connected", "heartbeat"]


@pytest.mark.parametrize(("off_s", "kind"), [(-41, "NAK"), (-40, "ACK"), (20, "ACK"), (21, "NAK")])
def test_a_clock_that_is_off_is_put_right_by_a_nak(off_s, kind):
    line = Line(KEY)
    reply = line.send(utc_s=BEGIN_S + off_s)
    assert reply.kind == getattr(dc09, kind)
    if kind == "NAK":
        assert reply.utc_s == BEGIN_S
        assert line.whats() == ["connected", "unreadable"]
        assert line.send(utc_s=reply.utc_s).kind == dc09.ACK


def test_a_clock_never_set_is_put_right_too():
    line = Line(KEY)
    reply = line.send(utc_s=-1)
    assert (reply.kind, reply.utc_s) == (dc09.NAK, BEGIN_S)
    assert Line(None).send(utc_s=-1).kind == dc09.ACK


def test_what_is_refused_and_how():
    line = Line(KEY)
    assert line.send(key=bytes(16)).kind == dc09.NAK
    assert line.send(key=b"").kind == dc09.NAK
    bare = line.send(account="9999")
    assert (bare.kind, bare.sequence) == (dc09.NAK, -1)
    good = line.frame()
    assert line.send(good[:40] + bytes([good[40] ^ 1]) + good[41:]) is None
    assert line.send(b"\nAT+CIPSEND\r") is None
    texts = [entry.text for entry in line.notes("unreadable")]
    assert len(texts) == 5
    assert "not encrypted" in texts[1]
    assert "9999" in texts[2]
    assert "CRC" in texts[3]
    assert line.send(good).kind == dc09.ACK


def test_a_code_nobody_knows_is_not_understood():
    line = Line()
    reply = line.send(dc09.frame(dc09.SIA_DCS, 5, ACCOUNT, dc09.event_body(ACCOUNT, "KK", 1)))
    assert (reply.kind, reply.sequence) == (dc09.DUH, 5)
    assert line.timeline.entries[-1].data["accepted"] is False


def test_bytes_in_any_split_and_several_frames_at_once():
    line = Line()
    line.connect()
    frames = b"garbage" + line.frame() + b"\r\r" + line.frame()
    for at in range(len(frames)):
        line.session.receive(frames[at : at + 1])
    line.session.receive(line.frame() + line.frame())
    line.run(1000)
    assert [reply.sequence for reply in iter(line.replies.take, None)] == [1, 2, 3, 4]
    line.session.receive(b"x" * 100000)
    assert len(line.session._buffer) <= 4096


def test_every_behaviour_at_its_time():
    behaviours = [(60000 * i, Behaviour(reply, 300)) for i, reply in enumerate(REPLIES)]
    line = Line(behaviours=behaviours)
    got = {}
    for reply in REPLIES:
        if reply == "refuse":
            with pytest.raises(ConnectionRefusedError):
                line.centre.connect()
        got[reply] = line.send()
        line.run(59000)
    kinds = {reply: answer.kind for reply, answer in got.items() if answer is not None}
    assert kinds == {"ack": dc09.ACK, "rsp": dc09.RSP, "nak": dc09.NAK, "duh": dc09.DUH}
    assert got["nak"].utc_s == BEGIN_S + 120
    assert line.replies.unreadable == 1  # bad_crc
    assert line.ended_ms == list(REPLIES).index("close") * 60000 + 300
    assert not line.session.open
    accepted = [entry.data["accepted"] for entry in line.notes("alarm")]
    assert accepted == [True, True, False, False, False, False, True, False]


def test_a_reply_in_two_segments():
    line = Line(behaviours=[(0, Behaviour(latency_ms=100, split_at=10, split_ms=700))])
    assert line.send().kind == dc09.ACK
    assert [(t_ms, len(data)) for t_ms, data in line.segments] == [(100, 10), (800, 20)]


def test_nothing_is_sent_to_who_has_left():
    line = Line()
    line.connect()
    line.session.receive(line.frame())
    line.session.close()
    line.run(1000)
    assert line.segments == []
    assert line.ended_ms is None
    line.session.receive(line.frame())
    assert len(line.notes("alarm")) == 1


def test_a_restart_of_the_receiver_ends_the_connection():
    line = Line()
    line.send()
    line.centre.restart()
    assert line.ended_ms == 1000
    line.connect()
    assert line.send().kind == dc09.ACK


@pytest.mark.parametrize("key", [None, KEY])
def test_an_operator_answers_an_alarm_by_a_command_in_the_next_receipt(key):
    line = Line(key, operators=[Operator(45000, "ACK 4711 1"), Operator(5000, "STATUS", "trouble")])
    assert line.send().data == b""
    line.run(45000)
    assert [entry.t_ms for entry in line.notes("operator")] == [45000]
    assert line.send().data == b"ACK 4711 1"
    assert line.send().data == b""
    line.run(60000)
    assert len(line.notes("operator")) == 1
    assert [entry.text for entry in line.notes("command")] == ["ACK 4711 1"]


def test_a_command_waits_for_a_receipt():
    line = Line(behaviours=[(0, Behaviour("nak")), (10000, Behaviour("bad_crc")), (20000, Behaviour("rsp"))])
    line.centre.command("LOCATE 1")
    line.centre.command("LOCATE 2")
    assert line.send().data == b""
    line.run(9000)
    assert line.send() is None
    line.run(9000)
    reply = line.send()
    assert (reply.kind, reply.data) == (dc09.RSP, b"LOCATE 1")
    assert line.send().data == b"LOCATE 2"


def test_the_same_report_again_is_said_to_be_so():
    line = Line()
    frame = line.frame()
    line.send(frame)
    line.send(frame)
    line.send()
    assert [entry.data["repeated"] for entry in line.notes("alarm")] == [False, True, False]
    for _ in range(2):
        line.send(dc09.frame(dc09.NULL, 0, ACCOUNT))
    assert [entry.data["repeated"] for entry in line.notes("heartbeat")] == [False, False]


def test_a_device_not_heard_is_missed_until_it_is_heard_or_goes_off_duty():
    line = Line(heartbeat_ms=600000, allowed=2)
    line.run(3600000)
    assert line.whats() == []
    line.send(number=dc09.OFF_DUTY, over=True)
    line.run(1198000)
    assert line.notes("device_missing") == []
    line.run(2000)
    assert [entry.t_ms for entry in line.notes("device_missing")] == [3600000 + 1200000]
    assert line.centre.missing
    line.send(number=dc09.PERIODIC)
    assert len(line.notes("device_back")) == 1
    line.send(number=dc09.OFF_DUTY)
    line.run(36000000)
    assert len(line.notes("device_missing")) == 1


def test_a_frame_nobody_took_is_no_sign_of_life():
    line = Line(heartbeat_ms=60000, allowed=1, behaviours=[(30000, Behaviour("silence"))])
    line.send()
    line.run(40000)
    line.send()
    line.run(20000)
    assert [entry.t_ms for entry in line.notes("device_missing")] == [60000]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Behaviour("perhaps"),
        lambda: Behaviour("ack", -1),
        lambda: Line(behaviours=[(5, Behaviour()), (0, Behaviour())]),
        lambda: Line(heartbeat_ms=0),
        lambda: Line(key=b"short"),
        lambda: Line(operators=[Operator(0, "a|b")]),
        lambda: Line().centre.command("é"),
        lambda: Centre(VirtualClock(), Timeline(VirtualClock()), "no hex"),
    ],
)
def test_a_mistake_in_the_scenario_is_one_line(make):
    with pytest.raises(UserError) as error:
        make()
    assert "\n" not in str(error.value)


def test_without_siadc09_one_line_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(UserError, match="pip install 'siadc09"):
        Line()

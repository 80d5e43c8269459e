"""Our frames before receivers that are not ours: pysiaalarm, live on loopback, and siadc09."""

from __future__ import annotations

import importlib
import queue
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dati
import pytest
from dati import clock, dc09
from dati.dc09 import ACK, DUH, NAK, Replies

from simulator.engines import EngineUnavailableError
from simulator.engines.interpreters import MicroPythonEngine

pysiaalarm = pytest.importorskip("pysiaalarm", reason="the receiver; pip install pysiaalarm")
message = pytest.importorskip("siadc09.message", reason="the second reader; pip install siadc09")
AES = importlib.import_module("Crypto.Cipher.AES")  # comes with pysiaalarm
ADM_MAPPING = importlib.import_module("pysiaalarm.data.adm_mapping").ADM_MAPPING
SIA_CODES = importlib.import_module("pysiaalarm.utils").SIA_CODES
NEW_EVENTS = importlib.import_module("siadc09.dc03").BLOCK["N"]["block"]
CONTACT_IDS = importlib.import_module("siadc09.dc05").EVENT

KEYS = {16: "A" * 16, 24: "0123456789ABCDEF01234567", 32: "F" * 16 + "0123456789ABCDEF"}
ACCOUNT = "1234"
KEYED = {length: f"ABC{length}" for length in KEYS}
PLACE = dc09.place(488566000, 23521667)
PERSONAL = range(2, 9)


def cipher(key, data, encrypting):
    aes = AES.new(key, AES.MODE_CBC, bytes(16))
    return aes.encrypt(data) if encrypting else aes.decrypt(data)


def noise(count):
    return bytes((37 * i + 11) & 255 for i in range(count))


def now_s(off_s=0):
    now = datetime.now(UTC) + timedelta(seconds=off_s)
    return clock.seconds(now.year, now.month, now.day, now.hour, now.minute, now.second)


def numbered(sequence, body, *, length=0, account=None, off_s=0, xdata=PLACE, token=dc09.SIA_DCS, key=None):
    """A frame to the account of that length of key, 0 for none; stamped, so that the receiver judges the time."""
    key = KEYS.get(length, "").encode() if key is None else key
    account = account or KEYED.get(length, ACCOUNT)
    return dc09.frame(token, sequence, account, body, xdata, now_s(off_s), key, cipher, noise)


class Receiver:
    """pysiaalarm as a TCP server on a free port."""

    def __init__(self):
        self.event = None
        self._events = queue.Queue()
        keyed = [pysiaalarm.SIAAccount(KEYED[length], key) for length, key in KEYS.items()]
        accounts = [pysiaalarm.SIAAccount(ACCOUNT), *keyed]
        self._client = pysiaalarm.SIAClient("127.0.0.1", 0, accounts, self._events.put)
        self._client.start(poll_interval=0.01)

    def close(self):
        self._client.stop()

    def ask(self, data, key=b"", pieces=0, count=1):
        """The `count`th reply to what a new connection sends in one write, None for the empty one; read in `pieces`
        of so many bytes, or as it comes. After a receipt `event` is what the receiver's user was told."""
        replies = Replies(key, cipher)
        with socket.create_connection(self._client.sia_server.server_address, timeout=5) as device:
            device.sendall(data)
            while count:
                got = device.recv(4096)
                if got == b"\n\r":
                    return None
                assert got, "the receiver has hung up"
                for at in range(0, len(got), pieces or len(got)):
                    piece = bytearray(got[at : at + (pieces or len(got))])
                    replies.receive(piece, len(piece))
                assert replies.unreadable == 0
                while (reply := replies.take()) is not None:
                    count -= 1
                    if reply.kind == ACK:
                        # It answers first and tells its user then.
                        self.event = self._events.get(timeout=5)
                    last = reply
        return last


@pytest.fixture(scope="module")
def receiver():
    made = Receiver()
    yield made
    made.close()


def xdata_of(event):
    return {field.identifier: field.value for field in event.extended_data or ()}


@pytest.mark.parametrize("length", [0, 16, 24, 32])
def test_pysiaalarm_receives_an_alarm(receiver, length):
    account = KEYED.get(length, ACCOUNT)
    xdata = PLACE + dc09.occurred(now_s(-3600)) + dc09.text("Zoé Œ. [atelier|nord] 48 %, SOS")
    reply = receiver.ask(
        numbered(17, dc09.report_body(account, 8), length=length, xdata=xdata), KEYS.get(length, "").encode()
    )
    assert (reply.kind, reply.sequence, reply.data, reply.encrypted) == (ACK, 17, b"", length > 0)
    event = receiver.event
    assert (event.code, event.account, event.ri, event.message) == ("PA", account, "8", "008")
    assert (event.encrypted, event.valid_message) == (length > 0, True)
    assert abs(event.timestamp - datetime.now(UTC)) < timedelta(seconds=10)
    fields = xdata_of(event)
    assert fields["X"] == "002E21.1300"
    assert fields["Y"] == "48N51.3960"
    assert fields["I"] == "Zoe O. (atelier/nord) 48 %, SOS"
    assert len(fields["H"]) == 19


@pytest.mark.parametrize("number", dc09.REPORTS)
@pytest.mark.parametrize("over", [False, True])
def test_every_report_is_known_to_both(receiver, number, over):
    code, restoral, _ = dc09.report(number)
    frame = numbered(number, dc09.report_body(ACCOUNT, number, over))
    assert receiver.ask(frame).kind == ACK
    assert receiver.event.code == (restoral if over else code)
    event = message.parse_frame(frame).data.blocks[1].events[0]
    assert (event.code, event.modifiers["ri"].value) == (restoral if over else code, number)


@pytest.mark.parametrize("number", dc09.REPORTS)
def test_every_contact_id_means_the_same_to_both(receiver, number):
    """pysiaalarm acknowledges what it cannot tell as YN: an ACK alone would prove nothing."""
    code, restoral, contact = dc09.report(number)
    frame = numbered(1, dc09.cid_body(ACCOUNT, contact, number), token=dc09.ADM_CID, xdata=b"")
    assert receiver.ask(frame).kind == ACK
    # Contact ID has fewer words than SIA: service required for a part that failed.
    assert receiver.event.code == {"IA": "YX"}.get(code, code)
    assert ADM_MAPPING[str(contact)]["3"][0] == {"IA": "YZ"}.get(code, restoral)[0]
    assert str(contact) in CONTACT_IDS
    assert message.parse_frame(frame).data.event.code == str(contact)


def test_a_personal_alarm_is_a_call_for_help_in_the_tables_of_both():
    for number in PERSONAL:
        code = dc09.report(number)[0]
        assert "Emergency assistance request" in SIA_CODES[code].description
        assert "Emergency assistance request" in NEW_EVENTS[code]["descr"]


@pytest.mark.parametrize("length", [0, 16, 24, 32])
def test_a_link_test_is_taken(receiver, length):
    reply = receiver.ask(numbered(5, b"", length=length, token=dc09.NULL, xdata=b""), KEYS.get(length, "").encode())
    assert (reply.kind, reply.sequence) == (ACK, 5)
    assert receiver.event.code == "RP"


@pytest.mark.parametrize("off_s", [-60, 60, None])
@pytest.mark.parametrize("length", [0, 16])
def test_a_clock_that_is_off_is_put_right_by_the_nak(receiver, off_s, length):
    """A minute slow, a minute fast, and never set."""
    key = KEYS.get(length, "").encode()
    account = KEYED.get(length, ACCOUNT)
    body = dc09.report_body(account, 6)
    wrong_s = 0 if off_s is None else now_s(off_s)
    reply = receiver.ask(dc09.frame(dc09.SIA_DCS, 8, account, body, b"", wrong_s, key, cipher, noise), key)
    assert (reply.kind, reply.encrypted) == (NAK, False)
    assert abs(reply.utc_s - now_s()) <= 5
    device = clock.Clock()
    assert device.set(reply.utc_s, 1000)
    again = dc09.frame(dc09.SIA_DCS, 8, account, body, b"", device.utc_s(1500), key, cipher, noise)
    assert receiver.ask(again, key).kind == ACK


def test_an_unknown_code_is_not_understood(receiver):
    reply = receiver.ask(numbered(21, dc09.event_body(ACCOUNT, "KK", 1)))
    assert (reply.kind, reply.sequence) == (DUH, 21)


def test_an_unknown_account_and_a_wrong_key(receiver):
    receiver.event = None
    unknown = receiver.ask(numbered(1, dc09.report_body("9999", 8), account="9999"))
    assert (unknown.kind, unknown.sequence) == (NAK, -1)
    # Time and padding fixed: 158 of 20 000 such frames decrypt to an event without code for pysiaalarm: DUH.
    wrong = dc09.frame(dc09.SIA_DCS, 1, "ABC16", dc09.report_body("ABC16", 8), b"", 0, b"B" * 16, cipher, noise)
    wrong = receiver.ask(wrong, b"B" * 16)
    assert (wrong.kind, wrong.sequence) == (NAK, 0)
    assert receiver.event is None


def test_a_spoilt_frame_gets_no_reply(receiver):
    frame = numbered(1, dc09.report_body(ACCOUNT, 8))
    assert receiver.ask(frame[:60] + bytes([frame[60] ^ 1]) + frame[61:]) is None


def test_text_beyond_ascii_would_never_be_acknowledged(receiver):
    """Why accents are dropped: the receiver drops such bytes before it computes the CRC."""
    body = dc09.report_body(ACCOUNT, 8)
    assert receiver.ask(numbered(1, body, xdata="[Ié]".encode())) is None
    assert receiver.ask(numbered(1, body, xdata=dc09.text("é"))).kind == ACK


@pytest.mark.parametrize("pieces", [1, 2, 7, 29])
@pytest.mark.parametrize("length", [0, 16])
def test_a_split_reply_is_read(receiver, pieces, length):
    key = KEYS.get(length, "").encode()
    reply = receiver.ask(numbered(33, dc09.report_body(KEYED.get(length, ACCOUNT), 3), length=length), key, pieces)
    assert (reply.kind, reply.sequence) == (ACK, 33)


def test_one_write_is_one_frame(receiver):
    """Why a frame must not be split: each half is refused. Two whole frames in one write are both taken."""
    first, second = numbered(1, dc09.report_body(ACCOUNT, 8)), numbered(2, dc09.report_body(ACCOUNT, 7))
    assert receiver.ask(first[:40]).kind == NAK
    assert receiver.ask(first[40:]).kind == NAK
    assert receiver.ask(first + second, count=2).sequence == 2


def test_silence_is_no_reply():
    """A receiver that accepts the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_connection(silent.getsockname()) as device:
        device.sendall(numbered(1, dc09.report_body(ACCOUNT, 8)))
        device.settimeout(0.05)
        with pytest.raises(TimeoutError):
            device.recv(100)
    replies = Replies()
    replies.receive(b"", 0)
    assert replies.take() is None


@pytest.mark.parametrize("length", [0, 16, 24, 32])
def test_siadc09_reads_the_same(length):
    account = KEYED.get(length, ACCOUNT)
    key = KEYS.get(length, "").encode() or None
    xdata = PLACE + dc09.occurred(now_s(-60)) + dc09.text("SOS")
    read = message.parse_frame(numbered(17, dc09.report_body(account, 6), length=length, xdata=xdata), key)
    assert isinstance(read, message.EventMessage)
    assert (read.account.acct, read.seq, read.encrypted) == (int(account, 16), 17, length > 0)
    assert (read.account.rcvr, read.account.pref) == (0, None)
    event = read.data.blocks[1].events[0]
    assert (event.code, event.name, event.addr, event.modifiers["ri"].value) == ("MA", "Medical Alarm", 6, 6)
    fields = {block.prefix: block.value for block in read.xdata}
    assert (fields["X"], fields["Y"], fields["I"]) == ("002E21.1300", "48N51.3960", "SOS")
    assert abs(read.timestamp - fields["H"] - timedelta(seconds=60)) <= timedelta(seconds=1)
    null = message.parse_frame(numbered(5, b"", length=length, token=dc09.NULL, xdata=b""), key)
    assert isinstance(null, message.NullMessage)
    assert (null.seq, null.timestamp is not None, null.xdata) == (5, True, [])


# Recorded from pysiaalarm and siadc09; the key is sixteen times "A".
_SENT = (
    b'\n30EE0098"*SIA-DCS"0004R0L0#ABCD[F90536617A0E977EC5D18039A565B5842E4B70F240AEDE587FD9BC2546B97A56'
    b"7962E2A024C0E48CBBBFFD93F9A54616BB28102ED7CD9CD3AE9E45D495C16D2B\r"
)
_ANSWERED = b'\nE2A40054"*ACK"0004R0L0#ABCD[F17D6AF3E05E11FB192B184E126ECD1C92244AC03F7A913EEA3691F9F7F9ED24\r'


def test_a_recorded_dialogue_is_built_and_read_byte_for_byte():
    clear = cipher(b"A" * 16, bytes.fromhex(_SENT.partition(b"[")[2][:-1].decode()), False)
    padding, _, rest = clear.partition(b"|")
    # Whatever padding was drawn then, our frame has it where it belongs; the rest is the same to the byte.
    shown = message.parse_frame(_SENT, b"A" * 16)
    utc_s = clock.seconds(*shown.timestamp.timetuple()[:6])
    ours = dc09.frame(dc09.SIA_DCS, 4, "ABCD", rest.partition(b"]")[0], b"", utc_s, b"A" * 16, cipher, noise)
    mine = cipher(b"A" * 16, bytes.fromhex(ours.partition(b"[")[2][:-1].decode()), False)
    assert mine.partition(b"|")[2] == rest
    assert (len(mine.partition(b"|")[0]), len(ours)) == (len(padding), len(_SENT))
    replies = Replies(b"A" * 16, cipher)
    replies.receive(_ANSWERED, len(_ANSWERED))
    reply = replies.take()
    assert (reply.kind, reply.sequence, clock.stamp(reply.utc_s)) == (ACK, 4, "2026-11-22T09:01:37Z")


_ON_THE_BOARD = """
import cryptolib
from dati import dc09

def cipher(key, data, encrypting):
    aes = cryptolib.aes(key, 2, bytes(16))
    return aes.encrypt(data) if encrypting else aes.decrypt(data)

def noise(count):
    return bytes([(37 * i + 11) & 255 for i in range(count)])

for key in (%r, %r):
    body = dc09.report_body(%r, 6)
    frame = dc09.frame(dc09.SIA_DCS, 9, %r, body, dc09.text("chute"), %d, key, cipher, noise)
    print(frame)
    replies = dc09.Replies(key, cipher)
    answer = %r
    replies.receive(answer, len(answer))
    reply = replies.take()
    print(reply and (reply.kind, reply.sequence, reply.utc_s))
"""


def test_the_interpreters_own_aes_encrypts_the_same(receiver):
    """cryptolib of MicroPython, as the board has it. It knows keys of 16 and 32 bytes, not of 24."""
    try:
        program = MicroPythonEngine().program
    except EngineUnavailableError as reason:
        pytest.skip(str(reason))
    keys = [KEYS[length].encode() for length in (16, 32)]
    account, utc_s = KEYED[16], now_s()
    code = _ON_THE_BOARD % (*keys, account, account, utc_s, _ANSWERED)
    done = subprocess.run([program, "-c", code], cwd=Path(dati.__file__).parent.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    body, xdata = dc09.report_body(account, 6), dc09.text("chute")
    frames = [dc09.frame(dc09.SIA_DCS, 9, account, body, xdata, utc_s, key, cipher, noise) for key in keys]
    assert lines[::2] == [repr(frame) for frame in frames]
    assert lines[1::2] == [f"(1, 4, {clock.seconds(2026, 11, 22, 9, 1, 37)})", "None"]
    assert receiver.ask(frames[0], keys[0]).kind == ACK

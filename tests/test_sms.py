"""The PDU codec: against reference PDUs, against independent codecs, and against itself on every runtime."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys

import pytest
from dati import sms
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_modem import as_delivered

from simulator.engines.base import FIRMWARE, EngineUnavailableError
from simulator.engines.interpreters import MicroPython32Engine, MicroPythonEngine

NUMBER = "+33612345678"
GSM7 = sms._ALPHABET.replace("\x1b", "") + sms._ESCAPED
FAST = settings(derandomize=True, max_examples=80, deadline=None)

texts = st.one_of(
    st.text(alphabet=GSM7, max_size=500),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00\ufeff"), max_size=220),
)
numbers = st.from_regex(r"\+?[0-9]{3,15}", fullmatch=True)


def pdus(text, number=NUMBER, group=7):
    pieces = sms.split(text)
    gsm7 = sms.is_gsm7(text)
    return [sms.submit(number, piece, gsm7, group, i + 1, len(pieces)) for i, piece in enumerate(pieces)]


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("a" * 160, [153]),
        ("a" * 161, [153, 27]),
        ("ê" * 70, [153]),
        ("ê" * 71, [153, 27]),
        ("a" * 306, [153, 153]),
        ("a" * 307, [153, 153, 20]),
        ("€" * 80, [153]),
        ("€" * 81, [153, 28]),
    ],
)
def test_lengths_of_the_parts(text, lengths):
    assert [octets for octets, _ in pdus(text)] == lengths


def test_a_number_and_a_request_for_a_report_as_gammu_writes_them():
    octets, pdu = sms.submit("+33612345678", "ABC", True)
    # Type 21: SUBMIT with a status report. 0B 91: eleven digits, international.
    assert pdu == "00" + "2100" + "0B913316325476F8" + "0000" + "03" + "41E110"
    assert octets == len(pdu) // 2 - 1


@pytest.mark.parametrize("number", ["", "+", "12a", "+33 6", "1" * 21, "²", "٣"])
def test_what_is_no_number_is_refused(number):
    with pytest.raises(ValueError, match="number"):
        sms.submit(number, "a", True)


def test_a_text_too_long_for_one_message_is_refused():
    with pytest.raises(ValueError, match="fit"):
        sms.submit(NUMBER, "a" * 161, True)


@given(texts)
@FAST
def test_pieces_fit_and_cut_no_pair(text):
    pieces = sms.split(text)
    assert "".join(pieces) == text
    for octets, pdu in pdus(text):
        assert octets == len(pdu) // 2 - 1
        assert octets <= 153
    if len(pieces) > 1:
        limit = 153 if sms.is_gsm7(text) else 67
        sizes = [sms._units(piece, sms.is_gsm7(text)) for piece in pieces]
        assert max(sizes) <= limit
        assert min(sizes[:-1]) >= limit - 1


@given(texts, numbers, st.integers(0, 255))
@FAST
def test_what_was_written_is_read_again(text, number, group):
    read = [sms.decode(as_delivered(pdu)) for _, pdu in pdus(text, number, group)]
    assert "".join(message.text for message in read) == text
    assert {message.number for message in read} == {number}
    if len(read) > 1:
        assert {message.group for message in read} == {group}
        assert [message.part for message in read] == list(range(1, len(read) + 1))
        assert {message.parts for message in read} == {len(read)}


@given(texts, numbers)
@FAST
def test_gsmmodem_reads_ours(text, number):
    codec = pytest.importorskip("gsmmodem.pdu")
    pieces = sms.split(text)
    for (_, pdu), piece in zip(pdus(text, number), pieces, strict=True):
        read = codec.decodeSmsPdu(pdu)
        assert read["type"] == "SMS-SUBMIT"
        assert read["number"] == number
        # It leaves pairs of surrogates as they come.
        assert read["text"].encode("utf-16", "surrogatepass").decode("utf-16") == piece


@pytest.mark.parametrize("text", ["ALARME Léa {50%} €", "Chute à l'entrepôt, être là", "ABC", "a" * 160])
def test_smspdudecoder_reads_ours(text):
    fields = pytest.importorskip(
        "smspdudecoder.fields", exc_type=ImportError, reason="no smspdudecoder, or bitstring 5"
    )
    read = fields.SMSSubmit.decode(io.StringIO(sms.submit(NUMBER, text, sms.is_gsm7(text))[1]))
    assert read["header"]["srr"]
    assert read["user_data"]["data"] == text
    assert read["recipient"]["number"] == NUMBER[1:]


# gsmmodem cuts UCS-2 anywhere, so within a pair of surrogates too: only characters of one unit here.
@given(st.text(alphabet=st.one_of(st.sampled_from(GSM7), st.characters(max_codepoint=0xD7FF)), max_size=400), numbers)
@FAST
def test_we_read_gsmmodems(text, number):
    codec = pytest.importorskip("gsmmodem.pdu")
    made = [as_delivered(str(pdu)) for pdu in codec.encodeSmsSubmitPdu(number, text, reference=3)]
    read = [sms.decode(pdu) for pdu in made]
    assert "".join(message.text for message in read) == text
    assert {message.number for message in read} == {number}


# A DELIVER from a German network, a number in words, a status report: as phones gave them in public documents.
def test_a_message_with_a_service_centre_and_a_status_report():
    message = sms.decode("07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07")
    assert (message.kind, message.number, message.text) == (sms.DELIVER, "+31641600986", "How are you?")
    report = sms.decode("0006D60B911326880736F4111011719551401110117195714000")
    assert (report.kind, report.reference, report.status) == (sms.REPORT, 0xD6, sms.DELIVERED)
    assert report.number == "+31628870634"


def test_a_sender_in_words():
    # "Orange" packed in 7 bits: 11 half-octets of address, type D0.
    named = sms._pack(sms._septets("Orange"), 0)
    pdu = "00" + "04" + "0B" + "D0" + named.hex() + "0000" + "00" * 7 + "02" + sms._pack(b"Hi", 0).hex()
    message = sms.decode(pdu.upper())
    assert (message.number, message.text) == ("Orange", "Hi")


def test_a_long_message_with_a_sixteen_bit_number():
    body = b"\x06\x08\x04\x12\x34\x02\x01" + "ê".encode("utf-16-be")
    pdu = "00" + "40" + "0B913316325476F8" + "0008" + "00" * 7 + f"{len(body):02X}" + body.hex()
    message = sms.decode(pdu)
    assert (message.group, message.parts, message.part, message.text) == (0x1234, 2, 1, "ê")


@pytest.mark.parametrize("coding", [0x20, 0x24])
def test_compressed_messages_are_refused(coding):
    with pytest.raises(ValueError, match="compressed"):
        sms.decode("00" + "04" + "0B913316325476F8" + f"00{coding:02X}" + "00" * 7 + "0141")


@given(st.binary(max_size=60))
@settings(derandomize=True, max_examples=400, deadline=None)
def test_garbage_raises_only_value_errors(octets):
    with contextlib.suppress(ValueError):
        sms.decode(octets.hex())


@given(texts.filter(lambda text: len(text) > 3), st.data())
@FAST
def test_a_cut_message_is_refused(text, data):
    whole = as_delivered(pdus(text)[0][1])
    cut = data.draw(st.integers(0, len(whole) // 2 - 1)) * 2
    with pytest.raises(ValueError, match=r"cut|PDU|address|part"):
        sms.decode(whole[:cut])


SAMPLES = ("ALARME {1} €", "Chute à l'entrepôt 😀" * 12, "a" * 161, "")
RUNNER = f"""
from dati import sms

def main(path):
    for text in {SAMPLES!r}:
        pieces = sms.split(text)
        for i in range(len(pieces)):
            print(sms.submit("{NUMBER}", pieces[i], sms.is_gsm7(text), 7, i + 1, len(pieces)))
    with open(path) as lines:
        for line in lines:
            try:
                message = sms.decode(line.strip())
                print(message.number, message.text.encode(), message.group, message.part, message.parts)
            except ValueError:
                print("refused")
"""


@pytest.mark.parametrize("engine", [MicroPythonEngine, MicroPython32Engine], ids=["64 bits", "32 bits"])
def test_micropython_writes_and_reads_the_same(engine, tmp_path):
    try:
        command = engine().command(tmp_path)
    except EngineUnavailableError as reason:
        pytest.skip(str(reason))
    (tmp_path / "dati").mkdir()
    for name in ("__init__", "sms"):
        (tmp_path / "dati" / f"{name}.py").write_bytes((FIRMWARE / f"{name}.py").read_bytes())
    (tmp_path / "interpreted.py").write_text(RUNNER, encoding="utf-8")
    whole = [as_delivered(pdu) for text in SAMPLES for _, pdu in pdus(text)]
    garbled = [pdu[:i] for pdu in whole for i in range(0, len(pdu), 7)] + ["0_1", "+1-1", "é0"]
    (tmp_path / "jobs").write_text("\n".join(whole + garbled), encoding="utf-8")
    outputs = []
    for program in ([sys.executable, "-S", "-c", "import interpreted; interpreted.main('jobs')"], command):
        done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout.split("\n")[:-1])
    assert outputs[0] == outputs[1]
    assert outputs[0][-1] == "refused"
    assert len(outputs[0]) > 50

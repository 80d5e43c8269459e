"""The AT engine: replies, news, prompts and data told apart at every cut and in every order."""

from __future__ import annotations

import subprocess
import sys

import pytest
from dati.at import BUSY, ERROR, MAX_QUEUE, NO_CARRIER, OK, TIMEOUT, AtEngine, field, quoted
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engines.base import FIRMWARE, EngineUnavailableError
from simulator.engines.interpreters import MicroPython32Engine, MicroPythonEngine

NMEA = b"$GNRMC,083850.00,A,4851.39600,N,00221.13000,E,0.1,200.0,221126,,,A*7E\r\n"


class Listener:
    def __init__(self):
        self.said = []
        self.idle = 0
        self.echoes = 0

    def on_line(self, line, t_ms):
        self.said.append(line)

    def on_echo(self, t_ms):
        self.echoes += 1

    def on_pdu(self, header, pdu, t_ms):
        self.said.append((header, pdu))

    def on_nmea(self, data, count, t_ms):
        self.said.append(bytes(data[:count]))

    def on_socket(self, data, t_ms):
        if self.said and isinstance(self.said[-1], bytearray):
            self.said[-1] += data
        else:
            self.said.append(bytearray(data))

    def on_idle(self, t_ms):
        self.idle += 1


class Dialogue:
    """An engine, what it told, and the results of its commands."""

    def __init__(self):
        self.listener = Listener()
        self.at = AtEngine(self.listener)
        self.results = []

    def command(self, text, t_ms=0, **more):
        return self.at.command(text, t_ms, lambda result, t: self.results.append((text, result)), **more)

    def hear(self, *pieces, t_ms=0):
        for data in pieces:
            self.at.receive(bytearray(data), len(data), t_ms)

    @property
    def said(self):
        return self.listener.said


@pytest.fixture
def dialogue():
    return Dialogue()


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("OK", OK),
        ("ERROR", ERROR),
        ("+CME ERROR: 10", 10),
        ("+CMS ERROR: 331", 331),
        ("+CME ERROR: SIM not inserted", ERROR),
        ("+CME ERROR: 0", ERROR),  # a failure of the phone, not a success
        ("+CME ERROR:", ERROR),
    ],
)
def test_a_final_result_ends_the_command(dialogue, line, result):
    dialogue.command("AT+X")
    assert dialogue.at.take() == b"AT+X\r"
    assert dialogue.at.busy
    dialogue.hear(f"\r\n{line}\r\n".encode())
    assert dialogue.results == [("AT+X", result)]
    assert not dialogue.at.busy
    assert dialogue.listener.idle == 1


def test_commands_go_one_at_a_time_and_the_queue_is_bounded(dialogue):
    assert all(dialogue.command(f"AT+{i}") for i in range(MAX_QUEUE + 1))
    assert not dialogue.command("AT+TOOMUCH")
    for i in range(MAX_QUEUE + 1):
        assert dialogue.at.take() == b"AT+%d\r" % i
        dialogue.hear(b"\r\nOK\r\n")
    assert [text for text, _ in dialogue.results] == [f"AT+{i}" for i in range(MAX_QUEUE + 1)]
    assert dialogue.listener.idle == 1


def test_the_end_of_a_call_ends_only_a_command_that_dials(dialogue):
    dialogue.command("AT+CSQ")
    dialogue.hear(b"\r\nNO CARRIER\r\n", b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n")
    assert dialogue.said == ["NO CARRIER", "+CSQ: 20,99"]
    for line, result in (("BUSY", BUSY), ("NO CARRIER", NO_CARRIER)):
        dialogue.command("ATD1;", dials=True)
        dialogue.hear(f"\r\n{line}\r\n".encode())
        assert dialogue.results[-1] == ("ATD1;", result)


def test_a_payload_follows_the_prompt_and_only_it(dialogue):
    for prompt in (b"\r\n> ", b"\r\n>", b">", b"AT+CMGS=3\r> ", b"\r\n> \r\n", b"\r\r\n> "):
        dialogue.command("AT+CMGS=3", payload=b"001122\x1a")
        assert dialogue.at.take() == b"AT+CMGS=3\r"
        dialogue.hear(b"\r\n+CREG: 1\r\n")
        assert dialogue.at.take() == b""
        dialogue.hear(prompt)
        assert dialogue.at.take() == b"001122\x1a"
        dialogue.hear(b"\r\n+CMGS: 7\r\n\r\nOK\r\n")
    assert dialogue.results == [("AT+CMGS=3", OK)] * 6
    assert dialogue.said == ["+CREG: 1", "+CMGS: 7"] * 6


def test_a_late_ok_is_not_taken_for_the_end_of_a_command_with_a_payload(dialogue):
    dialogue.command("AT+CMGS=3", payload=b"00")
    dialogue.hear(b"\r\nOK\r\n\r\n> ")
    assert dialogue.at.strays == 1
    assert dialogue.at.take() == b"AT+CMGS=3\r00"
    dialogue.hear(b"\r\n+CMS ERROR: 500\r\n")
    assert dialogue.results == [("AT+CMGS=3", 500)]


def test_the_echo_is_not_news(dialogue):
    dialogue.command("AT+CSQ")
    dialogue.hear(b"AT+CSQ\r\r\n+CSQ: 9,0\r\n\r\nOK\r\n")
    assert dialogue.said == ["+CSQ: 9,0"]
    assert dialogue.listener.echoes == 1
    assert dialogue.results == [("AT+CSQ", OK)]


# What a modem may say by itself, and what must be heard of it.
NEWS = [
    (b"\r\n+CREG: 1\r\n", ["+CREG: 1"]),
    (b"\r\r\n+RXDTMF: 8\r\r\n", ["+RXDTMF: 8"]),
    (b'\r\n+CMTI: "SM",3\r\n', ['+CMTI: "SM",3']),
    (b"\r\nRING\r\n", ["RING"]),
    (b"\r\nNO CARRIER\r\n", ["NO CARRIER"]),
    (b"\r\n+CDS: 25\r\n0006D6\r\n", [("+CDS: 25", "0006D6")]),
    (b'\r\n+CMT: ,23\r\n07911326\r\n\r\n+CLIP: "1",129\r\n', [("+CMT: ,23", "07911326"), '+CLIP: "1",129']),
    (NMEA, [NMEA]),
    (b"\r\n+IPCLOSE: 0,1\r\n", ["+IPCLOSE: 0,1"]),
]
DATA = b'\r\nOK\r\n+CMTI: "SM",1\r\n> \x00\xff$GPRMC\r\nERROR\r\n'
# A command, the lines of its answer and what is to be heard of it. The prompt and data are told from lines.
ANSWERS = [
    ("AT+COPS?", [b'\r\n+COPS: 0,0,"Orange F",7\r\n', b"\r\nOK\r\n"], ['+COPS: 0,0,"Orange F",7'], OK),
    ("AT+CREG?", [b"\r\n+CREG: 1,5\r\n", b"\r\nOK\r\n"], ["+CREG: 1,5"], OK),
    ("AT+CMGR=3", [b"\r\n+CMGR: 0,,25\r\n", b"0791AB\r\n", b"\r\nOK\r\n"], [("+CMGR: 0,,25", "0791AB")], OK),
    ("AT+CIPOPEN", [b"\r\n+CIPOPEN: 0,4\r\n", b"\r\nERROR\r\n"], ["+CIPOPEN: 0,4"], ERROR),
    (
        "AT+CIPRXGET=2,0,512",
        [b"\r\n+CIPRXGET: 2,0,%d,0\r\n" % len(DATA) + DATA, b"\r\nOK\r\n"],
        [f"+CIPRXGET: 2,0,{len(DATA)},0", bytearray(DATA)],
        OK,
    ),
]


@pytest.mark.parametrize(("text", "lines", "heard", "result"), ANSWERS, ids=[answer[0] for answer in ANSWERS])
def test_news_at_every_line_boundary_and_every_cut(text, lines, heard, result):
    for news, told in NEWS:
        for place in range(len(lines) + 1):
            if text.startswith("AT+CMGR") and place == 1 and told and isinstance(told[0], tuple):
                continue  # two headers, then two PDUs: no modem writes so
            stream = b"".join([*lines[:place], news, *lines[place:]])
            for cut in range(1, len(stream)):
                dialogue = Dialogue()
                dialogue.command(text)
                dialogue.hear(stream[:cut], stream[cut:])
                assert dialogue.results == [(text, result)]
                assert [piece for piece in dialogue.said if piece not in told] == heard
                assert [piece for piece in dialogue.said if piece in told] == told
                assert dialogue.at.garbage == dialogue.at.overflows == dialogue.at.strays == 0


@given(st.lists(st.sampled_from(NEWS), max_size=6), st.lists(st.integers(1, 9), min_size=1, max_size=40))
@settings(derandomize=True, max_examples=60, deadline=None)
def test_any_pieces_give_the_same(news, sizes):
    stream = b"".join([*(bytes_ for bytes_, _ in news), *ANSWERS[4][1]])
    whole, cut = Dialogue(), Dialogue()
    for dialogue in (whole, cut):
        dialogue.command(ANSWERS[4][0])
    whole.hear(stream)
    i = 0
    while stream:
        size = sizes[i % len(sizes)]
        cut.hear(stream[:size])
        stream = stream[size:]
        i += 1
    assert cut.said == whole.said
    assert cut.results == whole.results == [(ANSWERS[4][0], OK)]


def test_a_time_out_is_followed_by_a_new_agreement(dialogue):
    """A late OK must not be taken for the next command's, nor shift all that follow."""
    dialogue.command("AT+SLOW", timeout_ms=9000)
    dialogue.command("AT+CSQ")
    dialogue.at.take()
    dialogue.at.tick(8999)
    assert dialogue.results == []
    dialogue.at.tick(9000)
    assert dialogue.results == [("AT+SLOW", TIMEOUT)]
    assert dialogue.at.timeouts == 1
    assert dialogue.at.take() == b"AT\r"
    dialogue.hear(b"\r\nOK\r\n", t_ms=9100)  # of AT+SLOW
    dialogue.hear(b"\r\nOK\r\n", t_ms=9110)  # of AT
    assert dialogue.at.take() == b""
    assert (dialogue.at.strays, dialogue.at.timeouts) == (1, 0)
    dialogue.at.tick(9500)
    assert dialogue.at.take() == b"AT+CSQ\r"
    dialogue.hear(b"\r\nERROR\r\n", t_ms=9510)
    assert dialogue.results[-1] == ("AT+CSQ", ERROR)


def test_a_silent_modem_is_asked_again_and_again(dialogue):
    dialogue.command("AT+X", timeout_ms=1000)
    dialogue.at.take()
    for t_ms in range(0, 9001, 100):
        dialogue.at.tick(t_ms)
    assert dialogue.at.take() == b"AT\r" * 5
    assert dialogue.at.timeouts == 5
    assert dialogue.results == [("AT+X", TIMEOUT)]


def test_a_prompt_that_does_not_come_is_given_up(dialogue):
    dialogue.command("AT+CMGS=3", timeout_ms=1000, payload=b"00\x1a")
    dialogue.at.take()
    dialogue.at.tick(1000)
    assert dialogue.at.take() == b"\x1bAT\r"
    dialogue.hear(b"\r\n> \r\nOK\r\n", t_ms=1100)
    assert dialogue.at.take() == b""


def test_times_pass_the_wrap_of_the_ticks(dialogue):
    start = 2**30 - 500
    dialogue.command("AT+X", t_ms=start, timeout_ms=1000)
    dialogue.at.tick(499)
    assert dialogue.results == []
    dialogue.at.tick(500)
    assert dialogue.results == [("AT+X", TIMEOUT)]


def test_nothing_is_written_while_the_modem_wakes(dialogue):
    dialogue.at.hold(100, 0)
    dialogue.command("AT+X")
    dialogue.at.tick(99)
    assert dialogue.at.take() == b""
    dialogue.at.tick(100)
    assert dialogue.at.take() == b"AT+X\r"


def test_lines_too_long_and_garbage_are_counted_and_skipped(dialogue):
    dialogue.command("AT+X")
    dialogue.hear(b"\r\n+LONG: " + b"x" * 5000, b"y" * 100, b"\r\n")
    dialogue.hear(b"\xff\xfe\x80\r\n", b"\x00\x01OK\r\n", b"\r\n\r\r\n  \r\n")
    assert (dialogue.at.overflows, dialogue.at.garbage) == (1, 2)
    assert dialogue.said == []
    dialogue.hear(b"\r\n+X: 1\r\n\r\nOK\r\n")
    assert dialogue.results == [("AT+X", OK)]
    assert dialogue.said == ["+X: 1"]


def test_results_that_nobody_asked_for_are_counted(dialogue):
    dialogue.hear(b"\r\nOK\r\n\r\n+CMS ERROR: 500\r\n")
    assert dialogue.at.strays == 2


def test_data_too_long_or_unasked_are_not_waited_for(dialogue):
    dialogue.hear(b"\r\n+CIPRXGET: 2,0,10,0\r\n\r\n+CREG: 1\r\n")
    dialogue.command("AT+CIPRXGET=2,0,512")
    dialogue.hear(b"\r\n+CIPRXGET: 2,0,99999,0\r\n\r\nOK\r\n")
    assert dialogue.results == [("AT+CIPRXGET=2,0,512", OK)]
    assert "+CREG: 1" in dialogue.said


def test_data_cut_short_end_with_the_time_out(dialogue):
    dialogue.command("AT+CIPRXGET=2,0,512")
    dialogue.hear(b"\r\n+CIPRXGET: 2,0,500,0\r\nabc")
    dialogue.at.tick(9000)
    dialogue.hear(b"\r\nOK\r\n", t_ms=9010)
    assert dialogue.results == [("AT+CIPRXGET=2,0,512", TIMEOUT)]
    assert dialogue.at.timeouts == 0


@given(
    st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"\r\nOK\r\n", b"> ", b"+CDS: 1\r\n"])), max_size=30)
)
@settings(derandomize=True, max_examples=200, deadline=None)
def test_no_garbage_hurts_and_the_dialogue_goes_on(pieces):
    dialogue = Dialogue()
    dialogue.command("AT+CIPRXGET=2,0,512", payload=b"abc")
    dialogue.hear(*pieces)
    for t_ms in range(0, 30000, 1000):
        dialogue.at.tick(t_ms)
    dialogue.hear(b"\r\n\r\nOK\r\n", t_ms=30000)
    dialogue.at.tick(30400)
    assert not dialogue.at.busy
    dialogue.command("AT+X", t_ms=30400)
    dialogue.hear(b"\r\nOK\r\n", t_ms=30410)
    assert dialogue.results[-1] == ("AT+X", OK)


def test_reading_fields():
    assert field("+CEREG: 2,1,07A3", 0) == 2
    assert field("+CEREG: 2,1,07A3", 1) == 1
    assert field("+CEREG: 2", 1) == -1
    assert field("+CIPSEND: 0,5,-1", 2) == -1
    assert quoted('+CLIP: "+331",145') == "+331"
    assert quoted('+CLIP: "') == ""


RUNNER = f"""
from dati.at import AtEngine

class Listener:
    def on_line(self, line, t_ms):
        print("line", line)

    def on_echo(self, t_ms):
        print("echo")

    def on_pdu(self, header, pdu, t_ms):
        print("pdu", header, pdu)

    def on_nmea(self, data, count, t_ms):
        print("nmea", bytes(data[:count]))

    def on_socket(self, data, t_ms):
        print("data", len(data))

    def on_idle(self, t_ms):
        print("idle")

def done(result, t_ms):
    print("done", result, t_ms)

def main(path):
    with open(path, "rb") as file:
        stream = bytearray(file.read())
    for size in (1, 7, 1000000):
        at = AtEngine(Listener())
        t_ms = 0
        for text in {[answer[0] for answer in ANSWERS]!r}:
            at.command(text, t_ms, done)
        at.command("AT+CMGS=1", t_ms, done, 9000, b"00")
        i = 0
        while i < len(stream):
            t_ms += 1
            piece = stream[i : i + size]
            at.receive(piece, len(piece), t_ms)
            at.tick(t_ms)
            i += size
        for i in range(100):
            t_ms += 300
            at.tick(t_ms)
        print(at.take(), at.timeouts, at.garbage, at.overflows, at.strays)
"""


@pytest.mark.parametrize("engine", [MicroPythonEngine, MicroPython32Engine], ids=["64 bits", "32 bits"])
def test_micropython_hears_the_same(engine, tmp_path):
    try:
        command = engine().command(tmp_path)
    except EngineUnavailableError as reason:
        pytest.skip(str(reason))
    (tmp_path / "dati").mkdir()
    for name in ("__init__", "at", "ticks"):
        (tmp_path / "dati" / f"{name}.py").write_bytes((FIRMWARE / f"{name}.py").read_bytes())
    (tmp_path / "interpreted.py").write_text(RUNNER, encoding="utf-8")
    news = b"".join(bytes_ for bytes_, _ in NEWS) + bytes(range(11, 256)) + b"x" * 900 + b"\r\n\xc3\xa9\r\n"
    stream = b"".join(news + b"".join(lines) for _, lines, _, _ in ANSWERS) + b"\r\n> "
    (tmp_path / "jobs").write_bytes(stream)
    outputs = []
    for program in ([sys.executable, "-S", "-c", "import interpreted; interpreted.main('jobs')"], command):
        run = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        outputs.append(run.stdout.split("\n")[:-1])
    assert outputs[0] == outputs[1]
    assert sum(line.startswith("done") for line in outputs[0]) == 3 * (len(ANSWERS) + 1)

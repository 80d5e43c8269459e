"""The recorder: a file that the independent MCAP reader accepts, whole or cut, of bounded size."""

from __future__ import annotations

import binascii
import io
import struct
import subprocess
import sys
from array import array
from pathlib import Path

import dati
import pytest
from dati import recorder as firmware
from dati.recorder import Recorder
from mcap.reader import NonSeekingReader, make_reader
from mcap.records import Chunk, Message
from mcap.stream_reader import CRCValidationError, StreamReader, breakup_chunk

from simulator.device_log import read_device_log
from simulator.parts.flash import Flash, PowerCut
from simulator.trace import INPUTS

UTC_S = 845_000_000  # 2026-10-11
START_NS = (946_684_800 + UTC_S) * 10**9


def begun(flash, **options):
    made = Recorder(flash, "log", binascii.crc32, **options)
    assert made.begin('{"rate_hz":50}', "abc", (0, 1000, 0), UTC_S, 1000)
    return made


def samples(count, first=0):
    return array("h", [value for n in range(first, first + count) for value in (n, -n, 1000 - n)])


def messages(data):
    """(topic, ms since the start, body) by the reader of the mcap package, CRCs checked."""
    reader = NonSeekingReader(io.BytesIO(data), validate_crcs=True)
    return [
        (channel.topic, (message.log_time - START_NS) // 10**6, message.data)
        for _, channel, message in reader.iter_messages(log_time_order=False)
    ]


def written(seconds=10):
    flash = Flash()
    made = begun(flash)
    for n in range(2 * seconds):
        t_ms = 1000 + 500 * n
        made.samples(samples(25, 25 * n), 0, 25, t_ms)
        made.gnss(b"$GNRMC,no fix*00\r\n", 18, t_ms)
        if n % 5 == 0:
            made.input(firmware.CLEAR, -2, t_ms)
            made.event(4, 0x80, t_ms)
            made.battery(3712, t_ms)
    made.clock(UTC_S + 3, 4000)
    made.end()
    return flash.read("log")


def test_inputs_bear_the_numbers_of_the_simulator():
    assert [getattr(firmware, what.upper()) for what in INPUTS] == list(range(len(INPUTS)))


def test_the_independent_reader_finds_everything_in_order():
    found = messages(written())
    assert found[0][:2] == ("/start", 0)
    blocks = [struct.unpack("<III", body[4:16]) for topic, _, body in found if topic == "/samples"]
    assert [first for first, _, _ in blocks] == [sum(count for *_, count in blocks[:n]) for n in range(len(blocks))]
    values = array("h", b"".join(body[16:] for topic, _, body in found if topic == "/samples"))
    assert values == samples(500)
    assert b"".join(body[12:] for topic, _, body in found if topic == "/gnss") == b"$GNRMC,no fix*00\r\n" * 20
    assert [(t, body[4:]) for topic, t, body in found if topic == "/input"] == [
        (2500 * n, struct.pack("<IIiB", 125 * n + 25, 1000 + 2500 * n, -2, firmware.CLEAR)) for n in range(4)
    ]
    assert [body[4:] for topic, _, body in found if topic == "/battery"] == [
        struct.pack("<IH", 1000 + 2500 * n, 3712) for n in range(4)
    ]
    assert [t for topic, t, _ in found if topic == "/clock"] == [3000]


def test_chunks_say_from_when_to_when_they_reach():
    flash = Flash()
    made = begun(flash, block_bytes=700)
    for t_ms in (6000, 5000, 9000, 8000, 1500):  # the ticks of the board and the time of the sensor are not in step
        made.gnss(bytes(200), 200, t_ms)
    made.end()
    records = StreamReader(io.BytesIO(flash.read("log")), validate_crcs=True, emit_chunks=True).records
    spans = []
    for chunk in (record for record in records if isinstance(record, Chunk)):
        times = [record.log_time for record in breakup_chunk(chunk) if isinstance(record, Message)]
        if times:
            assert (chunk.message_start_time, chunk.message_end_time) == (min(times), max(times))
            spans.append(len(times))
    assert spans == [1, 2, 2, 1]


def test_ros_tools_decode_the_messages():
    """By the definitions in the file itself, as Foxglove does."""
    support = pytest.importorskip("mcap_ros2.decoder", reason="needs mcap-ros2-support")
    reader = make_reader(io.BytesIO(written()), decoder_factories=[support.DecoderFactory()])
    topics = ["/samples", "/input", "/event", "/gnss", "/battery", "/clock"]
    seen = {channel.topic: decoded for _, channel, _, decoded in reader.iter_decoded_messages(topics)}
    assert sorted(seen) == sorted(topics)
    assert (seen["/samples"].samples[-1].x_mg, seen["/samples"].samples[-1].z_mg) == (499, 501)
    assert (seen["/input"].value, seen["/input"].what, seen["/input"].t_ms) == (-2, firmware.CLEAR, 8500)
    assert (seen["/event"].code, seen["/event"].argument) == (4, 0x80)
    assert bytes(seen["/gnss"].data) == b"$GNRMC,no fix*00\r\n"
    assert (seen["/battery"].mv, seen["/clock"].utc_s) == (3712, UTC_S + 3)


def test_samples_that_nothing_parts_share_messages():
    flash = Flash()
    made = begun(flash)
    for n in range(40):
        made.samples(samples(200, 0), 10, 20, 1000 + 200 * n)
    made.samples(samples(200, 0), 0, 200, 9000)
    made.end()
    found = messages(flash.read("log"))
    counts = [struct.unpack("<III", body[4:16])[2] for topic, _, body in found if topic == "/samples"]
    assert sum(counts) == 600 and max(counts) <= 64 and len(counts) < 14
    values = array("h", b"".join(body[16:] for topic, _, body in found if topic == "/samples"))
    assert values == samples(200)[30:60] * 40 + samples(200)


def test_a_damaged_block_is_noticed_by_its_check():
    whole = written(2)
    for at in range(len(whole) - 500, len(whole) - 120, 7):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        with pytest.raises(CRCValidationError):
            messages(bytes(damaged))


@pytest.mark.parametrize("utc_s", [-1, UTC_S])
def test_times_are_of_1970_or_of_the_ticks(utc_s):
    flash = Flash()
    made = Recorder(flash, "log", binascii.crc32)
    late = (1 << 30) - 500
    assert made.begin("{}", "abc", None, utc_s, late)
    made.battery(3700, 500)  # the ticks have come round
    made.end()
    times = [message.log_time for _, _, message in NonSeekingReader(io.BytesIO(flash.read("log"))).iter_messages()]
    start_ns = START_NS if utc_s >= 0 else late * 10**6
    assert times == [start_ns, start_ns + 1000 * 10**6]


def test_a_cut_anywhere_leaves_what_was_written_before(tmp_path):
    flash = Flash()
    made = begun(flash, block_bytes=512)
    first = flash.size("log")
    flash.cut_after(3000)
    with pytest.raises(PowerCut):
        for n in range(100):
            made.samples(samples(25, 25 * n), 0, 25, 1000 + 500 * n)
    data = bytes(flash.files["log"])
    path = tmp_path / "log.mcap"
    counts = []
    for end in range(first + 600, len(data) + 1):
        path.write_bytes(data[:end])
        log = read_device_log(path)
        assert log.cut_bytes is not None and log.cut_bytes < 512 + 49
        assert array("h", log.samples.tobytes()) == samples(len(log.samples))
        counts.append(len(log.samples))
    assert counts == sorted(counts) and counts[0] > 0 and counts[-1] > 300


def test_the_log_is_bounded_and_ends_by_itself():
    flash = Flash()
    made = begun(flash, limit_bytes=20000)
    n = 0
    while made.on:
        made.samples(samples(25), 0, 25, 1000 + 500 * n)
        n += 1
    assert made.full and not made.failed
    assert 14000 < made.size == flash.size("log") <= 20000
    made.samples(samples(25), 0, 25, 0)
    made.event(1, 1, 0)
    made.end()
    assert flash.size("log") == made.size
    assert messages(flash.read("log"))[-1][0] == "/samples"


@pytest.mark.parametrize("fault", ["failing", "full"])
def test_a_failing_store_ends_the_log_and_nothing_else(fault):
    flash = Flash()
    made = begun(flash)
    flash.fault = fault
    for n in range(100):
        made.samples(samples(25), 0, 25, 1000 + 500 * n)
    assert made.failed and not made.on
    made.end()
    assert not Recorder(flash, "other").begin("{}", "abc", None, -1, 0)


def test_settings_longer_than_a_block_and_long_pieces_fit():
    flash = Flash()
    made = Recorder(flash, "log", binascii.crc32, block_bytes=700)
    text = '{"a":"%s"}' % ("x" * 5000)
    assert made.begin(text, "abc", None, -1, 0)
    made.modem_in(bytes(range(256)) * 8, 1500, 0)
    made.modem_out(bytearray(b"AT\r"), 3, 0)
    made.end()
    found = messages(flash.read("log"))
    assert text.encode() in found[0][2]
    assert b"".join(body[12:] for topic, _, body in found if topic == "/modem/in") == (bytes(range(256)) * 8)[:1500]
    assert found[-1][2][12:] == b"AT\r"


_ON_MICROPYTHON = """
import sys, binascii
sys.path.insert(0, sys.argv[1])
from array import array
from dati.recorder import Recorder
class Store:
    data = bytearray()
    def write(self, name, data): self.data = bytearray(data)
    def append(self, name, data): self.data.extend(data)
store = Store()
made = Recorder(store, "log", binascii.crc32)
assert made.begin('{"rate_hz":50}', "abc", (0, 1000, 0), 845000000, 1073741000)
for n in range(40):
    t_ms = (1073741000 + 500 * n) & 0x3FFFFFFF
    made.samples(array("h", [n, -n, 1000] * 25), 0, 25, t_ms)
    made.input(8, 3, t_ms)
    made.event(5, -1, t_ms)
    made.gnss(bytearray(700), 600, t_ms)
made.battery(3712, 5)
made.clock(2147483700, 5)
made.end()
print(binascii.hexlify(store.data).decode())
"""


def test_micropython_writes_the_same_bytes(tmp_path):
    beside = Path(sys.executable).parent / "micropython"
    if not beside.exists():
        pytest.skip("no MicroPython interpreter")
    script = tmp_path / "record.py"
    script.write_text(_ON_MICROPYTHON)
    folder = str(Path(dati.__file__).parents[1])
    written = [
        subprocess.run([str(program), str(script), folder], capture_output=True, text=True, check=True).stdout
        for program in (sys.executable, beside)
    ]
    assert written[0] == written[1] and len(written[0]) > 40000

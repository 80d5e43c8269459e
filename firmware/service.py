"""What the device tells and does for a host on its USB console: state, files, recordings, and a trial of its detectors.

The host writes lines that begin with `dati`, the device answers each with one line that begins with `!`, then JSON.
Everything else on the console is the log. Nothing here starts or ends duty, or an alarm; no place is told. Whatever a
line holds, it is the host's mistake, never a fault of the device: it is answered by {"error": ...}.

    dati status                        state of duty, alarm, sensor, link, battery, clock
    dati memory                        bytes of heap in use
    dati live SECONDS                  for so long a line with the motion each half second; 0 ends it
    dati files                         names and sizes of what the device keeps
    dati read NAME OFFSET COUNT        up to 840 bytes of the journal or the recording, in base64
    dati record 1|0                    begin (off duty) or end a recording
    dati try SETTINGS-JSON X Y Z       a Device of its own, with the worn vertical X Y Z
    dati feed TAKEN BASE64             samples for it after TAKEN ones, int16 little-endian x y z...; answers its events
    dati do NUMBER VALUE               an input for it, numbered as in dati/recorder.py
    dati end                           no more trial: its memory is free; by itself a minute after the last line

A program puts a number and a checksum before the words, `dati #17 1a2b3c4d status`: CRC-32 of "17 status", in hex. The
answer is `!#17 CRC JSON`, its CRC-32 that of "17 JSON". A line that was garbled is answered `!garbled`. One that comes
again, because its answer was garbled, is answered as before and not done again.

A line longer than 250 characters must be written in pieces: MicroPython keeps 260 bytes of what a host writes on a UART
(ports/esp32/mphalport.c), and drops what comes beyond until the next turn reads them, 20 ms later or more.
"""

import binascii
import gc
import json
import sys
from array import array

import dati
from dati import duty, recorder
from dati.clock import stamp
from dati.device import Device
from dati.settings import Settings
from dati.ticks import Countdown

FIRMWARE = "firmware"  # in the store: a hash of what is flashed, written by `dati flash`
LOG = "log.mcap"
_JOURNAL = "journal."
_READ_AT_MOST = 840  # bytes: with all around them a line of 1200 characters, a tenth of a second at 115200 baud
_LIVE_MS = 500
_LIVE_AT_MOST_S = 3600
_ATTENTION_MS = 5000  # after a line the host is taken to go on talking
_TRIAL_MS = 60000  # after a line its trial is kept
_LOST_AT_MOST_S = 60  # in one input of a trial: longer ones would keep the device from its own work


class Service:
    """`board` and `wearable` as the runtime has them."""

    def __init__(self, board, wearable):
        self._board = board
        self._wearable = wearable
        self._attention = Countdown(_ATTENTION_MS)
        self._trial = Countdown(_TRIAL_MS)
        self._live = Countdown(0)
        self._next = Countdown(_LIVE_MS)
        self._heard = ""  # number and checksum of the last line, and what was said to it
        self._said = ""
        self._tried = None
        self._taken = 0
        self._rate_hz = 0  # of the trial

    @property
    def busy(self):
        """Whether a host is there: the device then listens, and does not doze."""
        return self._attention.running or self._live.running

    def turn(self, line, t_ms):
        """`line`: what the host has written meanwhile, or None."""
        self._attention.ran_out(t_ms)
        if self._trial.ran_out(t_ms):
            self._heard = self._said = ""
            self._tried = None
        if self._live.running:
            if self._live.ran_out(t_ms):
                self._next.stop()
            elif self._next.ran_out(t_ms):
                self._next.start(t_ms)
                self._write(json.dumps(self._motion(t_ms)))
        if line is not None and line.startswith("dati "):
            self._attention.start(t_ms)
            self._trial.start(t_ms)
            self._hear(line[5:], t_ms)

    def _write(self, text):
        self._board.console.write_line("!" + text)

    def _hear(self, line, t_ms):
        if not line.startswith("#"):
            self._write(json.dumps(self._do(line, t_ms)))
            return
        number, _, rest = line[1:].partition(" ")
        crc, _, words = rest.partition(" ")
        if crc != _crc(number + " " + words):
            self._write("garbled")
            return
        tag = number + " " + crc
        if tag != self._heard:
            self._heard = ""
            self._said = ""
            said = json.dumps(self._do(words, t_ms))
            self._said = "#%s %s %s" % (number, _crc(number + " " + said), said)
            self._heard = tag
        self._write(self._said)

    def _do(self, line, t_ms):
        verb, _, rest = line.partition(" ")
        work = getattr(self, "_do_" + verb, None)
        if work is None:
            return {"error": "unknown: " + verb}
        try:
            return work(rest, t_ms)
        except OSError as error:
            return {"error": "%s: storage fails (%s)" % (verb, error)}
        except Exception as error:
            return {"error": "%s: %s" % (verb, str(error) or type(error).__name__)}

    def record(self, t_ms):
        """Begin a recording; True when it is under way. It replaces the one before."""
        store = self._board.store
        log = recorder.Recorder(store, LOG, binascii.crc32)
        try:
            return self._wearable.record(log, store.read(FIRMWARE).decode() or "unknown", t_ms)
        finally:
            _let_go()

    @property
    def _recording(self):
        log = self._wearable.recorder
        return log is not None and log.on

    def _do_status(self, rest, t_ms):
        wearable = self._wearable
        modem = wearable.modem
        link_ok_ms = wearable.outbox.link_ok_ms
        return {
            "device": wearable.plan.device,
            "firmware": self._board.store.read(FIRMWARE).decode(),
            "board": self._board.name,
            "duty": dict(duty.STATES)[wearable.duty],
            "alarm": wearable.device.alarm.state,
            "causes": wearable.device.alarm.causes,
            "faults": wearable.supervision.raised,
            "sensor": wearable.sensor_ok,
            "rate_hz": wearable.settings.rate_hz,
            "battery": wearable.battery_percent,
            "charging": wearable.charging,
            "sim": modem.sim,
            "registration": modem.registration,
            "signal_dbm": modem.signal_dbm,
            "centre_s": -1 if link_ok_ms < 0 else ((t_ms - link_ok_ms) & 0x3FFFFFFF) // 1000,
            "utc": stamp(wearable.clock.utc_s(t_ms)),
            "t_ms": t_ms,
            "recording": wearable.recorder.size if self._recording else -1,
        }

    def _do_memory(self, rest, t_ms):
        gc.collect()
        return {"memory": gc.mem_alloc()}

    def _motion(self, t_ms):
        bank = self._wearable.device.bank
        gravity = bank.gravity
        return {"live": [t_ms, gravity.x_mg, gravity.y_mg, gravity.z_mg, bank.motion.level_mg]}

    def _do_live(self, rest, t_ms):
        seconds = _whole(rest, 0, _LIVE_AT_MOST_S)
        self._live.stop()
        self._next.stop()
        if seconds:
            self._live.delay_ms = seconds * 1000
            self._live.start(t_ms)
            self._next.start(t_ms)
        return {"live_s": seconds}

    def _do_files(self, rest, t_ms):
        store = self._board.store
        return {"files": [[name, store.size(name)] for name in store.names()]}

    def _do_read(self, rest, t_ms):
        name, offset, count = rest.split()
        if name != LOG and not (name.startswith(_JOURNAL) and name[len(_JOURNAL) :].isdigit()):
            raise ValueError("not to be read: " + name)  # settings hold keys and numbers, the place is nobody's
        store = self._board.store
        size = store.size(name)
        at = _whole(offset, 0, 1 << 29)
        count = _whole(count, 0, _READ_AT_MOST)
        data = store.read_part(name, at, count) if at < size else b""
        return {"at": at, "size": size, "data": binascii.b2a_base64(data).decode().strip()}

    def _do_record(self, rest, t_ms):
        if _whole(rest, 0, 1):
            return {"recording": self._recording or self.record(t_ms)}
        if self._recording:
            self._wearable.recorder.end()
        return {"recording": False, "size": self._board.store.size(LOG)}

    def _do_try(self, rest, t_ms):
        self._tried = None
        gc.collect()  # the next one needs the room
        try:
            return self._try(rest)
        finally:
            _let_go()

    def _try(self, rest):
        text, end, words = rest.rpartition("}")
        values = json.loads(text + end)
        if type(values) is not dict:
            raise ValueError("settings are no JSON object")
        x, y, z = [_whole(word, -32768, 32767) for word in words.split()]
        settings = Settings(values)
        device = Device(settings, 0)
        if x or y or z:
            device.bank.set_vertical(x, y, z)
        self._taken = 0
        self._rate_hz = settings.rate_hz
        self._tried = device
        return {"trying": settings.rate_hz, "settings": _crc_of_settings(settings)}

    def _do_end(self, rest, t_ms):
        self._tried = None
        return {"trying": 0}

    def _do_feed(self, rest, t_ms):
        taken, _, text = rest.partition(" ")
        device = self._device()
        if _whole(taken, 0, 1 << 29) != self._taken:
            raise ValueError("%d samples are taken" % self._taken)
        data = binascii.a2b_base64(text)
        if len(data) % 6:
            raise ValueError("no whole samples")
        samples = array("h", data)
        count = len(samples) // 3
        events = []
        first = 0
        while first < count:
            first = device.run(samples, first, count)
            self._drain(events, self._taken + first)
        self._taken += count
        return {"taken": self._taken, "events": events}

    def _do_do(self, rest, t_ms):
        what, value = [_whole(word, -32768, 1 << 29) for word in rest.split()]
        device = self._device()
        if what == recorder.LOST and not 0 < value <= _LOST_AT_MOST_S * self._rate_hz:
            raise ValueError("%d samples lost: permitted: 1 to %d" % (value, _LOST_AT_MOST_S * self._rate_hz))
        recorder.apply(device, what, value)
        events = []
        self._drain(events, self._taken)
        return {"taken": self._taken, "events": events}

    def _device(self):
        if self._tried is None:
            raise ValueError("nothing is tried; begin with `dati try`")
        return self._tried

    def _drain(self, events, taken):
        queue = self._tried.events
        while queue.count:
            events.append([taken, queue.t_ms(), queue.code(), queue.argument()])
            queue.drop()


def _whole(text, lowest, highest):
    """A whole number within a range. ValueError for anything else."""
    value = int(text)
    if value < lowest or value > highest:
        raise ValueError("%d: permitted: %d to %d" % (value, lowest, highest))
    return value


def _crc(text):
    return "%08x" % binascii.crc32(text.encode())


def _let_go():
    """Of the tables that making a Device reads: see main.py."""
    if sys.implementation.name == "micropython":
        for name in ("tunables", "fall_scores"):
            if sys.modules.pop("dati." + name, None) is not None:
                delattr(dati, name)


def _crc_of_settings(settings):
    """Of "name=value " of each, the profile first: the host sees whether defaults here and there are the same."""
    from dati.tunables import TUNABLES

    crc = binascii.crc32(("profile=%s " % settings.profile).encode())
    for row in TUNABLES:
        crc = binascii.crc32(("%s=%s " % (row[0], getattr(settings, row[0]))).encode(), crc)
    return "%08x" % crc

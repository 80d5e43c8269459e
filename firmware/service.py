"""What the device tells and does for a host on its USB console: state, files, recordings, and a trial of its detectors.

The host writes lines that begin with `dati`, the device answers each with one line that begins with `!`, then JSON.
Everything else on the console is the log. Nothing here starts or ends duty, or an alarm; no place is told.

    dati status                        state of duty, alarm, sensor, link, battery, clock
    dati memory                        bytes of heap in use
    dati live SECONDS                  for so long a line with the motion each half second; 0 ends it
    dati files                         names and sizes of what the device keeps
    dati read NAME OFFSET COUNT        up to 384 bytes of the journal or the recording, in hex
    dati record 1|0                    begin (off duty) or end a recording
    dati try SETTINGS-JSON X Y Z       a Device of its own, with the worn vertical X Y Z
    dati feed HEX                      samples for it, int16 little-endian x y z...; answers its events
    dati do NUMBER VALUE               an input for it, numbered as in dati/recorder.py
"""

import binascii
import gc
import json
from array import array

from dati import duty, recorder
from dati.clock import stamp
from dati.device import Device
from dati.settings import Settings, SettingsError
from dati.ticks import Countdown

FIRMWARE = "firmware"  # in the store: a hash of what is flashed, written by `dati flash`
LOG = "log.mcap"
_READ_AT_MOST = 384
_LIVE_MS = 500
_ATTENTION_MS = 5000  # after a line the host is taken to go on talking


class Service:
    """`board` and `wearable` as the runtime has them."""

    def __init__(self, board, wearable):
        self._board = board
        self._wearable = wearable
        self._attention = Countdown(_ATTENTION_MS)
        self._live = Countdown(0)
        self._next = Countdown(_LIVE_MS)
        self._tried = None
        self._taken = 0

    @property
    def busy(self):
        """Whether a host is there: the device then listens, and does not doze."""
        return self._attention.running or self._live.running

    def turn(self, t_ms):
        self._attention.ran_out(t_ms)
        if self._live.running:
            if self._live.ran_out(t_ms):
                self._next.stop()
            elif self._next.ran_out(t_ms):
                self._next.start(t_ms)
                self._answer(self._motion(t_ms))
        line = self._board.console.read_line()
        if line is not None and line.startswith("dati "):
            self._attention.start(t_ms)
            self._answer(self._do(line[5:], t_ms))

    def _answer(self, value):
        self._board.console.write_line("!" + json.dumps(value))

    def _do(self, line, t_ms):
        verb, _, rest = line.partition(" ")
        work = getattr(self, "_do_" + verb, None)
        if work is None:
            return {"error": "unknown: " + verb}
        try:
            return work(rest, t_ms)
        except (ValueError, IndexError, KeyError) as error:
            return {"error": "%s: %s" % (verb, error)}
        except OSError as error:
            return {"error": "%s: storage fails (%s)" % (verb, error)}

    def record(self, t_ms):
        """Begin a recording; True when it is under way. It replaces the one before."""
        store = self._board.store
        log = recorder.Recorder(store, LOG, binascii.crc32)
        return self._wearable.record(log, store.read(FIRMWARE).decode() or "unknown", t_ms)

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
            "recording": wearable.recorder.size if wearable.recorder is not None else -1,
        }

    def _do_memory(self, rest, t_ms):
        gc.collect()
        return {"memory": gc.mem_alloc()}

    def _motion(self, t_ms):
        bank = self._wearable.device.bank
        gravity = bank.gravity
        return {"live": [t_ms, gravity.x_mg, gravity.y_mg, gravity.z_mg, bank.motion.level_mg]}

    def _do_live(self, rest, t_ms):
        self._live.stop()
        if int(rest):
            self._live.delay_ms = int(rest) * 1000
            self._live.start(t_ms)
            self._next.start(t_ms)
        return {"live_s": int(rest)}

    def _do_files(self, rest, t_ms):
        store = self._board.store
        return {"files": [[name, store.size(name)] for name in store.names()]}

    def _do_read(self, rest, t_ms):
        name, offset, count = rest.split()
        if not (name == LOG or name.startswith("journal.")):
            raise ValueError("not to be read: " + name)  # settings hold keys and numbers, the place is nobody's
        data = self._board.store.read_part(name, int(offset), min(int(count), _READ_AT_MOST))
        return {"at": int(offset), "hex": binascii.hexlify(data).decode(), "size": self._board.store.size(name)}

    def _do_record(self, rest, t_ms):
        wearable = self._wearable
        if rest == "1":
            return {"recording": self.record(t_ms)}
        if wearable.recorder is not None:
            wearable.recorder.end()
        return {"recording": False, "size": self._board.store.size(LOG)}

    def _do_try(self, rest, t_ms):
        text, _, words = rest.rpartition("}")
        try:
            settings = Settings(json.loads(text + "}"))
        except SettingsError as error:
            return {"error": str(error)}
        self._tried = Device(settings, 0)
        x, y, z = [int(word) for word in words.split()]
        if x or y or z:
            self._tried.bank.set_vertical(x, y, z)
        self._taken = 0
        return {"trying": settings.rate_hz}

    def _do_feed(self, rest, t_ms):
        samples = array("h", binascii.unhexlify(rest))
        count = len(samples) // 3
        events = []
        first = 0
        while first < count:
            first = self._tried.run(samples, first, count)
            self._drain(events, self._taken + first)
        self._taken += count
        return {"taken": self._taken, "events": events}

    def _do_do(self, rest, t_ms):
        what, value = [int(word) for word in rest.split()]
        recorder.apply(self._tried, what, value)
        events = []
        self._drain(events, self._taken)
        return {"taken": self._taken, "events": events}

    def _drain(self, events, taken):
        queue = self._tried.events
        while queue.count:
            events.append([taken, queue.t_ms(), queue.code(), queue.argument()])
            queue.drop()

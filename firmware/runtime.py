"""The loop that carries samples, bytes, buttons and levels between the board's drivers and the device's mind.

Nothing here decides. Each part of a turn is guarded: one that fails becomes a technical alarm and is tried again, one
that goes on failing lets the watchdog bite, and the device then takes up duty and alarm where they were.
"""

import gc
import json
import time
from array import array

from dati import duty, journal, plan
from dati.settings import Settings, SettingsError
from dati.slots import TwoSlots
from dati.ticks import Countdown, ticks_diff
from dati.wearable import Wearable
from drivers.bus import SensorError, nearest
from drivers.watchdog import COMMUNICATION, DETECTORS, SAMPLER

SETTINGS = "settings.json"  # in the board's store, written by `dati flash`

_IDLE_MS = 500  # between turns when nothing is due, if the sensor's FIFO holds as much
_HOUSE_MS = 10000  # between looks at the battery, the sensor's registers, parts that crash
_RETRY_MS = 1000  # between tries to get a failed sensor back
_SILENT_MS = 2000  # without a sample: the sensor is begun anew
_SENSOR_FAILURES = 3  # in a row before the worker and the centre hear of it
_RECORD_MS = 2000  # the cancel button held at power-on: record
_TESTS = 3  # of a sensor's self-test: a worker who moves spoils one
_RETEST_MS = 60000  # between self-tests of a sensor that failed one: till it passes, what it says proves nothing
_CRASHING_MS = 60000  # a part that fails again and again for so long: the whole device starts anew
_READS = 8  # of a serial line in one turn: noise on it must not keep the rest waiting


class Runtime:
    """One board, one wearable. `run` never returns."""

    def __init__(self, board):
        self.board = board
        board.watchdog.start()
        self._samples = array("h", [0] * (3 * 33))
        self._buffer = bytearray(512)
        self._house = Countdown(0)
        self._retry = Countdown(_RETRY_MS)
        self._retest = Countdown(_RETEST_MS)
        self._proof = Countdown(_HOUSE_MS)  # of the sensor's registers
        self._quiet = Countdown(_SILENT_MS)
        self._begun = False
        self._gap = False  # the sensor was begun anew: samples are missing before the next ones
        self._failures = 0
        self._failing = {}  # parts that crash, and since when
        self._crashed = []  # those that did since the last look
        self._look = Countdown(_HOUSE_MS)
        t_ms = time.ticks_ms()
        settings, plan_, self.problem = load(board.store)
        rate = nearest(settings.rate_hz, board.sensor.RATES_HZ)
        if rate >= 0:
            settings.rate_hz = board.sensor.RATES_HZ[rate]
        self.wearable = Wearable(
            settings, plan_, board.dialect, board.store, board.cipher, board.random, _log, t_ms, board
        )
        self._zeroed = plan_.zero_mg != (0, 0, 0)
        modem = self.wearable.modem
        modem.nmea_here = board.gnss_uart is None
        modem.antenna_on = board.gnss_on
        modem.antenna_off = board.gnss_off
        self._marked = board.was_running()
        self.wearable.start(board.started_by(), t_ms)
        if self.problem:
            self.wearable.note_text(journal.NOTE, self.problem, t_ms)
        self._house.start(t_ms)
        self._service = None  # until a host says something: 8 KB that most devices never need
        self._record = Countdown(_RECORD_MS)
        if board.buttons.cancel.held():
            self._record.start(t_ms)

    def run(self):
        board = self.board
        while True:
            self.turn()
            wearable = self.wearable
            wait_ms = wearable.poll_ms(self._idle_ms())
            wait_ms = min(wait_ms, board.signals.due_ms(time.ticks_ms()))
            if board.buttons.busy:
                wait_ms = min(wait_ms, 20)
            served = self._service is not None and self._service.busy
            if served:
                wait_ms = min(wait_ms, 20)
            board.sleep(wait_ms, wearable.may_doze and not served)

    def _idle_ms(self):
        """How long the sensor's FIFO may be left alone: not every board is woken by it, nor from every sleep."""
        sensor = self.board.sensor
        if not self._begun or not sensor.rate_hz:
            return _IDLE_MS
        return min(_IDLE_MS, sensor.watermark * 1000 // sensor.rate_hz)

    def turn(self):
        """Every part once."""
        self._guarded("buttons", self._turn_buttons)
        self._guarded("sensor", self._turn_sensor)
        self._guarded("modem", self._turn_modem)
        self._guarded("house", self._turn_house)
        self._guarded("signals", self._turn_signals)
        self._guarded("service", self._turn_service)
        self._look_after(time.ticks_ms())

    def _guarded(self, part, work):
        t_ms = time.ticks_ms()
        try:
            work(t_ms)
        except Exception as error:
            if part not in self._failing:
                self._failing[part] = t_ms
            if part not in self._crashed:
                # Told again at the next look: the journal has other things to keep, too.
                self._crashed.append(part)
                self.wearable.crashed("%s: %s %s" % (part, type(error).__name__, error), t_ms)

    def _look_after(self, t_ms):
        """A part that goes on failing ends in a reset, but not before everybody could hear of it."""
        if self._look.running and not self._look.ran_out(t_ms):
            return
        self._look.start(t_ms)
        for part in list(self._failing):
            if part not in self._crashed:
                del self._failing[part]
            elif ticks_diff(t_ms, self._failing[part]) >= _CRASHING_MS:
                self.board.reset()
        self._crashed = []

    def _turn_buttons(self, t_ms):
        buttons = self.board.buttons
        wearable = self.wearable
        pressed = buttons.sos.poll(t_ms)
        if pressed:
            wearable.sos(pressed > 0, t_ms)
        pressed = buttons.cancel.poll(t_ms)
        if self._record.running:
            self._ask_to_record(t_ms)
        elif pressed:
            wearable.cancel(pressed > 0, t_ms)
        pressed = buttons.cord.poll(t_ms)
        if pressed:
            wearable.cord(pressed > 0, t_ms)

    def _ask_to_record(self, t_ms):
        """Whoever holds the cancel button while switching on wants a recording, and no duty."""
        if not self.board.buttons.cancel.held():
            self._record.stop()
        elif self._record.ran_out(t_ms):
            self._serve().record(t_ms)

    def _turn_sensor(self, t_ms):
        board = self.board
        wearable = self.wearable
        count = 0
        overflowed = False
        try:
            if not self._begun:
                self._begin(t_ms)
            if self._begun:
                if wearable.sensor_suspect or self._retest.ran_out(t_ms):
                    self._test_sensor(t_ms)
                if self._proof.ran_out(t_ms):
                    self._proof.start(t_ms)
                    if not board.sensor.configured():
                        raise SensorError("restarted by itself")
                    wearable.health.temperature_dc = board.sensor.temperature_dc()
                count = board.sensor.read(self._samples)
                overflowed = board.sensor.overflowed
                if self._zeroed:
                    self._take_zero(count)
                if self._quiet.ran_out(t_ms) and not count:
                    raise SensorError("no samples")
                if count:
                    overflowed = overflowed or self._gap
                    self._gap = False
                    self._quiet.start(t_ms)
                    self._failures = 0
                    if not wearable.sensor_ok and not self._retest.running:
                        wearable.sensor(True, t_ms)
        except (OSError, SensorError) as error:
            self._sensor_failed(error, t_ms)
        board.watchdog.progress(SAMPLER)
        wearable.samples(self._samples, count, overflowed, time.ticks_ms())  # a self-test takes its time
        board.watchdog.progress(DETECTORS)

    def _take_zero(self, count):
        samples = self._samples
        x_mg, y_mg, z_mg = self.wearable.plan.zero_mg
        for i in range(0, 3 * count, 3):
            samples[i] -= x_mg
            samples[i + 1] -= y_mg
            samples[i + 2] -= z_mg

    def _begin(self, t_ms):
        if self._retry.running and not self._retry.ran_out(t_ms):
            return
        self._retry.start(t_ms)
        if self._failures:
            self.board.sensor.recover()
        self.board.sensor.begin(self.wearable.settings.rate_hz)
        self._begun = True
        self._proof.start(t_ms)
        self._quiet.start(t_ms)

    def _test_sensor(self, t_ms):
        """The maker's self-test: half a second without samples, so only at the start of duty or on suspicion."""
        board = self.board
        self._gap = True
        for left in range(_TESTS - 1, -1, -1):
            try:
                self.wearable.health.self_test_mg = board.sensor.self_test()
                break
            except SensorError as error:
                if left == 0:
                    self.wearable.note_text(journal.TEST_FAILED, str(error), t_ms)
                    self.wearable.sensor(False, t_ms)
                    self._begun = False
                    self._retest.start(t_ms)
                    return
        self._retest.stop()
        board.sensor.begin(self.wearable.settings.rate_hz)
        self._quiet.start(time.ticks_ms())
        self.wearable.sensor(True, t_ms)

    def _sensor_failed(self, error, t_ms):
        self._begun = False
        self._gap = True
        self._failures += 1
        if self._failures == _SENSOR_FAILURES:
            self.wearable.note_text(journal.NOTE, "sensor: %s" % error, t_ms)
            self.wearable.sensor(False, t_ms)

    def _turn_modem(self, t_ms):
        board = self.board
        wearable = self.wearable
        modem = wearable.modem
        pins = board.modem_pins
        if pins.ringing():
            modem.wake(t_ms)
        buffer = self._buffer
        for _ in range(_READS):
            count = board.modem_uart.readinto(buffer) if board.modem_uart.any() else 0
            if not count:
                break
            if wearable.recorder is not None:
                wearable.recorder.modem_in(buffer, count, t_ms)
            modem.receive(buffer, count, t_ms)
        if board.gnss_uart is not None:
            for _ in range(_READS):
                count = board.gnss_uart.readinto(buffer) if board.gnss_uart.any() else 0
                if not count:
                    break
                if wearable.recorder is not None:
                    wearable.recorder.gnss(buffer, count, t_ms)
                wearable.position.receive(buffer, count, t_ms)
        wearable.tick(t_ms)
        pins.supply(True)
        pins.power_key(modem.power_key)
        pins.reset(modem.reset)
        pins.sleep(modem.sleep)
        if self._marked != (wearable.duty == duty.ON):
            self._marked = not self._marked
            board.mark_running(self._marked)
        data = modem.take()
        if data:
            if wearable.recorder is not None:
                wearable.recorder.modem_out(data, len(data), t_ms)
            board.modem_uart.write(data)
        board.watchdog.progress(COMMUNICATION)

    def _turn_house(self, t_ms):
        """Now and then: battery, charger, memory."""
        board = self.board
        wearable = self.wearable
        testing = wearable.function_test is not None and wearable.function_test.step == duty.BATTERY
        if not self._house.ran_out(t_ms) and not testing:
            return
        self._house.start(t_ms)
        self._house.delay_ms = _HOUSE_MS
        voltage_mv = board.battery.read_mv()
        if wearable.recorder is not None:
            wearable.recorder.battery(voltage_mv, t_ms)
        wearable.power(board.battery.percent(voltage_mv) if voltage_mv else -1, board.battery.charging(), t_ms)
        gc.collect()

    def _turn_service(self, t_ms):
        line = self.board.console.read_line()
        if self._service is not None or (line is not None and line.startswith("dati ")):
            self._serve().turn(line, t_ms)

    def _serve(self):
        if self._service is None:
            from service import Service

            self._service = Service(self.board, self.wearable)
        return self._service

    def _turn_signals(self, t_ms):
        signals = self.board.signals
        wearable = self.wearable
        signals.show(wearable.signal, t_ms)
        if wearable.beeps and signals.short < 0:  # one after the other, each to its end
            signals.once(wearable.beeps.pop(0), t_ms)
        signals.vibrate(wearable.vibrate)
        signals.tick(t_ms)


def load(store):
    """(Settings, Plan, problem in one line or ""). The last good settings stand in for ones that are not."""
    kept = TwoSlots(store, "settings")
    problem = ""
    for text in (_read(store), kept.load()):
        if not text:
            continue
        try:
            settings, plan_ = plan.load(json.loads(text))
        except SettingsError as error:
            problem = problem or str(error)
            continue
        except ValueError:
            problem = problem or "settings file: no JSON"
            continue
        if kept.load() != text:
            kept.save(text)
        return settings, plan_, problem
    return Settings(), plan.Plan(), problem or "no settings: this device is not configured"


def _read(store):
    try:
        return store.read(SETTINGS)
    except OSError:
        return b""


def _log(what, detail):
    print("%s %s %s" % (time.ticks_ms(), what, detail))

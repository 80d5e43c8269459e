"""The loop between drivers and mind: settings, parts that crash or hang, a sensor that fails, how long it sleeps."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from dati import duty, signals
from dati.alarm import IN_ALARM
from dati.memory import Memory
from hypothesis import given
from hypothesis import strategies as st
from worn import PLAN

from simulator.firmware import _Firmware
from simulator.parts.flash import Flash

GOOD = {"format": 1, "settings": {"sos_hold_ms": 2000}, "plan": PLAN}


class Reset(BaseException):
    pass


@pytest.fixture(scope="module")
def firmware():
    return _Firmware()


class Sensor:
    RATES_HZ = (25, 50, 100, 200)

    def __init__(self, error):
        self.error = error  # SensorError of the firmware
        self.rate_hz = self.watermark = 0
        self.overflowed = False
        self.fails = None  # raised by whatever is asked of it
        self.good = True  # passes its self-test
        self.whole = True  # its registers are as begun
        self.silent = False
        self.begun = self.recovered = self.tested = 0
        self.test_takes_ms = 450
        self.host = None
        self._read_us = 0

    def _try(self):
        if self.fails is not None:
            raise self.fails

    def begin(self, rate_hz):
        self._try()
        self.begun += 1
        self.rate_hz = rate_hz
        self.watermark = {25: 12, 50: 22, 100: 12, 200: 8}[rate_hz]
        self.whole = True
        self._read_us = self.host.now_us

    def recover(self):
        self._try()
        self.recovered += 1

    def self_test(self):
        self._try()
        self.tested += 1
        self.host.now_us += self.test_takes_ms * 1000
        if not self.good:
            raise self.error("self-test: axis x moved by 0 mg")
        return [350, 350, 350]

    def temperature_dc(self):
        self._try()
        return 250

    def configured(self):
        self._try()
        return self.whole

    def read(self, samples):
        self._try()
        count = (self.host.now_us - self._read_us) * self.rate_hz // 1000000
        if self.silent or not self.whole:
            self._read_us = self.host.now_us
            return 0
        self._read_us += count * 1000000 // self.rate_hz
        self.overflowed = count > 32
        count = min(count, 32)
        for i in range(count):
            samples[3 * i : 3 * i + 3] = type(samples)("h", (0, 1000, 0))
        return count


class Button:
    def __init__(self):
        self.news = []
        self.down = False

    def poll(self, t_ms):
        if not self.news:
            return 0
        new = self.news.pop(0)
        self.down = new > 0
        return new

    def held(self):
        return self.down


class Line:
    """A serial line that has something to say for ever, or nothing."""

    def __init__(self):
        self.endless = False
        self.reads = 0

    def any(self):
        return self.endless

    def readinto(self, buffer):
        self.reads += 1
        buffer[:4] = b"xxx\n"
        return 4

    def write(self, data):
        return len(data)


class Bench:
    """A board of fakes around the true runtime, wearable and watchdog."""

    def __init__(self, firmware, flash=None):
        self.modules, self.host = firmware.modules, firmware.host
        self.host.now_us = 5_000_000
        self.lines = []
        self.fed_us = None
        self.naps = []
        self.host.call = self.call
        for module in self.modules.values():
            module.__dict__["print"] = lambda *words: self.lines.append(" ".join(map(str, words)))
        self.flash = flash or Flash()
        sensor = Sensor(self.modules["drivers.bus"].SensorError)
        sensor.host = self.host
        buttons = SimpleNamespace(sos=Button(), cancel=Button(), cord=Button(), busy=False)
        nothing = dict.fromkeys(("show", "once", "vibrate", "tick"), lambda *_: None)
        self.board = SimpleNamespace(
            name="fake",
            dialect="a76xx",
            store=self.flash,
            cipher=None,
            random=lambda n: bytes(n),
            sensor=sensor,
            buttons=buttons,
            modem_uart=Line(),
            gnss_uart=None,
            gnss_on=(),
            gnss_off=(),
            modem_pins=SimpleNamespace(
                ringing=lambda: False, **dict.fromkeys(("supply", "power_key", "reset", "sleep"), lambda on: None)
            ),
            signals=SimpleNamespace(short=-1, due_ms=lambda t_ms: 60000, **nothing),
            battery=SimpleNamespace(read_mv=lambda: 4000, percent=lambda mv: 82, charging=lambda: False),
            watchdog=self.modules["drivers.watchdog"].Watchdog(20000),
            console=SimpleNamespace(read_line=lambda: None, write_line=self.lines.append),
            started_by=lambda: 0,
            was_running=lambda: False,
            mark_running=lambda on: None,
            kept=lambda: b"",
            keep=lambda data: None,
            sleep=self.sleep,
            reset=self.reset,
        )
        self.runtime = None

    def call(self, operation, *arguments):
        if operation == "wdt_feed" or operation == "wdt":
            self.fed_us = self.host.now_us
        elif operation == "sleep_us":
            self.host.now_us += arguments[0]
        elif operation == "reset":
            raise Reset
        return 0

    def reset(self):
        raise Reset

    def sleep(self, ms, light):
        self.naps.append((ms, light))
        self.host.now_us += ms * 1000
        if self.host.now_us - (self.fed_us or 0) > 20_000_000:
            raise Reset  # the watchdog has bitten
        if self.host.now_us >= self.until_us:
            raise StopIteration

    def start(self):
        self.runtime = self.modules["runtime"].Runtime(self.board)
        self.w = self.runtime.wearable
        return self

    def run(self, ms):
        self.until_us = self.host.now_us + ms * 1000
        with pytest.raises(StopIteration):
            self.runtime.run()
        return self

    def resets(self, within_ms):
        """How long until it starts anew, ms."""
        began_us = self.host.now_us
        self.until_us = began_us + within_ms * 1000
        with pytest.raises(Reset):
            self.runtime.run()
        return (self.host.now_us - began_us) // 1000

    def said(self, what):
        return [line.split(" ", 2)[2] for line in self.lines if line.split(" ")[1:2] == [what]]


@pytest.fixture
def bench(firmware):
    made = Bench(firmware)
    made.flash.write("settings.json", json.dumps(GOOD).encode())
    memory = Memory(made.flash)
    memory.on_duty = memory.expected = True
    memory.vertical = (0, 16384, 0)
    memory.save()
    return made.start()


# --- settings ---


def load(firmware, flash):
    return firmware.modules["runtime"].load(flash)


def test_without_settings_it_starts_and_says_so(firmware):
    settings, plan, problem = load(firmware, Flash())
    assert (settings.sos_hold_ms, plan.contacts) == (1500, [])
    assert problem == "no settings: this device is not configured"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"{", "settings file: no JSON"),
        (b"\xff\xfe{}", "settings file: no JSON"),
        (b"[1, 2]", 'settings file: no "format": this is no settings file of this device'),
        (b'{"format": 2}', "settings file: written for another version: format 2, this firmware reads 1; "),
        (b'{"format": 1, "settings": {"sos_hold_ms": -1}}', "sos_hold_ms = -1: permitted: 0 to 60000"),
        (b'{"format": 1, "settings": {"sos": 1}}', "sos: unknown setting; "),
        (b'{"format": 1, "plan": {"who": 1}}', "plan.who: unknown; "),
    ],
)
def test_the_last_good_settings_stand_in_for_bad_ones(firmware, text, problem):
    flash = Flash()
    flash.write("settings.json", text)
    settings, _, said = load(firmware, flash)
    assert settings.sos_hold_ms == 1500
    assert said.startswith(problem)
    assert "\n" not in said
    flash.write("settings.json", json.dumps(GOOD).encode())
    settings, plan, said = load(firmware, flash)
    assert (settings.sos_hold_ms, plan.worker, said) == (2000, "Camille Martin", "")
    flash.write("settings.json", text)
    settings, plan, said = load(firmware, flash)
    assert (settings.sos_hold_ms, plan.worker) == (2000, "Camille Martin")
    assert said.startswith(problem)


def test_good_settings_are_kept_once_and_a_torn_file_does_not_matter(firmware):
    flash = Flash()
    whole = json.dumps(GOOD).encode()
    flash.write("settings.json", whole)
    load(firmware, flash)
    writes = sum(flash.writes.values())
    load(firmware, flash)
    assert sum(flash.writes.values()) == writes
    for cut in range(0, len(whole), 13):
        flash.write("settings.json", whole[:cut])
        assert load(firmware, flash)[0].sos_hold_ms == 2000
    flash.fault = "failing"
    settings, _, problem = load(firmware, flash)
    assert settings.sos_hold_ms == 1500
    assert problem


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 33) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["device", "worker", "apn", "pin", "centre", "centre_number", "contacts", "code", "steps"])
entry = st.dictionaries(
    st.sampled_from(["name", "number", "host", "port", "account", "key", "sms"]), values, max_size=4
)
plans = st.dictionaries(keys, values | entry | st.lists(entry, max_size=2), max_size=4)


@given(document=st.fixed_dictionaries({"format": st.just(1)}, optional={"settings": values, "plan": values | plans}))
def test_whatever_is_in_the_file_the_device_starts(firmware, document):
    flash = Flash()
    flash.write("settings.json", json.dumps(document).encode())
    settings, plan, problem = load(firmware, flash)
    assert "\n" not in problem
    assert settings.sos_hold_ms >= 0
    assert plan.device


def test_a_zero_that_was_found_is_taken_off_each_sample_and_said_in_the_record(firmware):
    made = Bench(firmware)
    plan = {**GOOD["plan"], "zero_mg": [10, -20, 30]}
    made.flash.write("settings.json", json.dumps({**GOOD, "plan": plan}).encode())
    made.start()
    made.run(1000)
    assert made.runtime._samples[:6].tolist() == [-10, 1020, -30] * 2
    record = made.w.health.standing(made.w.device.bank)
    assert record[-6:] == bytes((10, 0, 0xEC, 0xFF, 30, 0))


@pytest.mark.parametrize("zero", [[1, 2], "0", [0, 0, 501], [0.5, 0, 0], [True, 0, 0], {"x": 1}])
def test_a_zero_that_is_none_is_refused_in_a_line(firmware, zero):
    flash = Flash()
    flash.write("settings.json", json.dumps({**GOOD, "plan": {**GOOD["plan"], "zero_mg": zero}}).encode())
    assert "zero_mg" in load(firmware, flash)[2]


def test_a_rate_near_one_of_the_sensors_becomes_it(firmware):
    made = Bench(firmware)
    made.flash.write("settings.json", json.dumps({**GOOD, "settings": {"rate_hz": 26}}).encode())
    assert made.start().w.settings.rate_hz == 25


# --- parts that crash or hang ---


def test_a_part_that_crashes_is_told_and_the_others_go_on(bench):
    bench.run(1000)
    bench.board.battery.read_mv = lambda: 1 // 0
    bench.run(12000)
    assert bench.said("note") == ["crash: house: ZeroDivisionError integer division or modulo by zero"]
    assert bench.said("fault_began") == ["program"]
    bench.board.buttons.sos.news = [1]
    bench.run(3000)
    assert bench.w.device.alarm.state == IN_ALARM
    bench.board.battery.read_mv = lambda: 4000
    bench.run(80000)
    assert "program" in bench.said("fault_ended")


@pytest.mark.parametrize("part", ["buttons", "signals", "house"])
def test_a_part_that_goes_on_crashing_ends_in_a_reset_after_everybody_could_hear(bench, part):
    bench.run(1000)

    def fails(t_ms):
        raise ValueError("broken")

    setattr(bench.runtime, "_turn_" + part, fails)
    took_ms = bench.resets(120000)
    assert 55000 <= took_ms <= 85000
    told = bench.said("note")
    assert 4 <= len(told) <= 10  # not at every turn: the journal has other things to keep
    assert bench.said("fault_began").count("program") == 1
    assert bench.said("fault_ended") == []


@pytest.mark.parametrize("part", ["modem", "sensor"])
def test_the_watchdog_is_not_fed_when_sampling_or_communication_fails(bench, part):
    bench.run(5000)
    assert bench.host.now_us - bench.fed_us < 1_000_000

    def fails(t_ms):
        raise ValueError("broken")

    setattr(bench.runtime, "_turn_" + part, fails)
    assert 19000 <= bench.resets(60000) <= 22000


def test_a_detector_that_crashes_starves_the_watchdog_and_is_told(bench):
    bench.run(1000)
    bench.w.device.run = lambda *_: 1 // 0
    assert bench.resets(60000) <= 22000
    assert "crash: sensor: ZeroDivisionError" in bench.said("note")[0]


def test_a_start_that_fails_is_under_the_watchdog_and_ends_in_a_reset(bench, firmware):
    bench.fed_us = None

    class Boards:
        @staticmethod
        def choose():
            raise OSError(5, "EIO")

    main = firmware.modules["main"]
    true = main.boards
    main.boards = Boards
    try:
        with pytest.raises(Reset):
            main.main()
    finally:
        main.boards = true
    assert "crashed OSError: [Errno 5] EIO" in bench.lines[-1]
    bench.board.store = None  # whatever it starts with
    with pytest.raises(AttributeError):
        bench.modules["runtime"].Runtime(bench.board)
    assert bench.board.watchdog._hardware is not None


def test_noise_without_end_on_a_serial_line_keeps_nobody_waiting(bench):
    bench.board.modem_uart.endless = True
    bench.run(1000)
    assert bench.board.modem_uart.reads <= 8 * (len(bench.naps) + 1)
    assert bench.host.now_us - bench.fed_us < 1_000_000


# --- the sensor ---


def test_a_bus_error_is_mended_before_anybody_hears_of_it_and_the_gap_is_counted(bench):
    bench.run(5000)
    bench.board.sensor.fails = OSError(116, "ETIMEDOUT")
    bench.run(700)
    bench.board.sensor.fails = None
    bench.run(5000)
    assert bench.board.sensor.recovered == 1
    assert bench.w.sensor_ok
    assert bench.said("fault_began") == []
    lost = sum(map(int, bench.said("samples_lost")))
    assert 30 <= lost <= 110
    assert abs(bench.w.device.now_ms - bench.host.now_us // 1000) <= 600


def test_a_sensor_that_stays_away_is_an_alarm_within_seconds_and_comes_back(bench):
    bench.run(5000)
    bench.board.sensor.fails = OSError(19, "ENODEV")
    bench.run(4000)
    assert not bench.w.sensor_ok
    assert bench.w.device.alarm.state == IN_ALARM
    assert bench.said("note") == ["sensor: [Errno 19] ENODEV"]
    assert bench.host.now_us - bench.fed_us < 1_000_000  # a dead sensor is no dead program
    bench.board.sensor.fails = None
    bench.run(5000)
    assert bench.w.sensor_ok
    assert "sensor" in bench.said("fault_ended")


def test_a_sensor_that_answers_but_gives_no_samples_is_begun_anew_and_then_told(bench):
    bench.run(5000)
    begun = bench.board.sensor.begun
    bench.board.sensor.silent = True
    bench.run(4000)
    assert bench.board.sensor.begun > begun
    assert bench.w.sensor_ok
    bench.run(8000)
    assert not bench.w.sensor_ok
    assert bench.said("note") == ["sensor: no samples"]


def test_a_sensor_that_restarts_by_itself_is_begun_anew(bench):
    bench.run(5000)
    bench.board.sensor.whole = False
    bench.run(12000)
    assert bench.board.sensor.whole
    assert bench.w.sensor_ok
    assert bench.said("samples_lost")


def test_a_bus_error_while_the_registers_are_checked_is_the_sensors_and_no_crash(bench):
    bench.run(5000)
    bench.board.sensor.configured = lambda: (_ for _ in ()).throw(OSError(116, "ETIMEDOUT"))
    bench.run(15000)
    assert bench.board.sensor.recovered >= 1
    assert not any(text.startswith("crash") for text in bench.said("note"))


def test_a_failed_self_test_counts_until_one_passes(bench):
    bench.run(5000)
    bench.board.sensor.good = False
    bench.w.sensor_suspect = True
    bench.run(5000)
    assert not bench.w.sensor_ok
    assert bench.said("test_failed") == ["self-test: axis x moved by 0 mg"]
    bench.run(30000)
    assert not bench.w.sensor_ok
    bench.board.sensor.good = True
    bench.run(40000)
    assert bench.w.sensor_ok


def test_the_time_of_a_self_test_is_a_counted_gap(bench):
    bench.run(5000)
    bench.w.sensor_suspect = True
    bench.run(5000)
    assert bench.board.sensor.tested == 1
    assert sum(map(int, bench.said("samples_lost"))) >= 20
    assert abs(bench.w.device.now_ms - bench.host.now_us // 1000) <= 600


# --- how long it sleeps ---


@pytest.mark.parametrize("rate_hz", [25, 50, 100, 200])
@pytest.mark.parametrize("quiet", [True, False])
def test_the_fifo_never_overflows_for_sleeping_too_long(firmware, rate_hz, quiet):
    made = Bench(firmware)
    settings = {"rate_hz": rate_hz, "immobility_enabled": False, "technical_delay_ms": 3600000}
    made.flash.write("settings.json", json.dumps({**GOOD, "settings": settings}).encode())
    made.start()
    made.run(1000)
    if quiet:
        made.w.modem.tick = lambda t_ms: None
        made.w.modem.power.state = 2
    made.w.modem.sleep = quiet
    made.w.place.tick = lambda *_: None
    made.w.place.on = False
    if not quiet:
        made.board.buttons.sos.news = [1, -1]
        made.w.device.sos.delay_ms = 0
    made.run(20000)
    assert made.said("samples_lost") == []
    longest_ms = max(ms for ms, _ in made.naps[10:])
    assert longest_ms * rate_hz // 1000 <= made.board.sensor.watermark
    assert longest_ms >= (40 if quiet else 20)


def test_it_dozes_when_quiet_and_never_while_sos_is_held(bench):
    bench.run(1000)
    w = bench.w
    w.modem.tick = lambda t_ms: None
    w.modem.power.state = 2
    w.modem.sleep = True
    w.place.tick = lambda *_: None
    w.place.on = False
    bench.naps.clear()
    bench.run(2000)
    assert (440, True) in bench.naps
    bench.board.buttons.sos.news = [1]
    bench.run(500)
    bench.naps.clear()
    bench.run(1000)
    assert set(bench.naps) == {(20, False)}
    assert w.duty == duty.ON
    assert w.signal == signals.ON_DUTY

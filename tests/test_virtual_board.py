"""The virtual ESP32: what wakes it, what it misses asleep, and what survives which end of the program."""

from __future__ import annotations

import pytest

from simulator.firmware import CPythonRuntime, Runtime, _Firmware
from simulator.parts.clock import Timeline, VirtualClock
from simulator.parts.flash import Flash, PowerCut
from simulator.virtual_board import (
    FLASH_FLUSH_US,
    HARD,
    POWER_ON,
    SOFT,
    TURN_US,
    WATCHDOG,
    Finished,
    Restart,
    Uart,
    VirtualBoard,
)

BUTTON, INT1, RI = 39, 32, 33


@pytest.fixture
def board():
    clock = VirtualClock()
    made = VirtualBoard(clock, Timeline(clock), Flash(), seed=1)
    made.end_us = 3600_000_000
    made.pressed = False
    made.inputs[BUTTON] = lambda: int(made.pressed)
    made.power_on(POWER_ON)
    return made


def slept_ms(board, ms):
    began_us = board.clock.now_us
    board.call("lightsleep", ms)
    return (board.clock.now_us - began_us - TURN_US) / 1000


def press(board, after_ms, on=True):
    board.clock.after_ms(after_ms, lambda: setattr(board, "pressed", on))


# --- sleep ---


def test_light_sleep_ends_after_its_time(board):
    board.call("wake", 1, str(BUTTON), 1)
    assert slept_ms(board, 500) == 500


def test_a_pin_that_rises_wakes_it_at_once_and_one_that_is_no_wake_pin_does_not(board):
    press(board, 120)
    assert slept_ms(board, 500) == 500
    press(board, 0, False)
    board.call("sleep_us", 1000)
    board.call("wake", 1, f"{INT1} {BUTTON}", 1)
    press(board, 120)
    assert slept_ms(board, 500) == 120


def test_a_low_level_wakes_by_the_other_source(board):
    board.ringing = False
    board.inputs[RI] = lambda: int(not board.ringing)
    board.call("wake", 0, str(RI), 0)
    board.clock.after_ms(70, lambda: setattr(board, "ringing", True))
    assert slept_ms(board, 500) == 70


def test_a_later_choice_of_wake_pins_takes_the_place_of_the_first(board):
    board.call("wake", 1, str(BUTTON), 1)
    board.call("wake", 1, str(INT1), 1)
    press(board, 50)
    assert slept_ms(board, 200) == 200
    board.call("wake", 1, "", 1)
    assert slept_ms(board, 200) == 200


def test_a_pin_that_is_active_already_and_armed_lets_it_not_sleep(board):
    board.call("wake", 1, str(BUTTON), 1)
    board.pressed = True
    assert slept_ms(board, 500) == 0


def test_the_sensors_interrupt_wakes_it_only_when_it_is_armed(board):
    rises_us = board.clock.now_us + 240_000
    board.inputs[INT1] = lambda: int(board.clock.now_us >= rises_us)
    board.next_interrupt_us = lambda: max(rises_us, board.clock.now_us)
    board.call("wake", 1, str(INT1), 1)
    assert slept_ms(board, 500) == 240
    assert slept_ms(board, 500) == 0
    board.call("wake", 1, str(BUTTON), 1)  # as the firmware does with a line that is up already
    assert slept_ms(board, 500) == 500
    press(board, 100)
    assert slept_ms(board, 500) == 100


def test_plain_sleep_is_ended_by_no_pin(board):
    board.call("wake", 1, str(BUTTON), 1)
    press(board, 100)
    began_us = board.clock.now_us
    board.call("sleep_us", 500_000)
    assert board.clock.now_us - began_us == 500_000


def test_what_falls_due_asleep_happens_at_its_own_time(board):
    seen = []
    for ms in (10, 250, 490):
        board.clock.after_ms(ms, lambda: seen.append(board.clock.now_ms))
    began_ms = board.clock.now_ms
    board.call("lightsleep", 400)
    board.call("sleep_us", 300_000)
    assert [ms - began_ms for ms in seen] == [10, 250, 490]


def test_the_power_that_each_state_takes_is_told(board):
    told = []
    board.on_power = lambda part, state: told.append(state)
    board.call("lightsleep", 10)
    board.call("sleep_us", 10)
    assert told == ["light_sleep", "active", "waiting", "active"]


# --- serial lines ---


def test_a_serial_line_is_deaf_asleep_and_bounded_awake(board):
    line = board.uarts[1] = Uart()
    board.call("uart_rxbuf", 1, 10)
    board.clock.after_ms(100, lambda: line.feed(b"lost"))
    board.call("lightsleep", 200)
    assert board.call("uart_any", 1) == 0
    assert line.lost == 4
    board.clock.after_ms(100, lambda: line.feed(b"heard and more"))
    board.call("sleep_us", 200_000)
    assert board.call("uart_any", 1) == 10
    assert board.call("uart_read", 1, 5) == b"heard"
    assert board.call("uart_read", 1, 50) == b" and "
    assert line.lost == 8
    written = []
    line.on_write = written.append
    assert board.call("uart_write", 1, b"AT\r") == 3
    assert written == [b"AT\r"]


def test_what_waits_in_a_serial_line_is_gone_with_a_restart(board):
    line = board.uarts[1] = Uart()
    line.feed(b"old")
    board.power_on(SOFT)
    assert board.call("uart_any", 1) == 0
    line.feed(b"new")
    assert board.call("uart_any", 1) == 3


# --- ends of the program ---


def test_a_watchdog_that_is_not_fed_restarts_it_even_asleep(board):
    board.call("wdt", 20000)
    for _ in range(5):
        board.call("sleep_us", 15_000_000)
        board.call("wdt_feed")
    fed_us = board.clock.now_us
    assert board.fed_us == fed_us
    with pytest.raises(Restart) as ended:
        for _ in range(100):
            board.call("lightsleep", 500)
    assert ended.value.cause == WATCHDOG
    assert abs(board.clock.now_us - fed_us - 20_000_000) <= TURN_US
    assert board.timeline.entries[-1].what == "watchdog"
    board.power_on(WATCHDOG)
    assert board.call("reset_cause") == WATCHDOG
    board.call("sleep_us", 60_000_000)  # nobody has started it again


@pytest.mark.parametrize(("cause", "kept"), [(SOFT, True), (WATCHDOG, True), (HARD, True), (POWER_ON, False)])
def test_rtc_memory_survives_all_but_a_cut_of_power(board, cause, kept):
    board.call("rtc_set", b"dati was running")
    board.power_on(cause)
    assert board.call("rtc_get") == (b"dati was running" if kept else b"")
    assert board.call("reset_cause") == cause


def test_a_reset_ends_the_program_where_it_is(board):
    with pytest.raises(Restart) as ended:
        board.call("reset")
    assert ended.value.cause == SOFT
    with pytest.raises(Restart):
        board.call("sleep_us", 1)  # whatever it still tries


def test_a_power_cut_ends_it_in_the_middle_of_a_sleep(board):
    board.clock.after_ms(300, board.cut_power)
    began_us = board.clock.now_us
    with pytest.raises(PowerCut):
        board.call("sleep_us", 10_000_000)
    assert board.clock.now_us - began_us == 300_000


def test_the_scenario_ends_at_its_end(board):
    board.end_us = board.clock.now_us + 1_000_000
    with pytest.raises(Finished):
        board.call("sleep_us", 5_000_000)
    assert board.clock.now_us == board.end_us


def test_ticks_count_from_each_start_or_from_where_one_likes(board):
    board.call("sleep_us", 7_000_000)
    board.power_on(SOFT)
    assert board.now_us == 0
    board.start_ticks_ms = (1 << 30) - 5
    board.call("sleep_us", 10_000)
    assert board.now_us // 1000 & 0x3FFFFFFF == 5


def test_a_processor_that_is_held_up_is_so_once(board):
    board.stall_us = 2_000_000
    began_us = board.clock.now_us
    board.call("pin_get", BUTTON)
    board.call("pin_get", BUTTON)
    assert board.clock.now_us - began_us == 2_000_000


class Program(Runtime):
    """Programs, one a start."""

    def __init__(self, board, *programs):
        super().__init__(board, lambda line: None)
        self.programs = list(programs)
        self.causes = []

    def start(self):
        self.causes.append(self.board.call("reset_cause"))
        if self.programs:
            self.programs.pop(0)()
        else:
            while True:
                self.board.call("sleep_us", 1_000_000)


def test_every_way_to_end_starts_it_anew_with_its_cause(board):
    cuts = []
    board.on_cut = lambda: cuts.append(board.clock.now_us)
    board.end_us = 120_000_000

    def hang():
        board.call("wdt", 5000)
        board.call("sleep_us", 30_000_000)

    def cut():
        board.clock.after_ms(50, board.cut_power)
        board.call("sleep_us", 1_000_000)

    def torn():
        board.flash.cut_after(3)
        board.flash.write("x", b"12345")

    def ends():
        board.call("wdt", 5000)

    program = Program(board, lambda: board.call("reset"), hang, cut, torn, ends)
    program.run()
    assert program.causes == [POWER_ON, SOFT, WATCHDOG, POWER_ON, POWER_ON, WATCHDOG]
    assert len(cuts) == 2
    assert board.restarts == 5
    assert board.flash.read("x") == b"12"
    assert board.clock.now_us == board.end_us


def test_a_program_that_ends_without_a_watchdog_leaves_a_dead_board(board):
    board.end_us = 60_000_000
    program = Program(board, lambda: None)
    program.run()
    assert program.causes == [POWER_ON]
    assert board.clock.now_us == board.end_us


# --- pins, flash, through what the firmware calls ---


@pytest.fixture(scope="module")
def shims():
    return _Firmware()


@pytest.fixture
def machine(board, shims):
    def call(operation, *arguments):
        try:
            return board.call(operation, *arguments)
        finally:
            shims.host.now_us = board.now_us

    shims.host.call = call
    return shims.modules["drivers.buttons"].machine


def test_pins_levels_pulls_and_outputs(board, machine):
    levels = []
    board.on_output[4] = levels.append
    pin = machine.Pin(4, machine.Pin.OUT, value=1)
    pin.value(1)
    pin.off()
    pin.on()
    assert levels == [1, 0, 1]
    assert machine.Pin(5, machine.Pin.IN, machine.Pin.PULL_UP).value() == 1
    assert machine.Pin(6, machine.Pin.IN, machine.Pin.PULL_DOWN).value() == 0
    button = machine.Pin(BUTTON, machine.Pin.IN)
    assert button.value() == 0
    board.pressed = True
    assert button.value() == 1


def test_the_storage_port_on_the_virtual_flash(board, machine, shims):
    files = shims.modules["drivers.files"].Files("data")
    assert files.read("a") == b""
    assert files.size("a") == 0
    began_us = board.clock.now_us
    files.write("a", b"12")
    files.append("a", b"345")
    assert board.clock.now_us - began_us >= 2 * FLASH_FLUSH_US
    assert files.read("a") == b"12345"
    assert files.size("a") == 5
    files.rename("a", "b")
    assert (files.read("a"), files.read("b")) == (b"", b"12345")
    files.remove("b")
    files.remove("b")
    assert board.flash.files == {}
    board.flash.fault = "failing"
    with pytest.raises(OSError, match=r"\[Errno 5\]"):
        files.write("a", b"1")


def test_a_cut_while_writing_keeps_what_landed(board, machine, shims):
    files = shims.modules["drivers.files"].Files("data")
    files.write("a", b"old")
    board.flash.cut_after(1 + 4)  # the file is emptied, then byte after byte
    with pytest.raises(PowerCut):
        files.write("a", b"123456789")
    board.power_on(POWER_ON)
    assert files.read("a") == b"1234"


def test_a_file_that_was_open_over_a_restart_is_dead(board):
    fd = board.call("file_open", "a", "wb")
    board.power_on(SOFT)
    with pytest.raises(KeyError):
        board.call("file_write", fd, b"1")


def test_nobody_at_an_address_or_a_bus(board):
    with pytest.raises(OSError, match=r"\[Errno 19\]"):
        board.call("i2c_read", 0, 0x18, 0x0F, 1)


def test_random_bytes_are_the_same_every_run_and_not_each_time(board):
    first, second = board.call("random", 16), board.call("random", 16)
    assert first != second
    again = VirtualBoard(board.clock, board.timeline, Flash(), seed=1)
    again.end_us = board.end_us
    assert again.call("random", 16) == first


def test_the_real_firmware_starts_on_a_board_with_nothing_on_it(board):
    """No sensor, no modem, no settings: it says so, feeds its watchdog, and does not die."""
    lines = []
    board.end_us = board.clock.now_us + 40_000_000
    board.inputs.clear()
    CPythonRuntime(board, lines.append).run()
    assert board.restarts == 0
    assert any("not configured" in line for line in lines)
    assert any("fault_began sensor" in line for line in lines)
    assert board.end_us - board.fed_us < 5_000_000

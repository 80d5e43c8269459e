"""The virtual flash: what a cut leaves, what fails how, and what is counted."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import dati
import pytest

from simulator.parts.flash import BLOCK, EBADF, EIO, ENOENT, ENOSPC, Flash, PowerCut


def test_the_store_port_keeps_what_it_is_given():
    flash = Flash()
    assert flash.read("a") == b"" and flash.size("a") == 0
    flash.write("a", b"one")
    flash.append("a", memoryview(b"two"))
    flash.append("b", b"new")
    assert (flash.read("a"), flash.size("a"), flash.read("/b")) == (b"onetwo", 6, b"new")
    flash.rename("a", "b")
    assert (flash.listdir(), flash.read("b")) == (["b"], b"onetwo")
    flash.write("b", b"")
    assert flash.stat("b")[6] == 0
    flash.remove("b")
    for action in (lambda: flash.remove("b"), lambda: flash.rename("b", "c"), lambda: flash.stat("b")):
        with pytest.raises(OSError) as raised:
            action()
        assert raised.value.errno == ENOENT


def test_a_file_is_as_micropython_gives_it():
    flash = Flash()
    with flash.open("/log.txt", "w") as file:
        file.write("une ligne\n")
        file.write("et une autre é")
        assert flash.read("log.txt") == b""  # not flushed yet
        file.flush()
        assert file.tell() == len(flash.read("log.txt")) == 25
    with flash.open("log.txt") as file:
        assert file.readline() == "une ligne\n"
        assert file.read() == "et une autre é"
    buffer = bytearray(5)
    with flash.open("log.txt", "rb") as file:
        assert (file.seek(-3, 2), file.readinto(buffer), bytes(buffer[:3])) == (22, 3, b" \xc3\xa9")
        assert (file.seek(4), file.read(3), file.tell(), file.read(), file.read()) == (
            4,
            b"lig",
            7,
            flash.read("log.txt")[7:],
            b"",
        )
        with pytest.raises(OSError):
            file.write(b"no")
    with pytest.raises(OSError) as raised:
        file.read()
    assert raised.value.errno == EBADF
    with pytest.raises(OSError) as raised:
        flash.open("gone", "rb")
    assert raised.value.errno == ENOENT


def test_what_is_not_closed_does_not_land():
    flash = Flash()
    file = flash.open("a", "ab")
    file.write(b"lost")
    flash.power_up()
    assert flash.read("a") == b""
    with pytest.raises(OSError):
        file.close()
    assert flash.read("a") == b""


@pytest.mark.parametrize("steps", range(9))
def test_a_cut_leaves_the_first_bytes(steps):
    flash = Flash()
    flash.write("a", b"old")
    flash.cut_after(steps)

    def work():
        flash.append("a", b"123")  # steps 1 to 3
        flash.write("a", b"xyz")  # 4: the old is gone; 5 to 7
        flash.rename("a", "b")  # 8

    if steps < 8:
        with pytest.raises(PowerCut):
            work()
        with pytest.raises(PowerCut):
            flash.read("a")  # dead until the next start
    else:
        work()
    flash.power_up()
    left = {name: bytes(data) for name, data in flash.files.items()}
    contents = [b"old", b"old1", b"old12", b"old123", b"", b"x", b"xy", b"xyz"]
    assert left == ({"a": contents[steps]} if steps < 8 else {"b": b"xyz"})


def test_faults_raise_and_pass():
    flash = Flash(capacity=2 * BLOCK)
    flash.write("a", b"1")
    flash.fault = "failing"
    for action in (lambda: flash.read("a"), lambda: flash.append("a", b"2"), lambda: flash.open("a"), flash.listdir):
        with pytest.raises(OSError) as raised:
            action()
        assert raised.value.errno == EIO
    flash.fault = "full"
    with pytest.raises(OSError) as raised:
        flash.append("a", b"2")
    assert raised.value.errno == ENOSPC
    flash.fault = ""
    flash.append("a", b"2")
    assert flash.read("a") == b"12"
    with pytest.raises(OSError) as raised:
        flash.write("b", bytes(2 * BLOCK))
    assert raised.value.errno == ENOSPC
    assert flash.statvfs()[:4] == (BLOCK, BLOCK, 2, 1)


def test_the_boards_own_storage_driver_runs_on_it_unmodified():
    flash = Flash()
    path = Path(dati.__file__).parents[1] / "drivers" / "files.py"
    spec = importlib.util.spec_from_file_location("files_on_flash", path)
    files = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(files)
    files.os = flash
    files.open = flash.open
    for _ in range(2):
        store = files.Files("/data")
    assert (store.read("a"), store.size("a")) == (b"", 0)
    store.write("a", b"12")
    store.append("a", b"3")
    store.rename("a", "b")
    assert (store.read("b"), store.size("b"), flash.listdir("/data"), flash.listdir()) == (b"123", 3, ["b"], ["data"])
    store.remove("b")
    store.remove("b")
    flash.fault = "failing"
    with pytest.raises(OSError):
        store.read("b")
    flash.fault = ""
    flash.cut_after(2)
    with pytest.raises(PowerCut):
        store.append("b", b"12")
    flash.power_up()
    assert files.Files("/data").read("b") == b"1"


def test_wear_is_counted_by_file():
    flash = Flash()
    for _ in range(3):
        flash.append("a", b"12345")
    flash.append("b", bytes(BLOCK + 1))
    assert (flash.writes["a"], flash.written_bytes["a"], flash.erased_blocks["a"]) == (3, 15, 3)
    assert (flash.writes["b"], flash.written_bytes["b"], flash.erased_blocks["b"]) == (1, BLOCK + 1, 2)

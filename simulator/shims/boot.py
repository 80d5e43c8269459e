"""Starts the firmware in the MicroPython process: standard output and input are the way to the virtual board."""

import builtins
import gc
import sys

sys.path[:] = [".", "shims"]

from host import decode, encode, host  # noqa: E402

_write = sys.stdout.write
_read = sys.stdin.readline


def call(operation, *arguments):
    _write("\x01" + operation + " " + " ".join([encode(value) for value in arguments]) + "\n")
    reply = _read()
    if not reply:
        raise SystemExit
    now, word = reply.split(" ")
    host.now_us = int(now)
    word = word.rstrip()
    if word[0] == "e":
        raise OSError(int(word[1:]))
    return decode(word)


host.call = call

import console  # noqa: E402
import esp32  # noqa: E402
import files  # noqa: E402
import machine as _machine  # noqa: E402
import ticks  # noqa: E402


class _Os:
    listdir = staticmethod(files.listdir)
    remove = staticmethod(files.remove)
    unlink = staticmethod(files.remove)
    rename = staticmethod(files.rename)
    stat = staticmethod(files.stat)
    mkdir = staticmethod(files.mkdir)
    sync = staticmethod(files.sync)
    urandom = staticmethod(files.urandom)


sys.modules["time"] = ticks
sys.modules["machine"] = _machine
sys.modules["esp32"] = esp32
sys.modules["os"] = _Os
builtins.open = files.open
sys.modules["select"] = console
import drivers.console  # noqa: E402

drivers.console.sys = console
call("memory", gc.mem_alloc())
import main  # noqa: E402

main.main()

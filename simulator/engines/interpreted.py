"""Runs a file of jobs inside MicroPython (64-bit or 32-bit) and prints what came of them.

Each replay runs with the heap locked: a single allocation after the device is made is a MemoryError, and so a failed
run. Nothing here may be used by CPython; `interpreters.py` is the other end.

The file: per job one line of JSON, then its samples (int16, little-endian), then its inputs (int32).
Printed: per job a line `job <number> <bytes used before> <bytes used after>`, then a line `event` with four numbers
for each, and `done` after the last job.
"""

import gc
import json
from array import array

import micropython  # type: ignore[import-not-found,unused-ignore]
from dati.device import Device
from dati.settings import Settings
from runner import Replay  # type: ignore[import-not-found,unused-ignore]


def _read(file, typecode, size):
    """`size` bytes as an array; an hour at 200 Hz is 4 MB, held twice for a moment."""
    return array(typecode, file.read(size))


def _locked(replay):
    micropython.heap_lock()
    try:
        return replay.go()
    finally:
        micropython.heap_unlock()


def main(path):
    with open(path, "rb") as file:  # noqa: PTH123  (MicroPython has no pathlib)
        number = 0
        while True:
            line = file.readline()
            if not line:
                break
            job = json.loads(line)
            samples = _read(file, "h", 6 * job["count"])
            inputs = _read(file, "i", 4 * job["inputs"])
            device = Device(Settings(job["settings"]), job["start_ms"])
            if job["up"]:
                device.bank.set_vertical(job["up"][0], job["up"][1], job["up"][2])
            replay = Replay(
                device,
                samples,
                job["count"],
                inputs,
                job["block"],
                job["cancel_after"],
                job["shake_mg"],
                job["start_ms"],
            )
            gc.collect()
            before = gc.mem_alloc()  # type: ignore[attr-defined]
            finished = _locked(replay)
            after = gc.mem_alloc()  # type: ignore[attr-defined]
            print("job", number, before, after)
            while True:
                for i in range(replay.events):
                    print(
                        "event",
                        replay.out[4 * i],
                        replay.out[4 * i + 1],
                        replay.out[4 * i + 2],
                        replay.out[4 * i + 3],
                    )
                if finished:
                    break
                replay.events = 0
                finished = _locked(replay)
            number += 1
    print("done")

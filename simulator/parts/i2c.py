"""The I2C bus of the virtual board: who answers at which address, how long it takes, and how it fails."""

from __future__ import annotations

from typing import Any, Protocol

from simulator.parts.clock import VirtualClock

# The number of the OSError on the ESP32, whose C library counts differently from Linux's.
ENODEV = 19
ETIMEDOUT = 116


class Target(Protocol):
    """A part on the bus. `absent`: it does not answer; `hung`: it holds SDA low and nothing frees it but its supply."""

    absent: bool
    hung: bool

    def write(self, data: bytes) -> None:
        """What the controller wrote, from START (or repeated START) on, without the address."""

    def read(self, count: int) -> bytes:
        """What the controller reads."""


class I2CBus:
    """Bytes between one controller and its targets, with the surface of MicroPython's `machine.I2C`.

    Each transfer takes its time on `clock`. `stick` makes a target hold SDA low, as one does that was cut off within
    a byte: every transfer then ends in ETIMEDOUT until SCL has been pulsed by hand. Driving the lines by hand
    (`drive_scl`, `drive_sda`, which a Pin does) takes them from the controller; `init`, which a new `machine.I2C` does,
    gives them back. Without a clock, transfers take no time.
    """

    def __init__(self, clock: VirtualClock | None = None, freq_hz: int = 400_000) -> None:
        self.freq_hz = freq_hz
        self.transfers = 0
        self.busy_us = 0
        self._clock = clock
        self._targets: dict[int, Target] = {}
        self._clocks_to_free = 0
        self._scl = True
        self._sda = True
        self._by_hand = False

    def attach(self, address: int, target: Target) -> None:
        self._targets[address] = target

    # What can go wrong, and how it is put right.

    def stick(self, clocks: int = 9) -> None:
        """Somebody holds SDA low until SCL has fallen `clocks` times; a target cut off within a byte, at most 9."""
        self._clocks_to_free = clocks

    @property
    def sda(self) -> bool:
        """The level of the data line."""
        held = self._clocks_to_free > 0 or any(target.hung for target in self._targets.values())
        return self._sda and not held

    @property
    def scl(self) -> bool:
        return self._scl

    def drive_scl(self, level: int) -> None:
        self._by_hand = True
        if self._scl and not level and self._clocks_to_free:
            self._clocks_to_free -= 1
        self._scl = bool(level)

    def drive_sda(self, level: int) -> None:
        self._by_hand = True
        self._sda = bool(level)

    def init(self) -> None:
        """The controller takes the pins."""
        self._by_hand = False
        self._scl = self._sda = True

    # Transfers.

    def write(self, address: int, data: bytes) -> None:
        target = self._select(address, 1 + len(data))
        target.write(data)

    def read(self, address: int, count: int) -> bytes:
        target = self._select(address, 1 + count)
        return target.read(count)

    def write_read(self, address: int, data: bytes, count: int) -> bytes:
        """Write, repeated START, read."""
        target = self._select(address, 2 + len(data) + count)
        target.write(data)
        return target.read(count)

    def _select(self, address: int, transferred: int) -> Target:
        self.transfers += 1
        target = self._targets.get(address)
        if self._by_hand or not self.sda:
            # The controller's own time limit, 50 ms on the ESP32.
            self._pass_us(50_000)
            raise OSError(ETIMEDOUT, "ETIMEDOUT")
        if target is None or target.absent:
            self._pass_us(self._duration_us(1))
            raise OSError(ENODEV, "ENODEV")
        self._pass_us(self._duration_us(transferred))
        return target

    def _duration_us(self, transferred: int) -> int:
        # Nine clocks a byte, and START and STOP.
        return -(-(9 * transferred + 2) * 1_000_000 // self.freq_hz)

    def _pass_us(self, duration_us: int) -> None:
        self.busy_us += duration_us
        if self._clock is not None:
            self._clock.advance_to_us(self._clock.now_us + duration_us)

    def read_memory(self, address: int, register: int, count: int) -> bytes:
        return self.write_read(address, bytes((register,)), count)

    def write_memory(self, address: int, register: int, data: bytes) -> None:
        self.write(address, bytes((register,)) + data)

    # The surface of machine.I2C. A CPython memoryview of array('h') counts elements, MicroPython's in bytes when it is
    # filled: hence the casts.

    def readfrom_mem_into(self, address: int, register: int, buffer: Any) -> None:
        view = memoryview(buffer).cast("B")
        view[:] = self.read_memory(address, register, len(view))

    def readfrom_mem(self, address: int, register: int, count: int) -> bytes:
        return self.read_memory(address, register, count)

    def writeto_mem(self, address: int, register: int, data: Any) -> None:
        self.write_memory(address, register, bytes(memoryview(data).cast("B")))

    def scan(self) -> list[int]:
        return [address for address, target in sorted(self._targets.items()) if not target.absent]

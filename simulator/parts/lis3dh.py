"""ST LIS3DH at register level, as an I2C target. Source: data sheet DocID17530 rev 2, unless said otherwise."""

from __future__ import annotations

import numpy as np

from simulator.parts.accelerometer import Accelerometer, Errors, Motion
from simulator.parts.clock import VirtualClock

STATUS_AUX, OUT_ADC3_L, OUT_ADC3_H = 0x07, 0x0C, 0x0D
WHO_AM_I, CTRL0, TEMP_CFG = 0x0F, 0x1E, 0x1F
CTRL1, CTRL3, CTRL4, CTRL5 = 0x20, 0x22, 0x23, 0x24
STATUS, OUT_X_L, OUT_Z_H, FIFO_CTRL, FIFO_SRC = 0x27, 0x28, 0x2D, 0x2E, 0x2F

_DEFAULTS = {WHO_AM_I: 0x33, CTRL0: 0x10, CTRL1: 0x07}
_READ_ONLY = {*range(0x07, 0x0E), WHO_AM_I, *range(STATUS, 0x2E), FIFO_SRC, 0x31, 0x35, 0x39}
_RESERVED = {*range(0x00, 0x07), 0x0E, *range(0x10, 0x1E), *range(0x40, 0x80)}
_RATES_HZ = {1: 1, 2: 10, 3: 25, 4: 50, 5: 100, 6: 200, 7: 400}
_MG_PER_12_BIT_COUNT = (1, 2, 4, 12)


class Lis3dhModel(Accelerometer):
    """An LIS3DH. `fifo_bits`: what the FIFO keeps; 10 in the part (ST on community.st.com, "LIS3DHTR data length").

    Left out: click, free-fall and orientation interrupts, high-pass filter, stream-to-FIFO, the auxiliary ADC but its
    temperature. Their registers can be written and read.
    """

    DEPTH = 32

    def __init__(
        self, clock: VirtualClock, motion: Motion, errors: Errors | None = None, *, fifo_bits: int = 10
    ) -> None:
        self._kept_by_fifo = -1 << (16 - fifo_bits)
        self.reset_registers()
        super().__init__(clock, motion, errors)

    def reset_registers(self) -> None:
        self._registers = bytearray(0x80)
        for register, value in _DEFAULTS.items():
            self._registers[register] = value
        self._pointer = 0
        self._increment = False
        self._seen = [0, 0, 0]  # by axis: samples made when it was last read
        self._latched: dict[int, bytes] = {}  # by axis: BDU holds it until its second byte has been read

    # The bus.

    def write(self, data: bytes) -> None:
        if not data:
            return
        self._pointer = data[0] & 0x7F
        self._increment = bool(data[0] & 0x80)
        for value in data[1:]:
            self._catch_up()
            self._write_register(self._pointer, value)
            self._advance()
        if len(data) > 1:
            self._refresh_int1()

    def read(self, count: int) -> bytes:
        self._catch_up()
        out = bytearray()
        while len(out) < count:
            whole = (count - len(out)) // 6
            if self._pointer == OUT_X_L and self._increment and whole and self._fifo_on:
                self._seen = [self._done] * 3
                out += self._pop(whole)
                continue
            out.append(self._read_register(self._pointer))
            self._advance()
        self._refresh_int1()
        return bytes(out)

    def _advance(self) -> None:
        if not self._increment:
            return
        if self._pointer == OUT_Z_H and self._fifo_on:
            self._pointer = OUT_X_L
        else:
            self._pointer = (self._pointer + 1) & 0x7F

    # Registers.

    def _write_register(self, register: int, value: int) -> None:
        if register in _RESERVED:
            self.violations.append(f"0x{value:02x} written to reserved register 0x{register:02x}")
            return
        if register == CTRL0 and value & 0x7F != 0x10:
            self.violations.append(f"CTRL_REG0: 0x{value:02x} written; its low bits must stay 0x10")
        if register in _READ_ONLY:
            return
        before = self._registers[register]
        # BOOT clears itself once the trimming values are reloaded; the registers stay.
        self._registers[register] = value & 0x7F if register == CTRL5 else value
        if self._registers[CTRL1] & 0x08 and self._registers[CTRL4] & 0x08:
            self.violations.append("LPen and HR both set")
        if register in (CTRL1, CTRL4):
            self._self_test = {0x02: 1, 0x04: -1}.get(self._registers[CTRL4] & 0x06, 0)
            mask = 0xF8 if register == CTRL1 else 0x08
            if (before ^ value) & mask:
                self._apply_rate()
        if register in (CTRL5, FIFO_CTRL):
            self._apply_fifo()

    def _apply_rate(self) -> None:
        code = self._registers[CTRL1] >> 4
        low_power = bool(self._registers[CTRL1] & 0x08)
        rate_hz = {8: 1620 if low_power else 0, 9: 5376 if low_power else 1344}.get(code, _RATES_HZ.get(code, 0))
        # Valid from the second sample on, in high resolution from the eighth.
        self._run(rate_hz, 7 if self._registers[CTRL4] & 0x08 else 1)
        self._seen = [0, 0, 0]
        self._latched.clear()

    def _apply_fifo(self) -> None:
        mode = self._registers[FIFO_CTRL] >> 6
        on = bool(self._registers[CTRL5] & 0x40) and mode != 0
        if mode == 3:
            self.violations.append("stream-to-FIFO mode is not modelled; taken as stream mode")
        self._use_fifo(on, keeps_oldest=mode == 1)

    def _watermark(self) -> int:
        return self._registers[FIFO_CTRL] & 0x1F if self._registers[CTRL3] & 0x04 else 0

    def _read_register(self, register: int) -> int:
        if OUT_X_L <= register <= OUT_Z_H:
            return self._read_output(*divmod(register - OUT_X_L, 2))
        if register == STATUS:
            return self._status()
        if register == FIFO_SRC:
            unread = self.unread
            threshold = self._registers[FIFO_CTRL] & 0x1F
            flags = 0x80 * (self._fifo_on and unread >= threshold) | 0x40 * (unread == self.DEPTH) | 0x20 * (not unread)
            return flags | min(unread, 31)
        if register in (OUT_ADC3_L, OUT_ADC3_H, STATUS_AUX) and self._registers[TEMP_CFG] & 0x40:
            # One digit a kelvin, left-justified; only differences mean anything.
            kelvin = round(self.temperature_c - 25) & 0xFF
            return {OUT_ADC3_L: 0, OUT_ADC3_H: kelvin, STATUS_AUX: 0x44}[register]
        return self._registers[register]

    def _status(self) -> int:
        waiting = [self._done - seen for seen in self._seen]
        flags = sum((count > 0) << axis | (count > 1) << (4 + axis) for axis, count in enumerate(waiting))
        return flags | 0x08 * (min(waiting) > 0) | 0x80 * (min(waiting) > 1)

    def _read_output(self, axis: int, high: int) -> int:
        if self._fifo_on:
            sample = bytes(self._fifo[:6]) or self._last
            value = sample[2 * axis + high]
            if axis == 2 and high:
                self._pop(1)
        elif self._registers[CTRL4] & 0x80:
            latched = self._latched.setdefault(axis, self._last)
            value = latched[2 * axis + high]
            if high:
                del self._latched[axis]
        else:
            value = self._last[2 * axis + high]
        if high:
            self._seen[axis] = self._done
        return value

    # Conversion.

    def _encode(self, mg: np.ndarray) -> bytes:
        control4 = self._registers[CTRL4]
        bits = 8 if self._registers[CTRL1] & 0x08 else 12 if control4 & 0x08 else 10
        step_mg = _MG_PER_12_BIT_COUNT[control4 >> 4 & 3] << (12 - bits)
        most = 1 << (bits - 1)
        counts = np.rint(mg / step_mg).clip(-most, most - 1).astype(np.int16) << (16 - bits)
        if self._fifo_on:
            counts &= self._kept_by_fifo
        enabled = self._registers[CTRL1] & 0x07
        if enabled != 7:
            counts[:, [axis for axis in range(3) if not enabled >> axis & 1]] = 0
        return counts.astype(">i2" if control4 & 0x40 else "<i2", copy=False).tobytes()

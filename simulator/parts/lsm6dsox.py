"""ST LSM6DSOX at register level, as an I2C target. Source: ST's lsm6dsox-pid register map, unless said otherwise."""

from __future__ import annotations

import numpy as np

from simulator.parts.accelerometer import Accelerometer, Errors, Motion
from simulator.parts.clock import VirtualClock

FUNC_CFG_ACCESS, PIN_CTRL, FIFO_CTRL1, FIFO_CTRL2, FIFO_CTRL3, FIFO_CTRL4 = 0x01, 0x02, 0x07, 0x08, 0x09, 0x0A
INT1_CTRL, WHO_AM_I, CTRL1_XL, CTRL2_G, CTRL3_C, CTRL5_C, CTRL9_XL = 0x0D, 0x0F, 0x10, 0x11, 0x12, 0x14, 0x18
STATUS, OUT_TEMP_L, OUTX_L_G, OUTX_L_A, OUTZ_H_A = 0x1E, 0x20, 0x22, 0x28, 0x2D
FIFO_STATUS1, FIFO_STATUS2, FIFO_TAG, FIFO_Z_H = 0x3A, 0x3B, 0x78, 0x7E

_DEFAULTS = {PIN_CTRL: 0x3F, WHO_AM_I: 0x6C, CTRL3_C: 0x04, CTRL9_XL: 0xE0}
_READ_ONLY = {WHO_AM_I, *range(0x1A, 0x40), *range(0x49, 0x56), *range(FIFO_TAG, 0x80)}
_RESERVED = {0x00, 0x03, 0x04, 0x05, 0x06, 0x1F, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x76, 0x77}
_RATES_HZ = (0, 12.5, 26, 52, 104, 208, 417, 833, 1667, 3333, 6667, 1.6)
_UG_PER_COUNT = (61, 488, 122, 244)  # by FS code: 2, 16, 4, 8 g
_RESET_US = 50
_ACCELERATION = 0x02  # FIFO tag


class Lsm6dsoxModel(Accelerometer):
    """An LSM6DSOX at rest in rotation: its gyroscope reads zero and never enters the FIFO.

    Left out: every embedded function (their register bank can be written and read), the triggered FIFO modes, FIFO
    compression, and a batch rate below the output rate (taken as equal).
    """

    DEPTH = 512

    def __init__(self, clock: VirtualClock, motion: Motion, errors: Errors | None = None) -> None:
        self.clock = clock
        self.reset_registers()
        super().__init__(clock, motion, errors)

    def reset_registers(self) -> None:
        self._registers = bytearray(0x80)
        for register, value in _DEFAULTS.items():
            self._registers[register] = value
        self._other_bank = bytearray(0x80)
        self._pointer = 0
        self._resetting_until_us = 0
        self._seen = [0, 0]  # samples made when acceleration, rotation were last read
        self._latched = b""  # BDU holds the six output bytes until the last has been read
        self._overrun_latched = False
        self._slot = 0

    # The bus.

    def write(self, data: bytes) -> None:
        if not data:
            return
        self._pointer = data[0] & 0x7F
        for value in data[1:]:
            self._catch_up()
            self._write_register(self._pointer, value)
            self._advance()
        if len(data) > 1:
            self._refresh_int1()

    def read(self, count: int) -> bytes:
        self._catch_up()
        self._overrun_latched = self._overrun_latched or self._overrun
        out = bytearray()
        while len(out) < count:
            whole = (count - len(out)) // 7
            if self._pointer == FIFO_TAG and self._registers[CTRL3_C] & 0x04 and whole:
                out += self._pop_words(whole)
                continue
            out.append(self._read_register(self._pointer))
            self._advance()
        self._refresh_int1()
        return bytes(out)

    def _advance(self) -> None:
        if self._registers[CTRL3_C] & 0x04:
            self._pointer = FIFO_TAG if self._pointer == FIFO_Z_H else (self._pointer + 1) & 0x7F

    # Registers.

    def _write_register(self, register: int, value: int) -> None:
        if register == FUNC_CFG_ACCESS:
            self._registers[register] = value
            return
        if self._registers[FUNC_CFG_ACCESS] & 0xC0:
            self._other_bank[register] = value
            return
        if register in _RESERVED:
            self.violations.append(f"0x{value:02x} written to reserved register 0x{register:02x}")
            return
        if register in _READ_ONLY:
            return
        if register == CTRL3_C and value & 0x01:
            self._power_down()
            self.reset_registers()
            self._pointer = register
            self._resetting_until_us = self.clock.now_us + _RESET_US
            return
        before = self._registers[register]
        # BOOT clears itself.
        self._registers[register] = value & 0x7F if register == CTRL3_C else value
        if register == CTRL1_XL and (before ^ value) & 0xF0:
            code = value >> 4
            self._run(_RATES_HZ[code] if code < len(_RATES_HZ) else 0, 1)
            self._seen = [0, 0]
        elif register == CTRL5_C:
            self._self_test = {1: 1, 2: -1}.get(value & 0x03, 0)
        elif register in (FIFO_CTRL3, FIFO_CTRL4):
            self._apply_fifo()

    def _apply_fifo(self) -> None:
        mode = self._registers[FIFO_CTRL4] & 0x07
        if mode not in (0, 1, 6):
            self.violations.append(f"FIFO mode {mode} is not modelled; taken as continuous")
        self._use_fifo(bool(mode) and bool(self._registers[FIFO_CTRL3] & 0x0F), keeps_oldest=mode == 1)
        if not mode:
            self._overrun_latched = False

    def _threshold(self) -> int:
        return self._registers[FIFO_CTRL1] | (self._registers[FIFO_CTRL2] & 0x01) << 8

    def _watermark(self) -> int:
        return self._threshold() if self._registers[INT1_CTRL] & 0x08 else 0

    def _read_register(self, register: int) -> int:
        if self._registers[FUNC_CFG_ACCESS] & 0xC0 and register != FUNC_CFG_ACCESS:
            return self._other_bank[register]
        if register == CTRL3_C:
            return self._registers[register] | (self.clock.now_us < self._resetting_until_us)
        if register == STATUS:
            new = self._done > self._seen[0]
            return 0x01 * new | 0x02 * (self._registers[CTRL2_G] >> 4 != 0) | 0x04 * (self._done > 0)
        if OUT_TEMP_L <= register < OUTX_L_G:
            kelvin_256 = round((self.temperature_c - 25) * 256) & 0xFFFF
            return kelvin_256 >> 8 * (register - OUT_TEMP_L) & 0xFF
        if OUTX_L_A <= register <= OUTZ_H_A:
            return self._read_output(register - OUTX_L_A)
        if register == FIFO_STATUS1:
            return self.unread & 0xFF
        if register == FIFO_STATUS2:
            return self._fifo_status2()
        if register == FIFO_TAG:
            word = self._pop_words(1)
            self._word = word
            return word[0]
        if FIFO_TAG < register <= FIFO_Z_H:
            return self._word[register - FIFO_TAG]
        return self._registers[register]

    _word = bytes(7)  # of the FIFO, its tag already read

    def _fifo_status2(self) -> int:
        unread = self.unread
        full = unread == self.DEPTH
        flags = 0x80 * (0 < self._threshold() <= unread) | 0x40 * full | 0x20 * (unread >= self.DEPTH - 1)
        flags |= 0x08 * self._overrun_latched | unread >> 8 & 0x03
        self._overrun_latched = False
        return flags

    def _read_output(self, at: int) -> int:
        if not self._registers[CTRL3_C] & 0x40:
            value = self._last[at]
        else:
            self._latched = self._latched or self._last
            value = self._latched[at]
        if at == 5:
            self._latched = b""
        if at & 1:
            self._seen[0] = self._done
        return value

    def _pop_words(self, count: int) -> bytes:
        """Tagged words: 5 bits of kind, 2 of a count of time slots, 1 of parity."""
        available = self.unread
        samples = self._pop(count)
        out = bytearray()
        for index in range(count):
            self._slot = (self._slot + 1) & 3
            tag = (_ACCELERATION if index < available else 0) << 3 | self._slot << 1
            out.append(tag | tag.bit_count() & 1)
            out += samples[6 * index : 6 * index + 6]
        return bytes(out)

    # Conversion.

    def _encode(self, mg: np.ndarray) -> bytes:
        step_mg = _UG_PER_COUNT[self._registers[CTRL1_XL] >> 2 & 3] * 1e-3
        return np.rint(mg / step_mg).clip(-32768, 32767).astype("<i2").tobytes()

"""ST LSM6DSOX, its accelerometer only, over I2C. Sources: ST's lsm6dsox-pid register map and self-test example."""

import time

from micropython import const

from .bus import Accelerometer

_FIFO_CTRL1 = const(0x07)
_FIFO_CTRL2 = const(0x08)
_FIFO_CTRL3 = const(0x09)
_FIFO_CTRL4 = const(0x0A)
_INT1_CTRL = const(0x0D)
_CTRL1_XL = const(0x10)
_CTRL2_G = const(0x11)
_CTRL3_C = const(0x12)
_CTRL5_C = const(0x14)
_CTRL9_XL = const(0x18)
_OUT_TEMPERATURE = const(0x20)
_OUT = const(0x28)
_FIFO_STATUS1 = const(0x3A)
_FIFO_OUT = const(0x78)  # a burst goes from 7E back to 78, to the next word, as Linux's st_lsm6dsx relies on

_SW_RESET = const(0x01)
_INCREMENT = const(0x04)
_BDU = const(0x40)
_I3C_OFF = const(0x02)
_WATERMARK_ON_INT1 = const(0x08)
_CONTINUOUS = const(6)
_OVERRUN = const(0x48)  # of FIFO_STATUS2: now, or since it was last read
_SELF_TEST_NEGATIVE = const(0x02)
_ACCELERATION = const(2)  # tag of a FIFO word

_ODR_CODES = (2, 3, 4, 5)  # of RATES_HZ
_FS_CODES = (0, 2, 3, 1)  # of RANGES_MG: 16 g comes second
_UG_PER_COUNT = (61, 122, 244, 488)  # of RANGES_MG
_WORD = const(7)  # bytes: tag, x, y, z
_MOST = const(33)  # words in one burst


class Lsm6dsox(Accelerometer):
    """Samples in milli-g from the sensor's own FIFO of 512 words, in high-performance mode; the gyroscope stays off."""

    NAME = "LSM6DSOX"
    IDENTITY = (0x0F, 0x6C)
    RATES_HZ = (26, 52, 104, 208)
    RANGES_MG = (2000, 4000, 8000, 16000)
    STATUS = 0x1E
    READY = 0x01
    OUTPUT = _OUT
    FIFO_DEPTH = 512

    def __init__(self, i2c, address=0x6A, interrupt_pin=None):
        Accelerometer.__init__(self, i2c, address, interrupt_pin)
        self._ug_per_count = 0
        self._control = bytearray(12)  # registers 07 to 12 as they were written
        self._found = bytearray(12)
        self._level = bytearray(2)
        # One view a length: a slice made while reading would take memory.
        self._words = bytearray(_WORD * _MOST)
        whole = memoryview(self._words)
        self._views = [whole[: _WORD * count] for count in range(_MOST + 1)]

    def begin(self, rate_hz, range_mg=8000):
        """Start sampling; takes about two samples' time. Raises SensorError for another part, rate or range."""
        rate = Accelerometer.begin(self, rate_hz, range_mg)
        scale = self.RANGES_MG.index(range_mg)
        self._ug_per_count = _UG_PER_COUNT[scale]
        self._reset()
        self._set(_FIFO_CTRL1, self.watermark)
        self._set(_FIFO_CTRL2, 0)
        self._set(_FIFO_CTRL3, _ODR_CODES[rate])
        self._set(_INT1_CTRL, _WATERMARK_ON_INT1)
        self._set(_CTRL1_XL, _ODR_CODES[rate] << 4 | _FS_CODES[scale] << 2)
        # What comes before it has settled is not let into the FIFO.
        time.sleep_ms(2000 // self.rate_hz + 2)
        self._set(_FIFO_CTRL4, _CONTINUOUS)
        self._i2c.readfrom_mem_into(self._address, _FIFO_CTRL1, self._control)

    def configured(self):
        """Whether the sensor still is as `begin` left it: a dip of its supply resets it, and it says nothing then."""
        self._i2c.readfrom_mem_into(self._address, _FIFO_CTRL1, self._found)
        return self._found == self._control

    def read(self, samples):
        """Drain the FIFO into `samples`, an array('h') with room for 33 x, y, z in milli-g. Returns how many came.

        At most 33 come at once; the rest at the next call. `overflowed` then tells whether the FIFO was full: samples
        may have been lost before these. Allocates nothing.
        """
        self._i2c.readfrom_mem_into(self._address, _FIFO_STATUS1, self._level)
        self.overflowed = self._level[1] & _OVERRUN != 0
        left = min(self._level[0] | (self._level[1] & 0x03) << 8, len(samples) // 3, _MOST)
        if left == 0:
            return 0
        words = self._words
        ug_per_count = self._ug_per_count
        self._i2c.readfrom_mem_into(self._address, _FIFO_OUT, self._views[left])
        index = 0
        for start in range(0, left * _WORD, _WORD):
            if words[start] >> 3 != _ACCELERATION:
                continue
            for at in range(start + 1, start + _WORD, 2):
                value = words[at] | words[at + 1] << 8
                if value & 0x8000:
                    value -= 65536
                samples[index] = (value * ug_per_count + 500) // 1000
                index += 1
        return index // 3

    def self_test(self):
        """The maker's procedure (STMems_Standard_C_drivers, lsm6dsox_self_test.c); the device must be held still.

        Returns by how many mg each axis moved. Takes about 0.5 s and leaves the sensor off. Raises SensorError when an
        axis does not answer the test force by 50 to 1700 mg.
        """
        self._identify()
        self._reset()
        self._set(_CTRL1_XL, _ODR_CODES[1] << 4 | _FS_CODES[1] << 2)
        time.sleep_ms(100)
        before = self._sums_of_five()
        self._set(_CTRL5_C, _SELF_TEST_NEGATIVE)
        time.sleep_ms(100)
        during = self._sums_of_five()
        self._set(_CTRL5_C, 0)
        self._set(_CTRL1_XL, 0)
        moved_mg = [0, 0, 0]
        for axis in range(3):
            # Micro-g times five samples.
            moved = abs(during[axis] - before[axis]) * _UG_PER_COUNT[1]
            if not 50 * 5000 <= moved <= 1700 * 5000:
                self._fail("self-test: axis %s moved by %d mg; 50 to 1700 mg is good" % ("xyz"[axis], moved // 5000))
            moved_mg[axis] = moved // 5000
        return moved_mg

    def temperature_dc(self):
        """In 0.1 C: 256 steps a kelvin from 25 C."""
        self._i2c.readfrom_mem_into(self._address, _OUT_TEMPERATURE, self._level)
        value = self._level[0] | self._level[1] << 8
        if value & 0x8000:
            value -= 65536
        return 250 + (10 * value >> 8)

    def _reset(self):
        """All registers at their defaults, the I3C interface off, outputs read as a whole."""
        self._write(_CTRL3_C, _SW_RESET | _INCREMENT)
        for _ in range(10):
            time.sleep_ms(1)
            if not self._read(_CTRL3_C) & _SW_RESET:
                break
        else:
            self._fail("its reset does not end")
        self._write(_CTRL9_XL, self._read(_CTRL9_XL) | _I3C_OFF)
        self._set(_CTRL3_C, _BDU | _INCREMENT)
        self._set(_CTRL2_G, 0)

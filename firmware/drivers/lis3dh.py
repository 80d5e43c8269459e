"""ST LIS3DH accelerometer over I2C. Source: data sheet DocID17530 rev 2, unless said otherwise."""

import time

from micropython import const

from .bus import Accelerometer

_ADC3 = const(0x0C | 0x80)
_TEMP_CFG = const(0x1F)
_CTRL1 = const(0x20)
_CTRL2 = const(0x21)
_CTRL3 = const(0x22)
_CTRL4 = const(0x23)
_CTRL5 = const(0x24)
_CTRL6 = const(0x25)
_FIFO_CTRL = const(0x2E)
_FIFO_SRC = const(0x2F)
_INCREMENT = const(0x80)  # sub-address bit 7; without it a burst reads one register over and over
_OUT = const(0x28 | 0x80)  # a burst within the FIFO goes from 2D back to 28, to the next sample

_ALL_AXES = const(0x07)
_WATERMARK_ON_INT1 = const(0x04)
_TEMPERATURE_ON_ADC3 = const(0xC0)
_BDU = const(0x80)
_SELF_TEST_0 = const(0x02)
_BOOT = const(0x80)
_FIFO_EN = const(0x40)
_STREAM = const(0x80)
_OVERRUN = const(0x40)

_ODR_CODES = (3, 4, 5, 6)  # of RATES_HZ
_MG_PER_COUNT = (1, 2, 4, 12)  # of RANGES_MG, for 12-bit counts


class Lis3dh(Accelerometer):
    """Samples in milli-g from the sensor's own FIFO of 32.

    Normal mode, 10 bits (16 mg a step at 8 g), and not high resolution: the FIFO keeps 10 bits anyway (ST on
    community.st.com, "LIS3DHTR data length"), the current is the same (table 12), and high resolution halves the
    signal already at a ninth of the rate, 6 Hz at 50 Hz, where normal mode reaches half the rate (table 10): impacts
    would be lost.
    """

    NAME = "LIS3DH"
    IDENTITY = (0x0F, 0x33)
    RATES_HZ = (25, 50, 100, 200)
    RANGES_MG = (2000, 4000, 8000, 16000)
    STATUS = 0x27
    READY = 0x08
    OUTPUT = _OUT
    FIFO_DEPTH = 32

    def __init__(self, i2c, address=0x18, interrupt_pin=None):
        Accelerometer.__init__(self, i2c, address, interrupt_pin)
        self._mg_per_count = 0
        self._control = bytearray(6)  # CTRL1 to CTRL6 as they were written
        # One view a length: a slice made while reading would take memory.
        self._two = bytearray(2)
        self._raw = bytearray(6 * 32)
        whole = memoryview(self._raw)
        self._views = [whole[: 6 * count] for count in range(33)]

    def begin(self, rate_hz, range_mg=8000):
        """Start sampling; takes about two samples' time. Raises SensorError for another part, rate or range."""
        rate = Accelerometer.begin(self, rate_hz, range_mg)
        scale = self.RANGES_MG.index(range_mg)
        self._mg_per_count = _MG_PER_COUNT[scale]
        self._stop()
        self._control[0] = _ODR_CODES[rate] << 4 | _ALL_AXES
        self._control[1] = 0
        self._control[2] = _WATERMARK_ON_INT1
        self._control[3] = _BDU | scale << 4
        self._control[4] = _FIFO_EN
        self._control[5] = 0
        for index in range(5, -1, -1):
            self._set(_CTRL1 + index, self._control[index])
        self._set(_TEMP_CFG, _TEMPERATURE_ON_ADC3)
        # What comes before it has settled is not let into the FIFO.
        time.sleep_ms(2000 // self.rate_hz + 2)
        self._set(_FIFO_CTRL, _STREAM | self.watermark)

    def configured(self):
        """Whether the sensor still is as `begin` left it: a dip of its supply resets it, and it says nothing then."""
        self._i2c.readfrom_mem_into(self._address, _CTRL1 | _INCREMENT, self._six)
        return self._six == self._control

    def read(self, samples):
        """Drain the FIFO into `samples`, an array('h') with room for 33 x, y, z in milli-g. Returns how many came.

        `overflowed` then tells whether the FIFO was full: samples may have been lost before these. Allocates nothing.
        """
        source = self._read(_FIFO_SRC)
        self.overflowed = source & _OVERRUN != 0
        # The count has five bits and stops at 31.
        count = 32 if self.overflowed else source & 0x1F
        count = min(count, len(samples) // 3)
        if count == 0:
            return 0
        raw = self._raw
        mg_per_count = self._mg_per_count
        self._i2c.readfrom_mem_into(self._address, _OUT, self._views[count])
        for index in range(3 * count):
            value = raw[2 * index] | raw[2 * index + 1] << 8
            if value & 0x8000:
                value -= 65536
            samples[index] = (value >> 4) * mg_per_count
        return count

    def self_test(self):
        """The maker's procedure (STMems_Standard_C_drivers, lis3dh_self_test.c); the device must be held still.

        Returns by how many mg each axis moved. Takes about 0.4 s and leaves the sensor off. Raises SensorError when an
        axis does not answer the test force by more than 17 and less than 360 steps of 4 mg.
        """
        self._identify()
        self._stop()
        self._set(_CTRL5, 0)
        self._set(_CTRL4, _BDU)
        self._set(_CTRL1, _ODR_CODES[1] << 4 | _ALL_AXES)
        time.sleep_ms(90)
        before = self._sums_of_five()
        self._set(_CTRL4, _BDU | _SELF_TEST_0)
        time.sleep_ms(90)
        during = self._sums_of_five()
        self._set(_CTRL4, _BDU)
        self._set(_CTRL1, _ALL_AXES)
        moved_mg = [0, 0, 0]
        for axis in range(3):
            # Five samples, 10 bits left-justified in 16.
            moved = abs(during[axis] - before[axis])
            moved_mg[axis] = moved * 4 // (64 * 5)
            if not 17 * 64 * 5 < moved < 360 * 64 * 5:
                self._fail("self-test: axis %s moved by %d mg; 69 to 1439 mg is good" % ("xyz"[axis], moved_mg[axis]))
        return moved_mg

    def temperature_dc(self):
        """In 0.1 C, with an unknown constant: only differences mean anything (table 5)."""
        self._i2c.readfrom_mem_into(self._address, _ADC3, self._two)
        # 8 bits in normal mode, left-justified.
        value = self._two[1]
        return 250 + 10 * (value - 256 if value & 0x80 else value)

    def _stop(self):
        """Trimming values reloaded, power down, FIFO emptied."""
        self._write(_CTRL5, _BOOT)
        time.sleep_ms(10)  # 5 ms (section 4.2), and as much again
        self._set(_CTRL1, _ALL_AXES)
        self._set(_FIFO_CTRL, 0)

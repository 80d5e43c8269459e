"""The I2C bus of the board, and what the accelerometers on it share."""

import time

from machine import I2C, Pin


class SensorError(Exception):
    """A sensor is not what it should be or fails its test; the message is one line for people."""


class Bus:
    """An I2C bus that can be freed when a target holds its data line low.

    `number` is the controller's, `scl` and `sda` the pins'. Has the two methods of `machine.I2C` that the drivers use;
    they raise OSError: ENODEV when nobody answers, ETIMEDOUT when the bus hangs.
    """

    def __init__(self, number, scl, sda, freq_hz=400000):
        self._number = number
        self._scl = scl
        self._sda = sda
        self._freq_hz = freq_hz
        self._i2c = self._controller()

    def _controller(self):
        return I2C(self._number, scl=Pin(self._scl), sda=Pin(self._sda), freq=self._freq_hz)

    def readfrom_mem_into(self, address, register, buffer):
        self._i2c.readfrom_mem_into(address, register, buffer)

    def writeto_mem(self, address, register, data):
        self._i2c.writeto_mem(address, register, data)

    def recover(self):
        """Clock a stuck target out of its byte, end it with a STOP, take the pins back. True when the bus is free.

        A target cut off within a byte holds SDA low for at most nine clocks (NXP UM10204, section 3.1.16).
        """
        scl = Pin(self._scl, Pin.OPEN_DRAIN, value=1)
        sda = Pin(self._sda, Pin.OPEN_DRAIN, value=1)
        for _ in range(9):
            if sda.value():
                break
            scl.value(0)
            time.sleep_ms(1)
            scl.value(1)
            time.sleep_ms(1)
        scl.value(0)
        sda.value(0)
        scl.value(1)
        time.sleep_ms(1)
        sda.value(1)
        time.sleep_ms(1)
        free = sda.value() == 1
        # The GPIO matrix of the ESP32 now has the pins; only a new controller gets them back.
        self._i2c = self._controller()
        return free


def nearest(rate_hz, rates_hz):
    """Index of the rate within 5 % of the one asked for, or -1."""
    for index in range(len(rates_hz)):
        if abs(rates_hz[index] - rate_hz) * 20 <= rates_hz[index]:
            return index
    return -1


class Accelerometer:
    """What both sensors do alike. A subclass names itself, its registers, rates and ranges.

    `i2c` is a `Bus` or a `machine.I2C`. Every method may raise OSError, as the bus does.
    """

    NAME = ""
    IDENTITY = (0, 0)  # register, value
    RATES_HZ = ()  # type: tuple[int, ...]
    RANGES_MG = ()  # type: tuple[int, ...]
    STATUS = 0  # register
    READY = 0  # mask in STATUS: a new x, y, z
    OUTPUT = 0  # sub-address of the six output bytes
    FIFO_DEPTH = 0

    def __init__(self, i2c, address, interrupt_pin=None):
        self.rate_hz = 0
        self.range_mg = 0
        self.watermark = 0
        self.overflowed = False
        self.interrupt_pin = interrupt_pin
        self._i2c = i2c
        self._address = address
        self._byte = bytearray(1)
        self._six = bytearray(6)

    def recover(self):
        """Free the bus if it hangs, then begin again as before. Raises OSError or SensorError when that fails."""
        if hasattr(self._i2c, "recover") and not self._i2c.recover():
            self._fail("the bus stays stuck, SDA is low")
        if self.rate_hz:
            self.begin(self.rate_hz, self.range_mg)

    def begin(self, rate_hz, range_mg=8000):
        """Configure and start. The subclass does the rest."""
        rate = nearest(rate_hz, self.RATES_HZ)
        if rate < 0:
            self._fail("no rate near %d Hz; it has %s" % (rate_hz, ", ".join([str(known) for known in self.RATES_HZ])))
        if range_mg not in self.RANGES_MG:
            self._fail("no range of %d mg; it has %s" % (range_mg, ", ".join([str(known) for known in self.RANGES_MG])))
        self._identify()
        self.rate_hz = self.RATES_HZ[rate]
        self.range_mg = range_mg
        self.overflowed = False
        # The fewer wake-ups the better, but what is detected must not wait beyond half a second, and the runtime may
        # be busy for 200 ms before a sample is lost, or for three quarters of a FIFO too short for that.
        margin = min((self.rate_hz + 4) // 5, self.FIFO_DEPTH * 3 // 4)
        self.watermark = min(self.rate_hz // 2, self.FIFO_DEPTH - margin, 32)
        return rate

    def _identify(self):
        identity = self._read(self.IDENTITY[0])
        if identity != self.IDENTITY[1]:
            self._fail("identity 0x%02x instead of 0x%02x" % (identity, self.IDENTITY[1]))

    def _fail(self, what):
        raise SensorError("%s at 0x%02x: %s" % (self.NAME, self._address, what))

    def _read(self, register):
        self._i2c.readfrom_mem_into(self._address, register, self._byte)
        return self._byte[0]

    def _write(self, register, value):
        self._byte[0] = value
        self._i2c.writeto_mem(self._address, register, self._byte)

    def _set(self, register, value):
        """Write, and make sure that it was taken."""
        self._write(register, value)
        found = self._read(register)
        if found != value:
            self._fail("register 0x%02x reads 0x%02x after 0x%02x was written" % (register, found, value))

    def _sums_of_five(self):
        """Sums of x, y and z over five samples, after one that is discarded; counts of the output registers."""
        sums = [0, 0, 0]
        for sample in range(6):
            # The slowest rate of a self-test gives a sample in 20 ms.
            for _ in range(50):
                if self._read(self.STATUS) & self.READY:
                    break
                time.sleep_ms(2)
            else:
                self._fail("no sample within 100 ms")
            self._i2c.readfrom_mem_into(self._address, self.OUTPUT, self._six)
            for axis in range(3):
                value = self._six[2 * axis] | self._six[2 * axis + 1] << 8
                if sample:
                    sums[axis] += value - 65536 if value & 0x8000 else value
        return sums

"""`machine` on the virtual board: just the features that boards/board.py lists."""

from host import host

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
SLEEP = 2
PIN_WAKE = 2
EXT0_WAKE = 2
EXT1_WAKE = 3
TIMER_WAKE = 4


class Pin:
    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_UP = 2
    PULL_DOWN = 1
    IRQ_RISING = 1
    IRQ_FALLING = 2
    WAKE_LOW = 4
    WAKE_HIGH = 5

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=0, hold=None):
        self.id = id
        self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None, drive=0, hold=None):
        host.call("pin_init", self.id, mode, -1 if pull is None else pull)
        if value is not None:
            host.call("pin_set", self.id, int(value))

    def value(self, level=None):
        if level is None:
            return host.call("pin_get", self.id)
        host.call("pin_set", self.id, int(level))
        return None

    __call__ = value

    def on(self):
        host.call("pin_set", self.id, 1)

    def off(self):
        host.call("pin_set", self.id, 0)

    def irq(self, handler=None, trigger=3, *, wake=None, hard=False):
        """Handlers are never called: the firmware must not depend on them alone."""


class I2C:
    def __init__(self, id=-1, *, scl=None, sda=None, freq=400000, timeout=50000):
        self._id = id
        host.call("i2c_init", id, scl.id if scl else -1, sda.id if sda else -1, freq)

    def scan(self):
        return list(host.call("i2c_scan", self._id))

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        data = host.call("i2c_read", self._id, addr, memaddr, len(buf))
        buf[:] = data

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        return host.call("i2c_read", self._id, addr, memaddr, nbytes)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        host.call("i2c_write", self._id, addr, memaddr, bytes(buf))


SoftI2C = I2C


class UART:
    def __init__(self, id, baudrate=115200, bits=8, parity=None, stop=1, *, tx=-1, rx=-1, rxbuf=256, timeout=0, **_):
        self._id = id
        host.call("uart_init", id, baudrate, tx if isinstance(tx, int) else tx.id, rx if isinstance(rx, int) else rx.id)
        host.call("uart_rxbuf", id, rxbuf)

    def any(self):
        return host.call("uart_any", self._id)

    def read(self, nbytes=65536):
        return host.call("uart_read", self._id, nbytes) or None

    def readinto(self, buf, nbytes=None):
        data = host.call("uart_read", self._id, len(buf) if nbytes is None else nbytes)
        if not data:
            return None
        buf[: len(data)] = data
        return len(data)

    def write(self, buf):
        return host.call("uart_write", self._id, bytes(buf))


class ADC:
    ATTN_11DB = 3

    def __init__(self, pin, *, atten=None):
        self._id = pin.id

    def read_uv(self):
        return host.call("adc", self._id)

    def read_u16(self):
        return host.call("adc", self._id) * 65535 // 3300000


class PWM:
    def __init__(self, dest, freq=1000, duty_u16=0, **_):
        self._id = dest.id
        self._freq = freq
        self._duty = duty_u16
        self._tell()

    def _tell(self):
        host.call("pwm", self._id, self._freq, self._duty)

    def init(self, *, freq=None, duty_u16=None):
        self._freq = self._freq if freq is None else freq
        self._duty = self._duty if duty_u16 is None else duty_u16
        self._tell()

    def freq(self, value=None):
        if value is None:
            return self._freq
        self._freq = value
        self._tell()
        return None

    def duty_u16(self, value=None):
        if value is None:
            return self._duty
        self._duty = value
        self._tell()
        return None

    def deinit(self):
        self._duty = 0
        self._tell()


class WDT:
    def __init__(self, id=0, timeout=5000):
        host.call("wdt", timeout)

    def feed(self):
        host.call("wdt_feed")


class RTC:
    def memory(self, data=None):
        if data is None:
            return host.call("rtc_get")
        host.call("rtc_set", bytes(data))
        return None


def reset():
    host.call("reset")


def soft_reset():
    host.call("reset")


def reset_cause():
    return host.call("reset_cause")


def wake_reason():
    return host.call("wake_reason")


def unique_id():
    return b"\x24\x0a\xc4\x00\x00\x01"


def freq(hz=None):
    return host.call("freq", 0 if hz is None else hz)


def lightsleep(time_ms=0):
    host.call("lightsleep", time_ms)


def idle():
    host.call("sleep_us", 1000)

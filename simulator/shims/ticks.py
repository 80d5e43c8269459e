"""What stands in for `time` on the virtual board. Ticks start where it says, and wrap at 2**30 as on the ESP32."""

from host import host

_MASK = 0x3FFFFFFF


def ticks_us():
    return host.now_us & _MASK


def ticks_ms():
    return (host.now_us // 1000) & _MASK


def ticks_add(ticks, delta):
    return (ticks + delta) & _MASK


def ticks_diff(later, earlier):
    gap = (later - earlier) & _MASK
    return gap - _MASK - 1 if gap >= 0x20000000 else gap


def sleep_us(us):
    host.call("sleep_us", us)


def sleep_ms(ms):
    host.call("sleep_us", ms * 1000)


def sleep(seconds):
    host.call("sleep_us", int(seconds * 1000000))

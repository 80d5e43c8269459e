"""The wall clock: UTC as the network, the satellites or the centre tell it, carried on by ticks between times.

Seconds count from 2000-01-01, as MicroPython's own do on the ESP32: they stay a small int until 2034.
"""

from .ticks import ticks_diff

UNSET = -1
_DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
# A modem that has not heard the network gives its factory date, 2014 or 1970 or 2000: refused. (A76XX Series AT
# Command Manual V1.09, AT+CCLK: the example shows 14/01/01.)
_EARLIEST_YEAR = 2025
_LATEST_YEAR = 2067  # ticks of a second fit 31 bits until 2068


def seconds(year, month, day, hour, minute, second):
    """Seconds since 2000-01-01 of a date in 2000 to 2067, or UNSET where there is no such date or time."""
    if not (2000 <= year <= _LATEST_YEAR and 1 <= month <= 12 and hour < 24 and minute < 60 and second <= 60):
        return UNSET
    leap = year % 4 == 0
    last = 29 if leap and month == 2 else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    if not (1 <= day <= last and hour >= 0 and minute >= 0 and second >= 0):
        return UNSET
    days = (year - 2000) * 365 + (year - 2000 + 3) // 4 + _DAYS_BEFORE[month - 1] + day - 1
    if leap and month > 2:
        days += 1
    return days * 86400 + hour * 3600 + minute * 60 + second


def date(utc_s):
    """(year, month, day, hour, minute, second) of seconds since 2000-01-01."""
    days = utc_s // 86400
    rest = utc_s % 86400
    year = 2000 + days // 1461 * 4
    days %= 1461
    if days >= 366:
        year += 1 + (days - 366) // 365
        days = (days - 366) % 365
    leap = 1 if year % 4 == 0 else 0
    month = 12
    while month > 1 and days < _DAYS_BEFORE[month - 1] + (leap if month > 2 else 0):
        month -= 1
    day = days - _DAYS_BEFORE[month - 1] - (leap if month > 2 else 0) + 1
    return year, month, day, rest // 3600, rest // 60 % 60, rest % 60


def stamp(utc_s):
    """`2026-11-22T08:38:50Z`, or `unset`."""
    if utc_s < 0:
        return "unset"
    return "%04d-%02d-%02dT%02d:%02d:%02dZ" % date(utc_s)


class Clock:
    """UTC in seconds. Unset until somebody tells the time; never guessed."""

    def __init__(self):
        self._utc_s = UNSET
        self._at_ms = 0

    def set(self, utc_s, t_ms):
        """It is `utc_s` at tick `t_ms`. False, and nothing set, where the date is implausible."""
        if utc_s < 0 or not _EARLIEST_YEAR <= date(utc_s)[0] <= _LATEST_YEAR:
            return False
        self._utc_s = utc_s
        self._at_ms = t_ms
        return True

    def is_set(self):
        return self._utc_s >= 0

    def utc_s(self, t_ms):
        """Seconds since 2000-01-01 now, or UNSET. Asked at least once in 6 days, or the ticks lose count."""
        if self._utc_s < 0:
            return UNSET
        passed_s = ticks_diff(t_ms, self._at_ms) // 1000
        if passed_s > 3600:
            # Carried on in whole seconds, so that nothing is rounded away.
            self._utc_s += passed_s
            self._at_ms = (self._at_ms + passed_s * 1000) & 0x3FFFFFFF
            return self._utc_s
        return self._utc_s + passed_s

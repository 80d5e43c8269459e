"""Where the worker is: NMEA bytes in; the last fix, its age and an honest error out.

Receivers go on sending coordinates they no longer know. In 154 logs recorded by gpsd's users (gpsd 3.22, test/daemon)
over half of the RMC sentences marked invalid still carry some. So a place counts only when RMC says A and GGA says
quality 1 or better, for the same moment and heard together; whatever is older is told with its age.
"""

from .clock import UNSET, seconds
from .nmea import GGA, OTHER, RMC, Sentence
from .ticks import MASK, ticks_diff

UNKNOWN_AGE = -1

_TOGETHER_MS = 2000  # RMC and GGA further apart are not of one moment; a time that stands still longer is stuck
_FRESH_MS = 5000
_DAY_MS = 86400000
_LARGEST_AGE_S = 30 * 86400

# gpsd 3.22, libgpsd_core.c: the error of a range without correction, 95 %, is 15 m; times HDOP. Never below what the
# receivers claim for an open sky (SIM7000 Hardware Design V1.07: 2.5 m for half of the fixes).
_RANGE_ERROR_M = 15
_LEAST_ERROR_M = 5
_LARGEST_ERROR_M = 50000  # some nine hours of walking: the place says no more than where the shift began
_WALKING_DM_S = 15  # assumed: a worker walks off at 1.5 m/s; who drives is farther
_UNTOLD_HDOP_E2 = 500  # assumed where GGA leaves HDOP empty or 0
_LARGEST_HDOP_E2 = 9999


class Position:
    """The last fix. `tick` at least once in 6 days, or the ticks lose count of its age.

    known                      whether there has ever been a fix
    lat_e7, lon_e7             1e-7 degrees, north and east positive
    hdop_e2, satellites        of that fix
    utc_s, utc_at_ms           the time RMC told last and the tick it was so; clock.UNSET before. A receiver can be
                               1024 weeks behind: give it to Clock.set, which refuses implausible years.
    sentences                  how many came whole: one that stands still is a silent receiver
    """

    def __init__(self):
        self.known = False
        self.lat_e7 = 0
        self.hdop_e2 = 0
        self.satellites = 0
        self.utc_s = UNSET
        self.utc_at_ms = 0
        self.sentences = 0
        # A longitude beyond 107 degrees in 1e-7 is no small int: put together only when asked for.
        self._lon_deg = 0
        self._lon_part_e7 = 0
        self._live = False  # fixed since the last reset, not restored
        self._fixed_utc_s = UNSET  # of a restored place whose age is unknown
        self._age_s = UNKNOWN_AGE  # at tick _age_at_ms
        self._age_at_ms = 0
        self._nmea = Sentence()
        # By RMC and GGA: the moment each last called valid, in ms of the UTC day (-1: it does not), and when heard.
        self._moment_ms = [-1, -1, -1]
        self._heard_ms = [0, 0, 0]
        self._gga_hdop_e2 = 0
        self._gga_satellites = 0
        self._said_ms = [-1, -1, -1]  # the moment each said last, valid or not, and since when it has said so
        self._since_ms = [0, 0, 0]

    @property
    def lon_e7(self):
        """Longitude in 1e-7 degrees; beyond +-107 degrees a heap object on the ESP32."""
        return self._lon_deg * 10000000 + self._lon_part_e7

    @property
    def damaged(self):
        """How many sentences were cut, too long or had a wrong checksum."""
        return self._nmea.damaged

    def receive(self, data, count, t_ms):
        """The first `count` bytes of `data` from the receiver, in any pieces. Allocates nothing."""
        at = 0
        while at < count:
            if self._nmea.feed(data[at]):
                self._take(t_ms)
            at += 1

    def lost(self):
        """The receiver was switched off: what it said before belongs to nothing it will say."""
        self._nmea.reset()
        self._moment_ms[RMC] = -1
        self._moment_ms[GGA] = -1

    def tick(self, t_ms):
        """Let the age grow past what ticks can tell."""
        if self._age_s >= 0:
            passed_s = ticks_diff(t_ms, self._age_at_ms) // 1000
            if passed_s > 3600:
                self._age_s = min(self._age_s + passed_s, _LARGEST_AGE_S)
                self._age_at_ms = self._age_at_ms + passed_s * 1000 & MASK

    def age_s(self, t_ms):
        """Whole seconds since the fix, at most 30 days, or UNKNOWN_AGE."""
        if not self.known or self._age_s < 0:
            return UNKNOWN_AGE
        return min(self._age_s + ticks_diff(t_ms, self._age_at_ms) // 1000, _LARGEST_AGE_S)

    def fresh(self, t_ms):
        """Whether the fix is younger than 5 s. A restored one is not, whatever the clock says."""
        return self.known and self._live and self._age_s == 0 and ticks_diff(t_ms, self._age_at_ms) < _FRESH_MS

    def error_m(self, t_ms):
        """Radius in which the worker is with 95 %, in metres: of the fix, and of walking off since."""
        error_m = max(_LEAST_ERROR_M, (_RANGE_ERROR_M * self.hdop_e2 + 99) // 100)
        if self.fresh(t_ms):
            return error_m
        age_s = self.age_s(t_ms)
        if age_s < 0:
            return _LARGEST_ERROR_M
        return min(error_m + (age_s * _WALKING_DM_S + 9) // 10, _LARGEST_ERROR_M)

    def save(self, utc_s, t_ms):
        """The place as bytes for a store that checks what it keeps; `utc_s` by the wall clock, or UNSET."""
        if not self.known:
            return b""
        age_s = self.age_s(t_ms)
        fixed_utc_s = self._fixed_utc_s
        if age_s >= 0:
            fixed_utc_s = utc_s - age_s if utc_s >= 0 and age_s < _LARGEST_AGE_S else UNSET
        fields = (self.lat_e7, self._lon_deg, self._lon_part_e7, self.hdop_e2, self.satellites, fixed_utc_s)
        return ("1 %d %d %d %d %d %d" % fields).encode()

    def restore(self, data, utc_s, t_ms):
        """Take back what `save` gave, as a last known place. False, and nothing changed, where it is not that."""
        try:
            version, lat_e7, lon_deg, lon_part_e7, hdop_e2, satellites, fixed_utc_s = map(int, data.decode().split())
        except ValueError:
            return False
        if version != 1 or abs(lat_e7) > 900000000 or abs(lon_deg) > 180 or abs(lon_part_e7) > 10000000:
            return False
        if not (0 < hdop_e2 <= _LARGEST_HDOP_E2 and 0 <= satellites < 256 and fixed_utc_s >= UNSET):
            return False
        self.lat_e7 = lat_e7
        self._lon_deg = lon_deg
        self._lon_part_e7 = lon_part_e7
        self.hdop_e2 = hdop_e2
        self.satellites = satellites
        self.known = True
        self._live = False
        self._age_s = UNKNOWN_AGE
        self._fixed_utc_s = fixed_utc_s
        self.told_time(utc_s, t_ms)
        return True

    def told_time(self, utc_s, t_ms):
        """The wall clock was set: a restored place learns its age."""
        if self.known and self._age_s < 0 and 0 <= self._fixed_utc_s <= utc_s:
            self._age_s = min(utc_s - self._fixed_utc_s, _LARGEST_AGE_S)
            self._age_at_ms = t_ms

    def _take(self, t_ms):
        self.sentences = self.sentences + 1 & MASK
        kind = self._nmea.kind()
        if kind == OTHER:
            return
        nmea = self._nmea
        self._moment_ms[kind] = -1
        moment_ms = nmea.time_ms(1)
        if moment_ms < 0 or self._stuck(kind, moment_ms, t_ms):
            return
        if not (self._valid_rmc(moment_ms, t_ms) if kind == RMC else self._valid_gga()):
            return
        place = 3 if kind == RMC else 2
        east = nmea.angle(place + 2, 3, 0x45, 0x57)
        lon_deg = east * nmea.whole_deg
        lon_part_e7 = east * nmea.part_e7
        north = nmea.angle(place, 2, 0x4E, 0x53)
        if east == 0 or north == 0:
            return
        self._moment_ms[kind] = moment_ms
        self._heard_ms[kind] = t_ms
        if not self._together():
            return
        self.lat_e7 = north * (nmea.whole_deg * 10000000 + nmea.part_e7)
        self._lon_deg = lon_deg
        self._lon_part_e7 = lon_part_e7
        self.hdop_e2 = self._gga_hdop_e2
        self.satellites = self._gga_satellites
        self.known = True
        self._live = True
        self._age_s = 0
        self._age_at_ms = t_ms

    def _valid_rmc(self, moment_ms, t_ms):
        nmea = self._nmea
        if nmea.letter(2) != 0x41:  # A
            return False
        mode = nmea.letter(12)
        # Not N no fix, E estimated, M typed in, S simulated: some receivers leave the A beside them.
        if mode == 0x4E or mode == 0x45 or mode == 0x4D or mode == 0x53:
            return False
        year = nmea.two_digits(9, 4)
        if year >= 0:
            midnight_s = seconds(2000 + year, nmea.two_digits(9, 2), nmea.two_digits(9, 0), 0, 0, 0)
            if midnight_s >= 0:
                self.utc_s = midnight_s + moment_ms // 1000
                self.utc_at_ms = t_ms - moment_ms % 1000 & MASK
        return True

    def _valid_gga(self):
        nmea = self._nmea
        quality = nmea.letter(6)
        if quality < 0x31 or quality > 0x35:  # 0 none, 6 estimated, 7 typed in, 8 simulated
            return False
        hdop_e2 = nmea.number(8, 2)
        self._gga_hdop_e2 = min(hdop_e2, _LARGEST_HDOP_E2) if hdop_e2 > 0 else _UNTOLD_HDOP_E2
        self._gga_satellites = min(max(nmea.number(7, 0), 0), 255)
        return True

    def _together(self):
        """Whether RMC and GGA both call one moment valid."""
        rmc_ms = self._moment_ms[RMC]
        gga_ms = self._moment_ms[GGA]
        if rmc_ms < 0 or gga_ms < 0:
            return False
        apart_ms = abs(rmc_ms - gga_ms)
        if _TOGETHER_MS < apart_ms < _DAY_MS - _TOGETHER_MS:
            return False
        return abs(ticks_diff(self._heard_ms[RMC], self._heard_ms[GGA])) <= _TOGETHER_MS

    def _stuck(self, kind, moment_ms, t_ms):
        """Whether this kind has been saying this very moment for long: a frozen receiver looks valid for ever."""
        if moment_ms != self._said_ms[kind]:
            self._said_ms[kind] = moment_ms
            self._since_ms[kind] = t_ms
            return False
        return ticks_diff(t_ms, self._since_ms[kind]) > _TOGETHER_MS

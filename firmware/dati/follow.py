"""Whether the place has changed enough since it was last told: the first message does not wait for a fix, so the place
follows it."""

from .ticks import ticks_diff

_MOVED_M = 50


class PlaceTold:
    """The place last told as one of now, if any."""

    def __init__(self, repeat_ms):
        self._repeat_ms = repeat_ms
        self._known = False
        self._lat_e7 = 0
        self._lon_e7 = 0
        self._at_ms = 0

    def forget(self):
        self._known = False

    def tell(self, facts, t_ms):
        """These facts are being told. Only a place of now counts as one: the last known is still to be bettered."""
        if facts.has_position and facts.fresh:
            self._known = True
            self._lat_e7 = facts.lat_e7
            self._lon_e7 = facts.lon_e7
            self._at_ms = t_ms

    @property
    def known(self):
        return self._known

    def is_due(self, facts, t_ms):
        """A place of now where none was told; or one that lies elsewhere, as far as its error lets tell."""
        if not (facts.has_position and facts.fresh):
            return False
        if not self._known:
            return True
        if ticks_diff(t_ms, self._at_ms) < self._repeat_ms:
            return False
        return self._apart_m(facts) > max(_MOVED_M, facts.error_m)

    def _apart_m(self, facts):
        """About how far apart: a degree of latitude has 111 km, one of longitude less by the cosine."""
        north_m = abs(facts.lat_e7 - self._lat_e7) // 90
        degrees = abs(facts.lat_e7) // 10000000
        # cos x is about 1 - x^2 / 2; here in 1/256, and in degrees.
        cosine = max(16, 256 - degrees * degrees * 10 // 256)
        east_e7 = abs(facts.lon_e7 - self._lon_e7)
        east_m = min(east_e7, 360 * 10000000 - east_e7) // 90 * cosine // 256
        return max(north_m, east_m) + min(north_m, east_m) // 2

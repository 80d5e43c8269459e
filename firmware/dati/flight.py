"""Flight: violent motion that goes on, as of a worker who runs away or struggles."""

from .events import FLIGHT


class Flight:
    """Active after the delay of nothing but violent beats, until the first calm one.

    A beat is violent by its largest |a|: on SisFall jogging peaks at 4.5 g and more, walking below 2.6 g.
    """

    def __init__(self, settings, delay_beats):
        self.cause = FLIGHT
        self.active = False
        self.violent_beats = 0
        half_mg = settings.flight_level_mg >> 1
        self._level = half_mg * half_mg
        self._delay_beats = delay_beats

    def rearm(self):
        """Forget what was seen: the full delay must pass again."""
        self.active = False
        self.violent_beats = 0

    def step(self, peak):
        """Judge one beat by its largest |a|**2, in (mg/2)**2."""
        if peak < self._level:
            self.rearm()
            return
        self.violent_beats += 1
        if self.violent_beats >= self._delay_beats:
            self.violent_beats = self._delay_beats
            self.active = True

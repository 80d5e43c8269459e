"""Flight: violent motion that goes on, as of a worker who runs away or struggles."""

from .events import FLIGHT


class Flight:
    """Active after the delay of nothing but violent beats, until the first calm one."""

    def __init__(self, settings, delay_beats):
        self.cause = FLIGHT
        self.active = False
        self.violent_beats = 0
        self._level_mg = settings.flight_level_mg
        self._delay_beats = delay_beats

    def rearm(self):
        """Forget what was seen: the full delay must pass again."""
        self.active = False
        self.violent_beats = 0

    def step(self, level_mg):
        """Judge one beat by its motion level."""
        if level_mg < self._level_mg:
            self.rearm()
            return
        self.violent_beats += 1
        if self.violent_beats >= self._delay_beats:
            self.violent_beats = self._delay_beats
            self.active = True

"""Immobility: no motion of the worker for the delay."""

from .events import IMMOBILITY


class Immobility:
    """Active after the delay without a moving beat, until the worker has moved for the return time.

    After motion the delay is counted one beat shorter: the worker stopped at some time within the last moving beat.
    """

    def __init__(self, delay_beats, return_beats):
        self.cause = IMMOBILITY
        self.active = False
        self.still_beats = -1
        self.moving_beats = 0
        self._delay_beats = delay_beats - 1
        self._return_beats = return_beats

    def rearm(self):
        """Forget what was seen: the full delay must pass again."""
        self.active = False
        self.still_beats = -1
        self.moving_beats = 0

    def step(self, moving):
        """Judge one beat. A beat that could not be judged counts as still: doubt must not delay an alarm."""
        if moving:
            self.moving_beats += 1
            if not self.active or self.moving_beats >= self._return_beats:
                self.still_beats = 0
                self.active = False
            return
        self.moving_beats = 0
        self.still_beats += 1
        if self.still_beats >= self._delay_beats:
            self.still_beats = self._delay_beats  # a count that may not grow for ever
            self.active = True

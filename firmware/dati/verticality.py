"""Loss of verticality: gravity leans away from the worn vertical, and stays there."""

from .events import VERTICALITY
from .gravity import COS2_Q15


class Verticality:
    """Active once the lean exceeds the threshold for the delay, until it is clearly back for the return time.

    A wobble at the threshold neither alarms twice nor hides: while the delay runs, lean just below the threshold
    still counts, provided the threshold is exceeded again within the return time; once active, it takes the return
    angle, for the return time, to end it.
    """

    def __init__(self, settings, delay_slots, return_slots):
        self.cause = VERTICALITY
        self.active = False
        self.lost_slots = 0
        self.back_slots = 0
        self._delay_slots = delay_slots
        self._return_slots = return_slots
        self._lost_cos2_q15 = COS2_Q15[settings.verticality_threshold_deg]
        self._back_cos2_q15 = COS2_Q15[settings.verticality_threshold_deg - settings.verticality_return_deg]
        self._needs_immobility = settings.verticality_needs_immobility

    def rearm(self):
        """Forget what was seen: the full delay must pass again."""
        self.active = False
        self.lost_slots = 0
        self.back_slots = 0

    def step(self, vertical, moving):
        """Judge one slot: `vertical` has measured gravity; `moving` is whether the worker moved in the last beat."""
        if self._needs_immobility and moving and not self.active:
            self.lost_slots = 0
            return
        if vertical.beyond(self._lost_cos2_q15):
            self.back_slots = 0
            self.lost_slots += 1
        elif self.lost_slots:
            near = vertical.beyond(self._back_cos2_q15)
            if near and self.active:
                self.back_slots = 0
                return
            if near:
                self.lost_slots += 1
            self.back_slots += 1
            if self.back_slots >= self._return_slots:
                self.rearm()
        if self.lost_slots >= self._delay_slots:
            self.lost_slots = self._delay_slots  # a count that may not grow for ever
            self.active = True

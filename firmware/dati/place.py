"""When to look for satellites: on duty now and then, from a pre-alarm on without pause. And the last place is kept.

A look-up costs some 30 mA and an awake modem, so it is rare; but an alarm then has a place to tell at once. Places stay
on the device until an alarm or a test alarm sends one.
"""

from .slots import TwoSlots
from .ticks import Countdown, ticks_diff

_ANSWER_MS = 20000  # a receiver inside the modem speaks after about 9 s; a look-up that ended before proves nothing
_SILENT_LOOKUPS = 3  # in a row without a single sentence: the receiver is dead. Without a fix it only has no sky.


class PlaceWatch:
    """Tells the modem when its receiver is needed; `on` while it is."""

    def __init__(self, settings, position, modem, store):
        self.on = False
        self.silent = 0  # look-ups in a row in which the receiver said nothing at all
        self._position = position
        self._modem = modem
        self._slots = TwoSlots(store, "place")
        self._saved = b""
        self._due = Countdown(settings.gnss_interval_ms)
        self._search = Countdown(settings.gnss_search_ms)
        self._sentences = 0
        self._since_ms = 0

    @property
    def dead(self):
        return self.silent >= _SILENT_LOOKUPS

    def start(self, t_ms):
        """Take back the last place, its age unknown until the clock is set."""
        self._saved = self._slots.load() or b""
        if self._saved:
            self._position.restore(self._saved, -1, t_ms)

    def tick(self, on_duty, urgent, utc_s, t_ms):
        """`urgent`: an alarm, a pre-alarm or a test runs."""
        if urgent or self._search.running:
            self._turn(True, t_ms)
        if on_duty and not self.on and self._due.delay_ms and not self._due.running:
            self._look(t_ms)
        if self._due.ran_out(t_ms) and on_duty:
            self._look(t_ms)
        found = self._position.fresh(t_ms)
        if not urgent and self.on and (found or not self._search.running or self._search.ran_out(t_ms)):
            self._search.stop()
            self._turn(False, t_ms)
            self._save(utc_s, t_ms)

    def _look(self, t_ms):
        self._due.start(t_ms)
        self._search.start(t_ms)
        self._turn(True, t_ms)

    def _turn(self, on, t_ms):
        if on == self.on:
            return
        self.on = on
        self._modem.gnss(on, t_ms)
        if on:
            self._sentences = self._position.sentences
            self._since_ms = t_ms
            return
        if self._position.sentences != self._sentences:
            self.silent = 0
        elif ticks_diff(t_ms, self._since_ms) >= min(_ANSWER_MS, self._search.delay_ms):
            self.silent += 1
        self._position.lost()

    def _save(self, utc_s, t_ms):
        """Written once a look-up, and only where it moved: flash wears."""
        if self._position.known:
            data = self._position.save(utc_s, t_ms)
            if data != self._saved and self._slots.save(data):
                self._saved = data

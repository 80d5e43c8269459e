"""A `Wearable` on a flash part, worn and fed by hand; its modem hears nothing and is heard by nobody."""

from __future__ import annotations

from array import array

from dati import duty, plan
from dati.alarm import QUIET
from dati.memory import Memory
from dati.ticks import ticks_add
from dati.wearable import Wearable

from simulator.parts.clock import VirtualClock
from simulator.parts.flash import Flash

STANDS = (0, 1000, 0)
LIES = (1000, 0, 0)
PLAN = {
    "device": "DATI-7",
    "worker": "Camille Martin",
    "contacts": [{"name": "Garde", "number": "+33639980001"}],
    "code": "4821",
}


class Worn:
    """`w` is the wearable; `lines` what it logs: (what, detail). Time goes on by `run`."""

    def __init__(self, flash=None, start_ms=0, recorder=None, plan_=None, **settings):
        self.flash = flash or Flash()
        self.document = {"format": 1, "settings": settings, "plan": PLAN if plan_ is None else plan_}
        self.t_ms = start_ms
        self.lines = []
        self.drawn = 0
        self.silent = False  # the sensor says nothing
        self._owed = 0  # of samples, in 1/1000
        self.make()

    def make(self):
        self.w = Wearable(
            *plan.load(self.document), "a76xx", self.flash, lambda key, data, on: data, self.random, self.log, self.t_ms
        )

    def start(self, why=0):
        self.w.start(why, self.t_ms)
        self.w.tick(self.t_ms)
        return self

    def restart(self, why=2):
        """As by a reset: what was saved is there, nothing else."""
        self.flash.power_up()
        self.lines = []
        self.make()
        return self.start(why)

    def random(self, count):
        self.drawn += 1
        return bytes((self.drawn * 37 + i) & 255 for i in range(count))

    def log(self, what, detail):
        self.lines.append((what, detail))

    def said(self, what):
        return [detail for name, detail in self.lines if name == what]

    def run(self, ms, accel_mg=STANDS, step_ms=20, until=None):
        """Let time pass, the sensor at `accel_mg`; `until` something is so, which must come. Returns the ms it took."""
        rate_hz = self.w.settings.rate_hz
        for passed_ms in range(step_ms, ms + step_ms, step_ms):
            self.t_ms = ticks_add(self.t_ms, step_ms)
            self._owed += 0 if self.silent else step_ms * rate_hz
            count, self._owed = divmod(self._owed, 1000)
            self.w.samples(array("h", accel_mg * max(count, 1)), count, False, self.t_ms)
            self.w.tick(self.t_ms)
            if until is not None and until():
                return passed_ms
        assert until is None, "it did not come"
        return ms

    def press(self, button, ms=0):
        """Hold for `ms`, and let go."""
        act = getattr(self.w, button)
        act(True, self.t_ms)
        if ms:
            self.run(ms)
        act(False, self.t_ms)

    @property
    def state(self):
        return self.w.device.alarm.state

    @property
    def record(self):
        return self.w.outbox.record

    @property
    def heard(self):
        """The outbox's listener: what modem and outbox tell."""
        return self.w.outbox.listener


def on_duty(flash=None, start_ms=0, **settings):
    """One that has been on duty before, and expects its restart."""
    flash = flash or Flash()
    memory = Memory(flash)
    memory.on_duty = memory.expected = True
    memory.vertical = (0, 16384, 0)
    memory.save()
    worn = Worn(flash, start_ms, **settings).start()
    assert worn.w.duty == duty.ON
    assert worn.state == QUIET
    return worn


__all__ = ["LIES", "PLAN", "STANDS", "VirtualClock", "Worn", "on_duty"]

"""The watch over parts and links: what `supervision` is told each second, and whom it tells.

A fault is told to the worker by the device's signal, to the centre or the contacts by the outbox; faults that begin off
duty are nobody's business until duty begins.
"""

from . import duty, journal, signals, supervision
from .alarm import IN_ALARM
from .modem import DEAD, READY, SIM_ABSENT, SIM_UNKNOWN
from .supervision import Supervision
from .ticks import Countdown

_LOOK_MS = 1000  # between looks
_ALONE_MS = 10000  # an alarm without a network; a modem that has just lost one may find the next
_ALONE_AGAIN_MS = 60000  # elektro.net on DIN VDE V 0825-1: a lost link is told again and again
_STORAGE_AGAIN_MS = 10000  # until storage that failed is tried again
_RECOVERED_PERCENT = 5  # above the limit of a low battery: the voltage sways as the modem sends


class Watch:
    """Of one `wearable`. `supervision` holds what is failing now."""

    def __init__(self, wearable, settings, t_ms):
        self.supervision = Supervision(settings, self)
        self._wearable = wearable
        self._look = Countdown(_LOOK_MS)
        self._silence = Countdown(settings.link_delay_ms)  # of the centre
        self._silent = False
        self._heard_ms = -1
        self._storage = Countdown(settings.heartbeat_interval_ms)  # until it is tried
        self._told = 0  # faults whose beginning was told: bits 1 << fault
        self._alone = Countdown(_ALONE_MS)
        self._look.start(t_ms)
        self._storage.start(t_ms)

    def duty_changed(self, on, t_ms):
        self._silence.start(t_ms)
        self._silent = False
        for fault, _ in supervision.FAULTS:
            if on and self.supervision.has(fault):
                self._tell(fault, t_ms)  # it began when it was nobody's business

    def tick(self, t_ms):
        self.supervision.tick(t_ms)
        if self._look.ran_out(t_ms):
            self._look.start(t_ms)
            self._observe(t_ms)

    def _observe(self, t_ms):
        wearable = self._wearable
        watch = self.supervision
        modem = wearable.modem
        on = wearable.duty == duty.ON
        if wearable.outbox.link_ok_ms != self._heard_ms:
            self._heard_ms = wearable.outbox.link_ok_ms
            self._silence.start(t_ms)
            self._silent = False
        if self._silence.ran_out(t_ms):
            self._silent = True
        self._tell_alone(t_ms)
        watch.observe(supervision.NETWORK, on and not (modem.registered or modem.sms_only), t_ms)
        # A modem that restarts knows of no SIM for a while: that is no news of it.
        sim_fails = watch.has(supervision.SIM) if modem.sim == SIM_UNKNOWN else modem.sim >= SIM_ABSENT
        watch.observe(supervision.SIM, sim_fails, t_ms)
        # One that was dead is tried again and again: only an answer is news of it.
        dead = modem.state != READY if watch.has(supervision.MODEM) else modem.state == DEAD
        watch.observe(supervision.MODEM, dead, t_ms)
        watch.observe(supervision.CENTRE, on and wearable.plan.centre is not None and self._silent, t_ms)
        enough = wearable.settings.low_battery_percent + (_RECOVERED_PERCENT if watch.has(supervision.BATTERY) else 0)
        low = 0 <= wearable.battery_percent < enough
        watch.observe(supervision.BATTERY, low and not wearable.charging, t_ms)
        watch.observe(supervision.SENSOR, not wearable.sensor_ok, t_ms)
        watch.observe(supervision.CLOCK, on and not wearable.clock.is_set(), t_ms)
        watch.observe(supervision.STORAGE, self._storage_fails(t_ms), t_ms)
        watch.observe(supervision.POSITION, on and wearable.place.dead, t_ms)

    def _storage_fails(self, t_ms):
        """Storage nobody writes to fails unnoticed, and what could not be written then is owed: so it is tried."""
        wearable = self._wearable
        if self._storage.ran_out(t_ms):
            if wearable.journal.failed:
                wearable.journal.put_number(journal.MISSED, wearable.journal.missed, wearable.clock.utc_s(t_ms), t_ms)
            wearable.save(True)
            self._storage.delay_ms = wearable.settings.heartbeat_interval_ms
            self._storage.start(t_ms)
        failing = wearable.journal.failed or wearable.memory.slots.failed
        if failing and self._storage.left_ms(t_ms) > _STORAGE_AGAIN_MS:
            self._storage.delay_ms = _STORAGE_AGAIN_MS
            self._storage.start(t_ms)
        return failing

    def _tell_alone(self, t_ms):
        """Over the sound of an alarm that cannot leave the worker hears just that."""
        wearable = self._wearable
        if wearable.device.alarm.state != IN_ALARM or wearable.modem.registered or wearable.modem.sms_only:
            self._alone.stop()
        elif self._alone.ran_out(t_ms):
            wearable.beep(signals.ALONE)
            self._alone.delay_ms = _ALONE_AGAIN_MS
            self._alone.start(t_ms)
        elif not self._alone.running:
            self._alone.delay_ms = _ALONE_MS
            self._alone.start(t_ms)

    def on_fault(self, fault, began, t_ms):
        """`supervision` tells that a fault began or ended."""
        wearable = self._wearable
        wearable.note_text(journal.FAULT_BEGAN if began else journal.FAULT_ENDED, supervision.name_of(fault), t_ms)
        if began and wearable.duty == duty.ON:
            self._tell(fault, t_ms)
        elif not began and self._told & 1 << fault:
            self._told &= ~(1 << fault)
            wearable.outbox.technical(fault, False, t_ms)

    def _tell(self, fault, t_ms):
        self._told |= 1 << fault
        # A sensor that fails on duty is an alarm of its own: the device is blind.
        if fault != supervision.SENSOR:
            self._wearable.outbox.technical(fault, True, t_ms)

"""Who hears what the modem and the outbox say: one place where their words find the part they are meant for."""

from . import duty, journal, signals
from .alarm import QUIET
from .commands import ACK, CHECK, CLEAR, LOCATE, STATUS, TEST
from .events import CENTRE
from .texts import update


class Switchboard:
    """The listener of `modem` and `outbox`. `wearable` is the device they belong to."""

    def __init__(self, wearable):
        self._wearable = wearable

    # --- the modem ---

    def on_modem(self, state, t_ms):
        self._wearable.log("modem", ("off", "starting", "ready", "dead")[state])

    def on_nmea(self, data, count, t_ms):
        self._wearable.position.receive(data, count, t_ms)

    def on_network_time(self, utc_s, t_ms):
        self._wearable.tell_time(utc_s, t_ms)

    def on_sms_sent(self, ok, reference, t_ms):
        self._wearable.outbox.on_sms_sent(ok, reference, t_ms)

    def on_sms_report(self, reference, delivered, t_ms):
        self._wearable.outbox.on_sms_report(reference, delivered, t_ms)

    def on_sms(self, number, text, t_ms):
        self._wearable.outbox.on_sms(number, text, t_ms)

    def on_call(self, state, reason, t_ms):
        self._wearable.outbox.on_call(state, reason, t_ms)

    def on_dtmf(self, digit, t_ms):
        self._wearable.outbox.on_dtmf(digit, t_ms)

    def on_link(self, state, error, t_ms):
        self._wearable.outbox.on_link(state, error, t_ms)

    def on_sent(self, ok, t_ms):
        self._wearable.outbox.on_sent(ok, t_ms)

    def on_data(self, data, t_ms):
        self._wearable.outbox.on_data(data, t_ms)

    # --- the outbox ---

    def on_acknowledged(self, by, who, t_ms):
        wearable = self._wearable
        wearable.note_text(journal.CONFIRMED, "%s %s" % (by, who), t_ms)
        if wearable.outbox.record.test:
            wearable.shift.test_arrived(t_ms)
        else:
            wearable.device.acknowledge()
            wearable.follow(t_ms)

    def on_delivered(self, channel, who, t_ms):
        wearable = self._wearable
        wearable.note_text(journal.DELIVERED, "%s %s" % (channel, who), t_ms)
        if wearable.outbox.record.test:
            wearable.shift.test_arrived(t_ms)
        else:
            wearable.beep(signals.DELIVERED)

    def on_command(self, verb, source, t_ms):
        wearable = self._wearable
        wearable.save()  # the counter first: a command must not work twice
        wearable.note_text(journal.COMMAND_ACCEPTED, "%s from %s" % (verb, source), t_ms)
        device = wearable.device
        if verb == ACK:
            device.acknowledge()
        elif verb == CLEAR:
            if device.alarm.awaits_acknowledgement:
                device.acknowledge()
            device.clear(CENTRE)
        elif verb == LOCATE:
            wearable.outbox.answer(source, update(wearable.plan, wearable.outbox.facts))
        elif verb == STATUS:
            wearable.outbox.answer(source, wearable.status())
        elif verb == TEST:
            wearable.shift.test_alarm(t_ms)
        elif verb == CHECK:
            if wearable.duty == duty.ON and device.alarm.state == QUIET:
                device.ask()
                wearable.outbox.asker = source
            else:
                # A worker in an alarm, or off duty, cannot answer: whoever asks is told so instead.
                wearable.outbox.answer(source, wearable.status())
        wearable.follow(t_ms)

    def on_ignored(self, reason, source, t_ms):
        self._wearable.note_text(journal.COMMAND_IGNORED, "%s: %s" % (source, reason), t_ms)

    def on_sent_message(self, channel, who, what, t_ms):
        self._wearable.note_text(journal.SENT, "%s %s: %s" % (channel, who, what), t_ms)

    def on_failed(self, channel, who, reason, t_ms):
        self._wearable.note_text(journal.SEND_FAILED, "%s %s: %s" % (channel, who, reason), t_ms)

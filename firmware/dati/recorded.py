"""A Device whose life is recorded: whatever it is told goes to the device log first, in its order."""

from . import recorder as log
from .device import Device


class RecordedDevice(Device):
    """Replayed from its log, a fresh Device comes to the same events. Loaded only while recording."""

    def __init__(self, settings, start_ms, recorder):
        self._recorder = recorder
        Device.__init__(self, settings, start_ms)  # what it does belongs to every device: nothing is recorded of it

    def run(self, samples, first, end):
        began_ms = self.now_ms
        taken = Device.run(self, samples, first, end)
        self._recorder.samples(samples, first, taken, began_ms)
        return taken

    def lost(self, count):
        self._recorder.lost(count, self.now_ms)
        Device.lost(self, count)

    def press_sos(self):
        self._put(log.SOS_DOWN)
        Device.press_sos(self)

    def release_sos(self):
        self._put(log.SOS_UP)
        Device.release_sos(self)

    def pull_cord(self):
        self._put(log.TEAR_OFF)
        Device.pull_cord(self)

    def restore_cord(self):
        self._put(log.TEAR_OFF_RESTORED)
        Device.restore_cord(self)

    def cancel(self):
        self._put(log.CANCEL)
        Device.cancel(self)

    def acknowledge(self):
        self._put(log.ACKNOWLEDGE)
        return Device.acknowledge(self)

    def clear(self, by):
        self._put(log.CLEAR, by)
        return Device.clear(self, by)

    def zero(self):
        self._put(log.ZERO)
        return Device.zero(self)

    def ask(self):
        self._put(log.ASK)
        Device.ask(self)

    def blind(self):
        self._put(log.BLIND)
        Device.blind(self)

    def guard(self, on):
        self._put(log.GUARD, 1 if on else 0)
        Device.guard(self, on)

    def resume(self, state, causes):
        self._put(log.RESUME, state * 256 + causes)
        Device.resume(self, state, causes)

    def _put(self, what, value=0):
        self._recorder.input(what, value, self.now_ms)


def settings_text(settings):
    """Settings as the JSON object that a log begins with."""
    fields = []
    for name, value in settings.as_dict().items():
        if value is True or value is False:
            value = "true" if value else "false"
        elif not isinstance(value, int):
            value = '"%s"' % value
        fields.append('"%s":%s' % (name, value))
    return "{%s}" % ",".join(fields)

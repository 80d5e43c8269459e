"""Replays one recording through a Device. The same file runs in every engine, MicroPython included.

It allocates nothing while it runs, so that a replay can be done with the heap locked: the events go to an array made
beforehand, and `go` returns when that is full.
"""

from array import array

# Inputs by number, in the order of `simulator.trace.INPUTS`.
_SOS_DOWN = 0
_SOS_UP = 1
_CANCEL = 2
_TEAR_OFF = 3
_TEAR_OFF_RESTORED = 4
_ACKNOWLEDGE = 5
_CLEAR = 6
_ZERO = 7
_LOST = 8
_ASK = 9
_BLIND = 10
_GUARD = 11
_RESUME = 12

_SIGNAL = 12  # dati.events.SIGNAL: its argument is the alarm's state
_QUIET = 0
_PRE_ALARM = 1
_NEVER = 0x3FFFFFFF


def ticks_diff(later_ms, earlier_ms):
    gap_ms = (later_ms - earlier_ms) & 0x3FFFFFFF
    return gap_ms - 0x3FFFFFFF - 1 if gap_ms >= 0x20000000 else gap_ms


class Replay:
    """One recording through one device, resumable.

    samples: int16 array x, y, z, x, y, z... in milli-g; `count` of them.
    inputs: int32 array of triples (sample index, input, value), sorted.
    cancel_after: samples after which the worker cancels a pre-alarm, or -1 for a worker who ignores it.
    shake_mg: how hard the device's own vibrator shakes its sensor.
    `out` receives four numbers an event: samples taken, ms since the start, code, argument.
    """

    def __init__(self, device, samples, count, inputs, block, cancel_after, shake_mg, start_ms, capacity=256):
        self.device = device
        self.samples = samples
        self.count = count
        self.inputs = inputs
        self.block = block
        self.cancel_after = cancel_after
        self.shake_mg = shake_mg
        self.start_ms = start_ms
        self.out = array("i", [0] * (4 * capacity))
        self.capacity = capacity
        self.events = 0  # in `out`
        self.taken = 0
        self.next_input = 0
        self.cancel_at = _NEVER
        self._one = array("h", [0, 0, 0])

    def go(self):
        """Run on; True when the recording has ended, False when `out` must be emptied (set `events` to 0) first."""
        device = self.device
        while True:
            if self.events + device.events.count > self.capacity:
                return False
            self._drain()
            if self.cancel_at <= self.taken:
                self.cancel_at = _NEVER
                device.cancel()
                continue
            if 3 * self.next_input < len(self.inputs) and self.inputs[3 * self.next_input] <= self.taken:
                self.next_input += 1
                self._apply(self.inputs[3 * self.next_input - 2], self.inputs[3 * self.next_input - 1])
                continue
            if device.events.count:
                continue
            if self.taken >= self.count:
                return True
            stop = min(self.taken + self.block, self.count, self.cancel_at)
            if 3 * self.next_input < len(self.inputs):
                stop = min(stop, self.inputs[3 * self.next_input])
            if self.shake_mg and device.alarm.state == _PRE_ALARM:
                self._run_one(self.shake_mg if device.alarm.shaking(device.now_ms) else 0)
            else:
                self.taken = device.run(self.samples, self.taken, stop)

    def _run_one(self, shake_mg):
        """One sample, shaken to and fro by `shake_mg`."""
        one = self._one
        at = 3 * self.taken
        x_mg = int(self.samples[at])
        one[0] = max(-32768, min(32767, x_mg - shake_mg if self.taken & 1 else x_mg + shake_mg))
        one[1] = self.samples[at + 1]
        one[2] = self.samples[at + 2]
        self.device.run(one, 0, 1)
        self.taken += 1

    def _drain(self):
        events = self.device.events
        while events.count:
            at = 4 * self.events
            code = events.code()
            argument = events.argument()
            self.out[at] = self.taken
            self.out[at + 1] = ticks_diff(events.t_ms(), self.start_ms)
            self.out[at + 2] = code
            self.out[at + 3] = argument
            self.events += 1
            events.drop()
            if code == _SIGNAL:
                if argument == _PRE_ALARM and self.cancel_after >= 0:
                    self.cancel_at = self.taken + self.cancel_after
                elif argument == _QUIET:
                    self.cancel_at = _NEVER

    def _apply(self, what, value):
        device = self.device
        if what == _SOS_DOWN:
            device.press_sos()
        elif what == _SOS_UP:
            device.release_sos()
        elif what == _CANCEL:
            device.cancel()
        elif what == _TEAR_OFF:
            device.pull_cord()
        elif what == _TEAR_OFF_RESTORED:
            device.restore_cord()
        elif what == _ACKNOWLEDGE:
            device.acknowledge()
        elif what == _CLEAR:
            device.clear(value)
        elif what == _ZERO:
            device.zero()
        elif what == _LOST:
            device.lost(value)
        elif what == _ASK:
            device.ask()
        elif what == _BLIND:
            device.blind()
        elif what == _GUARD:
            device.guard(value != 0)
        elif what == _RESUME:
            device.resume(value >> 8, value & 255)

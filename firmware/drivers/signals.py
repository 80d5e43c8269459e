"""What the worker hears, sees and feels: one pattern a signal of dati/signals.py, rendered without ever waiting.

A pattern is two tracks, buzzer and LED. A track is (period_ms, steps); a step is (from_ms, until_ms, value) within the
period, in order; between steps it is off. The value is a tone in Hz for the buzzer, 1 for the LED. Period 0 plays once.

The LED always has something to say while on duty: a device that is on duty says so, a dark one does not guard.
"""

import machine
from dati import signals
from dati.ticks import ticks_add, ticks_diff

# Tones, Hz. Small piezo buzzers are loudest near 2.7 kHz (assumed; take your buzzer's figure). The low one is for
# what is no cause for alarm.
_LOW = 1400
_MID = 2000
_HIGH = 2700

_LOUD = 32768  # half of the time on: the loudest a piezo gets
_QUIET = 2048

_NEVER_MS = 60000  # nothing will change by itself: ask again in a minute

_ONCE = 0


def _track(period_ms, *steps):
    """A track of steps given one after the other: from_ms, until_ms, value, and so on."""
    return (period_ms, tuple([steps[i : i + 3] for i in range(0, len(steps), 3)]))


def _beeps(count, hz, period_ms, on_ms=120, gap_ms=130):
    """A track of `count` equal beeps, again every `period_ms`."""
    step_ms = on_ms + gap_ms
    return (period_ms, tuple([(i * step_ms, i * step_ms + on_ms, hz) for i in range(count)]))


def _both(count, hz, period_ms, on_ms=120, gap_ms=130):
    """A pattern whose LED flashes with the beeps."""
    return _beeps(count, hz, period_ms, on_ms, gap_ms), _beeps(count, 1, period_ms, on_ms, gap_ms)


def pattern(signal):
    """(buzzer, LED) of a signal. Made when it is wanted: all of them in memory would take 5 KB of it on the ESP32."""
    silent = _track(_ONCE)
    double_blink = _track(5000, 0, 60, 1, 250, 310, 1)
    fast_blink = _track(500, 0, 250, 1)
    if signal == signals.OFF_DUTY:
        return silent, silent
    if signal == signals.CHARGING:
        return silent, _track(4000, 0, 1000, 1)
    if signal == signals.ON_DUTY:
        return silent, _track(5000, 0, 60, 1)
    if signal == signals.RECORDING:
        return _beeps(2, _LOW, 5000, 20, 100), double_blink
    if signal == signals.TECHNICAL:
        return _beeps(2, _MID, 60000), double_blink
    if signal == signals.LOW_BATTERY:
        return _beeps(1, _LOW, 60000, 400), double_blink
    if signal == signals.NO_NETWORK:
        return _beeps(3, _MID, 60000), double_blink
    if signal == signals.ACKNOWLEDGED:
        return _beeps(1, _LOW, 10000), _track(2000, 0, 1000, 1)
    if signal == signals.DEAD_MAN:
        return _beeps(2, _LOW, 2000), _track(1000, 0, 300, 1)
    if signal == signals.PRE_ALARM:
        # Four rising tones every 2 s, and louder each time.
        return _track(2000, 0, 250, 1400, 300, 550, 1800, 600, 850, 2300, 900, 1400, 2700), fast_blink
    if signal == signals.ALARM:
        # To be located by: loud, broken, never the same for long.
        return _track(800, 0, 300, _HIGH, 350, 650, _MID), fast_blink
    if signal == signals.DUTY_LINK:
        return _beeps(1, _LOW, 3000, 30), _track(300, 0, 150, 1)
    if signal == signals.DUTY_BEGUN:
        return _track(_ONCE, 0, 150, _LOW, 200, 350, _MID, 400, 800, _HIGH), _track(_ONCE, 0, 800, 1)
    if signal == signals.DUTY_ENDED:
        return _track(_ONCE, 0, 150, _HIGH, 200, 350, _MID, 400, 800, _LOW), _track(_ONCE, 0, 800, 1)
    if signal == signals.DUTY_REFUSED:
        return _both(4, _LOW, _ONCE, 400, 200)
    if signal == signals.STEP_DONE:
        return _both(1, _HIGH, _ONCE)
    if signal == signals.REFUSED:
        return _both(1, _LOW, _ONCE, 600)
    if signal == signals.ALONE:
        return _both(3, _LOW, _ONCE, 600, 300)
    if signal == signals.DELIVERED:
        return _both(3, _HIGH, _ONCE, 80, 80)
    # A step of the function test: as many low beeps and flashes as its place in the test, every 4 s.
    steps = (signals.DUTY_STAND, signals.DUTY_TILT, signals.DUTY_HOLD, signals.DUTY_KNOCK, signals.DUTY_PRESS)
    return _both(steps.index(signal) + 1, _LOW, 4000)


_RISING = (signals.PRE_ALARM, signals.DEAD_MAN)  # begin quietly, and grow loud over the first periods


class Signals:
    """Buzzer (a piezo on PWM), LED and vibrator (each a pin with its active level).

    `show` sets the lasting signal, `once` plays a short one over it; `tick` brings the outputs to what is due, and
    `due_ms` says how long they stay so. The vibrator is apart: whoever runs it must tell the detectors.
    """

    def __init__(self, buzzer, led, vibrator):
        """`buzzer` is a pin number; `led` and `vibrator` are (pin, active level)."""
        self._buzzer = machine.PWM(machine.Pin(buzzer), freq=_MID, duty_u16=0)
        self._led = machine.Pin(led[0], machine.Pin.OUT, value=1 - led[1])
        self._led_active = led[1]
        self._vibrator = machine.Pin(vibrator[0], machine.Pin.OUT, value=1 - vibrator[1])
        self._vibrator_active = vibrator[1]
        self.lasting = signals.OFF_DUTY
        self.short = -1  # the signal that plays once, or -1
        self._lasting = pattern(self.lasting)
        self._short = self._lasting
        self.tone_hz = 0  # what the buzzer does now; 0 is silence
        self.lit = False
        self.vibrating = False
        self._duty = 0
        self._since_ms = 0  # of the lasting signal
        self._short_since_ms = 0
        self._left_ms = 0

    @property
    def sounding(self):
        """Whether the buzzer sounds: light sleep would stop it."""
        return self.tone_hz != 0

    def show(self, signal, t_ms):
        """From now on, until another is shown. The same again changes nothing."""
        if signal != self.lasting:
            self.lasting = signal
            self._lasting = pattern(signal)
            self._since_ms = t_ms
            self.tick(t_ms)

    def once(self, signal, t_ms):
        """A short signal, over the lasting one; a later one takes the place of an earlier."""
        self.short = signal
        self._short = pattern(signal)
        self._short_since_ms = t_ms
        self.tick(t_ms)

    def vibrate(self, on):
        """Run the vibrator, or stop it."""
        if on != self.vibrating:
            self.vibrating = on
            self._vibrator.value(self._vibrator_active if on else 1 - self._vibrator_active)

    def tick(self, t_ms):
        """Bring buzzer and LED to what is due at `t_ms`. Cheap when nothing changes."""
        signal = self.short
        if signal >= 0:
            buzzer, led = self._short
            phase_ms = ticks_diff(t_ms, self._short_since_ms)
            if phase_ms >= _length_ms(buzzer) and phase_ms >= _length_ms(led):
                self.short = -1
        if self.short < 0:
            signal = self.lasting
            buzzer, led = self._lasting
            phase_ms = ticks_diff(t_ms, self._since_ms)
        duty = _LOUD
        if signal in _RISING:
            duty = min(_LOUD, _QUIET << min(4, phase_ms // buzzer[0]))
        self._left_ms = _NEVER_MS
        hz = self._value(buzzer, phase_ms)
        lit = self._value(led, phase_ms) != 0
        if hz != self.tone_hz or (hz and duty != self._duty):
            if hz:
                self._buzzer.freq(hz)
                self._buzzer.duty_u16(duty)
            else:
                self._buzzer.duty_u16(0)
            self.tone_hz = hz
            self._duty = duty
        if lit != self.lit:
            self._led.value(self._led_active if lit else 1 - self._led_active)
            self.lit = lit
        if self.short < 0 and phase_ms > 4 * _NEVER_MS:
            # Differences of ticks hold for 6 days, duty may last longer. Every period divides three minutes.
            self._since_ms = ticks_add(self._since_ms, 3 * _NEVER_MS)

    def due_ms(self, t_ms):
        """How long buzzer and LED stay as they are, ms, at most a minute."""
        self.tick(t_ms)
        return self._left_ms

    def _value(self, track, phase_ms):
        """What a track gives at `phase_ms`; notes when that changes."""
        period_ms, steps = track
        if not steps:
            return 0
        if period_ms:
            phase_ms %= period_ms
        value = 0
        left_ms = period_ms - phase_ms if period_ms else _NEVER_MS
        for start_ms, end_ms, step in steps:
            if phase_ms < start_ms:
                left_ms = start_ms - phase_ms
                break
            if phase_ms < end_ms:
                value = step
                left_ms = end_ms - phase_ms
                break
        if left_ms < self._left_ms:
            self._left_ms = left_ms
        return value


def _length_ms(track):
    """How long a track that plays once takes."""
    steps = track[1]
    return steps[len(steps) - 1][1] if steps else 0

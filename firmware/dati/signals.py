"""What the device tells the worker without words: one number a signal. `drivers/signals.py` gives each its sound.

The mind chooses at most one lasting signal (a state) and sends short ones (a beep) over it.
"""

# Lasting. Of several that are so, `face` chooses.
OFF_DUTY = 0  # dark and silent
CHARGING = 1
ON_DUTY = 2  # a short green blink every few seconds: the device says that it guards
RECORDING = 3  # two ticks every few seconds: motion is being recorded
TECHNICAL = 4  # something failed: a double beep, again every minute
LOW_BATTERY = 5
NO_NETWORK = 6  # nobody can be reached: again every minute (elektro.net on DIN VDE V 0825-1: repeated cyclically)
ACKNOWLEDGED = 7  # help is on its way
DEAD_MAN = 8  # "are you well? press"
PRE_ALARM = 9  # "cancel now": buzzer rising, vibrator in pulses, LED flashing
ALARM = 10  # "locate me"
# The function test: what the worker is asked to do now.
DUTY_STAND = 11
DUTY_TILT = 12
DUTY_HOLD = 13
DUTY_KNOCK = 14
DUTY_PRESS = 15
DUTY_LINK = 16  # wait: the link is being tested

# Short, once.
DUTY_BEGUN = 32
DUTY_ENDED = 33
DUTY_REFUSED = 34
STEP_DONE = 35
REFUSED = 36  # what was asked for cannot be done now
DELIVERED = 37  # the alarm has reached somebody
ALONE = 38  # there is no network for the alarm: nobody can be reached now

SIGNALS = (
    (OFF_DUTY, "off_duty"),
    (CHARGING, "charging"),
    (ON_DUTY, "on_duty"),
    (RECORDING, "recording"),
    (TECHNICAL, "technical"),
    (LOW_BATTERY, "low_battery"),
    (NO_NETWORK, "no_network"),
    (ACKNOWLEDGED, "acknowledged"),
    (DEAD_MAN, "dead_man"),
    (PRE_ALARM, "pre_alarm"),
    (ALARM, "alarm"),
    (DUTY_STAND, "stand_still"),
    (DUTY_TILT, "tilt"),
    (DUTY_HOLD, "hold_still"),
    (DUTY_KNOCK, "knock"),
    (DUTY_PRESS, "press"),
    (DUTY_LINK, "link_test"),
    (DUTY_BEGUN, "duty_begun"),
    (DUTY_ENDED, "duty_ended"),
    (DUTY_REFUSED, "duty_refused"),
    (STEP_DONE, "step_done"),
    (REFUSED, "refused"),
    (DELIVERED, "delivered"),
    (ALONE, "alone"),
)


def name_of(signal):
    for code, name in SIGNALS:
        if code == signal:
            return name
    return str(signal)

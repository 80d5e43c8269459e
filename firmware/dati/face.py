"""Which lasting signal the worker is given: of all that is so, what matters most."""

from . import duty, signals, supervision
from .alarm import IN_ALARM, IN_PRE_ALARM, IS_ACKNOWLEDGED
from .events import DEAD_MAN


def lasting(wearable):
    """The signal of `wearable` as it is now."""
    alarm = wearable.device.alarm
    failing = wearable.watch.supervision
    if alarm.state == IN_ALARM:
        return signals.ALARM
    if alarm.state == IN_PRE_ALARM:
        return signals.DEAD_MAN if alarm.causes == DEAD_MAN else signals.PRE_ALARM
    if wearable.function_test is not None:
        return wearable.function_test.signal
    if alarm.state == IS_ACKNOWLEDGED:
        return signals.ACKNOWLEDGED
    if wearable.duty == duty.CHARGING:
        return signals.CHARGING
    if wearable.duty == duty.ON and failing.raised & supervision.UNREACHABLE:
        return signals.NO_NETWORK
    if failing.has(supervision.BATTERY):
        return signals.LOW_BATTERY
    if failing.raised:
        return signals.TECHNICAL
    if wearable.recorder is not None:
        return signals.RECORDING
    return signals.ON_DUTY if wearable.duty == duty.ON else signals.OFF_DUTY

"""What people read: the alarm and what follows it, in French and English.

French keeps to the letters of the default SMS alphabet (3GPP TS 23.038: à é è ù ì ò, but none with a circumflex and
no small c cedilla), so that an alarm fits one SMS of 160 characters; a single one of the others leaves it 70.
"""

from .clock import date
from .events import (
    DEAD_MAN,
    FALL,
    FLIGHT,
    IMMOBILITY,
    TEAR_OFF,
    TECHNICAL,
    VERTICALITY,
    VOLUNTARY,
)
from .supervision import (
    BATTERY,
    CENTRE,
    CLOCK,
    MODEM,
    NETWORK,
    POSITION,
    PROGRAM,
    RESTART,
    SENSOR,
    SIM,
    STORAGE,
)

# Causes, the most urgent first.
_CAUSES = (
    (VOLUNTARY, "SOS", "SOS"),
    (TEAR_OFF, "cordon arraché", "cord torn off"),
    (FALL, "chute", "fall"),
    (FLIGHT, "mouvement violent", "violent motion"),
    (VERTICALITY, "perte de verticalité", "not upright"),
    (IMMOBILITY, "immobilité", "no motion"),
    (DEAD_MAN, "pas de signe de vie", "no sign of life"),
    (TECHNICAL, "panne technique", "technical fault"),
)
_MOST_CAUSES = 3  # named; the others are counted

_FAULTS = (
    (NETWORK, "réseau absent", "no network"),
    (SIM, "carte SIM", "SIM card"),
    (CENTRE, "centre muet", "centre silent"),
    (BATTERY, "batterie faible", "battery low"),
    (SENSOR, "capteur de mouvement", "motion sensor"),
    (CLOCK, "heure inconnue", "clock not set"),
    (STORAGE, "mémoire", "storage"),
    (PROGRAM, "programme", "program"),
    (RESTART, "redémarrage imprévu", "unexpected restart"),
    (MODEM, "modem", "modem"),
    (POSITION, "récepteur GNSS", "GNSS receiver"),
)

CONFIRM_DIGIT = "5"  # pressed by a person who answers the call; a voicemail presses nothing

# fmt: off
# French|English, in one string each: half the memory of two in a tuple.
_WORDS = {
    "alarm": "ALARME|ALARM",
    "update": "SUITE ALARME|ALARM UPDATE",
    "acknowledged": "PRIS EN CHARGE|ACKNOWLEDGED",
    "by": " par %s| by %s",
    "centre": "le centre|the centre",
    "cancelled": "ALARME ANNULEE|ALARM CANCELLED",
    "ended": "FIN D'ALARME|ALARM OVER",
    "fault": "DEFAUT|FAULT",
    "mended": "FIN DE DEFAUT|FAULT OVER",
    "drill": "essai|drill",
    "others": " + %d autres| + %d more",
    "no_time": "heure inconnue|time unknown",
    "no_place": "Position inconnue|Position unknown",
    "place": "Position|Position",
    "old_place": "Dernière position connue|Last known position",
    "error": " à %d m| +-%d m",
    "ago": ", il y a %d %s|, %d %s ago",
    "ago_unknown": ", heure inconnue|, age unknown",
    "battery": "Bat. %d%%|Battery %d%%",
    "signal": "signal %d/5|signal %d/5",
    "confirm": "Répondez %s|Reply %s",
    "or_press": " ou touche " + CONFIRM_DIGIT + "| or key " + CONFIRM_DIGIT,
    "on_duty": "en service|on duty",
    "off_duty": "hors service|off duty",
    "in_alarm": "en alarme|in alarm",
    "alive": "a donné signe de vie|has given a sign of life",
}
# fmt: on

# Letters that are not in the default alphabet, and what stands for each.
_FOREIGN = "çâêîôûëïœŒÀÂÈÊÎÔÛËÏÙáíóúÁÍÓÚ’±°"
_PLAIN = ("c", "a", "e", "i", "o", "u", "e", "i", "oe", "OE", "A", "A", "E", "E", "I", "O", "U", "E", "I", "U") + (
    ("a", "i", "o", "u", "A", "I", "O", "U", "'", "+-", "")
)


class Facts:
    """What a message tells beside who. The owner keeps position, battery and signal current."""

    def __init__(self):
        self.causes = 0  # bits of `events`
        self.utc_s = -1  # of the alarm, seconds since 2000-01-01; -1: no clock was set
        self.test = False
        self.has_position = False
        self.lat_e7 = 0  # 1e-7 degrees, north and east positive
        self.lon_e7 = 0
        self.age_s = -1  # of the position; -1 unknown
        self.error_m = 0  # 0 unknown
        self.fresh = False  # the position is one of now
        self.battery_percent = -1  # -1 unknown
        self.signal_dbm = 0  # 0 unknown


def plain(text):
    """`text` with accented letters outside the default SMS alphabet replaced by what people write instead."""
    out = ""
    for letter in text:
        at = _FOREIGN.find(letter)
        out += letter if at < 0 else _PLAIN[at]
    return out


def degrees(e7):
    """Degrees with 5 decimals, rounded, of 1e-7 degrees: -4567 is "-0.00046"."""
    e5 = (abs(e7) + 50) // 100
    return "%s%d.%05d" % ("-" if e7 < 0 and e5 else "", e5 // 100000, e5 % 100000)


def when(plan, utc_s):
    """`22/11 14:32 UTC`."""
    if utc_s < 0:
        return _word(plan, "no_time")
    _, month, day, hour, minute, _ = date(utc_s)
    return "%02d/%02d %02d:%02d UTC" % (day, month, hour, minute)


def causes(plan, bits):
    """The causes in words, the most urgent first; a test has none."""
    if bits == 0:
        return _word(plan, "drill")
    named = []  # type: list[str]
    others = 0
    for cause, french, english in _CAUSES:
        if bits & cause:
            if len(named) < _MOST_CAUSES:
                named.append(french if plan.language == "fr" else english)
            else:
                others += 1
    text = " + ".join(named)
    return text + _word(plan, "others") % others if others else text


def where(plan, facts, in_digits=True):
    """The place with its error and age, and whether it is the last known only; `in_digits` with its coordinates."""
    if not facts.has_position:
        return _word(plan, "no_place")
    text = _word(plan, "place" if facts.fresh else "old_place")
    if in_digits:
        text += " %s,%s" % (degrees(facts.lat_e7), degrees(facts.lon_e7))
    if facts.error_m > 0:
        text += _word(plan, "error") % facts.error_m
    if facts.age_s < 0:
        return text + _word(plan, "ago_unknown")
    if facts.age_s < 120:
        return text + _word(plan, "ago") % (facts.age_s, "s")
    if facts.age_s < 7200:
        return text + _word(plan, "ago") % (facts.age_s // 60, "min")
    return text + _word(plan, "ago") % (facts.age_s // 3600, "h")


def alarm(plan, facts, code, by_voice=False):
    """Who, what, when, where, battery and signal, and how to confirm: by `code`, and by a key if a call may come."""
    return _joined(
        _head(plan, facts, "alarm") + ": " + causes(plan, facts.causes),
        when(plan, facts.utc_s),
        where(plan, facts),
        _state(plan, facts),
        _word(plan, "confirm") % code + (_word(plan, "or_press") if by_voice else ""),
    )


def update(plan, facts):
    """What has changed since: the place, the causes."""
    return _joined(
        _head(plan, facts, "update") + ": " + causes(plan, facts.causes), where(plan, facts), _state(plan, facts)
    )


def note(plan, facts):
    """The alarm for a screen of the receiving centre, which gets code, time and coordinates beside it."""
    return _joined(
        _head(plan, facts, "alarm") + ": " + causes(plan, facts.causes), where(plan, facts, False), _state(plan, facts)
    )


def acknowledged(plan, facts, who=""):
    """`who` answers for the alarm: a name, "centre", or ""."""
    if who == "centre":
        who = _word(plan, "centre")
    return _joined(_head(plan, facts, "acknowledged") + (_word(plan, "by") % plain(who) if who else ""))


def cancelled(plan, facts):
    return _joined(_head(plan, facts, "cancelled"), when(plan, facts.utc_s))


def ended(plan, facts):
    """`facts.utc_s`: when the alarm had begun."""
    return _joined(_head(plan, facts, "ended"), when(plan, facts.utc_s))


def technical(plan, fault, began, utc_s):
    """A fault of `FAULTS` began or ended at `utc_s`."""
    named = "%d" % fault
    for number, french, english in _FAULTS:
        if number == fault:
            named = french if plan.language == "fr" else english
    return _joined("%s %s: %s" % (_word(plan, "fault" if began else "mended"), _who(plan), named), when(plan, utc_s))


def duty(plan, on, utc_s):
    """Duty began, or ended."""
    return _joined("%s: %s" % (_who(plan), _word(plan, "on_duty" if on else "off_duty")), when(plan, utc_s))


def status(plan, facts, on_duty, in_alarm):
    """The answer to STATUS. Never a position: that leaves with an alarm or a test only."""
    state = _word(plan, "on_duty" if on_duty else "off_duty")
    if in_alarm:
        state += ", " + _word(plan, "in_alarm")
    return _joined("%s: %s" % (_who(plan), state), _state(plan, facts))


def alive(plan):
    """To whom a CHECK came from: the worker has answered it."""
    return "%s: %s" % (_who(plan), _word(plan, "alive"))


# --- inside ---


def _word(plan, name):
    french, _, english = _WORDS[name].partition("|")
    return french if plan.language == "fr" else english


def _who(plan):
    return "%s %s" % (plain(plan.worker), plan.device) if plan.worker else plan.device


def _head(plan, facts, name):
    return "%s%s %s" % ("TEST " if facts.test else "", _word(plan, name), _who(plan))


def _state(plan, facts):
    known = []
    if facts.battery_percent >= 0:
        known.append(_word(plan, "battery") % facts.battery_percent)
    if facts.signal_dbm < 0:
        # In fifths of what AT+CSQ can tell, -113 to -51 dBm: dBm mean nothing to whom this is sent.
        known.append(_word(plan, "signal") % max(0, min(5, (facts.signal_dbm + 113) // 12)))
    return ", ".join(known)


def _joined(*parts):
    return ". ".join([part for part in parts if part])

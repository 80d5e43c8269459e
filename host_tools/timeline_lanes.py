"""What a scenario's timeline shows, sorted into the lanes of its picture: bands that last, marks, and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from simulator.parts.clock import Entry
from simulator.simulate import Outcome

RED, AMBER, YELLOW, BLUE, GREEN = "#d93025", "#e08a1e", "#f5c542", "#4a90d9", "#7fb77e"
PURPLE, BROWN, GREY, LIGHT, WHITE = "#b39ddb", "#9c6b3f", "#9a9a9a", "#d4d4d4", "#ffffff"
DARK_GREEN, MAGENTA = "#228833", "#aa3377"

# What the device shows, in plain words, and its colour.
_SIGNALS = {
    "off_duty": ("off duty", LIGHT),
    "charging": ("in the charger", "#b5c9d3"),
    "on_duty": ("on duty", GREEN),
    "recording": ("recording", "#80cbc4"),
    "technical": ("technical fault", AMBER),
    "low_battery": ("low battery", AMBER),
    "no_network": ("no network", AMBER),
    "acknowledged": ("acknowledged", BLUE),
    "dead_man": ("are you well?", YELLOW),
    "pre_alarm": ("pre-alarm", YELLOW),
    "alarm": ("alarm", RED),
}
_TESTING = ("function test", PURPLE)
OUT = "out"
_REGISTRATIONS = {2: "searching", 3: "denied", 0: "not registered", 4: "unknown", 6: "SMS only", 7: "SMS only"}

# How a message for people begins, the longest first, and what it is.
_MESSAGES = (
    ("SUITE ALARME", "update"),
    ("ALARM UPDATE", "update"),
    ("ALARME ANNULEE", "cancelled"),
    ("ALARM CANCELLED", "cancelled"),
    ("FIN D'ALARME", "alarm over"),
    ("ALARM OVER", "alarm over"),
    ("FIN DE DEFAUT", "fault over"),
    ("FAULT OVER", "fault over"),
    ("PRIS EN CHARGE", "acknowledged"),
    ("ACKNOWLEDGED", "acknowledged"),
    ("DEFAUT", "fault"),
    ("FAULT", "fault"),
    ("ALARM", "alarm"),
)
KINDS = {
    "alarm": RED,
    "update": AMBER,
    "acknowledged": BLUE,
    "alarm over": BLUE,
    "cancelled": BLUE,
    "fault": BROWN,
    "fault over": BROWN,
    "receipt": DARK_GREEN,
    "confirms": DARK_GREEN,
    "refusal": MAGENTA,
    "other": GREY,
    "link test": LIGHT,
    "report": LIGHT,
}
# What the colours of messages mean.
MEANINGS = {
    RED: "alarm",
    AMBER: "update",
    BLUE: "acknowledged, cancelled, over",
    BROWN: "fault and its end",
    DARK_GREEN: "receipt or confirmation",
    MAGENTA: "refused or failed",
    GREY: "other",
    LIGHT: "link test, delivery report",
}
_CENTRE = {"trouble": "fault", "trouble_over": "fault over", "heartbeat": "link test", "restore": "alarm over"}
# How a call ends, after what it was.
_ENDS = {"contact": ", hangs up", "busy": ", busy", "no_answer": ", no answer", "dropped": ", dropped"}


class Band(NamedTuple):
    """Something that lasts."""

    from_s: float
    until_s: float
    name: str
    colour: str


class Message(NamedTuple):
    """From one lane to another; `failed`: it got no further than `target`."""

    from_s: float
    until_s: float
    source: str
    target: str
    kind: str  # of KINDS
    label: str = ""
    failed: bool = False


class Mark(NamedTuple):
    """A moment."""

    t_s: float
    label: str


def _of(outcome: Outcome, who: str, *whats: str) -> Iterator[tuple[float, Entry]]:
    return ((entry.t_ms / 1000, entry) for entry in outcome.entries if entry.who == who and entry.what in whats)


def _bands(changes: list[tuple[float, str, str]], end_s: float) -> list[Band]:
    """From (s, name, colour) of each change; the same again goes on."""
    bands: list[Band] = []
    for number, (s, name, colour) in enumerate(changes):
        until_s = changes[number + 1][0] if number + 1 < len(changes) else end_s
        if bands and bands[-1][2:] == (name, colour) and bands[-1].until_s == s:
            bands[-1] = bands[-1]._replace(until_s=until_s)
        elif until_s > s:
            bands.append(Band(s, until_s, name, colour))
    return [band for band in bands if band.name]


def device_bands(outcome: Outcome) -> list[Band]:
    """What the device shows, and when it is out."""
    changes: list[tuple[float, str, str]] = [(0.0, "starts", WHITE)]
    for entry in outcome.entries:
        t_s = entry.t_ms / 1000
        if entry.who == "fault" and (entry.what == "power_off" or (entry.what == "watchdog" and not entry.text)):
            changes.append((t_s, "no power" if entry.what == "power_off" else "hangs", OUT))
        elif entry.who == "device" and entry.what == "started":
            changes.append((t_s, *_SIGNALS["off_duty"]))  # until it says otherwise
        elif entry.who == "device" and entry.what == "signal":
            changes.append((t_s, *_SIGNALS.get(entry.text, _TESTING)))
    return _bands(changes, outcome.scenario.end_s)


def worker_bands(outcome: Outcome) -> list[Band]:
    """What the worker does, as the motion's pieces have it."""
    pieces = list(_of(outcome, "worker", "moves"))
    changes = [(t_s, _piece(entry.text), "#eef2f7" if i % 2 else "#dfe7f0") for i, (t_s, entry) in enumerate(pieces)]
    return _bands(changes, outcome.scenario.end_s)


def _piece(words: str) -> str:
    """`trip_fall 3` in words; a number tells how long, which the picture shows."""
    return re.sub(r"[-\d. ]+$", "", words).replace("_", " ")


def worker_marks(outcome: Outcome) -> list[Mark]:
    marks = []
    for t_s, entry in _of(outcome, "worker", "presses", "cord", "charger", "note"):
        words = {"presses": f"presses {entry.text.replace('cancel', 'CANCEL').replace('sos', 'SOS')}"}
        words |= {"cord": f"cord: {entry.text}", "charger": f"charger {entry.text}"}
        marks.append(Mark(t_s, words.get(entry.what, entry.text)))
    return marks


def fault_marks(outcome: Outcome) -> list[Mark]:
    """What breaks, and is mended: faults of the scenario, of the service centre, of the battery."""
    marks = []
    for t_s, entry in _of(outcome, "fault", *{entry.what for entry in outcome.entries if entry.who == "fault"}):
        if entry.what == "watchdog":
            marks.append(Mark(t_s, "watchdog bites" if entry.text else "program hangs"))
        elif entry.what == "battery":
            marks.append(Mark(t_s, f"battery {entry.text}"))
        elif not (entry.what == "power_off" and marks and marks[-1] == Mark(t_s, "power cut")):
            marks.append(Mark(t_s, entry.what.replace("_", " ")))
    marks += [Mark(t_s, f"SMS centre: {entry.text}") for t_s, entry in _of(outcome, "network", "smsc")]
    marks += [Mark(t_s, f"centre: {entry.text}") for t_s, entry in _of(outcome, "centre", "behaviour")]
    return sorted(marks)


def coverage(outcome: Outcome) -> list[Band]:
    """Registration as the modem has it, and no signal where there is none."""
    given = outcome.scenario.values.get("network", {})
    covered = given.get("signal_dbm", -75) is not False
    stat = -1
    changes = [(0.0, "modem off", LIGHT)]
    for t_s, entry in _of(outcome, "network", "registered", "signal"):
        if entry.what == "signal":
            covered = entry.data["dbm"] is not None
        else:
            stat = int(str(entry.data["stat"]))
        changes.append((t_s, *_reach(covered, stat)))
    return _bands(changes, outcome.scenario.end_s)


def _reach(covered: bool, stat: int) -> tuple[str, str]:
    if not covered:
        return "no coverage", "#f2b8b5"
    if stat in (1, 5):
        return ("registered" if stat == 1 else "registered (roaming)"), "#cfe8cf"
    if stat < 0:
        return "modem off", LIGHT
    return _REGISTRATIONS.get(stat, f"registration {stat}"), "#f7dfb0"


_NAME = re.compile(r"(?:voicemail of |the device (?:calls|answers) |to )?([^:]+?)(?: calls the device|:| presses|$)")


def contacts_of(outcome: Outcome) -> dict[str, str]:
    """Names by number, of those who wrote, called, were written to or called, in the order of their first message."""
    names: dict[str, str] = {}
    for entry in outcome.entries:
        number = entry.data.get("number")
        if entry.who in ("network", "contact") and isinstance(number, str):
            found = _NAME.match(entry.text)
            name = found[1] if found else number
            if number not in names or (names[number] == number and not name.startswith("+")):
                names[number] = number if name.startswith("+") else name
    return names


def call_bands(outcome: Outcome, number: str) -> list[Band]:
    """When that telephone rang and when there was a call."""
    bands: list[Band] = []
    since_s, name, colour = -1.0, "", ""
    whats = ("call_dialled", "call_incoming", "call_answered", "call_ended")
    for t_s, entry in _of(outcome, "network", *whats):
        if entry.data["number"] != number:
            continue
        if since_s >= 0:
            bands.append(Band(since_s, t_s, name, colour))
        since_s = t_s
        if entry.what == "call_answered":
            name, colour = ("voicemail" if "voicemail" in entry.text else "speaks"), "#a9d18e"
        else:
            name, colour = "rings", "#fff2b3"
        if entry.what == "call_ended":
            why = _ENDS.get(entry.text.split(": ")[-1], "")
            bands[-1] = bands[-1]._replace(name=f"{bands[-1].name}{why}")
            since_s = -1.0
    return bands


def messages(outcome: Outcome) -> list[Message]:
    """All that went to and fro, in the order in which it left."""
    found = [*_with_centre(outcome), *_texts(outcome), *_calls(outcome)]
    return sorted(found, key=lambda message: message.from_s)


def _with_centre(outcome: Outcome) -> Iterator[Message]:
    known = set()  # alarms that the centre has receipted: what follows is an update
    last = ""
    for entry in outcome.entries:
        t_s = entry.t_ms / 1000
        if entry.who == "centre" and ("sequence" in entry.data or entry.what == "unreadable"):
            kind, label = _frame(entry)
            alarm = entry.data.get("code"), entry.data.get("zone")
            if kind == "alarm" and alarm in known:
                kind = label = "update"
            elif kind == "alarm" and entry.data["accepted"]:
                known.add(alarm)
            yield Message(t_s, t_s, "device", "centre", kind, label)
            last = kind
        elif entry.who == "centre" and entry.what == "command":
            yield Message(t_s, t_s, "centre", "device", "confirms", f"command {entry.text.split()[-1]}")
        elif entry.who == "network" and entry.what in ("tcp_failed", "tcp_lost"):
            label = "no connection" if entry.what == "tcp_failed" else "connection lost"
            yield Message(t_s, t_s, "device", "network", "refusal", label, True)
        elif entry.who == "network" and entry.what == "tcp_down":
            kind, label = _reply(entry)
            plain = kind == "receipt" and last == "link test"
            yield Message(t_s, t_s, "centre", "device", *(("link test", "") if plain else (kind, label)))


def _reply(entry: Entry) -> tuple[str, str]:
    data = entry.data["data"]
    token = re.search(rb'"\*?(ACK|NAK|DUH|RSP)"', data if isinstance(data, bytes) else b"")
    word = token[1].decode() if token else ""
    return {"NAK": "refusal", "DUH": "refusal", "": "other"}.get(word, "receipt"), word


def _frame(entry: Entry) -> tuple[str, str]:
    kind = _CENTRE.get(entry.what, entry.what)
    if kind in ("alarm", "fault"):
        words = str(entry.data.get("message", "")).partition(" ")
        kind = _kind(words[2] if words[0] == "TEST" else entry.text.partition(": ")[2]) if entry.data else kind
        kind = entry.what if kind == "other" and entry.what in KINDS else kind
    if entry.what == "test":
        return "other", "test"
    return (kind, "" if kind == "link test" else kind) if kind in KINDS else ("other", entry.what.replace("_", " "))


def _kind(text: str) -> str:
    return next((kind for words, kind in _MESSAGES if text.startswith(words)), "other")


def _part(entry: Entry, kinds: dict[object, str]) -> tuple[str, str]:
    """Kind and label of one part of an SMS; only the first has a label."""
    text = str(entry.data.get("message", ""))
    if entry.data.get("part", 1) != 1:
        return kinds.get(entry.data["number"], "other"), ""
    test = text.startswith("TEST ")
    kind = _kind(text.removeprefix("TEST "))
    kinds[entry.data["number"]] = kind
    words = "answer" if kind == "other" else kind
    return kind, "TEST SMS" if test else f"SMS {words}"


def _texts(outcome: Outcome) -> Iterator[Message]:
    """SMS: those of the device until they are delivered or lost, answers of people, reports."""
    leaving: dict[object, tuple[float, Entry]] = {}
    kinds: dict[object, str] = {}  # the first part of a long one says what it is
    replies: list[tuple[float, Entry]] = []
    for t_s, entry in _of(outcome, "network", "sms_submitted", "sms_lost", "sms_delivered", "sms_refused"):
        key = (entry.data["number"], entry.data.get("reference"), entry.data.get("part"))
        kind, label = _part(entry, kinds)
        if entry.what == "sms_submitted":
            leaving[key] = t_s, entry
        elif entry.what == "sms_delivered":
            from_s = leaving.pop(key, (t_s, entry))[0]
            yield Message(from_s, t_s, "device", str(entry.data["number"]), kind, label)
        else:
            leaving.pop(key, None)
            why = "lost" if entry.what == "sms_lost" else "refused"
            yield Message(t_s, t_s, "device", "network", kind, label and f"{label}: {why}", True)
    for from_s, entry in leaving.values():
        yield Message(from_s, from_s, "device", "network", _kind(str(entry.data["message"])), "SMS under way", True)
    for entry in outcome.entries:
        t_s = entry.t_ms / 1000
        if (entry.who, entry.what) == ("contact", "sms_sent"):
            replies.append((t_s, entry))
        elif (entry.who, entry.what) == ("network", "sms_to_device"):
            if entry.text.startswith("report"):
                yield Message(t_s, t_s, "network", "device", "report")
                continue
            for reply in replies:
                if entry.text.startswith(f"from {reply[1].data['number']}: {str(reply[1].data['message'])[:20]}"):
                    replies.remove(reply)
                    words = str(reply[1].data["message"])
                    label = f"SMS “{words if len(words) < 22 else words[:20] + '…'}”"
                    yield Message(reply[0], t_s, str(reply[1].data["number"]), "device", "confirms", label)
                    break


def _calls(outcome: Outcome) -> Iterator[Message]:
    for t_s, entry in _of(outcome, "network", "call_dialled"):
        yield Message(t_s, t_s, "device", str(entry.data["number"]), "alarm", "call")
    for t_s, entry in _of(outcome, "network", "call_incoming"):
        yield Message(t_s, t_s, str(entry.data["number"]), "device", "other", "calls")
    for t_s, entry in _of(outcome, "contact", "digit"):
        yield Message(t_s, t_s, str(entry.data["number"]), "device", "confirms", f"key {entry.data['digit']}")

"""People at the other end: who answers, presses what, writes back; and the calls between them and the device."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from simulator.errors import UserError
from simulator.parts.clock import Timer

if TYPE_CHECKING:
    from simulator.parts.network import Network

# How a contact takes a call.
ANSWERS = ("answered", "voicemail", "busy", "unanswered", "rejected", "unreachable")

SETUP_MS = 2500  # from dialling to the other telephone ringing; assumed
BUSY_AFTER_MS = 2000  # assumed
RINGS_AT_MOST_MS = 60_000  # then the network gives up; assumed
DROPPED_AFTER_MS = 5000  # a call without coverage; assumed
BETWEEN_DIGITS_MS = 400  # assumed


@dataclass
class Contact:
    """Somebody with a telephone. A scenario may change any of it while it runs."""

    number: str
    name: str = ""
    answers: str = "answered"  # one of ANSWERS
    after_s: float = 6  # from the first ring to the answer, of a voicemail too
    talks_s: float = 20  # then hangs up
    presses: str = ""  # digits pressed in the call
    presses_after_s: float = 3  # after the answer
    phone_on: bool = True  # otherwise the service centre keeps what is for them
    reply: str = ""  # what they write back; {0}, {1}, ... are the groups that `reply_when` caught
    reply_when: str = ""  # only to a message in which this regular expression is found
    reply_after_s: float = 30
    replies: int = 1  # at most so many; -1 for no limit
    inbox: list[str] = field(default_factory=list)  # complete messages received

    def __post_init__(self) -> None:
        if self.answers not in ANSWERS:
            raise UserError(f"contact {self.number}: answers = {self.answers!r} is none of {', '.join(ANSWERS)}")
        try:
            re.compile(self.reply_when)
        except re.error as error:
            raise UserError(f"contact {self.number}: reply_when = {self.reply_when!r}: {error}") from None

    @property
    def who(self) -> str:
        return self.name or self.number

    def answer_to(self, text: str) -> str | None:
        """What is written back to `text`, or None."""
        found = re.search(self.reply_when, text)
        if not self.reply or not self.replies or found is None:
            return None
        self.replies -= 1
        return self.reply.format(*found.groups(), **found.groupdict())


# The reasons with which a call ends.
BY_DEVICE, BY_CONTACT, BUSY, NO_ANSWER, DROPPED = "device", "contact", "busy", "no_answer", "dropped"


class Call:
    """One voice call. `state`: dialing, alerting, active; incoming (rings at the device); ended with a `reason`."""

    def __init__(self, network: Network, contact: Contact, outgoing: bool) -> None:
        self.contact = contact
        self.number = contact.number
        self.outgoing = outgoing
        self.state = "dialing" if outgoing else "incoming"
        self.reason = ""
        self.answered_us = 0
        self.on_change: Callable[[Call], None] = lambda call: None
        self.on_digit: Callable[[str], None] = lambda digit: None
        self._network = network
        self._timers: list[Timer] = []

    def after_s(self, delay_s: float, action: Callable[[], None]) -> None:
        """Unless the call has ended by then."""
        self._timers.append(self._network.clock.after_ms(delay_s * 1000, action))

    def note(self, what: str, text: str) -> None:
        self._network.timeline.note("network", what, text, number=self.number, outgoing=self.outgoing)

    def become(self, state: str) -> None:
        self.state = state
        if state == "active":
            self.answered_us = self._network.clock.now_us
        self.on_change(self)

    def ring_at_contact(self) -> None:
        """The network has found the other telephone."""
        contact = self.contact
        if contact.answers == "unreachable":
            self.end(NO_ANSWER)
        elif contact.answers == "busy":
            self.after_s(BUSY_AFTER_MS / 1000, lambda: self.end(BUSY))
        else:
            self.become("alerting")
            if contact.answers == "rejected":
                self.after_s(contact.after_s, lambda: self.end(BUSY))
            elif contact.answers == "unanswered":
                self.after_s(RINGS_AT_MOST_MS / 1000, lambda: self.end(NO_ANSWER))
            else:
                self.after_s(contact.after_s, self._answered_by_contact)

    def _answered_by_contact(self) -> None:
        by = "voicemail of " if self.contact.answers == "voicemail" else ""
        self.note("call_answered", f"{by}{self.contact.who}")
        self.become("active")
        self.conversation()

    def conversation(self) -> None:
        """What the contact does once connected."""
        if self.contact.answers != "voicemail":
            at_s = self.contact.presses_after_s
            for digit in self.contact.presses:
                self.after_s(at_s, partial(self._press, digit))
                at_s += BETWEEN_DIGITS_MS / 1000
        self.after_s(self.contact.talks_s, lambda: self.end(BY_CONTACT))

    def _press(self, digit: str) -> None:
        self._network.timeline.note(
            "contact", "digit", f"{self.contact.who} presses {digit}", number=self.number, digit=digit
        )
        self.on_digit(digit)

    def answer(self) -> None:
        """The device answers an incoming call."""
        if self.state == "incoming":
            self._cancel()
            self.note("call_answered", f"the device answers {self.contact.who}")
            self.become("active")
            self.conversation()

    def hear(self, digit: str) -> None:
        """The device sends a tone."""
        self._network.timeline.note(
            "contact", "tone", f"{self.contact.who} hears {digit}", number=self.number, digit=digit
        )

    def end(self, reason: str = BY_DEVICE) -> None:
        if self.state != "ended":
            self._cancel()
            self.reason = reason
            self.note("call_ended", f"{self.contact.who}: {reason}")
            self.become("ended")

    def _cancel(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


class Switchboard:
    """Voice calls of the device, one at a time."""

    def __init__(self, network: Network) -> None:
        self.setup_ms: float = SETUP_MS
        self.call: Call | None = None
        self._network = network

    def dial(self, number: str) -> Call:
        """The device calls; what comes of it arrives at `on_change` of the call. The caller looked at the coverage."""
        contact = self._network.contact(number)
        self.call = call = Call(self._network, contact, outgoing=True)
        call.note("call_dialled", f"the device calls {contact.who}")
        call.after_s(self.setup_ms / 1000, call.ring_at_contact)
        return call

    def call_device(self, number: str, rings_s: float = 30) -> Call | None:
        """Somebody calls the device. None when it cannot be reached or is in a call."""
        contact = self._network.contact(number)
        device = self._network.device
        call = Call(self._network, contact, outgoing=False)
        busy = self.call is not None and self.call.state != "ended"
        if device is None or busy or not device.takes_calls():
            call.note("call_failed", f"{contact.who} does not get through")
            return None
        self.call = call
        call.note("call_incoming", f"{contact.who} calls the device")
        call.after_s(rings_s, lambda: call.end(BY_CONTACT))
        device.on_call(call)
        return call

    def coverage_changed(self) -> None:
        call = self.call
        if call is None or call.state == "ended" or self._network.covered:
            return

        def drop() -> None:
            if not self._network.covered:
                call.end(DROPPED)

        call.after_s(DROPPED_AFTER_MS / 1000, drop)

"""The cellular network around the device: coverage, registration, network time, SIM, messages, calls and hosts.

A scenario changes it at any time (`set_registration`, `set_signal`, attributes of `sim`, `smsc` and the contacts);
everything that it sees goes to the timeline as "network" or "contact". One device is attached.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from simulator.errors import UserError
from simulator.parts.clock import Timeline, VirtualClock
from simulator.parts.network_calls import Call, Contact, Switchboard
from simulator.parts.network_sms import Smsc
from simulator.parts.network_tcp import Internet, Server

# Registration, as <stat> of +CREG (3GPP TS 27.007).
IDLE, HOME, SEARCHING, DENIED, UNKNOWN, ROAMING, SMS_ONLY_HOME, SMS_ONLY_ROAMING, EMERGENCY_ONLY = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    11,
)
REGISTRATIONS = (IDLE, HOME, SEARCHING, DENIED, UNKNOWN, ROAMING, SMS_ONLY_HOME, SMS_ONLY_ROAMING, EMERGENCY_ONLY)

EMERGENCY_NUMBERS = ("112", "911", "15", "17", "18")


@dataclass
class Sim:
    """The card. `state`: ready, absent, pin (asks for it), puk (three wrong PINs), blocked (ten wrong PUKs)."""

    state: str = "ready"
    pin: str = "1234"
    puk: str = "12345678"
    tries: int = 3
    puk_tries: int = 10
    iccid: str = "8933010000000000017"
    imsi: str = "208010000000001"
    number: str = "+33600000001"
    smsc: str = "+33689004000"

    def __post_init__(self) -> None:
        if self.state not in ("ready", "absent", "pin", "puk", "blocked"):
            raise UserError(f"SIM: state {self.state!r} is none of ready, absent, pin, puk, blocked")
        self.locked = self.state == "pin"  # asks for the PIN at every start

    def enter_pin(self, pin: str) -> bool:
        if pin == self.pin:
            self.state, self.tries = "ready", 3
            return True
        self.tries -= 1
        if self.tries <= 0:
            self.state = "puk"
        return False

    def enter_puk(self, puk: str, pin: str) -> bool:
        if puk == self.puk:
            self.pin, self.state, self.tries, self.puk_tries = pin, "ready", 3, 10
            return True
        self.puk_tries -= 1
        if self.puk_tries <= 0:
            self.state = "blocked"
        return False

    def power_on(self) -> None:
        if self.state == "ready" and self.locked:
            self.state = "pin"


class Device(Protocol):
    """What the network needs of the modem."""

    def on_coverage(self) -> None:
        """Registration or signal on offer have changed."""

    def on_sms(self, tpdu: bytes) -> bool:
        """A message or a report; False when it cannot be taken now."""

    def takes_calls(self) -> bool: ...

    def on_call(self, call: Call) -> None:
        """Somebody calls."""


class Network:
    def __init__(
        self,
        clock: VirtualClock,
        timeline: Timeline,
        utc: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
        zone_quarters: int = 4,
        sim: Sim | None = None,
    ) -> None:
        """`utc` is the time at which the scenario begins; `zone_quarters` the local time's distance from it."""
        if utc.tzinfo is None:
            utc = utc.replace(tzinfo=UTC)
        self.clock = clock
        self.timeline = timeline
        self.zone_quarters = zone_quarters
        self.sim = sim or Sim()
        self.registration = HOME
        self.signal_dbm: int | None = -75
        self.sends_time = True  # NITZ, at each registration
        self.access = 7  # <AcT>: 7 E-UTRAN, 2 UTRAN, 0 GSM
        self.operator = "Orange F"
        self.operator_code = "20801"
        self.round_trip_ms = 150.0  # of TCP; assumed
        self.device: Device | None = None
        self.contacts: dict[str, Contact] = {}
        self.smsc = Smsc(self)
        self.switchboard = Switchboard(self)
        self.internet = Internet(self)
        self._begin = utc

    def attach(self, device: Device) -> None:
        self.device = device

    @property
    def utc(self) -> datetime:
        return self._begin + timedelta(microseconds=self.clock.now_us)

    @property
    def local(self) -> datetime:
        return self.utc + timedelta(minutes=15 * self.zone_quarters)

    @property
    def covered(self) -> bool:
        return self.signal_dbm is not None

    @property
    def data_flows(self) -> bool:
        """Coverage and a registration that carries data and voice."""
        return self.covered and self.registration in (HOME, ROAMING)

    def set_registration(self, stat: int) -> None:
        """What the network answers to a device that asks to be let in, <stat> of +CREG."""
        if stat not in REGISTRATIONS:
            raise UserError(f"registration {stat} is none of {', '.join(map(str, REGISTRATIONS))}")
        self.registration = stat
        self.timeline.note("network", "registration", str(stat), stat=stat)
        self._changed()

    def set_signal(self, dbm: int | None) -> None:
        """Strength at the device, or None where there is no coverage."""
        self.signal_dbm = dbm
        self.timeline.note("network", "signal", "none" if dbm is None else f"{dbm} dBm", dbm=dbm)
        self._changed()

    def _changed(self) -> None:
        if self.device is not None:
            self.device.on_coverage()
        self.switchboard.coverage_changed()
        self.internet.coverage_changed()

    def add_contact(self, contact: Contact) -> Contact:
        self.contacts[canonical(contact.number)] = contact
        return contact

    def contact(self, number: str) -> Contact:
        """Whose number it is. A number that the scenario does not name receives messages and lets calls ring."""
        key = canonical(number)
        if key not in self.contacts:
            answers = "answered" if number in EMERGENCY_NUMBERS else "unanswered"
            self.contacts[key] = Contact(number, answers=answers)
        return self.contacts[key]

    def register_host(self, name: str, port: int, server: Server) -> None:
        self.internet.hosts[name, port] = server

    def sms_from(self, number: str, text: str) -> None:
        """Somebody writes to the device, now."""
        self.smsc.to_device(number, text)

    def call_from(self, number: str, rings_s: float = 30) -> Call | None:
        """Somebody calls the device, now."""
        return self.switchboard.call_device(number, rings_s)


def canonical(number: str) -> str:
    """National French numbers as international ones, so that both find the same contact."""
    digits = number.replace(" ", "")
    if digits.startswith("00"):
        return "+" + digits[2:]
    if digits.startswith("0") and len(digits) == 10:
        return "+33" + digits[1:]
    return digits

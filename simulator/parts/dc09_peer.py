"""What a frame says, by the judgement of `siadc09`: an implementation of SIA DC-09 that is not the firmware's own.

It also knows the tables of DC-03 (SIA codes) and DC-05 (Contact ID), and writes the answers.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.errors import UserError

# What the centre makes of an SIA code; any other is a plain "event".
_KINDS = {
    **dict.fromkeys(("PA", "QA", "MA", "HA"), "alarm"),
    **dict.fromkeys(("PR", "QR", "MR", "HR", "PH", "QH", "MH", "HH"), "restore"),
    **dict.fromkeys(("YT", "YC", "YS", "YW", "YX", "IA", "NT", "RR"), "trouble"),
    **dict.fromkeys(("YR", "YK", "YZ", "IR", "NR"), "trouble_over"),
    **dict.fromkeys(("RX", "TX"), "test"),
    "RP": "heartbeat",
    "OC": "cancelled",
    "CL": "on_duty",
    "OP": "off_duty",
}
# And of a Contact ID, by itself or its first two digits: 10x and 12x call for help.
_CID_KINDS = {
    **dict.fromkeys(("10", "12"), "alarm"),
    **dict.fromkeys(("30", "33", "35"), "trouble"),
    "601": "test",
    "602": "heartbeat",
    "401": "off_duty",
    "406": "cancelled",
}
_OVER = {"alarm": "restore", "trouble": "trouble_over", "off_duty": "on_duty"}
NOT_UNDERSTOOD = "not_understood"


@dataclass(frozen=True)
class Report:
    """One frame, understood. `kind`: alarm, restore, trouble, trouble_over, test, heartbeat, cancelled, on_duty,
    off_duty, event or not_understood. `zone`: of a Contact ID as a hexadecimal number, as DC-05 has it. `text` and
    `occurred` as sent, empty where they were not; degrees."""

    kind: str
    token: str
    sequence: int
    encrypted: bool
    context: Any  # the account as siadc09 keeps it
    code: str = ""
    zone: int | None = None
    name: str = ""
    latitude: float | None = None
    longitude: float | None = None
    text: str = ""
    occurred: str = ""

    @property
    def words(self) -> str:
        zone = f" {self.zone}" if self.zone is not None else ""
        where = f" at {self.latitude:.5f}, {self.longitude:.5f}" if self.latitude is not None else ""
        text = f": {self.text}" if self.text else ""
        return f"{self.name or self.token} ({self.code or self.token}{zone}){where}{text}"


class RefusedError(Exception):
    """A frame that cannot be taken; `reply` is what is answered, empty for nothing."""

    def __init__(self, why: str, reply: bytes) -> None:
        super().__init__(why)
        self.reply = reply


class Peer:
    """Reads frames for one account and writes answers. UserError without `siadc09`, or for an account or key it cannot
    use."""

    def __init__(self, account: str, key: bytes | None) -> None:
        parts = ("account", "message", "xdata", "dc09", "dc05")
        try:
            self._account, self._message, self._xdata, self._dc09, self._dc05 = (
                importlib.import_module(f"siadc09.{part}") for part in parts
            )
        except ImportError:
            raise UserError("the virtual centre reads frames with siadc09: pip install 'siadc09>=1.0.1,<2'") from None
        try:
            self._own = self._account.Account(acct=int(account, 16), key=key)
        except (ValueError, RuntimeError) as error:
            raise UserError(f"centre: account {account!r} or its key: {error}") from None
        self._key = key

    def read(self, frame: bytes, utc: datetime) -> Report:
        """The report in a frame, LF to CR, that arrives at `utc`. RefusedError for one that must not be taken."""
        try:
            message = self._message.parse_frame(frame, self._key)
        except (RuntimeError, ValueError, TypeError) as error:
            # A spoilt frame is not answered. One that came through whole and still cannot be read has another key.
            whole = b'"' in frame and "CRC" not in str(error) and "length" not in str(error)
            raise RefusedError(f"a frame cannot be read: {error}", self.nak(utc) if whole else b"") from None
        if message.account.acct != self._own.acct:
            # As pysiaalarm does it, without a frame.
            raise RefusedError(f"account {message.account.acct:X}: unknown here", b'"NAK"')
        if self._key is not None and not message.encrypted:
            raise RefusedError("a frame is not encrypted", self.nak(utc))
        if message.encrypted and message.timestamp is None:
            raise RefusedError("an encrypted frame bears no time", self.nak(utc))
        if message.timestamp is not None:
            early_s = (message.timestamp - utc).total_seconds()
            if not self._dc09.MINDIFF <= early_s <= self._dc09.MAXDIFF:
                raise RefusedError(f"the device's clock is {early_s:+.0f} s off", self.nak(utc))
        kind, code, zone, name = self._event(message)
        extra = {block.prefix: block.packvalue() for block in message.xdata if block.prefix}
        return Report(
            kind,
            message.idtoken,
            message.seq,
            message.encrypted,
            message.account,
            code,
            zone,
            name,
            _degrees(extra.get("Y")),
            _degrees(extra.get("X")),
            extra.get("I", ""),
            extra.get("H", ""),
        )

    def _event(self, message: Any) -> tuple[str, str, int | None, str]:
        """(kind, code, zone, name)."""
        if message.idtoken == "NULL":
            return "heartbeat", "", None, "link test"
        if message.idtoken == "SIA-DCS":
            for block in getattr(message.data, "blocks", ()):
                for event in getattr(block, "events", ()):
                    area = event.modifiers.get("ri")
                    zone = area.value if area is not None else event.addr
                    return _KINDS.get(event.code, "event"), event.code, zone, event.name
        if message.idtoken == "ADM-CID" and getattr(message.data, "event", None) is not None:
            event = message.data.event
            if event.code in self._dc05.EVENT:
                kind = _CID_KINDS.get(event.code) or _CID_KINDS.get(event.code[:2], "event")
                if event.qualifier == "3":
                    kind = _OVER.get(kind, kind)
                return kind, event.code, event.addr, self._dc05.EVENT[event.code]["name"]
        return NOT_UNDERSTOOD, "", None, "not understood"

    def nak(self, utc: datetime) -> bytes:
        """Refused, and it is `utc` here."""
        return bytes(self._message.NakMessage(self._account.Account(rcvr=0), utc).encode())

    def answer(self, token: str, report: Report, utc: datetime, command: str = "") -> bytes:
        """ACK, RSP or DUH to a report, encrypted as it was, with a command in its data."""
        config = {"idtoken": token, "seqno": report.sequence}
        if report.encrypted:
            config["timestamp"] = utc
        if command:
            config["data"] = self._xdata.Data(content=command.encode("ascii"))
        return bytes(self._message.Message(report.context, config).encode(encrypt=report.encrypted))


def _degrees(angle: str | None) -> float | None:
    """`002E21.1300` as 2.3521667; None for none, or for one that is not so written."""
    try:
        for hemisphere in "NSEW":
            degrees, found, minutes = (angle or "").partition(hemisphere)
            if found:
                return (int(degrees) + float(minutes) / 60) * (-1 if hemisphere in "SW" else 1)
    except ValueError:
        pass
    return None

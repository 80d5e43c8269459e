"""A device on a cable as a source of a drill: what it logs is watched while the exercise is done."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from dati.journal import KINDS

from host_tools.device_port import DevicePort
from host_tools.drill_sources import Ask, ByHand, Mark, Seen
from host_tools.output import err
from simulator.drill import FAMILIARISATION, Step
from simulator.drill_judge import Act, Worn
from simulator.errors import UserError
from simulator.replay import cause_names

_LINE = re.compile(r"(\d+) (\w+) ?(.*)")  # ticks, what, detail: as the device writes it on its console
_WAIT_S = 150  # for a distress to be told: the longest time of the profile, and the network's
_LISTEN_S = 0.2
_CAUSED = {name for _, name, payload in KINDS if payload in ("cause", "causes")}


class OnCable:
    """Its device is on duty and plugged in; times are those at which its lines are heard, to 0.2 s."""

    words = "live"

    def __init__(self, port: str, ask: Ask) -> None:
        self._port = port
        self._ask = ask
        self._by_hand = ByHand(ask)

    def perform(self, step: Step) -> Seen:
        with DevicePort(self._port) as device:
            status = device.status()
            if status["device"] != step.worker.device:
                raise UserError(
                    f"{self._port}: this is {status['device']}; {step.worker.device} is to be plugged in for this step"
                )
            if step.exercise.do == FAMILIARISATION:
                return self._familiarise(device, step)
            return self._distress(device, step)

    def _heard(self, device: DevicePort, for_s: float) -> Iterator[tuple[float, str, str]]:
        """(s since now, what, detail) as it is logged."""
        begun, known = time.monotonic(), len(device.log)
        while (passed_s := time.monotonic() - begun) < for_s:
            for _ in device.heard(_LISTEN_S):
                pass
            fresh, known = device.log[known:], len(device.log)
            if known >= 150:
                del device.log[:]
                known = 0
            for line in fresh:
                match = _LINE.fullmatch(line)
                if match is not None:
                    detail = match[3]
                    if match[2] in _CAUSED and detail.isdigit():
                        detail = "+".join(cause_names(int(detail)))
                    yield passed_s, match[2], detail

    def _familiarise(self, device: DevicePort, step: Step) -> Seen:
        worn, wanted_s = Worn(0.0, []), step.exercise.hours * 3600
        begun = time.monotonic()
        try:
            for at_s, what, detail in self._heard(device, wanted_s):
                if what == "pre_alarm":
                    worn.pre_alarms.append((at_s, detail))
                elif what == "cancelled":
                    worn.cancelled += 1
                elif what == "alarm":
                    worn.alarms += 1
                else:
                    continue
                err.print(f"  {at_s / 60:6.1f} min  {what} {detail}")
        except KeyboardInterrupt:
            err.print("  stopped: what was worn until now counts", style="yellow")
        worn.hours = min(wanted_s, time.monotonic() - begun) / 3600
        return Seen(
            worn, [Mark(step.worker.device, 0.0, "begins"), Mark(step.worker.device, worn.hours * 3600, "ends")]
        )

    def _distress(self, device: DevicePort, step: Step) -> Seen:
        self._ask(step, "now", "")
        act = Act()
        causes: list[str] = []
        for at_s, what, detail in self._heard(device, _WAIT_S):
            if what in ("pre_alarm", "alarm") and act.noticed_s is None:
                act.noticed_s = at_s
            if what in ("alarm", "cause_added"):
                causes += detail.split("+")
                act.alarm_s = at_s if act.alarm_s is None else act.alarm_s
            elif act.alarm_s is None:
                continue
            elif what == "sent" and detail.endswith(": alarm") and act.sent_s is None:
                act.sent_s = at_s
            elif what == "delivered" and act.arrived_s is None:
                # The receipt is back: it has arrived a little earlier.
                act.arrived_s, act.received_by = at_s, detail.split(" ")[0]
            elif what == "confirmed":
                act.acknowledged_by = detail.split(" ")[0]
            elif what == "acknowledged":
                act.acknowledged_s = at_s
                break
            err.print(f"  {at_s:6.1f} s  {what} {detail}")
        act.causes = tuple(dict.fromkeys(causes))
        if act.alarm_s is not None and act.arrived_s is None:
            self._by_hand.arrival(step, act)
        marks = [Mark(step.worker.device, 0.0, f"{step.exercise.do} begins")]
        return Seen(act, marks)

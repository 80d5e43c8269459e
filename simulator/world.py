"""The world of a scenario: the board with its parts, the sky, the network, the people, the centre, and what happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from dati.memory import Memory
from dati.plan import load
from dati.settings import SettingsError

from simulator.device_log import firmware_hash
from simulator.energy import Ledger
from simulator.errors import UserError
from simulator.faults import befall
from simulator.firmware import ROOT
from simulator.parts.accelerometer import Errors
from simulator.parts.centre import Behaviour, Centre, Operator
from simulator.parts.clock import Timeline, VirtualClock
from simulator.parts.flash import Flash
from simulator.parts.gnss import GnssReceiver, RecordedReceiver, Sky
from simulator.parts.i2c import I2CBus
from simulator.parts.lis3dh import Lis3dhModel
from simulator.parts.lsm6dsox import Lsm6dsoxModel
from simulator.parts.modem import VirtualModem
from simulator.parts.network import Network, Sim
from simulator.parts.network_calls import Contact
from simulator.scenario import REGISTRATIONS, Scenario
from simulator.shaken import ShakenMotion, Spans, Truth
from simulator.virtual_board import Uart, VirtualBoard

UTC_BEGIN = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HOST, PORT, ACCOUNT = "centre.example", 10500, "1234"
# Numbers that ARCEP keeps for fiction: 06 39 98 xx xx.
PLAN: dict[str, Any] = {
    "device": "DATI-7",
    "worker": "Camille Martin",
    "language": "fr",
    "centre": {"host": HOST, "port": PORT, "account": ACCOUNT},
    "centre_number": "+33639980099",
    "contacts": [{"name": "Garde", "number": "+33639980001"}, {"name": "Astreinte", "number": "+33639980002"}],
    "code": "4821",
}
PLACE = (48.8566, 2.3522)
FULL_MV, EMPTY_MV = 4180, 3400


class Folder:
    """The firmware's storage port on the flash, as drivers/files.py names its files."""

    def __init__(self, flash: Flash) -> None:
        self._flash = flash

    def read(self, name: str) -> bytes:
        return self._flash.read("data/" + name)

    def write(self, name: str, data: bytes) -> None:
        self._flash.write("data/" + name, data)


def description(name: str) -> dict[str, Any]:
    """BOARD of firmware/boards/NAME.py. UserError for one that is not there."""
    path = ROOT / "boards" / f"{name}.py"
    known = sorted(other.stem for other in path.parent.glob("[a-z]*.py") if other.stem != "board")
    if name not in known:
        raise UserError(f"board {name!r} is unknown; there are {', '.join(known)}")
    scope: dict[str, Any] = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)
    board: dict[str, Any] = scope["BOARD"]
    return board


class World:
    """Built from a scenario; `board` is what the firmware runs on."""

    def __init__(self, scenario: Scenario, truth: Truth, folder: Path = Path()) -> None:
        """`folder` is where recorded NMEA logs that the scenario names are looked for."""
        self.scenario = scenario
        values = scenario.values
        self.clock = VirtualClock()
        self.timeline = Timeline(self.clock)
        self.flash = Flash()
        self.about = description(values.get("board", "t_a7670e"))
        self.ledger = Ledger(self.clock)
        self.board = VirtualBoard(self.clock, self.timeline, self.flash, values.get("seed", 0))
        self.board.end_us = round(scenario.end_s * 1e6)
        self.motion = ShakenMotion(truth)
        self._reacting = False
        self.buzzer = Spans(self.clock)
        self.vibrator = Spans(self.clock)
        self._reactions = 0
        self._held: set[str] = set()
        self._cord_in = True
        self._charger = False
        self._battery_percent = float(values.get("battery_percent", 80))
        self._wire_sensor(values.get("sensor", {}))
        self._wire_network(values.get("network", {}), values.get("contacts", []))
        self._wire_centre(values.get("centre", {}))
        self._wire_modem(values.get("sky", {}), folder)
        self._wire_worker()
        self._set_up_flash()
        self.board.on_console = self._hear_console
        for s, words in truth.pieces:
            if s <= scenario.end_s:
                self.clock.at_us(round(s * 1e6), partial(self.timeline.note, "worker", "moves", words))
        for action in scenario.at:
            self.clock.at_us(round(action["s"] * 1e6), partial(self._happen, action))

    # --- the parts, wired as the board's description says ---

    def _wire_sensor(self, errors: dict[str, Any]) -> None:
        bus_number, scl, sda, hz = self.about["i2c"]
        kind, address = self.about["sensor"]
        given = {"noise_mg_rms": 1.5, "seed": self.scenario.values.get("seed", 0)} | errors
        given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        try:
            specimen = Errors(**given)
        except TypeError as error:
            raise UserError(f"scenario {self.scenario.name}: sensor: {error}") from None
        self.sensor = (Lsm6dsoxModel if kind == "lsm6dsox" else Lis3dhModel)(self.clock, self.motion, specimen)
        self.bus = I2CBus(self.clock, hz)
        self.bus.attach(address, self.sensor)
        self.board.i2c[bus_number] = self.bus
        self.board.on_output[scl] = self.bus.drive_scl
        self.board.on_output[sda] = self.bus.drive_sda
        self.board.inputs[sda] = lambda: int(self.bus.sda)
        interrupt = self.about["sensor_interrupt"]
        if interrupt is not None:
            self.board.inputs[interrupt] = lambda: int(self.sensor.int1)
            self.board.next_interrupt_us = self.sensor.next_watermark_us
        self.ledger.set("board", "on")
        self.ledger.set("accelerometer", "on")
        cpu = self.about["chip"]
        self.ledger.set(cpu, "active")
        self.board.on_power = lambda part, state: self.ledger.set(cpu, state)

    def _wire_network(self, given: dict[str, Any], contacts: list[dict[str, Any]]) -> None:
        where = f"scenario {self.scenario.name}: network"
        known = ("registration", "signal_dbm", "time", "time_error_s", "sim", "pin", "zone_quarters")
        for key in given:
            if key not in known:
                raise UserError(f"{where}: {key}: unknown; permitted: {', '.join(known)}")
        try:
            sim = Sim(given.get("sim", "ready"), given.get("pin", "1234"))
            begin = UTC_BEGIN + timedelta(seconds=given.get("time_error_s", 0))
            self.network = Network(self.clock, self.timeline, begin, given.get("zone_quarters", 4), sim)
            self.network.registration = REGISTRATIONS[given.get("registration", "home")]
            signal = given.get("signal_dbm", -75)
            self.network.signal_dbm = None if signal is False else signal
            self.network.sends_time = given.get("time", True)
            for number, name in (("+33639980001", "Garde"), ("+33639980002", "Astreinte"), ("+33639980099", "Centre")):
                self.network.add_contact(Contact(number, name, answers="unanswered"))
            for contact in contacts:
                self.network.add_contact(Contact(**contact))
        except (KeyError, ValueError, TypeError) as error:
            raise UserError(f"{where}: {error}") from None

    def _wire_centre(self, given: dict[str, Any]) -> None:
        where = f"scenario {self.scenario.name}: centre"
        known = ("replies", "heartbeat_s", "operators", "key", "none")
        for key in given:
            if key not in known:
                raise UserError(f"{where}: {key}: unknown; permitted: {', '.join(known)}")
        try:
            behaviours = [(round(s * 1000), Behaviour(reply, *rest)) for s, reply, *rest in given.get("replies", [])]
            operators = [Operator(round(s * 1000), command) for s, command in given.get("operators", [])]
        except (TypeError, ValueError) as error:
            raise UserError(f"{where}: replies are [[s, reply, ...]], operators [[s, command]]: {error}") from None
        heartbeat = given.get("heartbeat_s")
        self.centre = Centre(
            self.clock,
            self.timeline,
            ACCOUNT,
            given["key"].encode() if given.get("key") else None,
            behaviours=behaviours,
            operators=operators,
            heartbeat_ms=None if heartbeat is None else round(heartbeat * 1000),
            utc=UTC_BEGIN,
        )
        self.network.register_host(HOST, PORT, self.centre)

    def _wire_modem(self, sky: dict[str, Any], folder: Path) -> None:
        about, board = self.about, self.board
        self.gnss = self._receiver(sky, folder)
        self.gnss_line: Any = None  # who hears it, while it is dead
        line, nmea = Uart(), Uart()
        board.uarts[about["modem_uart"][0]] = line
        on_nmea = None
        if about["gnss_uart"] is not None:
            board.uarts[about["gnss_uart"][0]] = nmea
            on_nmea = nmea.feed
        self.line = line
        self.modem = VirtualModem(self.clock, self.network, line.feed, about["dialect"], self.gnss, on_nmea)
        self.modem.gnss.switched_antenna = bool(about["gnss_on"])
        line.on_write = self.modem.receive
        pins = {"power_key": about["power_key"], "dtr": about["sleep"], "reset": about["reset"]}
        for name, pin in pins.items():
            if pin is not None:
                board.on_output[pin[0]] = partial(self._on_modem_pin, name, pin[1])
        board.on_cut = self._on_cut
        for number, active in about["supply"]:
            board.on_output[number] = partial(self._on_modem_pin, "supply", active)
        ring, active = about["ring"]
        self._ringing = False
        board.inputs[ring] = lambda: active if self._ringing else 1 - active
        self.modem.on_ring = self._on_ring
        self.modem.on_power = self._on_modem_power
        self._on_modem_power("off")

    def _on_modem_pin(self, name: str, active: int, level: int) -> None:
        self.modem.pin(name, level == active)

    def _on_ring(self, on: bool) -> None:
        self._ringing = on

    def _on_modem_power(self, power: str) -> None:
        state, _, receiver = power.partition("+")
        self.ledger.set("modem", "booting" if state == "boot" else state)
        self.ledger.set("gnss", "searching" if receiver else "off")

    def _receiver(self, sky: dict[str, Any], folder: Path) -> Any:
        where = f"scenario {self.scenario.name}: sky"
        for key in sky:
            if key not in ("path", "views", "log"):
                raise UserError(f"{where}: {key}: unknown; permitted: path, views, log")
        if "log" in sky:
            path = folder / sky["log"]
            try:
                return RecordedReceiver(self.clock, path.read_bytes())
            except (OSError, ValueError) as error:
                raise UserError(f"{where}: log {path}: {error}") from None
        try:
            seen = Sky(
                tuple(tuple(point) for point in sky.get("path", [(0, *PLACE)])),
                tuple(tuple(view) for view in sky.get("views", [(0, "open")])),
            )
        except (ValueError, TypeError) as error:
            raise UserError(f"{where}: {error}") from None
        return GnssReceiver(self.clock, seen, epoch_utc=UTC_BEGIN, seed=self.scenario.values.get("seed", 0))

    def _wire_worker(self) -> None:
        about, board = self.about, self.board
        for name in ("sos", "cancel", "cord"):
            pin, active, _ = about[name]
            board.inputs[pin] = partial(self._level, name, active)
        board.on_output[about["vibrator"][0]] = self._on_vibrator
        board.on_output[about["led"][0]] = lambda level: self.ledger.set("led", "on" if level else "off")
        board.on_pwm[about["buzzer"]] = self._on_buzzer
        pin, (multiply, divide) = about["battery"]
        board.adc_uv[pin] = lambda: round(self.battery_mv * 1000 * divide / multiply)
        if about["charging"] is not None:
            pin, active = about["charging"]
            board.inputs[pin] = lambda: active if self._charger else 1 - active

    @property
    def battery_mv(self) -> float:
        """By the same curve as the firmware's, which is all that is assumed of the cell."""
        if self._charger and self.about["charging"] is None:
            return 0
        curve = [(3400, 0), (3500, 5), (3600, 12), (3700, 30), (3750, 42), (3800, 53), (3900, 69), (4000, 82)]
        curve += [(4100, 93), (FULL_MV, 100)]
        return float(np.interp(self._battery_percent, [p for _, p in curve], [mv for mv, _ in curve]))

    def _level(self, name: str, active: int) -> int:
        """Of a button, or of the cord's contact, which is "pressed" while the cord is out."""
        pressed = not self._cord_in if name == "cord" else name in self._held
        return active if pressed else 1 - active

    def _on_vibrator(self, level: int) -> None:
        on = level == self.about["vibrator"][1]
        self.motion.vibrate(on, self.clock.now_us)
        self.ledger.set("vibrator", "on" if on else "off")
        self.vibrator.set(on)
        reacts_s = self.scenario.values.get("reacts_s")
        at_most = self.scenario.values.get("reactions", 1 << 30)
        # The vibrator pulses: one reaction at a time.
        if on and not self._reacting and reacts_s is not None and self._reactions < at_most:
            self._reactions += 1
            self._reacting = True
            self.clock.after_ms(reacts_s * 1000, self._react)

    def _react(self) -> None:
        self._reacting = False
        self._press("cancel", 0.3)

    def _on_cut(self) -> None:
        self.modem.pin("supply", False)
        self._on_buzzer(0, 0)
        self._on_vibrator(1 - self.about["vibrator"][1])

    def _on_buzzer(self, hz: int, duty: int) -> None:
        on = duty > 0
        self.ledger.set("buzzer", "on" if on else "off")
        self.buzzer.set(on)

    def _set_up_flash(self) -> None:
        values = self.scenario.values
        start = values.get("start", "duty")
        self.flash.mkdir("data")
        self.flash.write("data/firmware", firmware_hash().encode())
        self.flash.write("board", self.about["name"].encode() + b"\n")
        if start == "new":
            return
        plan = {key: value for key, value in (PLAN | values.get("plan", {})).items() if value not in ({}, None)}
        given = values.get("centre", {})
        if given.get("key") and "centre" in plan:
            plan["centre"] = plan["centre"] | {"key": given["key"]}
        document = {"format": 1, "settings": values.get("settings", {}), "plan": plan}
        try:
            load(document)
        except SettingsError as error:
            # The device would start without any, and the scenario would show something else.
            raise UserError(f"scenario {self.scenario.name}: {error}") from None
        self.flash.write("data/settings.json", json.dumps(document).encode())
        if start == "duty":
            memory = Memory(Folder(self.flash))
            memory.on_duty = memory.expected = True
            memory.vertical = (0, 16384, 0)
            memory.save()

    # --- what happens ---

    def _press(self, button: str, for_s: float) -> None:
        self._held.add(button)
        self.timeline.note("worker", "presses", f"{button} for {for_s:g} s")
        self.clock.after_ms(for_s * 1000, lambda: self._held.discard(button))

    def _happen(self, action: Any) -> None:
        do: dict[str, Callable[[Any], object]] = {
            "press": lambda button: self._press(button, action.get("for_s", 0.5)),
            "cord": self._pull,
            "registration": lambda name: self.network.set_registration(REGISTRATIONS[name]),
            "signal_dbm": lambda dbm: self.network.set_signal(None if dbm is False else dbm),
            "sms": lambda text: self.network.sms_from(action.get("from", "+33639980001"), text),
            "call": lambda _: self.network.call_from(action.get("from", "+33639980001")),
            "smsc": self._smsc,
            "centre": self._change_centre,
            "command": self.centre.command,
            "contact": lambda number: self._contact(number, action),
            "battery_percent": self._set_battery,
            "charger": self._plug,
            "fault": lambda fault: befall(self, fault, action),
            "console": self._write_console,
            "note": lambda text: self.timeline.note("worker", "note", text),
        }
        for key, value in action.items():
            if key in do:
                do[key](value)

    def _write_console(self, line: str) -> None:
        self.timeline.note("worker", "types", line)
        self.board.console += line + "\n"

    def _hear_console(self, text: str) -> None:
        value = json.loads(text.removeprefix("!"))
        # MicroPython's dictionaries keep no order.
        self.timeline.note("device", "answers", json.dumps(value, sort_keys=True), value=value)

    def _pull(self, what: str) -> None:
        self._cord_in = what == "restore"
        self.timeline.note("worker", "cord", what)

    def _smsc(self, what: str) -> None:
        self.timeline.note("network", "smsc", what)
        self.network.smsc.lose(-1 if what == "lose" else 0)
        self.network.smsc.refuse(331 if what == "refuse" else 0, -1 if what == "refuse" else 0)

    def _change_centre(self, what: str) -> None:
        self.timeline.note("centre", "behaviour", what)
        if what == "restart":
            self.centre.restart()
        else:
            self.centre._behaviours.append((self.clock.now_ms, Behaviour(what)))

    def _contact(self, number: str, action: Any) -> None:
        contact = self.network.contact(number)
        for name in ("answers", "presses", "reply", "phone_on"):
            setattr(contact, name, action.get(name, getattr(contact, name)))
        if "reply" in action:
            contact.replies = max(contact.replies, 1)
        self.timeline.note("contact", "changes", f"{contact.who}: " + ", ".join(sorted(set(action) - {"s", "contact"})))

    def _set_battery(self, percent: float) -> None:
        self._battery_percent = percent
        self.timeline.note("fault", "battery", f"{percent:g} %")

    def _plug(self, on: bool) -> None:
        self._charger = on
        self.timeline.note("worker", "charger", "plugged" if on else "unplugged")

"""What every modem answers: identity, SIM, settings of the line, sleep, power; and what clients ask on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.parts.modem_command import READ, RUN, SET, TEST, AtError, CmeError, Command, Handler

if TYPE_CHECKING:
    from simulator.parts.modem import VirtualModem

IMEI = "860000000000017"  # not one that was ever given out
# Manufacturer, model, revision; "A76XX AT Command Manual V1.09", AT+SIMCOMATI, as boards were seen to answer.
IDENTITY = {
    "a76xx": ("SIMCOM INCORPORATED", "A7670E-FASE", "A110B07A7670M7_F"),
    "sim7600": ("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "LE20B04SIM7600M22"),
}
CALL_COMMANDS = ("+VTS", "+CHUP", "+CLCC", "+CVHU")  # named in AT+CLAC, for clients that look for them


class General:
    def __init__(self, modem: VirtualModem) -> None:
        self._modem = modem
        self._functionality = 1
        self._charset = "IRA"
        self.commands: dict[str, Handler] = {
            "E": self._echo,
            "V": self._verbose,
            "Q": self._quiet,
            "I": self._identification,
            "Z": self._defaults,
            "&F": self._defaults,
            "+SIMCOMATI": self._identification,
            "+CGMI": lambda command: self._says(IDENTITY[modem.dialect][0]),
            "+CGMM": lambda command: self._says(IDENTITY[modem.dialect][1]),
            "+CGMR": lambda command: self._says(f"+CGMR: {IDENTITY[modem.dialect][2]}"),
            "+CGSN": lambda command: self._says(IMEI),
            "+CIMI": lambda command: self._of_sim(modem.network.sim.imsi),
            "+CICCID": lambda command: self._of_sim(f"+ICCID: {modem.network.sim.iccid}"),
            "+CCID": lambda command: self._of_sim(f"+CCID: {modem.network.sim.iccid}"),
            "+CNUM": lambda command: self._of_sim(f'+CNUM: "","{modem.network.sim.number}",145'),
            "+CMEE": self._cmee,
            "+CPIN": self._pin,
            "+SPIC": self._tries,
            "+CPINR": self._tries,
            "+CFUN": self._cfun,
            "+CSCLK": self._sleep_mode,
            "+CPOF": self._power_off,
            "+CRESET": self._reset,
            "+CSCS": self._cscs,
            "+CBC": lambda command: self._says("+CBC: 3.913V"),
            "+CLAC": self._list,
            "+GCAP": lambda command: self._says("+GCAP: +CGSM,+FCLASS,+DS"),
            "+CRSM": self._sim_file,
            "+CPAS": lambda command: self._says(f"+CPAS: {4 if modem.calls.call else 0}"),
            "+CLCK": lambda command: self._says("+CLCK: 0") if command.number(1, 2) == 2 else "OK",
        }
        for name, letters in (("+GMI", "+CGMI"), ("+GMM", "+CGMM"), ("+GMR", "+CGMR"), ("+GSN", "+CGSN")):
            self.commands[name] = self.commands[letters]
        # Accepted without effect: what clients set on the way and this modem has no model of.
        for name in ("L", "M", "S", "S0", "S3", "S4", "S5", "S7", "X", "&C", "&D", "&K", "&S", "&W", "+IFC", "+ICF"):
            self.commands[name] = lambda command: "OK"
        for name in ("+IPR", "+CNMP", "+CFGRI", "+CSTA", "+CMOD", "+FCLASS", "+CPBS", "+CUSD", "+CMUT", "+CLVL"):
            self.commands[name] = lambda command: "OK" if command.form in (SET, RUN) else _error()

    def start(self) -> None:
        self._functionality, self._charset = 1, "IRA"
        self._modem.network.sim.power_on()
        self._modem.after(self._modem.timing.sim_ready, self._announce_sim)
        self._modem.after(self._modem.timing.phonebook_ready, self._announce_phonebook)

    def stop(self) -> None:
        pass

    @property
    def _sim_state(self) -> str:
        return self._modem.network.sim.state

    def _announce_sim(self) -> None:
        sim = self._modem.network.sim
        if sim.state == "absent":
            self._modem.urc("+SIMCARD: NOT AVAILABLE")
        else:
            self._modem.urc(f"+CPIN: {_PIN_STATES[sim.state]}")
        self._modem.radio.sim_changed()

    def _announce_phonebook(self) -> None:
        if self._sim_state == "ready":
            self._modem.urc("PB DONE")

    def _says(self, line: str) -> str:
        self._modem.line.info(line)
        return "OK"

    def _of_sim(self, line: str) -> str:
        self.need_sim()
        return self._says(line)

    def need_sim(self) -> None:
        code = {"absent": 10, "pin": 11, "puk": 12, "blocked": 13}.get(self._sim_state)
        if code:
            raise CmeError(code)

    def _echo(self, command: Command) -> str:
        self._modem.line.echo = command.text != "0"
        return "OK"

    def _verbose(self, command: Command) -> str:
        self._modem.line.verbose = command.text != "0"
        return "OK"

    def _quiet(self, command: Command) -> str:
        self._modem.line.quiet = command.text == "1"
        return "OK"

    def _defaults(self, command: Command) -> str:
        self._modem.line.defaults()
        return "OK"

    def _identification(self, command: Command) -> str:
        manufacturer, model, revision = IDENTITY[self._modem.dialect]
        lines = (f"Manufacturer: {manufacturer}", f"Model: {model}", f"Revision: {revision}", f"IMEI: {IMEI}")
        self._modem.line.info("\r\n".join(lines))
        return "OK"

    def _cmee(self, command: Command) -> str:
        if command.form == SET:
            self._modem.line.cmee = command.number(0, allowed=range(3))
            return "OK"
        return self._says(f"+CMEE: {self._modem.line.cmee}" if command.form == READ else "+CMEE: (0-2)")

    def _pin(self, command: Command) -> str:
        sim = self._modem.network.sim
        if command.form == TEST:
            return "OK"
        if sim.state == "absent":
            raise CmeError(10)
        if command.form == READ:
            return self._says(f"+CPIN: {_PIN_STATES[sim.state]}")
        if sim.state == "puk":
            taken = len(command.parameters) == 2 and sim.enter_puk(command.string(0), command.string(1))
        elif sim.state == "pin":
            taken = sim.enter_pin(command.string(0))
        else:
            raise CmeError(3)
        self._modem.network.timeline.note("network", "pin", "right" if taken else "wrong", tries=sim.tries)
        if not taken:
            raise CmeError(12 if sim.state == "puk" and command.string(1) == "" and sim.tries <= 0 else 16)
        self._modem.after(self._modem.timing.sim_ready, self._announce_sim)
        self._modem.after(self._modem.timing.phonebook_ready, self._announce_phonebook)
        self._modem.sms.sim_ready()
        return "OK"

    def _tries(self, command: Command) -> str:
        sim = self._modem.network.sim
        if command.name == "+SPIC":
            return self._says(f"+SPIC: {sim.tries},{sim.puk_tries},0,0")
        return self._says(f"+CPINR: SIM PIN,{sim.tries},3")

    def _cfun(self, command: Command) -> str:
        if command.form == TEST:
            return self._says("+CFUN: (0,1,4,5,6,7),(0,1)")
        if command.form == READ:
            return self._says(f"+CFUN: {self._functionality}")
        self._functionality = command.number(0)
        if self._functionality == 6 or command.number(1, 0) == 1:
            self._modem.after(self._modem.timing.answer, self._modem.restart)
        self._modem.radio.switch(self._functionality == 1)
        return "OK"

    def _sleep_mode(self, command: Command) -> str:
        if command.form == SET:
            self._modem.sleep_mode = command.number(0, allowed=range(3))
            return "OK"
        return self._says(f"+CSCLK: {self._modem.sleep_mode}" if command.form == READ else "+CSCLK: (0-2)")

    def _power_off(self, command: Command) -> str:
        self._modem.after(self._modem.timing.answer, self._modem.shut_down)
        return "OK"

    def _reset(self, command: Command) -> str:
        self._modem.after(self._modem.timing.answer, self._modem.restart)
        return "OK"

    def _cscs(self, command: Command) -> str:
        if command.form == TEST:
            return self._says('+CSCS: ("IRA","GSM","UCS2")')
        if command.form == READ:
            return self._says(f'+CSCS: "{self._charset}"')
        if command.string(0) not in ("IRA", "GSM", "UCS2"):
            raise AtError("character set")
        self._charset = self._modem.sms.charset = command.string(0)
        return "OK"

    def _list(self, command: Command) -> str:
        self._modem.line.info("\r\n".join((*(name for name in self.commands if name[0] == "+"), *CALL_COMMANDS)))
        return "OK"

    def _sim_file(self, command: Command) -> str:
        """The few files of the card that telephone software insists on (ETSI TS 102 221): ICCID, else "not found"."""
        self.need_sim()
        read_binary, get_response, iccid_file = 176, 192, 12258
        action, name = command.number(0), command.number(1)
        if name == iccid_file and action == get_response:
            return self._says('+CRSM: 144,0,"0000000A2FE204000FF0FF01020000"')
        if name == iccid_file and action == read_binary:
            digits = self._modem.network.sim.iccid.ljust(20, "F")
            swapped = "".join(digits[i + 1] + digits[i] for i in range(0, 20, 2))
            return self._says(f'+CRSM: 144,0,"{swapped}"')
        return self._says("+CRSM: 148,4")


_PIN_STATES = {"ready": "READY", "pin": "SIM PIN", "puk": "SIM PUK", "blocked": "SIM PUK"}


def _error() -> str:
    raise AtError("no reading of it")

"""AT command lines taken apart, the errors of 3GPP TS 27.007 and 27.005, and how long a modem takes for what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

RUN, READ, TEST, SET = "", "?", "=?", "="

CME_TEXTS = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    16: "incorrect password",
    20: "memory full",
    21: "invalid index",
    30: "no network service",
    31: "network timeout",
    50: "incorrect parameters",
    100: "unknown",
}


# Errors of messages, 3GPP TS 27.005.
OPERATION_NOT_ALLOWED, INVALID_PDU, INVALID_TEXT = 302, 304, 305
NO_SIM, PIN_REQUIRED, SIM_BUSY, PUK_REQUIRED = 310, 311, 314, 316
INVALID_INDEX, NO_NETWORK = 321, 331


class AtError(Exception):
    """Ends a command with plain ERROR."""


class CmeError(AtError):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class CmsError(AtError):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def error_line(error: AtError, cmee: int) -> str:
    """The final result line; AT+CMEE rules only what is +CME ERROR."""
    if isinstance(error, CmsError):
        return f"+CMS ERROR: {error.code}"
    if isinstance(error, CmeError) and cmee:
        return f"+CME ERROR: {CME_TEXTS.get(error.code, error.code) if cmee == 2 else error.code}"
    return "ERROR"


@dataclass(frozen=True)
class Command:
    """One command of a line: `name` ("+CSQ", "E", "D", ...), its form (RUN, READ, TEST, SET), and its parameters."""

    name: str
    form: str = RUN
    text: str = ""  # the parameters as they were given

    @property
    def parameters(self) -> list[str]:
        """Without their quotation marks; "" for one left out."""
        found, field_, quoted = [], "", False
        for character in self.text:
            if character == '"':
                quoted = not quoted
            elif character == "," and not quoted:
                found.append(field_.strip())
                field_ = ""
            else:
                field_ += character
        return [*found, field_.strip()]

    def string(self, index: int, default: str = "") -> str:
        parameters = self.parameters
        return parameters[index] if index < len(parameters) and parameters[index] else default

    def number(self, index: int, default: int | None = None, allowed: range | None = None) -> int:
        """Raises AtError when it is no number, missing without a default, or not in `allowed`."""
        text = self.string(index)
        if not text and default is not None:
            return default
        if not text.lstrip("-").isdigit():
            raise AtError("no number")
        value = int(text)
        if allowed is not None and value not in allowed:
            raise AtError("out of range")
        return value


Handler = Callable[[Command], str | None]


def split_line(line: str) -> list[Command]:
    """The commands of one line, which begins after "AT" (ITU-T V.250, 5.2)."""
    commands = []
    line = line.strip()
    while line:
        if line[0] in "+*^$%" or line[:8].upper() == "SIMCOMATI":
            body, line = _until_semicolon(line)
            commands.append(_extended(body))
        elif line[0] in " ;":
            line = line[1:]
        elif line[0] in "Dd":
            commands.append(Command("D", SET, line[1:]))
            line = ""
        else:
            command, line = _basic(line)
            commands.append(command)
    return commands


def _until_semicolon(line: str) -> tuple[str, str]:
    quoted = False
    for i, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            return line[:i], line[i + 1 :]
    return line, ""


def _extended(body: str) -> Command:
    name, equals, text = body.partition("=")
    if equals:
        return Command(name.strip().upper(), TEST if text.strip() == "?" else SET, text.strip())
    if body.endswith("?"):
        return Command(body[:-1].strip().upper(), READ)
    return Command(body.strip().upper())


def _basic(line: str) -> tuple[Command, str]:
    """A letter, or & and a letter, or S and a number; then a number, or = and a number, or a question mark."""
    end = 2 if line[0] == "&" else 1
    if line[0] in "Ss":
        while end < len(line) and line[end].isdigit():
            end += 1
    name, line = line[:end].upper(), line[end:]
    form = RUN
    if line.startswith("="):
        form, line = SET, line[1:]
    elif line.startswith("?"):
        return Command(name, READ), line[1:]
    end = 0
    while end < len(line) and line[end].isdigit():
        end += 1
    return Command(name, form, line[:end]), line[end:]


@dataclass
class Timing:
    """Milliseconds. Those without a source are assumed; a test may shorten any."""

    # Power: "A7670 hardware design V1.06", tables 11 and 12.
    power_on_pulse: float = 50
    boot: float = 11_100  # from the pulse to the UART answering
    power_off_pulse: float = 2500
    shut_down: float = 2000  # from the pulse, or AT+CPOF, to the UART silent
    rest: float = 2000  # between off and on; a pulse within it does nothing
    reset_pulse: float = 100  # assumed
    # After RDY; assumed.
    sim_ready: float = 300
    sms_ready: float = 4000
    phonebook_ready: float = 6000
    # The radio; assumed.
    register: float = 3000  # search and attach
    notice_loss: float = 3000  # no coverage
    network_time: float = 1500  # NITZ after registration
    data_abandoned: float = 60_000  # out of coverage, then the connections are given up
    data_burst: float = 1_000  # the radio is busy with a byte, TCP's own answer among them
    data_tail: float = 10_000  # the radio stays up after the last byte
    # Sleep; assumed.
    falls_asleep: float = 500
    wakes_up: float = 50
    ring_pulse: float = 60  # RI at an unsolicited line
    ring_pulse_sms: float = 120
    # "A76XX AT Command Manual V1.09", AT+CGNSSPWR: about 9 s on ASR1603.
    gnss_ready: float = 9000
    ring_every: float = 6000
    # From a command line to its answer; all assumed, those named take longer.
    answer: float = 10
    sms_sent: float = 1500  # from the end of a message to +CMGS
    answers: dict[str, float] = field(
        default_factory=lambda: {
            "+CPIN": 300,
            "+CPOF": 100,
            "+CPMS": 40,
            "+CMGD": 60,
            "+CFUN": 500,
            "+COPS=?": 20_000,
            "+CHUP": 200,
            "+NETOPEN": 50,
            "+NETCLOSE": 50,
        }
    )
    network_open: float = 600  # +NETOPEN: 0 after its OK
    connection_overhead: float = 100  # +CIPOPEN, besides the round trip
    hand_over: float = 30  # +CIPSEND after the OK


def timing(dialect: str) -> Timing:
    """Defaults of a dialect. SIM7600: the vendor's examples press 500 ms and wait 15 s for the UART."""
    if dialect == "sim7600":
        return Timing(power_on_pulse=300, boot=15_000)
    if dialect == "a76xx":
        return Timing()
    raise ValueError(f"modem dialect {dialect!r} is none of a76xx, sim7600")

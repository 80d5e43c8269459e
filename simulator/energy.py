"""What the device draws: the cited currents in one table, a ledger that integrates them, and the budget of a duty.

Left out: temperature and ageing of the battery (below 0 degrees and after some hundred cycles an 18650 gives
markedly less), its self-discharge, and that the modem's peaks of 2 A end the battery before it is empty. The hours
here are arithmetic on data sheets; nothing was measured.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from dati.settings import Settings

from simulator.parts.clock import VirtualClock

_ESP32 = "ESP32 Series Datasheet v4.9, table 4-2"
_S3 = "ESP32-S3-WROOM-1 Datasheet v1.8, tables 6-6 and 6-7"
_A7670 = "A7670 Hardware Design V1.06, table 40"
_SIM7000 = "SIM7000 Hardware Design V1.07, table 34"
_LIS3DH = "LIS3DH datasheet, table of current consumption by rate"
_LSM6DSOX = "LSM6DSO/LSM6DSOX datasheet, accelerometer only"


@dataclass(frozen=True)
class Figure:
    """The current of a part in a state, from the battery."""

    ma: float
    source: str
    assumed: bool = False  # no document says so for this part: a stand-in or a guess, argued in `source`


# Every figure, in one place. A range counts with its upper end, except where the source's lower end is the state meant.
FIGURES: dict[tuple[str, str], Figure] = {
    ("esp32", "active"): Figure(31, f"{_ESP32}: 20 to 31 mA at 80 MHz, radio off"),
    ("esp32", "waiting"): Figure(20, f"{_ESP32}: the lower end at 80 MHz: awake for the UART, cores idle"),
    ("esp32", "active_240"): Figure(68, f"{_ESP32}: 30 to 68 mA at 240 MHz, radio off"),
    ("esp32", "light_sleep"): Figure(0.8, _ESP32),
    ("esp32", "deep_sleep"): Figure(0.01, f"{_ESP32}: RTC timer and memory"),
    ("esp32", "off"): Figure(0, "no supply"),
    ("esp32s3", "active"): Figure(36.1, f"{_S3}: 80 MHz, peripheral clocks on"),
    ("esp32s3", "waiting"): Figure(22.0, f"{_S3}: 80 MHz, waiting for interrupts"),
    ("esp32s3", "active_240"): Figure(66, f"{_S3}: 51 to 66 mA at 240 MHz, one core busy"),
    ("esp32s3", "light_sleep"): Figure(0.28, f"{_S3}: 240 uA, and 40 uA for 2 MB PSRAM"),
    ("esp32s3", "deep_sleep"): Figure(0.008, _S3),
    ("esp32s3", "off"): Figure(0, "no supply"),
    ("accelerometer", "on"): Figure(0.020, f"{_LIS3DH}: 100 Hz high resolution; 0.011 mA at 50 Hz"),
    ("accelerometer", "off"): Figure(0.0005, f"{_LIS3DH}: power-down"),
    ("lsm6dsox", "on"): Figure(0.170, f"{_LSM6DSOX}: high performance"),
    ("lsm6dsox", "off"): Figure(0.003, f"{_LSM6DSOX}: power-down"),
    ("modem", "off"): Figure(0.020, f"{_A7670}: 20 uA after AT+CPOF"),
    ("modem", "booting"): Figure(100, "no document: start and search of the network, between idle and sending", True),
    ("modem", "sleep"): Figure(2, f"{_A7670}: LTE, AT+CSCLK=1, registered and paged"),
    ("modem", "idle"): Figure(23, f"{_A7670}: LTE, DRX 0.32 s, UART awake"),
    ("modem", "connected"): Figure(60, "no document: LTE connection held after data, between idle and sending", True),
    ("modem", "sending"): Figure(620, f"{_A7670}: LTE at 23 dBm, 260 to 620 mA by band"),
    ("modem", "data"): Figure(150, "no document: connected at 60 mA, of it a sixth sending at 620 mA", True),
    ("modem", "sms"): Figure(150, "no document: as data", True),
    ("modem", "call"): Figure(320, f"{_A7670}: its GSM call at 900 MHz stands in for VoLTE", True),
    ("gnss", "off"): Figure(0, "part of the modem"),
    ("gnss", "searching"): Figure(30, f"{_SIM7000}: tracking; the A7670's is in no manual: a stand-in", True),
    ("gnss", "tracking"): Figure(30, f"{_SIM7000}: tracking; the A7670's is in no manual: a stand-in", True),
    ("led", "off"): Figure(0, "no current"),
    ("led", "on"): Figure(5, "no document: a small LED with its resistor", True),
    ("buzzer", "off"): Figure(0, "no current"),
    ("buzzer", "on"): Figure(30, "no document: a magnetic or piezo buzzer with its driver", True),
    ("vibrator", "off"): Figure(0, "no current"),
    ("vibrator", "on"): Figure(80, "no document: a coin motor", True),
    ("board", "on"): Figure(
        0.127, "LilyGO DeepSleep example: T-A7670 157 uA asleep with its modem off, less ESP32 10 uA and modem 20 uA"
    ),
}


def life(mean_ma: float, capacity_mah: float) -> float:
    """Hours a battery of `capacity_mah` lasts at `mean_ma`."""
    if mean_ma <= 0 or capacity_mah <= 0:
        raise ValueError("mean current and capacity must be above 0")
    return capacity_mah / mean_ma


@dataclass(frozen=True)
class Spent:
    """What one part took in one state."""

    part: str
    state: str
    hours: float
    mah: float
    assumed: bool


@dataclass(frozen=True)
class Report:
    """What a ledger came to."""

    hours: float
    rows: tuple[Spent, ...]

    @property
    def mah(self) -> float:
        return sum(row.mah for row in self.rows)

    @property
    def mean_ma(self) -> float:
        return self.mah / self.hours if self.hours else 0.0

    def battery_hours(self, capacity_mah: float) -> float:
        """Hours a battery would last if all went on like this."""
        return life(self.mean_ma, capacity_mah)


class Ledger:
    """Integrates the current of every part over virtual time. A part counts from its first `set` on."""

    def __init__(self, clock: VirtualClock, figures: dict[tuple[str, str], Figure] = FIGURES) -> None:
        self._clock = clock
        self._figures = figures
        self._began_us = clock.now_us
        self._state: dict[str, tuple[str, int]] = {}  # part: its state, since when
        self._us: defaultdict[tuple[str, str], int] = defaultdict(int)

    def set(self, part: str, state: str) -> None:
        """`part` is in `state` from now on. KeyError where the table has no such figure."""
        if (part, state) not in self._figures:
            raise KeyError(f"no current for {part} {state}")
        self._settle(part)
        self._state[part] = (state, self._clock.now_us)

    def state(self, part: str) -> str | None:
        """What `part` is doing, or None before its first `set`."""
        return self._state[part][0] if part in self._state else None

    @property
    def now_ma(self) -> float:
        """What all parts draw together now."""
        return sum(self._figures[part, state].ma for part, (state, _) in self._state.items())

    def report(self) -> Report:
        """Everything until now; the ledger goes on."""
        for part in self._state:
            self._settle(part)
        rows = [
            Spent(
                part, state, us / 3.6e9, us / 3.6e9 * self._figures[part, state].ma, self._figures[part, state].assumed
            )
            for (part, state), us in sorted(self._us.items())
            if us
        ]
        return Report((self._clock.now_us - self._began_us) / 3.6e9, tuple(rows))

    def _settle(self, part: str) -> None:
        if part in self._state:
            state, since_us = self._state[part]
            self._us[part, state] += self._clock.now_us - since_us
            self._state[part] = (state, self._clock.now_us)


@dataclass(frozen=True)
class Duty:
    """What the device does on duty while nothing happens. Times without a source are assumptions, named here.

    `of_settings` takes the intervals from the settings, and every look-up for the place at its longest: in vain.
    """

    heartbeat_every_s: float
    gnss_every_s: float  # 0: never
    gnss_on_s: float  # of each look-up; the modem cannot sleep meanwhile, and NMEA is lost in light sleep
    asleep: bool = True  # light sleep and modem sleep between tasks; else all is awake, at 240 MHz, GNSS always on
    mcu: str = "esp32"
    fifo_every_ms: float = 500  # 25 samples at 50 Hz of a FIFO of 32
    # Waking, 3.4 ms of I2C at 400 kHz, and 25 samples of 9100 instructions (counted by `simulator.cost` on another
    # processor) come to some 15 ms at 80 MHz: doubled.
    fifo_awake_ms: float = 30
    heartbeat_awake_s: float = 5  # the ESP32 waits for the modem and the centre's receipt
    heartbeat_sending_s: float = 0.3  # some hundred bytes up, TCP's own among them, at full power
    heartbeat_connected_s: float = 10  # until the network lets the connection go
    led_on_ms: float = 20  # "on duty" blinks ...
    led_every_ms: float = 4000  # ... this often

    @classmethod
    def of_settings(cls, settings: Settings) -> Duty:
        return cls(
            heartbeat_every_s=settings.heartbeat_interval_ms / 1000,
            gnss_every_s=settings.gnss_interval_ms / 1000,
            gnss_on_s=settings.gnss_search_ms / 1000,
        )

    def awake(self) -> Duty:
        """The same duty with nothing ever sleeping."""
        return replace(self, asleep=False)


@dataclass(frozen=True)
class Row:
    """One line of a budget: a part spends `share` of the time in `state`."""

    part: str
    state: str
    share: float
    figure: Figure

    @property
    def mean_ma(self) -> float:
        """What this adds to the mean current."""
        return self.share * self.figure.ma


def budget(duty: Duty, figures: dict[tuple[str, str], Figure] = FIGURES) -> list[Row]:
    """Part, state, current and share of the time, of a duty. ValueError where its tasks do not fit into the time."""
    sending = duty.heartbeat_sending_s / duty.heartbeat_every_s
    connected = duty.heartbeat_connected_s / duty.heartbeat_every_s
    gnss = duty.gnss_on_s / duty.gnss_every_s if duty.gnss_every_s else 0.0
    if duty.asleep:
        active = duty.fifo_awake_ms / duty.fifo_every_ms
        # Heartbeats and look-ups are counted as if they never met, and as if the FIFO were read beside both.
        waiting = duty.heartbeat_awake_s / duty.heartbeat_every_s + gnss
        mcu = {"active": active, "waiting": waiting, "light_sleep": 1 - active - waiting}
        idle = gnss
        modem = {"sleep": 1 - sending - connected - idle, "idle": idle}
    else:
        gnss = 1.0
        mcu = {"active_240": 1.0}
        modem = {"idle": 1 - sending - connected}
    modem |= {"connected": connected, "sending": sending}
    led = duty.led_on_ms / duty.led_every_ms
    shares = {
        duty.mcu: mcu,
        "accelerometer": {"on": 1.0},
        "modem": modem,
        "gnss": {"searching": gnss, "off": 1 - gnss},
        "led": {"on": led, "off": 1 - led},
        "board": {"on": 1.0},
    }
    rows = [Row(part, state, share, figures[part, state]) for part, of in shares.items() for state, share in of.items()]
    for row in rows:
        if not 0 <= row.share <= 1:
            raise ValueError(f"{row.part} would have to be {row.state} for {row.share:.0%} of the time")
    return rows


def mean_ma(rows: list[Row]) -> float:
    """The mean current of a budget."""
    return sum(row.mean_ma for row in rows)

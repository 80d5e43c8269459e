"""Power of the modem: its key and reset line, until it answers; and again when it no longer does."""

from .at import ANSWER_MS, OK, TIMEOUT
from .ticks import Countdown

# States of the modem.
OFF = 0
STARTING = 1
READY = 2  # it answers; `sim` and `registration` tell the rest
DEAD = 3  # it has not answered for several starts; tried again from time to time

# A modem that is on answers within; one whose supply was cut by our own reset has then rested the 2 s before which the
# key does nothing.
_PROBE_MS = 2500
_BOOT_SLACK_MS = 10000
_KEY_OFF_MS = 3000  # at least 2.5 s; the boards' examples take 3 s
_RESET_MS = 2600
_OFF_MS = 4000  # 2 s until the UART is off, 2 s more before it may be switched on
_ECHO_MS = 500
_MAX_TIMEOUTS = 4  # in a row, after which the modem is started again
_MAX_STARTS = 3  # in vain
_DEAD_MS = 60000

_SET_UP = (
    "ATE0",
    "AT+CMEE=1",
    "AT+SIMCOMATI",
    "AT+CPIN?",
    "AT+CTZU=1",
    "AT+CLCC=1",
    "AT+CVHU=0",
    "AT+CLIP=1",
    "AT+CREG=1",
    "AT+CEREG=1",
    "AT+CIPTIMEOUT=60000,20000,15000",
    "AT+CSCLK=1",
)

# Phases.
_NONE = 0
_PROBING = 1
_KEY_ON = 2
_BOOTING = 3
_SETTING_UP = 4
_KEY_OFF = 5
_GOING_OFF = 6
_RESETTING = 7
_LEAVING = 8
_RESTING = 9


class Power:
    """`key` and `reset` are the levels wanted of the pins: True while pressed. `restarts` counts recoveries."""

    def __init__(self, modem, listener, apn):
        self._modem = modem
        self._listener = listener
        self._apn = apn
        self.state = OFF
        self.key = False
        self.reset = False
        self.restarts = 0
        self._phase = _NONE
        self._timer = Countdown(0)
        self._step = 0
        self._starts = 0  # in vain
        self._stopping = False
        self._echoes = False  # in spite of ATE0

    @property
    def deaf(self):
        """What comes from the UART now is noise."""
        return self.state == OFF or self._phase in (_KEY_ON, _KEY_OFF, _GOING_OFF, _RESETTING)

    def start(self, t_ms):
        if self.state in (OFF, DEAD):
            self._starts = 0
            self._probe(t_ms)

    def stop(self, t_ms):
        if self._stopping or self.state == OFF:
            return
        self._stopping = True
        listening = self.state == READY or self._phase == _SETTING_UP
        self._lose(t_ms)
        self._set_state(STARTING, t_ms)
        if listening:
            self._enter(_LEAVING, ANSWER_MS, t_ms)
            self._modem.at.hold(self._modem.WAKE_MS, t_ms)
            self._modem.at.command("AT+CPOF", t_ms, self._left)
        else:
            self._press_off(t_ms)

    def began(self, t_ms):
        """`RDY`: the modem has just started. Expected while it boots; else it restarted by itself."""
        if self.state == READY or self._phase == _SETTING_UP:
            self._lose(t_ms)
            self._set_state(STARTING, t_ms)
            self._begin_set_up(t_ms)
        elif self._phase == _BOOTING:
            self._modem.at.reset()
            self._modem.at.command("AT", t_ms, None, 1000)

    def echoed(self, t_ms):
        """A command came back. ATE0 is forgotten, then: the modem has restarted while nobody listened."""
        if self._phase == _SETTING_UP:
            self._echoes = self._step > 0
        elif self.state == READY and not self._echoes:
            self._lose(t_ms)
            self._set_state(STARTING, t_ms)
            self._modem.at.hold(_ECHO_MS, t_ms)  # the answer to that command is nobody's
            self._begin_set_up(t_ms)

    def answered(self, t_ms):
        """Called when the AT engine has nothing under way: the last command was answered."""
        if self._phase == _PROBING or self._phase == _BOOTING:
            self._begin_set_up(t_ms)

    def tick(self, t_ms):
        if self._timer.ran_out(t_ms):
            self._phase_over(t_ms)
        elif (self.state == READY or self._phase == _SETTING_UP) and self._modem.at.timeouts >= _MAX_TIMEOUTS:
            self._recover(t_ms)

    # --- inside ---

    def _set_state(self, state, t_ms):
        if self.state != state:
            self.state = state
            self._listener.on_modem(state, t_ms)

    def _enter(self, phase, delay_ms, t_ms):
        self._phase = phase
        self._timer.delay_ms = delay_ms
        self._timer.start(t_ms)

    def _lose(self, t_ms):
        self._phase = _NONE
        self._timer.stop()
        self._modem.lost(t_ms)

    def _probe(self, t_ms):
        """A modem that is on is found so, without touching the key, which would switch it off."""
        self._lose(t_ms)
        self._set_state(STARTING, t_ms)
        self._enter(_PROBING, _PROBE_MS, t_ms)
        self._modem.at.hold(self._modem.WAKE_MS, t_ms)
        self._modem.at.command("AT", t_ms, None, 500)

    def _phase_over(self, t_ms):
        phase = self._phase
        self._phase = _NONE
        if phase == _PROBING or phase == _GOING_OFF:
            self._press_on(t_ms)
        elif phase == _KEY_ON:
            self.key = False
            self._enter(_BOOTING, self._modem.dialect.boot_ms + _BOOT_SLACK_MS, t_ms)
            self._modem.at.command("AT", t_ms, None, 1000)
        elif phase == _BOOTING:
            self._recover(t_ms)
        elif phase == _KEY_OFF:
            self.key = False
            if self._stopping:
                self._be_off(t_ms)
            else:
                self._enter(_GOING_OFF, _OFF_MS, t_ms)
        elif phase == _RESETTING:
            self.reset = False
            self._press_on(t_ms)
        elif phase == _LEAVING:
            self._press_off(t_ms)
        elif phase == _RESTING:
            self._set_state(STARTING, t_ms)
            self._press_off(t_ms)

    def _press_on(self, t_ms):
        self._modem.at.reset()
        self.key = True
        self._enter(_KEY_ON, self._modem.dialect.key_on_ms, t_ms)

    def _press_off(self, t_ms):
        self._modem.at.reset()
        self.reset = False
        self.key = True
        self._enter(_KEY_OFF, _KEY_OFF_MS, t_ms)

    def _recover(self, t_ms):
        """It does not answer. By the key first, then by the reset line where the board has one, by turns."""
        self.restarts += 1
        self._starts += 1
        self._lose(t_ms)
        if self._starts > _MAX_STARTS:
            self._starts = 0
            self._set_state(DEAD, t_ms)
            self._enter(_RESTING, _DEAD_MS, t_ms)
            return
        self._set_state(STARTING, t_ms)
        if self.restarts & 1:
            self._press_off(t_ms)
        else:
            self.reset = True
            self._enter(_RESETTING, _RESET_MS, t_ms)

    def _left(self, result, t_ms):
        if result == OK:
            self._be_off(t_ms)
        else:
            self._press_off(t_ms)

    def _be_off(self, t_ms):
        self._stopping = False
        self._lose(t_ms)
        self._set_state(OFF, t_ms)

    # --- setting up ---

    def _begin_set_up(self, t_ms):
        self._phase = _SETTING_UP
        self._timer.stop()
        self._step = 0
        self._give_step(t_ms)

    def _give_step(self, t_ms):
        self._modem.at.command(_SET_UP[self._step], t_ms, self._step_done)

    def _step_done(self, result, t_ms):
        """A setting that is refused is no reason to be without a modem; silence is."""
        if result == TIMEOUT:
            self._give_step(t_ms)
            return
        if _SET_UP[self._step] == "AT+CPIN?":
            self._modem.station.sim_answered(result, t_ms)
        self._step += 1
        if self._step < len(_SET_UP):
            self._give_step(t_ms)
            return
        if self._apn:
            self._modem.at.command('AT+CGDCONT=1,"IP","%s"' % self._apn, t_ms)
        self._phase = _NONE
        self._starts = 0
        self._set_state(READY, t_ms)

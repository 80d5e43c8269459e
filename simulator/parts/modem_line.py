"""The command line: bytes become commands, one after the other, and each line gets its answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.parts.modem_command import AtError, Command, Handler, error_line, split_line

if TYPE_CHECKING:
    from simulator.parts.modem import VirtualModem

LONGEST_LINE = 2048
RESULT_CODES = {"OK": 0, "CONNECT": 1, "RING": 2, "NO CARRIER": 3, "ERROR": 4, "NO DIALTONE": 6, "BUSY": 7}


class CommandLine:
    """A handler returns the final result of its command, or None when `finish` or `fail` is called later."""

    def __init__(self, modem: VirtualModem, handlers: dict[str, Handler]) -> None:
        self._modem = modem
        self._handlers = handlers
        self._line = bytearray()
        self._lines: deque[str] = deque()
        self._commands: deque[Command] = deque()
        self._answer: list[str] = []
        self._running = False
        self._entry: Callable[[int], bool] | None = None
        self.reset()

    @property
    def names(self) -> list[str]:
        """Of every command there is."""
        return list(self._handlers)

    def reset(self) -> None:
        """The modem starts, or goes off."""
        self.defaults()
        self.forget_input()
        self._lines.clear()
        self._commands.clear()
        self._answer.clear()
        self._running = False
        self._entry = None

    def defaults(self) -> None:
        """ATZ, AT&F."""
        self.echo, self.verbose, self.quiet, self.cmee = True, True, False, 0

    def forget_input(self) -> None:
        self._line.clear()

    @property
    def busy(self) -> bool:
        return bool(self._running or self._entry or self._lines)

    @property
    def takes_data(self) -> bool:
        """A prompt is out: what comes is no command, and nothing else may be said."""
        return self._entry is not None

    def receive(self, byte: int) -> None:
        if self._entry is not None:
            if self._entry(byte):
                self._entry = None
                self._modem.say_held()
            return
        if self.echo:
            self._modem.say(bytes([byte]))
        if byte == 0x0D:
            self._lines.append(self._line.decode("latin-1"))
            self._line.clear()
            self._next_line()
        elif byte == 0x08:
            del self._line[-1:]
        elif byte >= 0x20 and len(self._line) < LONGEST_LINE:
            self._line.append(byte)

    def _next_line(self) -> None:
        while self._lines and not self._running:
            line = self._lines.popleft()
            begin = line.upper().find("AT")  # noise may stand before it
            if begin >= 0:
                self._running = True
                self._commands = deque(split_line(line[begin + 2 :]))
                if self._commands:
                    self._next_command()
                else:
                    self._modem.after(self._modem.timing.answer * self._modem.slow, lambda: self._end("OK"))

    def _next_command(self) -> None:
        command = self._commands.popleft()
        timing = self._modem.timing
        delay = timing.answers.get(command.name + command.form, timing.answers.get(command.name, timing.answer))
        self._modem.after(delay * self._modem.slow, lambda: self._run(command))

    def _run(self, command: Command) -> None:
        handler = self._handlers.get(command.name)
        try:
            if handler is None:
                raise AtError("unknown command")
            result = handler(command)
        except AtError as error:
            self.fail(error)
            return
        if result is not None:
            self.finish(result)

    def info(self, line: str) -> None:
        """A line of the answer to the running command."""
        self._answer.append(line)

    def info_now(self, text: str) -> None:
        """What an answer holds besides lines, as an echo. Goes out at once, after the lines so far."""
        self._modem.say((self._take_answer() + text).encode("latin-1"))

    def prompt(self, text: str, entry: Callable[[int], bool]) -> None:
        """Say `text`; every byte then goes to `entry` until it returns True. Unsolicited lines wait meanwhile."""
        self.info_now(text)
        self._entry = entry

    def fail(self, error: AtError) -> None:
        self._end(error_line(error, self.cmee))

    def finish(self, result: str) -> None:
        """The running command is done; the next one of its line follows after an OK."""
        if result == "OK" and self._commands:
            self._next_command()
        else:
            self._end(result)

    def _take_answer(self) -> str:
        answer = "".join(f"\r\n{line}\r\n" for line in self._answer)
        self._answer.clear()
        return answer

    def _end(self, result: str) -> None:
        self._running = False
        self._commands.clear()
        answer = self._take_answer()
        if not self.quiet:
            answer += f"\r\n{result}\r\n" if self.verbose else f"{RESULT_CODES.get(result, result)}\r"
        self._modem.say(answer.encode("latin-1", "replace"))
        self._modem.power_changed()
        self._next_line()
        self._modem.consider_sleep()

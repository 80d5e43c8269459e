"""Commands from afar: `CODE COUNTER VERB`, as in "4821 17 ACK", by SMS or in the centre's DC-09 replies.

Taken only from an authorised number (or the centre), with the right code, and with a counter above the last one taken:
a message heard or delivered twice does nothing the second time. The sender's number alone proves nothing, it can be
forged. What is not taken is not answered.
"""

ACK = "ACK"
CLEAR = "CLEAR"
LOCATE = "LOCATE"
STATUS = "STATUS"
TEST = "TEST"
CHECK = "CHECK"  # the worker is asked for a sign of life
_VERBS = (
    (ACK, ("ACK", "ACQUITTER")),
    (CLEAR, ("CLEAR", "FIN")),
    (LOCATE, ("LOCATE", "POSITION")),
    (STATUS, ("STATUS", "ETAT")),
    (TEST, ("TEST",)),
    (CHECK, ("CHECK", "VIE")),
)

CENTRE = "centre"  # the source of a DC-09 reply

# Why a command was not taken.
NO_COMMAND = "no command"
NUMBER = "number not authorised"
NO_CODE = "no code in the settings"
CODE = "wrong code"
COUNTER = "counter not above the last"
VERB = "unknown verb"
NOT_NOW = "only during an alarm or test"


def same_number(one, other):
    """Whether two telephone numbers are the same, national or international: their last 9 digits are."""
    one = _digits(one)
    other = _digits(other)
    # Short numbers, and those of services, have no other form: whole or not at all.
    if len(one) < 9 or len(other) < 9:
        return one == other and one != ""
    return one[-9:] == other[-9:]


def has_code(text, code):
    """Whether `code` stands in `text` as a number of its own, as in "ok 4821." but not in "148210"."""
    run = ""
    for letter in text + " ":
        if "0" <= letter <= "9":
            run += letter
        else:
            if run == code and code:
                return True
            run = ""
    return False


class Commands:
    """Who may command, and the last counter. Persist `counter` before acting: `take` has already raised it."""

    def __init__(self, plan):
        self._plan = plan
        self.counter = 0
        self.reason = ""  # why the last one was not taken

    def take(self, text, source, alarming):
        """The verb of a command to carry out, or "" and `reason`. `source`: a number, or CENTRE."""
        self.reason = ""
        words = text[:64].split()
        if len(words) != 3 or not _is_number(words[0], 8) or not _is_number(words[1], 9):
            self.reason = NO_COMMAND
        elif not self._authorised(source):
            self.reason = NUMBER
        elif not self._plan.code:
            self.reason = NO_CODE
        elif words[0] != self._plan.code:
            self.reason = CODE
        elif int(words[1]) <= self.counter:
            self.reason = COUNTER
        if self.reason:
            return ""
        verb = _verb(words[2])
        if not verb:
            self.reason = VERB
        elif verb == LOCATE and not alarming:
            self.reason = NOT_NOW
        else:
            self.counter = int(words[1])
            return verb
        return ""

    def _authorised(self, source):
        if source == CENTRE:
            return True
        for number in self._plan.authorised:
            if same_number(number, source):
                return True
        return False


def _verb(word):
    word = word.upper()
    for verb, synonyms in _VERBS:
        if word in synonyms:
            return verb
    return ""


def _is_number(word, longest):
    if not 0 < len(word) <= longest:
        return False
    for letter in word:
        if not "0" <= letter <= "9":
            return False
    return True


def _digits(number):
    out = ""
    for letter in number:
        if "0" <= letter <= "9":
            out += letter
    return out

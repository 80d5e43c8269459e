"""Whom an alarm must reach and how: the worker, the receiving centre, the contacts, the order of the channels.

Comes as a dict from the settings file, is checked here once, and refused with one line that names key, value and what
is permitted.
"""

from .settings import Settings, SettingsError

FORMAT = 1  # of the settings file
STEPS = ("centre", "sms", "voice")
LANGUAGES = ("fr", "en")
MOST_CONTACTS = 8
_MOST_ZERO_MG = 500

_DIGITS = "0123456789"
_HEX = _DIGITS + "abcdefABCDEF"
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# What goes into an AT command between quotes must not be able to end it.
_HOST = _DIGITS + _LETTERS + ".-:_"

_KEYS = (
    "device",
    "worker",
    "language",
    "apn",
    "pin",
    "centre",
    "centre_number",
    "contacts",
    "authorised",
    "code",
    "steps",
    "zero_mg",
)


def _refuse(name, value, permitted):
    raise SettingsError("%s = %r: permitted: %s" % (name, value, permitted))


def _only(name, values, keys):
    """`values` is a dict with no other keys than `keys`."""
    if not isinstance(values, dict):
        _refuse(name, values, "an object with %s" % ", ".join(keys))
    for key in values:
        if key not in keys:
            raise SettingsError("%s.%s: unknown; permitted: %s" % (name, key, ", ".join(keys)))


def _text(name, value, alphabet, shortest, longest, permitted):
    """A string of `shortest` to `longest` characters out of `alphabet` ("" for any that can be printed)."""
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        _refuse(name, value, permitted)
    for letter in value:
        if (alphabet and letter not in alphabet) or letter < " " or letter == "\x7f":
            _refuse(name, value, permitted)
    return value


def _number(name, value):
    permitted = "a telephone number of 3 to 15 digits, as +33612345678"
    digits = value[1:] if isinstance(value, str) and value[:1] == "+" else value
    if not isinstance(digits, str) or not 3 <= len(digits) <= 15:
        _refuse(name, value, permitted)
    for digit in digits:
        if digit not in _DIGITS:
            _refuse(name, value, permitted)
    return value


def _switch(name, value):
    if value is not True and value is not False:
        raise SettingsError("%s = %r: must be true or false" % (name, value))
    return value


def _list(name, value, longest, of_what):
    if not isinstance(value, (list, tuple)) or len(value) > longest:
        _refuse(name, value, "a list of at most %d %s" % (longest, of_what))
    return value


class Centre:
    """The receiving centre that speaks SIA DC-09: host, port, account, receiver, prefix, and the key as bytes."""

    def __init__(self, values):
        _only("centre", values, ("host", "port", "account", "receiver", "prefix", "key", "key_encoding"))
        self.host = _text("centre.host", values.get("host"), _HOST, 1, 64, "a host name or address, 1 to 64 characters")
        self.port = values.get("port")
        if type(self.port) is not int or not 1 <= self.port <= 65535:
            _refuse("centre.port", self.port, "1 to 65535")
        # Account, receiver and prefix are hexadecimal digits in DC-09.
        self.account = _text("centre.account", values.get("account"), _HEX, 3, 16, "3 to 16 hexadecimal digits")
        self.receiver = _text("centre.receiver", values.get("receiver", "0"), _HEX, 1, 6, "1 to 6 hexadecimal digits")
        self.prefix = _text("centre.prefix", values.get("prefix", "0"), _HEX, 1, 6, "1 to 6 hexadecimal digits")
        self.key = self._key(values.get("key", ""), values.get("key_encoding", "ascii"))

    def _key(self, key, encoding):
        # Receivers differ: pysiaalarm takes the key's characters as they are, siadc09 the bytes they spell in hex.
        # The key itself is not repeated in an error: it ends up on screens and in tickets.
        if encoding not in ("ascii", "hex"):
            _refuse("centre.key_encoding", encoding, "ascii, hex")
        if not isinstance(key, str):
            raise SettingsError("centre.key: must be a text")
        length = len(key) // 2 if encoding == "hex" else len(key)
        if encoding == "hex":
            for letter in key:
                if letter not in _HEX:
                    raise SettingsError("centre.key: permitted in hex: 0 to 9, A to F")
        else:
            for letter in key:
                if not " " <= letter <= "~":
                    raise SettingsError("centre.key: permitted in ascii: printable ASCII characters")
        if length not in (0, 16, 24, 32) or (encoding == "hex" and len(key) % 2):
            raise SettingsError(
                "centre.key: %d characters in %s: permitted: %s, or none"
                % (len(key), encoding, "32, 48, 64" if encoding == "hex" else "16, 24, 32")
            )
        if encoding == "hex":
            return bytes([int(key[i : i + 2], 16) for i in range(0, len(key), 2)])
        return key.encode()


class Contact:
    """Somebody who is told of an alarm: name, number, and by which channels."""

    def __init__(self, name, values):
        _only(name, values, ("name", "number", "sms", "voice"))
        self.name = _text(name + ".name", values.get("name"), "", 1, 20, "1 to 20 characters")
        self.number = _number(name + ".number", values.get("number"))
        self.sms = _switch(name + ".sms", values.get("sms", True))
        self.voice = _switch(name + ".voice", values.get("voice", True))
        if not self.sms and not self.voice:
            raise SettingsError("%s: neither sms nor voice: permitted: at least one" % name)


class Plan:
    """The checked plan, key by key. Raises SettingsError for an unknown key or a value that is not permitted.

    An empty plan is accepted, so that a new device starts; `missing` then says why it must not go on duty.
    """

    def __init__(self, values=None):
        values = {} if values is None else values
        _only("plan", values, _KEYS)
        self.device = _text(
            "device", values.get("device", "DATI"), _DIGITS + _LETTERS + "-_", 1, 12, "1 to 12 letters, digits, - or _"
        )
        self.worker = _text("worker", values.get("worker", ""), "", 0, 30, "at most 30 characters")
        self.language = values.get("language", "fr")
        if self.language not in LANGUAGES:
            _refuse("language", self.language, ", ".join(LANGUAGES))
        self.apn = _text("apn", values.get("apn", ""), _HOST, 0, 63, "at most 63 letters, digits, . - _")
        self.pin = _text("pin", values.get("pin", ""), _DIGITS, 0, 8, "4 to 8 digits, or none")
        if 0 < len(self.pin) < 4:
            _refuse("pin", self.pin, "4 to 8 digits, or none")
        centre = values.get("centre")
        self.centre = None if centre is None else Centre(centre)
        number = values.get("centre_number", "")
        self.centre_number = number if number == "" else _number("centre_number", number)
        self.contacts = []  # type: list[Contact]
        for contact in _list("contacts", values.get("contacts", ()), MOST_CONTACTS, "contacts"):
            self.contacts.append(Contact("contacts[%d]" % len(self.contacts), contact))
        self.code = _text("code", values.get("code", ""), _DIGITS, 0, 8, "4 to 8 digits, or none")
        if 0 < len(self.code) < 4:
            _refuse("code", self.code, "4 to 8 digits, or none")
        self.authorised = self._authorised(values)
        self.steps = self._steps(values.get("steps", STEPS))
        self.zero_mg = self._zero(values.get("zero_mg", (0, 0, 0)))

    def _authorised(self, values):
        if "authorised" not in values:
            numbers = [contact.number for contact in self.contacts]
            return numbers + [self.centre_number] if self.centre_number else numbers
        numbers = []
        for number in _list("authorised", values["authorised"], 2 * MOST_CONTACTS, "telephone numbers"):
            numbers.append(_number("authorised[%d]" % len(numbers), number))
        return numbers

    def _steps(self, steps):
        for step in _list("steps", steps, len(STEPS), "of " + ", ".join(STEPS)):
            if step not in STEPS or list(steps).count(step) > 1:
                _refuse("steps", steps, "each of %s at most once" % ", ".join(STEPS))
        return list(steps)

    def _zero(self, zero_mg):
        """The accelerometer's zero-g offsets, taken off each sample; `dati drift` finds them."""
        if not isinstance(zero_mg, (list, tuple)) or len(zero_mg) != 3:
            _refuse("zero_mg", zero_mg, "three whole numbers from -%d to %d" % (_MOST_ZERO_MG, _MOST_ZERO_MG))
        for value in zero_mg:
            if type(value) is not int or not -_MOST_ZERO_MG <= value <= _MOST_ZERO_MG:
                _refuse("zero_mg", zero_mg, "three whole numbers from -%d to %d" % (_MOST_ZERO_MG, _MOST_ZERO_MG))
        return tuple(zero_mg)

    def stages(self):
        """The cascade, in order: (channel, contact), contact -1 for the centre."""
        stages = []
        for step in self.steps:
            if step == "centre" and self.centre is not None:
                stages.append((step, -1))
            for i in range(len(self.contacts)):
                if (step == "sms" and self.contacts[i].sms) or (step == "voice" and self.contacts[i].voice):
                    stages.append((step, i))
        return stages

    def missing(self):
        """What keeps the device from going on duty, in one line; "" where nothing does."""
        if not self.stages():
            return "plan: nobody can be reached: give a centre or a contact, and a step that uses it"
        if not self.worker:
            return "plan: worker is empty: rescuers must know whom they look for"
        return ""


def load(document):
    """(Settings, Plan) of a settings file's JSON: {"format": 1, "settings": {...}, "plan": {...}}.

    Raises SettingsError in one line, also for a file that another version wrote.
    """
    if not isinstance(document, dict) or "format" not in document:
        raise SettingsError('settings file: no "format": this is no settings file of this device')
    if type(document["format"]) is not int or document["format"] != FORMAT:
        raise SettingsError(
            "settings file: written for another version: format %r, this firmware reads %d; write it anew with the "
            "host tools of this version" % (document["format"], FORMAT)
        )
    for key in document:
        if key not in ("format", "settings", "plan"):
            raise SettingsError("%s: unknown; permitted: format, settings, plan" % key)
    values = document.get("settings", {})
    if not isinstance(values, dict):
        raise SettingsError("settings = %r: permitted: an object of tunables" % (values,))
    return Settings(values), Plan(document.get("plan", {}))

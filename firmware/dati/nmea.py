"""NMEA-0183 sentences from single bytes: framing, checksum, and fields read as integers where they lie.

One buffer, made once: no byte and no sentence allocates. Every value is a small int of the ESP32.
"""

OTHER = 0
RMC = 1
GGA = 2

_CAPACITY = 100  # bytes between $ and *; the standard has 78, receivers with 8 decimals send some more
_FIELDS = 24  # RMC has 13 or 14, GGA 15; fields beyond are not read
_DOLLAR = 0x24
_STAR = 0x2A
_COMMA = 0x2C
_DOT = 0x2E
_LARGEST = 100000000  # a number below keeps ten times itself a small int


class Sentence:
    """The sentence that is coming in, and once `feed` says so, its fields until the next `$`."""

    def __init__(self):
        self.damaged = 0  # sentences broken off, too long, or with a wrong checksum
        self.whole_deg = 0  # what `angle` found: whole degrees ...
        self.part_e7 = 0  # ... and 1e-7 degrees beyond, 0 .. 10000000
        self._text = bytearray(_CAPACITY)
        self._starts = bytearray(_FIELDS + 1)  # where each field starts; one more for where the next would
        self._fields = 0
        self._inside = False
        self._length = 0
        self._sum = 0
        self._told_sum = 0
        self._digits = -1  # of the checksum; -1 before the star

    def reset(self):
        """Forget what has been heard of a sentence."""
        self._inside = False
        self._fields = 0

    def feed(self, byte):
        """One byte. True when it ends a sentence with the right checksum."""
        if byte == _DOLLAR:
            if self._inside:
                self._damage()
            self._inside = True
            self._fields = 1
            self._starts[0] = 0
            self._length = 0
            self._sum = 0
            self._told_sum = 0
            self._digits = -1
            return False
        if not self._inside:
            return False
        if self._digits >= 0:
            return self._feed_sum(byte)
        if byte == _STAR:
            self._digits = 0
            return False
        if byte < 0x20 or byte > 0x7E or self._length == _CAPACITY:
            self._damage()
            return False
        self._text[self._length] = byte
        self._length += 1
        self._sum ^= byte
        if byte == _COMMA and self._fields < _FIELDS:
            self._starts[self._fields] = self._length
            self._fields += 1
        return False

    def _feed_sum(self, byte):
        if 0x30 <= byte <= 0x39:
            digit = byte - 0x30
        elif 0x41 <= byte & 0xDF <= 0x46:  # either case
            digit = (byte & 0xDF) - 0x37
        else:
            self._damage()
            return False
        self._told_sum = self._told_sum << 4 | digit
        self._digits += 1
        if self._digits < 2:
            return False
        if self._told_sum != self._sum:
            self._damage()
            return False
        self._inside = False
        self._starts[self._fields] = self._length + 1
        return True

    def _damage(self):
        self.damaged = self.damaged + 1 & 0xFFFFFF
        self.reset()

    def kind(self):
        """RMC or GGA of any talker, else OTHER. Talker P is none: $PGRMC is Garmin's own and no RMC."""
        text = self._text
        if self._fields < 2 or self._starts[1] != 6 or text[0] == 0x50:
            return OTHER
        if text[2] == 0x52 and text[3] == 0x4D and text[4] == 0x43:
            return RMC
        if text[2] == 0x47 and text[3] == 0x47 and text[4] == 0x41:
            return GGA
        return OTHER

    def letter(self, field):
        """The byte of a field that holds exactly one, else 0."""
        if field >= self._fields or self._end(field) - self._starts[field] != 1:
            return 0
        return self._text[self._starts[field]]

    def empty(self, field):
        """Whether a field holds nothing or does not exist."""
        return field >= self._fields or self._end(field) == self._starts[field]

    def number(self, field, decimals):
        """A number without sign, times 10 to the `decimals`; further digits are cut off. -1 where there is none."""
        if field >= self._fields:
            return -1
        return self._decimal(self._starts[field], self._end(field), decimals)

    def two_digits(self, field, at):
        """The two digits from place `at` of a field, or -1."""
        if field >= self._fields:
            return -1
        at += self._starts[field]
        if at + 2 > self._end(field):
            return -1
        return self._whole(at, at + 2)

    def time_ms(self, field):
        """Milliseconds of the UTC day of an hhmmss or hhmmss.s field, or -1. A leap second is the 60th."""
        hour = self.two_digits(field, 0)
        minute = self.two_digits(field, 2)
        if not (0 <= hour < 24 and 0 <= minute < 60) or self.two_digits(field, 4) < 0:
            return -1
        at = self._starts[field]
        end = self._end(field)
        if end > at + 6 and self._text[at + 6] != _DOT:
            return -1
        second_ms = self._decimal(at + 4, end, 3)
        if not 0 <= second_ms < 61000:
            return -1
        return hour * 3600000 + minute * 60000 + second_ms

    def angle(self, field, digits, positive, negative):
        """A latitude (2 `digits` of degrees) or longitude (3) with its hemisphere in the field after it.

        Fills whole_deg and part_e7, rounded half up from 8 decimals of a minute; fewer than 3 decimals are refused:
        0.01' is 18 m. Returns 1 or -1, the sign of the letter `positive` or `negative`, or 0 where it is no angle.
        """
        hemisphere = self.letter(field + 1)
        if not (hemisphere == positive or hemisphere == negative):
            return 0
        at = self._starts[field]
        end = self._end(field)
        dot = at + digits + 2
        if end < dot + 4 or self._text[dot] != _DOT:
            return 0
        degrees = self._whole(at, at + digits)
        minutes = self._whole(at + digits, dot)
        part_e8 = self._decimal(dot, end, 8)
        if degrees < 0 or not 0 <= minutes < 60 or part_e8 < 0:
            return 0
        # Minutes in 1e-8 do not fit a small int; six of them are a tenth of a degree, and what is left over fits.
        self.whole_deg = degrees
        self.part_e7 = minutes // 6 * 1000000 + (minutes % 6 * 100000000 + part_e8 + 300) // 600
        highest = 90 if digits == 2 else 180
        if degrees > highest or (degrees == highest and self.part_e7 > 0):
            return 0
        return 1 if hemisphere == positive else -1

    def _end(self, field):
        return self._starts[field + 1] - 1

    def _whole(self, at, end):
        """The digits from `at` to before `end`, or -1."""
        value = 0
        while at < end:
            digit = self._text[at] - 0x30
            if not 0 <= digit <= 9 or value >= _LARGEST:
                return -1
            value = value * 10 + digit
            at += 1
        return value

    def _decimal(self, at, end, decimals):
        """Digits with at most one dot among them, times 10 to the `decimals`; -1 where it is anything else."""
        if end <= at:
            return -1
        value = 0
        left = -1  # decimals still wanted; -1 before the dot
        while at < end:
            byte = self._text[at]
            at += 1
            if byte == _DOT and left < 0:
                left = decimals
                continue
            if not 0x30 <= byte <= 0x39:
                return -1
            if left == 0:
                continue
            if value >= _LARGEST:
                return -1
            value = value * 10 + byte - 0x30
            if left > 0:
                left -= 1
        if left < 0:
            left = decimals
        while left > 0:
            if value >= _LARGEST:
                return -1
            value *= 10
            left -= 1
        return value

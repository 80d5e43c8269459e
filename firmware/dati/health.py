"""Health: what the device knows of its own accelerometer, written at each start of duty and from still moments.

Nothing is judged here: `dati drift` compares these records over months.
"""

from .ticks import Countdown

UNKNOWN = 0x7FFF
NOT_TESTED = (UNKNOWN, UNKNOWN, UNKNOWN)

_STILL_MG = 30  # most that a still device moves, by the detectors' measure
_TURNED_MG = 40  # gravity differs by more: it lies another way
_STILL_MS = 60000
_PAUSE_MS = 3600000  # between records from still moments


class StillMoment:
    """Gathers what the bank measures while nothing moves. `look` about twice a second."""

    def __init__(self):
        self.count = 0  # looks that are in the sums
        self._first = (0, 0, 0)
        self._sum_x = 0
        self._sum_y = 0
        self._sum_z = 0
        self._sum_level = 0

    def restart(self):
        self.count = 0
        self._sum_x = 0
        self._sum_y = 0
        self._sum_z = 0
        self._sum_level = 0

    def look(self, bank):
        """False when the device moved: what was gathered is dropped."""
        motion = bank.motion
        gravity = bank.gravity
        x = gravity.x_mg
        y = gravity.y_mg
        z = gravity.z_mg
        if not motion.judged or motion.level_mg > _STILL_MG:
            self.restart()
            return False
        if self.count == 0:
            self._first = (x, y, z)
        else:
            turned = max(abs(x - self._first[0]), abs(y - self._first[1]), abs(z - self._first[2]))
            if turned > _TURNED_MG:
                self.restart()
                return False
        self.count += 1
        self._sum_x += x
        self._sum_y += y
        self._sum_z += z
        self._sum_level += motion.level_mg
        return True

    def mean_mg(self):
        """x, y, z. Only with `count`."""
        half = self.count >> 1
        return (
            (self._sum_x + half) // self.count,
            (self._sum_y + half) // self.count,
            (self._sum_z + half) // self.count,
        )

    def noise_dmg(self):
        """Mean level of motion in 0.1 mg. Only with `count`."""
        return 10 * self._sum_level // self.count


def pack(mean_mg, self_test_mg, noise_dmg, temperature_dc, zero_mg):
    """The payload of a HEALTH record: 11 int16, little-endian.

    Mean of x, y, z in mg as the detectors see them; how far in mg the self-test moved each axis, UNKNOWN in a record
    from a still moment; noise in 0.1 mg; temperature in 0.1 C or UNKNOWN; the zero-g offsets that had been taken off.
    """
    out = bytearray()
    for value in tuple(mean_mg) + tuple(self_test_mg) + (noise_dmg, temperature_dc) + tuple(zero_mg):
        value = max(-32768, min(32767, value))
        out.append(value & 255)
        out.append((value >> 8) & 255)
    return bytes(out)


class Health:
    """Makes the records of one device. `self_test_mg` and `temperature_dc` are the runtime's to set."""

    def __init__(self, zero_mg):
        self.self_test_mg = NOT_TESTED
        self.temperature_dc = UNKNOWN
        self._zero_mg = zero_mg
        self._moment = StillMoment()
        self._still = Countdown(_STILL_MS)
        self._pause = Countdown(_PAUSE_MS)

    def look(self, bank, t_ms):
        """A payload once nothing has moved for a minute, at most one an hour; else None."""
        moment = self._moment
        moved = not moment.look(bank)
        if moved or not self._still.running:
            self._still.start(t_ms)
            return None
        if not self._still.ran_out(t_ms):
            return None
        record = None
        if not self._pause.running or self._pause.ran_out(t_ms):
            self._pause.start(t_ms)
            record = self._pack(NOT_TESTED)
        moment.restart()
        return record

    def standing(self, bank):
        """The payload at a start of duty, when the worker has just been seen to stand still."""
        if self._moment.count == 0:
            gravity = bank.gravity
            mean_mg = (gravity.x_mg, gravity.y_mg, gravity.z_mg)
            return pack(mean_mg, self.self_test_mg, 10 * bank.motion.level_mg, self.temperature_dc, self._zero_mg)
        return self._pack(self.self_test_mg)

    def _pack(self, self_test_mg):
        moment = self._moment
        return pack(moment.mean_mg(), self_test_mg, moment.noise_dmg(), self.temperature_dc, self._zero_mg)

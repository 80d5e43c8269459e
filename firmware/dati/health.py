"""Health: what the device knows of its own accelerometer, written at each start of duty and from still moments.

Nothing is judged here: `dati drift` compares these records over months.
"""

UNKNOWN = 0x7FFF
NOT_TESTED = (UNKNOWN, UNKNOWN, UNKNOWN)

_STILL_MG = 30  # most that a still device moves, by the detectors' measure
_TURNED_MG = 40  # gravity differs by more: it lies another way


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

    Mean of x, y, z in mg as the detectors see them; how far in mg the self-test moved each axis, UNKNOWN in a record from a still
    moment; noise in 0.1 mg; temperature in 0.1 C or UNKNOWN; the zero-g offsets that had been taken off.
    """
    out = bytearray()
    for value in tuple(mean_mg) + tuple(self_test_mg) + (noise_dmg, temperature_dc) + tuple(zero_mg):
        value = max(-32768, min(32767, value))
        out.append(value & 255)
        out.append((value >> 8) & 255)
    return bytes(out)

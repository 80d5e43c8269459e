"""The battery: its voltage, what that means, and whether it is being charged."""

import machine

_READINGS = 5  # the modem's bursts of 2 A pull single readings down: the median stays
_UNREADABLE_MV = 1000  # less than any cell that still lets the board run

# mV -> percent of a single Li-ion cell at rest or light load, straight lines between. ASSUMED: the usual shape of such
# a curve, not measured on a cell. 0 % is where the modem's supply range ends, 3.4 V (SIMCom, A7670 hardware design
# V1.06), not where the cell is empty; under load the voltage, and so this figure, reads low: to the safe side.
CURVE = (
    (3400, 0),
    (3500, 5),
    (3600, 12),
    (3700, 30),
    (3750, 42),
    (3800, 53),
    (3900, 69),
    (4000, 82),
    (4100, 93),
    (4180, 100),
)


class Battery:
    """A cell behind a divider on an ADC pin; where it charges is seen on a contact, or by the voltage that goes away.

    `divider` is (multiply, divide): cell voltage = pin voltage * multiply / divide. `contact` is (pin, active level),
    or None on a board that parts the ADC from the cell while USB feeds it.
    """

    def __init__(self, number, divider, contact):
        self._adc = machine.ADC(machine.Pin(number), atten=machine.ADC.ATTN_11DB)
        self._multiply, self._divide = divider
        self._contact = None
        if contact is not None:
            self._contact = machine.Pin(contact[0], machine.Pin.IN)
            self._active = contact[1]

    def read_mv(self):
        """The cell's voltage, mV; 0 when it cannot be read (USB feeds a board that then parts the divider)."""
        readings = sorted([self._adc.read_uv() for _ in range(_READINGS)])
        mv = readings[_READINGS // 2] // 1000 * self._multiply // self._divide
        return mv if mv >= _UNREADABLE_MV else 0

    def charging(self):
        """Whether a charger or USB feeds the board."""
        if self._contact is not None:
            return self._contact.value() == self._active
        return self.read_mv() == 0

    def percent(self, mv):
        """What `mv` means, 0 .. 100; meaningless while charging."""
        below = CURVE[0]
        if mv <= below[0]:
            return 0
        for above in CURVE:
            if mv < above[0]:
                return below[1] + (mv - below[0]) * (above[1] - below[1]) // (above[0] - below[0])
            below = above
        return 100

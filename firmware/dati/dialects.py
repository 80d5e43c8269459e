"""What differs between the modems: SIMCom A76XX (A7670E) and SIM7500/SIM7600.

A76XX Series AT Command Manual V1.09, SIM7500_SIM7600 AT Command Manual V3.00, A7670 hardware design V1.06 (tables 11,
12), and the pulses of the boards' own examples, github.com/Xinyuan-LilyGO/LilyGo-Modem-Series.
"""


class Dialect:
    """Times in ms. `gnss_ready`: the line after which the receiver takes `gnss_output`, or "" for at once."""

    def __init__(self, name, key_on_ms, boot_ms, gnss_on, gnss_ready, gnss_output, gnss_off):
        self.name = name
        self.key_on_ms = key_on_ms
        self.boot_ms = boot_ms  # from the pulse until the UART answers
        self.gnss_on = gnss_on
        self.gnss_ready = gnss_ready
        self.gnss_output = gnss_output  # the sentences come to the AT port
        self.gnss_off = gnss_off


A76XX = Dialect(
    "a76xx",
    100,
    11100,
    "AT+CGNSSPWR=1",
    "+CGNSSPWR: READY!",
    ("AT+CGNSSPORTSWITCH=0,1", "AT+CGNSSTST=1"),
    ("AT+CGNSSTST=0", "AT+CGNSSPWR=0"),
)

SIM7600 = Dialect(
    "sim7600",
    500,
    15000,
    "AT+CGPS=1",
    "",
    ("AT+CGPSINFOCFG=1,3",),  # every second; 1 for GGA and 2 for RMC
    ("AT+CGPSINFOCFG=0,3", "AT+CGPS=0"),
)


def dialect(name):
    """The Dialect of `name`, "a76xx" or "sim7600". Raises ValueError for another."""
    for known in (A76XX, SIM7600):
        if known.name == name:
            return known
    raise ValueError("no modem dialect %s" % name)

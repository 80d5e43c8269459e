"""The watchdog: the hardware is fed only when every part of the device has made progress since it was last fed."""

import machine

SAMPLER = 1  # samples came, or their absence was dealt with
DETECTORS = 2  # and were judged
COMMUNICATION = 4  # the modem was served
_ALL = 7


class Watchdog:
    """A loop that turns while one part hangs is a dead device that looks alive: so each part answers for itself."""

    def __init__(self, timeout_ms):
        self.timeout_ms = timeout_ms
        self.feeds = 0  # how often the hardware was fed
        self._seen = 0
        self._hardware = None

    def start(self):
        """From here on the parts must progress: on the ESP32 nothing stops this watchdog but a reset."""
        if self._hardware is None:
            self._hardware = machine.WDT(timeout=self.timeout_ms)

    def progress(self, part):
        """`part` (SAMPLER, DETECTORS, COMMUNICATION) has done its share."""
        self._seen |= part
        if self._seen == _ALL:
            self._seen = 0
            if self._hardware is not None:
                self._hardware.feed()
                self.feeds += 1

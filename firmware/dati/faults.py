"""Technical alarms: what has failed and what has been mended, to the centre, or to the contacts where that is not to
be."""

from .record import CENTRE_BIT, FAULT, MENDED
from .supervision import CENTRE


class Faults:
    """Turns the faults of `supervision` into notices of the record; `everybody` is the mask of all in the plan."""

    def __init__(self, record, people, desk, everybody):
        self._record = record
        self._people = people
        self._desk = desk
        self._everybody = everybody
        self._centre_lost = False

    def tell(self, fault, began, utc_s):
        """`fault` began or ended at `utc_s`."""
        record = self._record
        if fault == CENTRE:
            self._centre_lost = began
        # That the centre is silent it cannot be told before it answers again: people are.
        whom = self._everybody if self._desk is None or self._centre_lost or fault == CENTRE else CENTRE_BIT
        for notice in list(record.notices):
            if began and notice.kind == MENDED and notice.argument == fault:
                # It is back before they heard of its end: they know that it is there, or are about to.
                whom &= ~(notice.waiting & ~self._under_way(notice))
                record.notices.remove(notice)
        record.add(FAULT if began else MENDED, fault, utc_s, whom)

    def _under_way(self, notice):
        """The mask of those whom a message now on its way is telling of `notice`."""
        sms = self._people.sms
        mask = 2 << sms.contact if sms is not None and sms.about is notice else 0
        job = None if self._desk is None else self._desk.link.job
        return mask | CENTRE_BIT if job is not None and job.about is notice else mask

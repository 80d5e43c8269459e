cimport cython

from .gravity cimport Direction

@cython.final
cdef class Verticality:
    cdef public int cause
    cdef public bint active
    cdef public int lost_slots, back_slots
    cdef int _delay_slots, _return_slots, _lost_cos2_q15, _back_cos2_q15
    cdef bint _needs_immobility

    cpdef void rearm(self) noexcept

    @cython.locals(near=bint)
    cpdef void step(self, Direction vertical, bint moving) noexcept

cimport cython

@cython.final
cdef class Immobility:
    cdef public int cause
    cdef public bint active
    cdef public int still_beats, moving_beats
    cdef int _delay_beats, _return_beats

    cpdef void rearm(self) noexcept
    cpdef void step(self, bint moving) noexcept

cimport cython

@cython.final
cdef class Flight:
    cdef public int cause
    cdef public bint active
    cdef public int violent_beats
    cdef int _level, _delay_beats

    cpdef void rearm(self) noexcept
    cpdef void step(self, int peak) noexcept

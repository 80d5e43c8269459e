cimport cython

@cython.final
cdef class Flight:
    cdef public int cause
    cdef public bint active
    cdef public int violent_beats
    cdef int _level_mg, _delay_beats

    cpdef void rearm(self) noexcept
    cpdef void step(self, int level_mg) noexcept

# Types for the compiled engine; the source stays firmware/dati/gravity.py. All ints are 32 bits: every value of the
# firmware fits 31 (a test proves it), so C arithmetic gives the same results.
cimport cython

@cython.locals(root=int, better=int)
cpdef int isqrt(int n) noexcept

@cython.final
cdef class Direction:
    cdef public int x_q14, y_q14, z_q14
    cdef public int along_q4, squared

    @cython.locals(largest=int, length_q4=int, half=int)
    cpdef bint point(self, int x, int y, int z) noexcept

    @cython.locals(largest=int)
    cpdef void lean(self, int x, int y, int z) noexcept

    cpdef bint beyond(self, int cos2_q15) noexcept

@cython.final
cdef class Gravity:
    cdef public int x_mg, y_mg, z_mg
    cdef int _x_q2, _y_q2, _z_q2
    cdef bint _started

    cpdef void step(self, int x_mg, int y_mg, int z_mg) noexcept

@cython.final
cdef class Motion:
    cdef public int beat_slots, level_mg, floor_mg, limit_mg
    cdef public bint judged, moving
    cdef int _sensitivity_mg, _highest_typical_q3, _typical_q3, _rise_q3
    cdef int _slots_left, _largest, _last_x_mg, _last_y_mg, _last_z_mg
    cdef bint _paired
    cdef int _floor_beats, _last_level_mg, _next
    cdef short[::1] _levels_mg

    cpdef int worker_mg(self) noexcept

    @cython.locals(x=int, y=int, z=int, squared=int)
    cpdef bint step(self, int x_mg, int y_mg, int z_mg, Gravity gravity, bint judge) noexcept

    @cython.locals(lowest_mg=int, highest_mg=int, level_mg=int, i=int)
    cpdef void _follow_floor(self) noexcept

    cpdef int _follow_limit(self) noexcept

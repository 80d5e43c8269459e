cimport cython

from .gravity cimport Direction

@cython.final
cdef class Fall:
    cdef public int cause
    cdef public bint active
    cdef public int pending_slots, peak
    cdef int _held_slots, _hold_slots, _before_from, _before_to, _after_from, _after_to
    cdef int _impact, _tilt_cos2_q15, _ring_slots, _next, _filled, _first_age
    cdef short[::1] _x_mg, _y_mg, _z_mg
    cdef Direction _before
    cdef int _sum_x, _sum_y, _sum_z

    cpdef void rearm(self) noexcept
    cpdef void step(self, int x_mg, int y_mg, int z_mg, int peak) noexcept
    cpdef bint _posture_changed(self) noexcept

    @cython.locals(at=int, count=int, _=int)
    cpdef void _mean(self, int from_age, int to_age) noexcept

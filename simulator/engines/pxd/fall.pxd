cimport cython

from .gravity cimport Direction

@cython.final
cdef class Fall:
    cdef public int cause
    cdef public bint active
    cdef public int pending_slots, peak, judged, points
    cdef public int[::1] features
    cdef int[::1] _card
    cdef int _needed, _impact, _hard, _held_slots, _hold_slots
    cdef int _before_from, _before_to, _approach_from, _approach_to, _settling_from, _settling_to
    cdef int _judged_after, _after, _close, _drop, _around
    cdef int _ring_slots, _next, _filled, _first_age
    cdef short[::1] _x_mg, _y_mg, _z_mg
    cdef int[::1] _peaks
    cdef Direction _vertical, _posture
    cdef int _mean_x, _mean_y, _mean_z

    cpdef void rearm(self) noexcept

    @cython.locals(at=int)
    cpdef void step(self, int x_mg, int y_mg, int z_mg, int peak) noexcept

    @cython.locals(at=int, after=int, value=int, points=int)
    cpdef void _judge(self) noexcept

    @cython.locals(settling_from=int, settling_to=int, posture=Direction)
    cpdef void _measure(self, int hit, int first) noexcept

    @cython.locals(at=int)
    cpdef int _index(self, int age) noexcept

    @cython.locals(age=int, at=int, sum_x=int, sum_y=int, sum_z=int)
    cpdef void _mean(self, int from_age, int to_age) noexcept

    @cython.locals(length_q4=int)
    cpdef int _cosine(self, Direction direction) noexcept

    @cython.locals(missing=int, posture=Direction, age=int, at=int, along=int)
    cpdef int _missing_weight(self, int from_age, int to_age) noexcept

    @cython.locals(largest=int, age=int, at=int, sway=int)
    cpdef int _sway(self, int from_age, int to_age) noexcept

    @cython.locals(total=int, largest=int, age=int, at=int, older=int, change=int)
    cpdef int _change(self, int from_age, int to_age, bint largest_only) noexcept

    @cython.locals(count=int, age=int)
    cpdef int _impacts(self, int from_age, int to_age) noexcept

    @cython.locals(total=int, age=int)
    cpdef int _shock(self, int from_age, int to_age) noexcept

    @cython.locals(largest=int, age=int, at=int, x=int, y=int, z=int)
    cpdef int _push(self, int from_age, int to_age) noexcept

cimport cython

from .fall cimport Fall
from .flight cimport Flight
from .gravity cimport Direction, Gravity, Motion
from .immobility cimport Immobility
from .verticality cimport Verticality

@cython.final
cdef class DetectorBank:
    cdef public int slot_samples, conditions, began, ended
    cdef public bint shaken
    cdef public Gravity gravity
    cdef public Motion motion
    cdef public Direction vertical
    cdef public Verticality verticality
    cdef public Immobility immobility
    cdef public Fall fall
    cdef public Flight flight
    cdef bint _verticality_on, _immobility_on, _fall_on, _flight_on, _shaken_slot
    cdef int _rate_hz, _slot_shift, _sensitivity_mg
    cdef object _one
    cdef int _left, _sum_x, _sum_y, _sum_z, _peak, _beat_peak, _missing, _x_mg, _y_mg, _z_mg

    cpdef bint set_vertical(self, int x_mg, int y_mg, int z_mg)

    @cython.locals(left=int, sum_x=int, sum_y=int, sum_z=int, peak=int, stop=int, _=int, i=Py_ssize_t, x=int, y=int, z=int, squared=int)
    cpdef int run(self, const short[::1] samples, int first, int end) noexcept

    @cython.locals(passed=int, take=int)
    cpdef int skip(self, int count) noexcept

    @cython.locals(got=int, judge=bint, peak=int)
    cpdef void _finish_slot(self) noexcept

    @cython.locals(gravity=Gravity, motion=Motion, conditions=int)
    cpdef void _judge(self, int x_mg, int y_mg, int z_mg, int peak, bint judge) noexcept

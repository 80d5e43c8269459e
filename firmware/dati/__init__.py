"""The mind of the device: integers only, no clock, no input or output, no allocation per sample.

The same files run on the wrist (MicroPython, ESP32), on the laptop (CPython, or compiled by Cython) and in CI.
Read them in this order: `settings`, `ticks`, `events`, `gravity`, the detectors `verticality`, `immobility`, `fall`
and `flight`, then `bank` (which feeds them), `alarm` (what follows from them) and `device` (where all of it meets).

Every value stays within a small int of the ESP32, -2**30 .. 2**30 - 1: beyond it MicroPython makes a heap object
of an integer. The bound of each intermediate that comes near is written beside it.
"""

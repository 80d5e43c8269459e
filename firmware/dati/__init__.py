"""The mind of the device: integers only, no clock, no input or output, no allocation per sample.

The same files run on the wrist (MicroPython, ESP32), on the laptop (CPython, or compiled by Cython) and in CI.
Read them in this order: `settings`, `ticks`, `events`, `gravity`, the detectors `verticality`, `immobility`, `fall`
and `flight`, then `bank` (which feeds them), `alarm` (what follows from them) and `device` (where these meet).

Then the way to others: `plan` (whom to reach), `texts`, `outbox` with `people` and `centre` (what must reach whom,
again until acknowledged), `dc09` and `sms` (the bytes), `modem` with its parts over `at` (the dialogue). Beside it
`position` and `place`, `supervision` and `watch`, `duty` and `shift`, `journal`, `slots` and `memory` (what survives).
`wearable` is where all meet, and `switchboard` who hears whom.

Every value stays within a small int of the ESP32, -2**30 .. 2**30 - 1: beyond it MicroPython makes a heap object
of an integer. The bound of each intermediate that comes near is written beside it.
"""

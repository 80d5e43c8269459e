"""What the firmware's `machine`, `time`, `os` and `open` are on the virtual board.

The same files serve both runtimes. On CPython `host.call` is the virtual board's own method; in the MicroPython
process it is a line on standard output and the answer on standard input. Virtual time only moves within a call, so
both runtimes live through the same microseconds.
"""

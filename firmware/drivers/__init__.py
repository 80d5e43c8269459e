"""Registers and pins of what is soldered to the board; no decisions."""

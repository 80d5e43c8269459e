"""CRC-16/ARC, as SIA DC-09 asks for: x16 + x15 + x2 + 1, reflected, begun at 0; of b"123456789" it is 0xBB3D."""

from array import array

# What a nibble does to the remainder.
# fmt: off
_NIBBLES = array("H", (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
))
# fmt: on


def crc16(data, first, end):
    """Of the bytes `first` <= i < `end` of `data`: 0 .. 0xFFFF."""
    nibbles = _NIBBLES
    crc = 0
    for i in range(first, end):
        byte = data[i]
        crc = (crc >> 4) ^ nibbles[(crc ^ byte) & 15]
        crc = (crc >> 4) ^ nibbles[(crc ^ (byte >> 4)) & 15]
    return crc

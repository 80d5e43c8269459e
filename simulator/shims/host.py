"""The way from a shim to the virtual board: `call(operation, *arguments)` returns its answer, and time is told."""


class Host:
    """Set up once before the firmware is imported; `now_us` is virtual time since power-on of this run."""

    def __init__(self):
        self.call = None
        self.now_us = 0


host = Host()


def encode(value):
    """None, int, bytes or str as one word without blanks."""
    if value is None:
        return "n"
    if isinstance(value, str):
        return "s" + value.encode().hex()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "b" + bytes(value).hex()
    return "i" + str(int(value))


def decode(word):
    kind = word[0]
    if kind == "n":
        return None
    if kind == "i":
        return int(word[1:])
    data = bytes.fromhex(word[1:])
    return data.decode() if kind == "s" else data

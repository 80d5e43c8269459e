"""`cryptolib` on CPython; MicroPython brings its own."""

from Crypto.Cipher import AES


class aes:  # noqa: N801  (the name MicroPython gives it)
    def __init__(self, key, mode, iv=None):
        self._cipher = AES.new(bytes(key), AES.MODE_CBC, bytes(iv)) if mode == 2 else AES.new(bytes(key), AES.MODE_ECB)

    def encrypt(self, data):
        return self._cipher.encrypt(bytes(data))

    def decrypt(self, data):
        return self._cipher.decrypt(bytes(data))

"""A virtual world for the firmware: recordings in, the device's own decisions out."""

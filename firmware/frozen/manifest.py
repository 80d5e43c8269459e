"""What to freeze into an image of MicroPython, for a board without PSRAM: `make FROZEN_MANIFEST=THIS_FILE BOARD=...`.

Frozen code runs in place, as from a ROM image, and its names and constants stay out of the heap as well. Run by
MicroPython's build (docs.micropython.org, "MicroPython manifest files"), never on the device.
"""

# ruff: noqa: F821  (include, module and package are the build's)

include("$(PORT_DIR)/boards/manifest.py")
for name in ("main.py", "runtime.py", "service.py"):
    module(name, base_path="..", opt=3)
for name in ("dati", "drivers", "boards"):
    package(name, base_path="..", opt=3)

"""LilyGO T-SIM7600E-H or -G-H: ESP32-WROVER-E with a SIMCom SIM7600 (LTE, 3G and GSM; voice, SMS, GNSS).

Buy the version with the audio codec: the others cannot call. DIP switches: 1 and 2 on, 4 off ("ESP programming mode").

LG is the public repository Xinyuan-LilyGO/LilyGo-Modem-Series; pins come from `docs/en/esp32/sim7600-esp32/README.MD`
("Pins Map") and `examples/ATdebug/utilities.h` (LILYGO_SIM7600X). The board uses 26, 27, 4, 32, 33, 25, 34 (modem), 12
(LED), 2, 13, 14, 15 (SD card), 35, 36 (voltages), 21, 22 (I2C); the ESP32 what t_a7670e.py names. Of the RTC's pins, by
which alone it wakes from light sleep, 39 is left, and 13 and 14 while **the SD slot stays empty**. So the sensor's INT1
finds no place: its FIFO is emptied by time.
"""

BOARD = {
    "name": "t_sim7600e",
    "chip": "esp32",
    "cpu_hz": 80000000,
    "dialect": "sim7600",
    "modem_uart": (1, 115200, 27, 26),  # the other way round than the T-A7670E
    "gnss_uart": None,
    "power_key": (4, 1),
    "reset": None,
    "sleep": (32, 1),
    "ring": (33, 0),
    "supply": ((25, 1),),  # flight mode off: "must be set to high when connecting to the network"
    "power_on_ms": 500,  # LG, MODEM_POWERON_PULSE_WIDTH_MS
    "power_off_ms": 3000,
    "boot_ms": 15000,  # LG, MODEM_START_WAIT
    "gnss_on": ("AT+CVAUXS=1",),  # LG, README: "GPS Enabled: Modem AUXVDD"
    "gnss_off": ("AT+CVAUXS=0",),
    "voice_on": (),
    "i2c": (0, 22, 21, 400000),
    "sensor": ("lis3dh", 0x18),
    "sensor_interrupt": None,
    "sos": (39, 1, 0),  # to 3V3; 100 kOhm to ground
    "cancel": (14, 1, 2),  # to 3V3
    "cord": (13, 1, 1),  # closed to ground while the cord is in
    "wake": (39, 14, 13),
    "buzzer": 18,
    "vibrator": (19, 1),
    "led": (23, 1),  # not the board's own on 12, which sits where nobody sees it
    "battery": (35, (2, 1)),
    "charging": None,  # LG, README: with USB the divider is parted from the cell, "the measured voltage is 0"
    "watchdog_ms": 20000,
}

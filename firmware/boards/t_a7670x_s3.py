"""LilyGO T-A7670X-S3-Standard with the A7670E-FASE: ESP32-S3-WROOM-1; NMEA has a UART of its own.

LG is the public repository Xinyuan-LilyGO/LilyGo-Modem-Series; pins come from
`docs/en/esp32s3/a7670x-s3-standard/README.MD` ("Pins Map", "Modem Pins"). The board uses 4 to 7 and 46 (modem), 48, 45,
17 (GNSS), 8, 18 (voltages), 10 to 13 (SD card), 42 (power), 2, 3 (I2C); 0, 3, 45, 46 decide how the ESP32-S3 starts, 19
and 20 are USB. All other pins go to the camera connector and are free without a camera: "if the camera is not used,
then all the pins assigned to the camera by default can be freely allocated". 1 and 41 carry pull-ups and are left out.
The RTC's pins, by which it wakes from light sleep, are 0 to 21.

A new cell gives nothing before USB was plugged in once: the protection wakes by it (LG, same file).
"""

BOARD = {
    "name": "t_a7670x_s3",
    "chip": "esp32s3",
    "cpu_hz": 80000000,  # 22 to 36 mA idle (ESP32-S3-WROOM-1 data sheet v1.8, t. 6-6)
    "dialect": "a76xx",
    "modem_uart": (1, 115200, 4, 5),
    # The speed is the modem's default (AT+CGNSSIPR), assumed: if no NMEA comes, ask with AT+CGNSSIPR?
    "gnss_uart": (2, 115200, 45, 48),
    "power_key": (46, 1),
    "reset": None,
    "sleep": (7, 1),
    "ring": (6, 0),
    "supply": ((42, 1),),  # HIGH: full power, which the modem's bursts need
    "power_on_ms": 100,
    "power_off_ms": 3000,
    "boot_ms": 12000,
    # LG, README: without these "the modem cannot obtain a position fix".
    "gnss_on": ("AT+CGDRT=1,1", "AT+CGSETV=1,1"),
    "gnss_off": ("AT+CGDRT=1,1", "AT+CGSETV=1,0"),
    "voice_on": ("AT+CGDRT=3,1", "AT+CGSETV=3,1"),
    "i2c": (0, 2, 3, 400000),
    "sensor": ("lis3dh", 0x18),
    "sensor_interrupt": 16,
    "sos": (14, 1, 2),  # to 3V3
    "cancel": (21, 1, 2),  # to 3V3
    "cord": (9, 1, 1),  # closed to ground while the cord is in
    "wake": (14, 21, 9, 16),
    "buzzer": 38,
    "vibrator": (39, 1),
    "led": (40, 1),
    "battery": (8, (2, 1)),  # two equal resistors, as on LG's other boards
    "charging": (15, 1),  # VBUS on the header through 68 kOhm, with 100 kOhm to ground: 2.9 V
    "watchdog_ms": 20000,
}

"""LilyGO T-A7670E: ESP32-WROVER-E with a SIMCom A7670E-FASE (LTE Cat-1 and GSM; voice, SMS, GNSS).

Buy the -FASE: A7670G, -LASE have no GNSS, -LNXY no voice and no SMS either. With USB power the modem does not sleep.

LG is the public repository Xinyuan-LilyGO/LilyGo-Modem-Series; pins come from `docs/en/esp32/a7670-esp32/README.MD`
("Pins Map") and `examples/ATdebug/utilities.h` (LILYGO_T_A7670). What the board uses: 26, 27, 4, 5, 33, 25, 12 (modem),
2, 13, 14, 15 (SD card), 35, 36 (voltages), 21, 22 (I2C). Taken as well: 6 to 11 (flash), 16 and 17 (PSRAM), 1 and 3
(USB serial), and 0, 2, 5, 12, 15 decide how the ESP32 starts. LG's own shields (`utilities.h`, SIM_DC_SHIELD,
SIMSHIELD) put 13, 14, 18, 19, 23, 32, 34 and 39 to free use, and so does this file: **the SD slot must stay empty**.

Wired for light sleep, from which the ESP32 wakes by "any of these pins high" (ext1) and "this pin low" (ext0: the
modem's RI), and only by pins of its RTC (0, 2, 4, 12 to 15, 25 to 27, 32 to 39): buttons to 3V3, INT1 active high.
"""

BOARD = {
    "name": "t_a7670e",
    "chip": "esp32",
    "cpu_hz": 80000000,  # the least that keeps the UARTs' clock: 20 to 31 mA (ESP32 data sheet v4.9, t. 4-2)
    "dialect": "a76xx",
    # (UART, baud, TX, RX) as the ESP32 sees it. LG names them likewise on this board, the other way round on others.
    "modem_uart": (1, 115200, 26, 27),
    "gnss_uart": None,  # NMEA comes on the modem's AT port: AT+CGNSSPORTSWITCH=0,1 (A76XX AT manual V1.09)
    # (pin, active level). PWRKEY goes through a transistor: high here is low at the modem.
    "power_key": (4, 1),
    "reset": (5, 1),
    "sleep": (25, 1),  # DTR high lets the modem sleep (AT+CSCLK=1)
    "ring": (33, 0),  # RI; RTC pin
    "supply": ((12, 1),),  # "must be HIGH", or the board resets on battery
    "power_on_ms": 100,  # LG, MODEM_POWERON_PULSE_WIDTH_MS; SIMCom, A7670 hardware design V1.06: 50 ms typical
    "power_off_ms": 3000,  # LG, MODEM_POWEROFF_PULSE_WIDTH_MS; SIMCom: 2.5 s or more
    "boot_ms": 12000,  # SIMCom, t. 11: UART ready after 11.1 s
    "gnss_on": (),  # AT commands that power the GNSS antenna: none here
    "gnss_off": (),
    "voice_on": (),  # AT commands that power the loudspeaker's amplifier
    # (I2C, SCL, SDA, Hz)
    "i2c": (0, 22, 21, 400000),
    "sensor": ("lis3dh", 0x18),  # SDO to ground; most breakouts: 0x19 with it open
    "sensor_interrupt": 32,  # RTC pin
    # (pin, active level, pull): 0 none, 1 up, 2 down. 34 to 39 have no pulls of their own.
    "sos": (39, 1, 0),  # to 3V3; 100 kOhm to ground. Errata of the ESP32: 39 may dip low for 80 ns, never high
    "cancel": (14, 1, 2),  # to 3V3. SD clock: no pull-up on that line
    # Closed to ground while the cord is in. SD chip select: a pull-up on the board does no harm here.
    "cord": (13, 1, 1),
    "wake": (39, 14, 13, 32),  # all of the RTC, all active high
    "buzzer": 18,
    "vibrator": (19, 1),
    "led": (23, 1),
    "battery": (35, (2, 1)),  # LG, ReadBattery: two equal resistors
    # VBUS on the header, which has voltage with USB only, through 68 kOhm with 100 kOhm to ground: 2.9 V.
    "charging": (34, 1),
    "watchdog_ms": 20000,
}

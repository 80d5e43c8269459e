"""Every tunable of the device, in one table, and the profiles that bound them.

To change a default or a range, change its row. Nothing but `settings` reads this on the device, when it checks values;
then `runtime` lets go of it, for the table takes 5 KB of the ESP32's memory.
"""

# name, unit, default, lowest, highest, what it does. A switch has the unit "switch" and no range; a choice has its
# permitted words in place of the lowest.
# fmt: off
TUNABLES = (
    ("rate_hz", "Hz", 50, 25, 200, "samples a second the accelerometer is asked for"),
    ("placement", "choice", "waist", ("waist", "pocket", "wrist"), None, "where the device is worn"),
    ("worn_up_axis", "axis", 2, -3, 3, "axis that points up as worn until zeroed: 1 x, 2 y, 3 z; minus: downwards"),
    ("verticality_enabled", "switch", True, None, None, "detect loss of verticality"),
    # TWIG: 0 to 90 degrees, default 45. DIN practice: 30 to 45 (baunetzwissen.de, PNA alarm types).
    ("verticality_threshold_deg", "deg", 45, 20, 90, "lean from the worn vertical beyond which verticality is lost"),
    ("verticality_delay_ms", "ms", 20000, 1000, 60000, "how long it must stay lost"),
    ("verticality_return_deg", "deg", 10, 2, 30, "how far below the threshold counts as upright again"),
    # TWIG Protector: "normal status delay" 1 to 5 s.
    ("verticality_return_ms", "ms", 2000, 1000, 5000, "how long upright before verticality is regained"),
    ("verticality_needs_immobility", "switch", False, None, None, "count lost verticality only while motionless"),
    ("immobility_enabled", "switch", True, None, None, "detect immobility"),
    # TWIG: 20 to 999 mG, default 100.
    ("immobility_sensitivity_mg", "mg", 100, 20, 999, "worker motion above this is life; where it is calm, half"),
    ("immobility_delay_ms", "ms", 60000, 10000, 1800000, "how long motionless"),
    ("immobility_return_ms", "ms", 2000, 1000, 5000, "how long moving before immobility ends"),
    ("fall_enabled", "switch", True, None, None, "detect falls"),
    ("fall_impact_mg", "mg", 1750, 1500, 6000, "peak acceleration that makes a moment worth judging as a fall"),
    ("fall_points", "points", 0, -500, 500, "points that make it a fall: fewer find more falls and more that are none"),
    ("flight_enabled", "switch", False, None, None, "detect violent motion that goes on (flight, struggle)"),
    ("flight_level_mg", "mg", 3000, 1500, 8000, "peak acceleration of every second of violent motion"),
    ("flight_delay_ms", "ms", 8000, 3000, 60000, "how long violent"),
    ("pre_alarm_ms", "ms", 15000, 0, 45000, "how long the worker can cancel before an involuntary alarm leaves"),
    ("recovery_cancels", "switch", False, None, None, "motion or uprightness regained cancels its own pre-alarm"),
    ("sos_hold_ms", "ms", 1500, 0, 60000, "how long the SOS button is held for a voluntary alarm"),
    ("tear_off_enabled", "switch", True, None, None, "the tear-off cord raises an alarm"),
    ("tear_off_delay_ms", "ms", 200, 0, 90000, "how long the cord must be out: a contact bounces"),
    ("dead_man_enabled", "switch", False, None, None, "the worker must give a sign of life at an interval"),
    ("dead_man_interval_ms", "ms", 840000, 30000, 3600000, "longest time without a sign of life"),
    ("dead_man_pre_alarm_ms", "ms", 30000, 0, 45000, "how long the worker can answer the dead-man check"),
    ("technical_delay_ms", "ms", 60000, 1000, 3600000, "how long the sensor may be silent before a technical alarm"),
    ("link_delay_ms", "ms", 1200000, 60000, 3600000, "how long network or centre may be gone before a technical alarm"),
    ("heartbeat_interval_ms", "ms", 600000, 60000, 3600000, "how often the centre is told that all is well"),
    # elektro.net on DIN VDE V 0825-1: alarm data are sent again until receipt is confirmed, "Zyklus <= 1 min".
    ("message_repeat_ms", "ms", 60000, 10000, 60000, "how soon an alarm nobody acknowledged is sent again"),
    ("contact_wait_ms", "ms", 60000, 20000, 300000, "how long a contact has to confirm before the next is tried"),
    ("call_ring_ms", "ms", 30000, 10000, 60000, "how long a contact's telephone is let ring"),
    ("centre_ack_suffices", "switch", True, None, None, "the centre's receipt acknowledges; else a person must"),
    ("gnss_interval_ms", "ms", 900000, 0, 3600000, "on duty, how often it is located; 0: only from a pre-alarm on"),
    ("gnss_search_ms", "ms", 60000, 10000, 300000, "how long such a look-up may take"),
    ("low_battery_percent", "%", 20, 10, 50, "charge below which a technical alarm is raised"),
    ("duty_hold_ms", "ms", 3000, 1000, 10000, "how long the cancel button is held to begin or end duty"),
)
# fmt: on

# What the default is where the device is not worn on the trunk: a wrist and a thigh lean as they like, and the hand of
# a seated worker rests: on the Empatica recordings of Stress-Predict it does so for 60 s 18 times an hour, for 300 s
# once in two hours, for 600 s never in 18 h.
PLACEMENTS = {  # type: dict[str, dict]
    "waist": {},
    "pocket": {"verticality_enabled": False},
    "wrist": {"verticality_enabled": False, "immobility_delay_ms": 600000},
}

# A profile: values over the defaults, the profile it adds to, and caps: names whose sum may not exceed a value.
# din-0825-11 follows the longest trigger times (pre-alarm included) that DGUV Information 212-139, annex 2, table 5
# publishes for DIN VDE V 0825-11; critical follows its section 7, for critical hazards. No conformity is claimed.
PROFILES = (
    ("default", None, (), ()),
    (
        "din-0825-11",
        "default",
        (("immobility_delay_ms", 60000),),
        (
            (("pre_alarm_ms",), 45000),
            (("sos_hold_ms",), 60000),
            (("verticality_delay_ms", "pre_alarm_ms"), 90000),
            (("immobility_delay_ms", "pre_alarm_ms"), 90000),
            (("tear_off_delay_ms",), 90000),
            (("flight_delay_ms",), 10000),
            (("dead_man_interval_ms", "dead_man_pre_alarm_ms"), 900000),
            (("technical_delay_ms",), 1800000),
            (("link_delay_ms",), 1800000),
            (("heartbeat_interval_ms",), 1800000),
        ),
    ),
    ("critical", "din-0825-11", (("sos_hold_ms", 1000),), ((("sos_hold_ms",), 2000),)),
)

# A cap binds only a detector that is on; names not listed here are always on.
SWITCH_OF = {
    "verticality_delay_ms": "verticality_enabled",
    "immobility_delay_ms": "immobility_enabled",
    "tear_off_delay_ms": "tear_off_enabled",
    "flight_delay_ms": "flight_enabled",
    "dead_man_interval_ms": "dead_man_enabled",
}

"""The table of tunables and its profiles: what is accepted, what is refused, and what the refusal says."""

from __future__ import annotations

import re

import pytest
from dati.fall_scores import CARDS
from dati.settings import Settings, SettingsError
from dati.tunables import PLACEMENTS, PROFILES, TUNABLES

SWITCHES = [row[0] for row in TUNABLES if row[1] == "switch"]
CHOICES = [row for row in TUNABLES if row[1] == "choice"]
NUMBERS = [row for row in TUNABLES if row[1] not in ("switch", "choice")]
CAPPED_PROFILES = ("din-0825-11", "critical")

# Turned on, so that every cap binds.
ALL_ON = {name: True for name in SWITCHES if name not in ("verticality_needs_immobility", "recovery_cancels")}

# What annex 2, table 5 of DGUV Information 212-139 publishes, written out a second time:
# (settings at the limit, setting to put 1 above it, permitted).
DIN_LIMITS = (
    ({"pre_alarm_ms": 45000}, "pre_alarm_ms", 45000),
    ({"sos_hold_ms": 60000}, "sos_hold_ms", 60000),
    ({"verticality_delay_ms": 60000, "pre_alarm_ms": 30000}, "pre_alarm_ms", 90000),
    ({"verticality_delay_ms": 45000, "pre_alarm_ms": 45000}, "verticality_delay_ms", 90000),
    ({"immobility_delay_ms": 45000, "pre_alarm_ms": 45000}, "immobility_delay_ms", 90000),
    ({"immobility_delay_ms": 90000, "pre_alarm_ms": 0}, "immobility_delay_ms", 90000),
    ({"tear_off_delay_ms": 90000}, "tear_off_delay_ms", 90000),
    ({"flight_delay_ms": 10000}, "flight_delay_ms", 10000),
    ({"dead_man_interval_ms": 870000, "dead_man_pre_alarm_ms": 30000}, "dead_man_interval_ms", 900000),
    ({"technical_delay_ms": 1800000}, "technical_delay_ms", 1800000),
    ({"link_delay_ms": 1800000}, "link_delay_ms", 1800000),
    ({"heartbeat_interval_ms": 1800000}, "heartbeat_interval_ms", 1800000),
)


def refusal(values) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings(values)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("row", TUNABLES, ids=lambda row: row[0])
def test_every_default_is_of_its_type_and_within_its_range(row):
    name, unit, default, lowest, highest, what = row
    assert what
    if unit == "switch":
        assert default is True or default is False
        assert lowest is None
        assert highest is None
    elif unit == "choice":
        assert default in lowest
        assert len(set(lowest)) == len(lowest) > 1
        assert highest is None
    else:
        assert type(default) is int
        assert lowest <= default <= highest
        assert name.endswith("_percent" if unit == "%" else f"_{unit.lower()}") or name == f"worn_up_{unit}"


def test_names_are_unique():
    assert len({row[0] for row in TUNABLES}) == len(TUNABLES)
    assert len({profile[0] for profile in PROFILES}) == len(PROFILES)


def test_without_values_everything_is_the_default():
    for made in (Settings(), Settings(None), Settings({})):
        assert made.as_dict() == {"profile": "default", **{row[0]: row[2] for row in TUNABLES}}


@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row[0])
def test_both_ends_of_the_range_are_accepted_and_one_beyond_is_refused(row):
    name, unit, _, lowest, highest, _ = row
    beside = {"verticality_return_deg": 2} if name == "verticality_threshold_deg" else {}
    for value in (lowest, highest):
        assert getattr(Settings({name: value, **beside}), name) == value
    permitted = f"permitted: {lowest} to {highest} {unit}"
    for value in (lowest - 1, highest + 1, -(1 << 40), 1 << 40):
        assert refusal({name: value, **beside}) == f"{name} = {value}: {permitted}"


@pytest.mark.parametrize("value", [True, False, 45.0, float("nan"), "45", None, [45]], ids=repr)
@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row[0])
def test_a_number_takes_whole_numbers_only(row, value):
    message = refusal({row[0]: value})
    assert message.startswith(f"{row[0]} = {value!r}: ")
    assert f"{row[3]} to {row[4]} {row[1]}" in message


@pytest.mark.parametrize("value", [0, 1, 1.0, "true", None], ids=repr)
@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_takes_true_and_false_only(name, value):
    assert refusal({name: value}) == f"{name} = {value!r}: must be true or false"


@pytest.mark.parametrize("row", CHOICES, ids=lambda row: row[0])
def test_a_choice_takes_its_words_only(row):
    name, _, _, words, _, _ = row
    for word in words:
        assert getattr(Settings({name: word}), name) == word
    for value in ("", words[0].upper(), words[0] + " ", words[0][:-1], 0, True, None, 1.0, words):
        message = refusal({name: value})
        assert message == f"{name} = {value!r}: permitted: {', '.join(words)}"


@pytest.mark.parametrize("value", [["waist"], {}], ids=repr)
def test_a_choice_that_json_can_say_but_that_is_no_word_is_refused(value):
    refusal({"placement": value})


def test_every_placement_has_its_defaults_and_a_scorecard():
    assert set(PLACEMENTS) == set(CARDS) == {word for row in CHOICES if row[0] == "placement" for word in row[3]}


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_placement_changes_its_own_defaults_and_no_other(placement):
    expected = {**Settings().as_dict(), "placement": placement, **PLACEMENTS[placement]}
    assert Settings({"placement": placement}).as_dict() == expected


@pytest.mark.parametrize("placement", ["pocket", "wrist"])
def test_a_wrist_and_a_thigh_lean_as_they_like_unless_told_otherwise(placement):
    assert not Settings({"placement": placement}).verticality_enabled
    assert Settings({"placement": placement, "verticality_enabled": True}).verticality_enabled
    assert Settings({"placement": "waist"}).verticality_enabled


def test_a_contradiction_with_what_the_placement_brings_is_refused():
    message = refusal({"placement": "wrist", "verticality_needs_immobility": True})
    assert "verticality_needs_immobility = true" in message
    Settings({"placement": "wrist", "verticality_needs_immobility": True, "verticality_enabled": True})


@pytest.mark.parametrize("profile", CAPPED_PROFILES)
def test_the_caps_of_a_profile_hold_for_every_placement(profile):
    for placement in PLACEMENTS:
        base = {"profile": profile, "placement": placement, "verticality_enabled": True}
        above = {**base, "verticality_delay_ms": 60000, "pre_alarm_ms": 45000, "immobility_enabled": False}
        assert "permits at most" in refusal(above)


def test_an_unknown_name_is_refused():
    assert "pre_alarm_s" in refusal({"pre_alarm_s": 15})


@pytest.mark.parametrize("profile", ["din", "", 3, False, None], ids=repr)
def test_an_unknown_profile_is_refused(profile):
    message = refusal({"profile": profile})
    assert message.startswith(f"profile = {profile!r}")
    for known in PROFILES:
        assert known[0] in message


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"worn_up_axis": 0}, ["worn_up_axis = 0", "-3"]),
        (
            {"verticality_return_deg": 20, "verticality_threshold_deg": 20},
            ["verticality_return_deg = 20", "verticality_threshold_deg = 20"],
        ),
        (
            {"verticality_return_deg": 30, "verticality_threshold_deg": 20},
            ["verticality_return_deg = 30", "verticality_threshold_deg = 20"],
        ),
        (
            {"verticality_needs_immobility": True, "verticality_enabled": False},
            ["verticality_needs_immobility = true", "verticality_enabled = false", "permitted"],
        ),
    ],
)
def test_contradictions_are_refused(values, named):
    message = refusal(values)
    for part in named:
        assert part in message


def test_values_that_just_do_not_contradict_are_accepted():
    Settings({"verticality_return_deg": 19, "verticality_threshold_deg": 20})
    Settings({"verticality_needs_immobility": True, "immobility_enabled": False})


@pytest.mark.parametrize("profile", CAPPED_PROFILES)
@pytest.mark.parametrize(("values", "name", "permitted"), DIN_LIMITS)
def test_a_published_limit_passes_and_one_above_it_is_refused(profile, values, name, permitted):
    base = {"profile": profile, **ALL_ON, "immobility_delay_ms": 20000, **values}
    if profile == "critical" and name == "sos_hold_ms":
        base["sos_hold_ms"] = permitted = 2000  # its own, tighter limit
    assert Settings(base).profile == profile
    above = {**base, name: base[name] + 1}
    if above[name] > {row[0]: row[4] for row in TUNABLES}[name]:
        assert name in refusal(above)  # beyond the table's own range already
        return
    message = refusal(above)
    total = permitted + 1
    assert name in message
    assert re.search(rf"\b{total}\b", message)
    assert re.search(rf"\b{permitted}\b", message)
    assert any(known in message for known in CAPPED_PROFILES)


def test_every_cap_of_the_profiles_is_tested_above():
    caps = [(names, highest) for profile in PROFILES for names, highest in profile[3]]
    tested = [permitted for _, _, permitted in DIN_LIMITS]
    assert sorted(highest for _, highest in caps if highest != 2000) == sorted(
        permitted for number, permitted in enumerate(tested) if number not in (3, 5)
    )


@pytest.mark.parametrize(
    ("switch", "values"),
    [
        (
            "verticality_enabled",
            {"verticality_delay_ms": 60000, "pre_alarm_ms": 45000, "immobility_enabled": False},
        ),
        ("immobility_enabled", {"immobility_delay_ms": 1800000}),
        ("flight_enabled", {"flight_delay_ms": 60000}),
        ("dead_man_enabled", {"dead_man_interval_ms": 3600000}),
    ],
)
@pytest.mark.parametrize("profile", CAPPED_PROFILES)
def test_a_cap_binds_only_a_detector_that_is_on(profile, switch, values):
    base = {"profile": profile, **values}
    Settings({**base, switch: False})
    assert "permits at most" in refusal({**base, switch: True})
    Settings({**base, switch: True, "profile": "default"})


def test_critical_has_its_own_default_within_its_own_cap():
    assert Settings({"profile": "critical"}).sos_hold_ms == 1000
    assert Settings({"profile": "din-0825-11"}).sos_hold_ms == Settings().sos_hold_ms
    message = refusal({"profile": "critical", "sos_hold_ms": 2001})
    assert message == "sos_hold_ms = 2001 ms: profile critical permits at most 2000 ms"


@pytest.mark.parametrize("profile", [profile[0] for profile in PROFILES])
def test_as_dict_makes_the_same_settings_again(profile):
    made = Settings({"profile": profile, "rate_hz": 100, "recovery_cancels": True, "pre_alarm_ms": 20000})
    again = Settings(made.as_dict())
    assert again.as_dict() == made.as_dict()
    assert list(made.as_dict()) == ["profile"] + [row[0] for row in TUNABLES]


def test_the_callers_dict_is_left_alone():
    values = {"profile": "critical", "rate_hz": 25}
    Settings(values)
    assert values == {"profile": "critical", "rate_hz": 25}

"""What people read: that nothing is missing, that it fits, and that a telephone can show it."""

from __future__ import annotations

import pytest
from dati import supervision, texts
from dati.clock import seconds
from dati.events import CAUSES, FALL, IMMOBILITY, VOLUNTARY
from dati.plan import Plan
from hypothesis import given, settings
from hypothesis import strategies as st

# The default alphabet of 3GPP TS 23.038, written out here a second time; the second row costs two each.
GSM_7 = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
LANGUAGES = ("fr", "en")


def plan(language="fr", worker="Jean Dupont", device="D42"):
    return Plan({"worker": worker, "device": device, "language": language})


def typical():
    facts = texts.Facts()
    facts.causes = FALL
    facts.utc_s = seconds(2026, 11, 22, 14, 32, 5)
    facts.has_position = facts.fresh = True
    facts.lat_e7, facts.lon_e7, facts.age_s, facts.error_m = 488566123, 23522100, 12, 25
    facts.battery_percent, facts.signal_dbm = 78, -85
    return facts


def worst():
    facts = typical()
    facts.test = True
    facts.causes = 0x7F
    facts.fresh = False
    facts.lat_e7, facts.lon_e7, facts.age_s, facts.error_m = -891234567, -1791234567, 1 << 29, 999999
    facts.battery_percent, facts.signal_dbm = 100, -113
    return facts


def everything(of, facts):
    """Every text there is."""
    yield texts.alarm(of, facts, "4821", True)
    yield texts.update(of, facts)
    yield texts.note(of, facts)
    yield texts.acknowledged(of, facts, "Jérôme-Gaël François"[:20])
    yield texts.acknowledged(of, facts, "centre")
    yield texts.cancelled(of, facts)
    yield texts.ended(of, facts)
    yield texts.status(of, facts, True, True)
    for fault, _ in supervision.FAULTS:
        for began in (True, False):
            yield texts.technical(of, fault, began, facts.utc_s)


def test_the_alarm_tells_who_what_when_where_and_how_to_confirm():
    assert texts.alarm(plan(), typical(), "4821", True) == (
        "ALARME Jean Dupont D42: chute. 22/11 14:32 UTC. Position 48.85661,2.35221 à 25 m, il y a 12 s. "
        "Bat. 78%, signal 2/5. Répondez 4821 ou touche 5"
    )
    assert texts.alarm(plan("en"), typical(), "4821") == (
        "ALARM Jean Dupont D42: fall. 22/11 14:32 UTC. Position 48.85661,2.35221 +-25 m, 12 s ago. "
        "Battery 78%, signal 2/5. Reply 4821"
    )


def test_a_place_that_is_not_of_now_says_so():
    facts = typical()
    facts.fresh = False
    facts.age_s = 12 * 60 + 30
    assert "Dernière position connue 48.85661,2.35221 à 25 m, il y a 12 min" in texts.alarm(plan(), facts, "1")
    assert "Last known position 48.85661,2.35221 +-25 m, 12 min ago" in texts.alarm(plan("en"), facts, "1")
    facts.age_s = 3 * 3600 + 59
    assert "il y a 3 h" in texts.update(plan(), facts)
    facts.age_s = -1
    assert "heure inconnue" in texts.update(plan(), facts)
    facts.has_position = False
    assert "Position inconnue" in texts.update(plan(), facts)
    assert "48" not in texts.update(plan(), facts)


def test_what_is_not_known_is_left_out_or_said():
    facts = texts.Facts()
    facts.causes = VOLUNTARY
    assert texts.alarm(plan(), facts, "99") == (
        "ALARME Jean Dupont D42: SOS. heure inconnue. Position inconnue. Répondez 99"
    )


def test_a_test_says_so_first():
    facts = typical()
    facts.test = True
    for text in (texts.alarm(plan(), facts, "1"), texts.update(plan(), facts), texts.ended(plan(), facts)):
        assert text.startswith("TEST ")
    facts.causes = 0
    assert texts.alarm(plan(), facts, "1").startswith("TEST ALARME Jean Dupont D42: essai.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cause_has_its_words_and_the_most_urgent_is_named_first(language):
    named = [texts.causes(plan(language), cause) for cause, _ in CAUSES]
    assert len(set(named)) == len(CAUSES)
    both = texts.causes(plan(language), IMMOBILITY | FALL)
    assert both == f"{named[2]} + {named[5]}"
    assert texts.causes(plan(language), 0xFF).startswith(f"{named[0]} + {named[1]} + {named[2]} + 5 ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_has_its_words(language):
    said = {texts.technical(plan(language), fault, True, -1) for fault, _ in supervision.FAULTS}
    assert len(said) == len(supervision.FAULTS)
    assert not [text for text in said if any(letter.isdigit() for letter in text.replace("D42", ""))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_typical_alarm_fits_one_sms_and_the_longest_two(language):
    facts = typical()
    facts.fresh = False
    facts.age_s = 720
    assert len(texts.alarm(plan(language), typical(), "4821", True)) <= 160
    assert len(texts.alarm(plan(language), facts, "4821", True)) <= 160
    for of in (plan(language), plan(language, "W" * 30, "D" * 12), plan(language, "œ" * 30, "D" * 12)):
        for text in everything(of, worst()):
            assert len(text) <= 306
    for text in list(everything(plan(language), typical()))[3:]:
        assert len(text) <= 160


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("facts", [typical(), worst(), texts.Facts()], ids=["typical", "worst", "nothing"])
def test_no_letter_makes_it_a_message_of_70_characters(language, facts):
    of = plan(language, "Jérôme-Gaël çâêîôûëïœ’À"[:30])
    for text in everything(of, facts):
        assert not [letter for letter in text if letter not in GSM_7], text


def test_a_name_that_no_latin_letter_writes_stays_as_it_is():
    assert "Владимир" in texts.alarm(plan(worker="Владимир"), typical(), "1")


@pytest.mark.parametrize(
    ("e7", "text"),
    [
        (0, "0.00000"),
        (4567, "0.00046"),
        (-4567, "-0.00046"),
        (-49, "0.00000"),
        (-50, "-0.00001"),
        (-9999999, "-1.00000"),
        (-9999900, "-0.99999"),
        (488566123, "48.85661"),
        (-1800000000, "-180.00000"),
    ],
)
def test_degrees_have_five_decimals_and_the_right_sign(e7, text):
    assert texts.degrees(e7) == text


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(-1800000000, 1800000000))
def test_degrees_are_right_to_half_a_digit(e7):
    text = texts.degrees(e7)
    assert abs(round(float(text) * 10**7) - e7) <= 50
    assert len(text.split(".")[1]) == 5


def test_a_status_and_a_fault_never_tell_the_place():
    for text in (texts.status(plan(), typical(), True, True), texts.technical(plan(), supervision.BATTERY, True, -1)):
        assert "48.8" not in text
        assert "osition" not in text


def test_the_signal_is_told_in_fifths():
    facts = typical()
    for dbm, fifths in ((-113, 0), (-102, 0), (-101, 1), (-53, 5), (-51, 5)):
        facts.signal_dbm = dbm
        assert f"signal {fifths}/5" in texts.update(plan(), facts)

"""The bundled recordings: one short scene for each thing the device must do, and for each it must not do.

Every scene is its own claim. `must` names the causes that have to reach a pre-alarm or an alarm, `must_not`
those that may not, and `ends` the state of the alarm at the last sample (quiet, pre_alarm, alarm or
acknowledged). A cause in neither is left open: it depends on how a detector weighs the case.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from datasets.synthetic import Wearer
from simulator.trace import Input, Recording

CAUSES = ("voluntary", "tear_off", "fall", "flight", "verticality", "immobility", "dead_man", "technical")


@dataclass(frozen=True)
class Scene:
    """A story, the motion that tells it, what the device is set to, and what is claimed of it."""

    name: str  # also the recording's id, and the seed of its motion
    story: str
    claim: str
    motion: Callable[[Wearer], Wearer]
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    ends: str = "quiet"
    settings: Mapping[str, object] = field(default_factory=dict)  # over the device's defaults
    rate_hz: int = 50
    kind: str = "adl"
    mount: tuple[str, float] = ("forward", 0.0)

    @property
    def must_not(self) -> tuple[str, ...]:
        """The causes that may reach neither a pre-alarm nor an alarm."""
        return tuple(cause for cause in CAUSES if cause not in self.must + self.may)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What is done to the device, in order."""
        return self.recording().inputs

    def recording(self) -> Recording:
        """The recording, always the same for the same scene."""
        wearer = self.motion(Wearer(zlib.crc32(self.name.encode()), self.mount))
        recording = wearer.recording(
            self.name,
            rate_hz=self.rate_hz,
            dataset="bundled",
            kind=self.kind,
            words=self.story,
            notes=self.claim,
            settings=dict(self.settings) | ({"rate_hz": self.rate_hz} if self.rate_hz != 50 else {}),
        )
        # A device on a crooked belt does not know so: until zeroed it goes by its default axis.
        return replace(recording, up=(0, 1000, 0))


def _lie_down_and_up(wearer: Wearer) -> Wearer:
    return wearer.work_standing(12).lie_down().lie(27).get_up().work_standing(20)


def _crooked(wearer: Wearer) -> Wearer:
    return wearer.lean(25).work_leaning(40).lean(0).walk(5)


SCENES = (
    # --- loss of verticality ---
    Scene(
        "lying-down-to-inspect",
        "A worker lies down with care to look under a machine, and stays longer than the delay.",
        "Verticality is lost for 20 s: pre-alarm, and, not cancelled, alarm. Not a fall: there is no impact.",
        lambda w: w.work_standing(12).lie_down().lie(42),
        must=("verticality",),
        ends="alarm",
    ),
    Scene(
        "bending-crouching-tying-shoes",
        "A worker bends, crouches and ties both shoes.",
        "No alarm: each lean is shorter than the delay.",
        lambda w: w.walk(8, 1.6).stand(3).bend(75, 6).stand(4).crouch(8).tie_shoes().bend(85, 4).stand(6),
    ),
    Scene(
        "bending-in-mid-walk",
        "A worker walks briskly, stops short and bends down at once to pick something up, twice.",
        "No alarm: a heel strike of 2 g and a bend after it are not a fall.",
        lambda w: w.walk(8, 1.95).bend(75, 5).stand(4).walk(10, 1.95).bend(80, 4).walk(10, 1.95),
    ),
    Scene(
        "working-low-with-breaks",
        "A worker bends low for some seconds, straightens up, bends again, for more than a minute.",
        "No alarm: the worker is upright for longer than the return time between any two bends.",
        lambda w: w.bend(58, 6).stand(3).bend(60, 7).stand(3).bend(55, 6).stand(3).bend(62, 8),
    ),
    Scene(
        "slumped-over-a-rail",
        "A worker hangs over a rail, the trunk swaying across the threshold with the movements of the arms.",
        "Verticality is lost: a wobble at the threshold must not start the delay anew each time.",
        lambda w: w.walk(6).lean(48).sway(48, 8, 45),
        must=("verticality",),
        ends="alarm",
    ),
    # --- immobility ---
    Scene(
        "unconscious-in-a-harness",
        "A worker falls into the harness and hangs in it, nearly upright, motionless.",
        "Immobility after 30 s. Upright is not safe: verticality says nothing here.",
        lambda w: w.work_standing(10).harness_fall(hang_deg=22).unconscious(58),
        must=("immobility",),
        may=("fall",),
        ends="alarm",
        settings={"immobility_delay_ms": 30000},
        kind="fall",
    ),
    Scene(
        "unconscious-on-a-chair",
        "A worker at a desk sinks back in the chair and does not move any more.",
        "Immobility after the default 60 s: breathing is not motion.",
        lambda w: w.stand(3).sit().work_seated(25).lean(24, "backward", 2.5).unconscious(85),
        must=("immobility",),
        ends="alarm",
        kind="still",
    ),
    Scene(
        "quiet-work-on-a-chair",
        "A worker reads and writes, shifting on the chair now and then.",
        "No alarm at the default 60 s: a shift of the body every 8 to 20 s is life.",
        lambda w: w.stand(2).sit().work_seated(130).get_up().stand(2),
        kind="work",
    ),
    Scene(
        "walking-a-beat",
        "A worker walks a long corridor steadily for more than a minute and a half.",
        "No alarm at the default 60 s: steps are as steady as a machine, and yet life.",
        lambda w: w.stand(2).walk(100, 1.6),
    ),
    Scene(
        "unconscious-on-a-running-belt",
        "A worker falls on a conveyor belt and lies there unconscious, shaken by it.",
        "A fall, and immobility after 30 s: steady vibration is the machine's motion, not the worker's.",
        lambda w: w.walk(8).vibrate(12.5, 60).side_fall().unconscious(60),
        must=("fall", "immobility"),
        ends="alarm",
        settings={"immobility_delay_ms": 30000, "verticality_enabled": False},
        kind="fall",
    ),
    Scene(
        "driving",
        "A worker drives a van through a town for two minutes: road, engine, junctions, hands on the wheel.",
        "No alarm.",
        lambda w: w.walk(6).sit().drive(120).get_up().walk(6),
        kind="work",
    ),
    Scene(
        "working-at-a-vibrating-machine",
        "A worker stands at a machine whose vibration reaches the belt.",
        "No alarm: beneath the vibration the worker moves.",
        lambda w: w.walk(6).vibrate(25, 120).work_standing(80).vibrate(0, 0).walk(6),
        settings={"immobility_delay_ms": 30000},
        kind="work",
    ),
    # --- falls ---
    Scene(
        "tripping-and-falling",
        "A worker trips while walking, falls on the face and stays down.",
        "A fall: pre-alarm some seconds after the impact, then alarm; verticality may join.",
        lambda w: w.walk(12).trip_fall().lie(40),
        must=("fall",),
        may=("verticality",),
        ends="alarm",
        kind="fall",
    ),
    Scene(
        "slipping-and-falling",
        "A worker slips on a wet floor, falls on the back and stays down, hurt.",
        "A fall, at 100 Hz as at 50.",
        lambda w: w.walk(12, 1.95).slip_fall().lie(40),
        must=("fall",),
        may=("verticality",),
        ends="alarm",
        rate_hz=100,
        kind="fall",
    ),
    Scene(
        "fainting-at-work",
        "A worker faints while standing: the knees give way, then the body topples.",
        "A fall, even at 25 Hz.",
        lambda w: w.work_standing(12).faint().unconscious(40),
        must=("fall",),
        may=("verticality",),
        ends="alarm",
        rate_hz=25,
        kind="fall",
    ),
    Scene(
        "falling-from-a-chair",
        "A worker faints on a chair and topples to the floor.",
        "A fall, though from a small height.",
        lambda w: w.stand(2).sit().work_seated(15).slump().unconscious(40),
        must=("fall",),
        may=("verticality",),
        ends="alarm",
        kind="fall",
    ),
    Scene(
        "sinking-from-a-chair",
        "A worker grows faint and sinks to the floor along the desk, with no impact.",
        "Verticality is lost; no fall is claimed, for there is nothing to hear of one.",
        lambda w: w.stand(2).sit().work_seated(15).slump(slow=True, toward="left").unconscious(44),
        must=("verticality",),
        ends="alarm",
        kind="fall",
    ),
    Scene(
        "caught-by-a-waist-belt",
        "A worker falls from a height, is caught by a waist belt, and hangs doubled over it.",
        "A fall, at 200 Hz: free fall, arrest, and a posture that is not what it was.",
        lambda w: w.work_standing(10).harness_fall(hang_deg=70).unconscious(24),
        must=("fall",),
        may=("verticality",),
        ends="alarm",
        rate_hz=200,
        kind="fall",
    ),
    Scene(
        "stumbling",
        "A worker stumbles twice, and is saved by some hard steps.",
        "No alarm: impacts of a fall's size, but the worker stays upright.",
        lambda w: w.walk(12, 1.7).stumble().walk(14, 1.7).stumble().walk(14, 1.6),
    ),
    Scene(
        "jumping-down",
        "A worker climbs stairs and jumps from a truck's bed, three times.",
        "No alarm: a jump is free fall and impact, but the worker stays upright.",
        lambda w: w.stairs(8).jump_down(0.4).walk(6).stairs(6).jump_down(0.5).walk(6).jump_down(0.3).walk(8),
    ),
    Scene(
        "dropping-onto-a-chair",
        "A tired worker drops onto a chair, gets up, and drops onto it again.",
        "No alarm.",
        lambda w: w.walk(8).sit(hard=True).work_seated(15).get_up().walk(6).sit(hard=True).work_seated(15),
    ),
    Scene(
        "device-dropped-and-snatched-up",
        "The device slips from the hand while it is clipped on, and is picked up at once.",
        "No alarm: two seconds after the shock the device hangs as before.",
        lambda w: w.walk(8).stand(4).drop().untouched(0.2).pick_up().stand(5).walk(20),
    ),
    Scene(
        "device-dropped-and-left",
        "The device falls off the belt unnoticed.",
        "Verticality: a device that lies on the floor protects nobody, and says so.",
        lambda w: w.walk(12).drop().untouched(50),
        must=("verticality",),
        may=("fall",),
        ends="alarm",
        kind="still",
    ),
    Scene(
        "device-put-on-a-table",
        "A worker takes the device off and puts it on a table.",
        "Verticality, and immobility after 30 s: a device not worn protects nobody.",
        lambda w: w.walk(8).stand(3).take_off().untouched(60),
        must=("verticality", "immobility"),
        ends="alarm",
        settings={"immobility_delay_ms": 30000},
        kind="still",
    ),
    # --- verticality only while motionless ---
    Scene(
        "lying-still-when-both-are-needed",
        "A worker falls, and lies unconscious; the device wants verticality lost and no motion.",
        "Verticality: both hold.",
        lambda w: w.walk(10).side_fall("right").unconscious(48),
        must=("verticality",),
        ends="alarm",
        settings={"verticality_needs_immobility": True, "immobility_enabled": False, "fall_enabled": False},
        kind="fall",
    ),
    Scene(
        "mechanic-on-the-back",
        "A mechanic works on the back under a car; the device wants verticality lost and no motion.",
        "No alarm: the worker lies, but works.",
        lambda w: w.walk(6).lie_down().work_lying(80).get_up().walk(6),
        settings={"verticality_needs_immobility": True, "immobility_delay_ms": 30000},
        kind="work",
    ),
    # --- the worker's own alarms ---
    Scene(
        "sos-held",
        "A threatened worker holds the SOS button down for two and a half seconds.",
        "A voluntary alarm at once, without pre-alarm.",
        lambda w: w.walk(20).does("sos_down").does("sos_up", in_s=2.5).stand(20),
        must=("voluntary",),
        ends="alarm",
    ),
    Scene(
        "sos-brushed",
        "The SOS button is brushed by a tool, twice.",
        "No alarm: neither press is as long as the hold time.",
        lambda w: w.walk(15).does("sos_down").does("sos_up", in_s=0.4).walk(15)
        .does("sos_down").does("sos_up", in_s=1.2).walk(12),
    ),
    Scene(
        "device-torn-off",
        "An attacker pulls the device off the belt: its cord comes out.",
        "A tear-off alarm at once.",
        lambda w: w.walk(20).does("tear_off").take_off().untouched(15),
        must=("tear_off",),
        ends="alarm",
    ),
    Scene(
        "cord-contact-bouncing",
        "The contact of the tear-off cord bounces as the worker climbs stairs.",
        "No alarm: no gap is as long as the delay.",
        lambda w: w.stairs(10).does("tear_off").does("tear_off_restored", in_s=0.1).stairs(10)
        .does("tear_off").does("tear_off_restored", in_s=0.16).does("tear_off", in_s=0.2)
        .does("tear_off_restored", in_s=0.3).stairs(20),
    ),
    # --- the alarm's own path ---
    Scene(
        "cancelled-by-the-worker",
        "A worker lies down to look under a machine, hears the pre-alarm, cancels it and gets up.",
        "Pre-alarm for verticality, cancelled by the worker; no alarm.",
        lambda w: w.work_standing(12).lie_down().does("cancel", in_s=26).lie(29).get_up().work_standing(15),
        must=("verticality",),
    ),
    Scene(
        "getting-up-cancels",
        "A worker gets up during the pre-alarm; the device is set to let recovery cancel.",
        "Pre-alarm for verticality, cancelled by recovery; no alarm.",
        _lie_down_and_up,
        must=("verticality",),
        settings={"recovery_cancels": True},
    ),
    Scene(
        "getting-up-does-not-cancel",
        "A worker gets up during the pre-alarm, does not cancel it, and recovery is set not to.",
        "Pre-alarm for verticality, then the alarm.",
        _lie_down_and_up,
        must=("verticality",),
        ends="alarm",
    ),
    Scene(
        "second-cause-joins",
        "A worker falls, and, during the alarm for it, presses SOS.",
        "A fall alarm; the voluntary cause joins the same alarm.",
        lambda w: w.walk(10).slip_fall().lie(24).does("sos_down").does("sos_up", in_s=2).lie(15),
        must=("fall", "voluntary"),
        may=("verticality",),
        ends="alarm",
        kind="fall",
    ),
    Scene(
        "alarm-acknowledged-and-cleared",
        "An SOS: the centre clears too early, acknowledges; the worker may not clear, the supervisor does.",
        "Clear is refused before the acknowledgement, and to the worker; the supervisor's ends the alarm.",
        lambda w: w.walk(10).does("sos_down").does("sos_up", in_s=2).does("clear", 1, in_s=6)
        .does("acknowledge", in_s=12).does("clear", 0, in_s=18).does("clear", 2, in_s=25).stand(14).walk(20),
        must=("voluntary",),
    ),
    Scene(
        "dead-man-not-answered",
        "A worker at ease forgets to answer the dead-man check.",
        "Pre-alarm for it after 30 s, then alarm.",
        lambda w: w.walk(10).work_standing(45),
        must=("dead_man",),
        ends="alarm",
        settings={"dead_man_enabled": True, "dead_man_interval_ms": 30000, "dead_man_pre_alarm_ms": 15000},
    ),
    Scene(
        "dead-man-answered",
        "A worker answers the dead-man check in time, three times.",
        "No alarm, nor a pre-alarm.",
        lambda w: w.does("cancel", in_s=22).does("cancel", in_s=45).does("cancel", in_s=70).walk(10)
        .work_standing(75),
        settings={"dead_man_enabled": True, "dead_man_interval_ms": 30000},
    ),
    # --- flight ---
    Scene(
        "running-for-ones-life",
        "A worker runs away from an attacker; the device watches for flight.",
        "Flight: pre-alarm while running, then alarm.",
        lambda w: w.walk(12).run(20).walk(15),
        must=("flight",),
        ends="alarm",
        settings={"flight_enabled": True},
    ),
    Scene(
        "sprinting-while-watched",
        "A worker sprints across the yard in the rain; the device watches for flight.",
        "No alarm: a sprint of 5 s is over before the delay of 8 s.",
        lambda w: w.walk(10).run(5).walk(25),
        settings={"flight_enabled": True},
    ),
    Scene(
        "running-for-the-bus",
        "A worker runs to the bus after work; the device does not watch for flight.",
        "No alarm: running is not falling.",
        lambda w: w.walk(12).walk(20, 2.6).stand(4).stairs(3).sit().drive(25),
    ),
    # --- the sensor ---
    Scene(
        "some-samples-lost",
        "The sensor's FIFO overflows twice while a worker walks.",
        "No alarm: a gap of half a second is harmless.",
        lambda w: w.walk(15).does("lost", 25).walk(15).does("lost", 10).walk(15),
    ),
    Scene(
        "sensor-silent",
        "The sensor stops answering for 30 s; the limit is set to 20 s.",
        "A technical alarm: a blind device must say so.",
        lambda w: w.walk(20).does("lost", 1500).walk(25),
        must=("technical",),
        ends="alarm",
        settings={"technical_delay_ms": 20000},
    ),
    # --- worn crooked ---
    Scene(
        "crooked-and-zeroed",
        "A device sits 30 deg forward on the belt; it is zeroed, then the worker works bent by 25 deg.",
        "No alarm: lean counts from the zeroed vertical.",
        lambda w: _crooked(w.stand(6).does("zero").stand(2)),
        mount=("forward", 30),
        kind="work",
    ),
    Scene(
        "crooked-and-not-zeroed",
        "The same without zeroing.",
        "Verticality: 30 deg of belt and 25 deg of lean add up; this is what zeroing is for.",
        lambda w: _crooked(w.stand(8)),
        must=("verticality",),
        ends="alarm",
        mount=("forward", 30),
        kind="work",
    ),
)  # fmt: skip


def bundled_recordings() -> list[Recording]:
    """Every scene's recording, in the order of `SCENES`: dataset "bundled", id the scene's name."""
    return [scene.recording() for scene in SCENES]

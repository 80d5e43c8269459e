"""`dati sim` as a user meets it, and every bundled scenario: as its file demands, on either runtime, at any tick."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from datasets import scenarios
from host_tools import cli
from simulator import simulate
from simulator.engines import EngineUnavailableError
from simulator.engines.interpreters import MicroPythonEngine
from simulator.scenario import check
from simulator.simulate import Outcome

SHORT = "duty-refused-not-configured"  # a minute in which next to nothing happens
# Long or short, quiet or not: what is cheap enough to run thrice.
SEVERAL = ("sos-to-the-centre", "fall-confirmed-by-sms", "duty-begins", "power-cut-in-an-alarm", "sos-encrypted")
ON_BOTH = ("sos-encrypted", "fall-confirmed-by-sms", "duty-begins", "power-cut-while-writing", "watchdog-on-duty")
MINIMAL = 'title = "made"\nminutes = 1\nmust = []\n'


def run(name: str, **options) -> Outcome:
    scenario = scenarios.find(name)
    return simulate.run(scenario, scenarios.motion(scenario), folder=scenarios.FOLDER, **options)


@pytest.fixture
def dati(monkeypatch, capsys):
    """Run the command in this process: status, standard output, standard error."""

    def command(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dati", "sim", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        text = capsys.readouterr()
        return left.value.code or 0, text.out, text.err

    return command


@pytest.fixture
def mistake(dati):
    """Run the command on a mistake: one line on standard error, status 2. The line is given back."""

    def command(*arguments) -> str:
        status, out, err = dati(*arguments)
        assert (status, out) == (2, ""), err
        assert err.startswith("dati: ") and err.count("\n") == 1 and err.endswith("\n")
        return err

    return command


@pytest.fixture
def made(tmp_path):
    """A scenario's file: MINIMAL with more below it, or another text."""

    def write(more: str = "", text: str = "") -> Path:
        path = tmp_path / "made.toml"
        path.write_text(text or MINIMAL + more)
        return path

    return write


# --- scenarios ---


@pytest.mark.parametrize("name", scenarios.names())
def test_it_ends_as_its_file_demands(name):
    outcome = run(name)
    assert outcome.failures == []
    assert not [entry for entry in outcome.entries if entry.what == "console"]


def test_every_scenario_demands_something_and_says_what_happens():
    for name in scenarios.names():
        scenario = scenarios.find(name)
        assert scenario.must, name
        assert scenario.title and "\n" not in scenario.title


@pytest.mark.parametrize("name", ON_BOTH)
def test_both_runtimes_live_through_the_same(name):
    micropython()
    one, other = run(name), run(name, runtime="micropython")
    assert other.lines() == one.lines()
    assert other.files == one.files


def micropython() -> None:
    try:
        MicroPythonEngine()
    except EngineUnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", SEVERAL)
def test_ticks_that_wrap_change_nothing(name):
    plain = run(name)
    # The wrap comes with the alarm, a tick before or after anything else.
    alarm_ms = next((entry.t_ms for entry in plain.entries if entry.what in ("alarm", "test_alarm")), 30_000)
    for early_ms in (alarm_ms, alarm_ms + 1000, 1):
        assert run(name, start_ticks_ms=2**30 - early_ms).lines() == plain.lines()


@pytest.mark.parametrize("name", SEVERAL)
def test_the_same_twice(name):
    one, other = run(name), run(name)
    assert (one.lines(), one.console, one.files, one.buzzer) == (
        other.lines(),
        other.console,
        other.files,
        other.buzzer,
    )


def test_durations_of_a_fall_and_of_a_button():
    [fall] = run("fall-confirmed-by-sms").durations
    assert fall.pre_alarm_s == pytest.approx(15, abs=0.1)
    assert fall.trigger_s > fall.pre_alarm_s and fall.reaction_s > fall.pre_alarm_s
    assert fall.transmission_s == pytest.approx(2)
    [sos] = run("sos-to-the-centre").durations
    assert sos.pre_alarm_s == 0
    assert sos.trigger_s <= 2  # held for 1 s; the frame is with the network within 2 s


def test_a_voicemail_is_no_arrival_and_a_confirmation_is():
    outcome = run("sms-lost-then-voicemail")
    [durations] = outcome.durations
    answered = [entry for entry in outcome.entries if entry.what == "call_answered"]
    assert [entry.text for entry in answered] == ["voicemail of Garde", "Astreinte"]
    assert durations.at_s + durations.reaction_s == pytest.approx(answered[1].t_ms / 1000)


def test_what_is_demanded_can_be_missed():
    values = {"title": "made", "minutes": 1, "motion": ["stand 10"], "start": "new"}
    values["must"] = [{"who": "device", "what": "started", "least": 2}, {"who": "centre", "what": "alarm", "by_s": 30}]
    values["never"] = [{"who": "device", "what": "alarm"}, {"who": "device", "what": "started"}]
    scenario = check("made", values)
    failures = simulate.run(scenario, scenarios.motion(scenario)).failures
    assert [failure.split(":")[0] for failure in failures] == ["must", "must", "never"]
    assert "seen 0.3 s" in failures[0] and "centre alarm by 30 s" in failures[1] and "0.3 s" in failures[2]


# --- the command ---


def test_the_list(dati):
    status, out, err = dati("--list")
    assert (status, err) == (0, "")
    names = scenarios.names()
    assert len(names) >= 30
    assert all(name in out for name in names)
    status, out, err = dati("--list", "--json")
    assert [entry["name"] for entry in json.loads(out)] == names


def test_one_scenario(dati):
    status, out, _ = dati("sos-encrypted")
    assert status == 0
    assert "Panic Alarm" in out and "trigger" in out and "reaction" in out


def test_one_as_json(dati):
    status, out, _ = dati("sos-encrypted", "--json")
    [seen] = json.loads(out)
    assert status == 0
    assert (seen["scenario"], seen["runtime"], seen["as_demanded"]) == ("sos-encrypted", "cpython", True)
    assert seen["durations"][0]["causes"] == "voluntary"
    times = [entry["t_s"] for entry in seen["timeline"]]
    assert times == sorted(times) and {"who", "what", "text"} < set(seen["timeline"][0])


def test_several_and_energy(dati):
    status, out, err = dati(SHORT, "sos-encrypted", "--energy")
    assert status == 0
    assert out.count("as demanded") == 2 and out.count("2 Ah last") == 2
    assert "2 scenarios, cpython: 0 not as demanded" in err


def test_a_picture_and_the_flash(dati, tmp_path):
    status, _, err = dati(SHORT, "--plot", tmp_path / "a.svg", "--flash", tmp_path / "flash")
    assert status == 0 and "a.svg" in err
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    assert (tmp_path / "flash/data/journal.0").stat().st_size > 0


def test_both_runtimes_at_once(dati):
    micropython()
    status, out, _ = dati(SHORT, "--runtime", "both")
    assert status == 0 and "NOT AS DEMANDED" not in out


def test_a_demand_that_is_not_met_is_status_1(dati, made):
    demand = '[[must]]\nwho = "centre"\nwhat = "alarm"\nby_s = 30\n'
    status, out, _ = dati(made(text='title = "made"\nminutes = 1\n' + demand))
    assert status == 1
    assert "NOT AS DEMANDED" in out and "must: centre alarm by 30 s: seen never" in " ".join(out.split())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("colour = 1", "colour: unknown; permitted: title, why"),
        ('[[at]]\ns = 61\npress = "sos"', "at.s = 61: permitted: 0 to 60, the end of the scenario"),
        ('[[at]]\ns = -1\npress = "sos"', "at.s = -1: permitted"),
        ('[[at]]\npress = "sos"', "each needs its time"),
        ("[[at]]\ns = 1", "nothing happens"),
        ('[[at]]\ns = 1\npress = "panic"', "at 1 s: press = 'panic': permitted: sos, cancel"),
        ('[[at]]\ns = 1\nfault = "bad luck"', "permitted: bus_stuck"),
        ('[[at]]\ns = 1\nsignal_dbm = "none"', "at 1 s: signal_dbm = 'none'"),
        ('[[never]]\nwho = "god"\nwhat = "alarm"', "who = 'god': permitted: worker, device"),
        ('[[never]]\nwho = "device"', "what is missing"),
        ('[[never]]\nwho = "device"\nwhat = "alarm"\ntext = "("', "no regular expression"),
        ('motion = ["moonwalk 10"]', "motion: 'moonwalk 10'"),
        ('motion = ["walk quickly"]', "motion: 'walk quickly'"),
        ('board = "arduino"', "board 'arduino' is unknown; there are t_a7670e"),
        ("seed = true", "seed = True"),
        ('start = "running"', "start = 'running': permitted: duty, off, new"),
        ("settings = {pre_alarm_ms = 99000}", "pre_alarm_ms = 99000: permitted: 0 to 45000 ms"),
        ("settings = {colour = 1}", "colour: unknown setting"),
        ('plan = {code = "1"}', "code"),
        ("centre = {colour = 1}", "centre: colour: unknown"),
        ("network = {colour = 1}", "network: colour: unknown"),
        ("sky = {colour = 1}", "sky: colour: unknown"),
        ('sky = {log = "gone.nmea"}', "gone.nmea"),
        ("sensor = {colour = 1}", "sensor"),
        ('contacts = [{number = "+33639980001", answers = "maybe"}]', "answers = 'maybe'"),
        ("x = [", "no TOML"),
    ],
)
def test_a_mistake_in_a_scenario_is_one_line(mistake, made, more, words):
    assert words in mistake(made(more + "\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("minutes = 1\nmust = []\n", "title is missing"),
        ('title = "made"\nmust = []\n', "minutes is missing"),
        ('title = "made"\nminutes = 1\n', "must is missing"),
        ('title = "made"\nminutes = 0\nmust = []\n', "minutes = 0: permitted: above 0"),
        ('title = "made"\nminutes = 99999\nmust = []\n', "minutes = 99999"),
        ('title = "made"\nminutes = inf\nmust = []\n', "minutes = inf"),
        ('title = "made"\nminutes = nan\nmust = []\n', "minutes = nan"),
    ],
)
def test_a_scenario_without_what_it_needs(mistake, made, text, words):
    assert words in mistake(made(text=text))


def test_other_mistakes_are_one_line(mistake, tmp_path):
    assert "name a scenario, or 'all'" in mistake()
    assert "scenario 'nowhere' is unknown; `dati sim --list`" in mistake("nowhere")
    assert "gone.toml" in mistake(tmp_path / "gone.toml")
    assert "name a file that ends in .png" in mistake(SHORT, "--plot", tmp_path / "a.txt")
    assert "one scenario" in mistake(SHORT, "sos-encrypted", "--plot", tmp_path / "a.png")
    assert str(tmp_path / "gone") in mistake(SHORT, "--plot", tmp_path / "gone/a.png")
    (tmp_path / "file").write_text("")
    assert "is no folder" in mistake(SHORT, "--flash", tmp_path / "file")
    mistake(SHORT, "--runtime", "pypy")
    mistake(SHORT, "--colour")


def test_a_missing_peer_is_one_line(mistake, monkeypatch):
    real = importlib.import_module

    def missing(name, package=None):
        if name.partition(".")[0] == "siadc09":
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert "siadc09: pip install" in mistake(SHORT)


def test_a_missing_interpreter_is_one_line(mistake, monkeypatch):
    def missing(self):
        raise EngineUnavailableError("not installed: pip install 'dati[micropython]'")

    monkeypatch.setattr(MicroPythonEngine, "__init__", missing)
    assert "runtime 'micropython': not installed: pip install" in mistake(SHORT, "--runtime", "micropython")
    assert "micropython" in mistake(SHORT, "--runtime", "both")

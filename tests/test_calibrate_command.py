"""`dati calibrate` as it is called: what it writes, keeps and refuses."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from calibration_work import people, resting, tiled
from dati import plan

from datasets.synthetic import Wearer
from host_tools import calibrating, cli, emergencies
from host_tools.posts import Sorter, sort
from host_tools.site_files import path_of
from simulator import calibration_grid as grid
from simulator.corpus import CorpusWriter
from simulator.errors import UserError
from simulator.trace import Recording

PLAN = {"device": "DATI-7", "worker": "Camille", "contacts": [{"name": "Garde", "number": "+33639980001"}]}
GENEROUS = ("--target", "60", "--jobs", "1")


@pytest.fixture
def dati(monkeypatch, capsys):
    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dati", "calibrate", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        text = capsys.readouterr()
        return left.value.code, text.out, text.err

    return run


@pytest.fixture
def small(monkeypatch):
    """Few options and few cases: any engine is fast enough."""
    monkeypatch.setattr(grid, "_MORE_DEG", (0,))
    monkeypatch.setattr(grid, "_VERTICALITY_DELAYS", (1,))
    monkeypatch.setattr(grid, "_IMMOBILITY_DELAYS", (1, 1.25, 1.5))
    monkeypatch.setattr(grid, "_SENSITIVITIES", (1,))
    monkeypatch.setattr(grid, "_POINTS", (0,))
    monkeypatch.setattr(emergencies, "SHAKEN", 0)
    monkeypatch.setattr(emergencies, "COLLAPSES", 4)
    monkeypatch.setattr(emergencies, "SYNTHETIC_FALLS", 4)
    monkeypatch.setattr("host_tools.tradeoff._BODY_SEEDS", 1)


@pytest.fixture(scope="module")
def rests(tmp_path_factory):
    """Seated work with rests, too long for the default, by two wearers."""
    path = tmp_path_factory.mktemp("work") / "rests.parquet"
    with CorpusWriter(path) as corpus:
        for one in people(resting, "sitting", hours=0.2, wearers=2):
            corpus.add(one)
    return path


def test_a_settings_file_that_the_device_accepts_and_where_it_comes_from(dati, small, rests, tmp_path):
    site, picture = tmp_path / "site.json", tmp_path / "curve.png"
    site.write_text(json.dumps({"format": 1, "settings": {"sos_hold_ms": 1000}, "plan": PLAN}))
    status, text, said = dati(rests, *GENEROUS, "-o", site, "--plot", picture)
    assert status == 0, text + said
    assert "recommended" in text and "held out by wearer" in text and "synthetic" in text
    written = json.loads(site.read_text())
    values, kept = plan.load(written)
    assert values.immobility_delay_ms in (75000, 90000) and values.sos_hold_ms == 1000
    assert written["plan"] == PLAN and kept.worker == "Camille"
    told = json.loads((tmp_path / "site.provenance.json").read_text())
    assert [len(one["sha256"]) for one in told["recordings"]] == [64, 64]
    assert sum(one["hours"] for one in told["recordings"]) == pytest.approx(told["calibration"]["hours"], abs=0.001)
    assert told["calibration"]["confidence"] == 0.9 and told["calibration"]["held_out"]["false_pre_alarms"] == 0
    assert told["calibration"]["before"]["false_pre_alarms"] > 10
    assert told["firmware"] and "commit" in told
    assert picture.stat().st_size > 10_000


def test_json_says_all_of_it(dati, small, rests):
    status, text, _ = dati(rests, *GENEROUS, "--json")
    (post,) = json.loads(text)["posts"]
    assert status == 0 and post["supported"] is True
    assert (post["post"], post["wearers"], post["folds"], post["held_out_by"]) == ("sitting", 2, 2, "wearer")
    assert post["after"]["false_per_shift_at_most"] <= 60
    assert post["curve"][0]["settings"]["immobility_delay_ms"] >= 75000


def test_ten_minutes_are_refused_and_nothing_is_written(dati, small, tmp_path):
    with CorpusWriter(tmp_path / "short.parquet") as corpus:
        work = tiled(resting(Wearer(1)), 0.3, id="short", subject="A", activity="sitting")
        corpus.add(replace(work, samples=work.samples[: 10 * 60 * 50]))
    site = tmp_path / "site.json"
    status, text, _ = dati(tmp_path / "short.parquet", "-o", site)
    assert status == 1
    assert "no recommendation" in text and "cannot show 1 false pre-alarms a shift" in text
    assert "record at least 18.3 hours more" in text
    assert "by cause                 immobility " in text  # what the settings as they are did is said all the same
    assert not site.exists()


def test_each_post_has_its_file_and_one_that_is_refused_has_none(dati, small, rests, tmp_path):
    site = tmp_path / "site.json"
    rules = ("--post", "office: subject=W1", "--post", "gate: subject=W2")
    status, text, _ = dati(rests, "--target", "200", "--jobs", "1", *rules, "-o", site)
    assert status == 0, text
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "site-gate.json",
        "site-gate.provenance.json",
        "site-office.json",
        "site-office.provenance.json",
    ]


def test_a_cap_of_the_profile_is_kept(dati, small, rests):
    status, text, _ = dati(rests, *GENEROUS, "--set", "profile=din-0825-11", "--set", "pre_alarm_ms=20000", "--json")
    (post,) = json.loads(text)["posts"]
    assert status == 1 and post["after"] is None
    assert "no setting tried" in post["reason"] and post["reference"]["settings"]["immobility_delay_ms"] == 60000


def test_falls_of_a_corpus_are_used(dati, small, rests, tmp_path):
    with CorpusWriter(tmp_path / "falls.parquet") as corpus:
        for seed in range(3):
            faller = Wearer(seed).walk(6).slip_fall().lie(8)
            corpus.add(faller.recording(f"fall {seed}", 50, kind="fall", subject=f"F{seed}"))
    status, text, said = dati(rests, *GENEROUS, "--corpus", tmp_path / "falls.parquet", "--json")
    (post,) = json.loads(text)["posts"]
    assert status == 0, said
    assert post["after"]["detection"]["falls"]["cases"] == 3


def test_an_interrupt_recommends_nothing(dati, small, rests, monkeypatch, tmp_path):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(calibrating, "gather", stopped)
    status, text, said = dati(rests, *GENEROUS, "-o", tmp_path / "site.json")
    assert (status, text) == (130, "") and "stopped" in said and not (tmp_path / "site.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--target", "none"), "false-per-shift=1"),
        (("--target", "false-per-week=1"), "half-day"),
        (("--target", "0"), "above 0"),
        (("--confidence", "100"), "below 100"),
        (("--confidence", "20"), "50 to below"),
        (("--floor", "0"), "--floor"),
        (("--hold-out", "nobody"), "wearer, time"),
        (("--by", "colour"), "activity, subject, placement"),
        (("--post", "!"), "sitting, standing"),
        (("--post", "office: colour=red"), "key=value"),
        (("--plot", "curve.txt"), ".png"),
        (("-o", "site.txt"), ".json"),
        (("-o", "nowhere/site.json"), "no folder"),
        (("--set", "immobility_delay_ms=1"), "10000 to 1800000"),
        (("--set", "profile=iso"), "profile"),
        (("--select", "subject=nobody"), "takes none"),
        (("--corpus", "nowhere.parquet", "--target", "60"), "nowhere.parquet"),
    ],
)
def test_a_mistake_is_one_line(dati, small, rests, arguments, words):
    status, text, said = dati(rests, "-e", "python", *arguments)
    assert (status, text) == (2, "")
    assert words in said and said.count("\n") == 1


def test_a_site_file_that_is_none_is_refused_and_stays(dati, small, rests, tmp_path):
    site = tmp_path / "site.json"
    for content, words in (
        ("{", "not JSON"),
        ('{"settings": {}}', "no settings file"),
        ('{"format": 9}', "another version"),
        ('{"format": 1, "settings": {"sos": 1}}', "unknown setting"),
    ):
        site.write_text(content)
        status, _, said = dati(rests, *GENEROUS, "-o", site)
        assert status == 2 and words in said and said.count("\n") == 1
        assert site.read_text() == content


def test_a_corpus_without_falls_is_refused(dati, small, rests):
    status, text, said = dati(rests, *GENEROUS, "--corpus", rests)
    assert (status, text) == (2, "") and "holds no falls" in said


# --- targets and posts ---


@pytest.mark.parametrize(
    ("text", "per_shift"),
    [("1", 1), ("false-per-shift=2.5", 2.5), ("false-per-half-day=10", 20), ("false-per-hour=1", 8)],
)
def test_targets_are_per_shift(text, per_shift):
    assert calibrating.target(text) == per_shift


def recording(words, kind="work", placement="waist", subject="A"):
    samples = np.tile(np.array([[0, 1000, 0]], np.int16), (100, 1))
    return Recording(words, "test", samples, 50, 4000, kind, subject=subject, activity=words, placement=placement)


def test_posts_are_told_by_words_rules_or_a_column():
    works = [
        recording(words) for words in ("seated tasks", "packing", "assis au bureau", "lying on a creeper", "patrol")
    ]
    names = [Sorter([]).name(one) for one in works]
    assert names == ["sitting", "standing", "sitting", "lying", "mobile"]
    assert Sorter(["store: activity=pack*"]).name(works[1]) == "store"
    assert Sorter(["store: activity=pack*", "all"]).name(works[0]) == "all"
    assert Sorter([], "activity").name(works[4]) == "patrol"


def test_only_ordinary_work_tells_of_a_post_and_placements_are_apart():
    others = [recording("fall", "fall"), recording("still", "still"), recording("ride", "unknown", "vehicle floor")]
    posts = sort([*others, recording("packing"), recording("packing", placement="left wrist")], Sorter([]), {})
    assert [post.name for post in posts.values()] == ["standing, waist", "standing, wrist"]
    assert [placement for _, placement in posts] == ["waist", "wrist"]
    assert sort([recording("lying")], Sorter([]), {})["lying", "waist"].lying
    with pytest.raises(UserError, match="no recordings of ordinary work"):
        sort(others, Sorter([]), {})


def test_a_name_of_a_post_makes_a_name_of_a_file(tmp_path):
    assert path_of(tmp_path / "site.json", "standing, left wrist", False) == tmp_path / "site-standing-left-wrist.json"
    assert path_of(tmp_path / "site.json", "sitting", True) == tmp_path / "site.json"

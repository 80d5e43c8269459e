"""datasets/results.json and the page made of it: our figures beside a plain rule's and the published ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from datasets import sources
from simulator.engines.base import FIRMWARE, replayed
from simulator.errors import UserError
from simulator.replay import REACTION_MS

DATA = Path(sources.__file__).parent / "results.json"
PAGE = DATA.with_name("RESULTS.md")

Row = Mapping[str, Any]

# Source; recordings and protocol; result. Se is sensitivity, Sp specificity, FA a false alarm. Each as its source
# gives it: data, placement and counting differ, so none is a like for like.
PUBLISHED = (
    (
        "Sucerquia 2017, Sensors 17:198 (PMC5298771), supplement S1",
        "SisFall, per file, 10-fold with all subjects mixed, threshold on one feature",
        "balanced accuracy 96.15 ± 0.75 % (C8), 95.01 ± 1.18 % (C2)",
    ),
    (
        "Sucerquia 2018, Sensors 18:1101 (PubMed 29621156)",
        "SisFall, 25 Hz, Kalman filter and periodicity, embedded",
        "accuracy 99.4 %",
    ),
    (
        "PMC6603555 (Sensors 2019)",
        "embedded state machine, accelerometer, waist, 50 Hz, 272 simulated falls, continuous",
        "89.5 % found, 0 FA",
    ),
    (
        "Yu 2021, Front. Aging Neurosci. 13:692865",
        "KFall, low back, subjects apart (26/6), per file, before the impact",
        "threshold Se 95.50 Sp 83.43; ConvLSTM Se 99.32 Sp 99.01",
    ),
    ("the same", "trained on KFall, tried on 15 **real** falls (FARSEEING)", "Se 93.33 Sp 73.33"),
    ("Kangas 2008, Gait Posture 28:285", "3 subjects, waist, thresholds", "Se 97 to 98, Sp 100"),
    (
        "hal-01740204, an ML-based elderly fall detector",
        "accelerometer, 40 Hz",
        "Se 99.73, Sp 97.7",
    ),
    (
        "Fula & Moreno 2024, Sensors 24:1679",
        "wrist, UP-Fall, WEDA-FALL and UMAFall together, windows of 2 s",
        "Se 90.57, Sp 96.91",
    ),
    (
        "Brew 2022, JMIR Form. Res. 6:e30121",
        "a commercial watch's threshold app, 226 induced falls",
        "Se 77, Sp 99",
    ),
    (
        "Dzeng 2024, Sensors 24:672",
        "construction workers, hard negatives",
        "Se 95 (GRU network), 65 (thresholds)",
    ),
    (
        "Bagalà 2012, PLoS ONE 7:e37062",
        "13 published algorithms on 29 **real** falls, whole days",
        "Se 57.0 ± 27.3, Sp 83.0 ± 30.3; 3 to 85 FA a day",
    ),
    (
        "Aziz 2017, PLoS ONE 12:e0180318",
        "support vector machine, waist and sternum, about 400 h, 10 **real** falls",
        "8 of 10 found; 0 to 0.3 FA/h",
    ),
    (
        "Palmerini 2020, Sensors 20:6479",
        "143 **real** falls (FARSEEING), low back, continuous",
        "Se above 80, 0.56 FA/h",
    ),
)

CAVEATS = (
    "The falls are those of mostly young volunteers who fell on purpose, onto mattresses, in a laboratory. Real falls "
    "are found far less: 57 % by 13 published algorithms (Bagalà 2012), above 80 % at 0.56 false alarms an hour by the "
    "best later one (Palmerini 2020). Expect less than this page says.",
    "Placement decides much. The device is meant for the belt or the chest; a wrist or a pocket is another task, and "
    "the lean of a wrist says little of the worker's. The device is told where it is worn (waist, pocket or wrist); a "
    "chest, an ankle or an upper arm is judged as a waist.",
    "Specificity per recording hides the alarm rate: read false pre-alarms per worn hour beside it. Most hours are "
    "scripted activities, a dozen hard ones in as many minutes, not a working day; only long recordings of work or "
    "rest say what a day is like, and those at hand are few, and worn at the wrist.",
    "Scripted lying down is judged for falls only. There the device rightly says that somebody lies, so those "
    "recordings are left out of worn hours and of false pre-alarms.",
    "A cause is a false pre-alarm wherever nobody fell, whether or not a supervisor would have liked to hear of it. "
    f"The worker cancels each after {REACTION_MS / 1000:g} s. A pre-alarm that names two causes counts as two.",
    "Sources clip at 2 g (MobiFall), 4 g (WEDA-FALL) or 8 g (UMAFall): peaks above are lost, and a threshold near or "
    "above that is blind there.",
    "Most recordings end seconds after the fall: what needs longer than that to be decided counts as missed.",
    "Where the source does not label the impact, the delay counts from the greatest |a|. That may be another moment; "
    "a negative delay means that the pre-alarm came before it.",
    "Intervals cover 95 % (Wilson for shares, exact Poisson for rates) and take recordings for independent. Those of "
    "one person are not, so the true intervals are wider.",
)


def firmware() -> str:
    """A fingerprint of the firmware's files as they are now."""
    digest = hashlib.sha256()
    for path in replayed(FIRMWARE):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:8]


def read() -> list[Row]:
    """The rows of results.json, none where there is no such file yet."""
    try:
        rows = json.loads(DATA.read_text(encoding="utf-8"))["corpora"]
        page(rows, "")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"{DATA}: cannot be read ({error.strerror})") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UserError(f"{DATA}: is not what `dati evaluate --results` writes; remove it") from None
    return rows


def publish(report: Row, learned: str) -> None:
    """Merge a report of `dati evaluate` into results.json by name of corpus, and make RESULTS.md of the whole."""
    made = {
        "date": date.today().isoformat(),
        "firmware": firmware(),
        **{key: report[key] for key in ("engine", "settings", "select")},
    }
    rows = {row["name"]: row for row in [*read(), *({**row, **made} for row in report["corpora"])]}
    ordered = [rows[name] for name in sorted(rows)]
    texts = {
        DATA: json.dumps({"corpora": ordered}, indent=1, ensure_ascii=False) + "\n",
        PAGE: page(ordered, learned),
    }
    parts = {path: path.with_name(f".{path.name}.part") for path in texts}
    try:
        for path, text in texts.items():
            parts[path].write_text(text, encoding="utf-8")
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def page(rows: Sequence[Row], learned: str) -> str:
    """RESULTS.md: everything in it comes from `rows`, `learned` and this file."""
    parts = [
        "# Results",
        "Written by `dati evaluate CORPUS... --results`; edits are lost. No recording is passed on with this project: "
        "`dati corpus list` says where to get them.",
        "## What this firmware does",
        _table(
            ("recordings", "falls", "others", "sensitivity %", "specificity %", "delay s, median / 95th percentile"),
            [
                (
                    row["name"],
                    row["falls"],
                    row["others"],
                    _percent(row["sensitivity"]),
                    _percent(row["specificity"]),
                    _delay(row["delay_s"]),
                )
                for row in rows
            ],
        ),
        "Per recording, falls only: sensitivity is the share of falls with a fall pre-alarm, specificity the share of "
        "other recordings without one. In brackets: 95 % intervals.",
        _table(
            ("recordings", "worn hours", "false pre-alarms per hour, all causes", "of them falls", "by cause"),
            [
                (
                    row["name"],
                    f"{row['worn_hours']:.2f}",
                    _rate(row["false_pre_alarms_per_hour_interval"]),
                    _rate(row["false_falls_per_hour"]),
                    ", ".join(f"{name} {count}" for name, count in row["false_by_cause"].items()) or "none",
                )
                for row in rows
            ],
        ),
        "## Bars",
        "The two-line rule (|a| above 2.5 g, then gravity turned by more than 50 degrees; nothing fitted) on the very "
        "same samples. What does not beat it is not worth its code.",
        _table(
            (
                "recordings",
                "sensitivity %: ours",
                "two-line rule",
                "specificity %: ours",
                "two-line rule",
                "false falls per hour: ours",
                "two-line rule",
                "verdict",
            ),
            [
                (
                    row["name"],
                    _percent(row["sensitivity"]),
                    _percent(row["two_line_rule"]["sensitivity"]),
                    _percent(row["specificity"]),
                    _percent(row["two_line_rule"]["specificity"]),
                    _rate(row["false_falls_per_hour"]),
                    _rate(row["two_line_rule"]["false_alarms_per_hour"]),
                    verdict(row),
                )
                for row in rows
            ],
        ),
        "Other bars: 0.56 false alarms an hour with over 80 % of real falls found (Palmerini 2020; real days, so only "
        "long recordings compare); 89.5 % at no false alarm for a state machine at the waist (PMC6603555).",
        "## What was learned, and on whom",
        f"```text\n{learned}\n```",
        "Figures above on people named here are of people it was learned on. What counts of them are the figures by "
        "subjects held out, where the text gives them; the other rows are of people it was not learned on.",
        "## Published",
        _table(("source", "recordings and protocol", "result"), PUBLISHED),
        "## How to read this",
        "\n".join(f"- {caveat}" for caveat in CAVEATS),
        "## Where it errs",
        _table(
            ("recordings", "falls missed most", "pre-alarms false most"),
            [(row["name"], *_errors(row["worst"]["activities"])) for row in rows],
        ),
        "## How the rows were made",
        "\n".join(f"- {made}: {', '.join(names)}" for made, names in _origins(rows).items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def verdict(row: Row) -> str:
    """Ours beside the two-line rule: where it is better, equal, worse; better by chance is not told apart."""
    rule, said = row["two_line_rule"], []
    for name, ours, theirs, more_is_better in (
        ("sensitivity", row["sensitivity"], rule["sensitivity"], True),
        ("specificity", row["specificity"], rule["specificity"], True),
        ("false falls", row["false_falls_per_hour"], rule["false_alarms_per_hour"], False),
    ):
        if ours["value"] is not None:
            better = (ours["value"] > theirs["value"]) == more_is_better
            said.append(f"{name} {'equal' if ours['value'] == theirs['value'] else 'better' if better else 'worse'}")
    return ", ".join(said)


def _errors(worst: Row) -> tuple[str, str]:
    """The activities with most errors in words: missed, false."""
    missed = [f"{_activity(one)} {one['missed']}/{one['falls']}" for one in worst["missed"]]
    false = [f"{_activity(one)} {one['false_pre_alarms']} in {one['hours']:.2f} h" for one in worst["false"]]
    return "; ".join(missed) or "none", "; ".join(false) or "none"


def _activity(one: Row) -> str:
    return f"{one['name']} ({one['words']})" if one["words"] else str(one["name"])


def _origins(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Names of rows by how they were made: rows of several firmwares do not compare, and this shows them."""
    origins: dict[str, list[str]] = {}
    for row in rows:
        changed = ", ".join(f"{name} = {value}" for name, value in row["settings"].items()) or "default settings"
        chosen = f"only `{row['select']}`" if row["select"] else "every recording of the corpora given"
        made = f"{row['date']}, firmware {row['firmware']}, engine {row['engine']}, {changed}, {chosen}"
        origins.setdefault(made, []).append(row["name"])
    return origins


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _percent(estimate: Row) -> str:
    if estimate["value"] is None:
        return "-"
    value, low, high = (100 * estimate[key] for key in ("value", "low", "high"))
    return f"{value:.1f} ({low:.1f} to {high:.1f})"


def _rate(estimate: Row) -> str:
    if estimate["value"] is None:
        return "-"
    return f"{estimate['value']:.2f} ({estimate['low']:.2f} to {estimate['high']:.2f})"


def _delay(delay: Row) -> str:
    if delay["median"] is None:
        return "-"
    return f"{delay['median']:.1f} / {delay['p95']:.1f} after the {delay['since']}"

"""What calibration leaves: a settings file as the device reads it, and beside it where the settings come from."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

from dati import plan
from dati.settings import SettingsError

from host_tools.evaluation import written
from host_tools.results import firmware
from simulator.calibration_result import Result
from simulator.errors import UserError
from simulator.trace import Recording

Document = dict[str, Any]


def read_site(path: Path) -> Document | None:
    """A settings file of the device, checked; None where there is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        plan.load(document)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except SettingsError as error:
        raise UserError(f"{path}: {error}") from None
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error}); name another file") from None
    return dict(document)


def path_of(path: Path, post: str, alone: bool) -> Path:
    """The file of one post; where there are several each has its own."""
    if alone:
        return path
    return path.with_name(f"{path.stem}-{re.sub(r'[^a-z0-9]+', '-', post.lower()).strip('-')}{path.suffix}")


def provenance_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}.provenance.json")


def write_site(path: Path, settings: dict[str, object], site: Document | None, provenance: Document) -> None:
    """Write both files; the plan of the site is kept. The device refuses keys it does not know, hence two files."""
    document = {"format": plan.FORMAT, "settings": settings, "plan": (site or {}).get("plan", {})}
    plan.load(document)
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    told = {"settings_file": path.name, "sha256": hashlib.sha256(text.encode()).hexdigest(), **provenance}
    for target, content in (
        (provenance_path(path), json.dumps(told, indent=1, ensure_ascii=False) + "\n"),
        (path, text),
    ):
        with written(target) as part:
            part.write_text(content, encoding="utf-8")


def provenance(result: Result, recordings: list[Recording], corpora: list[Document]) -> Document:
    """Where a recommendation comes from: enough to make it again from the same recordings."""
    return {
        "made": date.today().isoformat(),
        "by": "dati calibrate",
        "commit": commit(),
        "firmware": firmware(),
        "recordings": [
            {
                "id": one.id,
                "dataset": one.dataset,
                "hours": round(one.duration_s / 3600, 4),
                "sha256": hashlib.sha256(one.samples.tobytes()).hexdigest(),
            }
            for one in recordings
        ],
        "corpora": corpora,
        "calibration": {name: value for name, value in result.as_json().items() if name != "curve"},
    }


def corpus_origin(name: str, cases: int) -> Document:
    """A corpus by name, what was taken from it and, of a file, its hash."""
    path = Path(name)
    origin: Document = {"corpus": path.name, "cases": cases}
    if path.is_file():
        with path.open("rb") as file:
            origin["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    return origin


def commit() -> str | None:
    """The commit of these sources, "+" where files differ from it; None where they are no checkout."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=False, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    found = git("rev-parse", "HEAD")
    if found is None:
        return None
    return found + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")

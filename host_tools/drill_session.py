"""What was done so far of a drill, kept in a file after every step."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from host_tools.drill_sources import Mark
from simulator.device_log import firmware_hash
from simulator.drill import Plan, Step
from simulator.drill_judge import Act, Judged, Worn, judge_act, judge_worn
from simulator.errors import UserError

SESSION, _MARKS = "session.json", "marks.csv"
FORMAT = 1


@dataclass
class Done:
    """A step that was done, or left out with a reason."""

    key: str
    begun: str  # UTC
    source: str
    what: Worn | Act | None
    marks: list[Mark] = field(default_factory=list)
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        kind = "none" if self.what is None else type(self.what).__name__.lower()
        marks = [mark._asdict() for mark in self.marks]
        seen = None if self.what is None else asdict(self.what)
        return {
            "begun": self.begun,
            "source": self.source,
            "kind": kind,
            "seen": seen,
            "marks": marks,
            "note": self.note,
        }


@dataclass
class Session:
    """What was done so far of a plan. Kept in a file after every step, so that nothing is lost."""

    plan: Plan
    done: dict[str, Done] = field(default_factory=dict)
    signed_by: str = ""
    signed_utc: str = ""
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)  # by device

    def __post_init__(self) -> None:
        self.settings = self.settings or {worker.device: dict(worker.settings) for worker in self.plan.workers}

    def add(self, done: Done) -> None:
        """What was signed before this was is signed no more."""
        self.done[done.key] = done
        self.signed_by = self.signed_utc = ""

    @property
    def digest(self) -> str:
        """Stands for what was seen: a signed report and its session file belong together by it."""
        told = json.dumps([self.plan.digest, {key: one.as_json() for key, one in self.done.items()}], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    def judged(self, step: Step) -> Judged | None:
        """None where it was left out or not yet done."""
        found = self.done.get(step.key)
        if found is None or found.what is None:
            return None
        if isinstance(found.what, Worn):
            return judge_worn(found.what, self.plan.limits)
        return judge_act(step, found.what, self.plan.limits)

    @property
    def passed(self) -> bool:
        """Every step of the plan was done, and passed."""
        judged = [self.judged(step) for step in self.plan.steps()]
        return all(one is not None and one.passed for one in judged)

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "plan": {
                "title": self.plan.title,
                "site": self.plan.site,
                "date": self.plan.date,
                "digest": self.plan.digest,
            },
            "settings": self.settings,
            "firmware": firmware_hash(),
            "steps": {key: one.as_json() for key, one in self.done.items()},
            "digest": self.digest,
            "signed": {"by": self.signed_by, "utc": self.signed_utc} if self.signed_by else None,
        }

    def save(self, folder: Path) -> None:
        """Whole or not at all."""
        part = folder / f".{SESSION}.part"
        part.write_text(json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(part, folder / SESSION)  # noqa: PTH105  (atomic on every system)
        with (folder / _MARKS).open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["recording", "t_s", "mark", "step", "utc"])
            for one in self.done.values():
                rows.writerows([mark.recording, mark.t_s, mark.what, one.key, one.begun] for mark in one.marks)


def read_session(path: Path, plan: Plan) -> Session:
    """A session that was kept. UserError where it is none."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if held["format"] != FORMAT:
            raise UserError(f"{path}: a session of another version of dati; take that one, or another folder")
        session = Session(plan, settings=held["settings"])
        for key, row in held["steps"].items():
            kinds: dict[str, type[Worn] | type[Act]] = {"worn": Worn, "act": Act}
            what = kinds[row["kind"]](**row["seen"]) if row["kind"] in kinds else None
            if isinstance(what, Act):
                what.causes = tuple(what.causes)
            elif isinstance(what, Worn):
                what.pre_alarms = [(float(at), str(cause)) for at, cause in what.pre_alarms]
            marks = [Mark(**mark) for mark in row["marks"]]
            session.done[key] = Done(key, row["begun"], row["source"], what, marks, row["note"])
        if held.get("signed"):
            session.signed_by, session.signed_utc = held["signed"]["by"], held["signed"]["utc"]
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is no session of `dati drill` ({error})") from None
    return session

"""A report as a document: one model, written as HTML (Jinja2) and as PDF (fpdf2), in French or English."""

from __future__ import annotations

import base64
import io
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from host_tools.output import check_writable
from simulator.errors import UserError

_TEMPLATES = Path(__file__).parent / "templates"
LANGUAGES = ("fr", "en")
GOOD, BAD, WARN, DIM = "good", "bad", "warn", "dim"


@dataclass(frozen=True)
class Cell:
    """Text with what is thought of it: "", GOOD, BAD, WARN or DIM."""

    text: str
    tone: str = ""


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2
    new_page: bool = False


@dataclass(frozen=True)
class Text:
    text: str
    tone: str = ""


@dataclass(frozen=True)
class Facts:
    """Pairs of what it is and its value."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """`align`: a letter a column, l or r. `widths`: shares of the page's width."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    align: str
    widths: Sequence[float]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG; `width` is its share of the page's."""

    png: bytes
    caption: str
    width: float = 1.0


@dataclass(frozen=True)
class Lines:
    """A list of remarks."""

    lines: Sequence[str | Cell]


@dataclass(frozen=True)
class Verdict:
    good: bool
    text: str


@dataclass(frozen=True)
class Signature:
    """Places to sign: what each is for, and what is filled in already."""

    places: Sequence[tuple[str, str]]


Block = Heading | Text | Facts | Table | Picture | Lines | Verdict | Signature


@dataclass
class Document:
    """What is written. `footer` stands on every page."""

    title: str
    subtitle: str
    language: str
    footer: str = ""
    landscape: bool = False
    blocks: list[Block] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        self.blocks += blocks


# --- words ---


@cache
def _words(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((_TEMPLATES / f"{name}.toml").read_text(encoding="utf-8"))


class Words:
    """The words of `templates/NAME.toml` in one language: `words("key", count=3)`."""

    def __init__(self, name: str, language: str) -> None:
        if language not in LANGUAGES:
            raise UserError(f"language {language!r}: permitted: {', '.join(LANGUAGES)}")
        self.language = language
        self._words = _words(name)

    def __call__(self, key: str, **values: Any) -> str:
        return self._words[key][self.language].format(**values)

    def has(self, key: str) -> bool:
        return key in self._words

    def named(self, kind: str, name: str) -> str:
        """The word for `name` of a kind, such as a cause; the name itself where there is none."""
        row = self._words.get(f"{kind}_{name}")
        return name.replace("_", " ") if row is None else row[self.language]

    def number(self, value: float, digits: int = 0) -> str:
        """As the language writes it."""
        text = f"{value:,.{digits}f}"
        return text.replace(",", "\u202f").replace(".", ",") if self.language == "fr" else text

    def seconds(self, value: float | None) -> str:
        """A duration for people."""
        if value is None:
            return "–"
        if value < 120:
            return f"{self.number(value, 1 if value < 100 else 0)}\u00a0s"
        if value < 7200:
            return f"{self.number(value / 60, 1)}\u00a0min"
        return f"{self.number(value / 3600, 1)}\u00a0h"

    def share(self, count: int, of: int) -> str:
        return f"{self.number(100 * count / of)}\u00a0%" if of else "–"


# --- pictures ---


def png_of(figure: Any) -> bytes:
    """A matplotlib figure as PNG, closed."""
    import matplotlib.pyplot as plt  # noqa: PLC0415  (a second to load: only for who wants a picture)

    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=150)
    plt.close(figure)
    return held.getvalue()


# --- files ---


def write(document: Document, html: Path | None, pdf: Path | None) -> None:
    """Write whichever is named. UserError where a library is missing or a path cannot be written."""
    for path in filter(None, (html, pdf)):
        check_writable(path)
    if html is not None:
        html.write_text(as_html(document), encoding="utf-8")
    if pdf is not None:
        pdf.write_bytes(as_pdf(document))


def as_html(document: Document) -> str:
    """One file that needs no other: pictures and style are inside."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415
    except ImportError:
        raise UserError("HTML needs Jinja2: pip install 'dati[report]'") from None
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    environment.tests["cell"] = lambda value: isinstance(value, Cell)
    blocks = [(type(block).__name__, block) for block in document.blocks]
    return environment.get_template("document.html").render(document=document, blocks=blocks)


def as_pdf(document: Document) -> bytes:
    """A4, page numbers in the footer, headings of tables repeated where they break."""
    try:
        from host_tools.pdf import draw  # noqa: PLC0415
    except ImportError:
        raise UserError("PDF needs fpdf2: pip install 'dati[report]'") from None
    return draw(document)

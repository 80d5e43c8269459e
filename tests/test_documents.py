"""Reports as documents: one model, the same content in HTML and in PDF, in both languages."""

from __future__ import annotations

import io
import re
import shutil
import string
import subprocess
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from host_tools import documents as model
from host_tools.documents import Cell, Document, Words, as_html, as_pdf, png_of, write
from simulator.errors import UserError

pytest.importorskip("jinja2")
pytest.importorskip("fpdf")
TEMPLATES = Path(model.__file__).parent / "templates"
HOSTILE = "<script>alert('x')</script> & « œuvre » ≥ 90 s"


def picture():
    import matplotlib  # noqa: PLC0415

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(4, 2))
    axes.plot([0, 1], [0, 1])
    return png_of(figure)


def all_blocks(rows=3):
    made = Document("Exercice : été", "Site · 2026-11-23", "fr", "pied de page ≥")
    made.add(
        model.Verdict(False, "Verdict rendu"),
        model.Facts([("Lieu", HOSTILE)]),
        model.Heading("Premier titre"),
        model.Text("Un paragraphe."),
        model.Table(["nom", "valeur"], [[f"ligne {n}", Cell(str(n), model.BAD)] for n in range(rows)], "lr", [70, 30]),
        model.Picture(picture(), "Une image"),
        model.Lines(["Première remarque", Cell("Seconde", model.GOOD)]),
        model.Signature([("Responsable", "Mme Roy"), ("Date", "")]),
    )
    return made


def words_of_pdf(data: bytes) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=data, capture_output=True, check=True)
    return done.stdout.decode()


def pages(data: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", data))


def test_html_holds_every_block_whole_and_escaped():
    page = as_html(all_blocks())
    seen = []

    class Reader(HTMLParser):
        def handle_data(self, data):
            seen.append(data)

    Reader().feed(page)
    text = " ".join(" ".join(seen).split())
    for wanted in (
        "Exercice : été",
        "Verdict rendu",
        HOSTILE,
        "Premier titre",
        "ligne 2",
        "Seconde",
        "Mme Roy",
        "pied de page",
    ):
        assert wanted in text
    assert "<script>" not in page and 'lang="fr"' in page
    assert "data:image/png;base64," in page and not re.search(r'(src|href)="http', page)


def test_pdf_holds_the_same_words():
    data = as_pdf(all_blocks())
    assert data.startswith(b"%PDF") and pages(data) == 1
    text = words_of_pdf(data)
    for wanted in ("Exercice : été", "Verdict rendu", "œuvre", "≥ 90 s", "ligne 2", "Seconde", "Mme Roy"):
        assert wanted in text


def test_a_long_table_breaks_over_pages_and_repeats_its_heading():
    data = as_pdf(all_blocks(rows=150))
    assert pages(data) > 2
    text = words_of_pdf(data)
    assert text.count("valeur") >= 3 and all(f"ligne {n}" in text for n in range(150))


def test_only_what_is_asked_for_is_written(tmp_path):
    write(all_blocks(), tmp_path / "a.html", None)
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
    with pytest.raises(UserError, match="no folder"):
        write(all_blocks(), None, tmp_path / "no" / "a.pdf")


@pytest.mark.parametrize("name", ["report", "drill"])
def test_both_languages_say_the_same_things(name):
    rows = tomllib.loads((TEMPLATES / f"{name}.toml").read_text(encoding="utf-8"))
    for key, row in rows.items():
        assert set(row) == {"fr", "en"}, key
        fields = [{field for _, field, _, _ in string.Formatter().parse(text) if field} for text in row.values()]
        assert fields[0] == fields[1], key


def test_numbers_are_written_as_the_language_does():
    french, english = Words("report", "fr"), Words("report", "en")
    assert (french.number(1234.5, 1), english.number(1234.5, 1)) == ("1\u202f234,5", "1,234.5")
    assert [english.seconds(value) for value in (None, 1.25, 110, 600, 9000)] == [
        "–",
        "1.2\u00a0s",
        "110\u00a0s",
        "10.0\u00a0min",
        "2.5\u00a0h",
    ]
    assert french.share(1, 3) == "33\u00a0%" and french.share(0, 0) == "–"
    assert english.named("cause", "fall") == "fall" and english.named("cause", "new_thing") == "new thing"
    with pytest.raises(UserError, match="permitted: fr, en"):
        Words("report", "de")


def test_the_picture_is_a_png():
    assert io.BytesIO(picture()).read(8) == b"\x89PNG\r\n\x1a\n"

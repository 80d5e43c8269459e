"""A document drawn as PDF by fpdf2, in DejaVu Sans, which comes with matplotlib and knows every letter we use."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout
from PIL import Image

from host_tools import documents as model

_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_COLOURS = {
    "": (26, 32, 44),
    model.GOOD: (22, 101, 52),
    model.BAD: (180, 24, 24),
    model.WARN: (146, 84, 0),
    model.DIM: (100, 110, 125),
}
_RULE, _HEAD, _BAND = (205, 211, 220), (232, 237, 244), (248, 250, 252)
_VERDICT = {True: (225, 243, 231), False: (252, 229, 229)}
_BODY, _SMALL = 9.0, 7.5  # points
_MARGIN = 16  # mm
_MANY = 10  # columns: with more the letters are smaller


class _Pdf(FPDF):
    def __init__(self, document: model.Document) -> None:
        super().__init__("landscape" if document.landscape else "portrait", "mm", "A4")
        self._document = document
        for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
            self.add_font("sans", style, _FONTS / name)
        self.set_margins(_MARGIN, _MARGIN, _MARGIN)
        self.set_auto_page_break(True, _MARGIN + 4)
        self.set_title(document.title)
        self.set_lang(document.language)
        self.set_draw_color(*_RULE)
        self.alias_nb_pages()
        self.add_page()

    def footer(self) -> None:
        self.set_y(-_MARGIN + 2)
        self.pen(_SMALL, tone=model.DIM)
        self.cell(self.epw * 0.85, 4, self._document.footer)
        self.cell(self.epw * 0.15, 4, f"{self.page_no()} / {{nb}}", align="R")

    def pen(self, points: float = _BODY, bold: bool = False, tone: str = "") -> None:
        self.set_font("sans", "B" if bold else "", points)
        self.set_text_color(*_COLOURS[tone])

    def line_of(self, text: str, height: float = 5.0) -> None:
        self.multi_cell(0, height, text, align="L", new_x="LMARGIN", new_y="NEXT")

    def room(self, mm: float) -> None:
        """A new page unless so much is left of this one."""
        if self.get_y() + mm > self.h - self.b_margin:
            self.add_page()


def draw(document: model.Document) -> bytes:
    pdf = _Pdf(document)
    pdf.pen(17, bold=True)
    pdf.line_of(document.title, 8)
    pdf.pen(10, tone=model.DIM)
    pdf.line_of(document.subtitle, 6)
    pdf.ln(2)
    for at, block in enumerate(document.blocks):
        # A heading stays with its table or picture, over the lines between them.
        after = (other for other in document.blocks[at + 1 : at + 3] if not isinstance(other, model.Text))
        following = next(after, None)
        _DRAW[type(block)](pdf, block, following)
    return bytes(pdf.output())


def _heading(pdf: _Pdf, block: model.Heading, following: model.Block | None) -> None:
    if block.new_page:
        pdf.add_page()
    else:
        needed = 40.0  # a heading does not stand alone
        if isinstance(following, model.Picture):
            needed = 28 + _picture_size(pdf, following)[1]
        elif isinstance(following, model.Table):
            needed = 30 + _table_height(pdf, following)
        pdf.room(needed)
        pdf.ln(4 if block.level == 2 else 2)
    pdf.pen(13 if block.level == 2 else 10.5, bold=True)
    pdf.line_of(block.text, 7 if block.level == 2 else 6)
    pdf.ln(0.5)


def _text(pdf: _Pdf, block: model.Text, _: object) -> None:
    pdf.pen(tone=block.tone)
    pdf.line_of(block.text, 4.6)
    pdf.ln(1.5)


def _facts(pdf: _Pdf, block: model.Facts, _: object) -> None:
    for name, value in block.rows:
        pdf.room(6)
        pdf.pen(tone=model.DIM)
        pdf.cell(48, 5, name)
        pdf.pen()
        pdf.multi_cell(0, 5, value, align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2)


def _table_height(pdf: _Pdf, block: model.Table) -> float:
    """About what must be left of the page: all of a table that is not long, the begin of one that is."""
    height = 14.0 + 6.2 * len(block.rows)
    return height if height < 0.4 * (pdf.h - 2 * _MARGIN) else 40.0


def _table(pdf: _Pdf, block: model.Table, _: object) -> None:
    pdf.room(_table_height(pdf, block))
    if block.caption:
        pdf.pen(_SMALL, tone=model.DIM)
        pdf.line_of(block.caption, 4)
    pdf.pen(_SMALL + 0.3 if len(block.columns) <= _MANY else _SMALL - 0.8)
    pdf.set_draw_color(*_RULE)
    pdf.set_fill_color(*_BAND)
    with pdf.table(
        col_widths=tuple(block.widths),
        text_align=tuple({"l": "LEFT", "r": "RIGHT"}[letter] for letter in block.align),
        headings_style=FontFace(emphasis="BOLD", color=_COLOURS[""], fill_color=_HEAD),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        cell_fill_color=_BAND,
        cell_fill_mode="ROWS",
        line_height=4.2,
        padding=(0.9, 1.2, 0.9, 1.2),
    ) as table:
        for texts in (block.columns, *block.rows):
            row = table.row()
            for value in texts:
                cell = value if isinstance(value, model.Cell) else model.Cell(str(value))
                face = FontFace(color=_COLOURS[cell.tone], emphasis="BOLD" if cell.tone in ("good", "bad") else None)
                row.cell(cell.text, style=face if cell.tone else None)
    pdf.ln(3)


def _picture_size(pdf: _Pdf, block: model.Picture) -> tuple[float, float]:
    with Image.open(io.BytesIO(block.png)) as image:
        wide, high = image.size
    width = pdf.epw * block.width
    height = width * high / wide
    most = pdf.h - 2 * _MARGIN - 24
    return (width, height) if height <= most else (width * most / height, most)


def _picture(pdf: _Pdf, block: model.Picture, _: object) -> None:
    width, height = _picture_size(pdf, block)
    pdf.room(height + 6)
    pdf.image(io.BytesIO(block.png), w=width, alt_text=block.caption)
    pdf.pen(_SMALL, tone=model.DIM)
    pdf.line_of(block.caption, 4)
    pdf.ln(2)


def _lines(pdf: _Pdf, block: model.Lines, _: object) -> None:
    for line in block.lines:
        cell = line if isinstance(line, model.Cell) else model.Cell(line)
        pdf.pen(tone=cell.tone)
        pdf.cell(4, 4.6, "•")
        pdf.multi_cell(0, 4.6, cell.text, align="L", new_x="LMARGIN", new_y="NEXT")
        pdf.ln(0.6)
    pdf.ln(1.5)


def _verdict(pdf: _Pdf, block: model.Verdict, _: object) -> None:
    pdf.room(14)
    pdf.set_fill_color(*_VERDICT[block.good])
    pdf.pen(11, bold=True, tone=model.GOOD if block.good else model.BAD)
    pdf.multi_cell(0, 6, block.text, align="L", fill=True, padding=3, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(3)


def _signature(pdf: _Pdf, block: model.Signature, _: object) -> None:
    pdf.room(20 * len(block.places) + 4)
    for what, filled in block.places:
        pdf.ln(11)
        pdf.pen(tone=model.DIM)
        pdf.cell(62, 5, what)
        pdf.pen()
        left = pdf.get_x()
        pdf.cell(0, 5, filled, new_x="LMARGIN", new_y="NEXT")
        pdf.line(left, pdf.get_y() + 0.5, pdf.w - pdf.r_margin, pdf.get_y() + 0.5)
    pdf.ln(3)


_DRAW: dict[type, Callable[[_Pdf, Any, Any], None]] = {
    model.Heading: _heading,
    model.Text: _text,
    model.Facts: _facts,
    model.Table: _table,
    model.Picture: _picture,
    model.Lines: _lines,
    model.Verdict: _verdict,
    model.Signature: _signature,
}

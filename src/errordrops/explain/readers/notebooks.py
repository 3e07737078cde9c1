"""Notebooks: tables in their outputs (fastai shows one per fit), else what their cells printed."""

import json
from html.parser import HTMLParser

import pandas as pd

from .column_names import meaning
from .records import NotThisFormat, Records
from .several_runs import Run


class Table(HTMLParser):
    """The cells of the tables of an HTML text, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            self.cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self.cell is not None:
            self.tables[-1][-1].append("".join(self.cell).strip())
            self.cell = None

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell.append(data)


def is_one(text: str) -> bool:
    """Whether a text may be a notebook."""
    return text[:100].lstrip().startswith("{") and '"cells"' in text and '"nbformat"' in text


def outputs(text: str) -> list[tuple[str, str]]:
    """(kind, text) of the outputs of a notebook in order: html or plain. NotThisFormat for what is no notebook."""
    if not is_one(text):
        raise NotThisFormat("it is no notebook")
    try:
        book = json.loads(text)
        cells = book["cells"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotThisFormat("it is no notebook") from error
    found: list[tuple[str, str]] = []
    for cell in cells if isinstance(cells, list) else []:
        for output in (cell.get("outputs") if isinstance(cell, dict) else None) or []:
            if not isinstance(output, dict):
                continue
            data: dict = output["data"] if isinstance(output.get("data"), dict) else {}
            if "text/html" in data:
                found.append(("html", _joined(data["text/html"])))
            elif "text/plain" in data:
                found.append(("plain", _joined(data["text/plain"])))
            elif "text" in output:
                found.append(("plain", _joined(output["text"])))
    return found


def printed(text: str) -> str:
    """What the cells of a notebook printed; nothing for what is no notebook."""
    try:
        return "\n".join(part for kind, part in outputs(text) if kind == "plain")
    except NotThisFormat:
        return ""


def _joined(value: object) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value)


def read(text: str) -> Records:
    """The tables of a notebook's outputs, each a run; NotThisFormat where none names a curve."""
    runs: list[Run] = []
    for kind, part in outputs(text):
        if kind != "html":
            continue
        parser = Table()
        parser.feed(part)
        for rows in parser.tables:
            head, body = (rows[0], rows[1:]) if rows else ([], [])
            body = [row for row in body if len(row) == len(head)]
            if len(body) < 2 or not any((m := meaning(n)) and m.role == "metric" for n in head):
                continue
            table = pd.DataFrame(body, columns=head).apply(pd.to_numeric, errors="coerce").astype(float)
            runs.append(Run(f"table {len(runs) + 1}", table.loc[:, ~table.columns.duplicated()]))
    if not runs:
        raise NotThisFormat("no table in the notebook's outputs names a curve")
    return Records("notebook", runs[-1].table, runs=runs)

"""What the article may ask of the results: numbers, verdicts, figures. Prose that they contradict stops the render.

In report/article.qmd, a Jinja2 template:

    {{ value("quick/step.m1.level", times=-1) }}          a claim's value, here as a fall
    {{ span("quick/step.m1.level", times=-1) }}           its interval, "2.2 to 10.0"
    {{ cell("quick/final", "mean", arm="step", ...) }}    a cell of analysis/final.csv
    {% call given("quick/step.m1.level", "holds") %}Test error falls.{% endcall %}
    {{ figure("quick", "opening") }}
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ..results.verdicts import verdict
from . import text
from .material import ReportError, Study, read


class Results:
    """The results of all studies under a folder, read as they are asked for."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.study: Callable[[str], Study] = cache(self._study)

    def _study(self, name: str) -> Study:
        if not (self.folder / name / "claims.json").exists():
            raise ReportError(f"The article asks for study {name}, of which {self.folder} has no results.")
        return read(self.folder / name, committed=True)

    def claim(self, name: str) -> dict[str, Any]:
        """A claim by `STUDY/ID`. ReportError if there is none."""
        study, _, id = name.partition("/")
        for claim in self.study(study).claims:
            if claim["id"] == id:
                return claim
        raise ReportError(f"The article asks for claim {id}, which study {study} does not make.")

    def value(self, name: str, digits: int = 1, times: float = 1, field: str = "value") -> Markup:
        """A number of a claim, `times` a factor: -1 makes a fall of a change, 100 a percentage of a share."""
        return written(name, self.claim(name).get(field), digits, times)

    def span(self, name: str, digits: int = 1, times: float = 1) -> Markup:
        """The interval of a claim, from its lower to its upper end."""
        claim = self.claim(name)
        ends = sorted((claim["ci_low"], claim["ci_high"]), key=lambda end: end * times)
        return Markup(" to ").join(written(name, end, digits, times) for end in ends)

    def cell(self, table: str, column: str, digits: int = 1, times: float = 1, **equal: Any) -> Markup:
        """A number of a table `STUDY/NAME`, of the one row whose columns are `equal` to what is given."""
        study, _, name = table.partition("/")
        rows = self.study(study).rows(name, **equal)
        if len(rows) != 1:
            raise ReportError(f"The article asks table {table} for the row with {equal}; {len(rows)} rows are that.")
        return written(table, rows[0][column], digits, times)

    def given(self, names: str | list[str], wanted: str, caller: Callable[[], Markup]) -> Markup:
        """The sentences of the caller, if all of these claims have the verdict that they assume; else ReportError."""
        said = caller()
        for name in [names] if isinstance(names, str) else names:
            if (measured := verdict(self.claim(name))) != wanted:
                sentence = " ".join(said.striptags().split())
                raise ReportError(
                    f"The article assumes that claim {name} {phrase(wanted)}, "
                    f'but by the results it {phrase(measured)}. Rewrite: "{sentence}"'
                )
        return said


def phrase(verdict: str) -> str:
    return verdict if verdict in ("holds", "does not hold") else f"is {verdict}"


def written(name: str, value: float | None, digits: int, times: float) -> Markup:
    if value is None or text.missing(value):
        raise ReportError(f"The article asks for a number of {name} that the results do not have.")
    return text.number(float(value) * times, digits)

"""The section that puts every explanation to the test: verdicts, predictions beside measurements, figures.

Pure: a Study in, Markdown out.
"""

from collections.abc import Mapping

import pandas as pd

from . import charts
from .study import Study
from .text import cell, count, floating, interval, listed, missing, number, plain, table

FIGURES = ("excess", "thrown", "motion", "curvature", "dead_units", "landscape")
MARKS = {"as predicted": "as predicted", "contradicted": "<strong>contradicted</strong>", "undecided": "undecided"}
UNTESTED = "This study has no arm that tests it."


def court(study: Study, texts: Mapping[str, str]) -> str:
    """The whole section, or a comment for a study without probes. `texts`: the files of report/court by name."""
    if not study.has("court"):
        return "<!-- no explanations put to the test in this study -->\n"
    parts = [
        f"## The court: every explanation put to the test {{#sec-court}}\n\n{texts['intro'].strip()}",
        summed_up(study),
        predictions(study),
        *(charts.figure(study, name) for name in FIGURES if name in study.figures),
        texts["separates"].strip(),
        texts["toy"].strip(),
        beside_toy(study),
        *([charts.figure(study, "toy")] if "toy" in study.figures else []),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def summed_up(study: Study) -> str:
    """A point for each explanation: its verdict and how its predictions came out."""
    points = []
    for row in study.tables["verdicts"].itertuples():
        if not row.predictions:
            points.append(f"- *{plain(row.name)}*: **{row.verdict}**. {UNTESTED}")
            continue
        points.append(
            f"- *{plain(row.name)}*: **{row.verdict}**. Of {count(int(row.predictions), 'prediction')} "
            f"{int(row.as_predicted)} came as predicted, {int(row.contradicted)} "
            f"{'is' if row.contradicted == 1 else 'are'} contradicted."
        )
    return "\n".join(points)


def predictions(study: Study) -> str:
    """The table of predictions: threshold, measurement, outcome, and a link to the figure that shows it."""
    claims = {claim["id"]: claim for claim in study.claims}
    names = dict(zip(study.tables["verdicts"]["explanation"], study.tables["verdicts"]["name"], strict=True))
    rows, last = [], None
    for row in study.tables["court"].itertuples():
        claim = claims[row.claim]
        core = " <strong>core</strong>" if str(row.core) == "True" else ""
        rows.append(
            [
                cell(names[row.explanation]) if row.explanation != last else "",
                f"{cell(claim['statement'])}<br><code>{cell(row.claim)}</code>{core}",
                threshold(claim),
                f"{interval(claim['value'], claim['ci_low'], claim['ci_high'])} {cell(claim['unit'])}",
                MARKS[row.status],
                shown(study, row.figure),
            ]
        )
        last = row.explanation
    head = ["Explanation", "It predicts", "Threshold", "Measured", "Outcome", "Figure"]
    caption = "Predictions and what was measured, 95\u00a0% intervals over seeds"
    return floating("tbl-court", table(head, rows, left=2), caption, " .court")


def threshold(claim: Mapping) -> str:
    """`at least 0.5`, `at most 0.5`, `0.7 to 1.3`."""
    low, high = claim["threshold_low"], claim["threshold_high"]
    if not missing(low) and not missing(high):
        return f"{number(low)} to {number(high)}"
    return f"at least {number(low)}" if not missing(low) else f"at most {number(high)}" if not missing(high) else ""


def shown(study: Study, figure: str) -> str:
    """A link to a figure of the page."""
    if figure not in study.figures:
        return ""
    return f'<a href="#fig-{figure.replace("_", "-")}">figure</a>'


def beside_toy(study: Study) -> str:
    """What the model predicts of the ratio of excess losses, beside what was measured."""
    rows: pd.DataFrame = study.tables["mechanism_summary"]
    found = []
    for arm in dict.fromkeys(rows["arm"]):
        mine = rows[rows["arm"] == arm].set_index("quantity")
        measured, model = (mine.loc[name] for name in ("excess_ratio", "toy_ratio"))
        if missing(float(measured["value"])) or missing(float(model["value"])):
            continue
        said = interval(*(float(measured[c]) for c in ("value", "value_low", "value_high")))
        found.append(f"arm {plain(arm)} {said}, the model {number(float(model['value']))}")
    if not found:
        return ""
    return (
        "Excess loss of the weights over their average, five or so epochs after the milestone as a multiple of that at "
        f"the milestone: {listed(found)}. The model has the curvatures and the noise measured along the leading "
        "directions before the change, and nothing else."
    )

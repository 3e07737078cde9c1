"""The section that puts every explanation to the test: verdicts, predictions beside measurements, figures.

Pure: studies in, Markdown out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from . import charts
from .about import model_on_data
from .material import Study
from .probe_table import probes
from .text import cell, count, first_open, floating, fold, interval, listed, missing, number, plain, table

FIGURES = ("excess", "thrown", "motion", "curvature", "dead_units", "landscape")
MARKS = {"as predicted": "as predicted", "contradicted": "<strong>contradicted</strong>", "undecided": "undecided"}
UNTESTED = "This study has no arm that tests it."


@dataclass(frozen=True)
class Hearing:
    """The study whose checkpoints were probed, outcomes and verdicts, and the claims that they rest on."""

    study: Study
    outcomes: pd.DataFrame
    verdicts: pd.DataFrame
    claims: Mapping[str, Mapping]


def hearing(study: Study, companion: Study | None) -> Hearing | None:
    """That of the study, else that of its companion together with what the study itself claims: of two claims of one
    name that with more runs speaks. None if neither has probes.
    """
    if study.has("court"):
        claims = {claim["id"]: claim for claim in study.claims}
        return Hearing(study, study.tables["court"], study.tables["verdicts"], claims)
    if companion is None or not companion.has("court"):
        return None
    claims, source = {}, {}
    for one in (companion, study):
        for claim in one.claims:
            if (claim["n"] or 0) > ((claims.get(claim["id"]) or {}).get("n") or -1):
                claims[claim["id"]], source[claim["id"]] = claim, one.name
    together = outcomes(companion.name, list(claims.values()))
    together = together.assign(study=together["claim"].map(source))
    return Hearing(companion, together, judged(companion.name, together), claims)


def court(study: Study, companion: Study | None, texts: Mapping[str, str]) -> str:
    """The whole section, or a comment for a study without probes. `texts`: the files of report/court by name."""
    heard = hearing(study, companion)
    if heard is None:
        return "<!-- no explanations put to the test in this study -->\n"
    probed = heard.study
    asked, judged_by = first_open(texts["intro"], "How a prediction and an explanation are judged")
    parts = [
        f"## The court: every explanation put to the test {{#sec-court}}\n\n{asked}",
        elsewhere(probed) if probed is not study else "",
        summed_up(heard.verdicts),
        judged_by,
        fold("Every prediction: threshold, measurement, outcome", predictions(study, heard)),
        *figures(probed),
        fold("All that the probes measured", probes(probed)),
        *first_open(texts["separates"], "What else tells them apart"),
        f"### The noisy quadratic {{#sec-toy}}\n\n{beside_toy(probed)}",
        fold("The model: equations and their solution", texts["toy"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def figures(probed: Study) -> list[str]:
    """The first figure open, the others folded below it."""
    there = [charts.figure(probed, name) for name in FIGURES if name in probed.figures]
    return [*there[:1], fold(f"What else was probed, in {count(len(there) - 1, 'figure')}", "\n\n".join(there[1:]))]


def undecided(study: Study, companion: Study | None, texts: Mapping[str, str]) -> str:
    """What the probes cannot decide, for the section on what remains open; a comment for a study without them."""
    said = "\n\n".join(first_open(texts["undecided"], "What its measurements cannot say"))
    return said + "\n" if hearing(study, companion) else "<!-- no explanations put to the test -->\n"


def elsewhere(probed: Study) -> str:
    """Where the numbers of this section come from, if not from the study of the page."""
    return (
        f"What follows was measured in a study of its own, *{plain(probed.name)}* ({model_on_data(probed)}, "
        f"{count(probed.seeds, 'seed')} that no other study has). Where this page makes the same claim with more runs, "
        "its own counts."
    )


def summed_up(verdicts: pd.DataFrame) -> str:
    """A point for each explanation: its verdict and how its predictions came out."""
    points = []
    for row in verdicts.itertuples():
        if not row.predictions:
            points.append(f"- *{plain(row.name)}*: **{row.verdict}**. {UNTESTED}")
            continue
        points.append(
            f"- *{plain(row.name)}*: **{row.verdict}**. {int(row.as_predicted)} of "
            f"{count(int(row.predictions), 'prediction')} came true, {int(row.contradicted)} contradicted."
        )
    return "\n".join(points)


def predictions(study: Study, heard: Hearing) -> str:
    """The table of predictions: threshold, measurement, outcome, and a link to the figure that shows it."""
    names = dict(zip(heard.verdicts["explanation"], heard.verdicts["name"], strict=True))
    rows, last = [], None
    for row in heard.outcomes.itertuples():
        claim = heard.claims[row.claim]
        core = " <strong>core</strong>" if str(row.core) == "True" else ""
        source = f" of study {cell(row.study)}" if row.study != heard.study.name else ""
        rows.append(
            [
                cell(names[row.explanation]) if row.explanation != last else "",
                f"{cell(claim['statement'])}<br><code>{cell(row.claim)}</code>{source}{core}",
                threshold(claim),
                f"{measured(claim)} {cell(claim['unit'])}",
                MARKS[row.status] + shown(study if row.study == study.name else heard.study, row.figure, study),
            ]
        )
        last = row.explanation
    head = ["Explanation", "It predicts", "Threshold", "Measured", "Outcome"]
    caption = "Predictions and what was measured, 95\u00a0% intervals over seeds"
    return floating("tbl-court", table(head, rows, left=2), caption, " .court")


def measured(claim: Mapping) -> str:
    """The value with its interval; with four digits where two would show nothing but zeros."""
    numbers = claim["value"], claim["ci_low"], claim["ci_high"]
    tiny = all(missing(n) or abs(n) < 0.005 for n in numbers) and any(numbers)
    return interval(*numbers, digits=4 if tiny else 2)


def threshold(claim: Mapping) -> str:
    """`at least 0.5`, `at most 0.5`, `0.7 to 1.3`."""
    low, high = claim["threshold_low"], claim["threshold_high"]
    if not missing(low) and not missing(high):
        return f"{number(low)} to {number(high)}"
    return f"at least {number(low)}" if not missing(low) else f"at most {number(high)}" if not missing(high) else ""


def shown(owner: Study, figure: str, page: Study) -> str:
    """A line with a link to a figure of `owner`, if the page shows it: its own figures, and those of the court."""
    if figure not in owner.figures or (owner is not page and figure not in FIGURES):
        return ""
    return f'<br><a href="#fig-{figure.replace("_", "-")}">figure</a>'


def beside_toy(study: Study) -> str:
    """What the model predicts of the ratio of excess losses, beside what was measured."""
    rows: pd.DataFrame = study.tables["mechanism_summary"]
    found = []
    for arm in dict.fromkeys(rows["arm"]):
        mine = rows[rows["arm"] == arm].set_index("quantity")
        measured, model = (mine.loc[name] for name in ("excess_ratio", "toy_ratio"))
        if missing(float(measured["value"])) or missing(float(model["value"])):
            continue
        value, low, high = (float(measured[name]) for name in ("value", "value_low", "value_high"))
        said = interval(value, low, high)
        found.append(f"arm {plain(arm)} {said}, the model {number(float(model['value']))}")
    if not found:
        return ""
    return (
        "Excess loss of the weights over their average, some epochs after the milestone as a multiple of that at the "
        f"milestone: {listed(found)}. The model has the curvatures and the noise measured along the leading "
        "directions before the change, and nothing else."
    )

"""The section on causes and mechanisms: what was changed and what happened; what each mechanism predicted of it.

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

PROBED = ("excess", "thrown", "motion", "sharpness", "curvature", "dead_units", "landscape")
MARKS = {"contradicted": "<strong>contradicted</strong>"}
CHANGES = {"rate_times": "rate", "batch_times": "batch", "noise_times": "noise"}


@dataclass(frozen=True)
class Hearing:
    """The study whose forks and probes the section shows."""

    study: Study

    @property
    def verdicts(self) -> pd.DataFrame:
        """One row per mechanism (see analysis/mechanisms.py); empty where the study predicts nothing."""
        return self.study.tables.get("mechanism_verdicts", pd.DataFrame(columns=["mechanism", "title", "verdict"]))


def hearing(study: Study, companion: Study | None) -> Hearing | None:
    """That of the study, else of its companion; None where neither has forks or probes."""
    for one in (study, companion):
        if one is not None and (one.has("causes") or one.has("mechanism_summary")):
            return Hearing(one)
    return None


def section(study: Study, companion: Study | None, texts: Mapping[str, str]) -> str:
    """The whole section, or a comment for a study without forks. `texts`: the files of report/explanations by name."""
    heard = hearing(study, companion)
    if heard is None:
        return "<!-- no mechanisms put to the test in this study -->\n"
    tested = heard.study
    opened, judged_by = first_open(texts["intro"], "How a prediction and a mechanism are judged")
    parts = [
        f"## Causes and mechanisms {{#sec-mechanisms}}\n\n{opened}",
        elsewhere(tested) if tested is not study else "",
        shown(tested, "forks_four"),
        causes(tested),
        fold("Every fork in one picture", shown(tested, "forks_effects")),
        summed_up(heard.verdicts),
        shown(tested, "mechanisms"),
        judged_by,
        fold("Every prediction: bounds, measurement, outcome", predictions(tested)),
        shown(tested, "foretold"),
        fold("Published laws of the loss curve beside it", laws(study)),
        fold("What was probed in the checkpoints", "\n\n".join(filter(None, [shown(tested, n) for n in PROBED]))),
        fold("All that the probes measured", probes(tested) if tested.has("mechanism_summary") else ""),
        *first_open(texts["separates"], "What else tells them apart"),
        f"### The noisy quadratic {{#sec-toy}}\n\n{beside_toy(tested)}",
        fold("The model: equations and their solution", texts["toy"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def shown(study: Study, figure: str) -> str:
    return charts.figure(study, figure) if figure in study.figures else ""


def undecided(study: Study, companion: Study | None, texts: Mapping[str, str]) -> str:
    """What all this cannot decide, for the section on what remains open; a comment where there is nothing of it."""
    said = "\n\n".join(first_open(texts["undecided"], "What its measurements cannot say"))
    return said + "\n" if hearing(study, companion) else "<!-- no mechanisms put to the test -->\n"


def elsewhere(tested: Study) -> str:
    """Where the numbers of this section come from, if not from the study of the page."""
    return (
        f"What follows was measured in a study of its own, *{plain(tested.name)}* ({model_on_data(tested)}, "
        f"{count(tested.seeds, 'seed')} that no other study has)."
    )


def causes(study: Study) -> str:
    """The table of forks: what was multiplied by what, and what happened."""
    if not study.has("causes"):
        return ""
    rows = []
    for row in study.tables["causes"].itertuples():
        times = [f"{name} × {getattr(row, key):.3g}" for key, name in CHANGES.items() if getattr(row, key) != 1]
        rows.append(
            [
                f"<code>{cell(row.fork)}</code>",
                cell(", ".join(times) or row.changed),
                number(row.noise),
                interval(row.effect, row.effect_low, row.effect_high, 3, sign=True),
                interval(row.share, row.share_low, row.share_high),
                interval(row.error, row.error_low, row.error_high, 1, sign=True),
                cell(row.happened),
            ]
        )
    loss = ["Training loss, nats", "as a share of the rate cut's"]
    head = ["Fork", "Changed", "g, multiple", *loss, "Test error, points", "Training loss"]
    caption = (
        "Causes: what was changed in each fork of the same checkpoints, and what happened. Means of five epochs less "
        "the unchanged run, 95\u00a0% intervals. A share of 1 fell as far as the rate cut; a negative one rose"
    )
    return floating("tbl-causes", table(head, rows, left=2), caption, " .explanations")


def summed_up(verdicts: pd.DataFrame) -> str:
    """A point for each mechanism: its verdict, how it works, and what contradicts it."""
    points = []
    for row in verdicts.itertuples():
        source = "" if missing(row.source) or not row.source else f" ({plain(row.source)})"
        against = "" if missing(row.against) or not row.against else row.against
        told = f"{int(row.as_predicted)} of {count(int(row.predictions), 'prediction')} came true."
        if against:
            told += f" Contradicted by {listed([f'`{one}`' for one in against.split()])}."
        points.append(f"- *{plain(row.title)}*{source}: **{row.verdict}**. {plain(row.because)} {told}")
    return "\n".join(points)


def predictions(study: Study) -> str:
    """The table of predictions of every mechanism: bounds, measurement, outcome."""
    if not study.has("mechanisms"):
        return ""
    titles = dict(zip(*(study.tables["mechanism_verdicts"][name] for name in ("mechanism", "title")), strict=True))
    rows, last = [], None
    for row in study.tables["mechanisms"].itertuples():
        named = cell(titles[row.mechanism]) if row.mechanism != last else ""
        what = "fork" if row.kind == "fork" else "claim"
        measured = interval(row.value, row.value_low, row.value_high, 3 if row.unit == "nats" else 2)
        unit = "" if missing(row.unit) else cell(row.unit)
        rows.append(
            [named, f"{what} <code>{cell(row.what)}</code>", bounds(row), f"{measured} {unit}", outcome(row.outcome)]
        )
        last = row.mechanism
    head = ["Mechanism", "It predicts", "Bounds", "Measured", "Outcome"]
    caption = "What each mechanism predicts, and what was measured, 95\u00a0% intervals over seeds"
    return floating("tbl-mechanisms", table(head, rows, left=2), caption, " .explanations")


def laws(study: Study) -> str:
    """The table of published laws: what each misses, arm by arm; empty for a study that they were not fitted in."""
    if not study.has("laws"):
        return ""
    rows = study.tables["laws"]
    columns = list(dict.fromkeys(zip(rows["law"], rows["counts"], strict=True)))
    by = {(row.law, row.counts, row.arm): row.error for row in rows.itertuples()}
    fitted = set(rows[rows["fitted"].astype(str) == "True"]["arm"])
    body = [
        [f"{cell(arm)}{' (fitted)' if arm in fitted else ''}", *(number(by.get((*pair, arm)), 3) for pair in columns)]
        for arm in dict.fromkeys(rows["arm"])
    ]
    head = ["Arm", *(f"{cell(law)}, {'of the rate' if counts == 'rate' else 'of g'}" for law, counts in columns)]
    caption = (
        "Annealing law [@tissue2024] and multi-power law [@luo2025], fitted on two arms: root mean square, in nats, of "
        "what they miss in running training loss. They speak of the rate; with g in its place, of batches as well"
    )
    return floating("tbl-laws", table(head, body), caption, " .explanations")


def outcome(word: str) -> str:
    return MARKS.get(word, cell(word))


def bounds(row) -> str:
    """`at least 0.5`, `at most 0.5`, `0.7 to 1.3`."""
    low, high = row.predicted_low, row.predicted_high
    if not missing(low) and not missing(high):
        return f"{number(low)} to {number(high)}"
    return f"at least {number(low)}" if not missing(low) else f"at most {number(high)}" if not missing(high) else ""


def beside_toy(study: Study) -> str:
    """What the model predicts, beside what was measured."""
    if not study.has("mechanism_summary"):
        return ""
    rows: pd.DataFrame = study.tables["mechanism_summary"]
    found = []
    for arm in dict.fromkeys(rows["arm"]):
        mine = rows[rows["arm"] == arm].set_index("quantity")
        if not {"excess_ratio", "toy_ratio"} <= set(mine.index):
            continue
        measured, model = (mine.loc[name] for name in ("excess_ratio", "toy_ratio"))
        if missing(float(measured["value"])) or missing(float(model["value"])):
            continue
        value, low, high = (float(measured[name]) for name in ("value", "value_low", "value_high"))
        said = interval(value, low, high)
        found.append(f"run {plain(arm)} {said}, the model {number(float(model['value']))}")
    if not found:
        return ""
    return (
        "Excess loss of the weights over their average, some epochs after the change as a multiple of that before it: "
        f"{listed(found)}. The model has the curvatures and the noise measured along the leading directions before the "
        "change, and nothing else."
    )

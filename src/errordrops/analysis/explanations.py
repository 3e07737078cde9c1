"""The court: what each explanation of the drop predicts, as claims, and the verdict that follows from them.

A prediction whose whole interval lies within its thresholds came as predicted; one whose whole interval lies beyond one
of them is contradicted; else it is undecided. An explanation is contradicted if a prediction without which it would not
be that explanation (`core`) is contradicted, supported if all of those came as predicted, else undecided.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..results.intervals import Interval, t_interval
from ..results.verdicts import FAILS, HOLDS, OPEN, at_least, claim, decided, overruled
from ..study.study import CONTROL, Study

COLUMNS = "study explanation claim core status figure".split()
VERDICT_COLUMNS = "study explanation name verdict predictions as_predicted contradicted".split()


@dataclass(frozen=True)
class Prediction:
    """Claims whose ids match `claims`; `core`: without it the explanation would be another. `figure` shows it."""

    claims: str
    core: bool
    figure: str


EXPLANATIONS: dict[str, tuple[str, tuple[Prediction, ...]]] = {
    "rate": (
        "The learning rate was cut (He et al. 2015)",
        (
            Prediction(r"step\.m1\.level", True, "milestone_changes"),
            Prediction(r"(early|late)\.m1\.level", True, "milestone_changes"),
            Prediction(r"predicted\.rate\.gain", True, "cut_sweep"),
            Prediction(r"step\.m1\.elsewhere", True, "milestone_changes"),
            Prediction(r"reversal\.m2\.rise", True, "reversal"),
            Prediction(r"detector\.quiet\.error", False, "detections"),
        ),
    ),
    "noise": (
        "Less noise in the gradient (Smith et al. 2018)",
        (
            Prediction(r"batch\.m1\.level", True, "milestone_changes"),
            Prediction(r"noise\.\w+\.excess", True, "excess"),
            Prediction(r"noise\.\w+\.collapse", True, "thrown"),
            Prediction(r"noise\.plateau", True, "noise"),
            Prediction(r"noise\.m1\.drops", False, "noise"),
            Prediction(r"noise\.\w+\.toy", False, "excess"),
        ),
    ),
    "saddle": (
        "Escape from a saddle point",
        (
            Prediction(r"saddle\.\w+\.explained", True, "motion"),
            Prediction(r"saddle\.\w+\.gradient", True, "curvature"),
            Prediction(r"saddle\.spontaneous", True, "detections"),
            Prediction(r"saddle\.batch\.no_drop", True, "milestone_changes"),
        ),
    ),
    "units": (
        "Dead ReLUs that wake up",
        (
            Prediction(r"units\.\w+\.woken", True, "dead_units"),
            Prediction(r"units\.[\w-]+\.no_drop", True, "dead_units"),
        ),
    ),
    "edge": (
        "Edge of stability (Cohen et al. 2021)",
        (
            Prediction(r"valley\.sharpness", True, "curvature"),
            Prediction(r"valley\.\w+\.sharpening", False, "curvature"),
        ),
    ),
    "valley": (
        "River valley (Wen et al. 2024)",
        (Prediction(r"valley\.\w+\.explained", True, "motion"),),
    ),
    "plateau": (
        "The error had stopped falling",
        (
            Prediction(r"plateau\.follows", True, "detections"),
            Prediction(r"plateau\.\w+\.no_drop", True, "cut_sweep"),
        ),
    ),
}


def court_claims(study: Study, tables: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """The predictions that rest on probes; none where the study states no thresholds for them."""
    stated = study.claims.get("court")
    if not stated or not study.probes:
        return []
    found = tables["mechanism"]
    arms = [arm for arm in study.probes["arms"] if arm != CONTROL]

    def over_seeds(arm: str, quantity: str) -> tuple[Interval, int]:
        values = found[(found["arm"] == arm) & (found["quantity"] == quantity)]["value"].dropna()
        return t_interval(values), len(values)

    def of_arm(id: str, arm: str, quantity: str, statement: str, unit: str, low=None, high=None) -> dict[str, Any]:
        interval, n = over_seeds(arm, quantity)
        more = {"milestone": study.probes["milestone"], "n": n}
        return claim(id, statement, "train_eval loss", unit, interval, low=low, high=high, **more)

    made = []
    share, fall = stated["explained"], "the fall of training loss in the epoch after the change"
    few = f"the {study.probes['directions']} most negative, there are more"
    for arm in arms:
        what = f"Arm {arm}: "
        made += [
            of_arm(f"noise.{arm}.excess", arm, "excess_share", f"{what}loss(weights) - loss(averaged weights) before "
                   f"the change, as a share of {fall}: less noise foretells all of it.", "share", *stated["excess"]),
            of_arm(f"noise.{arm}.collapse", arm, "collapse", f"{what}the variance of the weights along the leading "
                   "directions of curvature falls, after the change as a share of that before.", "share",
                   high=stated["collapse"]),
            of_arm(f"noise.{arm}.toy", arm, "toy_measure", f"{what}the ratio of excess losses after and before the "
                   "change is that of the noisy quadratic (as a multiple of it).", "multiple", *stated["toy"]),
            of_arm(f"saddle.{arm}.explained", arm, "negative_share", f"{what}the weights' motion along directions of "
                   f"negative curvature ({few}) explains this share of {fall}.", "share", low=share),
            of_arm(f"saddle.{arm}.gradient", arm, "gradient_ratio", f"{what}the gradient is larger after the drop than "
                   "before it, where a saddle makes it small (ratio of norms).", "ratio", low=stated["gradient"]),
            of_arm(f"units.{arm}.woken", arm, "woken_share", f"{what}units that woke explain this share of {fall}: it "
                   "is gone when they are silenced.", "share", low=share),
            of_arm(f"valley.{arm}.explained", arm, "leading_share", f"{what}the weights' motion along the leading "
                   f"directions of curvature explains this share of {fall}.", "share", low=share),
        ]  # fmt: skip
        cut = study.arm(arm).settings
        m = study.probes["milestone"]
        if cut[m].learning_rate < cut[m - 1].learning_rate:
            made.append(
                of_arm(f"valley.{arm}.sharpening", arm, "sharpening", f"{what}freed from the stability limit, the "
                       "leading eigenvalue rises (ratio, last epoch probed to before).", "ratio",
                       low=stated["sharpening"])
            )  # fmt: skip
    made.append(
        of_arm("valley.sharpness", CONTROL, "sharpness_share", "The leading eigenvalue before the change lies near the "
               "stability limit of the full-batch iteration (as a share of it).", "share", *stated["sharpness"])
    )  # fmt: skip
    return made + without_probes(study, tables)


def without_probes(study: Study, tables: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Predictions read off curves: no drop where units cannot die or the batch grows, drops where nothing changes."""
    stated, metric = study.claims["court"], "test error_recomputed"
    made = []
    for activation, rows in tables["undying"].groupby("activation", sort=False):
        made.append(
            claim(
                f"units.{activation}.no_drop",
                f"With {activation}, whose units cannot die, test error falls by no more than {stated['undying']:g} "
                "points further than in the same network without the change (level over five epochs).",
                metric, "points", t_interval(rows["difference"].dropna()), low=0.0 - stated["undying"],
                milestone=study.probes["milestone"], n=int(rows["difference"].notna().sum()),
            )
        )  # fmt: skip
    levels = tables["milestone_levels"]
    split, name = metric.split()
    batch = levels[(levels["arm"] == "batch") & (levels["index"] == 1) & (levels["split"] == split)]
    differences = batch[batch["metric"] == name]["difference"].dropna()
    made.append(
        claim(
            "saddle.batch.no_drop",
            "A larger batch, which has less noise to escape by, brings no drop: test error falls by no more than "
            f"{stated['undying']:g} points further than in arm none (level over five epochs).",
            metric, "points", t_interval(differences), low=0.0 - stated["undying"],
            milestone=study.probes["milestone"], n=len(differences),
        )
    )  # fmt: skip
    seen = tables["detections"]
    quiet = seen[(seen["arm"] == CONTROL) & (seen["kind"] == "drop") & (seen["metric"] == name)]
    runs = len(study.arm(CONTROL).seeds)
    made.append(
        at_least("saddle.spontaneous", "Drops that the blind detector reports in test error for each run in which "
                 "nothing changes.", metric, "drops per run", len(quiet) / runs, stated["spontaneous"], kind="rate",
                 n=runs)
    )  # fmt: skip
    return made


def status(claim: Mapping[str, Any]) -> str:
    """as predicted, contradicted or undecided, from a claim's numbers."""
    return {True: "as predicted", False: "contradicted", None: "undecided"}[decided(claim)]


def court(study: Study, claims: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per explanation and claim that it predicts; empty for a study without a court."""
    return outcomes(study.name, claims if study.claims.get("court") else [])


def outcomes(study: str, claims: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """How the predictions came out that are among these claims."""
    rows = []
    for name, (_, predictions) in EXPLANATIONS.items():
        for prediction in predictions:
            mine = [one for one in claims if re.fullmatch(prediction.claims, one["id"])]
            rows += [(study, name, one["id"], prediction.core, status(one), prediction.figure) for one in mine]
    return pd.DataFrame(rows, columns=COLUMNS)


def verdicts(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """One row per explanation; empty for a study without a court."""
    return judged(study.name, table if study.claims.get("court") else None)


def judged(study: str, table: pd.DataFrame | None) -> pd.DataFrame:
    """One row per explanation: supported, contradicted or undecided, with the counts of its predictions."""
    rows: list[tuple] = []
    if table is None:
        return pd.DataFrame(rows, columns=VERDICT_COLUMNS)
    for name, (title, _) in EXPLANATIONS.items():
        mine = table[table["explanation"] == name]
        core = list(mine[mine["core"].astype(str) == "True"]["status"])
        verdict = "undecided"
        if "contradicted" in core:
            verdict = "contradicted"
        elif core and set(core) == {"as predicted"}:
            verdict = "supported"
        counts = [int((mine["status"] == word).sum()) for word in ("as predicted", "contradicted")]
        rows.append((study, name, title, verdict, len(mine), *counts))
    return pd.DataFrame(rows, columns=VERDICT_COLUMNS)


def verdict_claims(table: pd.DataFrame) -> list[dict[str, Any]]:
    """verdict.EXPLANATION: holds if supported, fails if contradicted; the value is the share that came as predicted."""
    made = []
    for row in table.itertuples():
        share = row.as_predicted / row.predictions if row.predictions else float("nan")
        one = claim(
            f"verdict.{row.explanation}",
            f"{row.name} explains the drop: {row.as_predicted} of {row.predictions} predictions as predicted, "
            f"{row.contradicted} contradicted.",
            "court", "share of predictions", Interval(share, float("nan"), float("nan")), n=row.predictions,
        )  # fmt: skip
        made.append(overruled(one, {"supported": HOLDS, "contradicted": FAILS}.get(row.verdict, OPEN)))
    return made

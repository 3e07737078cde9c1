"""The page's text, from the Jinja2 templates of report/templates. They are given the study and what it says of itself
(`effects`, `comparison`), and ways to write numbers.

Every value passes through `plain` (text.py) unless it is Markup; comments of templates are `<!--# ... #-->`, since `{#`
begins an identifier in Quarto.
"""

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ..results.costs import duration
from ..results.verdicts import PRIMARY, VERDICTS, verdict
from ..results.verify import OUTCOMES, agrees, compare, differences
from ..study.settings import Setting, noise_scale
from . import charts, text
from . import effects as fx
from .material import Study

PAGE = "study.qmd"
# Probe readings that are shares of a fall: told of arms in which training loss surely fell.
OF_A_FALL = (
    *("excess_share", "excess_leading_share", "leading_share", "negative_share", "random_share", "woken_share"),
    *("leading_needed", "woken_share_alone"),
)


def environment(folder: Path) -> jinja2.Environment:
    """The templates of a folder with our filters; an undefined name is an error, not nothing."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        finalize=text.plain,
        undefined=jinja2.StrictUndefined,
        comment_start_string="<!--#",
        comment_end_string="#-->",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {name: getattr(text, name) for name in ("number", "short", "listed", "shown", "plain")}
    made.filters |= {"verdict": verdict, "duration": duration}
    made.tests["missing"] = text.missing
    made.globals |= {"interval": text.interval, "count": text.count, "count_range": text.count_range}
    return made


def page(study: Study, engine: str, folder: Path) -> str:
    """The whole document of a study. Raises jinja2.TemplateError for a template with a mistake."""
    return environment(folder).get_template(PAGE).render(study=study, engine=engine, **context(study))


def figure(study: Study, name: str, folder: Path) -> Markup:
    """One figure `fig-NAME` of a study, for a document of its own."""
    macros = environment(folder).get_template("macros.md").make_module({"study": study, "facts": charts.facts})
    return macros.figure(name)  # type: ignore[attr-defined]


def context(study: Study) -> dict[str, Any]:
    """What the templates may ask for beside the study."""
    metric = fx.best_metric(study)
    primary = [claim for claim in study.claims if claim.get("rank") == PRIMARY]
    return {
        "facts": charts.facts,
        "slug": charts.slug(study.name),
        "recomputed": metric == "error_recomputed",
        "changes": fx.once(fx.effects(study, metric, lasting=True)),
        "readings": {"running": "error", "recomputed": "error_recomputed"},
        "effects": lambda metric, lasting: fx.effects(study, metric, lasting),
        "milestones": lambda arm: fx.own_milestones(study, arm),
        "phases": lambda arm: phases(study, arm),
        "probed": [
            row
            for row in study.rows("mechanism_summary")
            if row["quantity"] not in OF_A_FALL or row["arm"] in fallen(study)
        ],
        "primary": primary,
        "secondary": [claim for claim in study.claims if claim.get("rank") != PRIMARY],
        "verdicts": VERDICTS,
        "outcomes": OUTCOMES,
        "comparisons": [
            compared(study, kept.name, kept.claims, kept.provenance)
            for kept in ([study.reference] if study.reference else []) + list(study.replications)
            if kept is study.reference or kept.provenance["finished"] != study.provenance.get("finished")
        ],
    }


def fallen(study: Study) -> set[str]:
    """Arms in which training loss fell after the change, by the whole interval."""
    return {row["arm"] for row in study.rows("mechanism_summary", quantity="fall") if row["value_low"] > 0}


def phases(study: Study, arm: str) -> list[dict[str, Any]]:
    """The stretches of equal setting of an arm; first and last epoch of one that changes all the time."""
    rows = study.rows("schedules", arm=arm)
    starts = [0] + [i for i in range(1, len(rows)) if _setting(rows[i]) != _setting(rows[i - 1])]
    ends = [*(i - 1 for i in starts[1:]), len(rows) - 1]
    spans = list(zip(starts, ends, strict=True))
    if len(spans) > fx.MANY:
        spans = [(0, 0), (len(rows) - 1, len(rows) - 1)]
    return [{**rows[first], "last": rows[last]["epoch"], "noise": _noise(study, rows[first])} for first, last in spans]


def _setting(row: dict[str, Any]) -> tuple[float, float]:
    return row["learning_rate"], row["batch_size"]


def _noise(study: Study, row: dict[str, Any]) -> float | None:
    """Smith and Le's noise scale; None where the table does not say what noise was put back, or with what momentum."""
    momentum = row.get("momentum", study.settings.get("momentum"))
    if "noise" not in row or momentum is None or text.missing(momentum) or not study.train_size:
        return None
    setting = Setting(row["learning_rate"], row["batch_size"], momentum, noise=row["noise"])
    return float(noise_scale(setting, study.train_size))


def compared(study: Study, name: str, claims: list[dict], provenance: dict) -> dict[str, Any]:
    """The study's claims beside those of another training, by the rule of `errordrops verify`."""
    rows = compare(claims, study.claims)
    judged = [row for row in rows if row["outcome"] not in ("new", "unclaimed")]
    return {
        "name": name,
        "agrees": agrees(rows),
        "rows": judged,
        "counts": {outcome: sum(row["outcome"] == outcome for row in judged) for outcome in OUTCOMES},
        "otherwise": [row for row in judged if row["outcome"] != "same"],
        "differences": differences(provenance, study.provenance),
    }

"""The section in which readers try for themselves: arms and axes, the date of the cut, a model. Pure: studies in,
Markdown out.
"""

from collections.abc import Mapping

from . import charts
from .explanations_section import hearing
from .material import Study

FIGURES = ("error_by_epoch", "slider", "toy")


def section(study: Study, companion: Study | None, texts: Mapping[str, str]) -> str:
    """Heading and the figures that there are, each below its paragraph of `texts` (report/try by name).

    A figure is that of the study, the toy model that of the study whose mechanisms, with the formula, the page shows.
    """
    heard = hearing(study, companion)
    owners = dict.fromkeys(FIGURES, study) | ({"toy": heard.study} if heard else {})
    shown = [name for name, owner in owners.items() if name in owner.figures and (name != "toy" or heard)]
    parts = [part for name in shown for part in (texts[name].strip(), charts.figure(owners[name], name))]
    return "\n\n".join(["## Try it yourself {#sec-try}", *parts]) + "\n"

"""The sentences of the progress display. Pure: numbers in, words out."""

from collections.abc import Mapping

STEPS = {  # rule: (one, several)
    "data": ("data", "data"),
    "train": ("run", "runs"),
    "foretell": ("prediction", "predictions"),
    "closeups": ("close-up", "close-ups"),
    "audit": ("audit", "audits"),
    "probe": ("probe", "probes"),
    "collect": ("collection", "collections"),
    "analyse": ("analysis", "analyses"),
    "figure": ("figure", "figures"),
    "report": ("page", "pages"),
    "gallery": ("gallery of logs", "galleries of logs"),
}
SINGLE = ("data", "collect", "analyse", "report", "gallery")  # there is one of each


def drop(epoch: int, before: float | None, after: float) -> str:
    """`change after epoch 10, test error 18.9 to 14.6 %`."""
    value = f"{after:.1f} %" if before is None else f"{before:.1f} to {after:.1f} %"
    return f"change after epoch {epoch}, test error {value}"


def step(rule: str, of: tuple[str, str, str]) -> str:
    """`close-ups of step, seed 0`, `figure closeup`, `analysis`."""
    _, arm, seed = of
    if arm and seed:
        name = {"closeups": "close-ups", "train": "training"}.get(rule, rule)
        return f"{name} of {arm}, seed {seed}"
    if rule == "figure":
        return f"figure {arm}" if arm else "figure"
    return STEPS.get(rule, (rule, rule))[0]


def counted(steps: Mapping[str, int]) -> str:
    """`8 close-ups, 2 audits, analysis, 37 figures, page`: what is left to do, in the order in which it is done."""
    order = [*STEPS, *(rule for rule in steps if rule not in STEPS)]
    parts = []
    for rule in order:
        number = steps.get(rule, 0)
        if number:
            single, several = STEPS.get(rule, (rule, f"{rule} jobs"))
            alone = single if rule in SINGLE else f"1 {single}"
            parts.append(alone if number == 1 else f"{number} {several}")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """`40 s`, `3 min`, `2.5 h`: as precise as a forecast is."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def forecast(seconds: float | None) -> str:
    return "" if seconds is None else f"about {duration(seconds)} of training left"


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""The section on cause: a topic has a paragraph, figures, and what became of its claims. Topics that a study lacks the
arms for are left out. Pure: a Study in, Markdown out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..results.verdicts import FAILS, verdict
from . import charts
from .caveats import landed, returned, unseen
from .effects import own_milestones
from .findings import outcomes
from .material import Study
from .text import count, first_open, fold, interval, listed, number, plain

CAVEATS = {
    "moved": [("What the detector does not see", unseen)],
    "foretold": [("The same without a shared reading", landed)],
    "reversal": [("Distance or epoch?", returned)],
}
UNJUDGED = "Nothing was predicted about this beforehand, so it is shown, not judged."
UNKNOWN = "no explanation is known. A wide interval means that the seeds are too few to tell."


@dataclass(frozen=True)
class Topic:
    """A part of the section: it appears if one of `tables` has rows. `claims` is a pattern of ids; what the part says
    whatever the numbers are stands in report/cause/NAME.md.
    """

    name: str
    heading: str
    tables: tuple[str, ...]
    figures: tuple[str, ...]
    claims: str


TOPICS = (
    Topic(
        "placebos",
        "Chance? Beside active placebos",
        ("placebo_summary",),
        ("placebo_effects",),
        r".*\.(drop|level|drop_loss|level_loss|beyond_placebos)$|fork\.identical$",
    ),
    Topic(
        "moved",
        "Coincidence? Moved, smooth and absent milestones",
        ("milestone_detections",),
        ("detections", "controls"),
        r"(detector|drawn)\..*|.*\.elsewhere(_loss)?$",
    ),
    Topic(
        "foretold",
        "Foretold: the drop is there before the cut",
        ("sweep_fits",),
        ("predicted", "cut_sweep", "corrected_images"),
        r"predicted\..*",
    ),
    Topic(
        "noise",
        "Less noise: dose and response",
        ("noise_fits",),
        ("noise", "variance", "weight_norm"),
        r"noise\.(plateau|m\d+\.drops)|dose\..*|.*\.variance(_beside_none)?$|.*\.m\d+\.no_drop$",
    ),
    Topic(
        "reversal",
        "Undone: the rate restored, or low from the start",
        ("reversal", "low_rate"),
        ("reversal",),
        r"reversal\..*|low\..*",
    ),
    Topic(
        "equivalence",
        "The same curve? Batch for rate",
        ("final_differences",),
        ("equivalence",),
        r".*\.(equivalent|same_curve|alike|alike_m2|differs)\..*",
    ),
    Topic("lag", "A stale reading? The lag of batch-norm statistics", ("lag_summary",), ("lag",), r".*\.lag$"),
    Topic("speed", "What a larger batch saves", ("speed",), ("speed",), r".*\.updates$"),
)


def evidence(study: Study, texts: Mapping[str, str]) -> str:
    """The whole section, or a comment for a study without any of it. `texts`: the files of report/cause by name."""
    shown = [topic for topic in TOPICS if any(study.has(table) for table in topic.tables)]
    if not shown:
        return "<!-- no evidence beyond the milestones in this study -->\n"
    head = f"## Cause, not coincidence {{#sec-cause}}\n\n{texts['intro']}"
    return "\n\n".join([head, *(part(study, topic, texts[topic.name]) for topic in shown)]) + "\n"


def part(study: Study, topic: Topic, text: str) -> str:
    """Heading, paragraph, verdicts and figures of one topic."""
    there = [name for name in topic.figures if name in study.figures]
    names = [f"@fig-{name.replace('_', '-')}" for name in there]
    first, more = first_open(text, "How it was tested, and what to mind")
    see = f" {listed(names)} {'shows' if len(names) == 1 else 'show'} it." if names else ""
    figures = [charts.figure(study, name) for name in there]
    others = fold(f"More about it, in {count(len(figures) - 1, 'figure')}", "\n\n".join(figures[1:]))
    heading = f"### {topic.heading} {{#sec-{topic.name}}}"
    limits = [fold(asked, told) for asked, answer in CAVEATS.get(topic.name, ()) if (told := answer(study))]
    return "\n\n".join([heading, first + see, *figures[:1], verdicts(study, topic), *limits, others, more])


def verdicts(study: Study, topic: Topic) -> str:
    """How the topic's claims came out; each with its number, folded."""
    mine = [c for c in study.claims if re.fullmatch(topic.claims, str(c.get("id", "")))]
    if not mine:
        return unclaimed(study, topic)
    fails = any(verdict(c) == FAILS for c in mine)
    lead = f"Of {count(len(mine), 'claim')} about it {outcomes(mine)}"
    lead += " (@tbl-claims; [why](#sec-failed))." if fails else " (@tbl-claims)."
    listing = "\n".join(f"- {told_claim(c)}" for c in mine)
    return f"{lead}\n\n{fold('Each of these claims with its number', listing)}"


def failed(study: Study, unmet: Sequence[Mapping[str, str]]) -> str:
    """Why claims do not hold: a point for each reason, with the claims that it explains. `unmet` has the reasons
    (report/cause/unmet.yaml), each with a pattern of ids; the first that matches counts.
    """
    fails = [str(c["id"]) for c in study.claims if verdict(c) == FAILS]
    if not fails:
        return "<!-- no claim was found not to hold -->\n"
    reasons = {id: next((r["why"].strip() for r in unmet if re.fullmatch(r["claims"], id)), UNKNOWN) for id in fails}
    found = [
        f"- {listed([plain(id) for id in fails if reasons[id] == why])}: {why}"
        for why in dict.fromkeys(reasons.values())
    ]
    verb = "does" if len(fails) == 1 else "do"
    told = f"{count(len(fails), 'claim')} {verb} not hold, for {count(len(found), 'reason')}."
    why = fold("Why, reason by reason", "\n".join(found))
    return f"### Why claims do not hold {{#sec-failed}}\n\n{told}\n\n{why}"


def unclaimed(study: Study, topic: Topic) -> str:
    """What it means that nothing was claimed; for moved milestones, the claims about arms that have such."""
    usual = set(study.settings.get("milestones", []))
    moved = [arm for arm in study.every_arm if set(own_milestones(study, arm)) - usual]
    beside = [f"`{c['id']}`" for c in study.claims if str(c["id"]).split(".")[0] in moved]
    if topic.name == "moved" and beside:
        return f"{UNJUDGED} Claims about arms that change elsewhere: {listed(beside)} (@tbl-claims)."
    return UNJUDGED


def told_claim(claim: dict) -> str:
    """`step.m1.drop: −3.2 points (−4.1 to −2.2); holds`, in Markdown."""
    digits = 3 if claim.get("unit") in ("nats", "nats per nat", "share", "R2") else 2
    value = interval(claim.get("value"), claim.get("ci_low"), claim.get("ci_high"), digits)
    unit = "" if claim.get("value") is None else f" {plain(claim.get('unit') or '')}"
    return f"`{claim.get('id')}`: {value}{unit}; {verdict(claim).replace(FAILS, f'**{FAILS}**')}"


def simulated(study: Study) -> str:
    """The appendix: how far intervals and tests can be trusted, by simulation."""
    if not study.has("simulated_rates"):
        return "<!-- no simulation -->\n"
    table = study.tables["simulated_rates"]

    def rate(what: str, n: int, noise: str = "normal") -> float:
        return float(table[(table["what"] == what) & (table["n"] == n) & (table["noise"] == noise)]["rate"].iloc[0])

    seeds = sorted(set(table["n"]))
    worst = table[(table["what"] == "interval")].sort_values("rate").iloc[0]
    asked = ("interval", "wrongly equivalent", "found equivalent", "band")
    each = "; ".join(f"{n} seeds: {listed([percent(rate(what, n)) for what in asked])}" for n in seeds)
    return (
        "**Simulation.** The functions behind the claims were tried on random numbers whose truth is known. With "
        "normal noise: how often the 95\u00a0% interval holds the truth, how often two arms that differ by exactly the "
        "margin are declared equal (5\u00a0% is wanted), how often two equal arms are found equal (paired deviation "
        "0.23 points, margin 0.3), and how often the simultaneous band holds a whole curve: "
        f"{each}. The worst case tried for the interval is {plain(worst['noise'])} noise with {int(worst['n'])} seeds: "
        f"{percent(worst['rate'])}.\n"
    )


def percent(share: float) -> str:
    """0.953 as `95 %`."""
    return f"{number(100 * share, 0)}\u00a0%"

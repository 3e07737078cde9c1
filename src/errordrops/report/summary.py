"""The first screen: the answer in two sentences, and up to three numbers chosen by a rule. Pure: a Study in,
Markdown out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..analysis.changes import LEVEL_EPOCHS
from ..results.layout import Layout
from ..results.verdicts import decided
from . import effects as fx
from .about import model_on_data
from .material import Study
from .text import cell, count, count_range, listed, missing, number, raw, short

MOST = 3  # numbers
FORETOLD = ("predicted.landing", "predicted.rate.slope")  # claims that noise hid better weights
TESTED = "evidence"  # the study that tests why
BEST = "Best supported by tests: what falls is"


@dataclass(frozen=True)
class Tile:
    """One number: as it is shown, its unit, its interval or nothing, what it says (plain text), the claim behind it."""

    shown: str
    unit: str
    between: str
    says: str
    claim: str


def summary(study: Study) -> str:
    """The answer of the papers and this study's numbers for it, then the tiles."""
    found = fx.effects(study, fx.best_metric(study), lasting=True)
    lead = "**Because a setting of the training was changed there**"
    if not any(e.verdict == "drop" for e in found):
        lead = "**The answer of the papers: because a setting of the training was changed there**"
    papers = (
        "the first ResNets had their learning rate divided by 10 [@he2015, section 3.4], and multiplying the batch "
        "size instead gives the same drops [@smith2018]."
    )
    told = " ".join(filter(None, [papers, why(study), measured(study, found)]))
    return f"::: {{.answer}}\n{lead}: {told}\n\n{raw(tiles(study))}:::\n"


def why(study: Study) -> str:
    """What a change of the setting does: as tested here, where the claim about it holds, else with the study that tests
    it; nothing for a study that tests it and in which it does not hold.
    """
    if study.has("sweep_fits"):
        holds = any(c["id"] in FORETOLD and decided(c) for c in study.claims)
        return f"{BEST} noise, which hid better weights ([tested](#sec-cause))." if holds else ""
    if study.has("causes"):
        return ""
    page = Layout.of(TESTED, "results/reference").report.as_posix()
    return f"{BEST} the noise of the gradient, which hid better weights (study {TESTED}: `{page}`)."


def measured(study: Study, found: list[fx.Effect]) -> str:
    """This study's sentence: the level of test error after the first change of the rate, and of the batch."""
    if not found:
        return f"This study ({model_on_data(study)}) has no arm in which a setting changes at a milestone."
    own = fx.headline(found) or found[:1]
    seeds = count_range([e.n for e in own], "seed")
    moved = []
    for i, e in enumerate(own):
        when = "" if i and e.milestone == own[i - 1].milestone else f" after epoch {e.milestone}"
        moved.append(f"{e.what}{when}{'' if i else ' moved the level of test error'} by {fx.stated(e)}")
    beside = "" if found[0].verdict == "alone" else ", beside runs without the change"
    return f"Measured here ({model_on_data(study)}, {seeds}): {listed(moved)}{beside}{reading(study, own)}."


def reading(study: Study, own: list[fx.Effect]) -> str:
    """With which batch-norm statistics that was read, and whether the lag of the others enlarges the drops of these
    arms.
    """
    if fx.best_metric(study) == "error":
        return ""
    usual = {(e.arm, e.milestone): e for e in fx.effects(study, "error", lasting=True)}
    pairs = [(e, usual[e.arm, e.milestone]) for e in own if (e.arm, e.milestone) in usual]
    larger = pairs and all(e.verdict not in ("unclear", "rise") and lagging.size < e.size for e, lagging in pairs)
    pictured = " (the picture has running ones, whose lag enlarges its drops)" if larger else ""
    return f"; batch-norm statistics are recomputed{pictured}"


def tiles(study: Study) -> str:
    """The first numbers, in the order of `KINDS`, whose claims hold, as HTML; a comment where there are none."""
    claims = {str(claim.get("id")): claim for claim in study.claims if decided(claim)}
    found = [tile for kind in KINDS for tile in kind(study, claims)][:MOST]
    if not found:
        return "<!-- no claim of the kinds that the summary shows holds in this study -->"
    return f'<div class="tiles">\n{"".join(map(shown, found))}</div>'


def shown(tile: Tile) -> str:
    """A tile as HTML."""
    between = f'<span class="between">{cell(tile.between)}</span>' if tile.between else ""
    return (
        f'<div class="tile" data-claim="{cell(tile.claim)}"><strong>{cell(tile.shown)}</strong> '
        f"<span>{cell(tile.unit)}</span>{between}<p>{cell(tile.says)}</p></div>\n"
    )


def limits(claim: dict, level: int = 95, digits: int = 2) -> str:
    """`95 % interval −2.55 to −1.96`, nothing where there is none."""
    low, high = claim.get("ci_low"), claim.get("ci_high")
    if missing(low) or missing(high):
        return ""
    return f"{level} % interval {number(low, digits)} to {number(high, digits)}"


def effect(which: int) -> Callable[[Study, dict], Iterator[Tile]]:
    """The fall at the first change of the rate (0) or the batch (1), both by one measure."""

    def kind(study: Study, claims: dict) -> Iterator[Tile]:
        own = fx.headline(fx.effects(study, fx.best_metric(study), lasting=True))
        what = measure([e.arm for e in own], study)
        for e in own[which : which + 1]:
            claim = claims.get(f"{e.arm}.m1.{what}")
            if claim:
                yield Tile(number(claim["value"]), "points", limits(claim), told(e, what, claim), claim["id"])

    return kind


def measure(arms: list[str], study: Study) -> str:
    """`level` where a claim about it was made for any of these arms, as in the sentence above the numbers, else `drop`:
    whichever of them holds.
    """
    stated = {str(claim["id"]) for claim in study.claims}
    return "level" if any(f"{arm}.m1.level" in stated for arm in arms) else "drop"


def told(e: fx.Effect, what: str, claim: dict) -> str:
    """What was measured, when, how the error was read, and beside what."""
    beside = "active placebos: runs that go on without" if claim.get("control") == "placebo" else "runs without it"
    read = " (statistics recomputed)" if str(claim.get("metric")).endswith("recomputed") else ""
    if what == "drop":
        return f"of test error{read} in epoch {e.milestone + 1}, the first after {e.what}, beside {beside}"
    if claim.get("epoch"):
        return f"of test error{read} in epoch {claim['epoch']}, after {e.what}, beside {beside}"
    if "control" not in claim:  # a record of before there were fields for it
        return f"of test error{read} after {e.what}, beside runs without it"
    return f"of test error{read}, mean of up to {LEVEL_EPOCHS} epochs after {e.what}, beside {beside}"


def detection(study: Study, claims: dict) -> Iterator[Tile]:
    """Where a detector that does not know the schedule finds drops, and that without a change there is none as large:
    by the level of arm none at every epoch where that is claimed, else by the detector's silence, which says less.
    """
    exact, quiet = claims.get("detector.exact.error"), claims.get("detector.quiet.error")
    if not exact or not quiet:
        return
    alarms = "none" if quiet["value"] == 0 else f"{number(quiet['value'])} a run"
    without = f"in {count(int(quiet['n']), 'run')} without one it finds {alarms}"
    if any(id.endswith(".m1.elsewhere") for id in claims):
        without = "without one the level never falls that far later"
    says = (
        "that a detector blind to the schedule finds in test error begin in exactly the first epoch after a change; "
        + without
    )
    drops = f"of {count(int(exact['n']), 'drop')}"
    yield Tile(f"{number(100 * exact['value'], 0)} %", drops, "", says, exact["id"])


def foretold(study: Study, claims: dict) -> Iterator[Tile]:
    """What a cut takes off the loss beyond its placebo, and what averaging the weights had foretold."""
    claim = claims.get("predicted.rate.gain")
    if claim and study.has("sweep_fits"):
        rows = study.tables["sweep"]
        mine = rows[(rows["cut"] == "rate") & (rows["split"] == "train_eval")]
        mine = mine[mine["at"] >= study.tables["sweep_fits"]["from_epoch"].min()]
        says = (
            "of training loss are gone an epoch after a cut, beyond the placebo's; averaging the weights had foretold "
            f"{number(mine['foretold'].mean(), 3)}"
        )
        between = limits(claim, digits=3)
        yield Tile(number(claim["value"], 3), "nats", between, says, claim["id"])


def equal(study: Study, claims: dict) -> Iterator[Tile]:
    """That the larger batch ends where the lower rate does."""
    claim = claims.get("batch.equivalent.error")
    if claim:
        margin = short(claim["threshold_high"])
        says = f"of test error between the larger batch and the lower rate at the end: equal within {margin} points"
        yield Tile(number(claim["value"], sign=True), "points", limits(claim, 90), says, claim["id"])


KINDS = (effect(0), detection, foretold, equal, effect(1))

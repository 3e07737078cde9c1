"""One's own claims beside the reference's: does a study come out the same when it is run again?

Pure: lists and dictionaries in, as in claims.json and provenance.json. The rule, also printed with every result:

- A claim is **decided** if it holds or does not hold: its whole interval lies within its thresholds, or beyond one. If
  the interval reaches over a threshold it is not decided: too few seeds.
- A verdict is **reversed** if one side holds and the other does not hold. Decided beside not decided differs in
  **power** only.
- **Sizes** agree if the two intervals overlap: own value and reference differ by no more than both intervals explain.
  Two honest 95 % intervals miss each other once in about 180 times, so a few of many claims may.
- The study **agrees** if no verdict is reversed, no claim that the reference decides is missing or was judged by other
  thresholds, and no more than one in twenty of the sizes differ.
"""

from collections import Counter
from typing import Any

from ..errors import UserError
from .reference import taken
from .verdicts import decided, interval, verdict

Claim = dict[str, Any]

SIZES_THAT_MAY_DIFFER = 0.05
OUTCOMES = {  # in the order in which they are told
    "reversed": "the verdict is reversed",
    "missing": "the reference decides it, your results lack it",
    "thresholds": "judged by other thresholds than the reference",
    "size": "same verdict, the intervals do not overlap",
    "power": "decided on one side, not on the other",
    "same": "same verdict, sizes agree",
    "new": "not in the reference",
    "unclaimed": "not decided on either side",
}
WRONG = ("reversed", "missing", "thresholds")
RULE = """The rule: a verdict is reversed if one side holds and the other's whole interval lies beyond a threshold; an
interval that reaches over a threshold decides nothing (power). Sizes agree if the intervals overlap. A study agrees
without reversed, missing or otherwise judged claims, and with at most one in twenty sizes apart."""


# what a run was computed with, by its name in provenance.json: why the numbers may differ
OF_NUMERICS = {
    "device": "another device sums in another order: every bit may differ, means over seeds should not",
    "hardware": "another processor or GPU may choose other kernels, which sum in another order",
    "precision": "bf16 rounds to 8 bits: single curves differ at once, means over seeds should not",
    "threads": "sums are rounded in another order with another number of threads",
    "images_per_pass": "larger passes sum in another order",
    "torch": "another version may have other kernels and other random numbers",
    "torchvision": "another version may decode or transform images otherwise",
    "numba": "earlier versions fused batch norm and ReLU by it, which rounds otherwise",
    "python": "no effect on the numbers is known",
    "system": "another operating system brings other libraries for mathematics",
    "cores": "no effect on the numbers: a run's threads are fixed by the study",
}
OF_SETTINGS = {
    "seeds": "other seeds are other networks and other orders of the data: intervals cover this",
    "arms": "other arms: claims about those that are missing can't be compared",
    "threads": OF_NUMERICS["threads"],
}
OTHER_SETTING = "another setting is another experiment: the claims need not come out the same"
UNNUMBERED = ("title", "dataset_label")  # words for the page


def same_size(reference: Claim, own: Claim) -> bool | None:
    """Whether the intervals overlap. None where a side has none."""
    a, b = interval(reference), interval(own)
    return None if a is None or b is None else a[0] <= b[1] and b[0] <= a[1]


def outcome(reference: Claim | None, own: Claim | None) -> str:
    """One of OUTCOMES."""
    if reference is None:
        return "new"
    before, now = decided(reference), decided(own)
    if own is None or (own["value"] is None and reference["value"] is not None):
        return "missing" if before is not None else "unclaimed"
    if any(reference[name] != own[name] for name in ("threshold_low", "threshold_high")):
        return "thresholds"
    if None not in (before, now) and before != now:
        return "reversed"
    if same_size(reference, own) is False:
        return "size"
    if before != now:
        return "power"
    return "unclaimed" if reference["value"] is None else "same"


def compare(reference: list[Claim], own: list[Claim]) -> list[dict[str, Any]]:
    """One row per claim of either side, the reference's order first: id, outcome, and both claims (None: not there).

    Raises UserError if an id is there twice.
    """
    sides = []
    for name, claims in (("the reference", reference), ("your results", own)):
        twice = [id for id, times in Counter(claim["id"] for claim in claims).items() if times > 1]
        if twice:
            raise UserError(f"claims.json of {name}: claim {twice[0]} is there more than once")
        sides.append({claim["id"]: claim for claim in claims})
    before, now = sides
    return [
        {"id": id, "outcome": outcome(before.get(id), now.get(id)), "reference": before.get(id), "own": now.get(id)}
        for id in dict.fromkeys([*before, *now])
    ]


def agrees(rows: list[dict[str, Any]]) -> bool:
    """The rule at the top of this module."""
    if any(row["outcome"] in WRONG for row in rows):
        return False
    sizes = [
        row for row in rows if row["reference"] and row["own"] and same_size(row["reference"], row["own"]) is not None
    ]
    apart = sum(row["outcome"] == "size" for row in rows)
    return apart <= SIZES_THAT_MAY_DIFFER * len(sizes)


def verify(reference: tuple[list[Claim], dict[str, Any]], own: tuple[list[Claim], dict[str, Any]]) -> dict[str, Any]:
    """The whole comparison of (claims.json, provenance.json) with those of the reference, ready for JSON."""
    rows = compare(reference[0], own[0])
    from_reference, runs = taken(own[1])
    return {
        "study": own[1]["study"],
        "agrees": agrees(rows),
        "outcomes": {name: sum(row["outcome"] == name for row in rows) for name in OUTCOMES},
        "claims": rows,
        "differences": differences(reference[1], own[1]),
        "runs": runs,
        "runs_from_reference": from_reference,
    }


def differences(reference: dict[str, Any], own: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs: {what, reference, own, why} each, from two provenance.json."""
    differing = []

    def note(what: str, before: Any, now: Any, why: str) -> None:
        if before != now:
            differing.append({"what": what, "reference": before, "own": now, "why": why})

    for name in sorted({*reference["settings"], *own["settings"]} - set(UNNUMBERED)):
        before, now = (_setting(side["settings"], name) for side in (reference, own))
        note(f"setting {name}", before, now, OF_SETTINGS.get(name, OTHER_SETTING))
    before, now = ([data["checksum"][:12] for data in side["data"]] for side in (reference, own))
    note("data checksum", before, now, "other images, or the same in another order: another experiment")
    for name, why in OF_NUMERICS.items():
        before, now = ([str(n.get(name)) for n in side["numerics"]] for side in (reference, own))
        note(name, sorted({*before}), sorted({*now}), why)
    note("errordrops", reference["errordrops"], own["errordrops"], "analysis and claims may have changed")
    note("code of training", sorted(reference["code"]), sorted(own["code"]), "training may have changed")
    return differing


def _setting(settings: dict[str, Any], name: str) -> Any:
    """A setting as it is compared: arms by name and schedule."""
    value = settings.get(name)
    return [f"{arm['name']}: {arm['description']}" for arm in value] if name == "arms" and value else value


def _cell(claim: Claim | None) -> str:
    """Verdict, value and interval of one side."""
    if claim is None:
        return "not there"
    if claim["value"] is None:
        return "no value"
    bounds = f" [{claim['ci_low']:.3g}, {claim['ci_high']:.3g}]" if claim["ci_low"] is not None else ""
    return f"{verdict(claim):<12} {claim['value']:.3g}{bounds}"


def words(result: dict[str, Any]) -> str:
    """The comparison for people: a table, what the outcomes mean, what differs and why it may."""
    order = list(OUTCOMES)
    rows = [
        (
            row["id"],
            _cell(row["reference"]),
            _cell(row["own"]),
            (row["own"] or row["reference"])["unit"],
            row["outcome"],
        )
        for row in sorted(result["claims"], key=lambda row: order.index(row["outcome"]))
    ]
    head = ("claim", "reference", "yours", "unit", "outcome")
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]
    lines += ["", "not decided: the interval reaches over the threshold."]
    lines += [
        f"{result['outcomes'][name]:>4} {name}: {meaning}"
        for name, meaning in OUTCOMES.items()
        if result["outcomes"][name]
    ]
    lines += ["", RULE, "", *_made(result)]
    lines += [
        f"- {d['what']}: {d['own']}, reference {d['reference']}. {d['why'].capitalize()}."
        for d in result["differences"]
    ]
    agreement = "agrees" if result["agrees"] else "does NOT agree"
    return "\n".join([*lines, "", f"Study {result['study']} {agreement} with the reference."])


def _made(result: dict[str, Any]) -> list[str]:
    """Who trained the runs, and a line above the differences."""
    lines, taken_over, runs = [], result["runs_from_reference"], result["runs"]
    if taken_over == runs:
        lines.append(
            f"All {runs} runs were taken from the reference: this compares the reference with itself, that is, the "
            "analysis alone."
        )
    elif taken_over:
        lines.append(f"{taken_over} of {runs} runs were taken from the reference and agree by construction.")
    return [*lines, "What differs, and why it may matter:" if result["differences"] else "Nothing else differs."]

"""The primary claims of a study as one family: which they are, and what is left of them when judged together."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from ..results.verdicts import FAILS, HOLDS, LEVEL, NOTHING, OPEN, PRIMARY, claim, overruled
from ..study.study import Study

Claim = dict[str, Any]


def ranked(study: Study, claims: Sequence[Claim]) -> list[Claim]:
    """The claims with rank, when they were stated, and, for primary ones, what Holm's correction leaves of the verdict
    (`adjusted`, with `p_adjusted`). A primary claim that nothing was made for stands among them, not tested: what a
    study file states is never lost. Primary ones come first, in the order of the file.
    """
    stated = list(study.claims.get("primary", []))
    late = list(study.claims.get("after", []))
    known = {made["id"]: made for made in claims}
    chosen = [known.get(id) or claim(id, _missing(id), "", "", NOTHING) for id in stated]
    others = [made for made in claims if made["id"] not in stated]
    first = holm([made | {"rank": PRIMARY} for made in chosen])
    return [
        made | {"stated": "after" if any(fnmatchcase(made["id"], pattern) for pattern in late) else "before"}
        for made in (*first, *(made | {"adjusted": None, "p_adjusted": None} for made in others))
    ]


def _missing(id: str) -> str:
    return f"The study file states {id} as primary; the study lacks the arms for it."


def holm(claims: Sequence[Claim]) -> list[Claim]:
    """Holm 1979: the p-values in rising order, each times the number of those that are left, never falling.

    A claim holds in the family if that stays below 0.05. One whose interval refutes it is refuted in the family as
    well: the correction guards what is claimed. Claims without a p-value (not tested) count in the family's size.
    """
    order = sorted(range(len(claims)), key=lambda i: _p(claims[i]))
    adjusted: dict[int, float] = {}
    so_far = 0.0
    for place, index in enumerate(order):
        so_far = max(so_far, min(1.0, _p(claims[index]) * (len(claims) - place)))
        adjusted[index] = so_far
    made = []
    for index, each in enumerate(claims):
        word = each["verdict"]
        if word == HOLDS and adjusted[index] >= LEVEL:
            word = OPEN
        known = None if each["p"] is None else adjusted[index]
        made.append({**each, "adjusted": word, "p_adjusted": known})
    return made


def _p(claim: Mapping[str, Any]) -> float:
    return 1.0 if claim["p"] is None else float(claim["p"])


def unsettled(study: Study, claims: Sequence[Claim], apart: Mapping[tuple[str, int], str]) -> list[Claim]:
    """Claims that use runs which do not belong with the others (`apart`: their arm and seed, and why) decide nothing.

    A claim about one arm uses that arm and its controls; any other claim uses all.
    """
    if not apart:
        return list(claims)
    names = {arm.name: arm for arm in study.arms}
    bad = {arm for arm, _ in apart}
    controls = any(arm not in names or names[arm].role != "schedule" or arm == "none" for arm in bad)
    reasons = "; ".join(f"arm {arm}, seed {seed}: {why}" for (arm, seed), why in list(apart.items())[:3])
    more = f"; and {len(apart) - 3} more" if len(apart) > 3 else ""
    made = []
    for each in claims:
        own = each["id"].split(".")[0]
        uses = controls or own not in names or own in bad
        settled = each["verdict"] in (HOLDS, FAILS)
        reason = f"runs that do not belong together ({reasons}{more})"
        made.append(overruled(each, OPEN, reason) if uses and settled else each)
    return made

"""The last lines of a call that made a page: the drops, how many claims hold, where the page is."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..results.verdicts import FAILS, HOLDS, PRIMARY, verdict

LEVEL = re.compile(r"([a-z][a-z0-9_-]*)\.m(\d+)\.level")  # ids are names that stay
SHOWN = ("step", "batch", "hybrid", "restored", "swap")


def closing(study: str, page: Path) -> list[str]:
    """Three lines; fewer where the claims lack what they tell."""
    claims: list[dict[str, Any]] = []
    with suppress(OSError, ValueError):
        claims = json.loads((page.parents[1] / "claims.json").read_text())
    return [*drops(claims), *held(claims), f"Page: {page}   (errordrops open {study} shows it)"]


def drops(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line: at each change how much lower test error is in each arm than without it, over up to five epochs."""
    by_milestone: dict[int, list[str]] = {}
    for claim in claims:
        named = LEVEL.fullmatch(claim["id"])
        if named and named[1] in SHOWN and claim.get("value") is not None:
            low, high = claim["ci_low"], claim["ci_high"]
            interval = "" if low is None or high is None else f" [{_fall(high)}, {_fall(low)}]"
            by_milestone.setdefault(claim["milestone"], []).append(f"{named[1]} {_fall(claim['value'])}{interval}")
    if not by_milestone:
        return []
    parts = [f"after epoch {epoch} {', '.join(arms)}" for epoch, arms in sorted(by_milestone.items())]
    return [f"Drop of test error over the next epochs, beyond that without the change, in points: {'; '.join(parts)}"]


def _fall(change: float) -> str:
    """A change of the error as a fall, without a sign on zero."""
    return f"{-change:.1f}".replace("-0.0", "0.0") if abs(change) < 0.05 else f"{-change:.1f}"


def held(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line: how many of the primary claims hold, of all where none is called primary."""
    primary = [claim for claim in claims if claim.get("rank") == PRIMARY]
    counted = primary or list(claims)
    if not counted:
        return []
    verdicts = [verdict(claim) for claim in counted]
    kind = "primary claims" if primary else "claims"
    holds, fails = verdicts.count(HOLDS), verdicts.count(FAILS)
    rest = len(verdicts) - holds - fails
    return [f"{holds} of {len(verdicts)} {kind} hold, {fails} do not, {rest} are not decided"]

"""The paragraph on trainings of the same study that were kept beside the reference. Pure: a Study in, Markdown out."""

from collections.abc import Mapping, Sequence

from ..results.reference import Replication
from ..results.verdicts import verdict
from ..results.verify import OUTCOMES, agrees, compare, differences
from .material import Study
from .text import NOTHING, cell, count, floating, fold, interval, listed, plain, table

TOLD = ("reversed", "thresholds", "size", "power")  # outcomes that readers want to see claim by claim
HEAD = ["Claim", "This page", "Trained again", "Outcome"]


def replicated(study: Study) -> str:
    """What came out when the study was trained again, or a comment where it was not, or only by the page's own runs."""
    others = [r for r in study.replications if r.provenance["finished"] != study.provenance.get("finished")]
    return "\n\n".join(told(study, r) for r in others) or "<!-- not trained again -->\n"


def told(study: Study, again: Replication) -> str:
    """Counts in the open; claim by claim what did not come out the same, folded."""
    rows = [
        row for row in compare(study.claims, again.claims) if row["own"] and row["outcome"] not in ("new", "unclaimed")
    ]
    n = {outcome: sum(row["outcome"] == outcome for row in rows) for outcome in OUTCOMES}
    alike = "same" if study.settings.get("seeds") == again.provenance["settings"].get("seeds") else "other"
    agreement = "they agree" if agrees(list(rows)) else "they do **not** agree"
    text = (
        f"**Trained again.** In a second training of all {count(len(again.provenance['runs']), 'run')} ({alike} seeds) "
        f"{n['same']} of {count(len(rows), 'claim')} came out the same and **{n['reversed'] or 'none'}** reversed: "
        f"{agreement}."
    )
    return f"{text}\n\n{fold('What came out otherwise, and what else differs', more(study, again, rows, n))}"


def more(study: Study, again: Replication, rows: Sequence[Mapping], n: Mapping[str, int]) -> str:
    """All outcomes, a table of the claims that did not come out the same, and what may have made the difference."""
    later = len({str(c["id"]) for c in study.claims} - {str(c["id"]) for c in again.claims})
    told = listed([f"{n[name]} *{name}* ({meaning})" for name, meaning in OUTCOMES.items() if n[name]])
    lead = (
        f"Kept as {plain(again.name)}. Claims that have a value, by the rule of `errordrops verify`: {told}. The same "
        "seeds mean the same initial weights and the same images in the same order."
        f"{f' Stated only since, and not compared: {later}.' if later else ''}"
    )
    shown = [
        [named(row), side(row["reference"]), side(row["own"]), cell(row["outcome"])]
        for outcome in TOLD
        for row in rows
        if row["outcome"] == outcome
    ]
    caption = f"Claims that came out otherwise in {plain(again.name)}: verdict, value and interval on either side."
    made = floating(f"tbl-again-{again.name.lower().replace('.', '-')}", table(HEAD, shown, left=4), caption)
    facts = [
        f"- {plain(d['what'])}: {words(d['reference'])}; then {words(d['own'])}. {plain(d['why'].capitalize())}."
        for d in differences(study.provenance, again.provenance)
    ]
    listing = "\n".join(facts) or "Nothing else differs."
    return "\n\n".join([lead, *([made] if shown else []), listing])


def words(value: object) -> str:
    """A fact of provenance, or several."""
    return listed([plain(one) for one in value]) if isinstance(value, list) else plain(value)


def named(row: Mapping) -> str:
    """The id of a claim, and below it its unit."""
    return f'<code>{cell(row["id"])}</code><span class="below">{cell((row["own"] or row["reference"])["unit"])}</span>'


def side(claim: Mapping | None) -> str:
    """`holds`, and below it `−2.13 (−2.34 to −1.92)`."""
    if claim is None or claim["value"] is None:
        return NOTHING
    value = interval(claim["value"], claim["ci_low"], claim["ci_high"], 3)
    return f'{cell(verdict(claim))}<span class="below">{value}</span>'

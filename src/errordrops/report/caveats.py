"""What numbers do not say by themselves: what the blind detector misses, what slope and prediction share. Pure."""

from ..results.intervals import t_interval
from ..results.verdicts import decided
from .material import Study
from .text import count, interval, listed, number


def unseen(study: Study) -> str:
    """How many changes it misses, how many planted drops it would have seen where nothing changes, and what says more
    than its silence; empty where the study lacks the tables.
    """
    return " ".join(filter(None, [missed(study), silence(study)]))


def missed(study: Study) -> str:
    """Of the changes after which test error should fall, those at which it reports a drop."""
    row = _test_error(study, "recall")
    if row is None or not row.expected:
        return ""
    others, found = int(row.expected - row.first), int(row.found - row.first_found)
    told = (
        f"It marks {int(row.found)} of {count(int(row.expected), 'change')} after which test error should fall, "
        f"{int(row.first_found)} of {int(row.first)} at first milestones"
    )
    return f"{told} and {found} of {others} that come later or are smaller." if others else f"{told}."


def silence(study: Study) -> str:
    """What its silence in arm none is worth."""
    row = _test_error(study, "planted")
    if row is None:
        return ""
    told = (
        f"A fall of {number(row.size)} points planted in arm *none*, its noise left as it is, would have been marked "
        f"in {int(row.found)} of {int(row.planted)} trials, so its silence there says "
        f"{'little' if row.found < row.planted / 2 else 'something'}."
    )
    more = [c["id"] for c in study.claims if str(c["id"]).endswith(".m1.elsewhere") and decided(c)]
    return told + (
        f" What says more: from the milestone on the level of arm *none* falls after no epoch as far as at the change "
        f"(`{more[0]}`)."
        if more
        else ""
    )


def landed(study: Study) -> str:
    """That the prediction survives without the reading that it shares with the fall; empty without a cut sweep."""
    rows = study.tables["landings"] if study.has("landings") else None
    loss = {} if rows is None else {row.cut: row for row in rows[rows["split"] == "train_eval"].itertuples()}
    if not {"rate", "batch", "placebo"} <= set(loss):
        return ""
    words = {"rate": "where the rate was cut", "batch": "where the batch grew", "placebo": "in placebos"}
    each = [f"{number(loss[cut].r_average, sign=True)} {said}" for cut, said in words.items()]
    return (
        "Loss after the epoch and loss of the average before it have no reading in common. With means "
        f"of dates and seeds taken out they correlate: {listed(each)}."
    )


def returned(study: Study) -> str:
    """Whether the data tell equal distance from equal epoch, once the rate is restored; empty without such an arm."""
    if not study.has("reversal"):
        return ""
    rows = study.tables["reversal"]
    each = {"difference": "equal summed rate", "difference_same_epoch": "equal epoch"}
    found = {name: t_interval(rows[name], 0.9) for name in each}
    told = [f"{interval(*found[name], 3, sign=True)} nats at {words}" for name, words in each.items()]
    apart = found["difference"].low > found["difference_same_epoch"].high
    apart |= found["difference"].high < found["difference_same_epoch"].low
    mind = "" if apart else ", so these seeds do not tell which of the two counts"
    return f"Arm *reversal* less arm *none*, 90\u00a0% intervals: {listed(told)}{mind}."


def _test_error(study: Study, table: str):
    """The row of test error; None where there is none."""
    rows = study.tables[table] if study.has(table) else None
    if rows is None:
        return None
    mine = rows[rows["split"] == "test"]
    return None if mine.empty else next(mine.itertuples())

"""The section on published logs: what `errordrops explain` finds in them. Pure: a Study in, Markdown out."""

import pandas as pd

from .study import Study
from .text import NOTHING, cell, count, floating, folded, short, table

SUMS = ("visible", "found", "exact", "blind", "attributed", "other", "blamed")
HEAD = ["Log", "Schedule", "Changes after", "Visible", "Found", "Exact", "Laid to it", "Elsewhere"]
CAPTION = (
    "Published training logs, read as they are. Changes: epochs (or evaluated windows) completed. Visible: changes at "
    "which test error falls by more than 3 robust deviations of its one-epoch changes; found: within one evaluated "
    "epoch, exact: in the first; laid to it: attributed to that change. Elsewhere: drops at no change, in parentheses "
    "those that the answer lays to the schedule all the same."
)


def gallery(study: Study) -> str:
    """Heading, totals and table, or a comment where no table of published logs is there."""
    logs = study.gallery
    if logs is None or logs.empty:
        return "<!-- no table of published logs -->\n"
    rows = [row(log) for log in logs.itertuples()]
    heading = "## Other people's logs {#sec-logs}"
    return "\n\n".join(
        [heading, told(logs), floating("tbl-logs", folded("Every log", table(HEAD, rows, left=3)), CAPTION)]
    )


def told(logs: pd.DataFrame) -> str:
    """Totals in words."""
    total = logs[list(SUMS)].sum()
    quiet = logs[logs["milestones"].isna()]
    alarms = int(quiet["other"].sum())
    verb = "was" if alarms == 1 else "were"
    return (
        "`errordrops explain` answers the question for a log of one's own: a detector that never sees the schedule "
        "finds drops, each is laid beside the changes of learning rate and batch size, and at changes without one the "
        f"curve is looked at once more. In {count(len(logs), 'log')} that people published in "
        f"{logs['source'].nunique()} repositories it found {total['found']} of {total['visible']} visible changes "
        f"within one evaluated epoch, {total['blind']} of them blind and {total['exact']} exactly, and laid "
        f"{total['attributed']} to the right change. It reported {count(int(total['other']), 'drop')} elsewhere; "
        f"in the {len(quiet)} logs without a sudden change there {verb} {alarms or 'none'} (@tbl-logs). "
        "Where a log does not tell its schedule it was stated to the command, as a user would."
    )


def row(log) -> list[str]:
    """The cells of one log."""
    changes = NOTHING if pd.isna(log.milestones) else cell(str(log.milestones).replace(";", ", "))
    numbers = [short(float(value)) for value in (log.visible, log.found, log.exact, log.attributed)]
    elsewhere = f"{int(log.other)} ({int(log.blamed)})" if log.other else "0"
    name = f'{cell(log.source)}<span class="below">{cell(log.model)}, {cell(log.dataset)}</span>'
    return [name, cell(log.kind), changes, *numbers, elsewhere]

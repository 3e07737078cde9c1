"""The section on published logs: what `errordrops explain` finds in them. Pure: a Study in, Markdown out."""

import pandas as pd

from .material import Study
from .text import NOTHING, cell, count, floating, fold, short, table

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
    every = floating("tbl-logs", table(HEAD, rows, left=3), CAPTION)
    return "\n\n".join([heading, told(logs), fold("How a log is read", more(logs)), fold("Every log", every)])


def told(logs: pd.DataFrame) -> str:
    """Totals in words."""
    total = logs[list(SUMS)].sum()
    return (
        f"`errordrops explain` answers the question for a log of one's own. In {count(len(logs), 'log')} published in "
        f"{logs['source'].nunique()} repositories it found {total['found']} of {total['visible']} visible changes "
        f"within one evaluated epoch, laid {total['attributed']} to the right change, and reported "
        f"{count(int(total['other']), 'drop')} elsewhere (@tbl-logs)."
    )


def more(logs: pd.DataFrame) -> str:
    """What is done, and what the totals leave out."""
    total = logs[list(SUMS)].sum()
    quiet = logs[logs["milestones"].isna()]
    alarms = int(quiet["other"].sum())
    return (
        "A detector that never sees the schedule finds drops, each is laid beside the changes of learning rate and "
        "batch size, and at changes without one the curve is looked at once more. Of the changes found, "
        f"{total['blind']} were found blind and {total['exact']} in exactly the first evaluated epoch. In the "
        f"{len(quiet)} logs without a sudden change it reported {count(alarms, 'drop') if alarms else 'none'}. Where a "
        "log does not tell its schedule it was stated to the command, as a user would."
    )


def row(log) -> list[str]:
    """The cells of one log."""
    changes = NOTHING if pd.isna(log.milestones) else cell(str(log.milestones).replace(";", ", "))
    numbers = [short(float(value)) for value in (log.visible, log.found, log.exact, log.attributed)]
    elsewhere = f"{int(log.other)} ({int(log.blamed)})" if log.other else "0"
    name = f'{cell(log.source)}<span class="below">{cell(log.model)}, {cell(log.dataset)}</span>'
    return [name, cell(log.kind), changes, *numbers, elsewhere]

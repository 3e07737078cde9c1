"""How fast the loss falls, update by update: the first epoch after the milestone with the change and without it.

Both are trained once more from the state before, in the same order of the data where the batch is the same.
"""

from .subject import Row, Subject, row

EARLY = (0, 1, 2, 4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128)  # updates at which the loss is read, and the last one


def probe(subject: Subject) -> list[Row]:
    """loss (nats, fixed training subset) after updates (index) of the first epoch, at "after" with the change and at
    "unchanged" without it. Of a run in which nothing changes both are one.
    """
    surface, m = subject.reading(), subject.milestone
    rows: list[Row] = []
    before = subject.weights("before")
    for moment, setting in (("after", subject.settings[m]), ("unchanged", subject.settings[m - 1])):
        path = subject.replay(m + 1, setting=setting)
        for update in (*[u for u in EARLY if u < len(path)], len(path)):
            weights = before if update == 0 else path[update - 1]
            rows.append(row(moment, "loss", surface.loss(weights), update))
        rows.append(row(moment, "updates", len(path)))
    return rows

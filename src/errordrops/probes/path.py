"""The weights' path along the leading directions, update by update: how far it is thrown about before and after."""

from .subject import Row, Subject, row


def probe(subject: Subject) -> list[Row]:
    """variance (index: leading direction) over the updates of the last epoch before the milestone and of the second
    after it, and offset_squared, (weights - average)^2 along the direction, at the moments.
    """
    _, vectors = subject.leading()
    rows: list[Row] = []
    for moment, epoch in (("before", subject.milestone), ("after", subject.milestone + 2)):
        projected = subject.replay(epoch) @ vectors
        rows += [row(moment, "variance", value, i) for i, value in enumerate(projected.var(0).tolist())]
    for moment in ("before", "after", "later"):
        offset = (subject.weights(moment) - subject.weights(moment, "averaged")) @ vectors
        rows += [row(moment, "offset_squared", value, i) for i, value in enumerate(offset.square().tolist())]
    return rows

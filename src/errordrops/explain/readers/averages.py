"""What a program prints beside a value: the mean since the epoch began, or since training began.

`Loss 0.52 (0.61)` of pytorch/examples has the mean of the epoch in brackets, whose last value is the epoch's;
`loss: 0.52 (0.88)` of maskrcnn-benchmark the mean of the whole run, which hides every drop. Rows are changed in place.
"""

import numpy as np

OUTSIDE = "_outside "  # before a name: the value that stands outside the brackets
BARE = "bare value"  # of `train: 0.71, val: 0.68`, which does not say what it measures
CLOSE = 0.03  # relative distance of a mean since the start from the mean of what was printed


def settle(rows: list[dict[str, float]], running: set[str]) -> None:
    """Choose between the value and the mean in brackets for each name, and between accuracy and loss for bare
    values."""
    for name in list(running):
        places = [i for i, row in enumerate(rows) if OUTSIDE + name in row]
        outside = np.array([rows[i][OUTSIDE + name] for i in places])
        means = np.array([rows[i][name] for i in places])
        epochs = _epochs(rows, places)
        if since_the_start(outside, means, epochs):
            running.discard(name)
            for i in places:
                rows[i][name] = rows[i][OUTSIDE + name]
    for row in rows:
        for key in [key for key in row if key.startswith(OUTSIDE)]:
            del row[key]
    _name_bare(rows)


def since_the_start(outside: np.ndarray, means: np.ndarray, epochs: np.ndarray | None) -> bool:
    """Whether the means go on over the whole run. outside, means: shape (n,); epochs: of each, None where none is
    told."""
    if epochs is None:
        return True
    if len(np.unique(epochs)) < 2 or len(means) < 2 * len(np.unique(epochs)):
        return False
    scale = float(np.median(np.abs(means))) or 1.0
    whole = np.cumsum(outside) / np.arange(1, len(outside) + 1)
    within = np.concatenate(
        [np.cumsum(outside[epochs == e]) / np.arange(1, (epochs == e).sum() + 1) for e in dict.fromkeys(epochs)]
    )
    off = [float(np.median(np.abs(means - m))) / scale for m in (whole, within)]
    return off[0] < CLOSE and off[0] < 0.5 * off[1]


def _epochs(rows: list[dict[str, float]], places: list[int]) -> np.ndarray | None:
    """The epoch of each of the rows, None where none is told."""
    now, out, wanted = np.nan, [], set(places)
    for i, row in enumerate(rows):
        now = row.get("epoch", now)
        if i in wanted:
            out.append(now)
    found = np.array(out)
    return None if np.isnan(found).all() else found


def _name_bare(rows: list[dict[str, float]]) -> None:
    """Bare values that rise are accuracies; those that fall, as a loss or an RMSE does, are losses."""
    names = {name for row in rows for name in row if name.endswith(BARE)}
    for name in names:
        values = np.array([row[name] for row in rows if name in row])
        quarter = max(1, len(values) // 4)
        falls = values[-quarter:].mean() < values[:quarter].mean()
        better = name.replace(BARE, "loss" if falls else "accuracy")
        for row in rows:
            if name in row:
                value = row.pop(name)
                row.setdefault(better, value)

"""Progress bars on their way: what they show is an average that is not yet complete, unless the run is one bar.

A bar an epoch is read when it is full. A run of one bar, as trainers that count steps alone show it, is read state by
state: `steps: 4%|  | 40/1000 [01:00<24:00, avr_loss=0.166]`.
"""

COUNTER, WHOLE = "_counter", "_whole"
FEW = 5  # full bars with results that make a log of them


def chosen(rows: list[dict[str, float]], partial: list[tuple[int, dict[str, float]]]) -> list[dict[str, float]]:
    """The rows, with the states of bars among them where there are hardly any results without them.

    partial: (before which row it stands, names and values, COUNTER and WHOLE) of each state.
    """
    names = {name for _, row in partial for name in row} - {COUNTER, WHOLE}
    full = sum(1 for row in rows if names & row.keys())
    if not partial or full >= FEW or len(partial) < max(FEW, 2 * full):
        return rows
    out, at, sweep, last = [], 0, 0, -1.0
    for place, row in partial:
        out += rows[at:place]
        at = place
        if row[COUNTER] < last:
            sweep += 1
        last = row[COUNTER]
        out.append({name: value for name, value in row.items() if name not in (COUNTER, WHOLE)})
        out[-1].setdefault("step", sweep * row[WHOLE] + row[COUNTER])
    for row in rows[at:]:  # the full bar carries its step as well
        out.append(row | ({"step": (sweep + 1) * partial[-1][1][WHOLE]} if names & row.keys() else {}))
    return out

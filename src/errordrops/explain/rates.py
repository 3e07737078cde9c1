"""What a setting does over time: sudden steps, short bumps, gradual motion and its turning points. Pure.

All functions take the setting as it was in force at the points of a curve, shape (n,).
"""

import math
from itertools import pairwise

import numpy as np

SUDDEN = 1.4  # a factor; 0.7 is the mildest of the factors that people divide by
MILD = 1.1  # a factor that counts where the setting rests on both sides of the step
REST = 3  # points of rest that make a mild step or a bump
CALM = 3.0
BACK = 2.0  # the same for changes the other way
AROUND = 2  # points on either side that must be calm
FEW_MOVES = 4  # a setting that moves no more often than this goes in steps, even close to each other
SMOOTH_STEP = 0.002  # relative change of a setting that counts as one
STILL = 1e-6  # relative change that is none
LONGEST_BUMP = 3  # points
COARSEST = 50  # a rate printed in fewer units of its last digit than this at its height is coarse
MANY_TURNS = 9


def steps(seen: np.ndarray, rate: bool) -> tuple[list[int], bool]:
    """(indices k of sudden steps from seen[k] to seen[k + 1], whether the setting also moves gradually).

    A sudden step is one of at least SUDDEN whose surroundings move less by CALM, both as ratios and as differences. So
    neither a warm-up nor a cosine, a cycle or a decay a little every epoch has any, whereas a division at a milestone
    and the rise of a warm restart have. Between stretches of rest a step of MILD is one; so are both ends of a bump.
    `rate`: the setting is a learning rate, whose rise at the very beginning is a warm-up.
    """
    floor = 1e-6 * seen.max()
    logs = np.diff(np.log(np.maximum(seen, floor)))
    differences = np.diff(seen)
    rounding = _rounding(seen)
    moves = np.abs(logs) > SMOOTH_STEP
    found = []
    for k in np.flatnonzero((np.abs(logs) >= math.log(MILD)) & ~rounding).tolist():
        if rate and logs[k] > 0 and (k < AROUND or seen[k + 1] < seen.max() / 10):
            continue  # what rises at the very beginning, or from nothing to little, is a warm-up
        if _calm(k, logs, differences, moves) or _rests(k, logs) or _bump(k, logs):
            found.append(k)
    still = np.abs(differences) <= STILL * seen.max()
    rest = int((~still).sum()) - len(found)
    gradual = rest > max(2, 0.1 * len(logs)) or int(moves.sum()) - len(found) > max(2, 0.05 * len(logs))
    return found, bool(gradual)


def _calm(k: int, logs: np.ndarray, differences: np.ndarray, moves: np.ndarray) -> bool:
    """Whether a step of SUDDEN stands out of the steps around it."""
    if abs(logs[k]) < math.log(SUDDEN):
        return False
    near = [j for j in range(max(0, k - AROUND), min(len(logs), k + AROUND + 1)) if j != k]
    if moves.sum() <= FEW_MOVES and not moves[[j for j in near if abs(j - k) == 1]].any():
        near = []  # levels between a few steps, however short: 80 % and 90 % of a short run
    # what moves the other way around it, as a cosine does before a warm restart, may be larger
    ratios = [abs(logs[j]) * (CALM if logs[j] * logs[k] > 0 else BACK) for j in near]
    return max(ratios, default=0) <= abs(logs[k]) and all(
        abs(differences[j]) <= abs(differences[k]) / CALM for j in near
    )


def _rests(k: int, logs: np.ndarray) -> bool:
    """Whether the setting stands still for REST points on both sides of a step."""
    before, after = logs[max(0, k - REST + 1) : k], logs[k + 1 : k + REST]
    enough = len(before) == REST - 1 and len(after) == REST - 1
    return enough and bool((np.abs(np.append(before, after)) <= STILL).all())


def _bump(k: int, logs: np.ndarray) -> bool:
    """Whether a step is one end of a bump of at most LONGEST_BUMP points between stretches of rest: x 8 for an
    epoch."""
    if abs(logs[k]) < math.log(SUDDEN):
        return False
    for length in range(1, LONGEST_BUMP + 1):
        for start in (k, k - length):
            end = start + length
            outside = [*range(start - REST, start), *range(end + 1, end + REST + 1)]
            if start < REST or end + REST >= len(logs):
                continue
            inside = logs[start + 1 : end]
            back = abs(logs[start] + logs[end]) < 0.05 * abs(logs[start])
            if back and (np.abs(logs[outside]) <= STILL).all() and (np.abs(inside) <= STILL).all():
                return True
    return False


def _rounding(seen: np.ndarray) -> np.ndarray:
    """Which steps are only the last digit of a setting that is printed with few digits, shape (n - 1,).

    A rate that falls smoothly to 0.000003, 0.000002, ... moves by one unit of its last digit at a time.
    """
    differences = np.abs(np.diff(seen))
    moving = differences > STILL * max(seen.max(), 1e-300)
    if moving.sum() < 4:
        return np.zeros(len(differences), dtype=bool)
    unit = float(differences[moving].min())
    power = 10.0 ** round(math.log10(unit)) if unit > 0 else 0.0
    coarse = abs(unit / power - 1) < 1e-3 and power <= 1e-3 and seen.max() <= COARSEST * power if power else False
    small = differences <= 1.5 * unit
    return moving & small if coarse and small[moving].mean() > 0.7 else np.zeros(len(differences), dtype=bool)


def turns(seen: np.ndarray) -> list[tuple[int, str]]:
    """Where a gradual setting turns: (index of the point, what begins there: rises, falls or rests), the first at 0.

    Motion of less than 2 % of the setting's range, and rest of fewer than REST points, count as nothing.
    """
    span = float(np.ptp(seen))
    if span <= 0:
        return [(0, "rests")]
    coarse = _rounding(seen).any()
    ways = np.sign(np.where(np.abs(np.diff(seen)) > 1e-4 * span, np.diff(seen), 0)).astype(int)
    runs: list[list[int]] = []  # first index, last index + 1, way
    for k, way in enumerate(ways):
        if runs and runs[-1][2] == way:
            runs[-1][1] = k + 1
        else:
            runs.append([k, k + 1, int(way)])
    kept: list[list[int]] = []
    while coarse and len(runs) > 1 and runs[0][2] == 0:  # it rests only as far as its digits go
        runs[1][0] = runs.pop(0)[0]
    for run in runs:
        short = (
            (coarse and run[2] == 0) or run[1] - run[0] < max(REST, 0.02 * len(ways))
            if run[2] == 0
            else (abs(seen[run[1]] - seen[run[0]]) < 0.02 * span)
        )
        if kept and (short or kept[-1][2] == run[2]):
            kept[-1][1] = run[1]
        else:
            kept.append(run)
    for before, after in pairwise(kept):  # a turn stands at the top or the bottom, not where the new way gets steep
        if before[2] * after[2] < 0:
            part = seen[before[0] : after[1] + 1] * before[2]
            before[1] = after[0] = before[0] + int(part.argmax())
    words = {1: "rises", -1: "falls", 0: "rests"}
    return [(start, words[way]) for start, _, way in kept]

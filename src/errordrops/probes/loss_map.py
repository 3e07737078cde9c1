"""A map of the loss on the plane through the weights before the change, their average, and the weights after it.

At each point batch-norm statistics are those of the images at these weights. Once over the sample of the Hessian, and
over single batches of the training, whose surfaces differ from it and from one another.
"""

import torch
from torch import Tensor

from ..data.epoch import Epoch
from .subject import Row, Subject, row

BATCHES = 3
EVERY = 5  # updates between points of a path
MARGIN = 0.4  # of the extent of what is drawn, on each side


def plane(origin: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Orthonormal basis (P, 2) of the plane through three points (P,): towards `first`, then across to `second`."""
    x = first - origin
    x = x / torch.linalg.vector_norm(x)
    y = second - origin
    y = y - (y @ x) * x
    return torch.stack([x, y / torch.linalg.vector_norm(y)], 1)


def probe(subject: Subject) -> list[Row]:
    """point (index 0 before, 1 average, 2 after), path (index: update) with the change (moment "after") and without it
    ("unchanged"), both from one epoch before the milestone on; loss (index -1: the sample, 0, 1, ...: single batches)
    on a grid. x, y: distances in weight space.
    """
    before, average, after = subject.weights("before"), subject.weights("before", "averaged"), subject.weights("after")
    basis = plane(before, after, average)
    m, was = subject.milestone, subject.settings[subject.milestone - 1]
    points = torch.stack([(w - before) @ basis for w in (before, average, after)])
    surface = subject.surface(subject.probes["images"])
    values = [surface.loss(w) for w in (before, average, after)]
    rows = [
        row("before", "point", value, i, *p) for i, (value, p) in enumerate(zip(values, points.tolist(), strict=True))
    ]
    last = subject.replay(m)
    paths = {"after": subject.replay(m + 1), "unchanged": subject.replay(m + 1, setting=was)}
    seen = [points]
    for branch, weights in paths.items():
        whole = (torch.cat([last, weights])[::EVERY] - before) @ basis
        seen.append(whole)
        rows += [row(branch, "path", i * EVERY - len(last), i, *p) for i, p in enumerate(whole.tolist())]
    places = torch.cat(seen)
    low, high = places.amin(0), places.amax(0)
    low, high = low - MARGIN / 2 * (high - low), high + MARGIN / 2 * (high - low)
    count = subject.probes["map_points"]
    grid = [torch.linspace(float(a), float(b), count).tolist() for a, b in zip(low, high, strict=True)]
    trainer = subject.trainer
    pieces = Epoch(trainer.data, trainer.seed, m + 1).pieces([trainer.group_size] * BATCHES)
    surfaces = {-1: surface} | {i: surface.on(*next(pieces)) for i in range(BATCHES)}
    for x in grid[0]:
        for y in grid[1]:
            weights = before + basis @ torch.tensor([x, y]).to(basis)
            rows += [row("before", "loss", s.loss(weights), i, x, y) for i, s in surfaces.items()]
    return rows

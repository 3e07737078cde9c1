"""The way of the weights over the drop, split by curvature: which part of the motion lowers the loss.

d = weights after - weights before; its part along the leading eigenvectors of the Hessian before (valley walls), along
those of negative curvature (a saddle's way out), and along as many random directions as a control. Each part is gone
alone, and left out. The loss along all of d needs no choice of directions: convex on a way down a wall, bent downwards
on the way off a saddle.
"""

import torch
from torch import Tensor

from .subject import Row, Subject, row
from .surface import Surface, along

STEPS = 20  # of the straight line


def probe(subject: Subject) -> list[Row]:
    """loss at the ends; loss_with_PART and loss_without_PART (nats), share_PART of the squared length of d, for PART
    leading, negative and random; line (x from 0 to 1); of the average: average_loss, and average_loss_with_leading, the
    weights moved to the average along the leading directions alone.
    """
    surface, before = subject.reading(), subject.weights("before")
    values, vectors = subject.directions()
    leading, negative = subject.leading()[1], vectors[:, values < 0]
    parts = {"leading": leading, "negative": negative, "random": random_basis(len(before), leading.shape[1])}
    average = subject.weights("before", "averaged")
    rows = [
        row("before", "loss", surface.loss(before)),
        row("before", "average_loss", surface.loss(average)),
        row("before", "average_loss_with_leading", surface.loss(before + along(leading, average - before))),
        row("before", "average_share_leading", share(leading, average - before)),
        row("before", "negative_directions", negative.shape[1]),
    ]
    for moment in ("after", "later"):
        d = subject.weights(moment) - before
        rows.append(row(moment, "loss", surface.loss(before + d)))
        for name, basis in parts.items():
            part = along(basis, d)
            rows.append(row(moment, f"loss_with_{name}", surface.loss(before + part)))
            rows.append(row(moment, f"loss_without_{name}", surface.loss(before + d - part)))
            rows.append(row(moment, f"share_{name}", share(basis, d)))
        rows.append(row(moment, "length", torch.linalg.vector_norm(d).item()))
        if moment == "after":
            rows += line(surface, before, d)
    return rows


def random_basis(size: int, count: int, seed: int = 0) -> Tensor:
    """`count` orthonormal columns (size, count), drawn evenly from all directions."""
    draw = torch.randn(size, count, generator=torch.Generator().manual_seed(seed))
    return torch.linalg.qr(draw)[0]


def share(basis: Tensor, d: Tensor) -> float:
    """Of the squared length of d (P,), the share in the span of a basis (P, k)."""
    return float(along(basis, d).square().sum() / d.square().sum())


def line(surface: Surface, before: Tensor, d: Tensor) -> list[Row]:
    """The loss along the straight line."""
    places = torch.linspace(0, 1, STEPS + 1).tolist()
    return [row("after", "line", surface.loss(before + x * d), x=x) for x in places]

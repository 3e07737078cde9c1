"""The noise of the gradient, and what it costs: tr(S), tr(H S), and the excess of the weights' loss over the average's.

S is the covariance of the gradient of one ghost group of images, augmented as in training; a batch of k groups has
S / k, and noise put back as if the batch had as many times fewer groups.
"""

from functools import partial

import torch
from torch import Tensor

from ..data.epoch import Epoch
from .subject import Row, Subject, row
from .surface import along

GROUPS = 64  # gradients from which S is taken
PRODUCTS = 16  # of them those for which n' H n is computed


def gradients(subject: Subject, weights: Tensor) -> Tensor:
    """Gradients (GROUPS, P) of single ghost groups at weights (P,): those of the epoch after the milestone."""
    trainer = subject.trainer
    groups = min(GROUPS, len(trainer.data.train) // trainer.group_size)
    epoch = Epoch(trainer.data, trainer.seed, subject.milestone + 1)
    pieces = epoch.pieces([trainer.group_size] * groups)
    surface = subject.surface(trainer.group_size)
    return torch.stack([surface.on(*next(pieces)).gradient(weights) for _ in range(groups)])


def probe(subject: Subject) -> list[Row]:
    """At "before" and "after": trace_S and trace_HS of one group. Along the leading directions (index), at "before":
    noise_along (variance of a group's gradient) and curvature_along. At all moments: groups in a batch over its noise
    factor, excess, loss(weights) - loss(average), excess_leading, the part that goes when the weights move to the
    average along the leading directions alone, and distance between the two.
    """
    values, vectors = subject.leading()
    rows: list[Row] = []
    for moment in ("before", "after", "later"):
        weights, average = subject.weights(moment), subject.weights(moment, "averaged")
        surface = subject.reading()
        here = surface.loss(weights)
        rows.append(row(moment, "excess", here - surface.loss(average)))
        rows.append(row(moment, "excess_leading", here - surface.loss(weights + along(vectors, average - weights))))
        rows.append(row(moment, "distance", torch.linalg.vector_norm(weights - average).item()))
        setting = subject.setting_of(moment)
        rows.append(row(moment, "groups", setting.batch_size / subject.trainer.group_size / setting.noise))
        if moment == "later":
            continue
        if moment == "before":
            rows += [row(*line) for line in subject.remembered("noise", moment, partial(of_group, subject, weights))]
            rows += [row(moment, "curvature_along", v, i) for i, v in enumerate(values.tolist())]
        else:
            rows += [row(moment, *line[1:]) for line in of_group(subject, weights)]
    return rows


def of_group(subject: Subject, weights: Tensor) -> list[tuple[str, str, float, float]]:
    """(moment, quantity, value, index) of one group's gradient at weights (P,)."""
    group_gradients = gradients(subject, weights)
    noise = group_gradients - group_gradients.mean(0)
    free = len(noise) - 1
    rows = [("before", "trace_S", noise.square().sum().item() / free, 0.0)]
    projected = (noise @ subject.leading()[1]).square().sum(0) / free
    rows += [("before", "noise_along", value, float(i)) for i, value in enumerate(projected.tolist())]
    product = subject.surface(subject.probes["images"]).hessian(weights)
    bent = [float(n @ product(n)) for n in noise[:PRODUCTS]]
    # each deviates from a mean that holds a share of it
    rows.append(("before", "trace_HS", sum(bent) / len(bent) * len(noise) / free, 0.0))
    return rows

"""The Hessian of the training loss before, during and after the drop: both ends of its spectrum, trace, gradient."""

import torch

from ..study.settings import Setting, stability_limit
from . import spectrum
from .subject import Row, Subject, row

FEW = 3  # eigenvalues at each end where nobody asks for directions
LOOSE = 1e-2  # their relative tolerance
DRAWS = 10  # of the trace


def probe(subject: Subject) -> list[Row]:
    """eigenvalue (index 0 is the largest; negative indices count from the smallest, -1), trace and its standard error,
    gradient_norm, and stability_limit of the full-batch iteration under the setting and the optimiser in use.
    """
    rows: list[Row] = []
    for moment in ("before", "during", "after", "later"):
        if moment == "before":
            quantities = subject.remembered("curvature", moment, lambda: measure(subject, "before"))
        else:
            quantities = measure(subject, moment)
        setting = subject.setting_of(moment)
        rows += [row(moment, quantity, value, index) for quantity, index, value in quantities]
        limit = limit_of(subject.kind, setting)
        rows += [row(moment, "stability_limit", limit)] if limit is not None else []
    return rows


def limit_of(kind: str, setting: Setting) -> float | None:
    """The largest stable curvature under an optimiser; None for Adam, whose steps are none of the gradient's length."""
    if kind == "adam":
        return None
    return stability_limit(setting.learning_rate, setting.momentum, nesterov=kind == "nesterov")


def measure(subject: Subject, moment: str) -> list[tuple[str, float, float]]:
    """(quantity, index, value) at one moment."""
    surface, weights = subject.surface(subject.probes["images"]), subject.weights(moment)
    if moment == "before":
        values = subject.directions()[0].numpy()
        product = surface.hessian(weights)
    else:
        product = surface.hessian(weights)
        values = spectrum.ends(product, surface.size, FEW, tolerance=LOOSE)[0]
    large = [v for v in values if v > 0]
    small = [v for v in values[::-1] if v < 0]
    eigenvalues = [("eigenvalue", float(i), float(v)) for i, v in enumerate(large)]
    eigenvalues += [("eigenvalue", float(-1 - i), float(v)) for i, v in enumerate(small)]
    total, error = spectrum.trace(product, surface.size, DRAWS)
    del product  # and with it the graph
    norm = torch.linalg.vector_norm(surface.gradient(weights)).item()
    return [*eigenvalues, ("trace", 0.0, total), ("trace_error", 0.0, error), ("gradient_norm", 0.0, norm)]

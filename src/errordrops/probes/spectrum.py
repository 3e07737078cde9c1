"""Eigenvalues of a symmetric operator known by its products: both ends by ARPACK (SciPy), the trace by Hutchinson."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

TOLERANCE = 1e-3  # relative, of an eigenvalue


def ends(
    product: Callable[[Tensor], Tensor], size: int, each: int, seed: int = 0, tolerance: float = TOLERANCE
) -> tuple[np.ndarray, np.ndarray, int]:
    """The `each` largest and `each` smallest eigenvalues (n,), falling, their vectors (size, n), and how many of them
    are of the upper end: the first ones.

    Implicitly restarted Lanczos (Lehoucq et al. 1998), both ends at once. Where that finds fewer than asked for in its
    time, nothing tells to which end those belong; then each end by itself, and what it finds. Raises
    ArpackNoConvergence if one finds none.
    """

    def apply(vector: np.ndarray) -> np.ndarray:
        curved = product(torch.from_numpy(np.array(vector, dtype=np.float32)).reshape(-1))
        return curved.double().cpu().numpy()

    operator = LinearOperator((size, size), matvec=apply, dtype=np.float64)
    start = np.random.default_rng(seed).standard_normal(size)
    options = {"ncv": min(size - 1, max(6 * each, 20)), "v0": start, "tol": tolerance, "maxiter": 15}
    try:
        values, directions = eigsh(operator, k=2 * each, which="BE", **options)
        leading = each
    except ArpackNoConvergence:
        both = [_end(operator, each, which, options) for which in ("LA", "SA")]
        values, directions = (np.concatenate(parts, axis=-1) for parts in zip(*both, strict=True))
        leading = len(both[0][0])
    order = np.argsort(values)[::-1]
    return values[order], directions[:, order], leading


def _end(operator: LinearOperator, each: int, which: str, options: dict) -> tuple[np.ndarray, np.ndarray]:
    """What is found of one end of the spectrum."""
    try:
        return eigsh(operator, k=each, which=which, **options)
    except ArpackNoConvergence as error:
        if not len(error.eigenvalues):
            raise
        return error.eigenvalues, error.eigenvectors


def trace(product: Callable[[Tensor], Tensor], size: int, draws: int, seed: int = 0) -> tuple[float, float]:
    """Hutchinson's estimate of the trace and its standard error, from random signs (Hutchinson 1990)."""
    draw = torch.Generator().manual_seed(seed)
    draws_of_trace = []
    for _ in range(draws):
        signs = torch.randint(0, 2, (size,), generator=draw).float() * 2 - 1
        draws_of_trace.append(float(signs.double() @ product(signs).double().cpu()))
    return float(np.mean(draws_of_trace)), float(np.std(draws_of_trace, ddof=1) / np.sqrt(draws))

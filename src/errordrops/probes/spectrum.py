"""Eigenvalues of a symmetric operator known by its products: both ends by ARPACK (SciPy), the trace by Hutchinson."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

TOLERANCE = 1e-3  # relative, of an eigenvalue


def ends(
    product: Callable[[Tensor], Tensor], size: int, each: int, seed: int = 0, tolerance: float = TOLERANCE
) -> tuple[np.ndarray, np.ndarray]:
    """The `each` largest and `each` smallest eigenvalues (2 each,), falling, and their vectors (size, 2 each).

    Implicitly restarted Lanczos (Lehoucq et al. 1998). Raises ArpackNoConvergence if it finds none; where it finds
    fewer than asked for in its time, those.
    """

    def apply(vector: np.ndarray) -> np.ndarray:
        found = product(torch.from_numpy(np.array(vector, dtype=np.float32)).reshape(-1))
        return found.double().cpu().numpy()

    operator = LinearOperator((size, size), matvec=apply, dtype=np.float64)
    start = np.random.default_rng(seed).standard_normal(size)
    vectors = min(size - 1, max(6 * each, 20))
    try:
        values, directions = eigsh(operator, k=2 * each, which="BE", ncv=vectors, v0=start, tol=tolerance, maxiter=15)
    except ArpackNoConvergence as error:
        if not len(error.eigenvalues):
            raise
        values, directions = error.eigenvalues, error.eigenvectors
    order = np.argsort(values)[::-1]
    return values[order], directions[:, order]


def trace(product: Callable[[Tensor], Tensor], size: int, draws: int, seed: int = 0) -> tuple[float, float]:
    """Hutchinson's estimate of the trace and its standard error, from random signs (Hutchinson 1990)."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(draws):
        signs = torch.randint(0, 2, (size,), generator=draw).float() * 2 - 1
        found.append(float(signs.double() @ product(signs).double().cpu()))
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(draws))

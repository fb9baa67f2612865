"""The point of a polytope that is nearest to the origin, by a dual active set (Goldfarb & Idnani 1983)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray

# Relative: a constraint counts as kept if it is missed by less, a normal as dependent if less of it is left over.
_MISSED, _DEPENDENT = 1e-13, 1e-9


def nearest_point(normals: FloatArray, limits: FloatArray, n_equal: int = 0) -> FloatArray | None:
    """Return the y of least norm with ``normals @ y <= limits``, None where there is no such point.

    Normals, (m, d), have norm 1; the first `n_equal` of them, 0 or 1, stand for equalities.
    """
    y = np.zeros(normals.shape[1])
    active: list[int] = []
    weights = np.zeros(0)  # multipliers of the active constraints
    if n_equal:
        y, active, weights = limits[0] * normals[0], [0], np.array([-limits[0]])
    for _ in range(50 * (normals.shape[0] + 1)):
        excess = normals @ y - limits
        excess[active] = 0.0
        worst = int(np.argmax(excess)) if excess.size else 0
        if not excess.size or excess[worst] <= _MISSED * (abs(limits[worst]) + float(np.linalg.norm(y))):
            return y
        added = 0.0
        while True:
            basis = normals[active]
            shares, left = _split(basis, normals[worst])
            # Multipliers of inequalities must not fall below zero.
            falling = [k for k in range(n_equal, len(active)) if shares[k] > 0]
            ratios = weights[falling] / shares[falling] if falling else np.zeros(0)
            until = float(ratios.min()) if falling else np.inf
            slope = float(left @ left)
            independent = slope > _DEPENDENT**2
            full = float(normals[worst] @ y - limits[worst]) / slope if independent else np.inf
            step = min(until, full)
            if step == np.inf:
                return None
            if independent:
                y = y - step * left
            weights = weights - step * shares
            added += step
            if step == full:
                active.append(worst)
                weights = np.append(weights, added)
                break
            gone = falling[int(np.argmin(ratios))]
            del active[gone]
            weights = np.delete(weights, gone)
    return None


def _split(basis: FloatArray, normal: FloatArray) -> tuple[npt.NDArray[np.float64], FloatArray]:
    """Return the shares of the basis in a normal, and what of it is orthogonal to the basis."""
    if not basis.shape[0]:
        return np.zeros(0), normal
    shares = np.asarray(np.linalg.lstsq(basis.T, normal, rcond=None)[0])
    return shares, normal - shares @ basis

"""p-values of many units at once: the false discovery rate, and the chance of any false discovery at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recortex.errors import InvalidInput
from recortex.metrics._arrays import in_one_precision, real_array


def false_discovery(p: ArrayLike, dependent: bool = False) -> NDArray[np.float64]:
    """p-values adjusted for the false discovery rate ("q"): calling ``q <= .05`` a discovery errs in 5 % of discoveries at most.

    Benjamini and Hochberg (1995) is right for independent tests and for positively dependent ones, such as one-sided tests of
    units that share smooth noise (Benjamini and Yekutieli 2001). Where units may depend on each other in any way, such as by
    differences or a common average reference that makes them rivals, `dependent` divides the level by ``1 + 1/2 + ... + 1/m``
    (Benjamini and Yekutieli): about 5 for 100 tests and 10 for 10,000, which is dearly paid.

    Parameters
    ----------
    p : array (unit,)
        NaN stays NaN and is no test. A permutation p is never below 1 / (permutations + 1), and a discovery among m tests needs
        p of at most .05 times discoveries / m: few permutations can leave a true effect without one.
    dependent : bool
        Benjamini and Yekutieli in place of Benjamini and Hochberg.

    Returns
    -------
    array (unit,)
        In 0..1, never below p.

    Raises
    ------
    InvalidInput
        If a p lies outside 0..1.
    """
    from scipy.stats import false_discovery_control

    values = real_array("p", p, "unit").astype(np.float64)
    tested = ~np.isnan(values)
    if (outside := values[tested & ~((values >= 0) & (values <= 1))]).size:
        raise InvalidInput(f"p holds {outside[0]:g}; p-values lie in 0..1")
    q = np.full(len(values), np.nan)
    q[tested] = false_discovery_control(values[tested], method="by" if dependent else "bh")
    return q


def family_wise_p(value: ArrayLike, null: ArrayLike) -> NDArray[np.float64]:
    """p-value of each unit against the best unit of every permutation: the chance that any unit without effect would do as well.

    ``(b + 1) / (m + 1)``, b of the m permutations having a largest value over units of at least the unit's own (Nichols and Holmes
    2002). Right for any dependence between units, as they are permuted together, and less strict the more they are alike.

    Parameters
    ----------
    value : array (unit,)
        Units should be on one scale, as correlations are: one that spreads wider under the null would set the maximum for all.
    null : array (permutation, unit) or (permutation,)
        The same statistic after each permutation, one permutation for all units; or its largest value over units alone, where these
        were too many to keep. NaN has no part in the maximum; a permutation of nothing but NaN is left out.

    Returns
    -------
    array (unit,)
        NaN where the value is NaN, and everywhere if all of the null is.

    Raises
    ------
    InvalidInput
        If the shapes do not belong together, or there is no permutation.
    """
    dimensions = ("permutation", "unit")[: 1 if np.ndim(null) == 1 else 2]
    observed, permuted = in_one_precision(real_array("value", value, "unit"), real_array("null", null, *dimensions))
    if permuted.ndim == 2 and permuted.shape[1] != len(observed):
        raise InvalidInput(f"value has {len(observed)} units and null {permuted.shape[1]}; they must be the same ones")
    if len(permuted) == 0:
        raise InvalidInput("null holds no permutation to compare with")
    largest = np.fmax.reduce(permuted, axis=1, initial=np.nan) if permuted.ndim == 2 else permuted
    largest = np.sort(largest[~np.isnan(largest)])
    reached = len(largest) - np.searchsorted(largest, observed, side="left")
    undefined = np.isnan(observed) | (len(largest) == 0)
    return np.where(undefined, np.nan, (reached + 1) / (len(largest) + 1))

"""What a perfect model could explain: how much of a unit's variance the stimulus determines, told from its repeats.

A presentation j of stimulus i is ``mean + s_i + e_ij``: signal and noise. Noise is what differs between presentations of one
stimulus, whatever its cause, so attention or drift count as noise too. Without a stimulus shown twice nothing can be told, and
everything is NaN. Sums are float64 and centred first, so that float32 signals on a mean of 1e4 lose no digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recortex.errors import InvalidInput
from recortex.metrics._arrays import real_array
from recortex.metrics._presentations import Presentations
from recortex.metrics.bootstrap import Interval, draws

_NODES = 20_000
"""Points of the integral over the null distribution of an estimate; its error is below 1e-4."""


@dataclass(frozen=True, eq=False)
class VarianceComponents:
    """Variance of single presentations, by its source.

    Attributes
    ----------
    signal : array (unit,)
        Variance between stimuli, free of noise; at least 0.
    noise : array (unit,)
        Variance between presentations of one stimulus.
    repeated : int
        Stimuli with at least two presentations.
    """

    signal: NDArray[np.float64]
    noise: NDArray[np.float64]
    repeated: int


@dataclass(frozen=True, eq=False)
class NoiseCeiling:
    """The share of the scored rows' variance that the stimulus explains.

    Attributes
    ----------
    explainable : array (unit,)
        In 0..1; NaN without repeats, and where a unit is constant.
    low, high : array (unit,)
        Percentile interval over stimuli; NaN with fewer than two repeated stimuli, and where a resample leaves a unit constant.
    bias : array (unit,)
        What `explainable` shows on average for a unit without signal, as no estimate falls below 0.
    signal, noise : array (unit,)
        Variances of a single presentation, as in `VarianceComponents`.
    repeated : int
        Stimuli with at least two presentations.
    mean_correlation : Interval
        Mean over units of `correlation`, with its interval over the same resampled stimuli; counts are `n` units, `n_undefined`
        units left out, and `n_groups` stimuli.
    """

    explainable: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    bias: NDArray[np.float64]
    signal: NDArray[np.float64]
    noise: NDArray[np.float64]
    repeated: int
    mean_correlation: Interval

    @property
    def correlation(self) -> NDArray[np.float64]:
        """(unit,): the highest correlation with these rows that a perfect model can expect, the root of `explainable`."""
        return np.sqrt(self.explainable)


def signal_and_noise(responses: ArrayLike, stimulus: ArrayLike) -> VarianceComponents:
    """Split the variance of single presentations into signal and noise.

    Noise is pooled within stimuli, ``sum_ij (y_ij - m_i)^2 / (N - S)`` for N presentations of S stimuli with means m_i. Signal is
    ``max(0, Var(m) - noise * mean_i(1 / n_i))``, Var with S - 1 in the denominator: unbiased before the max, also where numbers of
    presentations n_i differ. ``sqrt(signal / noise)`` is NSD's ncsnr (Allen et al. 2022) up to its denominators.

    Parameters
    ----------
    responses : array (trial, unit)
        Single presentations, not averages. Normalise them within sessions first where scales drift: a drift counts as noise.
    stimulus : array (trial,)
        Label of the stimulus of each trial. Stimuli shown once help to tell the signal.

    Returns
    -------
    VarianceComponents
        All NaN where no stimulus was shown twice; the signal is NaN with a single stimulus.

    Raises
    ------
    InvalidInput
        If there is no trial, or not one stimulus a trial.
    """
    shown = Presentations.of(responses, stimulus)
    signal, noise = np.full((2, shown.n_unit), np.nan)
    if shown.repeated:
        for units, means, squares in shown.by_stimulus():
            signal[units], noise[units] = _components(np.ones((1, shown.n_stimulus)), shown.counts, means, squares)
    return VarianceComponents(signal, noise, shown.repeated)


def noise_ceiling(
    responses: ArrayLike,
    stimulus: ArrayLike,
    averaged: ArrayLike,
    n_resamples: int = 1000,
    seed: int | np.random.Generator = 0,
    level: float = 0.95,
) -> NoiseCeiling:
    """Share of the variance of scored rows that the stimulus explains, with its interval over stimuli.

    ``signal / (signal + noise * mean(1 / averaged))`` with `signal_and_noise`. This is NC / 100 of NSD (Allen et al. 2022),
    ``ncsnr^2 / (ncsnr^2 + 1 / n)`` for averages of n presentations, with the mean of 1 / n where their numbers are mixed; for single
    trials it estimates what the bias-corrected explainable variance of the voxelwise literature does (Sahani and Linden 2003).

    Parameters
    ----------
    responses : array (trial, unit)
        Single presentations, not averages, normalised as the scored rows are.
    stimulus : array (trial,)
        Label of the stimulus of each trial.
    averaged : number or array (scored_row,)
        Presentations averaged in each row that is scored; 1 for single trials.
    n_resamples : int
        Bootstrap samples of the stimuli; a stimulus keeps all of its presentations.
    seed : int or numpy Generator
        The same seed draws the same stimuli as in `bootstrap_rows`.
    level : float
        Nominal coverage, between 0 and 1.

    Returns
    -------
    NoiseCeiling

    Raises
    ------
    InvalidInput
        If there is no trial, not one stimulus a trial, `averaged` is below 1, or a setting is out of range.

    Notes
    -----
    Bias. Without signal, Var(m) and noise are independent, with the expectations ``noise * c``, c = mean_i(1 / n_i), and ``noise``. For
    normal noise their ratio is c F, F from the F distribution with N - S degrees of freedom below and S - 1 above; for unequal n_i the
    latter are those of a scaled chi-square with the variance of Var(m) (Satterthwaite). The bias is the mean of
    ``e / (e + mean(1 / averaged))``, e = c max(0, F - 1), which is the same for all units. With many stimuli it is the standard
    deviation of the estimate before the max, over ``sqrt(2 pi)`` and the total variance, as half of a normal distribution around 0 has
    that mean.

    Intervals. A resample of S stimuli varies less than what it is drawn from, by (S - 1) / S, which is made up for. Samples without any
    repeated stimulus are left out, and with few repeated stimuli the intervals are too narrow. The interval of `mean_correlation` is
    the basic one (Davison and Hinkley 1997, section 5.2), twice the value minus the percentiles, as resampling moves a root of what is
    cut at 0 to one side: percentiles covered the truth in .61 to .93 of simulations of units with shares of .2 to .8, the basic one in
    .89 to .96. Neither helps where most units have little signal: there the mean of roots is itself off, above the truth for
    units without signal and below it for weak ones; choose units by `explainable` and `bias` first.
    """
    shown = Presentations.of(responses, stimulus)
    rows = real_array("averaged", np.ravel(averaged), "scored_row").astype(np.float64)
    if rows.size == 0 or not np.all((rows >= 1) & np.isfinite(rows)):
        raise InvalidInput("averaged must hold the number of presentations in each scored row, at least 1")
    if not 0 < level < 1:
        raise InvalidInput(f"level must lie between 0 and 1, not {level}")
    presentations, ends = float(np.mean(1 / rows)), [(1 - level) / 2, (1 + level) / 2]

    weights = _resampled(shown, n_resamples, seed)
    signal, noise, low, high = np.full((4, shown.n_unit), np.nan)
    sums, defined = np.zeros((2, len(weights)))
    if shown.repeated:
        for units, means, squares in shown.by_stimulus(beside=len(weights)):
            signal[units], noise[units] = _components(np.ones((1, shown.n_stimulus)), shown.counts, means, squares)
            if len(weights):
                samples = _share(*_components(weights, shown.counts, means, squares, drawn=True), presentations)
                low[units], high[units] = np.quantile(samples, ends, axis=0)
                sums += np.nansum(np.sqrt(samples), axis=1)
                defined += np.count_nonzero(np.isfinite(samples), axis=1)
    explainable = _share(signal, noise, presentations)
    bias = np.where(np.isnan(explainable), np.nan, _shown_without_signal(shown.counts, presentations))
    return NoiseCeiling(
        explainable,
        low,
        high,
        bias,
        signal,
        noise,
        shown.repeated,
        _mean_root(explainable, sums, defined, ends, shown.n_stimulus),
    )


def _components(
    weights: NDArray[np.float64],
    counts: NDArray[np.intp],
    means: NDArray[np.float64],
    squares: NDArray[np.float64],
    drawn: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(sample, unit) signal and noise where each stimulus counts `weights` (sample, stimulus) times."""
    n = len(counts)
    with np.errstate(invalid="ignore", divide="ignore"):  # of one stimulus, nothing varies
        noise = (weights @ squares) / (weights @ (counts - 1.0))[:, None]
        between = (weights @ means**2 - (weights @ means) ** 2 / n) / (n - 1.0)
        if drawn:
            between *= n / (n - 1.0)
        signal = np.maximum(0, between - noise * (weights @ (1 / counts))[:, None] / n)
    return signal, noise


def _share(signal: NDArray[np.float64], noise: NDArray[np.float64], presentations: float) -> NDArray[np.float64]:
    """Explainable variance of averages; `presentations` is the mean of one over their number."""
    with np.errstate(invalid="ignore"):  # a constant unit: 0 / 0
        share: NDArray[np.float64] = signal / (signal + noise * presentations)
    return share


def _resampled(shown: Presentations, n_resamples: int, seed: int | np.random.Generator) -> NDArray[np.float64]:
    """(sample, stimulus): how often each stimulus was drawn; none where an interval would say nothing."""
    n = shown.n_stimulus
    times = np.array([np.bincount(drawn, minlength=n) for some in draws(n, n_resamples, seed) for drawn in some], np.float64)
    return times[times @ (shown.counts - 1.0) > 0] if shown.repeated > 1 else times[:0]


def _mean_root(
    explainable: NDArray[np.float64], sums: NDArray[np.float64], defined: NDArray[np.float64], ends: list[float], n_stimulus: int
) -> Interval:
    """The mean of `correlation` over units, with its basic interval."""
    known = np.isfinite(explainable)
    n_unit = int(np.count_nonzero(known))
    value = low = high = float("nan")
    if n_unit:
        value = float(np.sqrt(explainable[known]).mean())
        if len(sums):
            with np.errstate(invalid="ignore"):  # a resample that leaves every unit constant
                above, below = np.quantile(sums / defined, ends)
            low, high = float(2 * value - below), float(2 * value - above)
    return Interval(value, low, high, n_unit, n_stimulus, len(known) - n_unit)


def _shown_without_signal(counts: NDArray[np.intp], presentations: float) -> float:
    """The mean explainable variance of a unit without signal; see the notes of `noise_ceiling`."""
    n, part = len(counts), 1 / counts
    within = counts.sum() - n
    if n < 2 or within < 1:
        return float("nan")
    # 2 E^2 / Var of the variance between means of unequal numbers of presentations
    between = (n - 1) ** 2 * part.mean() ** 2 / ((1 - 2 / n) * (part**2).sum() + part.sum() ** 2 / n**2)
    return _mean_excess(float(between), float(within), float(part.mean()), presentations)


@cache
def _mean_excess(between: float, within: float, part: float, presentations: float) -> float:
    """Slow, and the same for all parts of a recording."""
    from scipy.special import fdtri

    ratio = fdtri(between, within, (np.arange(_NODES) + 0.5) / _NODES)
    excess = part * np.maximum(0, ratio - 1)
    return float(np.mean(excess / (excess + presentations)))

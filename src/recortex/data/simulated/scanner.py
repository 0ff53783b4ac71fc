"""What a scanner makes of responses: haemodynamics, drift, head motion and noise with a memory, run by run.

All figures here are choices of ours, within what is common at 3 and 7 tesla; none is a result to cite. The strength of the noise is
not one of them: it is set so that generalised least squares with the true response and the true covariance finds single trials as
noisy as the person's published-style betas are (`noise.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

PEAK_S = {
    "V1": 4.9,
    "V2": 5.0,
    "V3": 5.1,
    "hV4": 5.3,
    "LO": 5.5,
    "EBA": 5.6,
    "FFA": 5.7,
    "PPA": 5.4,
    "VWFA": 5.8,
    "food": 5.6,
    "IPS": 5.9,
}
"""When the response to an impulse is highest, mean over the voxels of an area; elsewhere `PEAK_ELSEWHERE_S`."""
PEAK_ELSEWHERE_S, PEAK_SPREAD_S = 5.5, 0.3
RESPONSES = 24  # distinct responses; each voxel has the one nearest to its own
UNDERSHOOT, UNDERSHOOT_AFTER_S = 0.14, 9.5
DRIFT_S, DRIFT_SD = 200.0, 0.8  # no drift is faster; its standard deviation, percent
MOTION_SD, MOTIONS = 0.3, 6  # percent a unit of motion, in each voxel
MEMORY, WHITE = 0.55, 0.6  # correlation of neighbouring volumes 1.6 s apart in the noise with a memory; share of noise without
REFERENCE_TR_S = 1.6
LENGTH_S = 32.0
BLANK = 6  # without some rest in between, slow changes of all responses cannot be told from drift


def impulse_response(time_s: np.ndarray, peak_s: float) -> np.ndarray:
    """The response to a very short stimulus, highest at 1: a gamma function less a later, lower one.

    Parameters
    ----------
    time_s : array
        Since the stimulus.
    peak_s : float
    """
    from scipy.stats import gamma

    after, width = np.maximum(time_s, 0.0), 0.9
    first = gamma.pdf(after, peak_s / width + 1, scale=width)
    second = gamma.pdf(after, (peak_s + UNDERSHOOT_AFTER_S) / width + 1, scale=width)
    highest = gamma.pdf(peak_s, peak_s / width + 1, scale=width)
    lowest = gamma.pdf(peak_s + UNDERSHOOT_AFTER_S, (peak_s + UNDERSHOOT_AFTER_S) / width + 1, scale=width)
    return first / highest - UNDERSHOOT * second / lowest


@dataclass(frozen=True, eq=False)
class Protocol:
    """When things happen in a run.

    Parameters
    ----------
    tr_s : float
        From volume to volume.
    onset_s : (trial,) array
    shown_s : float
        How long a picture is shown.
    volumes : int
    """

    tr_s: float
    onset_s: np.ndarray
    shown_s: float
    volumes: int

    @classmethod
    def of(cls, trials: int, tr_s: float, trial_s: float, shown_s: float, rng: np.random.Generator) -> Protocol:
        """Trials one after the other, one slot in `BLANK` empty, with rest before the first and after the last."""
        slots = trials + -(-trials // (BLANK - 1))
        blank = rng.choice(np.arange(1, slots), slots - trials, replace=False)
        onset_s = 12.0 + trial_s * np.setdiff1d(np.arange(slots), blank)
        return cls(tr_s, onset_s, shown_s, int(np.ceil((12.0 + slots * trial_s + 12.0) / tr_s)))

    @property
    def time_s(self) -> np.ndarray:
        """Middle of each volume, (volume,)."""
        return (np.arange(self.volumes) + 0.5) * self.tr_s

    def course(self, peak_s: float) -> np.ndarray:
        """The response to each trial of size 1, (volume, trial): the stimulus and its response folded, highest near 1."""
        step = 0.1
        fine = np.arange(0, LENGTH_S + self.shown_s, step)
        shown = (fine < self.shown_s).astype(float)
        folded = np.convolve(shown, impulse_response(fine, peak_s))[: len(fine)]
        folded /= folded.max()
        since = self.time_s[:, None] - self.onset_s
        return np.interp(since, fine, folded, left=0.0, right=0.0)

    @cached_property
    def drifts(self) -> np.ndarray:
        """Cosines slower than `DRIFT_S`, (volume, cosine), of unit variance."""
        length = self.volumes * self.tr_s
        count = max(1, int(2 * length / DRIFT_S))
        return np.sqrt(2) * np.cos(np.pi * np.arange(1, count + 1) * (np.arange(self.volumes)[:, None] + 0.5) / self.volumes)

    def covariance(self) -> np.ndarray:
        """Of the noise over the volumes of a run, (volume, volume), of unit variance."""
        lag = np.abs(np.subtract.outer(np.arange(self.volumes), np.arange(self.volumes)))
        return WHITE * (lag == 0) + (1 - WHITE) * self.memory**lag

    @property
    def memory(self) -> float:
        """Correlation of neighbouring volumes in the noise that has one."""
        return MEMORY ** (self.tr_s / REFERENCE_TR_S)

    def nuisance(self, motion: np.ndarray) -> np.ndarray:
        """What is not of interest, (volume, regressor): the constant, drift and motion."""
        return np.column_stack([np.ones(self.volumes), self.drifts, motion])

    def error_of_trials(self, peak_s: float, motion: np.ndarray) -> float:
        """Standard deviation of single trials by generalised least squares with all of this known, for noise of unit variance."""
        model = np.column_stack([self.course(peak_s), self.nuisance(motion)])
        information = model.T @ np.linalg.solve(self.covariance(), model)
        return float(np.sqrt(np.diag(np.linalg.inv(information))[: len(self.onset_s)].mean()))


def generalised_least_squares(bold: np.ndarray, protocol: Protocol, peak_s: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Single trials as only the simulator can find them: with the true responses and the true covariance.

    Parameters
    ----------
    bold : (volume, unit) array
        Percent signal change.
    protocol : Protocol
    peak_s : (unit,) array
    motion : (volume, motion) array

    Returns
    -------
    (trial, unit) array
    """
    precision = np.linalg.inv(protocol.covariance())
    found = np.empty((len(protocol.onset_s), bold.shape[1]))
    for peak in np.unique(peak_s):
        some = peak_s == peak
        model = np.column_stack([protocol.course(peak), protocol.nuisance(motion)])
        weighted = model.T @ precision
        found[:, some] = np.linalg.solve(weighted @ model, weighted @ bold[:, some])[: len(protocol.onset_s)]
    return found


def head_motion(volumes: int, tr_s: float, rng: np.random.Generator) -> np.ndarray:
    """Three shifts and three turns, (volume, 6): slow wandering, breathing and rare jerks; mean 0 and standard deviation 1."""
    time_s = np.arange(volumes) * tr_s
    wander = np.cumsum(rng.standard_normal((volumes, MOTIONS)), axis=0) * np.sqrt(tr_s) / 8
    breath = 0.5 * np.sin(2 * np.pi * time_s[:, None] / rng.uniform(3.4, 4.6) + rng.uniform(0, 2 * np.pi, MOTIONS))
    jerk = np.cumsum((rng.random((volumes, 1)) < tr_s / 150) * rng.standard_normal((volumes, MOTIONS)), axis=0)
    moved = wander + breath + 1.5 * jerk
    moved -= moved.mean(axis=0)
    return moved / moved.std(axis=0)


def with_memory(white: np.ndarray, memory: float) -> np.ndarray:
    """Independent rows of unit variance made to remember the ones before, still of unit variance."""
    from scipy.signal import lfilter

    first = white[:1] / np.sqrt(1 - memory**2)
    return np.sqrt(1 - memory**2) * lfilter([1.0], [1.0, -memory], np.concatenate([first, white[1:]]), axis=0)


def peaks(area: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    """When each voxel's response is highest, in seconds, on a grid of `RESPONSES` values.

    Parameters
    ----------
    area : (unit,) str array
    smooth : (unit,) array
        A smooth field of unit variance.
    """
    mean = np.array([PEAK_S.get(str(name), PEAK_ELSEWHERE_S) for name in area])
    lattice = np.linspace(4.2, 6.8, RESPONSES)
    own = np.clip(mean + PEAK_SPREAD_S * smooth, lattice[0], lattice[-1])
    return lattice[np.abs(own[:, None] - lattice).argmin(axis=1)]

"""Stimuli and responses joined trial by trial: what a model starts from, what it aims at, and how the trials are split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import factorial, prod
from typing import Literal

import numpy as np

from recortex.errors import InvalidInput, no_column
from recortex.metrics import circular_shift, permute_pairs
from recortex.responses.normalisation import ZScore
from recortex.responses.reliability import Reliability
from recortex.splits.base import Fold, Trials, qualified

LEAST_ARRANGEMENTS = 20
TRIES, REDRAWS = 20, 1000


@dataclass(frozen=True)
class Pairs:
    """Inputs and targets of a model, trial by trial, and how they are split.

    Parameters
    ----------
    inputs : (trial, input) array
        What the model starts from.
    targets : (trial, target) or (trial,) array
        What it aims at.
    trials : mapping of str to (trial,) arrays
        The trial table.
    folds : list of Fold
    groups : (trial,) str array
        What stays together when something is chosen inside a fold.
    z_score : ZScore, optional
        How the responses are normalised in each fold.
    reliability : Reliability, optional
        How far they are shrunk in each fold; only where they are the inputs.
    responses : "inputs" or "targets"
        On which side the responses stand.
    """

    inputs: np.ndarray
    targets: np.ndarray
    trials: Trials
    folds: list[Fold]
    groups: np.ndarray
    z_score: ZScore | None = None
    reliability: Reliability | None = None
    responses: Literal["inputs", "targets"] = "targets"

    def inside(self, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of all trials, as one fold may see them."""
        if self.responses == "inputs" or self.z_score is None:
            return self.inputs_inside(fold), self.targets
        return self.inputs, self.z_score.of(self.targets, fold)

    def inputs_inside(self, fold: Fold) -> np.ndarray:
        """Inputs of all trials, as one fold may see them."""
        if self.responses == "targets":
            return self.inputs
        inputs = self._normalised(fold)
        return inputs if self.reliability is None else inputs * self.reliability.gain(inputs, fold)

    def gain(self, fold: Fold) -> np.ndarray | None:
        """What the inputs are multiplied by in one fold, (input,), for being more or less reliable; None where all count alike."""
        return None if self.reliability is None else self.reliability.gain(self._normalised(fold), fold)

    def _normalised(self, fold: Fold) -> np.ndarray:
        """Responses that stand on the side of the inputs, normalised."""
        return self.inputs if self.z_score is None else self.z_score.of(self.inputs, fold)

    def held_out(self) -> np.ndarray:
        """Rows of the held-out trials, in the order of the trial table."""
        return np.sort(np.concatenate([fold.test for fold in self.folds]))

    def measured(self, source: np.ndarray | None = None) -> np.ndarray:
        """The targets that held-out predictions are compared with.

        Parameters
        ----------
        source : (trial,) int array, optional
            Which trial's target each trial has, where they were permuted.

        Returns
        -------
        (held-out trial, target) or (held-out trial,) array
            In the order of the trial table, normalised as in the fold that held the trial out.
        """
        source = np.arange(len(self.targets)) if source is None else source
        out = np.empty((len(self.targets), *self.targets.shape[1:]), dtype=self.targets.dtype)
        for fold in self.folds:
            out[fold.test] = self.moved(fold, source, fold.test)
        return out[self.held_out()]

    def moved(self, fold: Fold, source: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The targets that some trials have in a fold once targets were exchanged, (row, target) or (row,).

        Responses are normalised after they moved, by those that are in training then: a null whose training responses keep a mean
        that was theirs elsewhere has an intercept that the fit itself never has, and lies too low.
        """
        if self.z_score is None or self.responses == "inputs":
            return self.targets[source[rows]]
        return self.z_score.of(self.targets, Fold(fold.name, source[fold.train], source[fold.test]))[source[rows]]

    def exchanges(
        self, count: int, rng: np.random.Generator, exchange: str = "stimulus", within: str = ""
    ) -> Iterator[np.ndarray]:
        """Permutations of which target belongs to which input.

        One exchange holds for all folds, training and test trials alike, and the score of a refit compares its predictions with the
        targets as they were moved. Only units with equal numbers of trials change places. Where only some trials are ever held out,
        these change places among themselves, as do those that only fit, so that the candidates of an identification stay what they
        are. An exchange for each fold would be wrong: over pooled folds two trials predict each other through the same product, and
        a null without that symmetry is too narrow (for linear models by half its variance: p < .05 in 24 % of noise for the 95th
        percentile over units).

        Parameters
        ----------
        count : int
        rng : np.random.Generator
        exchange : str
            The exchangeable unit: a column of the trial table whose groups move as a whole ("stimulus", "block", "clip"), or
            "circular_shift" for continuous series, which are shifted within each run, in the order of onsets or else of rows.
        within : str
            Only groups of the same label in this column change places.

        Yields
        ------
        (trial,) int array
            Which trial's target each trial gets.

        Raises
        ------
        InvalidInput
            There is no such column, trials that move together differ in `within` or in being held out, or there are too few ways
            to exchange anything.
        """
        if not count:
            return
        shift = exchange == "circular_shift"
        if shift and within:
            raise InvalidInput("exchange: a circular shift stays within its run; leave out permute_within")
        groups = self.column("run" if shift else exchange, "exchange")
        labels = self.column(within, "permute_within") if within else np.full(len(groups), "")
        if within:
            _refuse_torn(groups, labels, exchange, within)
        roles = self._roles()
        if shift:
            _refuse_torn(groups, roles, "run", "what is held out and what is not", "split by run")
            self._refuse_short(groups)
            in_time = np.lexsort((np.asarray(self.trials["onset_s"]),)) if "onset_s" in self.trials else np.arange(len(groups))
        else:
            labels = np.char.add(np.char.add(labels, " "), np.char.add(roles, _sizes(groups, roles)))
            self._refuse_few(groups, labels, exchange, within)

        def draw(rng: np.random.Generator) -> np.ndarray:
            if not shift:
                return permute_pairs(groups, rng, within=labels)
            source = np.empty(len(groups), np.intp)
            source[in_time] = in_time[circular_shift(groups[in_time], rng, shortest=0)]
            return source

        if self.targets.ndim == 1:
            self._refuse_renaming(draw, exchange, within)
        for _ in range(count):
            # of the arrangements that could have been fitted, the real one among them, each is as likely
            source = next((source for _ in range(REDRAWS) if self._can_be_normalised(source := draw(rng))), None)
            if source is None:
                column = self.z_score.column if self.z_score else ""
                raise InvalidInput(
                    f"exchange: hardly an arrangement leaves every {column} enough training trials to be normalised by; set "
                    f"permute_within: {column}, or normalise by a longer stretch"
                )
            yield source

    def _can_be_normalised(self, source: np.ndarray) -> bool:
        """Whether every stretch of the recording has two responses in training to be scaled by, or none where its own may do."""
        if self.z_score is None or self.responses == "inputs":
            return True
        number = np.unique(self.z_score.labels, return_inverse=True)[1]
        for fold in self.folds:
            train, test = (np.bincount(number[source[rows]], minlength=number.max() + 1) for rows in (fold.train, fold.test))
            if ((train == 1) | ((train == 0) & (test > 0) & (not self.z_score.unsupervised))).any():
                return False
        return True

    def _refuse_renaming(self, draw: Callable[[np.random.Generator], np.ndarray], exchange: str, within: str) -> None:
        """Refuse an exchange that leaves the same trials together in categories, whatever is drawn."""
        tries = np.random.default_rng(0)  # a few blocks come back in their places now and then
        if not all(_same_partition(self.targets, self.targets[draw(tries)]) for _ in range(TRIES)):
            return
        if within and not _torn(self.column(within, "permute_within"), self.targets).any():
            raise InvalidInput(
                f"permute_within: {within} keeps every trial among those of its own category, so chance would equal the score; "
                "leave out permute_within"
            )
        raise InvalidInput(
            f"exchange: moving each {exchange} as a whole only renames the categories, so chance would equal the score; set "
            + self._other_exchange(exchange)
        )

    def _refuse_short(self, runs: np.ndarray) -> None:
        """Refuse shifts of so few rows that no p-value could be small."""
        shifts = prod(np.unique(runs[self.held_out()], return_counts=True)[1].tolist())
        if shifts < LEAST_ARRANGEMENTS:
            raise InvalidInput(
                f"exchange: circular_shift leaves {shifts} shifts of the held-out runs, so no p-value could be small; "
                "hold out more, or set permutations: 0 for no p-value"
            )

    def _other_exchange(self, exchange: str) -> str:
        """What to set instead, of what this trial table has."""
        ways = [] if exchange == "stimulus" else ["exchange: stimulus"]
        if exchange != "block" and {"block", "run"} <= set(self.trials):
            ways.append("exchange: block with permute_within: run")
        return ", or ".join(ways or ["permutations: 0"])

    def _roles(self) -> np.ndarray:
        """Whether each trial is ever held out, only fits, or does neither."""
        roles = np.full(len(self.targets), "unused")
        for fold in self.folds:
            roles[fold.train] = "fits"
        roles[self.held_out()] = "tested"
        return roles

    def _refuse_few(self, groups: np.ndarray, labels: np.ndarray, exchange: str, within: str) -> None:
        """Refuse an exchange with so few arrangements that no p-value could be small."""
        tested = self.held_out()
        arrangements = _arrangements(groups[tested], labels[tested])
        if arrangements < LEAST_ARRANGEMENTS:
            inside = f" within {within}" if within else ""
            raise InvalidInput(
                f"exchange: {exchange}{inside} leaves {arrangements} arrangement{'s' if arrangements > 1 else ''} of "
                f"{len(np.unique(groups[tested]))} held-out groups (one {exchange} each; only those with equal numbers of trials change "
                f"places), so no p-value could be small; {', or '.join(self._more_arrangements(exchange, within))}"
            )

    def _more_arrangements(self, exchange: str, within: str) -> list[str]:
        """What leaves enough arrangements, of what these trials have."""
        roles, tested = self._roles(), self.held_out()
        more = ["hold out more"] if (roles == "fits").any() else []
        ways: list[str] = []
        others = [("leave out permute_within", exchange, "")] if within else []
        if exchange != "stimulus":
            others.append(("set exchange: stimulus if their order was random", "stimulus", within))
        if exchange != "stimulus" and within:
            others.append(("leave out permute_within and set exchange: stimulus if their order was random", "stimulus", ""))
        for words, name, inside in others:
            if ways and not inside and name != exchange:  # one change is enough
                break
            groups = self.column(name, "exchange")
            labels = self.column(inside, "permute_within") if inside else np.full(len(groups), "")
            labels = np.char.add(np.char.add(labels, " "), np.char.add(roles, _sizes(groups, roles)))
            if not _torn(groups, labels).any() and _arrangements(groups[tested], labels[tested]) >= LEAST_ARRANGEMENTS:
                ways.append(words)
        return [*more, *ways, "set permutations: 0 for no p-value"]

    def column(self, name: str, asked: str) -> np.ndarray:
        """A column of the trial table as labels; runs and blocks of different sessions differ.

        Raises
        ------
        InvalidInput
            The trials have none of this name; the message says who `asked`.
        """
        if name not in self.trials:
            raise InvalidInput(no_column(asked, name, self.trials))
        return qualified(self.trials, name)


def _sizes(groups: np.ndarray, roles: np.ndarray) -> np.ndarray:
    """How many trials the group of each trial has: copying one noisy response into nine would make the null too narrow."""
    _, number, counts = np.unique(np.char.add(groups, roles), return_inverse=True, return_counts=True)
    return np.char.add(" ", counts[number].astype(str))


def _refuse_torn(groups: np.ndarray, labels: np.ndarray, exchange: str, within: str, remedy: str = "") -> None:
    if (differs := _torn(groups, labels)).any():
        raise InvalidInput(
            f"exchange: trials of {exchange} {groups[differs][0]} must move together, but {within} differs between them; "
            + (remedy or f"leave out permute_within, or exchange what lies within one {within}")
        )


def _arrangements(groups: np.ndarray, labels: np.ndarray) -> int:
    """In how many ways groups of the same label can change places."""
    units = np.unique(np.column_stack([np.unique(values, return_inverse=True)[1] for values in (labels, groups)]), axis=0)
    return prod(factorial(min(int(count), 20)) for count in np.bincount(units[:, 0]))


def _torn(groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which trials have another label than the first of their group."""
    _, first, number = np.unique(groups, return_index=True, return_inverse=True)
    return labels != labels[first][number]


def _same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two labellings group the trials in the same way."""
    pairs = len(np.unique(np.char.add(np.char.add(one.astype(str), "/"), other.astype(str))))
    return pairs == len(np.unique(one)) == len(np.unique(other))

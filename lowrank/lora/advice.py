"""What each rank costs and keeps, beside what others found: everything for a choice, and no "optimal r".

No spectrum tells the rank before training: published sweeps are flat over a wide range. What can be told is the cost of
each rank, and after training how far an adapter can be cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lowrank.errors import RankError
from lowrank.lora.budget import BYTES, adapter_parameters
from lowrank.svd import Array

#: Ranks that people choose among.
USUAL_RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class RankRow:
    """One rank: what it costs, and what it keeps where a matrix is given.

    Attributes
    ----------
    r : int
    parameters : int
    share : float
        Of the weights' own numbers; above 1 the adapter is the larger.
    nbytes : int
        Of A and B.
    energy, relative_error : float or None
        Of the best approximation of this rank; None without singular values.
    """

    r: int
    parameters: int
    share: float
    nbytes: int
    energy: float | None = None
    relative_error: float | None = None


def rank_table(
    shapes: Sequence[tuple[int, int]],
    ranks: Sequence[int] = USUAL_RANKS,
    *,
    spectra: Sequence[Array] | None = None,
    dtype: str = "BF16",
) -> tuple[RankRow, ...]:
    """Tabulate ranks for the weights of a model, each adapted at the same rank.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Of the weights, (m, n).
    ranks : sequence of int
        Those above a weight's full rank count as its full rank.
    spectra : sequence of ndarray, optional
        All singular values of each weight, or of each difference, in the same order.
    dtype : str
        Of the adapter's numbers in the file, a key of `lowrank.lora.budget.BYTES`.

    Raises
    ------
    RankError
        If there is no shape, or a rank is below 1.

    Examples
    --------
    >>> rank_table([(1600, 1600)], [16])
    (RankRow(r=16, parameters=51200, share=0.02, nbytes=102400, energy=None, relative_error=None),)
    """
    if not shapes or min(map(min, shapes)) < 1 or min(ranks, default=1) < 1:
        raise RankError("Give at least one weight, and ranks from 1 up.")
    whole = sum(m * n for m, n in shapes)
    rows = []
    for r in ranks:
        parameters = sum(adapter_parameters(m, n, min(r, m, n)) for m, n in shapes)
        row = RankRow(r, parameters, parameters / whole, parameters * BYTES[dtype])
        rows.append(row if spectra is None else _kept(row, spectra))
    return tuple(rows)


def _kept(row: RankRow, spectra: Sequence[Array]) -> RankRow:
    squares = [np.square(s.astype(np.float64)) for s in spectra]
    lost, total = (float(sum(s[k:].sum() for s in squares)) for k in (row.r, 0))
    share = lost / total if total else 0.0
    return RankRow(row.r, row.parameters, row.share, row.nbytes, 1 - share, share**0.5)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What somebody measured at several ranks.

    Attributes
    ----------
    what : str
        Task and model, in words.
    source : str
        Where it is published.
    unit : str
        Of the figures.
    figures : tuple of (str, float)
        A rank or a rule, and its result.
    says : str
        In a sentence.
    shares : tuple of float
        Parameters of each setting in % of the weights, where the settings are not of one size by their ranks alone.
    """

    what: str
    source: str
    unit: str
    figures: tuple[tuple[str, float], ...]
    says: str
    shares: tuple[float, ...] = ()


#: Sweeps over r, by others and by us.
SWEEPS = (
    Sweep(
        "GPT-3 175B on WikiSQL, adapters on the query and value weights, trained at each rank; about ±0.5 % "
        "between seeds",
        "Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models, section 7.2",
        "% accuracy",
        (("r = 1", 73.4), ("r = 2", 73.3), ("r = 4", 73.7), ("r = 8", 73.8), ("r = 64", 73.5)),
        "Flat: rank 1 does as well as rank 64.",
    ),
    Sweep(
        "the same 18 million parameters on one to four kinds of attention weights of GPT-3 175B, WikiSQL; about ±0.5 % "
        "between seeds",
        "Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models, table 5",
        "% accuracy",
        (
            ("query, r = 8", 70.4), ("key, r = 8", 70.0), ("value, r = 8", 73.0), ("output, r = 8", 73.2),
            ("query and key, r = 4", 71.4), ("query and value, r = 4", 73.7), ("all four, r = 2", 73.7),
        ),
        "Which kind of weight matters more than how many: value or output alone do better than query and key together.",
    ),
    Sweep(
        "full fine-tuning of MiniLM for code search, the change of its 36 linear weights cut afterwards by rank or by "
        "a rule for each layer; one seed, so that 3 points more or less say nothing",
        "measured for this project: 300 steps of AdamW, gain in mean reciprocal rank on 1,000 unseen pairs",
        "% of the gain kept",
        (
            ("r = 1", 66), ("r = 2", 78), ("r = 4", 88), ("r = 8", 94), ("r = 16", 96), ("energy 50 %", 99),
            ("r = 32", 98), ("ratio 5", 100), ("r = 64", 100), ("Gavish-Donoho", 101), ("energy 90 %", 100),
        ),
        "Rank 8 holds 35 % of the energy and 94 % of the gain; energy of 90 % takes 15 times as many parameters.",
        (0.4, 0.8, 1.6, 3.1, 6.3, 7.6, 12.5, 21, 25, 32, 48),
    ),
    Sweep(
        "a LoRA of rank 32 trained on the same task, cut afterwards; one seed",
        "measured for this project: 90 steps, mean reciprocal rank on 500 unseen pairs",
        "% of the gain kept",
        (("r = 1", 83), ("r = 2", 89), ("r = 4", 96), ("r = 8", 99)),
        "A trained adapter can often be cut to a quarter of its rank.",
    ),
)  # fmt: skip

#: What else is known, in sentences, each with its source.
FINDINGS = (
    ("In continued training on code and mathematics the change of full fine-tuning is not low-rank: 90 % of its "
     "variance takes 10 to 100 times the usual ranks.", "Biderman et al. 2024, LoRA Learns Less and Forgets Less"),
    ("With alpha / r gradients shrink as r grows, so that more rank seems useless; alpha / sqrt(r) removes that.",
     "Kalajdzievski 2023, rsLoRA"),
    ("With adapters on every layer, small and middling data sets follow full fine-tuning from a moderate rank on; the "
     "learning rate is about ten times that of full fine-tuning, nearly whatever the rank.",
     "Schulman et al. 2025, LoRA Without Regret"),
    ("Training 200 numbers reaches 90 % of full performance on one task: a statement on performance, not on the rank "
     "of the change.", "Aghajanyan et al. 2020, Intrinsic Dimensionality"),
)  # fmt: skip

#: Where to start, in words.
STARTING_POINT = (
    "Start with r = 8 to 16 on all linear layers, alpha = r or 2 r, and about ten times the learning rate of full "
    "fine-tuning. Raise r only if the training loss stalls. Then cut the adapter to what its task needs, and measure. "
    "No spectrum tells the right r before training."
)

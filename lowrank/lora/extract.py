"""A LoRA from two checkpoints: the truncated SVD of what training changed, one tensor at a time.

A checkpoint is one safetensors file or a folder of them. Only one pair of weights is in memory at a time, in float32:
bfloat16 has 8 bits, and a difference in it would be mostly rounding. Rounding remains all the same: both files were
rounded when they were saved. Its size is known from the type, and what lies below it is told apart
(`ExtractedLayer.above_noise`). Nothing is left out without a word: `Extraction.skipped` names each tensor and why.
"""

from __future__ import annotations

import fnmatch
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from lowrank.decompose import truncated_svd
from lowrank.errors import RankError, TensorError
from lowrank.lora.adapter import LoRA, from_svd
from lowrank.lora.floats import FLOATS, FRACTION_BITS, Floats
from lowrank.lora.formats import Adapter
from lowrank.lora.safetensors import SafeTensors, shown
from lowrank.parallel import Progress
from lowrank.ranks import known_noise_rank
from lowrank.spectrum import relative_error
from lowrank.svd import Array, squared_norm

#: Above this share of W's norm, changed weights are hardly a fine-tune: measured ones change by 0.2 to 1 %.
SUSPICIOUS_CHANGE = 0.2

#: Names of weights that are looked up by row, and left out unless they are asked for.
EMBEDDINGS = ("*embed*", "*wte*", "*wpe*", "*lm_head*")


#: At most so many matrices of a weight's size are in memory at once, factors of full rank too; 5 to 9 were measured.
MATRICES = 10

#: Numbers whose rounding is looked at in one go.
_AT_ONCE = 1 << 20


class Checkpoint:
    """The tensors of a model, in one safetensors file or a folder of them, none of them read yet.

    Parameters
    ----------
    source : bytes or str or path

    Raises
    ------
    FormatError
        If a file is damaged.
    TensorError
        If there is no such file, a folder holds none, or two files hold the same tensor.
    """

    def __init__(self, source: bytes | str | os.PathLike[str]) -> None:
        self.files: dict[str, SafeTensors] = {}
        if isinstance(source, bytes) or not _is_folder(source):
            found = [SafeTensors(source)]
        else:
            found = [SafeTensors(path) for path in sorted(Path(source).glob("*.safetensors"))]
        for file in found:
            for name in file:
                if name in self.files:
                    raise TensorError(f"The tensor {shown(name)} is in two files of the folder. Leave one of them out.")
                self.files[name] = file
        if not self.files:
            raise TensorError("There is no tensor in this checkpoint. Give a .safetensors file, or a folder of them.")

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return self.files[name][name].shape

    def dtype(self, name: str) -> str:
        """Type of a tensor, as safetensors calls it."""
        return self.files[name][name].dtype

    def same(self, name: str, other: Checkpoint) -> bool:
        """Whether both have the same bits."""
        return self.dtype(name) == other.dtype(name) and np.array_equal(
            self.files[name].raw(name), other.files[name].raw(name)
        )

    def read(self, name: str) -> Floats:
        """Read one tensor."""
        return self.files[name].read(name)


def _is_folder(source: str | os.PathLike[str]) -> bool:
    try:
        return Path(source).is_dir()
    except OSError:  # a name that is too long, say: taken for a file's, it gets its sentence
        return False


@dataclass(frozen=True, slots=True)
class ExtractedLayer:
    """What became of one weight.

    Attributes
    ----------
    name : str
        Of its module.
    shape : tuple of int
    rank : int
        Of the factors.
    change : float
        ``||tuned - base||_F / ||base||_F``.
    relative_error : float
        Of the factors, against the difference.
    above_noise : int
        Components that stand out of the rounding of both files, of the first `rank`; by Gavish and Donoho's threshold
        for known noise.
    noise : float
        Norm of that rounding as a share of the difference's.
    """

    name: str
    shape: tuple[int, int]
    rank: int
    change: float
    relative_error: float
    above_noise: int
    noise: float


@dataclass(frozen=True, slots=True, eq=False)
class Extraction:
    """An adapter, and how it came about.

    Attributes
    ----------
    adapter : Adapter
    layers : tuple of ExtractedLayer
    skipped : mapping of str to str
        Tensors that are not in the adapter, and why.
    warnings : tuple of str
        In sentences.
    memory : int
        Most bytes that are needed at once: `MATRICES` of the largest weight.
    """

    adapter: Adapter
    layers: tuple[ExtractedLayer, ...]
    skipped: Mapping[str, str]
    warnings: tuple[str, ...]
    memory: int


def extract_lora(
    base: bytes | str | os.PathLike[str],
    tuned: bytes | str | os.PathLike[str],
    rank: int,
    *,
    include: Sequence[str] = ("*",),
    exclude: Sequence[str] = EMBEDDINGS,
    fan_in_fan_out: bool = False,
    base_model: str = "",
    progress: Progress | None = None,
) -> Extraction:
    """Extract a LoRA of rank r from a base checkpoint and one that was trained from it.

    Parameters
    ----------
    base, tuned : bytes or str or path
        A safetensors file, or a folder of them.
    rank : int
        Of every layer, or its full rank where that is lower. Cut it afterwards by any rule of `lowrank.lora.resize`.
    include, exclude : sequence of str
        Patterns of tensor names, as shells have them. By default embeddings are left out.
    fan_in_fan_out : bool
        Whether weights are stored as (inputs, outputs), as GPT-2 has them.
    base_model : str
        Name of the base, for the configuration.
    progress : callable, optional
        Called with the finished share of the tensors.

    Raises
    ------
    FormatError, TensorError
        If a file cannot be read, or no weight differs.
    RankError
        If the rank is below 1.
    """
    if rank < 1:
        raise RankError(f"An adapter's rank is 1 or more, not {rank}.")
    before, after = Checkpoint(base), Checkpoint(tuned)
    skipped: dict[str, str] = {}
    pairs: dict[str, LoRA] = {}
    layers: list[ExtractedLayer] = []
    memory = 0
    for name in _walk(sorted({*before.files, *after.files}), progress):
        reason = _reason(name, before, after, include, exclude)
        if reason:
            skipped[name] = reason
            continue
        noise = rounding_variance(before, name) + rounding_variance(after, name)
        size, delta = _difference(before.read(name), after.read(name))
        changed = float(squared_norm(delta))
        if not changed:
            skipped[name] = "equal numbers"
            continue
        memory = max(memory, MATRICES * delta.nbytes)
        svd = truncated_svd(delta.T if fan_in_fan_out else delta, min(rank, *delta.shape))
        m, n = svd.shape
        module = name.removesuffix(".weight")
        pairs[module] = from_svd(svd)
        layers.append(
            ExtractedLayer(
                module,
                (m, n),
                svd.rank,
                math.sqrt(changed / size) if size else math.inf,
                float(relative_error(svd)[-1]),
                known_noise_rank(svd.s, m, n, math.sqrt(noise)),
                math.sqrt(noise * m * n / changed),
            )
        )
    if not pairs:
        raise TensorError("No weight differs between the two, of those that a LoRA can hold. Check that they are two.")
    config = {"fan_in_fan_out": fan_in_fan_out, "base_model_name_or_path": base_model}
    adapter = Adapter(dict(sorted(pairs.items())), config=config)
    return Extraction(adapter, tuple(layers), skipped, _warnings(layers, skipped), memory)


def rounding_variance(checkpoint: Checkpoint, name: str) -> float:
    """Return the variance of what rounding to its type did to a tensor's entries: the mean of ``ulp**2 / 12``.

    The unit in the last place is ``2 ** (floor(log2 |w|) - bits)``, with the bits of the fraction of the type.
    """
    weights, squares = checkpoint.read(name).reshape(-1), 0.0
    for start in range(0, weights.size, _AT_ONCE):
        part = weights[start : start + _AT_ONCE]
        _, exponent = np.frexp(part[part != 0])  # |w| = f * 2**exponent, f in [1/2, 1)
        ulp = np.ldexp(1.0, exponent - 1 - FRACTION_BITS[checkpoint.dtype(name)])
        squares += float(np.square(ulp).sum())
    return squares / weights.size / 12


def _difference(W: Floats, tuned: Floats) -> tuple[float, Array]:
    """The squared norm of W, and the difference; in float32 unless one is float64."""
    size = float(squared_norm(W))
    if tuned.dtype == W.dtype:
        return size, np.subtract(tuned, W, out=tuned)
    return size, np.subtract(tuned, W, dtype=np.float64)


def _walk(names: Sequence[str], progress: Progress | None) -> Iterator[str]:
    for i, name in enumerate(names):
        yield name
        if progress is not None:
            progress((i + 1) / len(names))


def _reason(
    name: str, before: Checkpoint, after: Checkpoint, include: Sequence[str], exclude: Sequence[str]
) -> str | None:
    """Why a tensor is left out; None where it is not."""
    if name not in after.files or name not in before.files:
        return "in the base alone" if name in before.files else "in the tuned one alone"
    one, other = before.shape(name), after.shape(name)
    if one != other:
        sizes = " and ".join(" x ".join(map(str, shape)) for shape in (one, other))
        return f"shapes differ: {sizes}" + (", another vocabulary" if one[1:] == other[1:] else "")
    checks: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: before.dtype(name) not in FLOATS or after.dtype(name) not in FLOATS, "no floating-point numbers"),
        (lambda: 0 in one, "empty"),
        (lambda: before.same(name, after), "identical"),
        (lambda: len(one) != 2, f"changed, but has {len(one)} axes and not 2"),
        (lambda: not name.endswith(".weight"), "changed, but is no weight of a layer by its name"),
        (lambda: any(fnmatch.fnmatchcase(name, p) for p in exclude), "changed, but left out by its name"),
        (lambda: not any(fnmatch.fnmatchcase(name, p) for p in include), "changed, but not among those asked for"),
    )
    return next((reason for holds, reason in checks if holds()), None)


def _warnings(layers: Sequence[ExtractedLayer], skipped: Mapping[str, str]) -> tuple[str, ...]:
    found = []
    change = median(layer.change for layer in layers)
    if change > SUSPICIOUS_CHANGE:
        found.append(
            f"The weights differ by {100 * change:.0f} % of their size, and a fine-tune changes about 1 %. "
            "These are hardly a base and a model tuned from it."
        )
    noise = median(layer.noise for layer in layers)
    if noise > 0.1:
        found.append(
            f"{100 * noise:.0f} % of the difference is rounding of the two files. Take more precise checkpoints."
        )
    lost = sum(reason.startswith("changed") for reason in skipped.values())
    if lost:
        found.append(f"{lost} tensors that training changed are not in the LoRA.")
    return tuple(found)

"""The words of the page LoRA."""

from __future__ import annotations

TITLE = "LoRA"
PARTS = {
    "motion": "In motion",
    "matrix": "A matrix at rank r",
    "adapter": "Adapter",
    "choice": "Which r?",
    "qlora": "QLoRA",
}
PARTS_LABEL = "Part"

# -- in motion ---------------------------------------------------------------------------------------------------------

MOTION_INTRO = (
    "A weight W of d rows and d columns stays as it is. What is trained is B, of d rows and r columns, and A, of r "
    "rows and d columns; the layer then computes with W\u00a0+\u00a0scale\u00a0·\u00a0B\u00a0A."
)
MOTION = {
    "d": "Side d",
    "r": "Rank r",
    "alpha": "Alpha α",
    "frozen": "W, frozen",
    "full": "W has {d} × {d} = {full} numbers.",
    "adapter": "B and A have r (d + d) = {adapter}, which is {share} of W.",
    "larger": "Beyond r = {even} the factors are larger than W.",
    "plain": "Scale α / r = {plain}",
    "rs": "Scale of rsLoRA α / √r = {rs}",
    "box": "W is {d} by {d}; B is {d} by {r} and A is {r} by {d}, drawn to scale.",
}
SLIP = (
    "A notebook on LoRA from which this page grew gives W of 1600 × 1600 as 256,000 numbers: a slip of one zero. It "
    "has 2,560,000, and the 51,200 of rank 16 are 2 % of them."
)
CHECKS = "The same, computed with d = {d}"
CHECKS_HELP = "With random numbers in B and A, as after training: B starts at zero, so that nothing is added at first."
FORWARD = "Factored or merged, W x + scale · B (A x): the outputs differ by"
MERGED = "Rank of B A, from its factors"
UNMERGED = "Merged and unmerged in half precision: weights changed"
AT_START = "Before training, scale · B A is"
ZERO, NOT_ZERO = "zero", "not zero"
SCALINGS = {"alpha / r": "α / r", "alpha / sqrt(r)": "α / √r (rsLoRA)"}
SCALE_CHART = "Scale in front of B A against rank"
SCALE_AXIS = "Scale"
RANK_AXIS = "Rank r"
SCALE_CAPTION = (
    "With α / r the outputs of B A, and what they are trained by, shrink as r grows, so that more rank seems useless; "
    "with α / √r they keep their size (rsLoRA, Kalajdzievski 2023)."
)

# -- a matrix at rank r ------------------------------------------------------------------------------------------------

MATRIX_INTRO = (
    "What rank r keeps of a matrix: the same slider as for a photograph. A random matrix is the hard case, since its "
    "singular values fall slowly."
)
SOURCE = "Matrix"
SOURCES = {
    "normal": "Random, 256 × 256",
    "lowrank": "Rank 16 plus noise, 256 × 256",
    "picture": "A photograph, as a matrix",
    "upload": "Your own (.npy or .csv)",
}
DROP_MATRIX = "Drop a matrix here"
DROP_MATRIX_HELP = "A .npy file, or a text of numbers with a row on each line. It stays in this browser tab's session."
NO_MATRIX = "Drop a .npy or .csv file to see its spectrum."
TOO_BIG_VALUES = "The numbers of this matrix are too large for float32. Scale it down."
APPROXIMATION = "Relative error"
ENERGY = "Energy"
STORED = "Numbers in the factors"
OF_MATRIX = "Numbers in the matrix"
BREAK_EVEN = "Break-even rank"
SPECTRUM_CHART = "Singular values"
SPECTRUM_AXIS = "Singular value σᵢ"
INDEX_AXIS = "Component i"
ERROR_CHART = "Relative error against rank"
ERROR_AXIS = "Relative error ‖W − Wᵣ‖ / ‖W‖"
THIS = "this matrix"
GAUSSIAN = "Gaussian of the same shape and norm"
SAME_SLIDER = "The same slider on a photograph: Explore"

# -- adapter -----------------------------------------------------------------------------------------------------------

ADAPTER_INTRO = (
    "Drop an adapter to see what its layers hold, and cut it to lower ranks. Names of PEFT and of kohya are read; "
    "nothing is run, and nothing leaves this site."
)
DROP_ADAPTER = "Drop adapter_model.safetensors, and adapter_config.json with it"
DROP_ADAPTER_HELP = "Both files together. Without the configuration alpha is not known, and the scale is taken as 1."
EXAMPLE = "Look at an example"
EXAMPLE_ON = (
    "An example: random factors whose spectra fall as those of trained adapters do. Drop your own to replace it."
)
TWO_ADAPTERS = "Two adapters were dropped. Drop one .safetensors file, and its .json if there is one."
NO_ADAPTER = "There is no .safetensors file among these. Drop one, and its adapter_config.json if there is one."
INSPECTING = "Looking at the layers"
ADAPTER_FACTS = ("Layers", "Numbers", "Ranks", "Names")
STYLES = {"peft": "PEFT", "kohya": "kohya"}
VERIFIED = "Names, shapes, pairs and ranks agree."
LAYERS = "Layers"
LAYER_COLUMNS = {
    "name": "Layer",
    "shape": "Shape",
    "r": "Rank",
    "scale": "Scale",
    "norm": "Norm",
    "e50": "For 50 %",
    "e90": "For 90 %",
    "e95": "For 95 %",
    "e99": "For 99 %",
    "stable": "Stable rank",
    "effective": "Effective rank",
    "cut": "Cut to",
}
HEAT = "Rank that each layer needs for a share of its energy"
HEAT_X = "Share of the energy"
HEAT_Y = "Layer"
HEAT_SCALE = "Rank"
HEAT_FIRST = "Drawn are the first {drawn} of {count} layers. The table has them all."
CUT = "Cut to lower ranks"
RULE = "Rule"
CUT_SAYS = "{before} to {after} numbers ({share}), {ranks}; {energy} of the energy of all layers together."
ONE_RANK = "rank {low}"
RANKS = "ranks {low} to {high}"
MORE_PROBLEMS = "And {count} more of this kind."
FORM = "Write as"
FORMS = {"patterns": "Own rank for each layer", "padded": "One rank, filled up with zeros"}
FORM_HELP = "Patterns are the smaller file. Servers that allow one rank for all layers need the other."
DTYPE = "Number type"
SAVE_ADAPTER = "Cut and save"

# -- which r? ----------------------------------------------------------------------------------------------------------

MODEL = "Weights"
OWN = "A matrix of your choice"
MODELS = {
    "minilm": "all-MiniLM-L6-v2 (36 layers)",
    "llama": "Llama 2 7B (224 layers)",
    "notebook": "One 1600 × 1600",
    "large": "One 4096 × 4096",
    "own": OWN,
}
TABLE = {
    "r": "Rank r",
    "parameters": "Parameters",
    "share": "Of the weights (%)",
    "nbytes": "File (bf16)",
    "energy": "Energy (%)",
    "relative_error": "Relative error (%)",
}
TABLE_TITLE = "What each rank costs"
TABLE_KEPT_TITLE = "What each rank costs and keeps"
SWEEPS = "What was measured"
RESULT = "Result ({unit})"
SETTING = "Setting"
FINDINGS = "What else is known"
NOT_LOW = "The weights themselves are not of low rank"
NOT_LOW_SAYS = (
    "Ranks that the 24 attention matrices of all-MiniLM-L6-v2, 384 × 384, need for a share of their energy. Beyond "
    "rank 192 the factors are larger than the matrix. A Gaussian matrix needs 196 for 90 %."
)
NOT_LOW_X = "Share of the energy"
NOT_LOW_Y = "Rank (of 384)"

# -- QLoRA -------------------------------------------------------------------------------------------------------------

QLORA_INTRO = (
    "QLoRA keeps W in 4 bits and trains an adapter beside it. NF4 puts its 16 levels where normally distributed "
    "weights are."
)
LEVELS_CHART = "Levels over the weights"
LEVELS_X = "Weight over the largest of its block"
LEVELS_Y = "Weights"
KIND = "Type"
BLOCK = "Block size (weights that share a scale)"
DOUBLE = "Quantize the scales too"
BITS = "Bits per weight"
ERROR = "Relative error"
ERRORS_TITLE = "Relative error by type and block size"
ERROR_COLUMNS = {"kind": "Type", "block": "Block of {block} (%)"}
RESIDUAL = "What an adapter of rank r makes of the error"
RESIDUAL_SAYS = (
    "W ≈ Q + B A. LoftQ quantizes first and corrects; QPiSSA takes the principal part out first. What quantization "
    "leaves over is nearly noise, so the order decides. Of a large matrix the upper left {side} × {side} is taken."
)
RESIDUAL_AXIS = "Relative error ‖W − Q − B A‖ / ‖W‖"
WITHOUT = "{kind} alone"
TOO_SMALL = "This matrix is too small for the chart: it takes rows and columns of 8 at least."
FITTED = "{start}, fitted {count} times"
ONCE = "{start}, once"
COMPUTE = "Draw this chart"
COMPUTING = "Quantizing and decomposing"
MEMORY = "Memory of a fine-tune"
MEMORY_NOTE = "Not counted: {what}."
LINEAR = "Numbers in linear layers (millions)"
OTHER = "Other numbers (millions)"
ADAPTED = "Numbers in the adapter (millions)"
MEMORY_COLUMNS = {
    "way": "Way",
    "base": "Weights (GB)",
    "adapter": "Adapter (GB)",
    "gradients": "Gradients (GB)",
    "optimizer": "Adam (GB)",
    "total": "Together (GB)",
}

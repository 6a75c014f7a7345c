"""The words of the page LoRA."""

from __future__ import annotations

from app.ui import text

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
    "LoRA, low-rank adaptation (Hu et al. 2021), fine-tunes a model without changing its weights. A weight W of d rows "
    "and d columns stays as it is. What is trained is B, of d rows and r columns, and A, of r rows and d columns; the "
    "layer then computes with W\u00a0+\u00a0scale\u00a0·\u00a0B\u00a0A. The scale is α\u00a0/\u00a0r, where α is a "
    "number that one chooses: how strongly B\u00a0A counts."
)
MOTION = {
    "d": "Side d",
    "r": "Rank r",
    "alpha": "Alpha α",
    "frozen": "W, frozen",
    "full": "W has {d} × {d} = {full} numbers.",
    "adapter": "B and A have r (d + d) = {adapter},\nwhich is {share} of W.",
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
    "What rank r keeps of a matrix: the same slider as for a photograph. Rank 16 plus noise has a knee at 16: what "
    "comes after is noise. A random matrix has none, and is the hard case."
)
SOURCE = "Matrix"
SOURCES = {
    "lowrank": "Rank 16 plus noise, 256 × 256",
    "normal": "Random, 256 × 256",
    "picture": "A photograph, as a matrix",
    "upload": "Your own (.npy or .csv)",
}
DROP_MATRIX = "Drop a matrix here"
DROP_MATRIX_HELP = "A .npy file, or a text of numbers with a row on each line. It stays in this browser tab's session."
NO_MATRIX = "Drop a .npy or .csv file to see its spectrum."
TOO_BIG_VALUES = "The numbers of this matrix are too large for float32. Scale it down."
SHAPE = "{m} × {n} (rows × columns)"
READ_AS_NPY, READ_AS_TEXT = "read as .npy", "read as text"
STORED_SAYS = (
    "LoRA multiplies σ into B and A, so rank r stores r (m + n) numbers; Explore keeps σ apart, k (m + n + 1): one "
    "more for each rank."
)
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
    "An example, and no trained adapter: random factors whose singular values fall about as a power law, chosen for "
    "this page. Drop your own to replace it."
)
TWO_ADAPTERS = "Two adapters were dropped. Drop one .safetensors file, and its .json if there is one."
NO_ADAPTER = "There is no .safetensors file among these. Drop one, and its adapter_config.json if there is one."
INSPECTING = "Looking at the layers"
ADAPTER_FACTS = ("Layers", text.NUMBERS["numbers"][0], "Ranks", "Names")
STYLES = {"peft": "PEFT", "kohya": "kohya"}
VERIFIED = "Names, shapes, pairs and ranks agree."
LAYERS = "Layers"
LAYER_COLUMNS = {
    "name": "Layer",
    "r": "Rank",
    "cut": "Cut to",
    "e50": "Rank for 50 %",
    "e90": "Rank for 90 %",
    "e95": "Rank for 95 %",
    "e99": "Rank for 99 %",
    "stable": "Stable rank",
    "effective": "Effective rank",
    "norm": "Norm",
    "scale": "Scale",
    "shape": "Shape",
}
HEAT = "Rank that each layer needs for a share of its energy"
HEAT_X = "Share of the energy"
HEAT_Y = "Layer"
HEAT_SCALE = "Rank"
HEAT_FIRST = "Drawn are the first {drawn} of {count} layers. The table has them all."
CUT = "Cut to lower ranks"
RULE = "Rule"
TARGETS = {
    "rank": "Rank at most",
    "energy": "Energy to keep (share)",
    "sv_ratio": "Largest over smallest singular value at most",
    "sv_fro": "Norm to keep (share)",
    "sv_cumulative": "Sum of singular values to keep (share)",
    "parameters": f"{text.NUMBERS['numbers'][0]} at most",
}
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
    "parameters": text.NUMBERS["numbers"][0],
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
NOT_LOW_CHART = "Rank that holds a share of their energy"
NOT_LOW_SAYS = (
    "Each point is one of the 24 attention matrices of all-MiniLM-L6-v2, 384 × 384. Beyond rank 192 the factors are "
    "larger than the matrix. A Gaussian matrix needs 196 for 90 %."
)
NOT_LOW_X = "Share of the energy"
NOT_LOW_Y = "Rank (of 384)"

# -- QLoRA -------------------------------------------------------------------------------------------------------------

QLORA_INTRO = (
    "QLoRA keeps W in 4 bits and trains an adapter beside it. NF4 puts its 16 levels where normally distributed "
    "weights are."
)
LEVELS_CHART = "Levels over the weights"
LEVELS_SAYS = "Orange: the {count} levels of {kind}, the only values that a weight can have before its block's scale."
LEVELS_MANY = "{kind} has {count} levels, too close to be drawn."
LEVELS_X = "Weight over the largest of its block"
LEVELS_Y = "Weights"
KIND = "Type"
KINDS = {"NF4": "NF4", "E2M1": "FP4 (OCP E2M1)", "int4": "int4", "FP4": "FP4 (bitsandbytes)", "int8": "int8"}
BLOCK = "Block size (weights that share a scale)"
DOUBLE = "Quantize the scales too"
BITS = "Bits per weight"
ERROR = "Relative error"
ERRORS_TITLE = "Relative error (%) by type and block size"
ERROR_COLUMNS = {"kind": "Type", "block": "{block}"}
RESIDUAL = "What an adapter of rank r makes of the error"
RESIDUAL_CHART = "Relative error with an adapter of rank r"
RESIDUAL_SAYS = (
    "W ≈ Q + B A. LoftQ quantizes first and corrects what that leaves over, which is nearly noise; QPiSSA takes the "
    "principal part out first. If W has a few large singular values, the order decides; for a random W it hardly "
    "matters, and the curves of both, fitted once, lie on each other. Of a large matrix the upper left {side} × {side} "
    "is taken."
)
RESIDUAL_AXIS = "Relative error ‖W − Q − B A‖ / ‖W‖"
WITHOUT = "{kind} alone"
TOO_SMALL = "This matrix is too small for the chart: it takes rows and columns of 8 at least."
FITTED = "{start}, fitted {count} times"
ONCE = "{start}, once"
COMPUTE = "Draw this chart"
COMPUTING = "Quantizing and decomposing"
MEMORY = "Memory of a fine-tune"
MEMORY_SAYS = (
    "The numbers to begin with are those of Llama 2 7B, r = 16 on every linear layer. Weights and gradients of full "
    "fine-tuning, and frozen weights, are bf16 (2 bytes); an adapter, its gradients and Adam's two moments float32 "
    "(4 bytes each); QLoRA's linear layers take {bits} bits a weight: {kind}, block of {block}."
)
MEMORY_NOTE = "Not counted: {what}."
LINEAR = "Numbers in linear layers (millions)"
OTHER = "Other numbers (millions)"
ADAPTED = "Numbers in the adapter (millions)"
MEMORY_COLUMNS = {
    "way": "Way",
    "total": "Together (GB)",
    "base": "Weights (GB)",
    "adapter": "Adapter (GB)",
    "gradients": "Gradients (GB)",
    "optimizer": "Adam (GB)",
}

"""The words of the page Learn."""

from __future__ import annotations

TITLE = "Learn"

HEART, CROSS, STRIPES, FADE, DIAGONAL, EMPTY = "Heart", "Cross", "Stripes", "Fade", "Diagonal", "Empty"

#: What the matrix drawn by hand says; what stands in braces is filled in by the browser.
HAND = {
    "labels": {
        "sum": "1. A matrix is a sum of layers",
        "sumSays": (
            "Each layer is a column times a row, weighted by a singular value σ. Draw in the matrix and watch "
            "its layers change: a cross needs two, stripes and a fade need one, a diagonal needs them all. "
            "Orange is negative."
        ),
        "drawnSays": "Click or drag to draw; with the keyboard, arrows and space.",
        "keep": "2. The first layers hold most",
        "keepSays": (
            "Keep the first k layers and drop the rest. The singular values say in advance how much is lost: the "
            "squared error is the sum of the squares that were dropped. Of a diagonal the first hold no more than the "
            "others: all its layers weigh the same."
        ),
        "name": "Rank k",
        "near": "3. No other matrix of rank k is closer",
        "nearSays": (
            "This is the theorem of Eckart and Young (1936). Beside it stands a matrix whose row space is "
            "random, as near to yours as that space allows. Try as often as you like."
        ),
        "again": "Another random one",
    },
    "forms": {"thin": "Thin", "full": "Full"},
    "grid": "Matrix of 8 rows and 12 columns. Arrows move, space draws.",
    "cell": "Row {i}, column {j}: {value}",
    "values": ["empty", "filled"],
    "rank": "This matrix has rank {rank}: so many of its σ are above 0.",
    "nothing": "Nothing is drawn.",
    "layer": "σ{i} = {s}",
    "kept": "Rank {k}: {energy} of the energy",
    "missed": "What is missing: relative error {error}",
    "bars": "Squared singular values. The first {k} hold {energy} of their sum, the energy.",
    "cost": {
        "less": "Rank {k} stores {k} × ({m} + {n} + 1) = {stored} numbers in place of {m} × {n} = {all}.",
        "more": "Rank {k} stores {k} × ({m} + {n} + 1) = {stored} numbers; the matrix has {m} × {n} = {all}.",
    },
    "shapes": "U is {u}, S {s}, V transposed {v}; the first {k} columns and rows are kept.",
    "best": "The truncated SVD: error {error}",
    "other": "A random one of rank {k}: error {error}",
    "tally": "Nearest of {tries} so far: {nearest}. The truncated SVD: {error}.",
}

WHY = "4. What this has to do with LoRA, and what not"
WHY_SAYS = (
    "LoRA trains a change ΔW of rank r to each weight matrix W, and leaves W itself as it is. It does not mean that "
    "weights are of low rank: they are not much nearer to that than random numbers."
)
DIRECTIONS = "Directions that hold 90 % of the energy"
DIRECTIONS_AXIS = "Directions (of 384)"
MATRICES_AXIS = "Matrix"
WEIGHTS, RANDOM = "weights W, median", "random numbers"
DIRECTIONS_SAYS = (
    "The 24 attention matrices, 384 × 384, of all-MiniLM-L6-v2, and a Gaussian matrix of the same shape. The page LoRA "
    "shows all 24, in its part on the choice of r."
)
CLAIM = (
    "One full fine-tune of this model was measured for this project. The median change ΔW takes 88 directions for 90 % "
    "of its energy, and what it does to the inputs that really came takes 16. Beside that belongs the control: W "
    "itself takes 156, and on the same inputs 64. Part of the fall is the inputs' own doing, since W X cannot have "
    "more directions than X. This is consistent with a change of low rank doing the work of a full one, and does "
    "not prove it. It says nothing of which r will do: benchmarks are flat over a wide range of r."
)
SOURCE = (
    "The chart's figures are in the repository, as sample_weights/minilm.csv, with the script that measures them. "
    "Those of the fine-tune are not: 300 steps to find a function by its description, medians over the same 24 "
    "matrices, one model, one task, one seed. Theorem: C. Eckart and G. Young, *The approximation of one matrix by "
    "another of lower rank*, Psychometrika 1, 1936."
)
TO_EXPLORE = "The same slider on a photograph: Explore"

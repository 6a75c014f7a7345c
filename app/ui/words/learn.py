"""The words of the page Learn."""

from __future__ import annotations

TITLE = "Learn"

HEART, CROSS, STRIPES, FADE, DIAGONAL, EMPTY = "Heart", "Cross", "Stripes", "Fade", "Two diagonals", "Empty"

#: What the matrix drawn by hand says; what stands in braces is filled in by the browser.
HAND = {
    "labels": {
        "sum": "1. A matrix is a sum of layers",
        "sumSays": (
            "Each layer is a column times a row, weighted by a singular value σ. Draw in the matrix and watch "
            "its layers change: a cross needs two, stripes need one, a diagonal needs them all. "
            "Orange is negative."
        ),
        "drawnSays": "Click or drag to draw; with the keyboard, arrows and space.",
        "keep": "2. The first layers hold most",
        "keepSays": (
            "Keep the first k layers and drop the rest. The singular values say in advance how much is lost: the "
            "squared error is the sum of the squares that were dropped."
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

WHY = "4. Why this makes LoRA work, and where it does not"
WHY_SAYS = (
    "LoRA trains a change of rank r to each weight matrix, and leaves the matrix itself as it is. That works because "
    "what a fine-tune does to the *outputs* needs few directions. It does not mean that the matrices are of "
    "low rank: they are not."
)
DIRECTIONS = "How many directions hold 90 % of the energy"
DIRECTIONS_AXIS = "Directions (of 384)"
MATRICES_AXIS = "Matrix"
WEIGHTS, CHANGE, EFFECT = "weights W", "change ΔW", "ΔW on real inputs"
CLAIM = (
    'So "a linear layer only needs few dimensions" is false of the weights, false of their change as a matrix, and '
    "true of what the change does to the inputs that really come. It says nothing of which r will do: benchmarks are "
    "flat over a wide range of r."
)
SOURCE = (
    "ΔW is the change by a full fine-tune. Medians over the 24 attention matrices of all-MiniLM-L6-v2, fine-tuned for "
    "300 steps to find a function by its description. One model, one task, one seed. Theorem: C. Eckart and G. Young, "
    "*The approximation of one matrix by another of lower rank*, Psychometrika 1, 1936."
)
TO_EXPLORE = "The same slider on a photograph: Explore"

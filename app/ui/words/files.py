"""The words of what a picture costs as a file: on Explore, and on the page Open."""

from __future__ import annotations

SECTION = "As a file"
INTRO = (
    "True bytes, of files that were written. **Whole** is the picture's own truncated SVD, what the "
    "slider shows; **patches** is the SVD of its 8 × 8 blocks."
)
WEIGH = "Weigh the files"
WEIGH_HELP = "Writes the picture at the chosen rank as .lrk, and the other formats at the same PSNR. Takes a moment."
WEIGHING = "Writing files"
AT = "At the PSNR of the .lrk, whole, of rank {k}: {psnr}"
UPLOAD = "Picture as it came"
CODECS = {
    "whole": ".lrk, whole",
    "patches": ".lrk, patches",
    "jpeg": "JPEG",
    "jpeg-progressive": "JPEG, progressive",
    "webp": "WebP",
    "avif": "AVIF",
    "png": "PNG",
}
SMALLEST = (
    "{winner} is the smallest at this PSNR: {bytes}, {share} the bytes of the JPEG. The whole-image SVD takes {whole} "
    "the JPEG's, the SVD of patches {patches}."
)
SMALLEST_JPEG = (
    "JPEG is the smallest at this PSNR: {bytes}. The whole-image SVD takes {whole} its bytes, the SVD of patches "
    "{patches}."
)
SMALLEST_ALONE = "{winner} is the smallest here: {bytes}. JPEG does not reach this PSNR."
NOT_REACHED = "not reached"

BESIDE = "JPEG of the same bytes beside"
BESIDE_HELP = "Puts a JPEG no larger than the whole .lrk at this rank behind the divider of the picture."
BESIDE_SHOWN = "Behind the divider: a JPEG of {jpeg}; the .lrk, whole, at rank {k} has {lrk}."
BESIDE_NONE = "No JPEG is as small as the .lrk, whole, at rank {k}: the original stays behind the divider."
BESIDE_VIEWER = {
    "beside": "JPEG beside",
    "left": "JPEG",
    "divider": "Divider between the JPEG and the rank-k picture",
}

CHART = "Draw the chart of rate and distortion"
CHART_HELP = "Writes some 45 files. Takes ten seconds, and up to a minute for a large picture."
DRAWING = "Writing files: {name}"
MEASURE = "Distortion"
MEASURES = {"psnr": "PSNR", "ssim": "SSIM"}
CHART_TITLES = {"psnr": "PSNR against bits per pixel", "ssim": "SSIM against bits per pixel"}
AXES = {"psnr": "PSNR (dB)", "ssim": "SSIM"}
MARK = (
    "The ring: the .lrk, whole, of rank {k}, with {bits:.3f} bits per pixel and {psnr}. Files made for a PSNR, which "
    "are the curve, take more ranks, each less exactly, and so need fewer bits."
)
RATE_AXIS = "Rate (bits per pixel)"

DOWNLOAD = "Download as .lrk"
ARRANGEMENT = "Arrangement"
ARRANGEMENTS = {"whole": "Whole", "patches": "Patches"}
TARGET = "Target"
TARGETS = {"rank": "Rank k", "psnr": "PSNR at least (dB)", "max_bytes": "Size at most (bytes)"}
AT_RANK = "Rank k as shown: **{k}**"
RANK_VALUE = "Rank k (at most {highest})"
SAVE = "Make and save (.lrk)"
SHELL = "Opens on the page Open, and in the shell: lowrank open FILE."

OPEN = "Open"
OPEN_INTRO = "Drop a .lrk file to see the picture in it, without the original, and what is left of it at lower ranks."
OPEN_DROP = "Drop a .lrk file here"
OPEN_HELP = "A file that this site or `lowrank compress` has written. It stays in this browser tab's session."
OPEN_FACTS = {
    "arrangement": "Arrangement",
    "size": "Size (pixels)",
    "ranks": "Rank",
    "bytes": "File",
    "rate": "Rate",
}
BITS = "{bits:.3g} bits per pixel"
OPEN_RANK = "Rank k"
OPEN_RANK_HELP = "A file made for a lower rank is better than this one cut: its levels are chosen for it."
OPEN_PICTURE = "The picture in the file at rank {k} of {highest}"
OPEN_SAVE = "Picture at rank {k} (PNG)"
DECODING = "Reading the file"

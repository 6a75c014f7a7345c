"""What rank k keeps: the truncated SVD of pictures and matrices, seen and measured.

>>> import numpy as np
>>> import lowrank
>>> picture = np.outer(np.linspace(0, 1, 40), np.linspace(1, 0, 30))
>>> svd = lowrank.truncated_svd(lowrank.to_planes(picture))
>>> lowrank.choose_rank(svd, "psnr", 60)
1
"""

from lowrank.codec import decode, encode
from lowrank.color import from_planes, to_planes
from lowrank.curves import error_curve
from lowrank.decompose import truncated_svd
from lowrank.errors import LowrankError
from lowrank.image import read_image, to_png
from lowrank.metrics import psnr, ssim
from lowrank.ranks import choose_rank
from lowrank.svd import SVD

__version__ = "0.1.0"

__all__ = [
    "SVD",
    "LowrankError",
    "__version__",
    "choose_rank",
    "decode",
    "encode",
    "error_curve",
    "from_planes",
    "psnr",
    "read_image",
    "ssim",
    "to_planes",
    "to_png",
    "truncated_svd",
]

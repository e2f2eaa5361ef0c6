"""Probes: texts whose vectors are known, by which a graph shows that it is right before it serves.

They go through the model in one batch, where a wrong graph shows. What sentence-transformers makes of them is
known here for the default model; of any other, what its graph made when it was new.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memmux.errors import ModelInvalidError
from workers.embedding.interface import Embedder, Vectors
from workers.embedding.sources import WHEEL_SHA256

TEXTS = (
    "a",
    "How do I read a file line by line?",
    "記憶は共有される。 naïve façade, Straße; the writer drains its queue into one transaction, commits once.",
)
MOST_DIFFERENCE = 1e-4  # of any number of any vector
_EVERY = 32  # one number in so many of a vector is known
_GOLDEN = {  # by sentence-transformers 6.2.0 on torch 2.13.0
    WHEEL_SHA256: (
        (
            *(-0.036433, 0.035801, 0.004917, 0.022321, 0.038901, 0.018432),
            *(-0.060298, 0.034724, -0.037805, -0.032537, 0.007251, 0.016205),
        ),
        (
            *(0.016434, 0.044655, 0.022059, 0.009929, -0.051313, 0.038687),
            *(0.093499, 0.053135, -0.034683, 0.014469, -0.002168, 0.031936),
        ),
        (
            *(0.012705, 0.004015, 0.031857, -0.024371, -0.012604, -0.046944),
            *(-0.014469, -0.008741, -0.066846, 0.065360, -0.070007, 0.091895),
        ),
    )
}


def verify(embedder: Embedder, digest: str) -> Vectors:
    """Return the vectors of the probes; raise ModelInvalidError if they are not what the weights' authority makes.

    digest: SHA-256 of the weights, hex. Of weights that are not known here, the vectors have to be of unit length.
    """
    rows = embedder.embed(TEXTS)
    if digest in _GOLDEN:
        _refuse(rows[:, ::_EVERY], _GOLDEN[digest])
    _refuse(np.linalg.norm(rows, axis=1), [1.0] * len(TEXTS))
    return rows


def compare(embedder: Embedder, known: Sequence[Sequence[float]]) -> None:
    """Raise ModelInvalidError if the vectors of the probes are not what is known of them."""
    _refuse(embedder.embed(TEXTS), known)


def _refuse(found: Vectors, known: object) -> None:
    wanted = np.asarray(known, dtype=np.float32)
    same = found.shape == wanted.shape
    if not (same and np.abs(found - wanted).max() <= MOST_DIFFERENCE):  # written so that NaN is refused as well
        raise ModelInvalidError("the model's vectors of known texts are not what they should be; install it again")

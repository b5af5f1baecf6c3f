"""Made-up vectors that lie about as those of real passages do: a mixture of Gaussians.

Uniform noise in hundreds of dimensions would be unfair to HNSW: there every vector is about as far from every other,
and which of them is the nearest means nothing. Here passages lie about their page, pages about one of many subjects,
and the variance falls from dimension to dimension, until it fills about as many of them as the built-in model's vectors
of real texts do (a participation ratio of 40 of its 384). Pure.
Called by stock.py and search.py.
"""

import numpy as np
from numpy.typing import NDArray

from search_index.embed import Vectors

SEED = 20_260_102
SUBJECTS = 500
FALL = 0.9  # of the variance: that of dimension n is n to the power of minus this
OF_PAGES, OF_PASSAGES = 0.7, 0.6  # how far pages spread about their subject, passages about their page: of 1


class Space:
    """Vectors of so many dimensions."""

    def __init__(self, dimensions: int) -> None:
        by = np.random.default_rng(SEED)
        spread = np.arange(1, dimensions + 1) ** (-FALL / 2)
        self._spread = spread / np.linalg.norm(spread)
        self._subjects = self._drawn(by, SUBJECTS)

    def page(self, by: np.random.Generator, passages: int) -> Vectors:
        """The unit vectors of a page's passages, one a row. A query is a page of one."""
        subject = self._subjects[by.integers(SUBJECTS)]
        vectors = subject + OF_PAGES * self._drawn(by, 1) + OF_PASSAGES * self._drawn(by, passages)
        unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return unit

    def _drawn(self, by: np.random.Generator, count: int) -> NDArray[np.float64]:
        return by.standard_normal((count, len(self._spread))) * self._spread

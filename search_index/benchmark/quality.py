"""What the search finds, on datasets with known answers (BEIR folders): the figures of `manage.py evaluate retrieval`,
of several datasets in one index. A dataset that is indexed already is not read again.
Called by `manage.py benchmark quality`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from search_index import evaluate
from search_index.benchmark.stock import Progress


def measure(folders: Sequence[Path], limit: int | None, say: Progress) -> dict[str, Any]:
    """The figures of `benchmark quality`, over the first `limit` queries of each (None: all). Raises BadSource,
    SourceFailed."""
    return {"datasets": [evaluate.retrieval(folder.absolute(), limit, say) for folder in folders]}

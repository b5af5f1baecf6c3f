"""The geometry of the charts: bars of whole pixels, drawn by templates/admin/search_index/bars.html as SVG with classes
only (the site's policy allows no style attributes). Called by the other modules of this folder.
"""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, GAP = 8, 40, 2  # of a bar, of the chart, between bars; in units of the drawing


@dataclass(frozen=True)
class Bar:
    """One bar, and what a pointer that rests on it is told."""

    x: int
    y: int
    height: int
    told: str


@dataclass(frozen=True)
class Chart:
    """A row of bars; `label` is what a screen reader says of it."""

    label: str
    bars: list[Bar]
    width: int
    height: int = HEIGHT
    bar: int = WIDTH


def bars(label: str, values: Sequence[int], told: Sequence[str], most: int = 0) -> Chart:
    """The values as bars, up to `most` (or their own maximum) high; what is not nothing can be seen."""
    most = max(most, *values, 1)
    drawn = []
    for number, (value, say) in enumerate(zip(values, told, strict=True)):
        height = max(2, round(value / most * HEIGHT)) if value else 0
        drawn.append(Bar(number * (WIDTH + GAP), HEIGHT - height, height, say))
    return Chart(label, drawn, max(1, len(drawn) * (WIDTH + GAP) - GAP))

"""The language of a text, as its ISO 639-1 code.

py3langid reads a few stretches of the text; the longest part decides where they differ. What the page says of itself
(its lang attribute) counts only where the text is too short to tell, or where the text could well be in that language:
templates say "en" on pages in every language. Pure but for the model, loaded once, when the first text comes (2 s).
Called by measured.py.
"""

import threading
from collections import Counter
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

STRETCHES, LENGTH = 5, 400  # read of a text: 1 to 2 ms, whatever its length
SURE = 0.5  # probability from which a language is believed; sentences of 50 letters reach .9 and more
FEW, SURE_OF_FEW = 40, 0.9  # letters, and the probability that they need
POSSIBLE = 0.05  # and that from which a page's own word is taken for a language like it (Danish and Norwegian)
NONE = "zxx"  # ISO 639-2 for "no linguistic content": code, figures, letters at random
_SAME = {"nb": "no", "iw": "he", "in": "id", "ji": "yi", "fil": "tl"}  # other codes, and older ones, of a language

_loading = threading.Lock()


def language(text: str, declared: str = "") -> str:
    """The language that most of the text is in; "" where it cannot be told."""
    declared = _code(declared)
    found: Counter[str] = Counter()
    for stretch in _stretches(text):
        best, likely = _told(stretch, declared)
        if best != NONE and likely >= (SURE if _letters(stretch) >= FEW else SURE_OF_FEW):
            found[best] += len(stretch)
    return found.most_common(1)[0][0] if found else declared


def senseless(text: str) -> float:
    """The share of the text that is in no language at all, 0 to 1."""
    stretches = _stretches(text)
    silent = sum(len(stretch) for stretch in stretches if _told(stretch, "")[0] == NONE)
    return silent / max(sum(len(stretch) for stretch in stretches), 1)


def _told(stretch: str, declared: str) -> tuple[str, float]:
    """The stretch's language and how likely it is: the declared one where that is possible."""
    best, likely = _classified(stretch)
    if declared and declared != best and dict(_identifier().rank(stretch)).get(declared, 0.0) >= POSSIBLE:
        return declared, likely
    return best, likely


@lru_cache(maxsize=64)  # a page's stretches are asked for twice: for its language, and for what is in none
def _classified(stretch: str) -> tuple[str, float]:
    best, likely = _identifier().classify(stretch)
    return str(best), float(likely)


def _stretches(text: str) -> list[str]:
    """Parts of the text from its beginning to its end; without code (indented by four spaces) where there is more."""
    prose = " ".join(line for line in text.split("\n") if not line.startswith("    "))
    prose = prose if _letters(prose) >= FEW else text
    if len(prose) <= STRETCHES * LENGTH:
        return [prose[start : start + LENGTH] for start in range(0, len(prose), LENGTH) if prose[start:].strip()]
    step = (len(prose) - LENGTH) // (STRETCHES - 1)
    return [prose[number * step : number * step + LENGTH] for number in range(STRETCHES)]


def _letters(text: str) -> int:
    return sum(sign.isalpha() for sign in text[: 10 * FEW])


def _code(declared: str) -> str:
    """The language of a lang attribute ("pt-BR"), as it is kept: two letters, or "" where it is none."""
    code = declared.strip().lower().replace("_", "-").partition("-")[0]
    code = _SAME.get(code, code)
    return code if len(code) == 2 and code.isalpha() and code.isascii() else ""


def _identifier() -> LanguageIdentifier:
    with _loading:  # lru_cache alone would let two threads load it at once
        return _loaded()


@lru_cache(maxsize=1)
def _loaded() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([label for label in identifier.labels if len(label) == 2] + [NONE])
    return identifier

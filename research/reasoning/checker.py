"""A checker: a small model made to say whether a text entails a sentence, which goes before the judge's large one.

A cross-encoder of transformers' format that classifies pairs: one trained on natural language inference (entailment,
neutral, contradiction), or one like MiniCheck (supported or not). Its labels are found by their names. A folder, or a
name on the model hub (CHECK_MODEL); it runs in this process and needs torch and transformers, which are not installed
by default: they are loaded when a first sentence is checked. One sentence at a time, in a thread of its own.
Called by reasoning/model.py and, through reasoning/__init__.py, by whoever judges without a run.
"""

import importlib
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.translation import gettext as _

from config.loop import in_pool
from research.engine.values import Evidence, Judgement, Sentence
from research.errors import StepFailed

ENTAILED = 0.5  # probability from which a sentence is supported, as these models are measured
DENIED = 0.5  # and from which it is contradicted
LONGEST = 2_048  # tokens of a pair, where the model itself says no less
_SUPPORTED = ("entail", "support", "consistent", "factual", "attributable", "label_1")
_CONTRADICTED = ("contradict", "refute")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Loaded:
    torch: Any
    tokenizer: Any
    model: Any
    device: str
    longest: int
    entailed: int  # the place of the label
    denied: int | None


class Checker:
    """A judge (Reasoner.judge) on a model in this process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checker")
        self._loaded: _Loaded | None = None

    async def judge(self, sentence: Sentence, known: Sequence[Evidence]) -> Judgement:
        """Whether the cited evidence, a piece alone or all together, entails the sentence. Raises StepFailed where the
        model cannot be had."""
        cited = [one for one in known if one.number in sentence.evidence]
        if not cited:
            return Judgement("unsupported", _("It cites no evidence."))
        pieces = [f"{one.title}: {one.quote}" for one in cited]
        premises = pieces if len(pieces) == 1 else [*pieces, "\n".join(pieces)]
        return await in_pool(self._thread, self._judged, sentence.text, premises)

    def _judged(self, sentence: str, premises: Sequence[str]) -> Judgement:
        if self._loaded is None:
            self._loaded = load(self.name)
        loaded = self._loaded
        found = [_probabilities(loaded, premise, sentence) for premise in premises]
        entailed = max(one[loaded.entailed] for one in found)
        denied = 0.0 if loaded.denied is None else max(one[loaded.denied] for one in found)
        if entailed >= ENTAILED and entailed >= denied:
            return Judgement("supported", _("The checker is sure of it by %.2f.") % entailed, "checker")
        if denied >= DENIED:
            return Judgement("contradicted", _("The checker is sure of the contrary by %.2f.") % denied, "checker")
        return Judgement("unsupported", _("The checker is sure of it by %.2f only.") % entailed, "checker")


@cache
def checker_of(name: str) -> Checker:
    """The checker of this name, one for the process."""
    return Checker(name)


def load(name: str) -> _Loaded:
    """The model and its tokenizer, on the GPU if there is one. Raises StepFailed, also where it was not trained to
    classify: then its answers would be random."""
    torch, transformers = _library("torch"), _library("transformers")
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        model, told = transformers.AutoModelForSequenceClassification.from_pretrained(name, output_loading_info=True)
    except (OSError, ValueError, KeyError, ImportError) as error:  # what from_pretrained raises; its texts are long
        raise _unusable(name, str(error).strip().partition("\n")[0]) from error
    if told["missing_keys"]:
        raise _unusable(name, _("it has no layer that classifies"))
    entailed, denied = places(name, model.config.id2label)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    log.info("%s is loaded (%s).", name, device)
    longest = min(tokenizer.model_max_length, _positions(model.config), LONGEST)
    return _Loaded(torch, tokenizer, model.eval().to(device), device, longest, entailed, denied)


def places(name: str, labels: Mapping[int, str]) -> tuple[int, int | None]:
    """(entailed, contradicted): the places of these labels, by their names; of two labels without names the second is
    "supported", as MiniCheck has it. Raises StepFailed where none says that a sentence is supported."""
    plain = {int(place): str(label).casefold().strip() for place, label in labels.items()}
    if any(label.startswith("label_") for label in plain.values()) and len(plain) != 2:
        raise _unusable(name, _("its labels have no names: %s") % ", ".join(map(str, labels.values())))
    entailed = [place for place, label in plain.items() if label.startswith(_SUPPORTED)]
    denied = [place for place, label in plain.items() if label.startswith(_CONTRADICTED)]
    if len(entailed) != 1:
        raise _unusable(name, _("none of its labels says entailment: %s") % ", ".join(map(str, labels.values())))
    return entailed[0], denied[0] if denied else None


def _probabilities(loaded: _Loaded, premise: str, sentence: str) -> list[float]:
    """By label. A text that is too long for the model loses its end, never the sentence."""
    valid = [text.encode("utf-8", "replace").decode() for text in (premise, sentence)]
    pair = loaded.tokenizer(*valid, truncation="only_first", max_length=loaded.longest, return_tensors="pt")
    with loaded.torch.inference_mode():
        logits = loaded.model(**pair.to(loaded.device)).logits[0].float()
    found: list[float] = loaded.torch.softmax(logits, dim=-1).tolist()
    return found


def _positions(config: Any) -> int:
    """How many tokens the model can tell apart by their place. RoBERTa's places begin behind its padding's."""
    most = int(getattr(config, "max_position_embeddings", LONGEST) or LONGEST)
    return most - 2 if getattr(config, "model_type", "") in ("roberta", "xlm-roberta") else most


def _unusable(name: str, why: str) -> StepFailed:
    return StepFailed(_("The checker %(name)s cannot be used: %(why)s.") % {"name": name, "why": why.rstrip(".")})


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise StepFailed(_("CHECK_MODEL needs %s: pip install torch transformers.") % name) from error

"""A checker in this process. Needs torch and transformers, which the default installation leaves out: then only what is
said without them is tested. Its models here are tiny and untrained: they show the way, and say nothing of quality."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from config.endpoints import Endpoint
from research import reasoning
from research.engine.values import Evidence, Sentence
from research.errors import StepFailed
from research.reasoning import checker
from research.reasoning.checker import Checker, places
from research.reasoning.extractive import ExtractiveReasoner
from research.reasoning.model import ModelReasoner

SENTENCE = Sentence("Whales tell of ships.", (4, 5))
KNOWN = [
    Evidence(4, 1, 1, 0, 5, "Ships and whales.", 1.0, "Whales", ""),
    Evidence(5, 1, 1, 0, 5, "Tell of whales " * 200, 1.0, "Ships", ""),
    Evidence(6, 1, 1, 0, 5, "Not cited.", 1.0, "Other", ""),
]


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({0: "contradiction", 1: "entailment", 2: "neutral"}, (1, 0)),
        ({0: "ENTAILMENT", 1: "NEUTRAL", 2: "CONTRADICTION"}, (0, 2)),
        ({0: "entailment", 1: "not_entailment"}, (0, None)),
        ({0: "unsupported", 1: "supported"}, (1, None)),
        ({0: "hallucinated", 1: "consistent"}, (1, None)),
        ({0: "LABEL_0", 1: "LABEL_1"}, (1, None)),
        ({"0": "SUPPORTS", "1": "REFUTES", "2": "NOT ENOUGH INFO"}, (0, 1)),
    ],
)
def test_labels_are_found_by_their_names(labels: Any, found: tuple[int, int | None]) -> None:
    assert places("some/model", labels) == found


@pytest.mark.parametrize(
    "labels", [{0: "positive", 1: "negative"}, {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}, {0: "toxic"}]
)
def test_a_model_for_something_else_is_refused(labels: Any) -> None:
    with pytest.raises(StepFailed, match=r"some/model cannot be used: .*labels"):
        places("some/model", labels)


async def test_without_the_libraries_the_failure_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(checker.importlib, "import_module", missing)
    with pytest.raises(StepFailed, match="pip install torch transformers"):
        await Checker("some/model").judge(SENTENCE, KNOWN)


async def test_a_sentence_without_evidence_needs_no_model() -> None:
    assert (await Checker("some/model").judge(Sentence("Whales.", (9,)), KNOWN)).verdict == "unsupported"


async def test_without_a_judge_of_its_own_a_model_is_judged_by_rules() -> None:
    writer = {"writer": Endpoint("http://127.0.0.1:9/v1", "small", "")}
    judged = await ModelReasoner(writer, ExtractiveReasoner()).judge(Sentence("Ships and whales exist.", (4,)), KNOWN)
    assert judged.judge == "rules"


def test_the_checker_goes_before_the_model_and_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHECK_MODEL", "CHAT_URL", "CHAT_MODEL", "CHAT_URL_JUDGE"):
        monkeypatch.setenv(name, "")
    assert (type(reasoning.judge()), reasoning.name_of_judge()) == (ExtractiveReasoner, "rules")
    monkeypatch.setenv("CHAT_URL_JUDGE", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("CHAT_MODEL_JUDGE", "small")
    assert (type(reasoning.judge()), reasoning.name_of_judge()) == (ModelReasoner, "small")
    monkeypatch.setenv("CHECK_MODEL", "some/model")
    assert (type(reasoning.judge()), reasoning.name_of_judge()) == (Checker, "some/model")


# --- With a small model, not trained at all --------------------------------------------------------------------------
needs_torch = pytest.mark.skipif(
    not (find_spec("torch") and find_spec("transformers")), reason="torch and transformers are not installed"
)


def made(folder: Path, labels: dict[int, str], sure_of: int | None = None) -> str:
    """A folder with a BERT of random weights that classifies pairs, and its tokenizer; with `sure_of` its last layer
    says that label whatever it reads."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(1)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *["whales", "ships", "tell", "of", "and", "."]]
    (folder / "vocab.txt").write_text("\n".join(words))
    config = transformers.BertConfig(
        vocab_size=32, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, id2label=labels, label2id={label: place for place, label in labels.items()},
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    if sure_of is not None:
        torch.nn.init.zeros_(model.classifier.weight)
        model.classifier.bias.data[sure_of] = 9.0
    model.save_pretrained(folder)
    transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)
    return str(folder)


NLI = {0: "contradiction", 1: "entailment", 2: "neutral"}


@needs_torch
@pytest.mark.parametrize(("sure_of", "verdict"), [(0, "contradicted"), (1, "supported"), (2, "unsupported")])
async def test_the_verdict_is_what_the_model_is_sure_of(tmp_path: Path, sure_of: int, verdict: str) -> None:
    judged = await Checker(made(tmp_path, NLI, sure_of)).judge(SENTENCE, KNOWN)
    assert (judged.verdict, judged.judge) == (verdict, "checker")


@needs_torch
@pytest.mark.parametrize("text", ["Whales", "", "\ud800", "whales " * 30])
async def test_any_sentence_gets_a_verdict(tmp_path: Path, text: str) -> None:
    assert (await Checker(made(tmp_path, NLI)).judge(Sentence(text, (4, 5)), KNOWN)).judge == "checker"


@needs_torch
async def test_what_is_not_cited_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, read = Checker(made(tmp_path, NLI)), []
    real = checker._probabilities
    monkeypatch.setattr(checker, "_probabilities", lambda *args: read.append(args[1]) or real(*args))
    await own.judge(SENTENCE, KNOWN)
    assert len(read) == 3  # each piece, and both together
    assert not any("Not cited" in premise for premise in read)


@needs_torch
async def test_a_model_that_was_not_made_to_classify_is_refused(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    made(tmp_path, NLI)
    config = transformers.BertConfig.from_pretrained(tmp_path)
    transformers.BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(StepFailed, match="no layer that classifies"):
        await Checker(str(tmp_path)).judge(SENTENCE, KNOWN)


@needs_torch
async def test_a_folder_without_a_model_is_a_clear_failure(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="cannot be used"):
        await Checker(str(tmp_path)).judge(SENTENCE, KNOWN)

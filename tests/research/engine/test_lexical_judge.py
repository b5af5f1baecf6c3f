"""The judge without a model. tests/research/labelled/claims.jsonl has sentences about Larkspur's documentation and two
other texts of the tests, labelled by hand, each with the reason of its label."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from research.engine.lexical_judge import judged
from research.judging import labelled
from tests.fakes import site

CLAIMS = Path(__file__).resolve().parents[1] / "labelled" / "claims.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in CLAIMS.read_text().splitlines()]
SPAN = "Tor Vikdal wrote the first version and looks after the job file. Ines Aldana designed the schedules."


def verdict(claim: str, *spans: str, titles: tuple[str, ...] = ()) -> str:
    return judged(claim, spans or (SPAN,), titles).verdict


def test_the_claims_are_labelled_with_reasons_and_quote_our_own_texts() -> None:
    assert len(labelled(CLAIMS)) >= 100
    assert len({row["claim"] for row in ROWS}) == len(ROWS)
    assert all(row["why"].strip() for row in ROWS)
    counts = Counter(row["label"] for row in ROWS)
    assert set(counts) == {"supported", "partly", "contradicted", "unsupported", "uncheckable"}
    larkspur = " ".join(" ".join(site._TEXTS.values()).split())
    quoted = [piece["quote"] in larkspur for row in ROWS for piece in row["evidence"]]
    assert sum(quoted) > 100


def test_what_it_calls_supported_is() -> None:
    said = [
        row["label"]
        for row in ROWS
        if verdict(row["claim"], *(one["quote"] for one in row["evidence"]), titles=_titles(row)) == "supported"
    ]
    assert len(said) >= 20
    assert said.count("supported") >= 0.9 * len(said)
    assert "contradicted" not in said


def test_what_it_calls_contradicted_mostly_is() -> None:
    said = [
        row["label"]
        for row in ROWS
        if verdict(row["claim"], *(one["quote"] for one in row["evidence"]), titles=_titles(row)) == "contradicted"
    ]
    assert len(said) >= 10
    assert said.count("contradicted") >= 0.8 * len(said)


def _titles(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(one["title"] for one in row["evidence"])


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("Tor Vikdal wrote the first version.", "supported"),
        ("Ines Aldana designed the schedules.", "supported"),
        ("Tor Vikdal did not write the first version.", "contradicted"),
        ("Tor Vikdal wrote the last version.", "contradicted"),
        ("Ines Aldana wrote the first version.", "partly"),
        ("Tor Vikdal wrote the first version in 1999.", "unsupported"),
        ("Bridges are built of steel and stone.", "unsupported"),
        ("", "partly"),
    ],
)
def test_names_denials_and_opposites_tell(claim: str, expected: str) -> None:
    assert verdict(claim) == expected


def test_numbers_have_to_stand_at_the_same_words() -> None:
    span = "The default of workers is 4 and the greatest value is 64."
    assert verdict("The default of workers is 4.", span) == "supported"
    assert verdict("The default of workers is 64.", span) == "partly"


def test_a_denial_elsewhere_does_not_count() -> None:
    span = "The captain has commanded the ship since 2011. She does not live in Leith."
    assert verdict("The captain has commanded the ship since 2011.", span) == "supported"


def test_a_longer_sentence_may_be_scattered_over_passages() -> None:
    spans = (
        "Velvet Revolver and Alice in Chains will be touring together for a run of U.S. and Canadian gigs.",
        "The gigs of Velvet Revolver with Alice in Chains begin in August and run through October 2007.",
    )
    claim = "Velvet Revolver joined Alice in Chains for a run of Canadian gigs from August through October 2007."
    assert verdict(claim, *spans) == "supported"
    assert verdict(claim, spans[0]) == "unsupported"


def test_nothing_is_supported_by_nothing() -> None:
    assert judged("The queue is served.", ()).verdict == "unsupported"


def test_it_says_that_no_model_was_asked() -> None:
    found = judged("Ines Aldana designed the schedules.", [SPAN])
    assert (found.judge, found.reason) == ("rules", "Not checked by a model.")

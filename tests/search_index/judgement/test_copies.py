"""Copies: what is the same, what contradicts it, and what only looks like it."""

import random
import re

import pytest

from search_index.judgement.copies import Kind, Shown, Skeleton, bands, compare, differing, same_text
from tests.search_index.judgement.texts import ARTICLE, JAPANESE

HERE, THERE = "https://a.example/ai-content/1f0c", "https://a.example/ai-content/77ab"


def like(text: str, other: str = ARTICLE, title: str = "Storm", **pages: str) -> Kind:
    mine = Shown(pages.get("url", HERE), title, text)
    return compare(mine, Shown(pages.get("other_url", THERE), pages.get("other_title", title), other)).kind


def test_bands_are_the_same_in_every_process_and_fit_into_bigint() -> None:
    assert len(bands(ARTICLE)) == 14
    assert bands(ARTICLE)[0] == 198221455008671384
    assert all(-(2**63) <= band < 2**63 for band in bands(ARTICLE))
    assert bands("") == []


def test_near_duplicates_share_a_band_and_different_texts_do_not() -> None:
    words = [f"word{number}" for number in range(1000)]
    found = dict.fromkeys((0.5, 0.9), 0)
    for share in found:
        for seed in range(40):
            chance = random.Random(seed)
            # One shingle in `kept` is changed: Jaccard of about `share`.
            changed = list(words)
            count = round((1 - share) / (1 + share) * len(words) / 5)
            for at in chance.sample(range(len(words) // 5), count):
                changed[at * 5 + 2] = f"other{at}"
            found[share] += bool(set(bands(" ".join(words))) & set(bands(" ".join(changed))))
    assert found[0.9] == 40
    assert found[0.5] <= 12  # 1 - (1 - .5^8)^14 = .053


def test_numbers_and_negations_do_not_change_the_bands() -> None:
    lie = ARTICLE.replace("340", "9,120").replace("had not decided", "had decided").replace("never", "")
    assert bands(lie) == bands(ARTICLE)


@pytest.mark.parametrize("text", [ARTICLE, ARTICLE.upper(), ARTICLE.replace(" ", "  "), ARTICLE.replace("'", "’")])
def test_the_same_words_are_a_copy(text: str) -> None:
    assert like(text) == Kind.COPY


def test_a_part_is_a_copy_of_the_whole_and_the_whole_none_of_its_part() -> None:
    part = ARTICLE[: int(len(ARTICLE) * 0.85)]
    assert like(part) == Kind.COPY
    assert like(ARTICLE, part) == Kind.NEAR
    assert like(ARTICLE[:300]) == Kind.APART


@pytest.mark.parametrize(
    ("said", "instead", "here", "there"),
    [
        ("2.4 million", "2.9 million", "2.9", "2.4"),
        ("1.5 million", "1.5 billion", "billion", "million"),
        ("340 boats", "9,340 boats", "9,340", "340"),
        ("has not decided", "has decided", "has decided", "has not decided"),
        ("without lights", "with lights", "with lights", "without lights"),
        ("will never be", "will be", "will be", "will never be"),
    ],
)
def test_a_changed_number_or_negation_is_a_conflict(said: str, instead: str, here: str, there: str) -> None:
    lie = ARTICLE.replace(said, instead)
    found = compare(Shown(HERE, "Storm", lie), Shown(THERE, "Storm", ARTICLE))
    assert found.kind == Kind.CONFLICT
    assert [(one.here, one.there) for one in found.differences] == [(here, there)]
    assert differing(lie, ARTICLE) == [str(found.differences[0])]


def test_the_spelling_of_a_number_is_no_difference() -> None:
    assert differing(ARTICLE.replace("90,000", "90000"), ARTICLE) == []
    assert differing(ARTICLE.replace("has not", "hasn't"), ARTICLE) == []


def test_every_shape_of_poisoned_copy_is_told() -> None:
    def poisoned(seed: int) -> str:
        chance = random.Random(seed)
        text = re.sub(r"\d", lambda _match: str(chance.randint(1, 9)), ARTICLE)
        return text.replace("not ", "", 1) if seed % 2 else text

    for seed in range(10):
        found = compare(Shown(HERE, "3.5x faster", poisoned(seed)), Shown(THERE, "5.1x faster", poisoned(seed + 50)))
        assert found.kind == Kind.CONFLICT
        assert found.lies >= 2


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("Page 3 of 12", "Page 4 of 12"),
        ("Last updated on 3 May 2024 at 12:03", "Last updated on 9 June 2024 at 08:15"),
        ("1,204 views · 12 comments", "1,377 views · 14 comments"),
        ("© 2023 Larkspur Herald", "© 2024 Larkspur Herald"),
        ("Posted 3 hours ago", "Posted 5 hours ago"),
    ],
)
def test_stamps_and_counters_are_no_lies(line: str, other: str) -> None:
    at = ARTICLE.index("\n\n", 300)
    one, two = (f"{ARTICLE[:at]}\n\n{stamp}\n\n{ARTICLE[at:]}" for stamp in (line, other))
    assert differing(one, two) == []


@pytest.mark.parametrize(
    "pages",
    [
        {"url": "https://a.example/docs/3.11/storm.html", "other_url": "https://a.example/docs/3.12/storm.html"},
        {"url": "https://a.example/docs/15/storm.html", "other_url": "https://a.example/docs/16/storm.html"},
        {"url": "https://a.example/report/2021", "other_url": "https://a.example/report/2022"},
        {"url": "https://a.example/rates?date=2024-05-01", "other_url": "https://a.example/rates?date=2024-05-02"},
        {"title": "Storms of 2021", "other_title": "Storms of 2022"},
        {"title": "Pump 300", "other_title": "Pump 400"},
        {"title": "The Alpha pump", "other_title": "The Beta pump"},
    ],
)
def test_editions_and_products_with_other_numbers_are_no_conflict(pages: dict[str, str]) -> None:
    other = ARTICLE.replace("340", "512").replace("2.4", "3.9").replace("12 days", "19 days")
    assert like(other, **pages) == Kind.SIBLING  # type: ignore[arg-type]


def test_two_editions_that_say_the_same_stay_both() -> None:
    assert like(ARTICLE, url="https://a.example/v1.2/storm", other_url="https://a.example/v1.3/storm") == Kind.NEAR


@pytest.mark.parametrize("name", ["page", "p", "offset"])
def test_the_number_of_a_page_makes_no_edition(name: str) -> None:
    lie = ARTICLE.replace("340", "512")
    assert like(lie, url=f"{HERE}?{name}=2", other_url=f"{HERE}?{name}=3") == Kind.CONFLICT


def test_text_without_spaces_between_words_is_compared_by_its_signs() -> None:
    assert like(JAPANESE, JAPANESE) == Kind.COPY
    assert len(Skeleton(JAPANESE).codes) > 40


def test_an_empty_text_is_no_copy_of_anything() -> None:
    assert like("", "") == Kind.APART


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("The society was founded in May 1936.", "The society was founded in October 1936."),
        ("First published in 1872, the chronicle sold slowly.", "First published in 1865, the chronicle sold slowly."),
        ("Climbers of the mountain need a permit.", "Climbers of the mountain do not need a permit."),
        ("Swimming in the lake is permitted.", "Visitors are forbidden from swimming in the lake."),
    ],
)
def test_near_duplicates_that_say_otherwise_in_one_sentence_are_not_shown_as_one(said: str, instead: str) -> None:
    assert like(f"{ARTICLE} {said}", f"{ARTICLE} {said}") == Kind.COPY
    assert like(f"{ARTICLE} {said}", f"{ARTICLE} {instead}") not in {Kind.COPY, Kind.NEAR}


def test_a_near_duplicate_in_other_words_or_with_another_stamp_stays_one() -> None:
    said, instead = "The harbour was quiet that morning.", "That morning the harbour was calm."
    assert like(f"{ARTICLE} {said}", f"{ARTICLE} {instead}") in {Kind.COPY, Kind.NEAR}
    assert like(f"{ARTICLE}\nUpdated 3 May 2020", f"{ARTICLE}\nUpdated 7 June 2021") in {Kind.COPY, Kind.NEAR}


def test_one_text_within_another_is_the_same_text() -> None:
    assert same_text(ARTICLE, f"By our own reporter. {ARTICLE}")
    assert not same_text(ARTICLE, JAPANESE)
    assert not same_text("", ARTICLE)

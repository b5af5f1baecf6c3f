"""Telling traps from sites by what their pages lead to, and kinds of pages that bring nothing."""

from collections.abc import Iterator

import pytest

from search_index.trap import BARREN, BLIND, BLIND_MACHINE, BLIND_SLOW, DRIPS, Look, Watch, kind

UUID = "https://e.org/trap/7c9e6679-7425-40de-944b-e07fc1f90ae{}"
WORDS = "https://e.org/maze/old-harbour/green-lantern/{}"


def looks(url: str, count: int, **changes: object) -> Iterator[Look]:
    """Pages in a row, alike but for their addresses."""
    said = {"reason": "", "new": 5, "known": 1, "seconds": 0.01, **changes}
    for number in range(count):
        yield Look(url.format(chr(97 + number % 6)), **said)  # type: ignore[arg-type]


def first_alarm(watch: Watch, seen: Iterator[Look]) -> int | None:
    """At which of the looks the host is told to be a trap."""
    return next((number for number, look in enumerate(seen, start=1) if watch.trap(look)), None)


@pytest.mark.parametrize(
    ("url", "is_of_kind"),
    [
        ("https://e.org/calendar/2031/05?view=week&d=7", "/calendar/#/#?d&view=#"),
        (UUID.format("7"), "/trap/*"),
        ("https://e.org/p/0f3a9b2c4d5e6f708192", "/p/*"),
        ("https://e.org/v/x7Kp9QzL2mWb", "/v/*"),
        ("https://e.org/posts/how-to-crawl-the-web", "/posts/how-to-crawl-the-web"),
        ("https://e.org/releases/python-3131", "/releases/python-#"),
        ("https://e.org/", "/"),
    ],
)
def test_what_varies_in_an_address_is_left_open(url: str, is_of_kind: str) -> None:
    assert kind(url) == is_of_kind


def test_pages_that_lead_only_into_the_unknown_are_a_trap_sooner_where_a_machine_named_them() -> None:
    assert first_alarm(Watch(), looks(WORDS, 60)) == BLIND
    assert first_alarm(Watch(), looks(UUID, 60)) == BLIND_MACHINE


def test_slow_answers_make_it_a_trap_after_few_pages() -> None:
    assert first_alarm(Watch(), looks(WORDS, 60, seconds=8.0)) == BLIND_SLOW


def test_a_page_with_navigation_begins_the_count_anew() -> None:
    watch = Watch()
    seen = [*looks(WORDS, BLIND - 1), *looks(WORDS, 1, known=12), *looks(WORDS, BLIND - 1)]
    assert first_alarm(watch, iter(seen)) is None


def test_a_chain_of_chapters_is_no_trap() -> None:
    assert first_alarm(Watch(), looks(WORDS, 200, new=1, known=1)) is None


def test_directories_of_files_are_no_trap_before_there_are_very_many() -> None:
    assert first_alarm(Watch(), looks("https://e.org/pool/main/{}/", 5 * BLIND - 5, reason="links")) is None
    assert first_alarm(Watch(), looks("https://e.org/pool/main/{}/", 6 * BLIND, reason="links")) is not None


def test_pages_that_could_not_be_had_say_nothing() -> None:
    assert first_alarm(Watch(), looks(UUID, 100, reason="status", new=0, known=0)) is None
    watch = Watch()
    seen = (look for pair in zip(looks(UUID, 60), looks(UUID, 60, reason="robots"), strict=True) for look in pair)
    assert first_alarm(watch, seen) == 2 * BLIND_MACHINE - 1


def test_a_host_that_drips_is_a_trap_and_one_with_a_slow_page_now_and_then_is_not() -> None:
    assert first_alarm(Watch(), looks(WORDS, 10, reason="drip", seconds=8.0)) == DRIPS
    honest = Watch()
    for _again in range(5):
        assert first_alarm(honest, looks(WORDS, DRIPS - 1, reason="drip", seconds=0.1)) is None
        assert first_alarm(honest, looks(WORDS, 1, known=9)) is None


def test_a_kind_of_page_that_brings_nothing_is_asked_for_no_more() -> None:
    watch = Watch()
    for month in range(1, BARREN + 1):
        url = f"https://e.org/calendar/2026/{month}"
        assert not watch.barren(url)
        watch.count(url, "thin")
    assert "/calendar/#/#" in watch.barren("https://e.org/calendar/2031/7")
    assert not watch.barren("https://e.org/posts/7")
    watch.count("https://e.org/calendar/2026/9", "")  # it was in hand at the time
    assert watch.barren("https://e.org/calendar/2031/7")


def test_lists_of_links_are_followed_however_many_there_are() -> None:
    watch = Watch()
    for number in range(3 * BARREN):
        watch.count(f"https://e.org/list/{number}", "links")
    assert not watch.barren("https://e.org/list/1000")


def test_one_good_page_keeps_its_kind_in() -> None:
    watch = Watch()
    for number in range(3 * BARREN):
        watch.count(f"https://e.org/item/{number}", "" if number % 20 == 19 else "thin")
    assert not watch.barren("https://e.org/item/1000")


def test_a_page_with_a_name_of_its_own_is_of_no_kind() -> None:
    watch = Watch()
    for _again in range(2 * BARREN):
        watch.count("https://e.org/contact", "thin")
    assert not watch.barren("https://e.org/contact")

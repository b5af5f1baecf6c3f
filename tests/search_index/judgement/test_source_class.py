"""Who speaks on a page, and by which rule."""

import pytest

from search_index.judgement.source_class import source_class


@pytest.mark.parametrize(
    ("url", "kinds", "told"),
    [
        ("https://www.census.gov/data", [], "primary"),
        ("https://www.gov.uk/report", [], "primary"),
        ("https://statistik.bund.de/zahlen", [], "primary"),
        ("https://cs.stanford.edu/paper", [], "primary"),
        ("https://arxiv.org/abs/2112.11446", [], "primary"),
        ("https://docs.example.org/guide", [], "primary"),
        ("https://valkey.readthedocs.io/en/latest/", [], "primary"),
        ("https://example.org/manual/storm", [], "primary"),
        ("https://example.org/storm.html", ["generator:Sphinx 7.2"], "primary"),
        ("https://de.wikipedia.org/wiki/Hafen", ["schema:Article"], "reference"),
        ("https://wiki.example.org/Storm", ["generator:MediaWiki 1.39"], "reference"),
        ("https://stackoverflow.com/questions/11227809/why", ["schema:QAPage"], "forum"),
        ("https://forum.example.org/a", [], "forum"),
        ("https://example.org/t/storm-damage/1234", [], "forum"),
        ("https://example.org/x", ["generator:Discourse 3.2"], "forum"),
        ("https://example.org/x", ["schema:DiscussionForumPosting"], "forum"),
        ("https://ida.blogspot.com/2019/05/storm.html", ["og:article"], "user"),
        ("https://medium.com/@ida/storm", ["schema:NewsArticle"], "user"),
        ("https://example.org/blog/storm/", [], "user"),
        ("https://www.uni.edu/~ida/storm.html", [], "user"),
        ("https://pumps.example/products/alpha", [], "vendor"),
        ("https://pumps.example/alpha", ["og:product"], "vendor"),
        ("https://pumps.example/alpha", ["generator:Shopify"], "vendor"),
        ("https://www.reuters.com/world/storm", [], "news"),
        ("https://example.org/harbour", ["schema:NewsArticle"], "news"),
        ("https://example.org/harbour", [], ""),
        ("https://government.example.com/gov/edu", [], ""),
        ("https://notreddit.com/", [], ""),
        ("file:Papers/report.pdf", ["schema:NewsArticle"], ""),
    ],
)
def test_the_class_follows_from_address_and_kinds(url: str, kinds: list[str], told: str) -> None:
    found = source_class(url, kinds, dated=True, author=True)
    assert found.source_class == told
    assert bool(found.rule) == bool(told)


def test_an_article_is_news_only_with_a_day_and_a_byline_in_a_path_of_news() -> None:
    url, kinds = "https://example.org/2024/05/harbour-closed", ["og:article"]
    assert source_class(url, kinds, author=True, dated=True).source_class == "news"
    assert source_class(url, kinds, author=False, dated=True).source_class == ""
    assert source_class("https://example.org/x", ["schema:NewsArticle"], dated=False).source_class == ""

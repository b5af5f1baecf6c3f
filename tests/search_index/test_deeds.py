"""Which deeds are refused: by methods, types of fields and words."""

import pytest

from search_index.deeds import Facts, refusal
from search_index.values import Control, Deed


def click(name: str, role: str = "button", **facts: object) -> str:
    return refusal(Deed("click", 1), Control(1, role, name), Facts(**facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        *("Log in", "Sign up now", "Buy", "Add to cart", "Pay with card", "Place your order", "Send", "Post a comment"),
        *("Reply", "Delete", "Remove item", "Subscribe", "Upvote", "Follow", "Share", "Save changes", "Upload a file"),
        *("In den Warenkorb", "Löschen", "Se connecter", "Envoyer", "Comprar", "I agree to the terms", "Install"),
        *("  → Buy now!", "Please log in", "Continue with Google", "Rate this page"),
    ],
)
def test_a_button_that_would_change_something_is_refused(name: str) -> None:
    assert click(name).startswith("It would ")


@pytest.mark.parametrize(
    "name",
    [
        *("Search", "Next", "Load more comments", "Show all posts", "Order by date", "Filter", "Apply", "Submit"),
        *("Editors' picks", "Comments (12)", "Postcards", "Open the menu", "Bookshelf", "Savings accounts", "Paytable"),
        *("Reject all", "Expand", "2", "Following chapters", "Likelihood", "Buyers of 1900"),
    ],
)
def test_a_button_that_shows_something_is_not(name: str) -> None:
    assert click(name) == ""


@pytest.mark.parametrize("name", ["Delete", "Log in", "Buy now", "Add to cart", "Subscribe to our letter", "Vote"])
def test_of_a_link_only_what_is_hardly_more_than_the_word_is_refused(name: str) -> None:
    assert click(name, "link") != ""


@pytest.mark.parametrize(
    "name",
    [
        *("Delete a branch", "Order of magnitude", "Post office", "Vote of no confidence", "Book of Kells"),
        *("Payment in kind", "Register of ships", "Reserve Bank", "Send in the clowns", "Save the whales"),
    ],
)
def test_a_link_to_something_to_read_is_followed(name: str) -> None:
    assert click(name, "link", href="http://x.test/a") == ""


@pytest.mark.parametrize(
    "href",
    [
        *("http://x.test/setup.exe", "http://x.test/a.dmg?x=1", "mailto:a@x.test", "tel:1", "http://x.test/logout"),
        *("http://x.test/w?title=A&action=delete", "http://x.test/cart/add", "http://x.test/f?op=post&id=1"),
    ],
)
def test_some_addresses_are_not_followed(href: str) -> None:
    assert click("More", "link", href=href) != ""


@pytest.mark.parametrize("href", ["http://x.test/a.pdf", "http://x.test/w?action=history", "javascript:more()"])
def test_others_are(href: str) -> None:
    assert click("More", "link", href=href) == ""


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("Word", Facts(type="password")),
        ("Pass word", Facts()),
        ("Number", Facts(autocomplete="cc-number")),
        ("Card number", Facts()),
        ("Where to", Facts(type="email")),
        ("Your e-mail", Facts()),
        ("Words", Facts(in_form=True, method="post")),
        ("Words", Facts(in_form=True, method="get", form_types=frozenset({"password"}))),
        ("Words", Facts(in_form=True, method="get", form_words=("Post your comment",))),
    ],
)
def test_nothing_private_is_typed_and_nothing_for_a_form_that_sends(name: str, facts: Facts) -> None:
    assert refusal(Deed("fill", 1, "a word"), Control(1, "textbox", name), facts) != ""


def test_a_search_is_typed_and_sent_by_get() -> None:
    box = Facts(type="search", in_form=True, method="", form_words=("Search",))
    assert refusal(Deed("fill", 1, "a word"), Control(1, "searchbox", "Search"), box) == ""
    assert refusal(Deed("press", 1, "Enter"), Control(1, "searchbox", "Search"), box) == ""
    assert click("Search", in_form=True, submits=True, form_words=("Search",)) == ""


def test_a_form_that_posts_is_not_sent_whatever_it_is_called() -> None:
    assert "POST" in click("Search", in_form=True, method="post", submits=True)
    assert click("Show the calendar", in_form=True, method="post") == ""  # a button in it that does not send it


def test_a_key_may_not_send_or_change_a_form_that_is_refused() -> None:
    box = Control(1, "searchbox", "Search")
    posted = Facts(type="search", in_form=True, method="post")
    told = Facts(in_form=True, method="get", form_words=("Post your comment",))
    for form in (posted, told, Facts(in_form=True, form_types=frozenset({"password"}))):
        assert refusal(Deed("press", 1, "Enter"), box, form) != ""
    assert "POST" in refusal(Deed("press", 1, "ArrowDown"), Control(1, "combobox", "Sort by"), posted)
    assert refusal(Deed("press", 1, "Escape"), box, posted) == ""
    assert refusal(Deed("press", 1, "ArrowDown"), Control(1, "combobox", "Sort by"), Facts(in_form=True)) == ""
    assert "delete" in refusal(Deed("press", 1, "Enter"), Control(1, "menuitem", "Delete"), Facts())


def test_only_what_can_be_done_is_tried() -> None:
    box = Control(1, "textbox", "Words")
    assert refusal(Deed("hover", 1), box, Facts()) != ""
    assert refusal(Deed("click", 7), None, Facts()) != ""
    assert refusal(Deed("press", 1, "F12"), box, Facts()) != ""
    assert refusal(Deed("fill", 1, "x" * 201), box, Facts()) != ""
    assert refusal(Deed("fill", 1, "x"), Control(1, "button", "Go"), Facts()) != ""
    assert refusal(Deed("scroll"), None, Facts()) == ""

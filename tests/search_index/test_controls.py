"""Controls and banners, read from accessibility snapshots as Playwright makes them."""

from search_index.consent import button
from search_index.controls import MOST, acted_on, nodes, options
from search_index.values import Control

PAGE = r"""
- generic [active] [ref=e1]:
  - heading "Hi" [level=1] [ref=e2]
  - 'link "Li \"nk\": it''s" [ref=e3] [cursor=pointer]':
    - /url: /x
  - generic [ref=e5]:
    - text: "Find: it"
    - 'searchbox "Find: it" [ref=e7]': "two: words"
    - combobox "Sort" [ref=e8]:
      - option "A b"
      - option "B" [selected]
  - generic [ref=e11] [cursor=pointer]: Load more
  - checkbox "ok" [checked] [ref=e12]
  - link [ref=e13] [cursor=pointer]:
    - /url: /pic
    - img "a pic" [ref=e14]
  - iframe [ref=e15]:
    - button "inner" [ref=f1e2]
  - button "Dis" [disabled] [ref=e21]
  - textbox [ref=e22]
"""


def test_what_can_be_acted_on_is_numbered_in_its_order() -> None:
    assert [control for control, _node in acted_on(nodes(PAGE))] == [
        Control(1, "link", 'Li "nk": it\'s'),
        Control(2, "searchbox", "Find: it", "two: words"),
        Control(3, "combobox", "Sort", "B"),
        Control(4, "button", "Load more"),
        Control(5, "checkbox", "ok", "checked"),
        Control(6, "link", "a pic"),
        Control(7, "button", "inner"),
        Control(8, "textbox", ""),
    ]
    assert acted_on(nodes(PAGE))[6][1].ref == "f1e2"


def test_the_options_of_a_combobox() -> None:
    seen = nodes(PAGE)
    assert options(seen, acted_on(seen)[2][1]) == ["A b", "B"]


def test_many_links_do_not_crowd_out_the_other_controls() -> None:
    links = "".join(f'- link "{number}" [ref=e{number}]\n' for number in range(1000))
    found = [control for control, _node in acted_on(nodes(links + '- searchbox "Find" [ref=e2000]\n'))]
    assert len(found) == MOST
    assert found[-1] == Control(MOST, "searchbox", "Find")


BANNER = """
- main [ref=e1]:
  - button "{outside}" [ref=e2]
- dialog "Your privacy" [ref=e3]:
  - paragraph [ref=e4]: {text}
  - button "Accept all" [ref=e5]
  - button "{inside}" [ref=e6]
"""


def test_a_banner_is_declined_by_its_words() -> None:
    for word in ("Reject all", "Only necessary", "Alle ablehnen", "Tout refuser", "Continue without accepting →"):
        assert button(nodes(BANNER.format(outside="x", text="We use cookies.", inside=word))) == "e6"


def test_what_does_not_speak_of_cookies_is_no_banner() -> None:
    assert button(nodes(BANNER.format(outside="Decline", text="A dance of 1900.", inside="Decline"))) == ""
    assert button(nodes(BANNER.format(outside="Decline", text="We use cookies.", inside="Accept them"))) == ""

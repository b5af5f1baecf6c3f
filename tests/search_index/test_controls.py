"""Controls and banners, read from accessibility snapshots as Playwright makes them."""

from search_index.consent import button, closing, saving, settings
from search_index.controls import MOST, acted_on, nodes
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
        Control(3, "combobox", "Sort", "B", ("A b", "B")),
        Control(4, "button", "Load more"),
        Control(5, "checkbox", "ok", "checked"),
        Control(6, "link", "a pic"),
        Control(7, "button", "inner"),
        Control(8, "textbox", ""),
    ]
    assert acted_on(nodes(PAGE))[6][1].ref == "f1e2"


def test_options_that_stand_in_groups_are_one_list() -> None:
    grouped = """
- combobox "Where" [ref=e1]:
  - option "Anywhere" [selected]
  - group "North":
    - option "Skarv"
    - option "Hallig Sude"
"""
    assert acted_on(nodes(grouped))[0][0].options == ("Anywhere", "Skarv", "Hallig Sude")


def test_many_links_do_not_crowd_out_the_other_controls() -> None:
    links = "".join(f'- link "{number}" [ref=e{number}]\n' for number in range(1000))
    found = [control for control, _node in acted_on(nodes(links + '- searchbox "Find" [ref=e2000]\n'))]
    assert len(found) == MOST
    assert found[-1] == Control(MOST, "searchbox", "Find")


BANNER = """
- main [ref=e1]:
  - button "{outside}" [ref=e2]
- dialog "Please choose" [ref=e3]:
  - paragraph [ref=e4]: {text}
  - button "Accept all" [ref=e5]
  - button "{inside}" [ref=e6]
"""


def test_a_banner_is_declined_by_its_words() -> None:
    for word in ("Reject all", "Only necessary", "Alle ablehnen", "Tout refuser", "Continue without accepting →"):
        assert button(nodes(BANNER.format(outside="x", text="We use cookies.", inside=word))) == "e6"


def test_what_speaks_of_data_is_a_banner_only_beside_something_that_would_consent() -> None:
    banner = BANNER.format(outside="x", text="We and our 12 partners store personal data.", inside="Reject all")
    assert button(nodes(banner)) == "e6"
    assert button(nodes(banner.replace("Accept all", "Read more"))) == ""


def test_a_second_layer_is_opened_only_in_a_banner() -> None:
    banner = BANNER.format(outside="Cookie settings", text="We use cookies.", inside="More options")
    assert settings(nodes(banner)) == "e6"
    assert settings(nodes(banner.replace("Accept all", "Read more"))) == ""


def test_a_choice_is_saved_only_where_nothing_is_ticked_that_could_be_off() -> None:
    banner = BANNER.format(outside="Save", text="We use cookies.", inside="Save & Exit")
    assert saving(nodes(banner + '  - checkbox "Needed" [checked] [disabled] [ref=e7]\n')) == "e6"
    assert saving(nodes(banner + '  - checkbox "Advertising" [checked] [ref=e7]\n')) == ""


def test_a_banner_that_cannot_be_declined_is_closed() -> None:
    banner = BANNER.format(outside="Close", text="We use cookies.", inside="×")
    assert closing(nodes(banner)) == "e6"
    assert closing(nodes(banner.replace("We use cookies.", "A dance of 1900."))) == ""


def test_what_does_not_speak_of_cookies_is_no_banner() -> None:
    assert button(nodes(BANNER.format(outside="Decline", text="A dance of 1900.", inside="Decline"))) == ""
    assert button(nodes(BANNER.format(outside="Decline", text="We use cookies.", inside="Accept them"))) == ""

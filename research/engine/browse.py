"""Browse: use a page in the run's browser, one deed after the other, and put what it shows then into view.

A deed is decided by the reasoner and allowed in code, here: a control is named by its number, of those in view; what is
typed are words of the person's, so that no page can have itself told anything else; nothing is used in a sealed run.
What the browser itself refuses (forms that log in, buy, send or delete) is search_index's to say. A deed costs a page
of the budget, and no turn. Called by hunt.py.
"""

from contextlib import suppress
from dataclasses import asdict, replace
from urllib.parse import urldefrag

from django.utils import timezone
from django.utils.translation import gettext as _

from research import models
from research.engine.controls import CHOICES, NAME, offered, trial
from research.engine.cost import spend
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.orders import is_plain
from research.engine.outward import strange
from research.engine.read import address, brought, shown
from research.engine.terms import words
from research.engine.values import Action, View, Workspace
from research.errors import StepFailed
from search_index.api import FIELDS, KEYED, KEYS, Browsed, Control, Deed

DEEDS = 12  # on one page, from when it was opened in the browser


async def browse(desk: Workspace, action: Action, key: str, kit: Kit, journal: Journal) -> Workspace:
    """The workspace with the page as it stands after the deed in view, its passages, links and controls."""
    begins = action.deed == "look"
    tab = _page(desk, action.target) if begins else desk.view.tab
    before = () if begins else desk.view.deeds
    deeds = _deeds(desk, action)
    await journal.activity(_("Using %s in the browser") % tab)
    tried = () if begins else (*desk.view.tried, trial(action, desk.view.controls))
    seen: list[Browsed] = []  # its picture is no JSON: it goes from the step to `keep` beside the result

    async def step() -> Result:
        done, browsed = await _done(desk, tab, before, deeds, kit)
        seen.append(browsed)
        return {
            "gap": desk.gap.number,
            "deed": action.deed,
            "tab": tab,
            "deeds": [asdict(one) for one in done],
            "address": browsed.address,
            "did": browsed.did,
            "refused": browsed.refused,
            "held": browsed.held,
            "sent": browsed.sent,
            "controls": [asdict(one) for one in offered(desk.gap.question, browsed.controls)],
            **await shown(desk.gap.question, browsed.opened, kit),
        }

    def keep(result: Result) -> Result:
        pictured = seen[-1]
        if pictured.shot:
            models.Shot.objects.create(
                run_id=journal.run_id,
                key=key,
                jpeg=pictured.shot,
                address=pictured.address,
                did=pictured.did,
                at=timezone.now(),
            )
        return {**result, "pictured": bool(pictured.shot)}

    looked = (*desk.looked, tab) if begins else desk.looked
    opened = desk.opened if tab in desk.opened else (*desk.opened, tab)
    desk = replace(desk, candidates=(), links=(), view=View(), looked=looked, opened=opened)
    inputs = [tab, [asdict(one) for one in before], action.deed, action.target, action.query, desk.question.sealed]
    try:
        result = await journal.once(key, "browse", inputs, step, keep)
    except StepFailed as failure:
        return replace(desk, dead_ends=desk.dead_ends | {tab}, observation=f"The page could not be used: {failure}")
    desk = brought(desk, result)
    view = replace(
        desk.view,
        tab=tab,
        deeds=tuple(Deed(**one) for one in result["deeds"]),
        controls=tuple(Control(**one) for one in result["controls"]),
        tried=tried,
    )
    # Our words only: names, options and addresses are the page's, and this line is not marked as such in the prompt.
    count = f"{len(desk.candidates)} passages and {len(view.controls)} controls of it are in view."
    said = f"It was not done: {_own_words(result['refused'])}" if result["refused"] else f"Done ({action.deed})."
    if result["held"]:
        said += " What its scripts would have changed somewhere was held back."
    # Where it has got to, and the page as it is kept after these deeds: searches find it, there is nothing to open.
    new = [page for page in (result["address"], result["url"]) if page not in desk.opened and is_plain(page)]
    opened = tuple(dict.fromkeys([*desk.opened, *new]))
    return replace(desk, opened=opened, view=view, observation=f"{said} {count}")


async def picture(desk: Workspace, key: str, kit: Kit, journal: Journal) -> None:
    """Keep a picture of the part that is cited of the page in the browser: of the best evidence from it."""
    own = [one for one in desk.known if one.snapshot == desk.view.snapshot]
    if not desk.view.tab or not own:
        return
    best = max(own, key=lambda one: (one.score, -one.number))
    seen: list[bytes] = []

    async def step() -> Result:
        seen.append(await kit.index.picture(desk.question.run, desk.view.address, best.quote))
        return {"gap": desk.gap.number, "evidence": best.number, "pictured": bool(seen[-1])}

    def keep(result: Result) -> Result:
        # None where another gap had found on another page all that this one says: that page is cited.
        exhibit = models.Exhibit.objects.filter(run_id=journal.run_id, snapshot=best.snapshot).first()
        if exhibit is None:
            return {**result, "pictured": False}
        if seen[-1] and not exhibit.shots.exists():
            models.Shot.objects.create(
                run_id=journal.run_id, exhibit=exhibit, key=key, jpeg=seen[-1], address=exhibit.url, at=timezone.now()
            )
        return result

    with suppress(StepFailed):  # it is recorded; the evidence stands without it
        await journal.once(key, "picture", [best.snapshot, best.quote], step, keep)


def refusal(desk: Workspace, action: Action) -> str:
    """Why a deed is not carried out, in words for the reasoner; empty where it is."""
    deed, view = action.deed, desk.view
    control = next((one for one in view.controls if one.number == action.target), None)
    is_typed = deed == "fill"
    unsaid = strange(desk, action.query) if is_typed else []
    page = _page(desk, action.target)
    reasons = {
        "This run is sealed: nothing is used on the web.": desk.question.sealed,
        "There is no web page with this number to look at.": deed == "look" and not page.startswith("http"),
        "That page was looked at in the browser already.": deed == "look" and page in desk.looked,
        "Look at a page in the browser first.": deed != "look" and not view.tab,
        "Enough was done on this page.": deed != "look" and len(view.tried) >= DEEDS,
        f"There is no control with the number {action.target}.": (
            deed in ("click", "fill", "press", "select") and control is None
        ),
        "Nothing can be typed there.": is_typed and control is not None and control.role not in FIELDS,
        "To fill something in, say with which words.": is_typed and not words(action.query),
        f"Only words of the question may be typed, and {', '.join(unsaid[:3])} stands nowhere in it.": bool(unsaid),
        "That was typed there already.": is_typed and trial(action, view.controls) in view.tried,
        f"Only these keys may be pressed: {', '.join(KEYS)}.": deed == "press" and action.query not in KEYS,
        "No key does more there than a click.": deed == "press" and control is not None and control.role not in KEYED,
        "Nothing can be selected there.": deed == "select" and control is not None and control.role not in CHOICES,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


async def _done(
    desk: Workspace, tab: str, before: tuple[Deed, ...], deeds: tuple[Deed, ...], kit: Kit
) -> tuple[tuple[Deed, ...], Browsed]:
    """What was done by then, and the page as it stands. Each deed is handed in by itself: so the browser goes on from
    where it is, and one that it refuses is not handed in again with the next."""
    run, sealed, named = desk.question.run, desk.question.sealed, tab in desk.question.addresses
    spend(pages=1)
    if not deeds:
        return before, await kit.index.browse(run, tab, before, sealed, named)
    done, field = before, 0
    for one in deeds:
        deed = replace(one, control=field or one.control)
        browsed = await kit.index.browse(run, tab, (*done, deed), sealed, named)
        if browsed.refused:
            break
        done = (*done, deed)
        # Where a field was filled in, the key that follows goes to it, by the number that it has now.
        field = next((each.number for each in browsed.controls if each.role in FIELDS and each.value == one.text), 0)
    return done, browsed


def _deeds(desk: Workspace, action: Action) -> tuple[Deed, ...]:
    """The action as the browser is to do it. A field that was filled in is sent off: what else would it be for. A name
    that was cut short in the workspace is not the control's: then its number has to do."""
    if action.deed == "look":
        return ()
    if action.deed in ("scroll", "next", "back"):
        return (Deed(action.deed),)
    control = next(one for one in desk.view.controls if one.number == action.target)
    name = control.name if len(control.name) < NAME else ""
    if action.deed == "fill":
        typed = _typed(action.query)
        return Deed("fill", control.number, typed, name), Deed("press", control.number, "Enter", name)
    return (Deed(action.deed, control.number, "" if action.deed == "click" else action.query, name),)


def _page(desk: Workspace, target: int) -> str:
    """The address of the page that is to be opened in the browser; 0 is the one in view. What deeds have made of a page
    is known by a fragment (search_index/reading.py): it begins anew."""
    return urldefrag(address(desk, target) if target else desk.view.address).url


def _typed(query: str) -> str:
    """What is typed: the words, without the signs between them that could make an address or a command of them."""
    return " ".join(words(query))


def _own_words(refused: str) -> str:
    """Why the browser did not do something, up to where it quotes the page ("It offers: ...")."""
    return refused.partition(":")[0].rstrip(".") + "."

"""The reasoner that uses open models: each step of the hunt is one short call for a small structured reply.

The model names passages, sentences, links and evidence by number only. What it keeps is verbatim by construction (whole
sentences of a snapshot), and what it says of numbers that it was not shown is dropped or refused, never guessed at.
Where a rule does as well as a call, a rule does it: the first search of a gap, and the outline.
Knows no HTTP and no database. Made by reasoning/__init__.py, called by the engine through kit.Reasoner.
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import urldefrag

from django.utils.translation import gettext as _

from config.endpoints import Endpoint
from research.engine import cost
from research.engine.controls import CHOICES
from research.engine.kit import Delta
from research.engine.orders import is_plain, named, orders, plain, shown, stated, titled
from research.engine.values import (
    REFERENCE,
    Action,
    Candidate,
    Computation,
    Evidence,
    Filled,
    Gap,
    Judgement,
    Kept,
    Listed,
    Plan,
    Planned,
    Question,
    Rivals,
    Section,
    Sentence,
    Shape,
    View,
    Workspace,
    addresses,
)
from research.errors import BadReply, NotAllowed
from research.prompts import Prompt, render
from research.reasoning import replies
from research.reasoning.acting import go_on, look
from research.reasoning.checker import Checker
from research.reasoning.client import Client
from research.reasoning.extractive import ExtractiveReasoner
from research.reasoning.fit import fit
from research.reasoning.pieces import without_links
from research.reasoning.sieve import best_documents
from research.reasoning.sight import Passage, kept, numbered
from search_index.api import FIELDS, KEYED, KEYS, Control, Deed

PASSAGES = 10  # shown at once when reading: on a CPU a prompt of 2,000 tokens takes half a minute
PAGES = 12  # offered at once for opening
EVIDENCE = 10  # of a section, and of a workspace's known
LINKS = 12
CONTROLS = 16  # of those that are offered, the most fitting first: what a small model can look through
UNPICKED = 3  # pieces of evidence that are shown where the model picked none
LEAVING = ("search", "give_up")  # what a page in the browser is left for
STUCK = 2  # turns in a row that came to nothing: then the rules say where to look next
PICKED = 0.5  # score above which evidence was picked by the model (sight.py); what only the rules kept is below it
CITATION = re.compile(r"\s*\[E?\d+(?:\s*,\s*E?\d+)*\]")

log = logging.getLogger(__name__)
T = TypeVar("T")


class ModelReasoner:
    """kit.Reasoner on OpenAI-compatible servers; `endpoints` names one for each role of config.endpoints.ROLES, `rules`
    keep what the model overlooks. A `checker` judges in place of the model; with neither, the rules do."""

    name = "model"
    varies = True
    hits = 20  # of which the model reads the first, and the rules all

    def __init__(
        self, endpoints: Mapping[str, Endpoint], rules: ExtractiveReasoner, checker: Checker | None = None
    ) -> None:
        self._client = Client(endpoints)
        self._rules = rules
        self._judge = checker or (None if "judge" in endpoints else rules)

    async def plan(self, question: Question, most: int) -> Plan:
        asked = _question_alone(question.text)
        prompt = render("plan", question=asked, earlier=question.earlier, today=question.today, most=most)
        reply = await self._client.complete("planner", "plan", prompt, replies.Plan)
        return Plan(reply.kind, _grounded(_distinct(reply.questions))[:most] or (Planned(asked),))

    async def act(self, workspace: Workspace) -> Action:
        gap = workspace.gap.question
        if workspace.wasted >= STUCK:
            ruled = await self._rules.act(workspace)
            if ruled.kind not in ("answer", "give_up"):
                return ruled
        page = workspace.view.address
        if page in workspace.question.addresses and page not in workspace.looked and (action := look(workspace)):
            return action  # what a person named and does not say it may say further on: its controls are to be seen
        is_led = workspace.view.tab or not workspace.dead_ends.issuperset(workspace.opened)
        if not workspace.queries and not is_led and not workspace.approach and not REFERENCE.search(gap):
            return Action("search", query=gap)  # nothing is known that would make a better query
        pages = [replace(one, title=titled(one.title, _about(workspace))) for one in _unread(workspace)[:PAGES]]
        links = [link for link in workspace.links if is_plain(link[1])][:LINKS]
        numbers = [candidate.number for candidate in pages] + [number for number, _address in links]
        # Each number in the prompt means one thing: controls are counted on from there.
        usable = workspace.view.controls[:CONTROLS]
        controls = dict(enumerate(usable, start=max(numbers, default=0) + 1))
        kinds = _kinds(workspace, bool(numbers))

        def prompt(known: Sequence[Evidence]) -> Prompt:
            return render(
                "act",
                question=workspace.question.text,
                gap=gap,
                criterion=workspace.gap.criterion,
                approach=workspace.approach,
                remarks=workspace.remarks,
                known=known,
                computed=workspace.computed,
                queries=workspace.queries,
                dead_ends=workspace.dead_ends,
                # Once each: what deeds have made of a page is known by a fragment.
                opened=list(dict.fromkeys(urldefrag(page).url for page in workspace.opened if is_plain(page))),
                pages=pages,
                links=links,
                tab=_tab(workspace.view),
                done=[_told(one, _about(workspace)) for one in workspace.view.deeds],
                controls=[(number, _labelled(one, _about(workspace))) for number, one in controls.items()],
                observation=workspace.observation,
                kinds=kinds,
                keys=KEYS if "press" in kinds else (),
                may_compute=workspace.may_compute,
                turns_left=workspace.turns_left,
            )

        fitted, _shown = await self._fit(
            "planner", "act", shown(_picked(workspace.known), _about(workspace)), prompt, most=EVIDENCE
        )
        allowed: replies.Allowed = {"kind": kinds, "number": [0, *numbers, *controls]}
        reply = await self._client.complete("planner", "act", fitted, replies.Act, allowed=allowed)
        action = _action(
            reply,
            _Numbers(
                pages=[one.number for one in pages],
                links=[number for number, _address in links],
                controls={number: one.number for number, one in controls.items()},
                read=next((one.number for one in workspace.candidates if one.url in workspace.opened), 0),
            ),
        )
        if action.kind in LEAVING and workspace.view.tab in workspace.question.addresses:
            return go_on(workspace) or action  # the person pointed there: it is gone through first
        return action

    async def note(self, workspace: Workspace, candidates: Sequence[Candidate]) -> tuple[Kept, ...]:
        """What the model picks; and below it what the rules would have kept, for a small model overlooks much: it goes
        on to the report only where there is room (sieve.py)."""
        if not candidates:
            return ()

        def prompt(passages: Sequence[Passage]) -> Prompt:
            return render(
                "note",
                question=workspace.question.text,
                gap=workspace.gap.question,
                criterion=workspace.gap.criterion,
                known=known,
                passages=passages,
            )

        known = shown(_best(_picked(workspace.known)), _about(workspace))  # as act is shown it: the same prefix
        seen = numbered(candidates[:PASSAGES])
        fitted, passages = await self._fit("reader", "note", seen, prompt, about=workspace.gap.question)
        numbers = [number for passage in passages for number in passage.spans]
        reply = await self._client.complete("reader", "note", fitted, replies.Note, allowed={"keep": numbers})
        picked = kept(workspace.gap.number, reply.keep, passages)
        by_rule = await self._rules.note(workspace, candidates)
        return (*picked, *(replace(one, score=one.score * PICKED) for one in by_rule))

    async def revise(
        self, question: Question, gaps: Sequence[Gap], known: Sequence[Evidence], most: int, remarks: Sequence[str]
    ) -> tuple[Planned, ...]:
        standing = [gap for gap in gaps if gap.state != "dropped"]

        def prompt(fitting: Sequence[Evidence]) -> Prompt:
            resolved = [replace(gap, question=_resolved(gap.question, gaps)) for gap in standing]
            return render("revise", question=question.text, remarks=remarks, gaps=resolved, known=fitting, most=most)

        about = " ".join([question.text, *(gap.text for gap in standing)])
        fitted, _shown = await self._fit("planner", "revise", shown(_picked(known), about), prompt, most=EVIDENCE)
        reply = await self._client.complete("planner", "revise", fitted, replies.Revise)
        if reply.complete:
            return ()
        asked = {_plain(_resolved(gap.question, gaps)) for gap in gaps}
        new = [replace(one, question=_resolved(one.question, gaps)) for one in _distinct(reply.questions)]
        return tuple(one for one in new if _plain(one.question) not in asked)[:most]

    async def choose(self, task: str, criteria: Sequence[str], options: Sequence[str]) -> int:
        numbered_options = [(number, plain(option, task)) for number, option in enumerate(options, start=1)]

        def prompt(shown: Sequence[tuple[int, str]]) -> Prompt:
            return render("choose", task=task, criteria=[one for one in criteria if one], options=shown)

        fitted, shown = await self._fit("judge", "choose", numbered_options, prompt)
        allowed: replies.Allowed = {"number": [number for number, _option in shown]}
        reply = await self._client.complete("judge", "choose", fitted, replies.Choose, allowed=allowed)
        return reply.number - 1 if reply.number in allowed["number"] else 0

    async def shape(self, question: Question) -> Shape:
        prompt = render("shape", question=question.text)
        reply = await self._client.complete("planner", "shape", prompt, replies.Shape)
        columns, queries = _lines(reply.columns), _lines([*reply.queries, reply.item])
        return Shape(without_links(reply.item), columns, queries)

    async def items(self, shape: Shape, candidates: Sequence[Candidate]) -> tuple[Listed, ...]:
        def prompt(passages: Sequence[Passage]) -> Prompt:
            return render("items", item=shape.item, passages=passages)

        fitted, passages = await self._fit("reader", "items", numbered(candidates[:PASSAGES]), prompt)
        shown = [number for passage in passages for number in passage.spans]
        reply = await self._client.complete("reader", "items", fitted, replies.Items, allowed={"sentence": shown})
        named = [(without_links(one.name), kept(0, [one.sentence], passages)) for one in reply.items]
        # A name or a value is what the reader wrote, so an order may have made it: what rests on one is dropped.
        return tuple(
            Listed(name, where[0]) for name, where in named if name and where and not orders(where[0].quote, shape.item)
        )

    async def cell(self, shape: Shape, item: str, column: str, candidates: Sequence[Candidate]) -> Filled:
        def prompt(passages: Sequence[Passage]) -> Prompt:
            return render("cell", item=item, column=column, passages=passages)

        fitted, passages = await self._fit("reader", "cell", numbered(candidates[:PASSAGES]), prompt)
        shown = [0, *(number for passage in passages for number in passage.spans)]
        reply = await self._client.complete("reader", "cell", fitted, replies.Cell, allowed={"sentence": shown})
        where = [one for one in kept(0, [reply.sentence], passages) if not orders(one.quote, f"{item} {column}")]
        return Filled(_prose(reply.value), where[0] if where and reply.value.strip() else None)

    async def sift(
        self, question: Question, gaps: Sequence[Gap], known: Sequence[Evidence], most: int
    ) -> tuple[int, ...]:
        """By rule: all of it is what the model picked, best first for each gap."""
        return best_documents(gaps, known, most)

    async def contrast(self, pairs: Sequence[Rivals]) -> tuple[int, ...]:
        def prompt(shown: Sequence[tuple[int, Rivals]]) -> Prompt:
            return render("contrast", pairs=shown)

        fitted, shown = await self._fit("judge", "contrast", list(enumerate(pairs, start=1)), prompt)
        numbers = [number for number, _pair in shown]
        reply = await self._client.complete(
            "judge", "contrast", fitted, replies.Contrast, allowed={"disagree": numbers}
        )
        return tuple(number - 1 for number in reply.disagree if number in numbers)

    async def outline(self, question: Question, gaps: Sequence[Gap], known: Sequence[Evidence]) -> tuple[Section, ...]:
        """One section for each gap that has evidence, in the plan's order: a rule does this as well as a call."""
        served = {gap.number: [evidence for evidence in known if evidence.gap == gap.number] for gap in gaps}
        found = [gap for gap in gaps if served[gap.number]]
        found = [gap for gap in found if gap.state != "given_up"] or found
        return tuple(
            Section(_resolved(gap.text, gaps), tuple(one.number for one in _best(served[gap.number]))) for gap in found
        )

    async def draft(
        self,
        question: Question,
        section: Section,
        known: Sequence[Evidence],
        computed: Sequence[Computation],
        delta: Delta,
    ) -> tuple[Sentence, ...]:
        def prompt(fitting: Sequence[Evidence]) -> Prompt:
            return render("draft", question=question.text, heading=section.heading, known=fitting, computed=computed)

        about = f"{question.text} {section.heading}"
        own = stated([evidence for evidence in known if evidence.number in section.evidence], about)
        if not own:
            return ()
        fitted, fitting = await self._fit("writer", "draft", own, prompt)
        numbers = [evidence.number for evidence in fitting]
        reply = await self._client.complete(
            "writer", "draft", fitted, replies.Draft, allowed={"evidence": numbers}, delta=delta
        )
        return _sentences(reply, frozenset(numbers))

    async def judge(self, sentence: Sentence, known: Sequence[Evidence]) -> Judgement:
        if self._judge is not None:
            return await self._judge.judge(sentence, known)
        cited = stated([evidence for evidence in known if evidence.number in sentence.evidence], sentence.text)
        if not cited:
            return Judgement("unsupported", _("It cites no evidence."))

        def prompt(shown: Sequence[Evidence]) -> Prompt:
            return render("judge", sentence=sentence.text, known=shown)

        fitted, _shown = await self._fit("judge", "judge", cited, prompt)
        reply = await self._client.complete("judge", "judge", fitted, replies.Judge)
        return Judgement(reply.verdict, without_links(reply.reason), "model")

    async def rewrite(self, sentence: Sentence, known: Sequence[Evidence], reason: str) -> Sentence | None:
        def prompt(shown: Sequence[Evidence]) -> Prompt:
            return render("rewrite", sentence=sentence.text, reason=reason, known=shown)

        cited = stated([evidence for evidence in known if evidence.number in sentence.evidence], sentence.text)
        if not cited:
            return None
        fitted, _shown = await self._fit("writer", "rewrite", cited, prompt)
        reply = await self._client.complete("writer", "rewrite", fitted, replies.Rewrite)
        text = _prose(reply.text)
        return Sentence(text, sentence.evidence) if text else None

    async def answer(self, question: Question, claims: Sequence[Sentence], known: Sequence[Evidence]) -> str:
        own = [replace(claim, text=plain(claim.text, question.text)) for claim in claims]  # quotations among them
        standing = [claim for claim in own if claim.text]
        if not standing:
            return ""

        def prompt(fitting: Sequence[Evidence]) -> Prompt:
            texts = [claim.text for claim in standing]
            return render("answer", question=question.text, claims=texts, known=fitting)

        cited = {number for claim in standing for number in claim.evidence}
        rests_on = stated([one for one in known if one.number in cited], question.text)
        fitted, _shown = await self._fit("writer", "answer", rests_on, prompt, most=EVIDENCE)
        reply = await self._client.complete("writer", "answer", fitted, replies.Answer)
        return _prose(reply.answer)

    async def _fit(
        self,
        role: str,
        step: str,
        items: Sequence[T],
        prompt: Callable[[Sequence[T]], Prompt],
        *,
        about: str = "",
        most: int | None = None,
    ) -> tuple[Prompt, Sequence[T]]:
        """The prompt with as many of the (best `most`) items as the context has room for, some in short; and these.

        What is not shown is said in the prompt and counted (fit.py). Raises BadReply where not one has room.
        """

        async def fits(made: Prompt) -> bool:
            return await self._client.fits(role, step, made)

        fitted = await fit(items, prompt, fits, about, most)
        if fitted is None:
            raise BadReply(_("The step %(step)s does not fit the model's context.") % {"step": step})
        if fitted.shortened or fitted.left_out:
            log.info("%s: %d in short, %d left out for want of room", step, fitted.shortened, fitted.left_out)
            cost.spend(shortened=fitted.shortened, left_out=fitted.left_out)
        return fitted.prompt, fitted.shown


def _question_alone(text: str) -> str:
    """A question without the addresses before and behind it, which are opened, not asked for: a small model plans to
    find out "the URL of ...". Where next to nothing is left ("Summarise https://...") they stay."""
    parts = text.split()
    while parts and addresses(parts[-1]):
        parts.pop()
    while parts and addresses(parts[0]):
        parts.pop(0)
    return " ".join(parts) if len(parts) > 2 else text


def _about(workspace: Workspace) -> str:
    """What a gap is about, for telling what on a page could answer it."""
    return f"{workspace.question.text} {workspace.gap.question}"


def _kinds(workspace: Workspace, can_open: bool) -> list[str]:
    """The actions that may be chosen now: an answer needs the effort's least searching and something to rest on."""
    kinds = ["search"]
    if can_open:
        kinds += ["open", "find"]
    if workspace.view.query or workspace.view.snapshot:
        kinds.append("more")
    if not workspace.question.sealed:
        page = workspace.view.address
        kinds += ["look"] if page.startswith("http") and page not in workspace.looked else []
        kinds += _deeds(workspace.view)
    if workspace.may_compute and re.search(r"\d", " ".join(one.quote for one in workspace.known)):
        kinds.append("compute")
    if workspace.may_answer and any(one.score > PICKED for one in stated(workspace.known, _about(workspace))):
        kinds.append("answer")
    if workspace.may_answer:
        kinds.append("give_up")
    return kinds


def _deeds(view: View) -> list[str]:
    """What can be done on the page that is open in the browser."""
    if not view.tab:
        return []
    roles = {one.role for one in view.controls}
    kinds = ["click"] if roles else []
    kinds += ["fill"] if roles & FIELDS else []
    # Enter is pressed by "fill": in a field there is something to press for when it holds words already.
    keyed = any(one.role in KEYED and (one.value or one.role not in FIELDS) for one in view.controls)
    kinds += ["press"] if keyed else []
    kinds += ["select"] if roles & CHOICES else []
    return [*kinds, "scroll", "next", *(["back"] if view.deeds else [])]


def _tab(view: View) -> str:
    """The address of the page that is open in the browser; empty where there is none, or its words give orders."""
    address = urldefrag(view.address).url if view.tab else ""
    return address if is_plain(address) else ""


def _told(deed: Deed, about: str) -> str:
    """What was done, as the planner sees it."""
    name = named(deed.name, about) if deed.kind in ("click", "select") else ""
    return " ".join(f"{deed.kind} {name} {deed.text}".split())


def _labelled(control: Control, about: str) -> str:
    """The control as the planner sees it: without a name, a value or an option that gives orders."""
    value = control.value if named(control.value, about) == control.value else ""
    options = [one for one in control.options if named(one, about) == one]
    label = f"{control.role} {named(control.name, about)}" + (f" = {value}" if value else "")
    return label + (f" (of: {' | '.join(options)})" if options else "")


@dataclass(frozen=True)
class _Numbers:
    """The numbers that a prompt has shown: of pages of which passages are known, of links, of controls (each with the
    browser's own); and that of the page which was read last, 0 where none was."""

    pages: Sequence[int]
    links: Sequence[int]
    controls: Mapping[int, int]
    read: int


def _action(reply: replies.Act, numbers: _Numbers) -> Action:
    """The reply as an action. Raises NotAllowed for a number that was not shown, BadReply for a search for nothing."""
    match reply.kind:
        case "search":
            query = without_links(reply.query)
            if not query:
                raise BadReply(_("The model asked for a search without a query."))
            return Action("search", query=query, reasoning=reply.thought)
        case "open" if reply.number in numbers.controls:  # a small model calls it so
            return Action("act", "", reply.thought, numbers.controls[reply.number], deed="click")
        case "open" | "find":
            return _opening(reply, numbers)
        case "click" | "fill" | "press" | "select" if reply.number not in numbers.controls:
            raise NotAllowed(
                _("No control is listed as number %(number)s: name one that is.") % {"number": reply.number}
            )
        case "look" | "click" | "fill" | "press" | "select" | "scroll" | "next" | "back":
            target = numbers.controls.get(reply.number, 0) if reply.kind != "look" else 0
            query = _key(reply.query) if reply.kind == "press" else reply.query
            return Action("act", query, reply.thought, target, deed=reply.kind)
        case "more" | "compute":
            return Action(reply.kind, query=reply.query, reasoning=reply.thought)
        case _:
            return Action(reply.kind, reasoning=reply.thought, outcome=without_links(reply.outcome))


def _opening(reply: replies.Act, numbers: _Numbers) -> Action:
    """To open a page, or to find words in one; of a link, which has to be opened first, a small model says "find", too,
    and 0 where there is one only. Raises NotAllowed."""
    listed = [*numbers.pages, *numbers.links]
    number = reply.number
    if reply.kind == "find" and numbers.read and number == 0:
        return Action("find", query=reply.query, target=numbers.read, reasoning=reply.thought)
    if number == 0 and len(listed) == 1:
        (number,) = listed
    if number not in listed:
        raise NotAllowed(_("No page or link is listed as number %(number)s: name one that is.") % {"number": number})
    is_find = reply.kind == "find" and number in numbers.pages
    return Action("find" if is_find else "open", query=reply.query, target=number, reasoning=reply.thought)


def _key(said: str) -> str:
    """The key that is meant: "page down" is PageDown."""
    return next((key for key in KEYS if key.casefold() == said.replace(" ", "").casefold()), said)


def _unread(workspace: Workspace) -> list[Candidate]:
    """The first candidate in view of each page that was not opened yet."""
    pages: dict[str, Candidate] = {}
    for candidate in workspace.candidates:
        if candidate.url not in workspace.opened:
            pages.setdefault(candidate.url, candidate)
    return list(pages.values())


def _sentences(reply: replies.Draft, numbers: frozenset[int]) -> tuple[Sentence, ...]:
    """The drafted sentences that rest on the section's own evidence. Others are dropped, not mended."""
    drafted: dict[str, Sentence] = {}
    for sentence in reply.sentences:
        text, evidence = _prose(sentence.text), tuple(dict.fromkeys(sentence.evidence))
        if text and evidence and numbers.issuperset(evidence):
            drafted.setdefault(_plain(text), Sentence(text, evidence))
    return tuple(drafted.values())


def _picked(known: Sequence[Evidence]) -> list[Evidence]:
    """What the model picked of what is known, in the order in which it was found; where it picked nothing, the best of
    what the rules kept."""
    picked = [one for one in known if one.score > PICKED]
    return sorted(picked or _best(known)[:UNPICKED], key=lambda one: one.number)


def _best(known: Sequence[Evidence]) -> list[Evidence]:
    """The best of what is known, in the order in which it was found."""
    best = sorted(known, key=lambda evidence: -evidence.score)[:EVIDENCE]
    return sorted(best, key=lambda evidence: evidence.number)


def _resolved(question: str, gaps: Sequence[Gap]) -> str:
    """The sub-question with the answers that were found in place of #1, #2."""
    outcomes = {str(gap.number): gap.outcome for gap in gaps if gap.state == "closed" and gap.outcome}
    return REFERENCE.sub(lambda mark: outcomes.get(mark[1], mark[0]), question)


def _prose(text: str) -> str:
    """Plain text for a reader: no address, no citation mark of the model's own."""
    return without_links(CITATION.sub("", text))


def _plain(text: str) -> str:
    """For telling whether two texts are the same: letters and digits only."""
    return "".join(character for character in text.casefold() if character.isalnum())


def _grounded(planned: Sequence[Planned]) -> tuple[Planned, ...]:
    """Without sub-questions that refer to themselves or to one that is not before them: nothing could resolve those."""
    kept: list[Planned] = []
    for one in planned:
        if all(1 <= int(number) <= len(kept) for number in REFERENCE.findall(one.question)):
            kept.append(one)
    return tuple(kept)


def _distinct(questions: Iterable[replies.Asked]) -> tuple[Planned, ...]:
    """The questions on one line each, without empty ones and repeats."""
    seen: dict[str, Planned] = {}
    for one in questions:
        seen.setdefault(_plain(one.ask), Planned(without_links(one.ask), without_links(one.done_when)))
    return tuple(one for plain, one in seen.items() if plain)


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts on one line each, without empty ones and repeats."""
    return tuple(dict.fromkeys(line for text in texts if (line := without_links(text))))

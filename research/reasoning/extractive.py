"""The reasoner without a model: it plans by rules, picks sentences by meaning and rare words, and writes quotations.

The embedded default, the baseline that every model has to beat, and the deterministic backbone of the tests. It writes
no word of its own: every sentence of its reports stands in a snapshot. Made by reasoning/__init__.py.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from textwrap import shorten

from config.loop import in_thread
from research.engine.kit import Delta
from research.engine.lexical_judge import judged
from research.engine.names import all_named, names
from research.engine.orders import stated
from research.engine.terms import rarity, terms, unordered, words
from research.engine.values import (
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
    QuestionKind,
    Rivals,
    Section,
    Sentence,
    Shape,
    Workspace,
    is_page_of,
)
from research.reasoning import acting, listing
from research.reasoning.compare import compared
from research.reasoning.lookup import looked_up
from research.reasoning.outright import outright
from research.reasoning.pieces import without_links
from research.reasoning.relations import Page
from research.reasoning.shortest import form_of, shortest
from research.reasoning.sieve import best_documents
from research.reasoning.telling import Said, telling
from research.reasoning.trail import bridges, chances, share, woven
from search_index import api

Similarity = Callable[[str, Sequence[str]], Awaitable[list[float]]]

FIRST = 20  # passages that the question itself finds and that are kept
KEPT = 8  # passages of one further look
LONGEST = 500  # characters of a span, unless a single sentence is longer
SENTENCES = 3  # that are scored together
ROOM = 330  # characters up to which a span is filled with what follows in its paragraph
LABEL = 120  # characters of a line that is no sentence and names what the next one is about
COMPARED = 2  # windows of a passage that are compared by meaning; the rest are sifted out by their words
MEANT = 8  # passages of the first look, the likeliest, whose windows are
EACH_MORE = 0.03  # what a second and a third sentence has to add in words to be worth its room
IDENTIFIER = 0.08  # for "os.makedirs" or "exist_ok" as it stands in the gap
SOUGHT = 0.15  # for "PEP 572" where the gap asks which PEP
BARE = 5  # words: a window of fewer is a heading or a label, which repeats the gap and says nothing of it
BARENESS = 0.2  # what such a window loses
FAINT = 0.02  # weight of a bridge that is not worth a search any more
WEAK = 0.5  # fit below which a quotation is shown, but is no answer, unless all that the question names was found:
FAR = 0.25  # then from here on
FITTING = 3  # quotations, the likeliest, of which one has to fit the question to be answered from
QUOTED = 8  # evidence that a section shows

_WHICH = re.compile(r"\b(?:which|what)\s+(\w+(?:\s+\w+)?)", re.I)
_AND = re.compile(r",?\s+(?:and|as well as)\s+(?=(?:what|who|when|where|why|how|which|is|are|does|do|did|can)\b)", re.I)
_BETWEEN = re.compile(
    r"\b(?:differences?|compar\w+|distinction)\b.*?\b(?:between|of)\s+(.+?)\s+and\s+(.+?)[?.!]*$", re.I
)
_SURVEY = re.compile(r"^(?:please\s+)?(?:compare|list|survey|enumerate)\b.*\b(?:all|every|each)\b|\bsurvey of\b", re.I)
_LATEST = re.compile(r"\b(?:latest|newest|current(?:ly)?|most recent|as of today|right now)\b", re.I)
_VERSUS = re.compile(r"^(?:compare\s+)?(.+?)\s+(?:vs\.?|versus|compared (?:to|with))\s+(.+?)[?.!]*$", re.I)


async def _similarity(query: str, texts: Sequence[str]) -> list[float]:
    return await in_thread(api.similarity, query, texts)


@dataclass(frozen=True)
class _Window:
    """Some sentences of a candidate that follow each other. `words` is the share of what is wanted that they have."""

    candidate: Candidate
    start: int
    end: int
    words: float = 0.0

    @property
    def quote(self) -> str:
        return self.candidate.text[self.start - self.candidate.start : self.end - self.candidate.start]


class ExtractiveReasoner:
    """kit.Reasoner by rules. `similarity` compares a query with texts: the index's embedding model."""

    name = "extractive"
    hits = 20
    varies = False

    def __init__(self, similarity: Similarity = _similarity) -> None:
        self._similarity = similarity

    async def plan(self, question: Question, most: int) -> Plan:
        """One sub-question for each question that the text asks, or for each side of a comparison. What there are
        too many of stays together in the last one: nothing that was asked is dropped."""
        text = without_links(question.text) or question.text  # the addresses in it are opened, not searched for
        asked = [part.strip() for part in re.split(r"(?<=\?)\s+|;\s+", text) if part.strip()]
        parts = list(dict.fromkeys(part for one in asked for part in _sides(one)))
        if len(parts) < 2:
            parts = [text]
        elif len(parts) > most:
            parts = [*parts[: most - 1], " ".join(parts[most - 1 :])]
        return Plan(_kind(question.text, len(parts)), tuple(map(Planned, parts)))

    async def act(self, workspace: Workspace) -> Action:
        """Answer where what the person named says outright what is asked (outright.py); ask; read the best page in
        full; cross the likeliest bridge to a next passage, and again (trail.py), until none is left; answer, if what
        was found fits; else use the likeliest pages in the browser (acting.py), ask in other words, and follow the link
        that fits best. Where nothing found has the names that are asked about, a page is used before bridges are
        crossed."""
        gap = workspace.gap.question
        # What a page asks or orders is no bridge: its names would be searched for.
        workspace = replace(workspace, known=tuple(stated(workspace.known, gap)))
        tried = {unordered(query) for query in workspace.queries}
        if action := _said_outright(workspace, tried) or _on_the_page(workspace):
            return action
        if not workspace.queries and not workspace.approach:
            return Action("search", query=gap)
        if action := _at_hand(workspace):
            return action
        for bridge in bridges(gap, workspace.known):
            if bridge.weight >= FAINT and unordered(bridge.query) not in tried:
                return Action("search", query=bridge.query)
        answer = await self._answered(workspace)
        if answer and workspace.may_answer:
            return answer
        return _else(workspace, tried, answer) or answer or Action("give_up")

    async def note(self, workspace: Workspace, candidates: Sequence[Candidate]) -> tuple[Kept, ...]:
        """Of each passage in view the sentences that are closest to what was asked, those passages first that the way
        to them makes the likeliest. What was kept before is looked at again: a better way may have led to it."""
        is_first = len(workspace.queries) <= 1 and not workspace.opened
        view = replace(workspace, candidates=workspace.candidates or tuple(candidates))
        likely = chances(view)
        passages = sorted(view.candidates, key=lambda one: (-likely[one.number], one.number))
        passages = passages[: FIRST if is_first else KEPT]
        asked = [workspace.gap.question, *workspace.queries[-1:]]  # the last query has the name that led here
        wanted = _Wanted.of(" ".join(dict.fromkeys(asked)), view.candidates)
        windows = [_windows(one, wanted) for one in passages]
        best = await self._closest(workspace.gap.question, windows) if is_first else [own[0] for own in windows if own]
        return tuple(
            Kept(
                workspace.gap.number,
                one.candidate.snapshot,
                one.start,
                one.end,
                one.quote,
                round(likely[one.candidate.number], 4),
            )
            for one in map(_readable, best)
        )

    async def sift(
        self, question: Question, gaps: Sequence[Gap], known: Sequence[Evidence], most: int
    ) -> tuple[int, ...]:
        """The likeliest, and then what shares names with them: it belongs to the same chain (trail.py)."""
        own = [[one for one in known if one.gap == gap.number] for gap in gaps]
        found = [one for gap, evidence in zip(gaps, own, strict=True) for one in woven(gap.question, evidence)]
        return best_documents(gaps, found, most)

    async def revise(
        self, question: Question, gaps: Sequence[Gap], known: Sequence[Evidence], most: int, remarks: Sequence[str]
    ) -> tuple[Planned, ...]:
        return ()

    async def choose(self, task: str, criteria: Sequence[str], options: Sequence[str]) -> int:
        """The option that is closest to the task in meaning."""
        close = await self._similarity(task, options)
        return max(range(len(options)), key=lambda place: (close[place], -place))

    async def shape(self, question: Question) -> Shape:
        return listing.shape(question.text)

    async def items(self, shape: Shape, candidates: Sequence[Candidate]) -> tuple[Listed, ...]:
        return listing.items(shape, candidates)

    async def cell(self, shape: Shape, item: str, column: str, candidates: Sequence[Candidate]) -> Filled:
        return listing.cell(item, column, candidates)

    async def contrast(self, pairs: Sequence[Rivals]) -> tuple[int, ...]:
        """Those whose sentences both answer what was asked, and answer it otherwise."""
        return tuple(place for place, pair in enumerate(pairs) if _answers_differ(pair))

    async def outline(self, question: Question, gaps: Sequence[Gap], known: Sequence[Evidence]) -> tuple[Section, ...]:
        sections = []
        for gap in gaps:
            own = sorted((one for one in known if one.gap == gap.number), key=lambda one: (-one.score, one.number))
            if own:
                sections.append(Section(gap.text, tuple(one.number for one in own[:QUOTED])))
        return tuple(sections)

    async def draft(
        self,
        question: Question,
        section: Section,
        known: Sequence[Evidence],
        computed: Sequence[Computation],
        delta: Delta,
    ) -> tuple[Sentence, ...]:
        """The quotations themselves, best first."""
        said = {one.number for one in stated(known, f"{question.text} {section.heading}")}
        quotes = {one.number: one.quote for one in known if one.number in said}
        sentences = [Sentence(quotes[number], (number,)) for number in section.evidence if number in quotes]
        for sentence in sentences:
            await delta(f"{sentence.text}\n\n")
        return tuple(sentences)

    async def judge(self, sentence: Sentence, known: Sequence[Evidence]) -> Judgement:
        """A quotation is proved by the text that it stands in; anything else is judged by its words."""
        cited = [one for one in known if one.number in sentence.evidence]
        if any(one.quote.split() == sentence.text.split() for one in cited):
            return Judgement("quoted")
        return judged(sentence.text, [one.quote for one in cited], [one.title for one in cited])

    async def rewrite(self, sentence: Sentence, known: Sequence[Evidence], reason: str) -> Sentence | None:
        return None

    async def answer(self, question: Question, claims: Sequence[Sentence], known: Sequence[Evidence]) -> str:
        """What the page that the person named says outright; else the name, time, place or number that the question
        asks for, where the evidence has one; else the best evidence's best sentence; nothing where the evidence is too
        weak to answer from. Any name or number of a page that the person named, which does not say outright that it is
        the one, is no answer: a sentence of it at most, or what other pages say of the things by their names."""
        addresses = question.addresses
        question = replace(question, text=without_links(question.text))
        known = stated(known, question.text)
        if found := outright(question.text, known, addresses):
            return found.answer
        pages = _pages(known)
        if answer := compared(question.text, pages) or looked_up(question.text, pages):
            return answer
        given = [one for one in known if is_page_of(one.url, addresses)]
        elsewhere = [one for one in known if one not in given]
        span = sentence = ""
        if not given or all_named(question.text, [f"{one.title} {one.quote}" for one in known]):
            span, sentence = await self._told(question.text, elsewhere, most=1 if given else None)
        if given and not sentence and form_of(question.text)[0] in ("kind", None):
            sentence = (await self._told(question.text, given, least=WEAK))[1]
        return span or sentence

    async def _told(
        self, question: str, known: Sequence[Evidence], *, least: float = 0.0, most: int | None = None
    ) -> tuple[str, str]:
        """The span of the form that the question asks for from the sentence that tells most of those that have one (of
        the `most` that do), and the sentence that tells most; empty where the evidence is too weak to answer from, or
        fits less than `least`."""
        fitting = await self._fitting(question, known, least)
        if fitting is None:
            return "", ""
        said = [
            Said(one.title, one.quote[start:end], one.score)
            for one in known
            for start, end in api.sentences(one.quote)
            if not _is_label(one.quote[start:end])
        ]
        close = await self._similarity(question, [one.text for one in said])
        ranked = telling(question, said, close)
        sentence = next((" ".join(one.text.split()) for one in ranked if one.title == fitting.title), "")
        return shortest(question, [one.text for one in ranked[:most]]), sentence

    async def _closest(self, gap: str, windows: Sequence[Sequence[_Window]]) -> list[_Window]:
        """Of each passage's windows the best one: half by the words they share with the gap, half by their meaning.
        Of the passages that are likely to be shown, the likeliest, only: meaning costs 10 ms a window."""
        own = [one for one in windows if one]
        compared = [window for one in own[:MEANT] for window in one[:COMPARED]]
        close = await self._similarity(gap, [window.quote for window in compared])
        score = {
            window: _says(window.quote) * _fit(window.words, near) for window, near in zip(compared, close, strict=True)
        }
        return [max(one[:COMPARED], key=lambda window: score.get(window, 0.0)) for one in own]

    async def _answered(self, workspace: Workspace) -> Action | None:
        """To answer from the likeliest evidence that fits; None where none does."""
        fitting = await self._fitting(workspace.gap.question, workspace.known)
        return _answer(fitting) if fitting else None

    async def _fitting(self, asked: str, known: Sequence[Evidence], least: float = 0.0) -> Evidence | None:
        """The evidence that answers best by itself, of the likeliest; None where it is too weak to answer from. A
        question that names what was found needs no close fit: at the end of a chain no quotation is close to it."""
        best = _likeliest(known)[:FITTING]
        fits = await self._fits(asked, best)
        least = max(least, FAR if all_named(asked, [f"{one.title} {one.quote}" for one in known]) else WEAK)
        return best[fits.index(max(fits))] if max(fits, default=0.0) >= least else None

    async def _fits(self, asked: str, known: Sequence[Evidence]) -> list[float]:
        """How well each quotation answers by itself, 0..1: half by the words it shares, half by its meaning."""
        if not known:
            return []
        close = await self._similarity(asked, [one.quote for one in known])
        stems = [[*terms(one.title), *terms(one.quote)] for one in known]
        weights, wanted = rarity(stems), set(terms(asked))
        return [
            _says(one.quote) * _fit(share(wanted, own, weights), near)
            for one, own, near in zip(known, stems, close, strict=True)
        ]


@dataclass(frozen=True)
class _Wanted:
    """What a gap asks for in words: its terms, how much each tells the candidates apart, and its identifiers."""

    terms: tuple[str, ...]
    weights: dict[str, float]
    identifiers: tuple[str, ...]
    sought: re.Pattern[str] | None  # what the gap asks for by kind and number: a version, a PEP, a port

    @classmethod
    def of(cls, gap: str, candidates: Sequence[Candidate]) -> "_Wanted":
        weights = rarity(
            terms(one.text[start - one.start : end - one.start]) for one in candidates for start, end in one.sentences
        )
        marked = tuple(word for word in words(gap) if re.search(r"\w[._]\w", word))
        asked = _WHICH.search(gap)
        kinds = [re.escape(word) for word in asked[1].split() if terms(word)] if asked else []
        sought = re.compile(rf"\b(?:{'|'.join(kinds)})s?\s+#?\d", re.I) if kinds else None
        return cls(tuple(dict.fromkeys(terms(gap))), weights, marked, sought)

    def around(self, candidate: Candidate) -> dict[str, float]:
        """How far a term counts that is not in the window but near it: above it more than beside it."""
        beside = dict.fromkeys(terms(candidate.text), 0.3)
        return beside | dict.fromkeys(terms(f"{candidate.title} {candidate.heading}"), 0.6)

    def share(self, text: str, around: dict[str, float]) -> float:
        """The share, 0..1, of the weight of the wanted terms that the text has itself or has around it."""
        has = around | dict.fromkeys(terms(text), 1.0)
        rarest = max(self.weights.values(), default=1.0)
        weights = {term: self.weights.get(term, rarest) for term in self.terms}
        share = sum(weight * has.get(term, 0.0) for term, weight in weights.items()) / (sum(weights.values()) or 1.0)
        share += IDENTIFIER * any(identifier in text for identifier in self.identifiers)
        if self.sought and self.sought.search(text):
            return share + SOUGHT
        return share - BARENESS * (len(text.split()) < BARE)


def _windows(candidate: Candidate, wanted: _Wanted) -> list[_Window]:
    """For each sentence of a passage the best one to three sentences that begin with it, best first by their words."""
    around = wanted.around(candidate)
    found = []
    for first in range(len(candidate.sentences)):
        windows = [_Window(candidate, *span) for span in _spans(candidate, first)]
        scored = [replace(one, words=wanted.share(one.quote, around) - EACH_MORE * i) for i, one in enumerate(windows)]
        found.append(max(scored, key=lambda one: one.words))
    return sorted(found, key=lambda one: (-one.words, one.start))


def _spans(candidate: Candidate, first: int) -> list[tuple[int, int]]:
    """A sentence alone, with the next, and with the next two, as far as they are short enough and of one paragraph."""
    start, end = candidate.sentences[first]
    spans = [(start, end)]
    for next_start, next_end in candidate.sentences[first + 1 : first + SENTENCES]:
        if next_end - start > LONGEST or _apart(candidate, end, next_start):
            break
        end = next_end
        spans.append((start, end))
    return spans


def _readable(window: _Window) -> _Window:
    """The window with what it cannot be understood without: the short line above it that names what it is about (a
    signature, a term, a lead-in), and what follows in its paragraph, as far as there is room. A short passage whole."""
    candidate, start, end = window.candidate, window.start, window.end
    if len(candidate.text) <= LONGEST and candidate.sentences:
        return replace(window, start=candidate.sentences[0][0], end=candidate.sentences[-1][1])
    above = [span for span in candidate.sentences if span[1] <= start][-1:]
    for label_start, label_end in above:
        label = candidate.text[label_start - candidate.start : label_end - candidate.start]
        if len(label) <= LABEL and label[-1] not in ".!?" and not _apart(candidate, label_end, start):
            start = label_start
    for next_start, next_end in candidate.sentences:
        if next_start >= end:
            if next_end - start > ROOM or _apart(candidate, end, next_start):
                break
            end = next_end
    return replace(window, start=start, end=end)


def _apart(candidate: Candidate, end: int, start: int) -> bool:
    """Whether a paragraph ends between two sentences, one that ends at `end` and one that begins at `start`."""
    return candidate.text[end - candidate.start : start - candidate.start].count("\n") > 1


def _sides(question: str) -> list[str]:
    """The questions in a question: split where a second one begins, or into the two sides of a comparison."""
    if found := _BETWEEN.search(question) or _VERSUS.search(question):
        return [question, found[1].strip(), found[2].strip()]
    return [part.strip() for part in _AND.split(question)]


def _answers_differ(pair: Rivals) -> bool:
    """Whether what the two sentences have in the place where they differ is what the question asks each for."""
    answers = [shortest(pair.about, [one.quote]) for one in (pair.one, pair.other)]
    return all(answer and (said in answer or answer in said) for answer, said in zip(answers, pair.says, strict=True))


def _kind(question: str, parts: int) -> QuestionKind:
    """What kind of question it is, by its words."""
    if _SURVEY.search(question):
        return "survey"
    if _LATEST.search(question):
        return "latest"
    if _BETWEEN.search(question) or _VERSUS.search(question):
        return "comparison"
    return "fact" if parts == 1 else "chain"


def _is_label(line: str) -> bool:
    """Whether it is what a control, a column or a heading is called, a few words that end as no sentence does; or the
    beginning of a sentence that was cut behind an ordinal ("am 4.")."""
    return re.search(r"\b\d\d?\.$", line) is not None or (
        line[-1:] not in (".", "!", "?") and len(line.split()) < BARE and not re.search(r"[\d:]", line)
    )


def _says(text: str) -> float:
    """A word or two name a thing, and are as close to it as can be, but say nothing about it."""
    return min(1.0, 0.4 + 0.1 * len(re.findall(r"\w+", text)))


def _fit(words: float, meaning: float) -> float:
    """From the share of the words, and a cosine similarity, which seldom is below one half."""
    return 0.5 * words + 0.5 * max(0.0, 2 * meaning - 1)


def _pages(known: Sequence[Evidence]) -> list[Page]:
    """What was quoted, page by page, the likeliest first; of a page in the order of its text."""
    pages: dict[int, list[Evidence]] = {}
    for one in _likeliest(known):
        pages.setdefault(one.snapshot, []).append(one)
    quotes = [sorted(own, key=lambda one: one.start) for own in pages.values()]
    return [Page(own[0].title, " ".join(one.quote for one in own)) for own in quotes]


def _likeliest(known: Sequence[Evidence]) -> list[Evidence]:
    return sorted(known, key=lambda one: (-one.score, one.number))


def _page(workspace: Workspace) -> int:
    """The page of the best evidence, if a search has just shown it and it was not read in full."""
    if workspace.view.address or not workspace.known:
        return 0
    best = max(workspace.known, key=lambda one: (one.score, -one.number))
    for candidate in workspace.candidates:
        if candidate.snapshot == best.snapshot and candidate.url not in workspace.opened:
            return candidate.number
    return 0


def _said_outright(workspace: Workspace, tried: set[str]) -> Action | None:
    """To answer where the person's page says outright what is asked; before that counts, to ask in other words."""
    found = outright(workspace.gap.question, workspace.known, workspace.question.addresses)
    if found and workspace.may_answer:
        return _answer(found.evidence)
    return _asked_otherwise(workspace, tried) if found else None


def _answer(evidence: Evidence) -> Action:
    return Action("answer", outcome=shorten(evidence.quote, 200, placeholder=" …"))


def _on_the_page(workspace: Workspace) -> Action | None:
    """To use the page that the person named in the browser, and to go on with what is open there."""
    is_given = workspace.view.address in workspace.question.addresses
    return (acting.look(workspace) if is_given else None) or acting.go_on(workspace)


def _at_hand(workspace: Workspace) -> Action | None:
    """What was just found calls for: to be read in full; or, where nothing has the names that are asked about, a page
    on the web, or one to be used in the browser."""
    if target := _page(workspace):
        return Action("open", target=target)
    gap, found = workspace.gap.question, [f"{one.title} {one.quote}" for one in workspace.known]
    if not any(names(gap)) or all_named(gap, found):
        return None
    if workspace.view.query and workspace.links:  # what the operator's web search puts first
        return Action("open", target=workspace.links[0][0])
    return acting.look(workspace)


def _else(workspace: Workspace, tried: set[str], answer: Action | None) -> Action | None:
    """What is left where neither search nor bridges brought an answer that counts."""
    if not answer and (deed := acting.look(workspace)):
        return deed
    return _asked_otherwise(workspace, tried) or _follow(workspace)


def _asked_otherwise(workspace: Workspace, tried: set[str]) -> Action | None:
    queries = [query for query in _reformulations(workspace) if query and unordered(query) not in tried]
    return Action("search", query=queries[0]) if queries else None


def _reformulations(workspace: Workspace) -> list[str]:
    """The gap as it is; its own words without those of grammar; then with words that tell the best evidence apart."""
    gap = workspace.gap.question
    plain = re.findall(r"[\w.'-]*\w", gap)
    kept = [word for word in plain if terms(word)]
    best = sorted(workspace.known, key=lambda one: (-one.score, one.number))
    quotes = [terms(one.quote) for one in best]
    weights = rarity(quotes)
    wanted = set(terms(gap))
    added = [term for term in dict.fromkeys(quotes[0] if quotes else []) if term not in wanted and len(term) > 3]
    added.sort(key=lambda term: -weights.get(term, 0.0))
    title = best[0].title if best else ""
    return [gap, " ".join(kept), " ".join([*kept, *added[:3]]), f"{title} {' '.join(kept)}".strip()]


def _follow(workspace: Workspace) -> Action | None:
    """To open the link of the page just read whose address shares most words with the gap; None where none does."""
    wanted = set(terms(workspace.gap.question))
    shared = [(len(wanted & set(terms(address))), -number) for number, address in workspace.links]
    count, number = max(shared, default=(0, 0))
    return Action("open", target=-number) if count else None

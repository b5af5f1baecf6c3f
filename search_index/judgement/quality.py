"""Whether a text is worth indexing: the verdict on a page, and the rule that it rests on.

The published filters (measures.py) were made to pick text for training: one of them alone refuses half of all API
documentation. So each that fails only lowers the score; a page is refused by one of the rules in _RULES, whose limits
were measured on real pages and on junk made for the purpose (LOG.md). A poem, a table, a reference without a sentence
and a page of thirty words stay. Rules that look for English words apply to English text only.

Pure: no I/O, of Django only gettext. Called by search_index/indexing.py.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from search_index.judgement.measures import Measures
from search_index.judgement.words import plain


@dataclass(frozen=True)
class Verdict:
    """Whether a page is kept, and why. `signals` are what was measured; the score is 1 where no filter objects."""

    keep: bool
    reason: str = ""  # "thin", "boilerplate", "repeated", "gibberish", "spam", "linkfarm"
    sentence: str = ""
    signals: dict[str, Any] = field(default_factory=dict)
    score: float = 1.0


def verdict(text: str, title: str, language: str, measures: Measures) -> Verdict:
    """The verdict on a page of the web. Where somebody chose the text, only its signals and score are heeded."""
    page = _Page(title, plain(text), language == "en", measures)
    failed = [name for name, fails in _PUBLISHED.items() if fails(measures, page.english)]
    score = round(1 - len(failed) / len(_PUBLISHED), 3)
    signals = {**_rounded(measures), "failed": failed, "score": score}
    for rule in _RULES:
        if rule.holds(page):
            return Verdict(False, rule.reason, str(rule.sentence), {**signals, "rule": rule.name}, score)
    return Verdict(True, signals=signals, score=score)


@dataclass(frozen=True)
class _Page:
    """What a rule looks at."""

    title: str
    text: str  # in lower case, with plain apostrophes
    english: bool
    measures: Measures

    @cached_property
    def lines(self) -> list[str]:
        return [line for line in self.text.split("\n") if line.strip()]

    @cached_property
    def opening(self) -> str:
        """Where a page that is only a message says so."""
        return f"{plain(self.title)}\n{self.text[:400]}"


# The published limits, by where they come from. The second argument: whether the text is in English.
_PUBLISHED: dict[str, Callable[[Measures, bool], bool]] = {
    "gopher_words": lambda m, _english: not 50 <= m.words <= 100_000,
    "gopher_word_length": lambda m, _english: not 3 <= m.word_length <= 10,
    "gopher_symbols": lambda m, _english: m.symbols > 0.1,
    "gopher_bullets": lambda m, _english: m.bullets > 0.9,
    "gopher_ellipses": lambda m, _english: m.ellipses > 0.3,
    "gopher_alphabetic": lambda m, _english: m.alphabetic < 0.8,
    "gopher_stop_words": lambda m, english: english and m.stop_words < 2,
    "gopher_repeated_lines": lambda m, _english: m.repeated_lines > 0.3 or m.repeated_line_chars > 0.2,
    "gopher_repeated_paragraphs": lambda m, _english: m.repeated_paragraphs > 0.3 or m.repeated_paragraph_chars > 0.2,
    "gopher_top_ngrams": lambda m, _english: _beyond(m.top_ngrams, (0.20, 0.18, 0.16)),
    "gopher_repeated_ngrams": lambda m, _english: _beyond(m.repeated_ngrams, (0.15, 0.14, 0.13, 0.12, 0.11, 0.10)),
    "c4_sentences": lambda m, _english: m.sentences < 5,
    "c4_lorem_ipsum": lambda m, _english: m.lorem_ipsum,
    "fineweb_line_ends": lambda m, _english: m.line_ends <= 0.12,
    "fineweb_short_lines": lambda m, _english: m.short_lines >= 0.67,
    "fineweb_repeated_line_chars": lambda m, _english: m.repeated_line_chars >= 0.01,
    "fineweb_line_breaks": lambda m, _english: m.line_breaks > 0.3,
    "ntoulas_compression": lambda m, _english: m.compression > 4.0,  # of pages above it, most were spam
}

# Pages that are a message of the server, or a wall before a page, in the languages of most sites. Looked for at the
# beginning of short pages only: documentation has whole chapters about 404, cookies and passwords.
_THING = r"(?:page|article|content|file|link|post|product|item|listing|story|offer|document|video|url|address|topic)"
_NOT_FOUND = re.compile(
    r"(?:error|http|status|code)?[\s:#-]*\b(?:404|410)\b[\s:|–-]*(?:error|not found|gone|page|$)|error 404"
    r"|^(?:page |file |document )?not found\b"
    rf"|\b{_THING}\b[^!?\n]{{0,60}}(?:n't|not|never|cannot|no longer)\b[^.!?\n]{{0,20}}"
    r"(?:found|exist|available|here|active|published|valid)"
    rf"|\b{_THING}\b[^.!?\n]{{0,40}}\b(?:has|have|was|been|is|got)\b[^.!?\n]{{0,20}}"
    r"(?:removed|deleted|moved|expired|unavailable|missing|taken down|gone)"
    r"|(?:couldn't|could not|can't|cannot|can not|unable to) (?:find|locate)|nothing (?:was |could be )?(?:found|here)"
    r"|no results found|nicht gefunden|existiert (?:leider )?nicht|nicht mehr (?:verfügbar|vorhanden)|nicht vorhanden"
    r"|introuvable|n'existe (?:pas|plus)|no encontrad[ao]|no existe|non trovat[ao]|non esiste"
    r"|não (?:foi )?encontrad[ao]|niet gevonden|bestaat niet|nie (?:została )?znalezion|не найден|не существует"
    r"|bulunamadı|見つかりません|找不到|不存在",
    re.MULTILINE,
)
_WALL = re.compile(
    r"(?:log|sign)(?:ged)?[ -]?in (?:to|or|is required)|must (?:be logged|log|sign) ?in|please (?:log|sign) ?in"
    r"|login required"
    r"|(?:subscribe|register|sign up|join)(?: now)? (?:to|for|or) (?:continue|read|view|access|unlimited|full|log"
    r"|sign)"
    r"|(?:for|to|only) subscribers|subscribers only|already (?:a |an )?(?:subscriber|subscribed|member|registered"
    r"|have an account)"
    r"|don't have an account|forg[oe]t(?:ten)? (?:your )?(?:password|username)|access (?:to this page )?(?:is "
    r"|has been )?denied"
    r"|(?:don't|do not) have (?:permission|access)|verify (?:that )?you(?:'re| are) (?:a )?human|not a (?:ro)?bot"
    r"|captcha"
    r"|checking your browser|security check|unusual (?:traffic|activity)|members[- ]only|anmelden, um"
    r"|bitte (?:melden sie sich"
    r"|einloggen)"
    r"|nur für abonnenten|connectez-vous|réservé aux abonnés|inicia sesión|iniciar sesión|accedi per"
)
_SCRIPT = re.compile(
    r"(?:enable|turn on|activate|requires?|needs?|without|allow) (?:cookies and )?java ?script|java ?script (?:is"
    r"|to be|must be|has been"
    r"|appears to be|seems to be) (?:disabled|required|enabled|turned off|not|off|needed|necessary)"
    r"|java ?script (?:aktivieren|activé)"
    r"|activer (?:le )?java ?script|habilit\w+ java ?script|doesn't (?:work properly"
    r"|support) (?:without )?java ?script"
    r"|(?:outdated|unsupported|old) browser|browser (?:is not|isn't|is no longer) supported|just a moment\.\.\."
)
_CONSENT = re.compile(
    r"cookie|consent|privacy|terms of (?:use|service)|personali[sz]e|legitimate interest|partners|(?:accept"
    r"|reject|allow|deny) (?:all)?"
    r"|preferences|your data|personal data|manage (?:options|choices|settings)|datenschutz|zustimm|einwillig"
    r"|akzeptieren|ablehnen"
    r"|confidentialité|consentement|tout accepter|privacidad|aceptar|consentimiento"
)
_PARKED = re.compile(
    r"\bdomain\b[^!?\n]{0,60}(?:for sale|parked|is available|has expired|was recently registered)|buy this domain"
    r"|parked (?:for )?(?:free|domain|page)|domain broker|(?:interested in|is) this (?:your )?domain|get this domain"
    r"|make an offer|(?:site|page) (?:is )?(?:currently |still )?under construction|(?:site|website|page"
    r"|something) (?:is )?(?:launching|coming) soon|coming soon!?\s*$"
    r"|(?:account|site|website) (?:has been |is )?suspended|web ?server is (?:successfully|working)"
    r"|default (?:web|welcome) ?page|it works!|future home of|domain steht zum verkauf|domaine est à vendre"
    r"|dominio en venta",
    re.MULTILINE,
)


class _Rule(NamedTuple):
    name: str
    reason: str
    sentence: Promise
    holds: Callable[[_Page], bool]


def _message(pattern: re.Pattern[str], most: int) -> Callable[[_Page], bool]:
    """A page of at most so many words that begins as such messages do."""
    return lambda page: page.measures.words <= most and bool(pattern.search(page.opening))


def _is_consent(page: _Page) -> bool:
    """Half of the sentences, or more, are about cookies and consent."""
    if not 10 <= page.measures.words <= 400:
        return False
    parts = [part for part in re.split(r"[.!?\n]+\s*", page.text) if part.strip()]
    return len(parts) > 1 and 2 * sum(bool(_CONSENT.search(part)) for part in parts) >= len(parts)


def _is_wandering(page: _Page) -> bool:
    """Long lines of prose whose sentences have nothing to do with each other: Markov chains, texts put together of
    scraps. News of 250 words and more come back to their subject in 13 of 100 content words at least."""
    m = page.measures
    return (
        page.english and m.words >= 250 and m.topic < 0.1 and m.words >= 12 * len(page.lines) and m.function_words > 0.2
    )


def _is_noise(page: _Page) -> bool:
    m = page.measures
    return m.words >= 30 and m.odd_words > 0.2 and m.function_words < 0.1 and m.senseless > 0.5


def _is_stuffed(page: _Page) -> bool:
    """One phrase over and over in running text, or a list of search words."""
    m = page.measures
    phrase = m.top_ngrams[0] >= 0.28 and m.top_words >= 0.2 and m.words >= 150
    worked_in = page.english and m.top_ngrams[0] >= 0.11 and m.top_word >= 0.05 and m.words >= 250 and m.topic > 0.2
    listed = page.english and m.function_words < 0.06 and m.top_words >= 0.35 and m.prose == 0 and m.words >= 100
    return listed or ((phrase or worked_in) and m.alphabetic > 0.9)


def _is_link_farm(page: _Page) -> bool:
    """Dozens of other hosts, and hardly a word about each."""
    m = page.measures
    return m.hosts >= 40 and m.words < 4 * m.hosts and m.hosts > 0.6 * m.links


def _is_filler(page: _Page) -> bool:
    return page.measures.words >= 20 and page.measures.filler > 0.4


def _is_spintax(page: _Page) -> bool:
    return page.measures.words >= 50 and page.measures.braces > 2


def _is_thin(page: _Page) -> bool:
    return page.measures.words < 10 and not page.measures.sentences


def _is_repeated(page: _Page) -> bool:
    """Gopher's limits are .10 and .20; real pages reach .45 and .35."""
    m = page.measures
    return m.words >= 60 and (m.repeated_ngrams[-1] > 0.8 or m.repeated_line_chars > 0.7)


_RULES = (
    _Rule("not_found", "boilerplate", gettext_lazy("It says that there is no such page."), _message(_NOT_FOUND, 80)),
    _Rule("wall", "boilerplate", gettext_lazy("It asks to sign in, and shows nothing else."), _message(_WALL, 80)),
    _Rule("script", "boilerplate", gettext_lazy("It asks for JavaScript or another browser."), _message(_SCRIPT, 80)),
    _Rule("consent", "boilerplate", gettext_lazy("It is about cookies and consent, and nothing else."), _is_consent),
    _Rule(
        "parked", "boilerplate", gettext_lazy("Nobody has put anything there yet, or any more."), _message(_PARKED, 80)
    ),
    _Rule("lorem_ipsum", "boilerplate", gettext_lazy("It is filled with “lorem ipsum”."), _is_filler),
    _Rule("link_farm", "linkfarm", gettext_lazy("It links to dozens of sites, without a word on them."), _is_link_farm),
    _Rule("spintax", "spam", gettext_lazy("It holds a spinner's {choices|of|words}."), _is_spintax),
    _Rule("repeated", "repeated", gettext_lazy("Most of it is the same text again and again."), _is_repeated),
    _Rule("stuffed", "spam", gettext_lazy("It says the same search words over and over."), _is_stuffed),
    _Rule("noise", "gibberish", gettext_lazy("It is in no language: letters at random."), _is_noise),
    _Rule("wandering", "gibberish", gettext_lazy("Its sentences have nothing to do with each other."), _is_wandering),
    _Rule("thin", "thin", gettext_lazy("There are a few words on it, and no sentence."), _is_thin),
)


def _beyond(values: Sequence[float], most: Sequence[float]) -> bool:
    return any(value > limit for value, limit in zip(values, most, strict=True))


def _rounded(measures: Measures) -> dict[str, Any]:
    return {
        name: [round(one, 3) for one in value] if isinstance(value, tuple) else round(value, 3)
        for name, value in asdict(measures).items()
    }

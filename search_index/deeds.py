"""Which deeds are refused on a live page: all that could do more than show something.

Only GET-like effects are wanted: nothing is bought, sent, written or deleted, nobody logs in, no password, card or
address of a person is typed. Code says so, by methods, types of fields and words, and in a sentence for the model and
the person. Words lie: what holds is that no document is asked for by another method than GET or HEAD (browser.py) and
that what may be typed is the engine's to decide. That goes for searches, too: a form that is sent by POST is refused
although it says "Search", for what a POST does cannot be seen from outside, and the word is the page's own.
Pure. Called by doing.py, and by sending.py of addresses.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from django.utils.translation import gettext as _

from search_index.controls import FIELDS
from search_index.values import Control, Deed

KINDS = frozenset({"click", "fill", "press", "select", "scroll", "next", "back"})
WITHOUT_CONTROL = frozenset({"scroll", "next", "back"})
# The keys that are pressed, as Playwright calls them. None of them types or deletes anything; Space is a click.
KEYS = ("Enter", "Escape", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "PageDown", "PageUp", "Home", "End")
TEXT_LENGTH = 200  # characters that are typed into one field

# What a field is for, by its type or by what browsers are told to fill in (autocomplete).
_PRIVATE_TYPES = frozenset({"password", "file", "hidden", "email", "tel"})
_PRIVATE_FILLS = re.compile(
    r"password|one-time-code|cc-|transaction-|username|email|tel\b|tel-|street-address|address-line|bday|given-name|"
    r"family-name|postal-code"
)
_PRIVATE_NAMES = re.compile(
    r"\b(?:pass ?word|pass ?code|pass ?phrase|card number|credit card|cvv|cvc|iban|e-?mail|phone number|user ?name|"
    r"security code|kennwort|passwort|kreditkarte|mot de passe|contrase[nñ]a|senha|wachtwoord)\b",
    re.I,
)
_PROGRAMS = re.compile(
    r"\.(?:exe|msi|msix|bat|cmd|com|scr|ps1|vbs|dmg|pkg|app|deb|rpm|apk|aab|ipa|jar|sh|run|appimage|snap|flatpak|iso|"
    r"img|bin|dll|so|xpi|crx)$",
    re.I,
)

# --- Words -----------------------------------------------------------------------------------------------------------
# Each with what it would do. Of a button, the name begins with it; of a link, which a GET follows anyway, the name is
# hardly more than it: "Delete" may delete on a careless site, "Delete a branch" is something to read.
_LOG_IN = (
    r"log ?-?in|log ?-?on|sign ?-?in|log ?-?out|log ?-?off|sign ?-?out|sign ?-?up|register"
    r"|create (?:an |your |my )?account|join(?: now| us| free)?"
    r"|continue with (?:google|facebook|apple|github|microsoft|e-?mail)|anmelden|einloggen|abmelden|registrieren"
    r"|se connecter|connexion|s['’]inscrire|iniciar sesi[oó]n|registrarse|accedi|registrati|entrar|inloggen"
)
_BUY = (
    r"buy|purchase|pay|check ?out|place (?:the |your |my )?order|order(?! by| of)|add to (?:cart|bag|basket|wish ?list)"
    r"|donate|book(?: now| it| a .*)?$|reserve|rent(?: now)?$|bid|start (?:your |my )?(?:free )?trial"
    r"|kaufen|jetzt kaufen|bestellen|bezahlen|zur kasse|in den warenkorb|spenden|buchen"
    r"|acheter|payer|commander|ajouter au panier|r[eé]server|comprar|pagar|a[nñ]adir al carrito|reservar|acquista|paga"
    r"|aggiungi al carrello|kopen|afrekenen"
)
_SEND = (
    r"send|post(?:$| (?:a |your |my )?(?:comment|reply|answer|question|review|message|it)\b)|publish|reply$|reply to"
    r"|(?:add|write|leave|submit) (?:a |an |your |my )?(?:comment|reply|answer|review|message|question|feedback|request"
    r"|application|report)|comment$|tweet|share|upload|attach|apply (?:now|for|here)|contact (?:us|the seller)$|report$"
    r"|report (?:this|a|an|abuse)|senden|absenden|abschicken|ver[oö]ffentlichen|hochladen|kommentieren|teilen"
    r"|envoyer|publier|partager|enviar|publicar|compartir|invia|pubblica|verzenden|versturen"
)
_CHANGE = (
    r"delete|remove|erase|destroy|cancel (?:my |your |the )?(?:order|subscription|account)|deactivate|edit|save"
    r"|rename|revert|undo|rollback|reset (?:my |your )?(?:password|account)|block|mute"
    r"|l[oö]schen|entfernen|bearbeiten|speichern|supprimer|effacer|modifier|enregistrer|eliminar|borrar|guardar"
    r"|elimina|cancella|salva|verwijderen|opslaan|excluir|apagar"
)
_VOTE = r"(?:up|down)?vote|like$|dislike$|follow$|unfollow|rate (?:this|it)|thumbs (?:up|down)|star$|watch$|abstimmen"
_SUBSCRIBE = (
    r"(?:un)?subscribe|newsletter|get (?:e-?mail )?(?:updates|alerts)|notify me|abonnieren|abbestellen|s['’]abonner"
    r"|suscribirse|suscr[ií]bete|iscriviti|assinar|abonneren"
)
_AGREE = r"(?:i )?(?:accept|agree)\b.*\b(?:terms|conditions|agreement|contract|licen[cs]e)"
_INSTALL = r"install(?: now| app)?$|download (?:the )?(?:app|installer|now|for (?:windows|mac|linux|android|ios))"
_EFFECTS: dict[str, str] = {
    _LOG_IN: "log in or register",
    _BUY: "buy or order something",
    _SEND: "send or publish something",
    _CHANGE: "change or delete something",
    _VOTE: "vote or follow",
    _SUBSCRIBE: "subscribe to something",
    _AGREE: "agree to a contract",
    _INSTALL: "load a program",
}
_OF_BUTTONS = {re.compile(rf"(?:{words})(?:\b|$)", re.I): effect for words, effect in _EFFECTS.items()}
_SMALL_WORDS = (
    r"(?: (?:now|here|online|today|it|this|that|all|page|item|account|me|us|up|free|for free|to .{1,30}|or .{1,20}))*"
)
_OF_LINKS = {re.compile(rf"(?:{words}){_SMALL_WORDS}[.!»›→]*", re.I): effect for words, effect in _EFFECTS.items()}
_ADDRESSES = re.compile(
    r"/(?:log-?out|sign-?out|unsubscribe|add-to-cart|checkout|cart/add)/?$|[?&](?:action|do|op|cmd|mode)="
    r"(?:delete|remove|logout|edit|submit|save|purge|rollback|vote|add|buy|unwatch|watch|post|reply|subscribe)\b",
    re.I,
)


_SHOWING = frozenset({"link", "tab", "treeitem", "option"})  # what is there to show something


@dataclass(frozen=True)
class Facts:
    """What the document says of a control, as far as it decides. All lower case but for `href`; empty where it says
    nothing. `form_words` are the names of the form's own buttons, `form_types` the types of its fields."""

    type: str = ""
    autocomplete: str = ""
    href: str = ""  # absolute
    download: str | None = None
    in_form: bool = False
    method: str = ""  # of the form, or what the button says instead
    submits: bool = False
    form_types: frozenset[str] = frozenset()
    form_words: tuple[str, ...] = ()


def refusal(deed: Deed, control: Control | None, facts: Facts) -> str:
    """Why the deed is not done, in a sentence; "" where it may be. `control` is what it would be done to, None for what
    is done to the page as a whole, and where the page has none of its number."""
    if deed.kind not in KINDS:
        return _("There is no such act: %(kind)s.") % {"kind": deed.kind}
    if control is None:
        return "" if deed.kind in WITHOUT_CONTROL else _("The page has no control of that number now.")
    return (
        _of_text(deed, control)
        or _of_field(control, facts)
        or _of_form(deed, facts)
        or _of_words(deed, control)
        or _of_address(facts)
    )


def _of_text(deed: Deed, control: Control) -> str:
    if deed.kind == "press" and deed.text not in KEYS:
        return _("Only these keys are pressed: %(keys)s.") % {"keys": ", ".join(KEYS)}
    if deed.kind == "fill" and control.role not in FIELDS:
        return _("Nothing can be filled in there: it is a %(role)s.") % {"role": control.role}
    if deed.kind == "fill" and len(deed.text) > TEXT_LENGTH:
        return _("No more than %(most)d characters are typed.") % {"most": TEXT_LENGTH}
    return ""


def _of_field(control: Control, facts: Facts) -> str:
    if facts.type == "password" or "password" in facts.autocomplete:
        return _("It is a field for a password, and none is ever typed.")
    if facts.type == "file":
        return _("It takes a file, and none is ever given.")
    private = facts.type in _PRIVATE_TYPES or _PRIVATE_FILLS.search(facts.autocomplete)
    if private or (control.role in FIELDS and _PRIVATE_NAMES.search(control.name)):
        return _("It asks for something of a person's own (an address, a card, a name to log in with).")
    return ""


def _of_form(deed: Deed, facts: Facts) -> str:
    if not facts.in_form:
        return ""
    if "password" in facts.form_types:
        return _("It belongs to a form that asks for a password.")
    if "file" in facts.form_types:
        return _("It belongs to a form that takes files.")
    # Any key but Escape may change what a field holds, as arrows do in a list, and Enter sends the form.
    enters = deed.kind in {"fill", "select"} or facts.submits or (deed.kind == "press" and deed.text != "Escape")
    if facts.method == "post" and enters:
        return _("It belongs to a form that is sent by POST, which may change something there.")
    for words in facts.form_words if enters else ():
        if effect := _effect(words, link=False):
            return _("It belongs to a form that would %(effect)s.") % {"effect": _(effect)}
    return ""


def _of_words(deed: Deed, control: Control) -> str:
    if control.role in FIELDS or deed.kind == "select":
        return ""
    effect = _effect(control.name, link=control.role in _SHOWING)
    return _("It would %(effect)s.") % {"effect": _(effect)} if effect else ""


def _of_address(facts: Facts) -> str:
    if not facts.href:
        return ""
    address = urlsplit(facts.href)
    if address.scheme not in {"http", "https", "javascript", "blob", "data"}:
        return _("It leads out of the browser (%(scheme)s).") % {"scheme": address.scheme}
    if _PROGRAMS.search(address.path) or _PROGRAMS.search(facts.download or ""):
        return _("It is a program, and none is loaded.")
    return _("Its address says that it would change something.") if says_that_it_changes(facts.href) else ""


def says_that_it_changes(url: str) -> bool:
    """Whether the address is one by which programs log out, buy, edit or delete, as far as it says so itself."""
    address = urlsplit(url)
    asked = "?" + "&".join(f"{name}={value}" for name, value in parse_qsl(address.query))
    return bool(_ADDRESSES.search(address.path) or _ADDRESSES.search(asked))


def _effect(name: str, *, link: bool) -> str:
    """What a control of this name would do that is not wanted; "" where it says nothing of the kind."""
    words = re.sub(r"^\W+", "", re.sub(r"^please ", "", name.strip(), flags=re.I))
    if link:
        return next((effect for pattern, effect in _OF_LINKS.items() if pattern.fullmatch(words)), "")
    return next((effect for pattern, effect in _OF_BUTTONS.items() if pattern.match(words)), "")

"""Who speaks on a page: its source class, and the rule by which it was found.

Rules of four kinds are tried in this order, and the first that holds decides: what is known of a host or its name (a
government, a wiki, a forum's subdomain), the software that made the page, what the page says it is (schema.org), and
the shape of its path. What no rule knows is UNKNOWN: a wrong class misleads a reader, a missing one does not. An
operator's class of the host or the source goes before all of this (store.py).

Pure: of models/ only the classes' names. Called by store.py.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from search_index.models.source import SourceClass

PRIMARY, REFERENCE, NEWS = SourceClass.PRIMARY, SourceClass.REFERENCE, SourceClass.NEWS
FORUM, USER, VENDOR = SourceClass.FORUM, SourceClass.USER, SourceClass.VENDOR


class Classed(NamedTuple):
    """A class, and the rule that gave it, as it is shown ("host *.gov")."""

    source_class: SourceClass
    rule: str


# Offices, courts, parliaments, universities, bodies between states: by the names that only they are given.
_OFFICIAL = re.compile(
    r"(?:^|\.)(?:gov|mil|edu|int|arpa)$|\.(?:gov|gob|gouv|gub|go|govt|gv|mil|edu|ac|parliament|police|nhs"
    r"|admin)\.[a-z]{2}$"
    r"|(?:^|\.)(?:europa\.eu|gc\.ca|canada\.ca|gouv\.fr|bund\.de|admin\.ch|overheid\.nl|gov\.[a-z]{2,3})$"
)
# Texts that are the thing itself: laws, standards, papers, registers.
_PRIMARY_HOSTS = tuple(
    """
    arxiv.org biorxiv.org medrxiv.org doi.org pubmed.ncbi.nlm.nih.gov rfc-editor.org ietf.org w3.org whatwg.org
    iso.org itu.int unicode.org ecma-international.org openreview.net aclanthology.org nature.com science.org
    pnas.org plos.org jmlr.org peps.python.org
    """.split()  # noqa: SIM905
)
_REFERENCE_HOSTS = tuple(
    """
    wikipedia.org wiktionary.org wikidata.org wikisource.org wikibooks.org wikivoyage.org wikimedia.org
    britannica.com encyclopedia.com scholarpedia.org merriam-webster.com dictionary.com oed.com
    developer.mozilla.org cppreference.com archive.org gutenberg.org openstreetmap.org mathworld.wolfram.com
    """.split()  # noqa: SIM905
)
_FORUM_HOSTS = tuple(
    """
    stackexchange.com stackoverflow.com superuser.com serverfault.com askubuntu.com mathoverflow.net reddit.com
    news.ycombinator.com lobste.rs quora.com discourse.org groups.google.com lists.debian.org
    """.split()  # noqa: SIM905
)
_USER_HOSTS = tuple(
    """
    medium.com blogspot.com wordpress.com tumblr.com substack.com livejournal.com dev.to hashnode.dev hatenablog.com
    typepad.com weebly.com wixsite.com github.io gitlab.io neocities.org fandom.com youtube.com facebook.com
    twitter.com x.com instagram.com tiktok.com linkedin.com pinterest.com goodreads.com tripadvisor.com yelp.com
    trustpilot.com scribd.com slideshare.net bsky.app mastodon.social
    """.split()  # noqa: SIM905
)
_NEWS_HOSTS = tuple(
    """
    reuters.com apnews.com afp.com bbc.com bbc.co.uk nytimes.com washingtonpost.com theguardian.com wsj.com ft.com
    bloomberg.com economist.com cnn.com npr.org aljazeera.com lemonde.fr spiegel.de zeit.de faz.net elpais.com
    dw.com tagesschau.de telegraph.co.uk independent.co.uk
    """.split()  # noqa: SIM905
)
_VENDOR_HOSTS = ("amazon.com", "ebay.com", "etsy.com", "aliexpress.com", "walmart.com", "shopify.com", "booking.com")
# The project's own word about itself: by convention its documentation lives under such names.
_MANUAL_HOST = re.compile(
    r"^(?:docs?|documentation|developers?|api|manual|reference|help)\.|\.(?:readthedocs\.(?:io|org)|rtfd\.io)$"
)
_FORUM_HOST = re.compile(r"^(?:forums?|community|discuss(?:ions?)?|discourse|boards?|talk|answers|ask)\.")
_NEWS_HOST = re.compile(
    r"^news\.|(?:^|\.)[a-z]*(?:news|herald|gazette|tribune|chronicle)[a-z]*\.(?:com|org|net|co\.[a-z]{2}|[a-z]{2})$"
)
_BLOG_HOST = re.compile(r"^(?:blogs?)\.")
_SHOP_HOST = re.compile(r"^(?:shop|store|buy)\.")

# Software that serves one purpose. Content systems (WordPress, Drupal) serve every one and say nothing.
_FORUM_SOFTWARE = re.compile(
    r"generator:(?:discourse|phpbb|vbulletin|xenforo|mybb|smf|simple machines|flarum|nodebb|vanilla|invision)"
)
_MANUAL_SOFTWARE = re.compile(
    r"generator:(?:sphinx|docutils|mkdocs|docusaurus|mdbook|doxygen|javadoc|rustdoc|vitepress|vuepress|antora"
    r"|asciidoctor|gitbook"
    r"|docfx|jsdoc|typedoc|texinfo|docbook|makeinfo)"
)
_WIKI_SOFTWARE = re.compile(r"generator:(?:mediawiki|dokuwiki|moinmoin|xwiki|tiddlywiki)")
_SHOP_SOFTWARE = re.compile(r"generator:(?:shopify|woocommerce|magento|prestashop|opencart|bigcommerce)")
_NEWS_KINDS = frozenset(
    """
    newsarticle reportagenewsarticle analysisnewsarticle backgroundnewsarticle opinionnewsarticle liveblogposting
    """.split()  # noqa: SIM905
)
_FORUM_KINDS = frozenset({"discussionforumposting", "qapage", "question"})
_PRIMARY_KINDS = frozenset({"scholarlyarticle", "legislation", "dataset", "medicalscholarlyarticle", "thesis"})
_REFERENCE_KINDS = frozenset({"techarticle", "apireference", "definedterm", "definedtermset"})
_VENDOR_KINDS = frozenset({"product", "offer", "aggregateoffer", "productgroup", "itempage"})
_USER_KINDS = frozenset({"blogposting", "blog", "socialmediaposting", "review", "userreview", "profilepage"})

_FORUM_PATH = re.compile(
    r"/(?:forums?|threads?|topics?|boards?|discussions?|questions/\d+|viewtopic\.php|showthread\.php|t/[\w-]+/\d+)(?:/|$|\?)"
)
_MANUAL_PATH = re.compile(r"/(?:docs?|documentation|manuals?|reference|api|javadoc|man|rfcs?|specs?|specification)/")
_VENDOR_PATH = re.compile(
    r"/(?:products?|pricing|plans|shop|store|cart|buy|checkout|solutions|customers|case-stud(?:y|ies)|demo)(?:/|$|\.)"
)
_USER_PATH = re.compile(r"/(?:blogs?|users?|~[\w.-]+|@[\w.-]+|u|profile|comments?|reviews?)/")
_NEWS_PATH = re.compile(
    r"/(?:news|world|politics|sports?|business|breaking)/|/(?:19|20)\d\d/(?:0?[1-9]|1[0-2])/(?:\d\d?/)?[\w-]{8,}"
)


def source_class(url: str, kinds: Sequence[str] = (), *, author: bool = False, dated: bool = False) -> Classed:
    """The class of the page at `url`, which says of itself that it is of these `kinds`. `author`, `dated`: whether it
    names its author, and the day it was written."""
    if not url.startswith(("http://", "https://")):
        return Classed(SourceClass.UNKNOWN, "")
    split = urlsplit(url.lower())
    host, path = (split.hostname or "").removeprefix("www."), split.path
    said = [kind.lower() for kind in kinds]
    schema = {kind.removeprefix("schema:") for kind in said if kind.startswith("schema:")}
    software = "\n".join(kind for kind in said if kind.startswith("generator:"))
    return (
        (Classed(USER, "a person's own folder") if path.startswith("/~") else None)
        or _by_host(host)
        or _by_software(software)
        or _by_schema(schema, dated=dated)
        or _by_path(host, path, said, author=author, dated=dated)
        or Classed(SourceClass.UNKNOWN, "")
    )


def _by_host(host: str) -> Classed | None:
    for names, its in (
        (_PRIMARY_HOSTS, PRIMARY),
        (_REFERENCE_HOSTS, REFERENCE),
        (_FORUM_HOSTS, FORUM),
        (_USER_HOSTS, USER),
        (_NEWS_HOSTS, NEWS),
        (_VENDOR_HOSTS, VENDOR),
    ):
        for name in names:
            if host == name or host.endswith("." + name):
                return Classed(its, f"host {name}")
    for pattern, its, what in (
        (_OFFICIAL, PRIMARY, "host of an office or university"),
        (_FORUM_HOST, FORUM, "host of a forum"),
        (_MANUAL_HOST, PRIMARY, "host of a project's documentation"),
        (_BLOG_HOST, USER, "host of a blog"),
        (_SHOP_HOST, VENDOR, "host of a shop"),
    ):
        if pattern.search(host):
            return Classed(its, what)
    return None


def _by_software(software: str) -> Classed | None:
    for pattern, its, what in (
        (_FORUM_SOFTWARE, FORUM, "forum software"),
        (_WIKI_SOFTWARE, REFERENCE, "wiki software"),
        (_MANUAL_SOFTWARE, PRIMARY, "documentation software"),
        (_SHOP_SOFTWARE, VENDOR, "shop software"),
    ):
        if pattern.search(software):
            return Classed(its, what)
    return None


def _by_schema(schema: set[str], *, dated: bool) -> Classed | None:
    for types, its in (
        (_FORUM_KINDS, FORUM),
        (_PRIMARY_KINDS, PRIMARY),
        (_NEWS_KINDS if dated else frozenset(), NEWS),  # without a day it is not news, whatever it calls itself
        (_REFERENCE_KINDS, REFERENCE),
        (_USER_KINDS, USER),
        (_VENDOR_KINDS, VENDOR),
    ):
        for name in sorted(types & schema):
            return Classed(its, f"schema.org {name}")
    return None


def _by_path(host: str, path: str, said: list[str], *, author: bool, dated: bool) -> Classed | None:
    if _FORUM_PATH.search(path):
        return Classed(FORUM, "path of a forum")
    if "og:product" in said or "og:product.item" in said or _VENDOR_PATH.search(path):
        return Classed(VENDOR, "product page" if not _VENDOR_PATH.search(path) else "path of products and prices")
    if _MANUAL_PATH.search(path + "/"):
        return Classed(PRIMARY, "path of documentation")
    if dated and (_NEWS_HOST.search(host) or ("og:article" in said and author and _NEWS_PATH.search(path))):
        return Classed(
            NEWS, "host of a newspaper" if _NEWS_HOST.search(host) else "dated article with a byline in a news path"
        )
    if _USER_PATH.search(path):
        return Classed(USER, "path of blogs and users")
    return None

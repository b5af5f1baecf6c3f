"""One page, many addresses: which spellings of an address are one page, by what is known of the web's habits.

Pure: no Django, no I/O. Called by visit.py, for the links that it follows and for the address that a page itself names.
"""

import re
from urllib.parse import urlsplit

from search_index.scope import bare

# Parameters that say who sent a visitor, or which visitor it is, and never which page: those of the large analytics and
# advertising services, and the session ids of the older application servers.
_TRACKING = re.compile(
    r"utm_[a-z_]+|gclid|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|igshid|mc_[ce]id|_ga|_gl|_hs(?:enc|mi)|mkt_tok"
    r"|phpsessid|jsessionid|aspsessionid[a-z]*|cfid|cftoken|sessionid",
    re.I,
)
_SESSION = re.compile(r";jsessionid=[^/?#]*", re.I)
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?|jsp)$", re.I)


def without_tracking(url: str) -> str:
    """A canonical address without what only tells visitors apart."""
    if "?" not in url and ";" not in url:
        return url
    path, _mark, query = _SESSION.sub("", url).partition("?")
    kept = "&".join(part for part in query.split("&") if part and not _TRACKING.fullmatch(part.partition("=")[0]))
    return f"{path}?{kept}" if kept else path


def same_page(url: str, other: str) -> bool:
    """Whether `other`, which the page at `url` names as its own address, can be believed: it is another spelling of it,
    or the same without some of its parameters. What names quite another page (a start page, on many badly set up sites)
    is no spelling."""
    one, two = urlsplit(url), urlsplit(other)
    if bare(one.hostname or "") != bare(two.hostname or "") or _path(one.path) != _path(two.path):
        return False
    return set(filter(None, two.query.split("&"))) <= set(filter(None, one.query.split("&")))


def _path(path: str) -> str:
    return _INDEX.sub("/", path).rstrip("/").lower()

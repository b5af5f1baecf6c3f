"""What may be fetched: the pure rules of the one way to the network. No I/O here, not even a name look-up.

`parse` is the only URL parser of the index: it refuses whatever two parsers could read in two ways. `public` says
whether an address belongs to the public internet; `Allow` holds the operator's own exceptions (EGRESS_ALLOW), `Deny`
what goes before them (EGRESS_DENY).
Called by egress.py, which enforces it at the door, by fetch.py for each redirect, and by the crawl for its frontier.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import quote, urljoin

import idna
from django.utils.translation import gettext as _

from search_index.errors import BadSource, Refused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

URL_LENGTH = 4096
PORTS = {"http": 80, "https": 443}

_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?", re.I)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^:\[\]]+)(?::(?P<port>[1-9][0-9]{0,4}))?", re.I)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label that any reader could take for a part of an IPv4 address
_PORT = re.compile(r":[1-9][0-9]{0,4}")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# Kept as they are in a path or query: RFC 3986's reserved characters, and the per cent sign of an escape.
_SAFE = "/:?@!$&'()*+,;=%~[]"

# Names that never belong to the public internet (RFC 6761, 6762, 7686, 9476, ICANN's .internal): no look-up leaves.
_SPECIAL = frozenset({"localhost", "local", "internal", "test", "invalid", "onion", "alt", "arpa"})

# Not public although `is_global` of Python 3.11 says so, or reachable only from inside one cloud.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments; 192.0.0.192 is a cloud's metadata service
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # the "wire server" that every machine of one cloud can reach
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_NOT_PUBLIC_6 = (IPv6Network("2001:db8::/32"), IPv6Network("3fff::/20"))  # documentation


@dataclass(frozen=True)
class Target:
    """A URL that has passed `parse`, in its canonical form. `path` begins with a slash and carries the query."""

    scheme: str
    host: str  # lower case, IDNA-encoded; an IPv6 address without its brackets
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """The host, with the port where it is not the scheme's own: what a Host header says."""
        host = bracketed(self.host)
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


def parse(url: str) -> Target:
    """Take an absolute http(s) URL apart. Raises Refused("url") for anything that is not plainly one.

    Refused: backslashes, control and invisible characters, user names, empty, over-long or misspelt hosts, addresses
    not written in the usual way (127.1, 0x7f000001, 0177.0.0.1), letters that only look like others after IDNA.
    """
    if len(url) > URL_LENGTH:
        raise Refused("url", _("The address is longer than %(most)d characters.") % {"most": URL_LENGTH})
    if "\\" in url or any(unicodedata.category(sign)[0] == "C" for sign in url):
        raise Refused("url", _("The address contains a backslash or an invisible character."))
    match = _URL.fullmatch(url)
    if match is None:
        raise Refused("url", _("Only addresses that begin with http:// or https:// can be opened."))
    scheme = match["scheme"].lower()
    host, port = _authority(match["authority"], PORTS[scheme])
    query = "" if match["query"] is None else "?" + _quoted(match["query"])
    return Target(scheme, host, port, _without_dots(_quoted(match["path"])) + query)


def parse_authority(authority: str) -> tuple[str, int]:
    """The host and port of "host:port", as a CONNECT request names them. Raises Refused("url")."""
    host, port = _authority(authority, 0)
    if port == 0:
        raise Refused("url", _("The address names no port."))
    return host, port


def canonical(url: str) -> str:
    """The one spelling of a URL by which the frontier knows it, without its fragment. Raises Refused("url")."""
    return parse(url).url


def join(base: str, reference: str) -> Target:
    """Where a link or redirect found on `base` leads. Raises Refused("url")."""
    try:
        return parse(urljoin(base, reference.strip(" \t\r\n\f")))
    except ValueError as error:  # urljoin's own complaints: brackets that do not pair
        raise Refused("url", _("The address cannot be read.")) from error


def literal(host: str) -> Address | None:
    """The address that a host of `parse` spells out, or None where it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def public(address: Address) -> bool:
    """Whether the address, and every IPv4 address embedded in it, belongs to the public internet.

    Of IPv6, only global unicast and the well-known NAT64 prefix can be public: v4-mapped, v4-compatible, Teredo and
    local NAT64 (64:ff9b:1::/48) addresses never are, whatever they embed.
    """
    if isinstance(address, IPv4Address):
        odd = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC_4)
        return address.is_global and not odd
    if address in _NAT64:
        return public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _GLOBAL_UNICAST or any(address in network for network in _NOT_PUBLIC_6):
        return False
    return address.is_global and (address.sixtofour is None or public(address.sixtofour))


def embedded(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address carries: mapped, compatible, NAT64, 6to4 and Teredo."""
    if isinstance(address, IPv4Address):
        return ()
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or address in _COMPATIBLE:
        found.append(last)
    return tuple(one for one in found if one is not None)


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


Names = frozenset[tuple[str, int | None]]
Networks = tuple[tuple[Network, int | None], ...]


@dataclass(frozen=True)
class Allow:
    """The operator's own hosts, which are opened although they are not public. An entry without a port is any port."""

    names: Names = frozenset()
    networks: Networks = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "Allow":
        """Read host, host:port, address, address:port, [IPv6]:port, network/bits. Raises BadSource with the entry."""
        return cls(*_entries("EGRESS_ALLOW", entries))

    def opens_name(self, host: str, port: int) -> bool:
        """Whether this very name is opened, wherever it leads."""
        return (host, port) in self.names or (host, None) in self.names

    def opens_address(self, address: Address, port: int) -> bool:
        return any(address in network and only in {None, port} for network, only in self.networks)

    def knows(self, host: str) -> bool:
        """Whether the host is the operator's own at any port (manners may then be waived)."""
        address = literal(host)
        if address is None:
            return any(name == host for name, _port in self.names)
        return any(address in network for network, _port in self.networks)


@dataclass(frozen=True)
class Deny:
    """What the operator never wants to be opened, though it be public or allowed: a host with all hosts below it, an
    address or network in whatever form it is written, or a port of every host."""

    names: Names = frozenset()
    networks: Networks = ()
    ports: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "Deny":
        """Read what Allow reads, and ":port". Raises BadSource with the entry."""
        entries = list(entries)
        ports = [entry for entry in entries if _PORT.fullmatch(entry) and int(entry[1:]) <= 65535]
        names, networks = _entries("EGRESS_DENY", (entry for entry in entries if entry not in ports))
        return cls(names, networks, frozenset(int(entry[1:]) for entry in ports))

    def shuts_name(self, host: str, port: int) -> bool:
        """Whether the port is shut, or the name, or one above it."""
        labels = host.split(".")
        above = [".".join(labels[start:]) for start in range(len(labels))]
        return port in self.ports or any((name, only) in self.names for name in above for only in (None, port))

    def shuts_address(self, address: Address, port: int) -> bool:
        """Whether the address is shut, or an IPv4 address that is embedded in it."""
        forms = (address, *embedded(address))
        return any(form in network and only in {None, port} for form in forms for network, only in self.networks)


NOTHING_DENIED = Deny()


def check_host(host: str, port: int, allow: Allow, deny: Deny = NOTHING_DENIED) -> None:
    """What can be said before a look-up. Raises Refused("denied"), and Refused("name") for what is never public."""
    if deny.shuts_name(host, port):
        raise _denied(host)
    if literal(host) is not None or allow.opens_name(host, port):
        return
    if "." not in host or host.rsplit(".", 1)[1] in _SPECIAL:
        raise Refused("name", _("%(host)s is not a public name.") % {"host": host})


def check_address(host: str, address: Address, port: int, allow: Allow, deny: Deny = NOTHING_DENIED) -> None:
    """What is said of each address of a host. Raises Refused("denied"), Refused("address") or Refused("port")."""
    if deny.shuts_address(address, port):
        raise _denied(host)
    if allow.opens_name(host, port) or allow.opens_address(address, port):
        return
    if not public(address):
        raise Refused("address", _("%(host)s does not lead to the public internet.") % {"host": host})
    if port not in PORTS.values():
        raise Refused("port", _("Port %(port)d is not opened.") % {"port": port})


def _denied(host: str) -> Refused:
    return Refused("denied", _("%(host)s is denied by EGRESS_DENY.") % {"host": host})


def _entries(setting: str, entries: Iterable[str]) -> tuple[Names, Networks]:
    """The names and the networks of a list of the operator's. Raises BadSource with the entry that is neither."""
    names, networks = set[tuple[str, int | None]](), list[tuple[Network, int | None]]()
    for entry in entries:
        try:
            networks.append(_network(entry))
            continue
        except ValueError:
            pass
        try:
            host, found = _authority(entry, 0)
        except Refused as error:
            said = {"setting": setting, "entry": entry}
            raise BadSource("egress", _("%(setting)s: %(entry)s is no host.") % said) from error
        names.add((host, found or None))
    return frozenset(names), tuple(networks)


def _authority(authority: str, default_port: int) -> tuple[str, int]:
    """Host and port of an authority; user names are refused by the pattern's missing at sign and `_host`."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None or (match["port"] and int(match["port"]) > 65535):
        raise Refused("url", _("The address has no host that can be read."))
    return _host(match["host"]), int(match["port"] or default_port)


def _host(text: str) -> str:
    """A host in its canonical spelling. Raises Refused("url")."""
    try:
        if text.startswith("["):
            return str(IPv6Address(text[1:-1]))
        # IDNA 2008, strictly: it maps nothing, so circled digits and other look-alikes are refused, not translated.
        host = text.lower() if text.isascii() else idna.encode(text.lower(), strict=True).decode()
    except (ValueError, idna.IDNAError) as error:
        raise Refused("url", _("The address has no host that can be read.")) from error
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("url", _("The address has no host that can be read."))
    if _NUMBER.fullmatch(labels[-1]) and literal(host) is None:
        raise Refused("url", _("The address spells its IP address in an unusual way."))
    return host


def _network(entry: str) -> tuple[Network, int | None]:
    """An address or network with an optional port; ValueError where the entry is neither."""
    match = re.fullmatch(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[0-9.]+(?:/[0-9]+)?))(?::(?P<port>[0-9]{1,5}))?", entry)
    if match is None:
        return ipaddress.ip_network(entry), None
    return ipaddress.ip_network(match["six"] or match["four"]), int(match["port"]) if match["port"] else None


def _quoted(text: str) -> str:
    """Escapes in their one spelling: unreserved characters bare, hexadecimal digits in capitals, the rest escaped."""

    def respelt(match: re.Match[str]) -> str:
        sign = chr(int(match[1], 16))
        return sign if sign in _UNRESERVED else match[0].upper()

    return quote(_ESCAPE.sub(respelt, text), safe=_SAFE)


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4: `.` and `..` resolved, never above the root."""
    kept: list[str] = []
    segments = path.split("/")[1:] or [""]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)

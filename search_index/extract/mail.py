"""The text of an e-mail (eml), or of the messages of an mbox: who wrote, to whom and when, the words, the attachments.

The plain form of a message is preferred to its HTML form. Attached documents that can be read are, under their names.
Pure: no Django, no I/O. Called by extractors.py.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parsedate_to_datetime
from itertools import pairwise

from search_index.errors import Unreadable
from search_index.extract import types
from search_index.extract.charset import decoded
from search_index.extract.document import MAX_LINKS, Extracted, Writer, name_of, normalised, one_line, unseen
from search_index.extract.html import extract_whole

MESSAGES = 2000  # of one mbox
PARTS = 500  # of one message
DEPTH = 8  # parts in parts; a forwarded message with pictures has four
ATTACHED = 20  # documents read, of one message
ATTACHED_BYTES = 30_000_000  # of all of them
_MULTIPART = re.compile(rb"^content-type:\s*multipart/", re.IGNORECASE | re.MULTILINE)
_SEPARATOR = re.compile(rb"^From [^\r\n]*\d{4}[^\r\n]*\r?\n", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_BEFORE = (b"", b"\n\n", b"\r\n", b"\n")  # a separator stands at the beginning, or after an empty line
_FORMS = ("text/plain", "multipart/related", "text/html")  # of the same words, the plainest first
_HEADER = 2000  # characters of a header that are looked at
_LINK = re.compile(r"https?://[^\s<>\"'\]\)`]+")

Attached = Callable[[bytes, str, str], Extracted]  # extract() itself, for what is attached


def extract_mail(body: bytes, url: str, attached: Attached) -> Extracted:
    """What a message says, or what the messages of an mbox say, each under its subject. Raises Unreadable("nested")."""
    messages = _messages(body)
    if len(messages) == 1:
        return _one(messages[0], url, attached)
    writer, hidden, links, flags = Writer(), 0, dict[str, None](), dict[str, None]()
    for message in messages[:MESSAGES]:
        if writer.full:
            break
        found = _one(message, url, attached)
        writer.heading(found.title, 1)
        writer.include(found.text, found.headings, deeper=1)
        hidden += found.hidden
        flags |= dict.fromkeys(found.flags)
        links |= dict.fromkeys(found.links)
    cut = writer.full or len(messages) > MESSAGES
    return Extracted(
        text=writer.text,
        title=name_of(url),
        headings=writer.headings,
        links=list(links)[:MAX_LINKS],
        hidden=hidden,
        flags=list(flags),
        partial=f"Only the first of its {len(messages):,} messages were read." if cut else "",
    )


def _messages(body: bytes) -> list[bytes]:
    """The messages of an mbox; the one that there is where it is none."""
    if not _SEPARATOR.match(body):
        return [body]
    starts = [
        found.start() for found in _SEPARATOR.finditer(body) if body[found.start() - 2 : found.start()] in _BEFORE
    ]
    pieces = [body[start:end] for start, end in pairwise([*starts, len(body)])]
    return [_QUOTED_FROM.sub(rb"\1", piece.partition(b"\n")[2]) for piece in pieces]


def _one(body: bytes, url: str, attached: Attached) -> Extracted:
    if len(_MULTIPART.findall(body)) > PARTS:
        raise Unreadable("nested", "The message holds far more parts in parts than one that a person wrote.")
    try:
        message = message_from_bytes(body)
        letter = _Letter(url, attached)
        letter.set(message)
    except RecursionError as error:
        raise Unreadable("nested", "The message is nested too deep to be read.") from error
    return Extracted(
        text=letter.writer.text,
        title=_header(message, "subject") or name_of(url),
        author=one_line(_header(message, "from"), 200),
        published_on=_day(message),
        headings=letter.writer.headings,
        links=list(letter.links)[:MAX_LINKS],
        hidden=letter.hidden,
        flags=list(letter.flags),
        partial=letter.partial,
    )


class _Letter:
    """A message under way: its head, its words, and then what came with it."""

    def __init__(self, url: str, attached: Attached) -> None:
        self.url = url
        self.attached = attached
        self.writer = Writer()
        self.links: dict[str, None] = {}
        self.hidden = 0
        self.flags: dict[str, None] = {}
        self.partial = ""
        self.enclosed: list[tuple[str, Message]] = []  # name and part

    def set(self, message: Message) -> None:
        head = {"From": _header(message, "from"), "To": _header(message, "to"), "Date": _header(message, "date")}
        self.writer.block("\n".join(f"{name}: {value}" for name, value in head.items() if value))
        self._part(message, 0)
        names = [name for name, _part in self.enclosed if name]
        self.writer.block(f"Attachments: {', '.join(names)}" if names else "")
        room = ATTACHED_BYTES
        for number, (name, part) in enumerate(self.enclosed):
            if number >= ATTACHED or room <= 0 or self.writer.full:
                self.partial = "Not all of its attachments were read: they are many."
                break
            room -= self._enclosed(name, part, room)

    def _part(self, part: Message, depth: int) -> None:
        """The words of a part, of the plainest of its alternatives; what is enclosed is noted for later."""
        kind = part.get_content_type()
        if depth > DEPTH:
            self.partial = "What it encloses was not read in full: it is nested very deep."
        elif kind == types.MAIL:
            self.enclosed.append((_enclosed_subject(part), part))
        elif part.is_multipart():
            inner = [each for each in part.get_payload() if isinstance(each, Message)]
            for each in _plainest(inner) if kind == "multipart/alternative" else inner:
                self._part(each, depth + 1)
        elif part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            self.enclosed.append((_file_name(part), part))
        elif kind == types.HTML:
            found = extract_whole(_bytes(part), part.get("content-type", ""), self.url)
            self._include(found, deeper=0)
        else:
            raw = decoded(_bytes(part), part.get("content-type", ""))
            text = normalised(raw)
            self.flags |= dict.fromkeys(unseen(raw))
            self.writer.block(text.strip("\n"))
            self.links |= dict.fromkeys(link.rstrip(".,;:!?") for link in _LINK.findall(text))

    def _enclosed(self, name: str, part: Message, room: int) -> int:
        """Read one enclosure under its name; how many bytes it has. One that cannot be read has been named."""
        if part.get_content_type() == types.MAIL:
            inner = _inner(part)
            body = inner.as_bytes() if inner is not None else b""
        else:
            body = _bytes(part)
        kind = part.get_content_type()
        if len(body) > room or (not name and kind not in types.DOCUMENTS):
            return 0
        try:
            found = self.attached(body, kind, f"{name}.eml" if kind == types.MAIL else name)
        except Unreadable:
            return len(body)
        if found.text.strip():
            self.writer.heading(name, 1)
            self._include(found, deeper=1)
        return len(body)

    def _include(self, found: Extracted, deeper: int) -> None:
        self.writer.include(found.text, found.headings, deeper=deeper)
        self.links |= dict.fromkeys(found.links)
        self.hidden += found.hidden
        self.flags |= dict.fromkeys(found.flags)


def _plainest(alternatives: list[Message]) -> list[Message]:
    """The one of several forms of the same words that is nearest to plain text."""
    ranked = sorted(
        alternatives, key=lambda part: _FORMS.index(part.get_content_type()) if part.get_content_type() in _FORMS else 1
    )
    return ranked[:1]


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _file_name(part: Message) -> str:
    return one_line(_decoded(part.get_filename() or ""), 200).replace("/", "_")


def _enclosed_subject(part: Message) -> str:
    inner = _inner(part)
    return (_header(inner, "subject") if inner is not None else "") or "Message"


def _inner(part: Message) -> Message | None:
    """The message that a part of type message/rfc822 holds."""
    payload = part.get_payload()
    first = payload[0] if isinstance(payload, list) and payload else None
    return first if isinstance(first, Message) else None


def _header(message: Message, name: str) -> str:
    return one_line(_decoded(str(message.get(name, ""))[:_HEADER]))


def _decoded(text: str) -> str:
    """A header's words out of their encoding."""
    try:
        return "".join(
            part.decode(charset or "utf-8", "replace") if isinstance(part, bytes) else part
            for part, charset in decode_header(text)
        )
    except (HeaderParseError, LookupError, ValueError):
        return text


def _day(message: Message) -> date | None:
    try:
        day = parsedate_to_datetime(str(message.get("date", ""))[:200]).date()
    except (TypeError, ValueError, IndexError):
        return None
    return day if date(1975, 1, 1) <= day <= datetime.now(UTC).date() else None

"""What is made of a reply while it streams: events of bytes, thoughts set apart, prose out of JSON, loops noticed.

Pure state machines that are fed pieces of any length. Never calls a model. Called by reasoning/talk.py.
"""

import json
import re

OPEN, CLOSE = "<think>", "</think>"
LINK = re.compile(r"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.|\bmailto:)\S*", re.IGNORECASE)


class Events:
    """Takes the data of server-sent events out of the bytes of a stream; all else that an event may have is left."""

    LONGEST = 1 << 20  # bytes

    def __init__(self) -> None:
        self._rest = b""  # of a line that has not ended
        self._data: list[bytes] = []  # of an event that has not ended

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of the events that are complete now. Raises ValueError where one does not end."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        complete = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif self._data and not line.strip(b"\r"):
                complete.append(b"\n".join(self._data))
                self._data = []
        if len(self._rest) + sum(map(len, self._data)) > self.LONGEST:
            raise ValueError(f"more than {self.LONGEST} bytes and no end of an event")
        return complete


class Thoughts:
    """Splits <think>...</think> from the reply, wherever the pieces happen to be cut."""

    def __init__(self) -> None:
        self.inside = False
        self._held = ""

    def feed(self, piece: str) -> tuple[str, str]:
        """(of the reply, of the thoughts): what can be told apart by now."""
        self._held += piece
        said, thought = "", ""
        while True:
            mark = CLOSE if self.inside else OPEN
            before, found, after = self._held.partition(mark)
            if not found:
                keep = _tail(before, mark)
                before, self._held = before[: len(before) - keep], before[len(before) - keep :]
            said, thought = (said, thought + before) if self.inside else (said + before, thought)
            if not found:
                return said, thought
            self._held, self.inside = after, not self.inside

    def rest(self) -> tuple[str, str]:
        """What was held back in case it was the beginning of a mark, once nothing more comes."""
        held, self._held = self._held, ""
        return ("", held) if self.inside else (held, "")


class Prose:
    """Takes the words of every "text" field out of JSON that is still being written, whole words at a time.

    An address is left out: what a person sees while a section is drafted holds none that a model made.
    """

    # A string counts once it is seen what follows it: a colon makes it a key.
    STRING = re.compile(r'"((?:[^"\\]|\\.)*)"\s*([:,\]}])', re.DOTALL)

    def __init__(self, field: str = "text") -> None:
        self._field = field
        self._json = ""
        self._at = 0  # everything before it is read
        self._key = ""
        self._shown = 0  # characters of the current value that were given out
        self._begun = False

    def feed(self, piece: str) -> str:
        """The words that are complete now."""
        self._json += piece
        words = ""
        while string := self.STRING.search(self._json, self._at):
            self._at = string.end()
            if string[2] == ":":
                self._key = string[1]
            elif self._key == self._field:
                words += self._new(_decoded(string[1]), whole=True)
                self._shown, self._key = 0, ""
        opening = self._json.find('"', self._at)
        if self._key == self._field and opening >= 0:
            words += self._new(_decoded(self._json[opening + 1 :]), whole=False)
        return words

    def _new(self, value: str, whole: bool) -> str:
        """What `value` has beyond what was shown, up to its last white space unless it is whole."""
        end = len(value) if whole else max(value.rfind(" "), value.rfind("\n")) + 1
        fresh, start = LINK.sub("", value[self._shown : end]), self._shown
        self._shown = max(self._shown, end)
        if fresh and start == 0 and self._begun:
            fresh = " " + fresh
        self._begun = self._begun or bool(fresh)
        return fresh


def loops(text: str) -> bool:
    """Whether the end of `text` is one stretch over and over: at least six times, and 240 characters in all.

    Small models fall into this, and a grammar that allows white space lets them write it without end.
    """
    if len(text) < 240:
        return False
    for period in range(1, 161):
        length = max(240, 6 * period)
        if len(text) >= length and text[-length:-period] == text[-length + period :]:
            return True
    return False


def without_links(text: str) -> str:
    """The text without anything that reads as an address: a model may not make one."""
    return " ".join(LINK.sub("", text).split())


def _tail(text: str, mark: str) -> int:
    """How many characters at the end of `text` may be the beginning of `mark`."""
    return next((n for n in range(min(len(mark) - 1, len(text)), 0, -1) if mark.startswith(text[-n:])), 0)


def _decoded(string: str) -> str:
    """The inside of a JSON string as text; an escape that is cut off at its end is left out."""
    for end in range(len(string), max(len(string) - 7, -1), -1):
        try:
            return str(json.loads(f'"{string[:end]}"', strict=False))
        except json.JSONDecodeError:
            continue
    return ""

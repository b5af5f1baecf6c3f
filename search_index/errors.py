"""What can go wrong in the index, as types.

    IndexFailure
    ├── RetryLater            the same request may succeed later (time-out, 429, 503, a host that is busy)
    │   └── Crashed           reading it ended the process that read it: once may be chance (quarantine.py)
    ├── SourceFailed          this page, file or source failed; record it and go on
    │   ├── Refused           not allowed: robots, scope, the egress door, size, type
    │   └── Unreadable        fetched, but no text could be had from it
    ├── BadSource             a source's location cannot be used as it stands; the person has to change it
    └── LostLease             somebody else owns the crawl now: stop at once, write nothing more

Every error carries `reason`, a short code stored and counted (Page.reason), and a sentence that says what to do.
"""


class IndexFailure(Exception):
    """Something in the index failed; `reason` is its short code, the message one sentence for a person."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RetryLater(IndexFailure):
    """The same request may succeed later; `after` is the number of seconds the host asked to wait, if it said so."""

    def __init__(self, reason: str, message: str, after: float | None = None) -> None:
        super().__init__(reason, message)
        self.after = after


class SourceFailed(IndexFailure):
    """This page or file failed: it is recorded, the rest goes on."""


class Refused(SourceFailed):
    """It may not be fetched or kept: robots, scope, egress, size, type."""


class Unreadable(SourceFailed):
    """It was fetched, but no text could be had from it."""


class Crashed(RetryLater):
    """The process that read it did not survive: it took too long or too much memory, or broke its parser."""


class BadSource(IndexFailure):
    """The source cannot be used as it stands; the message says what to change."""


class LostLease(IndexFailure):
    """Another worker owns the crawl now, or it was stopped: this one stops at once and writes nothing more."""

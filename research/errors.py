"""What can go wrong in research, as types.

ResearchFailure
├── RetryLater        a model server is busy, slow or gone: the same call may succeed later
├── StepFailed        this step failed; it is journalled as failed and the run goes on without it
│   ├── BadReply      the model's reply did not fit the schema, also after one repair
│   ├── NotAllowed    an action named something the run has not seen, or the run is sealed
│   └── NextToNothing a page was had, and says next to nothing: what it has may be behind its buttons
├── BadQuestion       it cannot be researched as it was asked; the message says what to change
│   └── BadWish       the run cannot be changed like this; the message says why
│       └── PlanChanged   somebody has changed the plan meanwhile: look again
├── RunFailed         the run cannot go on; the message says what to do
└── LeaseLost         another worker owns the run now: stop at once, write nothing
"""


class ResearchFailure(Exception):
    """Something in research failed; the message is a sentence for a person."""


class RetryLater(ResearchFailure):
    """A model server is busy, slow or gone: the same call may succeed later.

    `after` is the number of seconds that the server asked to wait, if it said so.
    """

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class StepFailed(ResearchFailure):
    """This step failed: it is journalled as failed, and the run goes on without it."""


class BadReply(StepFailed):
    """The model's reply did not fit the schema, also after one repair."""


class NotAllowed(StepFailed):
    """An action named something that the run has not seen, or the run is sealed."""


class NextToNothing(StepFailed):
    """A page was had, and says next to nothing as it stands: what it has may be behind its fields and buttons."""


class BadQuestion(ResearchFailure):
    """It cannot be researched as it was asked; the message says what to change."""


class BadWish(BadQuestion):
    """The run cannot be changed like this; the message says why."""


class PlanChanged(BadWish):
    """What the person wanted to change says something else by now than what they saw."""


class RunFailed(ResearchFailure):
    """The run cannot go on; the message says what to do."""


class LeaseLost(ResearchFailure):
    """Another worker owns the run now: stop at once and write nothing."""

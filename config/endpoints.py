"""Names the model servers: for chat one endpoint for all roles, or one for each; one for embedding; one for reranking.

A role without its own CHAT_URL_<ROLE> uses CHAT_URL; with neither, no model is configured and the extractive reasoner
answers. Without EMBED_MODEL the built-in embedding model is used, without EMBED_URL the named one runs in process.
CHECK_MODEL, in process too, judges in place of the role judge.
Called by config/checks.py, by research/reasoning, and by search_index/embedders.py, query.py and rerank.py.
"""

from dataclasses import dataclass, field

from config import env

ROLES = ("planner", "reader", "writer", "judge")


@dataclass(frozen=True)
class Prices:
    """What a million tokens cost, in the operator's currency; 0 where no price is set."""

    prompt: float = 0.0
    cached: float = 0.0  # of a prompt, those that the server had already
    completion: float = 0.0

    def of(self, prompt: int, cached: int, completion: int) -> float:
        """What a call costs; `cached` of its `prompt` tokens were had already."""
        spent = (prompt - cached) * self.prompt + cached * self.cached + completion * self.completion
        return spent / 1_000_000


@dataclass(frozen=True)
class Endpoint:
    """One OpenAI-compatible server: `url` ends in /v1, `model` is the name it serves, `key` may be empty.

    What a server does not tell, the operator may: `context` in tokens (0: as the server says), and `tokenizer`, the
    model's tokenizer.json or the folder that has it. Prices are the role's, not the server's: two roles that only
    differ there are one endpoint.
    """

    url: str
    model: str
    key: str
    context: int = 0
    tokenizer: str = ""
    prices: Prices = field(default=Prices(), compare=False)

    def __repr__(self) -> str:  # never show the key in a log or a traceback
        return f"Endpoint(url={self.url!r}, model={self.model!r})"


def endpoint(role: str) -> Endpoint | None:
    """The endpoint of `role` (one of ROLES), or None where no model is configured for it."""
    suffix = f"_{role.upper()}"
    url = env.text(f"CHAT_URL{suffix}") or env.text("CHAT_URL")
    if not url:
        return None
    model = env.text(f"CHAT_MODEL{suffix}") or env.text("CHAT_MODEL")
    key = env.secret(f"CHAT_KEY{suffix}") or env.secret("CHAT_KEY")
    context = env.number(f"CHAT_CONTEXT{suffix}", env.number("CHAT_CONTEXT", 0))
    tokenizer = env.text(f"CHAT_TOKENIZER{suffix}") or env.text("CHAT_TOKENIZER")
    return Endpoint(url.rstrip("/"), model, key, context, tokenizer, _prices(suffix))


def endpoints() -> dict[str, Endpoint]:
    """Every role that has an endpoint; empty where no model is configured."""
    return {role: found for role in ROLES if (found := endpoint(role))}


def currency() -> str:
    """The name of the currency that prices are in."""
    return env.text("PRICE_CURRENCY", "USD")


def _prices(suffix: str) -> Prices:
    prompt = env.number(f"PRICE_PROMPT{suffix}", env.number("PRICE_PROMPT", 0.0))
    # Without a price of their own, cached tokens cost what others do.
    cached = env.number(f"PRICE_CACHED{suffix}", env.number("PRICE_CACHED", prompt))
    completion = env.number(f"PRICE_COMPLETION{suffix}", env.number("PRICE_COMPLETION", 0.0))
    return Prices(prompt, cached, completion)


@dataclass(frozen=True)
class EmbeddingChoice:
    """Whose vectors the index shall have. `at.url` is empty for a model that runs in process (a folder, or a name on
    the model hub); `query_prefix` stands before a query where the model was trained with one."""

    at: Endpoint
    query_prefix: str


def embedding() -> EmbeddingChoice | None:
    """The embedding model that is configured, or None for the built-in one."""
    model = env.text("EMBED_MODEL")
    if not model:
        return None
    at = Endpoint(env.text("EMBED_URL").rstrip("/"), model, env.secret("EMBED_KEY"))
    return EmbeddingChoice(at, _prefix(env.text("EMBED_QUERY_PREFIX")))


def reranker() -> Endpoint | None:
    """The reranking server, or None where none is configured. Its model may be empty: some serve only one."""
    url = env.text("RERANK_URL")
    return Endpoint(url.rstrip("/"), env.text("RERANK_MODEL"), env.secret("RERANK_KEY")) if url else None


def searxng() -> str:
    """The address of the operator's SearXNG, which runs ask for addresses on the web; "" where none is configured."""
    return env.text("SEARXNG_URL").rstrip("/")


def check_model() -> str:
    """The model that checks sentences against their evidence in this process: a folder or a name on the model hub; ""
    where none is configured."""
    return env.text("CHECK_MODEL")


def _prefix(text: str) -> str:
    r"""What stands before a query: \n for a new line; a space follows it, which the environment's readers cut off."""
    text = text.replace("\\n", "\n")
    return f"{text} " if text and not text[-1].isspace() else text

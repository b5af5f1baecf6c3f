"""Names the model servers: for chat one endpoint for all roles, or one for each; one for embedding; one for reranking.

A role without its own CHAT_URL_<ROLE> uses CHAT_URL; with neither, no model is configured and the extractive reasoner
answers. Without EMBED_MODEL the built-in embedding model is used, without EMBED_URL the named one runs in process.
Called by config/checks.py, by research/reasoning, and by search_index/embedders.py, query.py and rerank.py.
"""

from dataclasses import dataclass

from config import env

ROLES = ("planner", "reader", "writer", "judge")


@dataclass(frozen=True)
class Endpoint:
    """One OpenAI-compatible server: `url` ends in /v1, `model` is the name it serves, `key` may be empty."""

    url: str
    model: str
    key: str

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
    return Endpoint(url.rstrip("/"), model, key)


def endpoints() -> dict[str, Endpoint]:
    """Every role that has an endpoint; empty where no model is configured."""
    return {role: found for role in ROLES if (found := endpoint(role))}


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


def _prefix(text: str) -> str:
    r"""What stands before a query: \n for a new line; a space follows it, which the environment's readers cut off."""
    text = text.replace("\\n", "\n")
    return f"{text} " if text and not text[-1].isspace() else text

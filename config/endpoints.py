"""Names the model servers: one endpoint for all roles, or one for each.

A role without its own CHAT_URL_<ROLE> uses CHAT_URL; with neither, no model is configured and the extractive reasoner
answers. Called by config/checks.py and by research/reasoning.
"""

from dataclasses import dataclass

from config import env

ROLES = ("planner", "reader", "writer", "judge")


@dataclass(frozen=True)
class Endpoint:
    """One OpenAI-compatible chat server: `url` ends in /v1, `model` is the name it serves, `key` may be empty."""

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

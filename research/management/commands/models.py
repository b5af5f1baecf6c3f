"""manage.py models: which model server each role has, what it was found to be able to do, what is worked around, and
whether there is a sandbox for the calculations that a model writes.

Asks each server as a run does when it first uses it, and offers it a tool besides. Makes the sandbox where that was not
done and nobody is at it, which takes half a minute. Needs no database.
"""

import asyncio
import json
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.translation import gettext as _

from config.endpoints import ROLES, Endpoint, currency, endpoints
from research import sandbox
from research.errors import ResearchFailure
from research.reasoning import probe, server
from research.reasoning.server import Server


@dataclass
class Found:
    """An endpoint and what it turned out to be; `error` says why not, and what to do."""

    url: str
    model: str
    error: str = ""
    context: int = 0
    context_from: str = ""
    schema: str = ""
    thinks: bool = False
    tools: str = ""
    tokens: str = ""
    calls_at_once: list[int] = field(default_factory=list)  # to begin with, and at most
    left_out: list[str] = field(default_factory=list)
    worked_around: list[str] = field(default_factory=list)


class Command(BaseCommand):
    help = _("Show the model servers, what they can do and what is worked around.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help=_("print one JSON document"))

    def handle(self, **options: Any) -> None:
        named = endpoints()
        found = asyncio.run(_look(named)) if named else {}
        roles = {role: _role(role, named, found) for role in ROLES} if named else {}
        computing = _computing() if named else None
        if options["json"]:
            document = {
                "reasoner": "model" if named else "extractive",
                "currency": currency(),
                "sandbox": computing,
                "roles": {
                    role: {**one.__dict__, **({"prices": named[role].prices.__dict__} if role in named else {})}
                    for role, one in roles.items()
                },
            }
            self.stdout.write(json.dumps(document, ensure_ascii=False))
        elif computing:
            for one, names in _together(roles):
                self.stdout.write(_in_words(names, one))
            self.stdout.write(_("calculations: %s") % sandbox.in_words())
        else:
            self.stdout.write(_("No model server is set (CHAT_URL): runs quote their sources, and no model is asked."))
        if any(one.error for one in roles.values()):
            raise CommandError(_("Not every role has a model that can be used."))


async def _look(named: Mapping[str, Endpoint]) -> dict[Endpoint, Found]:
    distinct = list(dict.fromkeys(named.values()))
    try:
        return dict(zip(distinct, await asyncio.gather(*map(_at, distinct)), strict=True))
    finally:
        await server.close()


async def _at(endpoint: Endpoint) -> Found:
    try:
        at = await probe.ready(endpoint)
        tools = await probe.tools(at)
    except ResearchFailure as failure:
        return Found(endpoint.url, endpoint.model, str(failure))
    return Found(
        url=endpoint.url,
        model=at.model,
        context=at.window,
        context_from=at.window_from,
        schema=at.abilities.schema,
        thinks=at.abilities.thinks,
        tools=tools,
        tokens=at.tokens.how,
        calls_at_once=[int(at.turns.limit), at.turns.most],
        left_out=sorted(at.abilities.left_out),
        worked_around=_worked_around(at),
    )


def _worked_around(at: Server) -> list[str]:
    """What the server lacks and what is done instead, a sentence each."""
    done = []
    if at.abilities.schema != "obeyed":
        done.append(_("It does not hold its replies to a schema: the shape is said in the prompt, with one repair."))
    if others := sorted(at.abilities.left_out - {"response_format"}):
        done.append(_("It refuses these fields, which are not sent: %s.") % ", ".join(others))
    if at.window_from == "assumed":
        done.append(_("It does not tell its context: %d tokens are assumed. Set CHAT_CONTEXT.") % at.window)
    if at.tokens.how == "estimate":
        done.append(
            _("It does not count tokens: they are estimated, and corrected by what it reports. Set CHAT_TOKENIZER.")
        )
    if at.abilities.thinks:
        done.append(_("It thinks before it replies: replies get more room, thoughts are kept apart and never cited."))
    return done


def _role(role: str, named: Mapping[str, Endpoint], found: Mapping[Endpoint, Found]) -> Found:
    if role in named:
        return found[named[role]]
    return Found("", "", _("No server is named for it: set CHAT_URL, or CHAT_URL_%s.") % role.upper())


def _together(roles: Mapping[str, Found]) -> list[tuple[Found, list[str]]]:
    """Each distinct endpoint with the roles that it has."""
    grouped: list[tuple[Found, list[str]]] = []
    for role, one in roles.items():
        names = next((names for known, names in grouped if known == one), None)
        if names is None:
            grouped.append((one, [role]))
        else:
            names.append(role)
    return grouped


def _computing() -> dict[str, Any]:
    """Where calculations are run, or why they are not; both are empty while somebody makes the sandbox."""
    if sandbox.is_being_made():
        return {"walls": "", "trouble": "", "being_made": True}
    found = sandbox.prepare()
    return {"walls": found.walls, "trouble": found.trouble, "being_made": False}


def _in_words(roles: list[str], one: Found) -> str:
    head = f"{', '.join(roles)}: {one.model} {one.url}".rstrip()
    if one.error:
        return f"{head}\n  {one.error}"
    facts = [
        _("context %(tokens)d tokens (%(from)s)") % {"tokens": one.context, "from": one.context_from},
        _("JSON schema %s") % one.schema,
        _("thinks") if one.thinks else _("does not think aloud"),
        _("tools %s") % one.tools,
        _("tokens by %s") % one.tokens,
        _("%(first)d calls at once, at most %(most)d") % dict(zip(("first", "most"), one.calls_at_once, strict=True)),
    ]
    return "\n".join([head, f"  {' · '.join(facts)}", *(f"  {line}" for line in one.worked_around)])

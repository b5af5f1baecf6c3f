"""The prompts, one Markdown file for each step that asks a model, rendered strictly.

A file opens with three lines: its purpose, its variables, the reply it asks for. Then comes the part that never changes
(instructions and examples), a line `---`, and the part made of the variables. Steps that take turns share their
instructions, and as much as they can of what they show (shared/): a server then has most of each prompt in its prefix
cache, also one that keeps a single prompt. So the task is named at the end.
Page text is data: every piece of it is put on one line of its own, so that it cannot forge a line of the prompt, and
the marks by which chat models tell who speaks are broken. Never decides what to show. Called by reasoning/model.py and,
for `repair`, by reasoning/client.py.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2

FOLDER = Path(__file__).parent
HEADER = re.compile(r"\A\{# purpose: (.+) #\}\n\{# variables: (.*) #\}\n\{# reply: (.+) #\}\n")
# The special tokens of the common chat templates. Some servers turn them into real ones also inside a message.
CHAT_MARK = re.compile(r"<\||\|>|\[/?INST\]|</?(?:s|think|start_of_turn|end_of_turn|bos|eos)>|<｜|｜>", re.IGNORECASE)


@dataclass(frozen=True)
class Prompt:
    """What is sent: the part that stays the same from call to call, and the part that does not."""

    system: str
    user: str

    def remark(self, text: str) -> "Prompt":
        """The prompt with a line of ours after what it shows of pages (its last line >>>), else at its end."""
        shown, mark, rest = self.user.rpartition("\n>>>")
        user = f"{shown}{mark}\n({text}){rest}" if mark else f"{self.user}\n({text})"
        return Prompt(self.system, user)


@dataclass(frozen=True)
class Template:
    """A prompt's file: `variables` are exactly what rendering it takes, `reply` names the reply it asks for."""

    purpose: str
    variables: frozenset[str]
    reply: str
    system: jinja2.Template
    user: jinja2.Template


def render(name: str, **variables: object) -> Prompt:
    """The prompt `name` with exactly its declared variables. Raises TypeError where one is missing or too many."""
    found = template(name)
    if variables.keys() != found.variables:
        raise TypeError(f"The prompt {name} takes {sorted(found.variables)}, not {sorted(variables)}.")
    return Prompt(found.system.render().strip(), found.user.render(**variables).strip())


@cache
def template(name: str) -> Template:
    """The parsed file of a prompt. Raises ValueError where its header or its parts are not as described above."""
    source = (FOLDER / f"{name}.md").read_text()
    header = HEADER.match(source)
    system, rule, user = source.partition("\n---\n")
    if not header or not rule:
        raise ValueError(f"{name}.md needs its three header lines and the line --- between its two parts.")
    purpose, variables, reply = header.groups()
    names = frozenset(variables.replace(",", " ").split())
    return Template(purpose, names, reply, _environment.from_string(system), _environment.from_string(user))


def names() -> list[str]:
    """Every prompt there is."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


def one_line(text: object) -> str:
    """Text of a page, a person or a model on a single line, the marks of chat templates broken by a space."""
    return CHAT_MARK.sub(lambda mark: f"{mark[0][0]} {mark[0][1:]}", " ".join(str(text).split()))


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER),
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 - a prompt is plain text: HTML entities in it would only confuse the model
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=one_line,
)

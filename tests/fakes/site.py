"""A web site of our own on loopback: what the tests crawl, fetch, render and attack, instead of the real web.

`Site` serves a dict of answers on 127.0.0.1 at a free port and remembers every request. An answer may redirect, be
slow, trickle, be cut off, or be made by a function; conditional requests are answered by ETag.
`docs_site()` and the fixture `site` give a small documentation site, "Larkspur", ready to crawl and to ask about:

    index -> install, quickstart, configuration, queues, retries, schedules, security, history, people, faq, manual.pdf
    quickstart -> live.html (its text is made by a script), moved.html (301 -> quickstart.html), missing.html (404)
    robots.txt forbids /private/, to which faq.html links; sitemap.xml lists the pages

Used by the tests of the door, the crawl, the pages and the browser. Never reaches out.
"""

import html
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Request:
    """One request the site has seen; `time` is time.monotonic() at its arrival, header names are in lower case."""

    method: str
    path: str  # with the query string
    headers: Mapping[str, str]
    time: float


@dataclass(frozen=True)
class Answer:
    """What the site answers with."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0  # seconds before the first byte
    trickle: float = 0  # seconds between the bytes of the body: a slow-loris answer
    cut: int | None = None  # the connection is closed after that many bytes of the body; -1: before the status line

    @property
    def content(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else self.body


Served = Answer | str | bytes | Callable[[Request], Answer]


class Site:
    """A running site. `pages` may be changed while it runs: paths (without query) to what is served, "*" to what is
    served for all others.

    With a `certificate` (a PEM file that holds the key, too) it speaks https.
    """

    def __init__(self, pages: Mapping[str, Served] | None = None, certificate: Path | None = None) -> None:
        self.pages: dict[str, Served] = dict(pages or {})
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.site = self
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.host = "127.0.0.1"
        self.port: int = self._server.server_address[1]
        self.netloc = f"{self.host}:{self.port}"
        self.url = f"{'https' if certificate else 'http'}://{self.netloc}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def hits(self, path: str) -> int:
        """How often the path (without its query) was asked for."""
        return sum(request.path.split("?")[0] == path for request in self.requests)

    def close(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def redirect(location: str, status: int = 302) -> Answer:
    """An answer that sends the client on to `location`."""
    return Answer(status=status, headers={"Location": location})


@contextmanager
def serving(pages: Mapping[str, Served] | None = None, certificate: Path | None = None) -> Iterator[Site]:
    """A site with these pages, for the length of the block."""
    site = Site(pages, certificate)
    try:
        yield site
    finally:
        site.close()


@contextmanager
def docs_site() -> Iterator[Site]:
    """The documentation of Larkspur, for the length of the block."""
    with serving(_larkspur()) as site:
        yield site


@pytest.fixture
def site() -> Iterator[Site]:
    """A fresh documentation site of Larkspur; `site.url` is its address, `site.requests` what was asked of it."""
    with docs_site() as running:
        yield running


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of our own for 127.0.0.1, with its key in the same file."""
    file = tmp_path / "certificate.pem"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", *made, *names, "-keyout", file, "-out", f"{file}.part"], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.part").read_text())
    return file


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    site: Site

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the middle is what many tests are about: nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *args: object) -> None:
        """Nothing on standard error: `Site.requests` is the log."""

    def do_GET(self) -> None:
        site = self.server.site
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, time.monotonic())
        site.requests.append(request)
        missing = site.pages.get("*", Answer("<h1>Not found</h1>", status=404))
        served = site.pages.get(self.path.split("?")[0], missing)
        answer = served(request) if callable(served) else served if isinstance(served, Answer) else Answer(served)
        if site.stopping.wait(answer.delay) or answer.cut == -1:
            self.close_connection = True
            return
        self._send(answer, headers)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_PURGE = do_GET

    def _send(self, answer: Answer, asked: Mapping[str, str]) -> None:
        names = {name.lower(): value for name, value in answer.headers.items()}
        unchanged = "etag" in names and asked.get("if-none-match") == names["etag"]
        body = b"" if unchanged or self.command == "HEAD" else answer.content
        self.send_response(304 if unchanged else answer.status)
        if "content-type" not in names:
            self.send_header("Content-Type", "text/html; charset=utf-8")
        if "content-length" not in names and "transfer-encoding" not in names and not unchanged:
            self.send_header("Content-Length", str(len(answer.content)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self._send_body(body, answer)

    def _send_body(self, body: bytes, answer: Answer) -> None:
        if answer.cut is not None:
            body = body[: answer.cut]
            self.close_connection = True
        if not answer.trickle:
            self.wfile.write(body)
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            if self.server.site.stopping.wait(answer.trickle):
                self.close_connection = True
                return


# --- The documentation of Larkspur, a job queue that does not exist --------------------------------------------------
_NAVIGATION = [
    ("index.html", "Larkspur"),
    ("install.html", "Installing"),
    ("quickstart.html", "Quickstart"),
    ("configuration.html", "Configuration"),
    ("queues.html", "Queues"),
    ("retries.html", "Retries"),
    ("schedules.html", "Schedules"),
    ("security.html", "Security"),
    ("history.html", "History"),
    ("people.html", "People"),
    ("faq.html", "Questions"),
]

# One page: its paragraphs, "# " before a heading of the second level, "    " before a line of code.
_TEXTS = {
    "index.html": """
Larkspur is a job queue for small teams. It keeps its jobs in a single file, needs no server of its own and runs the
jobs in the order in which they became due.
The documentation is read from top to bottom: install Larkspur, follow the quickstart, then look things up.
# What Larkspur is not
Larkspur is not a message bus. Jobs are not sent to several receivers, and there is no way to listen to a queue from
another machine. Teams that need this use a broker and keep Larkspur for the nightly work.
""",
    "install.html": """
Larkspur needs Python 3.9 or newer and 40 megabytes of free disk. It is installed with one command.
    pip install larkspur
# Checking the installation
The command larkspur doctor opens the job file, runs one job that does nothing and prints how long it took. A healthy
installation answers within 200 milliseconds. If the job file cannot be opened, doctor prints the path that it tried.
# Removing Larkspur
Uninstalling the package leaves the job file where it is. Delete larkspur.jobs by hand when you no longer need it.
""",
    "quickstart.html": """
A job is a function with a decorator. The first job takes about five minutes to write.
    @job(queue="mail")
    def send_letter(address): ...
Start a worker with larkspur work. The worker looks for due jobs every 250 milliseconds. The old address of this page
was <a href="moved.html">moved.html</a>, and what a running worker shows is described on the
<a href="live.html">live page</a>. An example that was <a href="missing.html">never written</a> is linked here too.
# Stopping a worker
A worker that receives an interrupt finishes the job it is working on and then stops. A second interrupt stops it at
once; the unfinished job is put back at the head of its queue.
""",
    "configuration.html": """
Larkspur reads larkspur.toml from the working directory. Every setting has a default, so an empty file is valid.
# The settings
The setting file names the job file; its default is larkspur.jobs. The setting workers says how many jobs run at the
same time; its default is 4 and its greatest value is 64. The setting patience is the number of seconds after which a
job that does not report is taken from its worker; its default is 90.
# Settings from the environment
A variable of the environment wins over the file. Its name is the setting in capital letters with LARKSPUR_ in front:
LARKSPUR_WORKERS=8 runs eight jobs at the same time.
""",
    "queues.html": """
A queue is a name. Jobs of one queue run in the order in which they became due; queues do not wait for each other.
# Priorities
A queue has a priority between 0 and 9, where 9 is served first. A queue that has waited longer than ten minutes is
served before all others, whatever its priority is, so that no queue starves.
# Limits
A queue can be limited to a number of jobs per minute. The limit counts starts, not ends. The queue named mail is
limited to 30 jobs per minute unless the configuration says otherwise.
""",
    "retries.html": """
A job that raises an exception is tried again. Larkspur tries a job five times before it gives up.
# The waiting time
The first wait is 10 seconds. Each further wait is three times as long as the one before it, so the last wait of a job
that fails five times is 270 seconds. The waiting time can be set for a job with the argument wait.
# The morgue
A job that failed for the last time is moved to the morgue, where it is kept for 30 days. The command larkspur revive
puts it back into its queue and resets its counter.
""",
    "schedules.html": """
A schedule makes jobs at fixed times. Schedules are written as sentences, for example every weekday at 07:30.
# Time zones
Schedules use the time zone of the machine unless a zone is named at the end of the sentence. In the hour that is
skipped when summer time begins, a job runs at the end of the gap; in the hour that is repeated it runs only once.
# Missed times
When the worker was not running at a scheduled time, the job runs once when the worker comes back, however many times
were missed. Set missed to skip to leave it out.
""",
    "security.html": """
Whoever can write the job file can run code as the worker. Keep the job file readable and writable by one user only.
# Signed jobs
Since version 2.0 every job carries a signature made with the key in larkspur.key. A job whose signature does not fit
is not run; it is moved to the morgue with the reason forged. Keys are changed with larkspur rotate, and the old key is
accepted for 24 hours after that.
# Reporting a problem
Write to the security desk of the Larkspur project. A report is answered within three working days.
""",
    "history.html": """
Larkspur began in March 2014 as a script of the Oslo public library, where it sent reminders for overdue books.
# Versions
Version 1.0 was released on 12 May 2016 and kept its jobs in a directory of small files. Version 2.0 of 3 September
2019 brought the single job file and signed jobs. Version 3.0 of 21 January 2024 brought schedules written as
sentences, which were designed by Ines Aldana.
# The name
The name was chosen by Tor Vikdal, who wrote the first script, after the flower on the library's window sill.
""",
    "people.html": """
Four people maintain Larkspur.
# The maintainers
Tor Vikdal wrote the first version and looks after the job file. He lives in Bergen. Ines Aldana designed the schedules
and leads the releases; she works at the observatory of La Silla in Chile. Wren Okafor looks after the documentation.
Maud Lindqvist answers security reports.
# Becoming a maintainer
Whoever has fixed ten problems is asked to become a maintainer. There is no election.
""",
    "faq.html": """
These questions come up often. An internal page, <a href="private/plans.html">the plans</a>, is not for crawlers.
# Can two machines share a job file?
No. The job file is locked by one machine. A network file system does not help, since its locks are not reliable.
# How large may the job file grow?
Larkspur was tested with ten million jobs in a file of 6 gigabytes. Larger files work but start slowly.
# Why is there no web page?
The maintainers think that a job queue is looked at from a terminal. The command larkspur watch shows all queues.
""",
}


def _larkspur() -> dict[str, Served]:
    pages: dict[str, Served] = {f"/{name}": _page(name, title) for name, title in _NAVIGATION}
    pages["/"] = pages["/index.html"]
    pages["/moved.html"] = redirect("/quickstart.html", 301)
    pages["/live.html"] = _answer(_LIVE)
    pages["/live.json"] = Answer(_LIVE_TEXT, headers={"Content-Type": "text/plain; charset=utf-8"})
    pages["/manual.pdf"] = Answer(
        pdf(_MANUAL, title="The Larkspur manual"), headers={"Content-Type": "application/pdf"}
    )
    pages["/private/plans.html"] = "<h1>Plans</h1><p>Nobody who obeys robots.txt reads this.</p>"
    pages["/robots.txt"] = _robots
    pages["/sitemap.xml"] = _sitemap
    return pages


def _page(name: str, title: str) -> Answer:
    links = " ".join(f'<a href="{file}">{label}</a>' for file, label in _NAVIGATION)
    return _answer(
        f"""<!doctype html>
<html lang="en"><head><title>{html.escape(title)} - Larkspur documentation</title>
<meta name="author" content="Wren Okafor"><meta name="date" content="2025-04-17"></head>
<body><nav>{links} <a href="manual.pdf">Manual</a></nav>
<main><article><h1>{html.escape(title)}</h1>
{_marked_up(_TEXTS[name])}
</article></main><footer>Larkspur documentation, version 3.0</footer></body></html>"""
    )


def _marked_up(text: str) -> str:
    parts: list[str] = []
    paragraph: list[str] = []
    for line in [*text.strip().splitlines(), ""]:
        block = f"<h2>{line[2:]}</h2>" if line.startswith("# ") else f"<pre>{line[4:]}</pre>" if line[:1] == " " else ""
        if (block or not line) and paragraph:
            parts.append(f"<p>{' '.join(paragraph)}</p>")
            paragraph = []
        if block:
            parts.append(block)
        elif line:
            paragraph.append(line)
    return "\n".join(parts)


def _answer(page: str) -> Answer:
    """A page with validators, so that a second crawl can be answered with 304."""
    validators = {"ETag": f'"{hash(page) & 0xFFFFFFFF:08x}"', "Last-Modified": "Thu, 17 Apr 2025 08:00:00 GMT"}
    return Answer(page, headers=validators)


def _robots(request: Request) -> Answer:
    text = f"User-agent: *\nDisallow: /private/\n\nSitemap: http://{request.headers['host']}/sitemap.xml\n"
    return Answer(text, headers={"Content-Type": "text/plain"})


def _sitemap(request: Request) -> Answer:
    base = f"http://{request.headers['host']}"
    urls = "".join(f"<url><loc>{base}/{name}</loc><lastmod>2025-04-17</lastmod></url>" for name, _ in _NAVIGATION)
    text = f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
    return Answer(text, headers={"Content-Type": "application/xml"})


_LIVE_TEXT = (
    "The live page shows what a worker is doing. The left column lists the jobs that are running, the middle column "
    "the jobs that are due, and the right column the morgue. The page is refreshed every 4 seconds. A job that has run "
    "for longer than half of its patience is shown with a lantern beside its name, and a job whose signature does not "
    "fit is shown with a broken seal. The number beside a queue is the count of jobs that became due during the last "
    "hour. Click on a queue to see the last fifty jobs that it has finished, with the time that each of them took and "
    "the worker that ran it. The live page can be turned off with the setting live."
)
_LIVE = """<!doctype html>
<html lang="en"><head><title>The live page - Larkspur documentation</title></head>
<body><div id="app"></div><script>
fetch("live.json").then(function (reply) { return reply.text() }).then(function (text) {
  const article = document.createElement("article")
  const heading = article.appendChild(document.createElement("h1"))
  heading.textContent = "The live page"
  for (const sentence of text.split(/(?<=\\.) /)) {
    article.appendChild(document.createElement("p")).textContent = sentence
  }
  document.getElementById("app").replaceWith(article)
})
</script></body></html>"""

_MANUAL = [
    """The Larkspur manual
This manual is for people who run Larkspur on a machine of their own.
Backups. Copy the job file while the worker is stopped, or use the command
larkspur snapshot, which copies it while the worker is running.
A snapshot of one million jobs takes about nine seconds.""",
    """Moving to another machine
Stop the worker, copy the job file and the key, and start the worker on the
new machine. Jobs that were running when the worker stopped are run again.
The job file of version 2 is converted when version 3 opens it for the first time.""",
]


def pdf(pages: list[str], title: str = "") -> bytes:
    """A small PDF with a text layer: one page for each text, one line for each of its lines (ASCII)."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids = []
    for text in pages:
        lines = "".join(f"({line.translate(_PDF_ESCAPES)}) Tj T*\n" for line in text.splitlines())
        stream = f"BT /F1 11 Tf 14 TL 72 720 Td\n{lines}ET".encode("ascii")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    objects.append(b"<< /Title (%s) >>" % title.translate(_PDF_ESCAPES).encode("ascii"))
    return _pdf_file(objects)


_PDF_ESCAPES = str.maketrans({"(": r"\(", ")": r"\)", "\\": r"\\"})


def _pdf_file(objects: list[bytes]) -> bytes:
    """The objects with their cross-reference table; the first is the catalogue, the last the information."""
    file = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    file += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (len(objects) + 1, len(objects))
    return bytes(file + b"startxref\n%d\n%%%%EOF\n" % start)

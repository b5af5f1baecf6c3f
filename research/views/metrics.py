"""/metrics for Prometheus: the figures of research and of the index, and what this web process has open.

Given to whoever sends METRICS_TOKEN as a bearer token; where none is set, to requests from this machine that no proxy
passed on; to others the page does not exist. Figures are counted anew after FRESH_SECONDS. Called by research/urls.py.
"""

import hmac
import ipaddress
import time
from collections.abc import Iterator, Mapping
from threading import Lock

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from config.endpoints import currency
from research import stream
from research.figures import Figures, Ledger, figures

FRESH_SECONDS = 5.0
PASSED_ON = ("X-Forwarded-For", "X-Real-Ip", "Forwarded")  # what a proxy adds: then the address is the proxy's
TOKENS = {"prompt_tokens": "prompt", "cached_tokens": "cached", "completion_tokens": "completion"}
WAITS = {"model_seconds": "model", "page_seconds": "page", "index_seconds": "index"}


@never_cache
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures in Prometheus' text format. 404 for whoever may not see them."""
    if not _allowed(request):
        raise Http404
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _allowed(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        sent = request.headers.get("Authorization", "").encode()
        return hmac.compare_digest(sent, f"Bearer {settings.METRICS_TOKEN}".encode())
    if any(name in request.headers for name in PASSED_ON):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class Site(Collector):
    """What the site counts. Figures are kept for FRESH_SECONDS, so that many who ask cost no more than one."""

    def __init__(self) -> None:
        self._ledger, self._lock = Ledger(), Lock()
        self._figures: Figures | None = None
        self._counted_at = 0.0

    def describe(self) -> list[Metric]:
        """Nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures as Prometheus takes them."""
        yield from _families(self._fresh())
        open_streams = sum(map(len, stream.hub.listeners.values()))
        yield GaugeMetricFamily("scenthound_streams", "Open streams of this web process.", open_streams)

    def _fresh(self) -> Figures:
        with self._lock:
            if self._figures is None or time.monotonic() - self._counted_at > FRESH_SECONDS:
                self._figures, self._counted_at = figures(self._ledger), time.monotonic()
            return self._figures


def _families(now: Figures) -> Iterator[Metric]:
    yield _by("scenthound_runs", "Runs by state.", "state", now.runs)
    yield GaugeMetricFamily("scenthound_runs_abandoned", "Runs whose worker is gone.", now.abandoned)
    yield GaugeMetricFamily("scenthound_oldest_wait_seconds", "How long the first in the queue waits.", now.oldest_wait)
    yield CounterMetricFamily("scenthound_lease_takeovers", "Times that a run was taken over.", now.takeovers)
    yield from _sums(now)
    yield _by("scenthound_index_rows", "Rows of the index.", "table", {table.name: table.rows for table in now.index})
    yield _by("scenthound_index_bytes", "Its size on disk.", "table", {table.name: table.total for table in now.index})
    yield GaugeMetricFamily("scenthound_broker_up", "Whether the broker answers.", int(now.messages is not None))
    if now.messages is not None:
        yield GaugeMetricFamily("scenthound_messages", "Messages that no worker has taken yet.", now.messages)


def _sums(now: Figures) -> Iterator[Metric]:
    sums = now.sums
    steps = CounterMetricFamily("scenthound_steps", "Steps done.", labels=["kind", "outcome"])
    for (kind, failed), count in sorted(sums.steps.items()):
        steps.add_metric([kind, "failed" if failed else "done"], count)
    yield steps
    yield _counted("scenthound_step_seconds", "Seconds spent in steps.", "kind", sums.seconds)
    yield CounterMetricFamily("scenthound_model_calls", "Calls of models.", sums.spent["model_calls"])
    tokens = {label: sums.spent[name] for name, label in TOKENS.items()}
    yield _counted("scenthound_tokens", "Tokens; cached ones are part of the prompts'.", "type", tokens)
    waits = {label: sums.spent[name] for name, label in WAITS.items()}
    yield _counted("scenthound_waited_seconds", "Seconds that steps waited.", "for", waits)
    yield CounterMetricFamily("scenthound_pages_opened", "Pages that runs opened.", sums.spent["pages"])
    yield _counted("scenthound_money", "Spent on models.", "currency", {currency(): sums.spent["money"]})
    short = {"shortened": sums.spent["shortened"], "left_out": sums.spent["left_out"]}
    yield _counted("scenthound_prompt_pieces", "What had no room whole in a prompt.", "shown", short)


def _by(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _counted(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


registry = CollectorRegistry()
registry.register(Site())
ProcessCollector(registry=registry)

"""The operator's pages: what is wrong, why, and one click to do something about it.

Sources (sources.py) are added, set, crawled, paused, resumed, stopped, read again and deleted here; hosts (hosts.py)
are blocked and weighed; pages, snapshots, passages and crawls (stored.py) can only be read: what is stored is never
edited by hand; weight.py boosts and buries. The pages of no single row (urls.py): why.py, preview.py, judged.py,
egress.py, statistics.py, uploads.py, exchange.py. Called by Django's admin and config/urls.py.
"""

from search_index.admin import hosts, sources, stored

__all__ = ["hosts", "sources", "stored"]

"""The addresses of the index's own pages in the admin. Included by config/urls.py below /admin/index/."""

from django.urls import path

from search_index.admin import egress, exchange, hosts, judged, preview, statistics, uploads, why

app_name = "index"

urlpatterns = [
    path("why", why.why, name="why"),
    path("search", preview.preview, name="search"),
    path("copies", judged.copies, name="copies"),
    path("refused", judged.refused, name="refused"),
    path("pages/<int:number>/<slug:deed>", judged.do, name="page-do"),
    path("blocklist", hosts.blocklist, name="blocklist"),
    path("blocklist/<slug:deed>", hosts.do, name="blocklist-do"),
    path("egress", egress.egress, name="egress"),
    path("statistics", statistics.statistics, name="statistics"),
    path("uploads", uploads.uploads, name="uploads"),
    path("exchange", exchange.exchange, name="exchange"),
    path("exchange/sources.<slug:form>", exchange.export, name="export"),
]

"""The site's addresses: the admin, and everything else in research/urls.py."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/index/", include("search_index.admin.urls")),
    path("admin/", admin.site.urls),
    path("", include("research.urls")),
]

"""The site's addresses: the admin, and everything else in research/urls.py.

The admin's classes are registered here and not at Django's start (SimpleAdminConfig): they import nearly all there is,
and the door, beat, the supervisor and most commands serve no page.
"""

from django.contrib import admin
from django.urls import include, path

admin.autodiscover()

urlpatterns = [
    path("admin/index/", include("search_index.admin.urls")),
    path("admin/", admin.site.urls),
    path("", include("research.urls")),
]

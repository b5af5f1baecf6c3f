"""What the index's own pages in the admin share: who may see them, and the frame around them.

Called by the other modules of this folder.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page as Part
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

View = Callable[..., HttpResponse]


def tool(permission: str) -> Callable[[View], View]:
    """A page of the admin for staff with this permission; one to change something is needed for posts, too."""

    def protected(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            needed = permission if request.method in {"GET", "HEAD"} else permission.replace("view_", "change_")
            if not request.user.has_perm(f"search_index.{needed}"):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return admin.site.admin_view(checked)

    return protected


def page(request: HttpRequest, template: str, title: object, **shown: Any) -> TemplateResponse:
    """A page in the admin's frame."""
    context = {**admin.site.each_context(request), "title": title, **shown}
    return TemplateResponse(request, f"admin/search_index/{template}.html", context)


def part(request: HttpRequest, rows: "QuerySet[Any] | list[Any]", size: int) -> "Part[Any]":
    """The part of the rows that `?p=` asks for; a wrong number gets the nearest."""
    return Paginator(rows, size).get_page(request.GET.get("p"))

"""No NUL in an address: PostgreSQL keeps none in text, so a query or a filter with one (`?q=%00`) would end in an error
500, in Django's own lists as well. Never touches what is posted: forms refuse it themselves."""

from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin


class WithoutNul(MiddlewareMixin):
    """It is left out before anything reads the address."""

    def process_request(self, request: HttpRequest) -> None:
        request.META["QUERY_STRING"] = request.META["QUERY_STRING"].replace("%00", "")

"""The ASGI application that config/web.py serves."""

from django.core.asgi import get_asgi_application

from config import env

env.choose_settings()
application = get_asgi_application()

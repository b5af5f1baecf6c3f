"""Settings, the environment, and the processes Scenthound runs in. Knows nothing of the index or of research."""

from config.celery import app as celery_app

__all__ = ["celery_app"]

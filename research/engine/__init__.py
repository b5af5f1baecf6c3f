"""The hunt. Knows neither HTTP requests nor Celery nor templates; only journal.py and loop.py touch the database."""

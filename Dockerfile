# One image for all of Scenthound's processes; docker-compose.yml says which runs what.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# The browser opens hostile pages: it comes from Debian, which mends it within days.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium-headless-shell fonts-liberation \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home scenthound \
    && install --directory --owner scenthound --group scenthound --mode 0700 /data

WORKDIR /app
COPY requirements.lock ./
RUN pip install --require-hashes --no-deps --requirement requirements.lock
COPY . .
# What calculations run in, for any processor of this kind. Nothing else is made: the data folder is thrown away.
RUN DATA_DIR=/tmp/data ENV_FILE=/dev/null python manage.py make_sandbox && rm -r /tmp/data

USER scenthound
ENV DATA_DIR=/data
VOLUME /data
CMD ["python", "-m", "config.web"]

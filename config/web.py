"""`python -m config.web`: the web server. The supervisor hands it a socket that is open already, so that requests wait
while it restarts; without one (a container) it listens on HOST:PORT itself. Knows nothing of what it serves."""

import argparse
import socket
import warnings

import django
import uvicorn
from django.conf import settings

from config import env


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the site.")
    parser.add_argument("--fd", type=int, help="a listening socket that was opened already")
    fd = parser.parse_args().fd
    env.choose_settings()
    settings.MODELS_IN_PROCESS = False  # it stays light
    django.setup()
    warnings.filterwarnings("ignore", "StreamingHttpResponse must consume")  # WhiteNoise's files, all of them small
    server = uvicorn.Server(
        uvicorn.Config(
            "config.asgi:application",
            host=settings.HOST,
            port=settings.PORT,
            log_config=None,  # settings.LOGGING has done it
            lifespan="off",
            timeout_graceful_shutdown=3,  # open streams never end by themselves; a reader comes back to the same place
        )
    )
    server.run(None if fd is None else [socket.socket(fileno=fd)])


if __name__ == "__main__":
    main()

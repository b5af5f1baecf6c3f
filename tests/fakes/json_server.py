"""What our fake model servers have in common: a real HTTP server in a thread, on 127.0.0.1, that answers in JSON."""

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol


class Fake(Protocol):
    """A server as tests see it; `url` becomes its address, ending in /v1."""

    url: str


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    fake: Any  # what its handlers ask how to answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: they are stopped, or killed on purpose."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as real servers do: else the end of a stream waits 40 ms for the client's ACK
    server: Server

    def log_message(self, *_args: object) -> None:
        """Quiet: the fakes note what they were asked."""

    def asked(self) -> dict[str, Any]:
        """The body of the request."""
        length = int(self.headers["Content-Length"])
        data = self.rfile.read(length)
        if len(data) < length:
            raise ConnectionResetError  # the client was killed in the middle of its request
        body: dict[str, Any] = json.loads(data)
        return body

    def json(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        """Answer with an object."""
        self.send(status, json.dumps(body, ensure_ascii=False).encode(), headers)

    def send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        """Answer with these bytes, which need not be the JSON that they are said to be."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextlib.contextmanager
def answering(fake: Fake, handler: type[Handler], port: int = 0) -> Iterator[None]:
    """The server is up for the length of the block, on a free port where none is given; `fake.url` is where."""
    http = Server(("127.0.0.1", port), handler)
    http.fake = fake
    fake.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        http.shutdown()
        http.server_close()
        thread.join()

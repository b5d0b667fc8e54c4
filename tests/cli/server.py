"""A hub of a few lines that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

__all__ = ["Answer", "Asked", "answering"]

#: Status, headers, body.
Answer = tuple[int, dict[str, str], bytes]
#: Path, headers in lower case, body.
Asked = tuple[str, dict[str, str], bytes]


@contextmanager
def answering(answers: Sequence[Answer]) -> Iterator[tuple[str, list[Asked]]]:
    """Serve the answers one after the other, the last one for ever; yield the URL and what was asked."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, headers, answer = answers[min(len(asked), len(answers)) - 1]
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(answer))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST

        def log_message(self, format: str, *arguments: object) -> None:
            """Print nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

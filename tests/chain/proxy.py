"""A real HTTP server between a client and its node, which a test lets misbehave. Shares no code with the client."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Request = dict[str, Any]
Answer = dict[str, Any]
Forward = Callable[[], Answer]
Rule = Callable[[Request, Forward], Answer]


class Cut(Exception):
    """Raised by a rule: the connection closes without an answer."""


@dataclass
class Proxy:
    """Forwards to `upstream`, which may be changed while it runs.

    `rules` answer single calls by method, those of a batch too; `whole` answers a body as (status, bytes), or None.
    """

    url: str
    upstream: str
    rules: dict[str, Rule] = field(default_factory=dict)
    whole: Callable[[bytes], tuple[int, bytes] | None] | None = None
    seen: Counter[str] = field(default_factory=Counter)

    def answer(self, body: bytes) -> tuple[int, bytes]:
        if self.whole is not None and (raw := self.whole(body)) is not None:
            return raw
        document = json.loads(body)
        calls = document if isinstance(document, list) else [document]
        self.seen.update(call["method"] for call in calls)
        if not any(call["method"] in self.rules for call in calls):
            return 200, self.post(body)
        answers = [self._ruled(call) for call in calls]
        return 200, json.dumps(answers if isinstance(document, list) else answers[0]).encode()

    def _ruled(self, call: Request) -> Answer:
        def forward() -> Answer:
            answer: Answer = json.loads(self.post(json.dumps(call).encode()))
            return answer

        rule = self.rules.get(call["method"])
        return forward() if rule is None else rule(call, forward)

    def post(self, body: bytes) -> bytes:
        request = urllib.request.Request(self.upstream, body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  a URL of the test's own
            answer: bytes = response.read()
            return answer


def refusal(call: Request, code: int, message: str) -> Answer:
    """An error answer."""
    return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}}


def result(call: Request, value: object) -> Answer:
    return {"jsonrpc": "2.0", "id": call["id"], "result": value}


@contextmanager
def proxy_before(upstream: str) -> Iterator[Proxy]:
    """A running proxy before a node."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two writes: the second would wait 40 ms for the first one's acknowledgement.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status, answer = proxy.answer(body)
            except (Cut, urllib.error.URLError, ConnectionError):
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}", upstream)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

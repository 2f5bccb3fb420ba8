"""The receiver of the drills: a real HTTP server that records every request."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE_S = 90
"""Longer than anything here takes, under any load; only a drill that would hang for ever meets it."""


@dataclass(frozen=True, slots=True)
class Received:
    webhook_id: str
    alert_id: str
    severity: str
    at: float = field(default_factory=time.time)


class Receiver:
    """Answers 200 at once; `may_answer` holds every answer back, `status` chooses it."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.status: Callable[[Received], int] = lambda _: 200
        self.body = b"ok"
        self.retry_after: int | None = None
        """Sent with each answer that is not 2xx."""
        self.latency_s = 0.0
        self.peak = 0
        """The most requests that were here at once, not yet answered."""
        self._here = 0
        self._lock = threading.Lock()
        self._arrived = threading.Semaphore(0)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    @property
    def by_webhook_id(self) -> Counter[str]:
        return Counter(request.webhook_id for request in tuple(self.requests))

    @property
    def by_alert(self) -> Counter[str]:
        return Counter(request.alert_id for request in tuple(self.requests))

    def wait_for_requests(self, count: int) -> None:
        """Wait for `count` more requests than earlier calls waited for."""
        for _ in range(count):
            assert self._arrived.acquire(timeout=PATIENCE_S), "no request came"

    def arrived(self, request: Received) -> None:
        with self._lock:
            self._here += 1
            self.peak = max(self.peak, self._here)
        self.requests.append(request)
        self._arrived.release()

    def answered(self) -> None:
        with self._lock:
            self._here -= 1

    def close(self) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore errors: drills kill the other end of connections."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in one packet: no waiting for the other side's delayed ACK.
        wbufsize = -1

        def do_POST(self) -> None:
            alert = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = Received(self.headers["webhook-id"], alert["alertId"], alert["severity"])
            receiver.arrived(request)
            if receiver.latency_s:
                time.sleep(receiver.latency_s)
            receiver.may_answer.wait(PATIENCE_S)
            receiver.answered()  # before it is: who asked may send the next at once
            try:
                status = receiver.status(request)
                self.send_response(status)
                if status >= 300 and receiver.retry_after is not None:
                    self.send_header("Retry-After", str(receiver.retry_after))
                self.send_header("Content-Length", str(len(receiver.body)))
                self.end_headers()
                self.wfile.write(receiver.body)
                self.wfile.flush()
            except OSError:
                self.close_connection = True  # who asked has been killed

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler

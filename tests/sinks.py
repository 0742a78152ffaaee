"""Servers that take what a run tells: a webhook that is Airflow's API too, and a mail server. Both on 127.0.0.1."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any


@dataclass
class Sinks:
    """What came: requests as (method, path, authorization, document), mails as text."""

    http_port: int = 0
    mail_port: int = 0
    requests: list[tuple[str, str, str | None, Any]] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)


@contextmanager
def open_sinks() -> Iterator[Sinks]:
    sinks = Sinks()

    class Http(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sinks.requests.append(
                (self.command, self.path, self.headers.get("Authorization"), json.loads(body) if body else None)
            )
            text = json.dumps({"access_token": "token-1"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = answer

        def log_message(self, *words: object) -> None:
            pass

    class Mail(StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self) -> None:
            self.say("220 sink")
            for line in self.rfile:
                words = line.decode().strip()
                if words.upper().startswith("RCPT"):
                    sinks.recipients.append(words.split(":")[1])
                if words.upper() == "DATA":
                    self.say("354 go on")
                    lines = []
                    while (said := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                        lines.append(said)
                    sinks.mails.append("\n".join(lines))
                self.say("221 bye" if words.upper() == "QUIT" else "250 yes")
                if words.upper() == "QUIT":
                    return

    with ThreadingHTTPServer(("127.0.0.1", 0), Http) as http, ThreadingTCPServer(("127.0.0.1", 0), Mail) as mail:
        sinks.http_port, sinks.mail_port = int(http.server_address[1]), int(mail.server_address[1])
        for server in (http, mail):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        yield sinks
        for server in (http, mail):
            server.shutdown()

"""A web server that stands for the hub and the archive's host and can misbehave."""

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

COMMIT = "c0ffee" + 34 * "0"


@dataclass
class Page:
    """What one path answers. Troubles wear off: `cut`, `fail`, `spoil` are used up one by one."""

    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    rate: float = 0.0  # bytes a second; 0: as fast as it goes
    ranges: bool = True
    cut: list[int] = field(default_factory=list)  # close after so many bytes
    hang: float = 0.0  # seconds of silence before that
    fail: list[int] = field(default_factory=list)  # answer with this status
    spoil: int = 0  # times that a byte is wrong


class Mirror:
    """`with Mirror() as mirror:`; `pages` by path, `log` of (method, path, Range header)."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.log: list[tuple[str, str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.elsewhere = f"http://localhost:{self.port}"  # the same, as another host

    def __enter__(self) -> "Mirror":
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def put(self, path: str, content: bytes, **trouble) -> Page:
        self.pages[path] = Page(content, **trouble)
        return self.pages[path]

    def move(self, path: str, target: str, status: int = 302, **headers: str) -> None:
        self.pages[path] = Page(b"", status, {"Location": target, **headers})

    def hub(self, repository: str, files: dict[str, bytes], digest: bool = True) -> dict[str, Page]:
        """Serve a data set as the hub does: a resolver that sends readers elsewhere."""
        pages = {}
        for name, content in files.items():
            sha = hashlib.sha256(content).hexdigest()
            etag = sha if digest else sha[:40]
            notes = {
                "X-Repo-Commit": COMMIT,
                "X-Linked-ETag": f'"{etag}"',
                "X-Linked-Size": str(len(content)),
            }
            pages[name] = self.put(f"/cdn/{repository}/{name}", content)
            for revision in ("main", COMMIT):
                path = f"/datasets/{repository}/resolve/{revision}/{name}"
                self.move(path, f"{self.elsewhere}/cdn/{repository}/{name}", **notes)
        tree = [{"type": "file", "path": n, "size": 1, "oid": "0" * 40} for n in files]
        self.put(f"/api/datasets/{repository}/tree/main", json.dumps(tree).encode())
        return pages

    def asked(self, method: str = "GET") -> list[str]:
        return [path for verb, path, _ in self.log if verb == method]

    def _handler(mirror) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.answer(False)

            def do_GET(self) -> None:
                self.answer(True)

            def log_message(self, *_: object) -> None:
                pass

            def answer(self, body: bool) -> None:
                path = self.path.partition("?")[0]
                asked = self.headers.get("Range", "")
                mirror.log.append((self.command, path, asked))
                page = mirror.pages.get(path)
                if page is None:
                    return self.head(404, {"X-Error-Code": "EntryNotFound", "Content-Length": "0"})
                if page.fail:
                    return self.head(page.fail.pop(0), {"Content-Length": "0"})
                content, status, headers = page.content, page.status, dict(page.headers)
                ranges = page.ranges and page.status == 200
                start = int(asked[6:-1]) if ranges and asked else 0
                if start and start >= len(content):
                    whole = {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"}
                    return self.head(416, whole)
                if start:
                    status = 206
                    last = len(content) - 1
                    headers["Content-Range"] = f"bytes {start}-{last}/{len(content)}"
                headers["Content-Length"] = str(len(content) - start)
                self.head(status, headers)
                if body:
                    self.send(page, content[start:])

            def head(self, status: int, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def send(self, page: Page, content: bytes) -> None:
                if page.spoil and content:
                    page.spoil -= 1
                    content = content[:-1] + bytes([content[-1] ^ 1])
                pause = 0.0
                if page.cut:
                    content = content[: page.cut.pop(0)]
                    self.close_connection = True
                    pause = page.hang
                step = max(1, int(page.rate / 50)) if page.rate else max(1, len(content))
                try:
                    for start in range(0, len(content), step):
                        self.wfile.write(content[start : start + step])
                        if page.rate:
                            time.sleep(step / page.rate)
                    time.sleep(pause)
                except OSError:  # the reader has gone
                    self.close_connection = True

        return Handler


@contextlib.contextmanager
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A server that the hub's library takes for the hub; downloads are allowed."""
    from huggingface_hub import constants

    with Mirror() as server:
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        # read once when the library was imported
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield server

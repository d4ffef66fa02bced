"""A model hub on this computer: speaks the HTTP that the hub's library uses, and fails when told to.

Large files are redirected to a second name of the same server, as the real hub does with its storage.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

LFS_FROM_BYTES = 10_000
PIECE_BYTES = 16 * 1024
PATIENCE_S = 60.0  # a stall that nobody ends


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with the next `times` requests of one path."""

    status: int = 0  # answer this, with `headers` and `body`
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    cut_after: int | None = None  # bytes, then the connection is closed
    stall_after: int | None = None  # bytes, then nothing until `HubServer.release`
    pause_s: float = 0.0  # between pieces
    flip: bool = False  # other bytes of the same length
    ignores_range: bool = False
    end_early: int | None = None  # bytes, told as the whole length
    times: int = 1


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request."""

    method: str
    host: str
    path: str
    range: str = ""
    token: str = ""


@dataclass(kw_only=True)
class Repo:
    """A repository; `files` by path."""

    files: dict[str, bytes]
    gated: str | bool = False
    tags: tuple[str, ...] = ("license:apache-2.0",)
    pipeline: str = "text-generation"
    downloads: int = 1
    private: bool = False

    @property
    def commit(self) -> str:
        """Changes with what is in it."""
        parts = sorted((path, _git_sha(data)) for path, data in self.files.items())
        return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()


class HubServer:
    """`with HubServer() as hub: hub.repos["org/name"] = Repo(files={...})`."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.token = ""  # that opens gated repositories
        self.seen: list[Seen] = []
        self._faults: dict[tuple[str, str], list[Fault]] = {}
        self._release = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False

    def __enter__(self) -> HubServer:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="hub-server")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def endpoint(self) -> str:
        """As the hub's address in the settings."""
        return f"http://127.0.0.1:{self.port}"

    def fails(self, path_end: str, fault: Fault, method: str = "GET") -> None:
        """Requests whose path ends so fail this way, before those that were named earlier run out."""
        with self._lock:
            self._faults.setdefault((method, path_end), []).append(fault)

    def release(self) -> None:
        """All that stalls goes on."""
        self._release.set()

    def requests(self, path_end: str, method: str = "GET") -> list[Seen]:
        """Those of one path."""
        with self._lock:
            return [one for one in self.seen if one.method == method and one.path.endswith(path_end)]

    def take_fault(self, method: str, path: str) -> Fault:
        """For the handler."""
        with self._lock:
            for (of, end), faults in self._faults.items():
                if of == method and path.endswith(end) and faults:
                    fault = faults[0]
                    fault.times -= 1
                    if fault.times <= 0:
                        faults.pop(0)
                    return fault
        return Fault()

    def note(self, seen: Seen) -> None:
        """For the handler."""
        with self._lock:
            self.seen.append(seen)

    def wait(self, seconds: float) -> None:
        """For the handler: a slow line, unless somebody releases it."""
        self._release.wait(seconds)

    def stall(self) -> None:
        """For the handler: until somebody releases it."""
        self._release.wait(PATIENCE_S)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is what most tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        pass

    Handler.hub = hub
    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def log_message(self, format: str, *args: object) -> None:
        """The list of requests says more."""

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def _serve(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        self.hub.note(
            Seen(
                method=self.command,
                host=self.headers.get("Host", "").partition(":")[0],
                path=path,
                range=self.headers.get("Range", ""),
                token=self.headers.get("Authorization", "").removeprefix("Bearer "),
            )
        )
        self.fault = self.hub.take_fault(self.command, path)
        try:
            if self.fault.status:
                self._answer(self.fault.status, self.fault.body, self.fault.headers)
            elif path == "/api/models":
                self._search(parse_qs(url.query))
            elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
                self._info(found[1], found[2] or "main", "blobs" in url.query)
            elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self._resolve(found[1], found[2], found[3])
            elif found := re.fullmatch(r"/storage/([^/]+/[^/]+)/(.+)", path):
                self._body(self.hub.repos[found[1]].files[found[2]], {})
            else:
                self._refuse(404, "", "Not found")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _search(self, query: dict[str, list[str]]) -> None:
        words = query.get("search", [""])[0].lower()
        pipeline = query.get("pipeline_tag", [""])[0]
        hits = [
            self._told(name, repo)
            for name, repo in sorted(self.hub.repos.items(), key=lambda item: -item[1].downloads)
            if words in name.lower() and pipeline in ("", repo.pipeline)
        ]
        self._json(hits[: int(query.get("limit", ["1000"])[0])])

    def _info(self, name: str, revision: str, with_blobs: bool) -> None:
        repo = self._repo(name, revision)
        if repo is None:
            return
        siblings = []
        for path, data in repo.files.items():
            one: dict[str, Any] = {"rfilename": path}
            if with_blobs:
                one |= {"size": len(data), "blobId": _git_sha(data)}
                if len(data) >= LFS_FROM_BYTES:
                    one["lfs"] = {"size": len(data), "sha256": _sha256(data), "pointerSize": 134}
            siblings.append(one)
        self._json({**self._told(name, repo), "sha": repo.commit, "siblings": siblings})

    def _resolve(self, name: str, revision: str, path: str) -> None:
        repo = self._repo(name, revision)
        if repo is None:
            return
        if repo.gated and (not self.hub.token or self._token() != self.hub.token):
            status = 403 if self._token() else 401
            self._refuse(status, "GatedRepo", f"Access to model {name} is restricted.")
            return
        data = repo.files.get(path)
        if data is None:
            self._refuse(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": repo.commit})
            return
        if len(data) < LFS_FROM_BYTES:
            self._body(data, {"X-Repo-Commit": repo.commit, "ETag": f'"{_git_sha(data)}"'})
            return
        told = {
            "X-Repo-Commit": repo.commit,
            "X-Linked-Etag": f'"{_sha256(data)}"',
            "X-Linked-Size": str(len(data)),
            "Location": f"http://localhost:{self.hub.port}/storage/{quote(name)}/{quote(path)}",
        }
        self._answer(302, b"", told)

    def _repo(self, name: str, revision: str) -> Repo | None:
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and self._token() != self.hub.token):
            self._refuse(401 if not self._token() else 404, "RepoNotFound", "Repository not found")
            return None
        if revision not in ("main", repo.commit):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return repo

    def _told(self, name: str, repo: Repo) -> dict[str, Any]:
        return {
            "id": name,
            "downloads": repo.downloads,
            "likes": 3,
            "lastModified": "2026-05-04T03:02:01.000Z",
            "pipeline_tag": repo.pipeline,
            "gated": repo.gated,
            "private": repo.private,
            "tags": list(repo.tags),
        }

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _body(self, data: bytes, headers: dict[str, str]) -> None:
        fault, start = self.fault, 0
        if fault.end_early is not None:
            data = data[: fault.end_early]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and not fault.ignores_range:
            start = int(asked[1])
            if start >= len(data):
                self._answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            headers = {**headers, "Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        self.send_response(206 if asked and not fault.ignores_range else 200)
        for name, value in {**headers, "Accept-Ranges": "bytes"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if self.command == "GET":
            self._pieces(data[start:])

    def _pieces(self, data: bytes) -> None:
        fault, sent = self.fault, 0
        if fault.flip:
            data = bytes(byte ^ 1 for byte in data)
        ends = [end for end in (fault.cut_after, fault.stall_after) if end is not None]
        while sent < len(data):
            piece = data[sent : min([sent + PIECE_BYTES, *(end for end in ends if end > sent)])]
            self.wfile.write(piece)
            self.wfile.flush()
            sent += len(piece)
            if fault.pause_s:
                self.hub.wait(fault.pause_s)
            if fault.cut_after is not None and sent >= fault.cut_after:
                self.close_connection = True
                return
            if fault.stall_after is not None and sent >= fault.stall_after:
                self.hub.stall()
                fault.stall_after = None

    def _json(self, data: object) -> None:
        self._answer(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        told = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **(headers or {})}
        self._answer(status, json.dumps({"error": message}).encode(), told)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status, HTTPStatus(status).phrase)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@lru_cache
def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@lru_cache
def _git_sha(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()

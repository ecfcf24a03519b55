"""A small hub on the loopback: the few addresses of a real one that are used, and its moods."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_INFO = re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?")
_REFS = re.compile(r"/api/models/([^/]+/[^/]+)/refs")
_TREE = re.compile(r"/api/models/([^/]+/[^/]+)/tree/([0-9a-f]{40})")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)")


@dataclass
class Repository:
    """A model: files, and the branches and tags that name its one commit or others."""

    files: dict[str, bytes]
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    gated: str | bool = False
    downloads: int = 0
    licence: str = "apache-2.0"
    counted: dict[str, int] | None = None

    def commit(self, revision: str) -> str | None:
        """Return the commit of a branch, a tag or a commit."""
        named = {**self.branches, **self.tags}
        return named.get(revision) or (revision if revision in named.values() else None)


@dataclass
class Hub:
    """What a test puts in, and what it was asked."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    broken: bool = False
    silent: bool = False
    requests: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    endpoint: str = ""

    def add(self, name: str, files: dict[str, bytes], **more: Any) -> Repository:
        """Publish a model whose `main` is the only branch unless others are given."""
        repository = Repository(files, **more)
        repository.branches.setdefault("main", commit_of(f"{name}@main"))
        self.repositories[name] = repository
        return repository


def commit_of(text: str) -> str:
    """Return a commit: 40 hexadecimal digits made of a text."""
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """Serve a hub on a free port while the block runs."""
    hub = Hub()

    class Handler(_Handler):
        place = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    place: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.place
        hub.requests.append(self.path)
        hub.tokens.append(self.headers.get("Authorization", ""))
        if hub.silent:
            hub.released.wait()
        if hub.broken:
            return self._send(500, b"{}")
        address = urlsplit(self.path)
        path = unquote(address.path)
        if path == "/api/models":
            return self._search(parse_qs(address.query))
        for pattern, answer in (
            (_REFS, self._refs), (_TREE, self._tree), (_INFO, self._info), (_FILE, self._file),
        ):  # fmt: skip
            if found := pattern.fullmatch(path):
                repository = hub.repositories.get(found[1])
                if repository is None:
                    return self._refuse(404, "RepoNotFound")
                return answer(repository, *found.groups())
        return self._refuse(404, "EntryNotFound")

    def _search(self, query: dict[str, list[str]]) -> None:
        wanted = query.get("search", [""])[0].lower()
        limit = int(query.get("limit", ["1000"])[0])
        found = [
            {
                "id": name,
                "downloads": repository.downloads,
                "gated": repository.gated,
                **self._counted(repository),
            }
            for name, repository in self.place.repositories.items()
            if wanted in name.lower()
        ]
        found.sort(key=lambda item: -int(str(item["downloads"])))
        self._json(found[:limit])

    def _info(self, repository: Repository, name: str, revision: str | None) -> None:
        commit = repository.commit(revision or "main")
        if commit is None:
            return self._refuse(404, "RevisionNotFound")
        siblings = [
            {"rfilename": file, "size": len(data), "blobId": commit_of(file)}
            for file, data in repository.files.items()
        ]
        return self._json(
            {
                "id": name,
                "sha": commit,
                "gated": repository.gated,
                "tags": [f"license:{repository.licence}"],
                "siblings": siblings,
                "lastModified": "2026-03-01T12:00:00.000Z",
                **self._counted(repository),
            }
        )

    def _refs(self, repository: Repository, _: str) -> None:
        def listed(kind: str, refs: dict[str, str]) -> list[dict[str, str]]:
            return [
                {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit}
                for name, commit in refs.items()
            ]

        branches, tags = listed("heads", repository.branches), listed("tags", repository.tags)
        self._json({"branches": branches, "converts": [], "tags": tags})

    def _tree(self, repository: Repository, *_: str) -> None:
        self._json(
            [
                {"type": "file", "path": name, "size": len(data), "oid": commit_of(name)}
                for name, data in repository.files.items()
            ]
        )

    def _file(self, repository: Repository, _: str, commit: str, name: str) -> None:
        if repository.gated:
            return self._refuse(403, "GatedRepo")
        data = repository.files.get(name)
        if data is None:
            return self._refuse(404, "EntryNotFound")
        headers = {"X-Repo-Commit": commit, "ETag": f'"{commit_of(name)}"'}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if wanted:
            start, end = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            return self._send(206, data[start : end + 1], headers)
        return self._send(200, data, headers)

    def _counted(self, repository: Repository) -> dict[str, Any]:
        counts = repository.counted
        if counts is None:
            return {}
        return {"safetensors": {"parameters": counts, "total": sum(counts.values())}}

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"{}", {"X-Error-Code": code})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

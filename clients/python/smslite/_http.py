"""Requests to the server, by the standard library."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional
from urllib.parse import urlencode, urlsplit

# Of a failure pytest shows the test's lines, not those in here; --full-trace shows them.
__tracebackhide__ = True

# Longer than anything that the server itself waits for.
SECONDS = 660


class NoAnswer(ConnectionError):
    """Nobody answered, or the answer was cut off."""


@dataclass(frozen=True)
class Response:
    status: int
    #: By their names in small letters.
    headers: Dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def parsed(self) -> Any:
        """JSON where it is JSON, else the text."""
        if "json" in self.headers.get("content-type", ""):
            return self.json()
        return self.text


class Refused(Exception):
    """The answer was no success. `body` is parsed if it is JSON."""

    def __init__(self, method: str, path: str, response: Response, hint: str = "") -> None:
        self.method, self.path, self.response = method, path, response
        self.status, self.body = response.status, response.parsed
        super().__init__(f"{method} {path} was answered {response.status}: {self.detail}{hint and f'; {hint}'}")

    @property
    def detail(self) -> str:
        """The server's sentence, or each place that did not validate and why."""
        return detail_of(self.body) or self.response.text[:500]


def detail_of(body: Any) -> Optional[str]:
    """The server's sentence in an answer of it, or each place that did not validate and why."""
    detail = body.get("detail") if isinstance(body, dict) else None
    if isinstance(detail, str):
        return detail
    if isinstance(detail, list) and all(isinstance(it, dict) and "loc" in it and "msg" in it for it in detail):
        return "; ".join(f"{'.'.join(str(part) for part in it['loc'])}: {it['msg']}" for it in detail)
    return None


class Api:
    """A client for everything behind one URL, with a key. Paths begin with `/`; queries leave out what is None.

    get, post, put, patch and delete return what was answered, parsed, and raise `Refused` at anything but success.
    """

    def __init__(self, url: str, api_key: Optional[str] = None) -> None:
        self.url, self.api_key = url.rstrip("/"), api_key
        parts = urlsplit(self.url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a fixture, such as http://127.0.0.1:7670")
        self._host, self._port, self._path = parts.hostname, parts.port or 80, parts.path

    def get(self, path: str, /, **query: Any) -> Any:
        return self._ask("GET", path, query=query)

    def post(self, path: str, /, json: Any = None, **query: Any) -> Any:
        return self._ask("POST", path, json=json, query=query)

    def put(self, path: str, /, json: Any = None, **query: Any) -> Any:
        return self._ask("PUT", path, json=json, query=query)

    def patch(self, path: str, /, json: Any = None, **query: Any) -> Any:
        return self._ask("PATCH", path, json=json, query=query)

    def delete(self, path: str, /, **query: Any) -> Any:
        return self._ask("DELETE", path, query=query)

    def _ask(self, method: str, path: str, *, query: Mapping[str, Any], json: Any = None) -> Any:
        return self.must(method, path, self.request(method, path, json=json, query=query))

    def must(self, method: str, path: str, response: Response, hint: str = "") -> Any:
        """What was answered, parsed, if it was success; the hint is for who reads that it was not."""
        if not 200 <= response.status < 300:
            raise Refused(method, path, response, hint)
        return response.parsed

    def of(self, url: str, api_key: Optional[str] = None) -> "Api":
        """A client like this one for another URL."""
        return Api(url, api_key)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: Optional[bytes] = None,
        query: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Response:
        """Whatever was answered. `headers` win over those that are sent by themselves."""
        sent = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        if json is not None:
            body = _json_bytes(json)
            sent["Content-Type"] = "application/json"
        given = {name: _word(value) for name, value in (query or {}).items() if value is not None}
        target = f"{self._path}{path}" + (f"?{urlencode(given)}" if given else "")
        return self._carry(method, target, body, {**sent, **(headers or {})})

    def _carry(self, method: str, target: str, body: Optional[bytes], headers: Dict[str, str]) -> Response:
        # A connection each: none that was kept can have gone stale, and threads need not share.
        connection = http.client.HTTPConnection(self._host, self._port, timeout=SECONDS)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, told, answer.read())
        except (OSError, http.client.HTTPException) as error:
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise NoAnswer(f"{method} {self._host}:{self._port}{target} was not answered: {said}") from error
        finally:
            connection.close()


def _json_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

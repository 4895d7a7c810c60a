"""What went in and out of a world, and whether it is what a test expects."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, List, Optional, Tuple

from ._http import Api, Refused, detail_of
from ._shapes import known, time

# Not shown by pytest, as in _http.py.
__tracebackhide__ = True


#: The most that a line of a list tells of why something was refused.
DETAIL = 300


@dataclass(frozen=True)
class Entry:
    """A request and its answer, as far as it has come."""

    sequence: int
    at: datetime
    #: `in` or `out`.
    direction: str
    #: `api`, `webhook` or `carrier` of what came in; `twilio`, `telnyx`, `vonage`, `receiver` or `callback` of what went out.
    kind: str
    method: str
    #: Path and query of what came in, the whole URL of what went out.
    url: str
    headers: Dict[str, str]
    body: bytes
    #: None: not answered yet, or not at all.
    status: Optional[int]
    response_headers: Dict[str, str]
    response_body: bytes
    #: The rule by which it went wrong.
    fault: Optional[int]
    #: Why there was no answer.
    error: Optional[str]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def response_text(self) -> str:
        return self.response_body.decode("utf-8", "replace")

    @property
    def detail(self) -> Optional[str]:
        """Why it was refused, where smslite says so: the `detail` of the answer."""
        try:
            return detail_of(json.loads(self.response_body))
        except ValueError:
            return None

    def __str__(self) -> str:
        answer = self.status if self.status is not None else self.error or "not answered"
        because = f" by fault {self.fault}" if self.fault is not None else ""
        detail = self.detail if self.status is not None and self.status >= 400 else None
        said = f": {detail if len(detail) <= DETAIL else detail[:DETAIL] + '...'}" if detail else ""
        return f"{self.sequence} {self.direction} {self.kind}: {self.method} {self.url} -> {answer}{because}{said}"


class NotAsExpected(AssertionError):
    """Another number of requests than expected: those that matched, and those that came closest."""

    def __init__(self, told: Dict[str, Any], wanted: Dict[str, Any]) -> None:
        self.count: int = told["count"]
        self.entries = [entry(it) for it in told["entries"]]
        self.closest: List[Tuple[Entry, Tuple[str, ...]]] = [(entry(it), tuple(it["missed"])) for it in told["closest"]]
        wants = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
        # The first line is what the summary of a run shows.
        lines = [f"{told['detail']}; asked for: {wants or 'anything'}"]
        lines += [f"  {it}" for it in self.entries]
        if self.closest:
            lines.append("  closest:")
        for close, missed in self.closest:
            lines += [f"  {close}", *(f"      {it}" for it in missed)]
        super().__init__("\n".join(lines))


class Journal:
    """`path` may have `*`, which stands for anything; what is left out matches everything."""

    def __init__(self, control: Api) -> None:
        self._control = control

    def list(
        self,
        *,
        path: Optional[str] = None,
        method: Optional[str] = None,
        direction: Optional[str] = None,
        kind: Optional[str] = None,
        status: Optional[int] = None,
        contains: Optional[str] = None,
        after: Optional[int] = None,
    ) -> List[Entry]:
        """In the order in which they began."""
        return [entry(it) for it in self._control.get("/journal", **_given(locals()))["entries"]]

    def count(
        self,
        *,
        path: Optional[str] = None,
        method: Optional[str] = None,
        direction: Optional[str] = None,
        kind: Optional[str] = None,
        status: Optional[int] = None,
        contains: Optional[str] = None,
        after: Optional[int] = None,
    ) -> int:
        return int(self._control.get("/journal/count", **_given(locals()))["count"])

    def verify(
        self,
        *,
        count: Optional[int] = None,
        at_least: Optional[int] = None,
        at_most: Optional[int] = None,
        path: Optional[str] = None,
        method: Optional[str] = None,
        direction: Optional[str] = None,
        kind: Optional[str] = None,
        status: Optional[int] = None,
        contains: Optional[str] = None,
        after: Optional[int] = None,
    ) -> List[Entry]:
        """Those that match; raises `NotAsExpected` where they are not so many, by default at least one. What is due is
        done first."""
        given = _given(locals())
        expected: Dict[str, Any] = {}
        for name in ("count", "at_least", "at_most"):
            if name in given:
                expected[name] = given.pop(name)
        return self._verify(given, expected)

    def never(
        self,
        *,
        path: Optional[str] = None,
        method: Optional[str] = None,
        direction: Optional[str] = None,
        kind: Optional[str] = None,
        status: Optional[int] = None,
        contains: Optional[str] = None,
        after: Optional[int] = None,
    ) -> None:
        """Raises `NotAsExpected` where anything matches. What is due is done first."""
        self._verify(_given(locals()), {"never": True})

    def clear(self) -> None:
        self._control.delete("/journal")

    def _verify(self, given: Dict[str, Any], expected: Dict[str, Any]) -> List[Entry]:
        response = self._control.request("POST", "/journal/verify", json={"match": given, **expected})
        told = response.parsed
        if response.status == 409 and "verified" in told:
            raise NotAsExpected(told, given)
        if response.status != 200:
            raise Refused("POST", "/journal/verify", response)
        return [entry(it) for it in told["entries"]]


def _given(arguments: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != "self" and value is not None}


def entry(told: Dict[str, Any]) -> Entry:
    return known(
        Entry,
        told,
        at=time(told["at"]),
        headers=dict(told["headers"]),
        body=_bytes(told["body"]),
        response_headers=dict(told["response_headers"]),
        response_body=_bytes(told["response_body"]),
    )


def _bytes(said: Dict[str, Any]) -> bytes:
    text: str = said["text"]
    return base64.b64decode(text) if said.get("is_base64") else text.encode()

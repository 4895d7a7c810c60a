"""What a carrier sent for a customer, or of a message of ours, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from ._shapes import known

# Not shown by pytest, as in _http.py.
__tracebackhide__ = True

Headers = Tuple[Tuple[str, str], ...]


@dataclass(frozen=True)
class CarrierRequest:
    """Byte by byte what the carrier sends, signed."""

    method: str
    url: str
    headers: Headers
    body: str


@dataclass(frozen=True)
class Answer:
    #: None: there was no answer, and `error` says why.
    status: Optional[int]
    headers: Headers
    body: str
    error: Optional[str]


@dataclass(frozen=True)
class Sent:
    #: The carrier's id of the message.
    message_id: str
    #: One, or one for each part of a message in parts.
    requests: Tuple[CarrierRequest, ...]
    #: None of them where the requests were only given back.
    responses: Tuple[Answer, ...]
    #: How far the feed went before; `wait(after=sent)` takes what follows.
    sequence: int

    @property
    def request(self) -> CarrierRequest:
        return self.requests[0]

    @property
    def response(self) -> Answer:
        return self.responses[0]

    @property
    def taken(self) -> bool:
        return all(it.status is not None and 200 <= it.status < 300 for it in self.responses)


class NotTaken(AssertionError):
    """What the carrier sent was not answered with success; with `check=False` that is no error."""

    def __init__(self, sent: Sent) -> None:
        self.sent = sent
        pairs = zip(sent.requests, sent.responses)
        lines = [f"{asked.method} {asked.url} was answered {_said(answer)}" for asked, answer in pairs]
        super().__init__("\n".join(lines))


def _said(answer: Answer) -> str:
    if answer.status is None:
        return f"by nobody: {answer.error}"
    return f"{answer.status}: {answer.body[:500]}"


def sent(told: Dict[str, Any]) -> Sent:
    return known(
        Sent,
        told,
        requests=tuple(known(CarrierRequest, it, headers=_headers(it["headers"])) for it in told["requests"]),
        responses=tuple(known(Answer, it, headers=_headers(it["headers"])) for it in told["responses"]),
    )


def _headers(told: List[List[str]]) -> Headers:
    return tuple((name, value) for name, value in told)

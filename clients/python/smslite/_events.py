"""What happened in a world, and what is told when it did not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, List, Optional, Tuple

from ._shapes import known, time

# Not shown by pytest, as in _http.py.
__tracebackhide__ = True


@dataclass(frozen=True)
class Event:
    """Something that happened: a message, a change of what became of one, an attempt to tell an assistant's URL."""

    sequence: int
    event: str
    at: datetime
    conversation_id: Optional[int]
    message_index: Optional[int]
    role: Optional[str]
    content: Optional[str]
    from_: Optional[str]
    to: Optional[str]
    direction: Optional[str]
    provider: Optional[str]
    provider_message_id: Optional[str]
    status: Optional[str]
    error_code: Optional[str]
    forward: Optional[str]
    forward_attempts: Optional[int]
    forward_error: Optional[str]
    links: Tuple[str, ...]
    codes: Tuple[str, ...]

    @property
    def code(self) -> str:
        """The one-time code in the text, where there is exactly one."""
        return _only("code", self.codes, self.content)

    @property
    def link(self) -> str:
        """The link in the text, where there is exactly one."""
        return _only("link", self.links, self.content)

    def __str__(self) -> str:
        words = [f"{self.sequence} {self.event}"]
        if self.from_ and self.to:
            words.append(f"{self.from_} -> {self.to}")
        if self.conversation_id is not None:
            words.append(f"conversation {self.conversation_id}")
        words += [word for word in (self.role, self.status, self.error_code, self.forward, self.forward_error) if word]
        if self.content is not None:
            words.append(repr(self.content))
        return ", ".join(words)


def event(told: Dict[str, Any]) -> Event:
    return known(
        Event,
        told,
        at=time(told["at"]),
        from_=told["from"],
        links=tuple(told["links"]),
        codes=tuple(told["codes"]),
        # Printed as strings where the server is told to.
        conversation_id=None if told["conversation_id"] is None else int(told["conversation_id"]),
    )


def _only(what: str, found: Tuple[str, ...], text: Optional[str]) -> str:
    if len(found) == 1:
        return found[0]
    raise AssertionError(f"there is not one {what} in {text!r}, but {len(found)}: {list(found)}")


@dataclass(frozen=True)
class Seen:
    """Something else that happened, and the conditions that it did not meet."""

    event: Event
    missed: Tuple[str, ...]


class NothingHappened(AssertionError):
    """What was waited for did not happen. `seen` did, and says how it missed."""

    def __init__(self, told: Dict[str, Any], wanted: Dict[str, Any], trouble: List[str]) -> None:
        self.seen = [Seen(event(it), tuple(it["missed"])) for it in told["seen"]]
        self.seen_count: int = told["seen_count"]
        self.sequence: int = told["sequence"]
        wants = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
        # The first line is what the summary of a run shows.
        lines = [f"waited for: {wants or 'anything'}. {told['detail']}"]
        for seen in self.seen:
            lines += [f"  {seen.event}", *(f"      {missed}" for missed in seen.missed)]
        if trouble:
            lines += ["  requests that went wrong:", *(f"      {it}" for it in trouble)]
        super().__init__("\n".join(lines))

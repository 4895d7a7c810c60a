"""What is to go wrong in a world, by rule and count. The first rule that matches counts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple, Union

from ._http import Api

# Not shown by pytest, as in _http.py.
__tracebackhide__ = True


class FaultWarning(UserWarning):
    """A rule that nothing matches: the test does not try what it seems to."""


@dataclass(frozen=True)
class Rule:
    id: int
    #: How often it would have matched, those let through among them.
    matched: int
    #: How often something went wrong by it.
    used: int
    #: What it says, as it was given.
    fault: Dict[str, Any]
    #: Why nothing in the world can match it as it was when it was given.
    warnings: Tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"fault {self.id} ({', '.join(f'{name}={value!r}' for name, value in self.fault.items())})"


class Faults:
    """`times` go wrong, then all is well again; None: all. `skip` are let through first. A number, `contains` (a part of
    the text), `provider` and so on narrow down what is meant; what is left out matches everything."""

    def __init__(self, control: Api) -> None:
        self._control = control

    def send(
        self,
        *,
        provider: Optional[str] = None,
        from_: Optional[str] = None,
        to: Optional[str] = None,
        contains: Optional[str] = None,
        skip: int = 0,
        times: Optional[int] = 1,
        status: Optional[int] = None,
        retry_after: Optional[int] = None,
        error_code: Union[str, int, None] = None,
        body: Any = None,
        refuse: bool = False,
        cut_after: Optional[int] = None,
        hang: bool = False,
        delay_ms: Optional[int] = None,
    ) -> Rule:
        """Where a message is handed to a carrier, by the server or by who calls the stand-in: the carrier answers
        `status` (with `Retry-After: retry_after`, `body`), refuses with its own `error_code`, takes no connection
        (`refuse`), takes the message and cuts its answer (`cut_after` bytes), or is silent (`hang`, or `delay_ms`)."""
        return self._add("send", {**_given(locals()), "times": times})

    def receipt(
        self,
        *,
        provider: Optional[str] = None,
        from_: Optional[str] = None,
        to: Optional[str] = None,
        contains: Optional[str] = None,
        skip: int = 0,
        times: Optional[int] = 1,
        repeat: Optional[int] = None,
        late: Optional[int] = None,
        reverse: bool = False,
        drop: bool = False,
        delivery: Optional[str] = None,
        error_code: Union[str, int, None] = None,
    ) -> Rule:
        """Where a carrier tells what became of a message: each receipt comes `repeat` times, `late` by so many seconds of
        the world's clock, the last first (`reverse`), never (`drop`); the last says `delivery` and `error_code`."""
        return self._add("receipt", {**_given(locals()), "times": times})

    def forward(
        self,
        *,
        from_: Optional[str] = None,
        to: Optional[str] = None,
        contains: Optional[str] = None,
        path: Optional[str] = None,
        skip: int = 0,
        times: Optional[int] = 1,
        status: Optional[int] = None,
        retry_after: Optional[int] = None,
        body: Any = None,
        refuse: bool = False,
        cut_after: Optional[int] = None,
        hang: bool = False,
        delay_ms: Optional[int] = None,
    ) -> Rule:
        """Where a message is told to an assistant's `sms_webhook_url` (`path` is like the URL, `*` stands for anything):
        the app seems to answer so."""
        return self._add("forward", {**_given(locals()), "times": times})

    def answer(
        self,
        *,
        method: Optional[str] = None,
        path: Optional[str] = None,
        contains: Optional[str] = None,
        skip: int = 0,
        times: Optional[int] = 1,
        status: Optional[int] = None,
        retry_after: Optional[int] = None,
        body: Any = None,
        cut_after: Optional[int] = None,
        hang: bool = False,
        delay_ms: Optional[int] = None,
    ) -> Rule:
        """Where the server answers a request of the API or a webhook (`path` may have `*`, which stands for anything)."""
        return self._add("answer", {**_given(locals()), "times": times})

    def list(self) -> List[Rule]:
        return [_rule(it) for it in self._control.get("/faults")["faults"]]

    def unmatched(self) -> List[Rule]:
        """Those that nothing has matched so far."""
        return [rule for rule in self.list() if rule.matched == 0]

    def remove(self, rule: Rule) -> None:
        self._control.delete(f"/faults/{rule.id}")

    def clear(self) -> None:
        """All is well again."""
        self._control.delete("/faults")

    def _add(self, on: str, fault: Dict[str, Any]) -> Rule:
        rule = _rule(self._control.post("/faults", {"on": on, **fault}))
        for reason in rule.warnings:
            warnings.warn(f"{rule} can match nothing as it is: {reason}", FaultWarning, stacklevel=3)
        return rule


def _given(arguments: Dict[str, Any]) -> Dict[str, Any]:
    """What was said, by the names of the wire."""
    given = {name.rstrip("_"): value for name, value in arguments.items() if name != "self"}
    if given.get("error_code") is not None:
        given["error_code"] = str(given["error_code"])
    # 0 bytes and 0 seconds are said.
    return {name: value for name, value in given.items() if value is not None and value is not False}


def _rule(told: Dict[str, Any]) -> Rule:
    ours = ("id", "matched", "used", "warnings")
    fault = {name: value for name, value in told.items() if name not in ours}
    warned = tuple(told.get("warnings", ()))
    return Rule(id=told["id"], matched=told["matched"], used=told["used"], fault=fault, warnings=warned)

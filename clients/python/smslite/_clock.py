"""A world's clock. What becomes due while it is moved is done, in its order, before a call returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Dict, Optional, Union

from ._http import Api
from ._shapes import moment, time

# Not shown by pytest, as in _http.py.
__tracebackhide__ = True


@dataclass(frozen=True)
class Time:
    now: datetime
    frozen: bool
    #: When something becomes due next; None: nothing waits.
    next_due: Optional[datetime]


class Clock:
    def __init__(self, control: Api) -> None:
        self._control = control

    def read(self) -> Time:
        """What it shows, once what is due by now was done."""
        return _time(self._control.get("/clock"))

    @property
    def now(self) -> datetime:
        return self.read().now

    def freeze(self, at: Union[datetime, str, None] = None) -> Time:
        """It stands still: at what it shows, or at a time that is not earlier."""
        return self._move({"freeze": True, **({} if at is None else {"set": moment(at)})})

    def run(self) -> Time:
        """It goes on from what it shows."""
        return self._move({"freeze": False})

    def set(self, to: Union[datetime, str]) -> Time:
        """Forward to a time; a datetime without a zone is UTC. Whether it stands still does not change."""
        return self._move({"set": moment(to)})

    def advance(self, by: Union[timedelta, float, str]) -> Time:
        """Forward by a timedelta, seconds, or a text such as `90s`, `15m`, `2h` or `1d 12h`."""
        return self._move({"advance": by.total_seconds() if isinstance(by, timedelta) else by})

    def _move(self, body: Dict[str, Any]) -> Time:
        return _time(self._control.post("/clock", body))


def _time(told: Dict[str, Any]) -> Time:
    due = told["next_due"]
    return Time(now=time(told["now"]), frozen=told["frozen"], next_due=due and time(due))

"""A world: an organization of its own, with its numbers, its clock, its carriers and its key."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, List, Optional, Sequence, Type, Union

from ._clock import Clock
from ._events import Event, NothingHappened, event
from ._faults import Faults
from ._http import Api, Refused
from ._journal import Entry, Journal
from ._messages import NotTaken, Sent, sent
from ._shapes import Assistant, Number, User, carriers, known

# Not shown by pytest, as in _http.py.
__tracebackhide__ = True


class World:
    """Made by `Server.world`. As a context manager it is deleted at the end."""

    def __init__(self, told: Dict[str, Any], server: Api) -> None:
        self._server = server
        self.name: str = told["name"]
        #: Where it is reached: every path of the API behind this is answered by this world alone.
        self.url: str = told["url"]
        self.api_key: str = told["api_key"]
        self.assistants = [known(Assistant, it) for it in told["assistants"]]
        self.numbers = [known(Number, it) for it in told["numbers"]]
        self.users = [known(User, it) for it in told["users"]]
        self.carriers = carriers(told["carriers"])
        #: The REST API, with the world's key: `world.api.get("/api/v1/sms-conversations/")`.
        self.api = server.of(self.url, self.api_key)
        self._control = server.of(f"{self.url}/_smslite")
        self.clock = Clock(self._control)
        self.faults = Faults(self._control)
        self.journal = Journal(self._control)

    def __repr__(self) -> str:
        return f"<World {self.name!r} at {self.url}>"

    def __enter__(self) -> "World":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.delete()

    def number(self, provider: Optional[str] = None) -> str:
        """The lowest number that the world has, or has at a carrier: `twilio`, `telnyx`, `vonage` or `sandbox`. They are
        in the order of their digits, whatever that of the seed is."""
        for number in self.numbers:
            if provider in (None, number.provider):
                return number.number
        if not self.numbers:
            raise LookupError("this world has no numbers")
        had = ", ".join(f"{number.number} ({number.provider})" for number in self.numbers)
        raise LookupError(f"this world has no number at {provider!r}; it has {had}")

    def inbound(
        self,
        from_: str,
        to: str,
        body: str = "",
        *,
        media_urls: Sequence[str] = (),
        api: Optional[str] = None,
        message_id: Optional[str] = None,
        opt_out_type: Optional[str] = None,
        in_parts: bool = False,
        signature: str = "valid",
        send: bool = True,
        url: Optional[str] = None,
        check: bool = True,
    ) -> Sent:
        """A customer writes: the carrier's own request, signed, by the real route, or to `url`.

        `api` is `twilio`, `telnyx`, `vonage_sms` or `vonage_messages`, by default that of the number. The same
        `message_id` again is a carrier's retry. `signature` is `valid`, `missing`, `wrong` or `stale`. With `send=False`
        the request is only given back. Raises `NotTaken` when it is not answered with success, unless `check=False`.
        """
        body_ = {
            "from": from_,
            "to": to,
            "body": body,
            "media_urls": list(media_urls),
            "api": api,
            "message_id": message_id,
            "opt_out_type": opt_out_type,
            "in_parts": in_parts,
            "signature": signature,
            "send": send,
            "url": url,
        }
        return self._carrier("/inbound", body_, check)

    def receipt(
        self,
        message_id: str,
        status: str,
        *,
        error_code: Union[str, int, None] = None,
        error_message: Optional[str] = None,
        signature: str = "valid",
        send: bool = True,
        url: Optional[str] = None,
        check: bool = True,
    ) -> Sent:
        """The carrier tells what became of a message that it took: our UUID of it or the carrier's id, and the carrier's
        own word or a unified one, such as `delivered`. It waits until the carrier has taken what is on its way. The rest
        is as for `inbound`."""
        body = {
            "message_id": message_id,
            "status": status,
            "error_code": None if error_code is None else str(error_code),
            "error_message": error_message,
            "signature": signature,
            "send": send,
            "url": url,
        }
        return self._carrier("/receipt", body, check)

    def _carrier(self, path: str, body: Dict[str, Any], check: bool) -> Sent:
        told = sent(self._control.post(path, {name: value for name, value in body.items() if value is not None}))
        if check and not told.taken:
            raise NotTaken(told)
        return told

    def wait(
        self,
        *,
        to: Optional[str] = None,
        from_: Optional[str] = None,
        contains: Optional[str] = None,
        matches: Optional[str] = None,
        role: Optional[str] = None,
        event: Optional[str] = None,
        status: Optional[str] = None,
        conversation_id: Optional[int] = None,
        after: Union[int, Event, Sent, None] = None,
        timeout: float = 10,
    ) -> Event:
        """The first thing that happened and matches, once it has; at once if it is there already.

        Without `after` everything counts since the world was made; `after` takes what `inbound` or an earlier `wait`
        returned. `matches` is a regular expression, `status` one that the message has reached, `timeout` is in seconds
        of real time. Raises `NothingHappened`, which tells what did happen and how it missed.
        """
        wanted = {
            "to": to,
            "from": from_,
            "contains": contains,
            "matches": matches,
            "role": role,
            "event": event,
            "status": status,
            "conversation_id": conversation_id,
            "after": after.sequence if isinstance(after, (Event, Sent)) else after,
        }
        wanted = {name: value for name, value in wanted.items() if value is not None}
        response = self._control.request("GET", "/wait", query={**wanted, "timeout": timeout})
        told = response.parsed
        if response.status == 408:
            raise NothingHappened(told, wanted, [str(it) for it in self._wrong()])
        if response.status != 200:
            raise Refused("GET", "/wait", response)
        return _event(told)

    def _wrong(self) -> List[Entry]:
        """The last requests that were refused or not answered: often why nothing happened."""
        wrong = [it for it in self.journal.list() if it.error or it.fault or (it.status or 0) >= 400]
        return wrong[-5:]

    def forward_to(self, url: Optional[str], assistant: Optional[int] = None) -> str:
        """Messages to an assistant, by default the first, are told to an app at this URL from now on; None: to nobody.
        Returns the secret that its requests are signed with."""
        path = f"/api/v1/assistants/{self.assistants[0].id if assistant is None else assistant}"
        self.api.patch(path, {"sms_webhook_url": url})
        return str(self.api.get(f"{path}/sms-webhook-secret")["secrets"][0]["secret"])

    def snapshot(self, name: str = "snapshot") -> str:
        """Keeps the world as it is, once what is due was done. One of the same name gives way."""
        self._server.post(f"/_smslite/worlds/{self.name}/snapshots", {"name": name})
        return name

    def restore(self, name: str = "snapshot") -> None:
        """Data, clock and chance are what they were; faults and the journal stay."""
        self._server.post(f"/_smslite/worlds/{self.name}/restore", {"name": name})

    def reset(self) -> None:
        """What it was made as, without faults, and with an empty journal."""
        self._server.post(f"/_smslite/worlds/{self.name}/reset")

    def dump(self) -> Dict[str, Any]:
        """The world, its faults, its journal, what happened in it, and what is stored."""
        told: Dict[str, Any] = self._server.get(f"/_smslite/worlds/{self.name}/dump")
        return told

    def dump_to(self, directory: Union[str, "os.PathLike[str]"]) -> Path:
        """Writes the dump to a file of the world's name."""
        path = Path(directory) / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.dump(), indent=1, ensure_ascii=False) + "\n", "utf-8")
        return path

    def delete(self) -> None:
        """With everything in it; one that is gone already stays so."""
        try:
            self._server.delete(f"/_smslite/worlds/{self.name}")
        except Refused as refused:
            if refused.status != 404:
                raise


# `wait` has a condition of this name.
_event = event

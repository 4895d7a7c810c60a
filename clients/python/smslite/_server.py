"""A server for tests: started on a free port and stopped at the end, or one that runs already."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, List, Mapping, Optional, Type, Union

from ._binary import find_binary
from ._http import Api, NoAnswer, Refused, Response
from ._journal import Entry, entry
from ._shapes import moment
from ._world import World

# Not shown by pytest, as in _http.py.
__tracebackhide__ = True

START_SECONDS, STOP_SECONDS = 30.0, 15.0

# Ends the server when whoever started it is gone without a word, killed say: then nobody holds the other end any more.
# The directory that it was started in goes with it; while something is still written there, a little later.
GUARD = """
read -r word && exit
kill -TERM "$1"
rm -rf -- "$2" || { sleep 5; rm -rf -- "$2"; }
"""


class ServerEnded(Exception):
    """The server did not start, or is not there any more; the text has what it said last."""


class Server:
    """`binary` is where the program is (else `find_binary` looks for it), `url` a server that runs already (else
    SMSLITE_URL). `settings` are the server's own by their names, such as `{"id_format": "string"}`; those of the
    environment and of a smslite.toml are not its."""

    def __init__(
        self,
        *,
        binary: Union[str, "os.PathLike[str]", None] = None,
        url: Optional[str] = None,
        settings: Optional[Mapping[str, object]] = None,
    ) -> None:
        # A binary that is asked for is meant, whatever the environment says.
        self._given_url = url or (None if binary else os.environ.get("SMSLITE_URL"))
        self._binary, self._settings = binary, dict(settings or {})
        if self._given_url and self._settings:
            raise ValueError(f"the server at {self._given_url} runs already, and its settings are its own")
        self._process: Optional["subprocess.Popen[bytes]"] = None
        self._guard: Optional["subprocess.Popen[bytes]"] = None
        self._home: Optional[Path] = None
        self._api: Optional[Api] = None
        self._owner = 0

    def __repr__(self) -> str:
        return f"<Server at {self._api.url}>" if self._api else "<Server, not started>"

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens, without a trailing slash."""
        return self._reached.url

    @property
    def starts(self) -> bool:
        """Whether a program is started for it."""
        return not self._given_url

    @property
    def pid(self) -> Optional[int]:
        """None: it was not started here."""
        return self._process.pid if self._process else None

    def start(self) -> "Server":
        """Returns once it answers. One that is started already stays as it is."""
        if self._api is not None:
            return self
        if self._given_url:
            self._api = self._running(self._given_url)
            return self
        binary = find_binary(self._binary)
        self._home = Path(tempfile.mkdtemp(prefix="smslite-"))
        self._owner = os.getpid()
        atexit.register(self._stop_at_exit)
        try:
            self._api = _Asking(self._begin(binary, self._home), self)
        except BaseException:
            self.stop()
            raise
        return self

    def _running(self, url: str) -> Api:
        api = _Asking(url, self)
        try:
            api.get("/_smslite/worlds")
        except Refused as refused:
            raise ServerEnded(f"what runs at {url} is no fixture; start it with: smslite serve --fixture") from refused
        return api

    def _begin(self, binary: Path, home: Path) -> str:
        ready = home / "ready.json"
        command = [str(binary), "serve", "--fixture", "--port", "0", "--ready-file", str(ready)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SMSLITE_")}
        environment.setdefault("RUST_LOG", "warn")
        environment.update({f"SMSLITE_{name.upper()}": _word(value) for name, value in self._settings.items()})
        with open(home / "stderr", "wb") as stderr:
            # In a session of its own, or Ctrl-C would end it before the tests have.
            self._process = subprocess.Popen(
                command, cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                start_new_session=True)
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, "smslite-guard", str(self._process.pid), str(home)], cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        return self._ready(self._process, ready)

    def _ready(self, process: "subprocess.Popen[bytes]", ready: Path) -> str:
        """The file comes whole, or is not there. The pause in between ends at once when the process does."""
        until = time.monotonic() + START_SECONDS
        while not ready.exists():
            try:
                process.wait(0.005)
            except subprocess.TimeoutExpired:
                if time.monotonic() < until:
                    continue
                raise ServerEnded(f"smslite was not ready after {START_SECONDS:.0f} s{self._said()}") from None
            raise ServerEnded(f"smslite ended with {process.returncode} before it was ready{self._said()}")
        return str(json.loads(ready.read_text("utf-8"))["url"])

    def stop(self) -> None:
        """What runs is finished first; after a while it is killed. A server that was not started here goes on."""
        atexit.unregister(self._stop_at_exit)
        self._api = None
        guard, self._guard = self._guard, None
        if guard is not None and guard.stdin is not None:
            # One that somebody killed reads nothing.
            with contextlib.suppress(OSError):
                guard.stdin.write(b"stopped\n")
                guard.stdin.close()
            guard.wait()
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        home, self._home = self._home, None
        if home is not None:
            shutil.rmtree(home, ignore_errors=True)

    def _stop_at_exit(self) -> None:
        # A process that was forked from this one ends without the server.
        if os.getpid() == self._owner:
            self.stop()

    def world(
        self,
        name: Optional[str] = None,
        *,
        seed: Union[str, Mapping[str, Any], Path, None] = None,
        clock: Union[datetime, str, None] = None,
        random: Optional[int] = None,
        receipts: Optional[str] = None,
        messages_per_minute: Optional[int] = None,
        number_messages_per_minute: Optional[int] = None,
        expires_after_seconds: Optional[int] = None,
    ) -> World:
        """`seed` is the name of one, a text in TOML, a dictionary, or the `pathlib.Path` of a file; by default an assistant
        with a number at each carrier, or what the server was given by `--seed`. `clock`: it stands still at this time. With `random` the same ids and secrets come each
        time. `receipts` is `auto` or `manual`: whether carriers tell by themselves what becomes of messages.
        """
        hint = _hint(seed)
        if isinstance(seed, Path):
            seed = seed.read_text("utf-8")
        body = {
            "name": name,
            "seed": seed,
            "clock": None if clock is None else moment(clock),
            "random": random,
            "receipts": receipts,
            "messages_per_minute": messages_per_minute,
            "number_messages_per_minute": number_messages_per_minute,
            "expires_after_seconds": expires_after_seconds,
        }
        body = {key: value for key, value in body.items() if value is not None}
        path = "/_smslite/worlds"
        told = self._reached.must("POST", path, self._reached.request("POST", path, json=body), hint)
        return World(told, self._reached)

    def worlds(self) -> List[str]:
        return [it["name"] for it in self._reached.get("/_smslite/worlds")["worlds"]]

    def put_seed(self, name: str, seed: Union[str, Mapping[str, Any], Path]) -> None:
        """Worlds may be made of it by its name from now on."""
        hint = _hint(seed)
        if isinstance(seed, Path):
            seed = seed.read_text("utf-8")
        text = seed if isinstance(seed, str) else json.dumps(seed)
        headers = {"Content-Type": "application/toml"}
        path = f"/_smslite/seeds/{name}"
        self._reached.must("PUT", path, self._reached.request("PUT", path, body=text.encode(), headers=headers), hint)

    def seeds(self) -> List[str]:
        return list(self._reached.get("/_smslite/seeds")["seeds"])

    def unmatched(self) -> List[Entry]:
        """What was sent to no world."""
        return [entry(it) for it in self._reached.get("/_smslite/journal", unmatched=True)["entries"]]

    @property
    def _reached(self) -> Api:
        if self._api is None:
            raise ServerEnded("the server is not started, or was stopped: `with Server() as server:`")
        return self._api

    def _said(self) -> str:
        """What it wrote last, to be appended."""
        if self._home is None:
            return ""
        text = (self._home / "stderr").read_text("utf-8", "replace").strip()
        return f":\n{text[-2000:]}" if text else ""

    def _why_silent(self) -> Optional[str]:
        if not self.starts:
            return None
        if self._process is None:
            return "the server was stopped"
        code = self._process.poll()
        return None if code is None else f"smslite ended with {code}{self._said()}"


class _Asking(Api):
    """Tells when nobody answers because the server has ended."""

    def __init__(self, url: str, server: Server, api_key: Optional[str] = None) -> None:
        super().__init__(url, api_key)
        self._server = server

    def of(self, url: str, api_key: Optional[str] = None) -> Api:
        return _Asking(url, self._server, api_key)

    def _carry(self, method: str, target: str, body: Optional[bytes], headers: Dict[str, str]) -> Response:
        try:
            return super()._carry(method, target, body, headers)
        except NoAnswer as error:
            why = self._server._why_silent()
            if why is None:
                raise
            raise ServerEnded(why) from error


def _hint(seed: object) -> str:
    """What is added to a refusal where a text looks like the path of a file: it is taken for a name, or for what it says."""
    if not isinstance(seed, str) or any(sign in seed for sign in "\n={"):
        return ""
    is_path = "/" in seed or seed.endswith((".toml", ".json"))
    return f"if a file is meant, give its path: pathlib.Path({seed!r})" if is_path else ""


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""A demo with the sample of `sample.py`, and what others do to it meanwhile: customers, and callers of the API."""

import itertools
import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from sample import KEY, OUR_NUMBER, seed

START_SECONDS, STOP_SECONDS = 30, 15
COUNT = itertools.count(1)
# No proxy of the caller's between the tests and their server, and a redirect is an answer.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Served:
    """On a port of its own, signatures unchecked; from memory unless its data are to be kept."""

    def __init__(self, binary, kept=False):
        self.binary, self.kept, self.url = binary, kept, None
        self.directory = tempfile.TemporaryDirectory(prefix="smslite-browser-")
        self.home = Path(self.directory.name)
        (self.home / "seed.json").write_text(json.dumps(seed()), "utf-8")
        self.log = self.home / "server.log"
        self.start()

    def start(self):
        """Again on the port that it had, if it had one."""
        ready = self.home / "ready.json"
        ready.unlink(missing_ok=True)
        port = self.url.rpartition(":")[2] if self.url else "0"
        where = ["--data-dir", self.home / "data"] if self.kept else ["--demo"]
        command = [self.binary, "serve", *where, "--seed", self.home / "seed.json", "--port", port, "--ready-file", ready]
        environment = {**os.environ, "RUST_LOG": "warn", "SMSLITE_TWILIO_SIGNATURES": "off"}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.home, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while not ready.exists() or not ready.read_text().endswith("\n"):
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.005)
        self.url = json.loads(ready.read_text())["url"]

    def stop(self):
        """SIGTERM, to the process that was started here and to no other."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, method, path, body=None, headers=()):
        """Status and body."""
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=dict(headers))
        try:
            with OPENER.open(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def api(self, method, path, value=None):
        """What the API answers an admin."""
        headers = {"Authorization": f"Bearer {KEY}"}
        body = None
        if value is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(value).encode()
        status, answer = self.ask(method, path, body, headers)
        if status not in (200, 201):
            raise RuntimeError(f"{method} {path} was answered {status}: {answer[:300]!r}")
        return json.loads(answer) if answer else None

    def file(self, path):
        """The bytes of a download of the API's."""
        status, body = self.ask("GET", path, headers={"Authorization": f"Bearer {KEY}"})
        assert status == 200, f"{path} was answered {status}"
        return body

    def sms(self, customer, text, to=OUR_NUMBER):
        """A customer's message arrives, as Twilio would bring it."""
        form = {"MessageSid": f"SM{next(COUNT):032x}", "AccountSid": "ACdemo", "From": customer, "To": to, "Body": text, "NumMedia": "0"}
        status, answer = self.ask("POST", "/webhooks/sms/twilio", urllib.parse.urlencode(form).encode(),
                                  {"Content-Type": "application/x-www-form-urlencoded"})
        assert status == 200, f"the webhook was answered {status}: {answer!r}"

    def conversation_of(self, customer):
        """The id of the newest."""
        query = urllib.parse.urlencode({"customer_phone": customer, "limit": 1})
        return self.api("GET", f"/api/v1/sms-conversations/?{query}")[0]["id"]

    def messages_of(self, conversation):
        return [it["content"] for it in self.api("GET", f"/api/v1/sms-conversations/{conversation}/messages")]

    def log_of(self, customer):
        """The id of the newest message log from a customer."""
        query = urllib.parse.urlencode({"from_number": customer, "limit": 1})
        return self.api("GET", f"/api/v1/sms-logs/?{query}")["items"][0]["id"]

    def end_session(self, cookies):
        """Signs out as whoever has these cookies, behind the browser's back."""
        cookie = "; ".join(f"{it['name']}={it['value']}" for it in cookies)
        status, answer = self.ask("POST", "/api/auth/logout", b"", {"Cookie": cookie, "Origin": self.url})
        assert status == 200, f"signing out was answered {status}: {answer!r}"

"""One smslite process at a time on a temporary data directory, and requests to it as they are, byte by byte."""

import http.client
import json
import os
import subprocess
import time
import urllib.parse

API_KEY = "sl_live_sdk_script_00000000000000000000000000000"
START_SECONDS, STOP_SECONDS = 30, 15


class Server:
    def __init__(self, binary, home):
        self.binary, self.home, self.process, self.port = binary, home, None, None
        self.log = home / "server.log"

    def start(self, settings):
        """settings: names of variables without their prefix."""
        self.stop()
        ready = self.home / "ready.json"
        ready.unlink(missing_ok=True)
        environment = {**os.environ, "SMSLITE_BOOTSTRAP_API_KEY": API_KEY, "RUST_LOG": "warn"}
        environment.update({f"SMSLITE_{name}": str(value) for name, value in settings.items()})
        command = [self.binary, "serve", "--port", "0", "--ready-file", ready, "--data-dir", self.home / "data"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while not ready.exists() or not ready.read_text().endswith("\n"):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.005)
        self.port = json.loads(ready.read_text())["port"]

    def stop(self):
        """SIGTERM, to the process that was started here and to no other."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.terminate()
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError("the server did not stop on SIGTERM") from None
        if code:
            raise RuntimeError(f"the server ended with {code}:\n{self.log.read_text()[-2000:]}")

    def call(self, method, target, headers=(), body=b""):
        """Status and body. Headers are sent as given, and none is added but the host unless given, and the length."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = list(dict(headers).items())
            given = {name.lower() for name, _ in headers}
            connection.putrequest(method, target, skip_host="host" in given, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if method != "GET":
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body if method != "GET" else None)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def api(self, method, path, value=None):
        headers = {"Authorization": f"Bearer {API_KEY}"}
        body = b""
        if value is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(value).encode()
        status, answer = self.call(method, path, headers, body)
        if status not in (200, 201):
            raise RuntimeError(f"{method} {path} was answered {status}: {answer[:300]!r}")
        return json.loads(answer)

    def assistant(self, numbers, **fields):
        """Makes one with these numbers: number -> carrier."""
        made = self.api("POST", "/api/v1/assistants", {"name": "SDK script", **fields})
        for number, provider in numbers.items():
            path = f"/api/v1/assistants/{made['id']}/phone-numbers/assign-by-number"
            self.api("POST", path, {"phone_number": number, "provider": provider})
        return made["id"]

    def said_by(self, customer):
        """What the customer's conversations hold, oldest first."""
        query = urllib.parse.urlencode({"customer_phone": customer, "limit": 1000})
        found = self.api("GET", f"/api/v1/sms-conversations/?{query}")
        messages = []
        for conversation in sorted(found, key=lambda it: it["id"]):
            messages += self.api("GET", f"/api/v1/sms-conversations/{conversation['id']}/messages")
        return [(message["role"], message["content"]) for message in messages]

    def log_of(self, customer, direction="inbound"):
        """The newest message log from or to a customer."""
        side = {"inbound": "from_number", "outbound": "to_number"}[direction]
        query = urllib.parse.urlencode({side: customer, "direction": direction, "limit": 1})
        items = self.api("GET", f"/api/v1/sms-logs/?{query}")["items"]
        return items[0] if items else None


class Customers:
    """A number of its own for each case, so that what is kept of it can be told from the rest."""

    def __init__(self):
        self.count = 0

    def next(self):
        self.count += 1
        return f"+1415555{self.count:04d}"


def wrong_about(server, customer, status, text, media=()):
    """Whether what is kept of a customer's only message is what the answer said; a sentence when not. With a text the
    request is an honest one, which must be taken. Without a customer it is no message."""
    if customer is None:
        return None
    said = server.said_by(customer)
    if status != 200:
        if said:
            return f"refused, but {said!r} is kept"
        return None if text is None else "refused, though nothing is wrong with it"
    if text is None:
        return None
    if said != [("user", text)]:
        return f"taken, but {said!r} is kept"
    log = server.log_of(customer)
    kept = (log["body"], log["media_urls"], log["from_number"], log["status"])
    if kept != (text, list(media), customer, "received"):
        return f"taken, but the log says {kept!r}"
    return None

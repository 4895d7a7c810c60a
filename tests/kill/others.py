"""Everything but messages that is written while the server is killed: what was acknowledged of it must be there,
what was not must be there whole or not at all.

Each piece of work is a customer's, an assistant's or a key's own, so that nothing else changes what it finds.
"""

import json
import urllib.parse

from carrier import OUR_NUMBER, Connection, webhook

CONTENTS = ["first", "second", "third", "fourth", "fifth"]


class Refused(Exception):
    """An answer that no server should give."""


class Caller:
    """Asks, and tells the status and the answer."""

    def __init__(self, server, key):
        self.connection = Connection(server.host, server.port)
        self.host, self.key = f"{server.host}:{server.port}", key

    def ask(self, method, path, body=b"", kind="application/json", key=None):
        head = f"{method} {path} HTTP/1.1\r\nhost: {self.host}\r\nauthorization: Bearer {key or self.key}\r\n"
        if body:
            head += f"content-type: {kind}\r\n"
        request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        status, answer = self.connection.roundtrip(request)
        # Of an answer in lines the last one tells what came of it.
        return status, json.loads(answer.splitlines()[-1]) if answer.strip() else None

    def done(self, method, path, body=b"", kind="application/json"):
        """The answer; none when the storage refused."""
        status, answer = self.ask(method, path, body, kind)
        if status == 503:
            return None
        if status not in (200, 201):
            raise Refused(f"{method} {path} was answered {status}: {answer}")
        return answer


def escaped(number):
    return urllib.parse.quote(number)


class Others:
    """What was asked for in the round that is under way."""

    def __init__(self, key, token, rng):
        self.key, self.token, self.rng = key, token, rng
        self.next_customer, self.assistants = 0, 0
        self.acknowledged = {"assistant": 0, "key": 0, "revocation": 0, "archive": 0, "clearing": 0, "import": 0}
        self.forget()

    def forget(self):
        self.named, self.keys, self.archived, self.cleared, self.imported = {}, {}, {}, {}, {}

    def work_until(self, server, stop):
        """One client of all trades."""
        try:
            caller = Caller(server, self.key)
            while not stop.is_set():
                self.rng.choice([self.assistant, self.api_key, self.archive, self.clear, self.import_])(server, caller)
        except OSError:
            # Cut off: the outcome of the last one is unknown.
            pass

    def customer(self):
        self.next_customer += 1
        return f"+1556{self.next_customer:07d}"

    def acknowledge(self, kind):
        self.acknowledged[kind] += 1

    def assistant(self, server, caller):
        name = f"assistant {self.rng.getrandbits(64):x}"
        self.named[name] = False
        if caller.done("POST", "/api/v1/assistants", json.dumps({"name": name}).encode()):
            self.named[name] = True
            self.acknowledge("assistant")

    def api_key(self, server, caller):
        made = caller.done("POST", "/api/v1/users/me/api-keys", b'{"name": "of the kill script"}')
        if not made:
            return
        secret = made["key"]
        self.keys[secret] = "good"
        self.acknowledge("key")
        if self.rng.random() < 0.5:
            self.keys[secret] = "unknown"
            if caller.done("DELETE", f"/api/v1/users/me/api-keys/{made['api_key']['id']}"):
                self.keys[secret] = "revoked"
                self.acknowledge("revocation")

    def conversation(self, server, caller):
        """A new customer's conversation."""
        customer = self.customer()
        status, _ = caller.connection.roundtrip(webhook(server, self.token, f"SM{self.rng.getrandbits(128):032x}", customer))
        found = self.of(caller, customer) if status == 200 else []
        return customer, found[0]["id"] if found else None

    def of(self, caller, customer):
        status, found = caller.ask("GET", f"/api/v1/sms-conversations/?customer_phone={escaped(customer)}")
        return found if status == 200 else []

    def archive(self, server, caller):
        customer, conversation = self.conversation(server, caller)
        if conversation is None:
            return
        self.archived[customer] = (conversation, False)
        if caller.done("DELETE", f"/api/v1/sms-conversations/{conversation}"):
            self.archived[customer] = (conversation, True)
            self.acknowledge("archive")

    def clear(self, server, caller):
        customer, conversation = self.conversation(server, caller)
        if conversation is None:
            return
        self.cleared[customer] = (conversation, False)
        if caller.done("DELETE", f"/api/v1/sms-sessions/{escaped(customer)}/1"):
            self.cleared[customer] = (conversation, True)
            self.acknowledge("clearing")

    def import_(self, server, caller):
        customer = self.customer()
        # New conversations take the ids after the highest that was given.
        lines = [{
            "type": "call", "id": 10_000_000 * self.next_customer, "channel": "sms", "direction": "inbound",
            "assistant_id": 1, "customer_phone_number": customer, "assistant_phone_number": OUR_NUMBER,
            "status": "completed", "started_at": "2026-01-01T00:00:00Z",
        }]
        lines += [{
            "type": "message", "call_id": lines[0]["id"], "role": "user", "content": content,
            "timestamp": "2026-01-01T00:00:00Z",
        } for content in CONTENTS]
        self.imported[customer] = False
        body = "\n".join(map(json.dumps, lines)).encode()
        told = caller.done("POST", "/api/v1/import", body, "application/x-ndjson")
        if told and told.get("stored") == len(lines):
            self.imported[customer] = True
            self.acknowledge("import")

    def differences(self, server):
        """Holds what is there against what was acknowledged since the last time; says what differs."""
        caller = Caller(server, self.key)
        found = [*self._accounts(caller), *self._conversations(caller)]
        self.forget()
        return found

    def _accounts(self, caller):
        _, listed = caller.ask("GET", "/api/v1/assistants?limit=1000")
        there = [each["name"] for each in (listed if isinstance(listed, list) else listed["items"])]
        for name, acknowledged in self.named.items():
            if there.count(name) not in ((1,) if acknowledged else (0, 1)):
                yield f"{name} is there {there.count(name)} times, acknowledged: {acknowledged}"
        wanted = {"good": (200,), "revoked": (401,), "unknown": (200, 401)}
        for secret, state in self.keys.items():
            status, _ = caller.ask("GET", "/api/v1/sms-conversations/?limit=1", key=secret)
            if status not in wanted[state]:
                yield f"a key that is {state} is answered {status}"

    def _conversations(self, caller):
        for customer, (conversation, acknowledged) in self.archived.items():
            status, _ = caller.ask("GET", f"/api/v1/sms-conversations/{conversation}/messages")
            listed = len(self.of(caller, customer))
            whole = (status, listed) == (404, 0) or (not acknowledged and (status, listed) == (200, 1))
            if not whole:
                yield f"archived {conversation}: {status}, listed {listed} times, acknowledged: {acknowledged}"
        for customer, (conversation, acknowledged) in self.cleared.items():
            found = self.of(caller, customer)
            if len(found) != 1 or (acknowledged and found[0]["status"] != "completed"):
                yield f"cleared {conversation}: {found}"
        for customer, acknowledged in self.imported.items():
            found = self.of(caller, customer)
            if len(found) not in ((1,) if acknowledged else (0, 1)):
                yield f"imported {customer}: {len(found)} conversations, acknowledged: {acknowledged}"
            for conversation in found:
                _, messages = caller.ask("GET", f"/api/v1/sms-conversations/{conversation['id']}/messages")
                if [message["content"] for message in messages] != CONTENTS:
                    yield f"imported {customer}: {messages}"

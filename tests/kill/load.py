"""The clients: signed webhooks, and everything else that writes. What they ask and what is answered goes to the ledger."""

import json
import random
import threading

from carrier import Connection, webhook
from compare import conversations_of
from ledger import Assistant, Difference, Import, Key, Owned

# An import takes a range of ids of its own, so that it is known again; what comes in meanwhile gets ids between.
IDS_OF_AN_IMPORT = 1 << 16


def new_sid(rng):
    return f"SM{rng.getrandbits(128):032x}"


class Client:
    """One client with its connections. Raises OSError when the server is gone."""

    def __init__(self, server, ledger, shared, owned, rng, assistant_id):
        self.server, self.ledger, self.shared, self.owned, self.rng = server, ledger, shared, owned, rng
        self.assistant_id = assistant_id
        self.connection = Connection(server.host, server.port)
        self.api = server.api()

    def post(self, sid, customer):
        status, _ = self.connection.roundtrip(webhook(self.server, self.server.token, sid, customer))
        if status not in (200, 503):
            raise Difference(f"a webhook was answered {status}")
        return status == 200

    def post_shared(self):
        sid, customer = new_sid(self.rng), self.rng.choice(self.shared)
        self.ledger.sending(sid, customer)
        if self.post(sid, customer):
            self.ledger.stored(sid)

    def mixed(self):
        """One write of some kind."""
        kinds = (
            (60, self.post_shared), (18, self.post_owned), (6, self.archive), (4, self.clear), (3, self.make_assistant),
            (3, self.rename_assistant), (2, self.make_key), (2, self.revoke_key), (2, self.import_some),
        )
        self.rng.choices([do for _, do in kinds], [weight for weight, _ in kinds])[0]()

    def step(self, owned, step, do, kind):
        owned.pending = step
        if do():
            owned.done(step)
            self.ledger.count(kind)
        else:
            # Not stored, or unknown: this customer is left alone until the next start.
            self.owned.remove(owned)

    def asked(self, method, path):
        status, body = self.api.call(method, path)
        if status not in (200, 503):
            raise Difference(f"{method} {path} was answered {status}: {body[:200]!r}")
        return status == 200

    def post_owned(self):
        if self.owned:
            owned, sid = self.rng.choice(self.owned), new_sid(self.rng)
            self.step(owned, ("post", sid), lambda: self.post(sid, owned.customer), "messages")

    def archive(self):
        if full := [owned for owned in self.owned if owned.state[0]]:
            owned = self.rng.choice(full)
            place = self.rng.randrange(len(owned.state[0]))
            # Told by its first message.
            found = conversations_of(self.api, owned.customer)
            call_id = next((each["id"] for each, messages in found
                            if messages and messages[0]["content"] == owned.state[0][place][0]), None)
            if call_id is None:
                raise Difference(f"{owned.customer}: no conversation begins with {owned.state[0][place][0]}")
            path = f"/api/v1/sms-conversations/{call_id}"
            self.step(owned, ("archive", (place, call_id)), lambda: self.asked("DELETE", path), "archives")

    def clear(self):
        if living := [owned for owned in self.owned if owned.state[1]]:
            owned = self.rng.choice(living)
            path = f"/api/v1/sms-sessions/%2B{owned.customer[1:]}/{self.assistant_id}"
            self.step(owned, ("clear", None), lambda: self.asked("DELETE", path), "sessions cleared")

    def make_assistant(self):
        name = f"kill {self.rng.getrandbits(64):016x}"
        with self.ledger.lock:
            self.ledger.unknown_assistants.add(name)
        made = self.api.post("/api/v1/assistants", {"name": name})
        with self.ledger.lock:
            self.ledger.unknown_assistants.remove(name)
            self.ledger.assistants.append(Assistant(made["id"], name))
        self.ledger.count("assistants made")

    def rename_assistant(self):
        known = self.ledger.take(self.ledger.assistants, self.rng, lambda each: True)
        if known:
            try:
                known.wanted = f"kill {self.rng.getrandbits(64):016x}"
                self.api.patch(f"/api/v1/assistants/{known.id}", {"name": known.wanted})
                known.name, known.wanted = known.wanted, None
                self.ledger.count("assistants renamed")
            finally:
                self.ledger.put(self.ledger.assistants, known)

    def make_key(self):
        name = f"kill {self.rng.getrandbits(64):016x}"
        with self.ledger.lock:
            self.ledger.unknown_keys.add(name)
        made = self.api.post("/api/v1/users/me/api-keys", {"name": name, "role": "viewer"})
        with self.ledger.lock:
            self.ledger.unknown_keys.remove(name)
            self.ledger.keys.append(Key(made["api_key"]["id"], name, made["key"]))
        self.ledger.count("keys made")

    def revoke_key(self):
        known = self.ledger.take(self.ledger.keys, self.rng, lambda each: each.revoked is False)
        if known:
            try:
                known.revoked = None
                self.api.delete(f"/api/v1/users/me/api-keys/{known.id}")
                known.revoked = True
                self.ledger.count("keys revoked")
            finally:
                self.ledger.put(self.ledger.keys, known)

    def import_some(self):
        with self.ledger.lock:
            number = len(self.ledger.imports) + 1
            call_id, customer = number * IDS_OF_AN_IMPORT, f"+1666{number:07d}"
            contents = [new_sid(self.rng) for _ in range(self.rng.randint(1, 8))]
            call = {
                "type": "call", "id": call_id, "channel": "sms", "direction": "inbound",
                "assistant_id": self.assistant_id, "customer_phone_number": customer,
                "assistant_phone_number": "+15551234567", "status": "completed", "started_at": "2026-01-02T03:04:00Z",
                "ended_at": "2026-01-03T03:04:00Z",
            }
            messages = [
                {"type": "message", "id": call_id + place, "call_id": call_id, "message_index": place + 1, "role": "user",
                 "content": content, "timestamp": f"2026-01-02T03:04:{place:02d}Z"}
                for place, content in enumerate(contents)]
            imported = Import([call, *messages], call_id, customer, contents)
            self.ledger.imports.append(imported)
        if import_again(self.api, imported, 0):
            self.ledger.count("imports")


def import_again(api, imported, there_already=None):
    last = api.import_lines(imported.lines)
    if "came in while the input was checked" in last.get("error", ""):
        # Another import took higher ids meanwhile: nothing was stored, and it is to be sent again.
        return False
    if last.get("stored", 0) + last.get("skipped", 0) != len(imported.lines) or "error" in last:
        raise Difference(f"import {imported.call_id} ended with {last}")
    if there_already is not None and last["skipped"] != there_already:
        raise Difference(f"import {imported.call_id}: {last}, wanted {there_already} that were there already")
    imported.acknowledged = True
    return True


def run_clients(server, ledger, shared, owned, rng, clients, stop, assistant_id, most=None):
    """Starts the clients; what they raise ends up in the returned list. With `most`: so many messages each, nothing else."""
    raised = []

    def run(own, mine):
        sent = 0
        try:
            client = Client(server, ledger, shared, mine, own, assistant_id)
            while not stop.is_set() and (most is None or sent < most):
                client.mixed() if most is None else client.post_shared()
                sent += 1
        except OSError:
            pass  # Cut off: the outcome of the last one is unknown.
        except BaseException as error:  # to be raised again in the main thread
            raised.append(error)

    threads = [
        threading.Thread(target=run, args=(random.Random(rng.random()), owned[place::clients]))
        for place in range(clients)]
    for thread in threads:
        thread.start()
    return threads, raised


def join(threads, raised):
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]

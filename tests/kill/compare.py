"""Holds what a server says against the ledger; what does not agree is a Difference. Unknown outcomes become known."""

import json
from collections import Counter

from ledger import Assistant, Difference, Key


def conversations_of(api, customer):
    """The customer's conversations, the one with the newest activity first, each with its messages."""
    found = api.get(f"/api/v1/sms-conversations/?customer_phone=%2B{customer[1:]}")
    return [(each, api.get(f"/api/v1/sms-conversations/{each['id']}/messages")) for each in found]


def micros(text):
    """Orders times as text: those without a fraction lack its digits."""
    return text if "." in text else text.replace("Z", ".000000Z")


def check_thread(customer, conversation, messages):
    """What must hold within one thread, whatever was sent."""
    here = f"conversation {conversation['id']} of {customer}"
    indexes = [message["message_index"] for message in messages]
    if indexes != list(range(1, len(messages) + 1)):
        raise Difference(f"{here}: indexes {indexes}")
    if conversation["message_count"] != len(messages):
        raise Difference(f"{here}: message_count {conversation['message_count']}, {len(messages)} messages")
    times = [message["timestamp"] for message in messages]
    if sorted(times, key=micros) != times:
        raise Difference(f"{here}: time runs backwards")
    if conversation["last_activity"] != times[-1] or conversation["started_at"] != times[0]:
        raise Difference(f"{here}: started_at or last_activity is not the first or last message's time")


def compare_shared(api, ledger, customers):
    """Threads of customers for whom many clients write. Returns the kept, unknown messages."""
    wanted = {customer: set() for customer in customers}
    for sid, customer in ledger.customer.items():
        if customer in wanted:
            wanted[customer].add(sid)
    kept_unknown, ids = set(), set()
    for customer in customers:
        found = conversations_of(api, customer)
        if len(found) > 1:
            raise Difference(f"{customer} has {len(found)} conversations: {[each['id'] for each, _ in found]}")
        messages = []
        for conversation, messages in found:
            check_thread(customer, conversation, messages)
        contents = [message["content"] for message in messages]
        kept = set(contents)
        twice = sorted(content for content, times in Counter(contents).items() if times > 1)
        lost = sorted((wanted[customer] & ledger.acknowledged) - kept)
        strange = sorted(kept - wanted[customer])
        for what, sids in (("kept twice", twice), ("acknowledged but lost", lost), ("never sent", strange)):
            if sids:
                raise Difference(f"{customer}: {len(sids)} messages {what}, e.g. {sids[0]}")
        kept_unknown |= kept & ledger.unknown
        own_ids = {message["id"] for message in messages}
        if len(own_ids) < len(messages) or own_ids & ids:
            raise Difference(f"{customer}: message ids are not unique")
        ids |= own_ids
    return kept_unknown


def compare_owned(api, ledger, owned):
    """A customer whose steps are known in their order: exactly these, or with the one whose outcome is unknown."""
    found = conversations_of(api, owned.customer)
    for conversation, messages in found:
        check_thread(owned.customer, conversation, messages)
    found.sort(key=lambda each: each[0]["id"])
    contents = tuple(tuple(message["content"] for message in messages) for _, messages in found)
    living = [place for place, (conversation, _) in enumerate(found) if conversation["status"] == "active"]
    state = (contents, bool(living))
    if living not in ([], [len(found) - 1]):
        raise Difference(f"{owned.customer}: of {len(found)} conversations {living} are active")
    if owned.pending and state == owned.after(owned.pending) != owned.state:
        ledger.found(True)
        owned.done(owned.pending)
    elif state == owned.state:
        if owned.pending:
            ledger.found(False)
        owned.pending = None
    else:
        raise Difference(f"{owned.customer}: has {state}, wanted {owned.state}, pending {owned.pending}")
    for call_id in owned.archived_ids:
        for path in (f"/api/v1/sms-conversations/{call_id}", f"/api/v1/sms-conversations/{call_id}/messages"):
            status, body = api.call("GET", path)
            if status != 404:
                raise Difference(f"{path}, which was archived, is answered {status} {body[:200]!r}")


def pages(api, path):
    everything = []
    while page := api.get(f"{path}?limit=1000&skip={len(everything)}"):
        everything += page
    return everything


def compare_assistants(api, ledger):
    there = {each["id"]: each["name"] for each in pages(api, "/api/v1/assistants") if each["name"].startswith("kill ")}
    for known in ledger.assistants:
        name = there.pop(known.id, None)
        if name not in (known.name, known.wanted) or name is None:
            raise Difference(f"assistant {known.id} is named {name!r}, wanted {known.name!r} or {known.wanted!r}")
        if known.wanted:
            ledger.found(name == known.wanted)
        known.name, known.wanted = name, None
    for assistant_id, name in there.items():
        if name not in ledger.unknown_assistants:
            raise Difference(f"assistant {assistant_id} {name!r} was never made, or twice")
        ledger.unknown_assistants.remove(name)
        ledger.found(True)
        ledger.assistants.append(Assistant(assistant_id, name))
    ledger.not_kept += len(ledger.unknown_assistants)
    ledger.unknown_assistants.clear()


def compare_keys(server, api, ledger, tried):
    """What the list says of the keys; some of them are also used."""
    there = {each["id"]: each for each in api.get("/api/v1/users/me/api-keys") if each["name"].startswith("kill ")}
    for known in ledger.keys:
        listed = there.pop(known.id, None)
        if listed is None or listed["name"] != known.name:
            raise Difference(f"key {known.id} {known.name!r} is not there: {listed}")
        if known.revoked is None:
            ledger.found(not listed["is_active"])
            known.revoked = not listed["is_active"]
        if known.revoked == listed["is_active"]:
            raise Difference(f"key {known.id}: revoked {known.revoked}, listed as {listed}")
    for key_id, listed in there.items():
        if listed["name"] not in ledger.unknown_keys:
            raise Difference(f"key {key_id} {listed['name']!r} was never made, or twice")
        ledger.unknown_keys.remove(listed["name"])
        ledger.found(True)
        # Nobody knows its secret.
        ledger.keys.append(Key(key_id, listed["name"], None))
    ledger.not_kept += len(ledger.unknown_keys)
    ledger.unknown_keys.clear()
    for known in tried:
        if known.secret:
            status, _ = server.api(known.secret).call("GET", "/api/v1/sms-sessions/")
            if status != (401 if known.revoked else 200):
                raise Difference(f"key {known.id}, revoked {known.revoked}, is answered {status}")


def compare_import(api, ledger, imported, settle):
    found = conversations_of(api, imported.customer)
    contents = [message["content"] for _, messages in found for message in messages]
    if len(found) > 1 or (not found and imported.acknowledged):
        raise Difference(f"import {imported.call_id} is there {len(found)} times")
    if found and (found[0][0]["id"] != imported.call_id or contents != imported.contents):
        raise Difference(f"import {imported.call_id} is {found[0][0]['id']} with {contents}, wanted {imported.contents}")
    for conversation, messages in found:
        check_thread(imported.customer, conversation, messages)
    if settle and not imported.acknowledged:
        ledger.found(bool(found))


def compare_totals(server, api, ledger):
    """That nothing else is there, and that the export has all that lives and nothing of what was archived."""
    wanted = len(set(ledger.customer.values())) + len(ledger.imports)
    wanted += sum(len(owned.state[0]) for owned in ledger.owned)
    listed = len(pages(api, "/api/v1/sms-conversations/"))
    if listed != wanted:
        raise Difference(f"{listed} conversations are listed, {wanted} are known")
    code, printed, _ = server.run("export", "-")
    if code:
        raise Difference(f"the export ended with {code}: {printed[-300:]!r}")
    exported = Counter()
    for line in printed.splitlines():
        if line.startswith(b'{"type":"message",'):
            exported[json.loads(line)["content"]] += 1
    live = Counter(ledger.customer.keys())
    for owned in ledger.owned:
        live.update(sid for conversation in owned.state[0] for sid in conversation)
        for sid in owned.archived_sids:
            if sid.encode() in printed:
                raise Difference(f"{sid}, which was archived, is in the export")
    for imported in ledger.imports:
        live.update(imported.contents)
    if exported != live:
        differ = [(exported - live).most_common(2), (live - exported).most_common(2)]
        raise Difference(f"the export has {sum(exported.values())} messages, {sum(live.values())} are known; {differ}")

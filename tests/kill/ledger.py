"""What was asked of a server, and what is known about it: the other side of its answers.

Two kinds of customers write. Many clients at once write for *shared* ones, whose messages go into one
conversation each. An *owned* customer is one client's at a time, so that the order of all that was done with it is
known: messages, archived conversations, cleared sessions. At most its last step has an unknown outcome.
"""

import threading
from collections import Counter


class Difference(Exception):
    """What the server kept is not what it acknowledged."""


class Owned:
    """A customer of one client, with the conversations that are not archived, oldest first.

    `state` is (conversations, open): a tuple of tuples of MessageSids, and whether the last one still takes messages.
    """

    def __init__(self, customer):
        self.customer = customer
        self.state = ((), False)
        self.archived_sids, self.archived_ids = [], []
        # The step whose outcome is unknown.
        self.pending = None

    def after(self, step):
        (conversations, is_open), (kind, what) = self.state, step
        if kind == "post" and is_open:
            return conversations[:-1] + (conversations[-1] + (what,),), True
        if kind == "post":
            return conversations + ((what,),), True
        if kind == "clear":
            return conversations, False
        place, _ = what  # archived
        was_last = place == len(conversations) - 1
        return conversations[:place] + conversations[place + 1:], is_open and not was_last

    def done(self, step):
        if step[0] == "archive":
            place, call_id = step[1]
            self.archived_sids += self.state[0][place]
            self.archived_ids.append(call_id)
        self.state, self.pending = self.after(step), None


class Assistant:
    def __init__(self, assistant_id, name):
        self.id, self.name, self.wanted = assistant_id, name, None


class Key:
    def __init__(self, key_id, name, secret):
        self.id, self.name, self.secret = key_id, name, secret
        self.revoked = False  # None: unknown


class Import:
    def __init__(self, lines, call_id, customer, contents):
        self.lines, self.call_id, self.customer, self.contents = lines, call_id, customer, contents
        self.acknowledged = False


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        # Shared customers: a message's content is its MessageSid.
        self.customer, self.acknowledged, self.unknown = {}, set(), set()
        self.owned = []
        self.assistants, self.unknown_assistants = [], set()
        self.keys, self.unknown_keys = [], set()
        self.imports = []
        # Acknowledged writes by kind, and what became of the unknown ones.
        self.writes, self.kept, self.not_kept = Counter(), 0, 0

    def sending(self, sid, customer):
        with self.lock:
            self.customer[sid] = customer
            self.unknown.add(sid)

    def stored(self, sid):
        with self.lock:
            self.unknown.discard(sid)
            if sid not in self.acknowledged:
                self.writes["messages"] += 1
            self.acknowledged.add(sid)

    def count(self, kind):
        with self.lock:
            self.writes[kind] += 1

    def found(self, was_kept):
        """An unknown outcome became known."""
        self.kept, self.not_kept = self.kept + was_kept, self.not_kept + (not was_kept)

    def take(self, what, rng, wanted):
        """Takes one of a list for a client alone; none if there is none."""
        with self.lock:
            free = [each for each in what if wanted(each)]
            if not free:
                return None
            taken = rng.choice(free)
            what.remove(taken)
            return taken

    def put(self, what, taken):
        with self.lock:
            what.append(taken)

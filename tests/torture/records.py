"""What was asked and what was answered, by whom and when: the other side of everything that the server keeps."""

import threading
import time
from collections import Counter, defaultdict

from wire import RANKS

FINAL_JOBS = ("sent", "failed", "cancelled")
STOPPED = "You are unsubscribed and will get no more messages from this number. Reply START to get them again."
STARTED = "You are subscribed again. Reply STOP to get no more messages."
HELPED = "Reply STOP to get no more messages from this number, START to get them again."
NOTICES = (STOPPED, STARTED, HELPED)


class Delivery:
    """One webhook request, posted until it is answered 2xx, and often again."""

    def __init__(self, build):
        self.build = build
        self.begun, self.acknowledged = None, None


class Inbound:
    """A customer's message; a long one has a delivery for each of its parts."""

    def __init__(self, provider, ours, customer, text, sid, deliveries, keyword=None):
        self.provider, self.ours, self.customer, self.text, self.sid = provider, ours, customer, text, sid
        self.deliveries, self.keyword = deliveries, keyword

    @property
    def begun(self):
        return min((each.begun for each in self.deliveries if each.begun), default=None)

    @property
    def acknowledged(self):
        times = [each.acknowledged for each in self.deliveries]
        return None if None in times else max(times)


class Pair:
    """A customer and one of our numbers. Keywords come one after the other, so that their order is known."""

    def __init__(self, ours, customer):
        self.ours, self.customer = ours, customer
        self.keywords = []  # of STOP, START and HELP

    def opted_out(self, since, until):
        """Whether the customer had opted out all the time from `since` to `until`; None: perhaps."""
        state = False
        for each in list(self.keywords):
            if each.keyword == "HELP" or each.begun is None or each.begun > until:
                continue
            means = each.keyword == "STOP"
            acknowledged = each.acknowledged
            if acknowledged is None or acknowledged > since:
                state = state if state == means else None
            else:
                state = means
        return state


class Seen:
    """The statuses of one message of ours as they were read. What was read later may not be earlier in its course."""

    def __init__(self, what):
        self.what, self.lock = what, threading.Lock()
        self.status, self.status_at = None, 0
        self.job, self.job_at = None, 0
        self.fixed = {}

    def look(self, records, begun, job=None, status=None, **fixed):
        """Something was read by a request that began then and ends now. `fixed`: once it is there it stays."""
        with self.lock:
            now = time.monotonic()
            if status:
                if self.status and RANKS[self.status] == 4 and status != self.status and RANKS[status] == 4:
                    records.violation(f"{self.what} was {self.status} and is {status}, both of which are final")
                if self.status and RANKS[status] < RANKS[self.status] and begun >= self.status_at:
                    records.violation(f"{self.what} went back from {self.status} to {status}")
                if not self.status or RANKS[status] > RANKS[self.status]:
                    self.status, self.status_at = status, now
            if job:
                onward = {"unknown": ("unknown", "sent")} | {final: (final,) for final in FINAL_JOBS}
                allowed = onward.get(self.job, tuple(onward) + ("queued", "sending"))
                if job not in allowed and (begun >= self.job_at or job in FINAL_JOBS):
                    records.violation(f"{self.what}: its job was {self.job} and is {job}")
                elif job in allowed and job in onward and job != self.job:
                    self.job, self.job_at = job, now
            for name, value in fixed.items():
                if value and self.fixed.setdefault(name, value) != value:
                    records.violation(f"{self.what}: its {name} was {self.fixed[name]} and is {value}")


class Send:
    """A message that was asked to be sent, with a key, as often as it took to hear the answer."""

    def __init__(self, key, provider, ours, customer, text):
        self.key, self.provider, self.ours, self.customer, self.text = key, provider, ours, customer, text
        self.begun, self.acknowledged, self.job = None, None, None
        self.refused = None  # When it was answered that the customer has opted out, and nothing else ever.
        self.cancel_asked, self.cancelled = False, None  # When it was answered that it was taken back.
        self.seen = Seen(f"send {key}")


class Receipt:
    """What the carrier tells of a message that it took."""

    def __init__(self, taken, word, means, delivery):
        self.taken, self.word, self.means, self.delivery = taken, word, means, delivery


class Taken:
    """That the carrier took a message."""

    def __init__(self, asked, message_id, at):
        self.provider, self.job, self.ours, self.to = asked.provider, asked.job, asked.ours, asked.to
        self.text, self.callback, self.id, self.at = asked.text, asked.callback, message_id, at


class Records:
    def __init__(self):
        self.lock = threading.Lock()
        self.inbound, self.sends, self.receipts, self.pairs = [], [], [], {}
        # By job: each time that the carrier took it; each time that it was asked, with how it answered and how long
        # that took; None while it does not.
        self.taken, self.asked = defaultdict(list), defaultdict(list)
        self.kills = []
        self.counts, self.violations = Counter(), []

    def count(self, what, by=1):
        with self.lock:
            self.counts[what] += by

    def violation(self, words):
        with self.lock:
            self.violations.append(words)

    def pair(self, ours, customer):
        with self.lock:
            return self.pairs.setdefault((ours, customer), Pair(ours, customer))

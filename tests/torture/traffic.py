"""Makes what happens: customers write, people send, carriers tell receipts, everybody reads; all of it at once, again
and out of order."""

import json
import random
import threading
import time
import urllib.parse

import wire
from records import Delivery, Inbound, Send

WORDS = {"STOP": ("STOP", "stop", "Unsubscribe", "QUIT"), "START": ("START", "unstop", "YES"), "HELP": ("HELP", "info")}
TAILS = ("", "", " Can I reschedule?", " héllo ✓ 👍", " a&b=c_d+e%20", " two\nlines", " ends in a space ", " " + "long " * 60)
CUSTOMERS = 40


class Traffic:
    def __init__(self, records, pool, key, seed, rate):
        self.records, self.pool, self.key, self.rate = records, pool, key, rate
        self.rng, self.lock, self.number, self.next_at = random.Random(seed), threading.Lock(), 0, 0
        self.reading, self.listing = True, True
        self.by_text = {}

    def more(self):
        """Makes something new, if it is time for it."""
        with self.lock:
            wait = self.next_at - time.monotonic()
            if wait <= 0:
                self.next_at = time.monotonic() + (1 / self.rate if len(self.pool.heap) < 600 else 0.1)
                ours = self.rng.choice(list(wire.NUMBERS))
                customer = f"+1555200{self.rng.randrange(CUSTOMERS):04d}"
                kind = self.rng.random()
                if kind < 0.50:
                    self.message(ours, customer)
                elif kind < 0.56:
                    self.keyword(ours, customer)
                else:
                    self.new_send(ours, customer)
                return
        time.sleep(min(wait, 0.01))

    def next_number(self):
        self.number += 1
        return self.number

    # Webhooks.

    def deliver(self, delivery, seconds=0.0, repeats=True):
        """Posts it until it is taken. `repeats`: perhaps twice at once, perhaps again when it was taken."""
        chance = self.rng.random() if repeats else 1
        again = [self.rng.uniform(0, 3)] if chance < 0.3 else []

        def task(worker):
            begun = time.monotonic()
            delivery.begun = delivery.begun or begun
            status, body = worker.ask(delivery.build())
            if status // 100 != 2:
                self.records.violation(f"a signed webhook was answered {status}: {body[:200]!r}")
                return
            self.records.count("webhooks taken" if delivery.acknowledged is None else "webhooks taken again, duplicates")
            delivery.acknowledged = delivery.acknowledged or time.monotonic()
            if again:
                self.pool.after(again.pop(), task)

        self.pool.after(seconds, task)
        if chance < 0.1:
            self.pool.after(seconds, task)

    def volley(self, count=80):
        """Many messages at once, each of which comes only once: what is acknowledged too early is lost by a kill now."""
        with self.lock:
            for _ in range(count):
                self.message(self.rng.choice(list(wire.NUMBERS)), f"+1555200{self.rng.randrange(CUSTOMERS):04d}", once=True)

    def message(self, ours, customer, once=False):
        provider, rng, number = wire.NUMBERS[ours], self.rng, self.next_number()
        text = f"in {number}{rng.choice(TAILS)}"
        sid = f"{'SM' if provider == 'twilio' else 'in-'}{number:032d}"
        # What comes once only is lost for good if it is lost; a duplicate would bring it back.
        repeats = not once and rng.random() < 0.6
        if provider == "vonage" and not once and rng.random() < 0.3:
            pieces = [f"in {number}, piece {piece}{rng.choice(TAILS)};" for piece in range(1, rng.randint(2, 4) + 1)]
            text = "".join(pieces)
            deliveries = [
                self.inbound(provider, f"{sid}-{place}", customer, ours, piece, (f"r{number}", place, len(pieces)))
                for place, piece in enumerate(pieces, 1)]
            self.records.count("long messages in parts")
            message = Inbound(provider, ours, customer, text, f"{sid}-1", deliveries)
        else:
            message = Inbound(provider, ours, customer, text, sid, [self.inbound(provider, sid, customer, ours, text)])
        with self.records.lock:
            self.records.inbound.append(message)
        for delivery in message.deliveries:
            self.deliver(delivery, 0 if once else rng.uniform(0, 0.4), repeats)

    def inbound(self, provider, sid, customer, ours, text, part=None):
        style = self.rng.choice(["form", "query", "json"])
        return Delivery(lambda: wire.inbound(provider, sid, customer, ours, text, style, part))

    def keyword(self, ours, customer, wanted=None):
        """STOP, START or HELP, once the last one was taken; around a STOP others send to the same customer."""
        pair = self.records.pair(ours, customer)
        if pair.keywords and pair.keywords[-1].acknowledged is None:
            return self.message(ours, customer)
        changes = [each.keyword for each in pair.keywords if each.keyword != "HELP"]
        weights = (2, 6, 2) if changes and changes[-1] == "STOP" else (7, 1, 2)
        keyword = wanted or self.rng.choices(["STOP", "START", "HELP"], weights)[0]
        provider, number, text = wire.NUMBERS[ours], self.next_number(), self.rng.choice(WORDS[keyword])
        sid = f"{'SM' if provider == 'twilio' else 'in-'}{number:032d}"
        message = Inbound(provider, ours, customer, text, sid, [self.inbound(provider, sid, customer, ours, text)], keyword)
        pair.keywords.append(message)
        with self.records.lock:
            self.records.inbound.append(message)
        self.records.count(f"{keyword} sent by customers")
        if keyword == "STOP":
            for _ in range(self.rng.randint(0, 3)):
                self.new_send(ours, customer, self.rng.uniform(0, 0.6))
            if self.rng.random() < 0.8:
                self.pool.after(self.rng.uniform(1, 6), lambda worker: self.regret(ours, customer))
        self.deliver(message.deliveries[0], self.rng.uniform(0, 0.3))

    def regret(self, ours, customer):
        with self.lock:
            self.keyword(ours, customer, "START")

    # Sending.

    def new_send(self, ours, customer, seconds=0.0):
        number, rng = self.next_number(), self.rng
        send = Send(f"key-{number}", wire.NUMBERS[ours], ours, customer, f"out {number}{rng.choice(TAILS)}")
        self.by_text[send.text] = send
        with self.records.lock:
            self.records.sends.append(send)
        chance, again = rng.random(), []
        if chance < 0.25:
            again.append(rng.uniform(0, 3))
        plans = []
        if rng.random() < 0.06:
            plans.append((rng.uniform(0, 0.3), self.cancel(send)))
        if rng.random() < 0.01:
            plans.append((rng.uniform(0, 1), self.key_for_another(send)))
        plans += [(seconds, self.status(send)) for seconds in (0.05, 0.4, 1.2, 3, 6)]
        task = self.send(send, again, plans, waits=rng.random() < 0.03, in_header=rng.random() < 0.5)
        self.pool.after(seconds, task)
        if chance < 0.08:
            self.pool.after(seconds, task)

    def api(self, method, path, value=None, headers=()):
        headers = [("authorization", f"Bearer {self.key}"), *headers]
        if value is None:
            return wire.request(path, headers, method=method)
        return wire.request(path, [*headers, ("content-type", "application/json")], json.dumps(value).encode(), method)

    def send(self, send, again, plans, waits, in_header):
        value = {"from_phone_number": send.ours, "to_phone_number": send.customer, "message": send.text, "queue": not waits}
        headers = [("idempotency-key", send.key)] if in_header else []
        if not in_header:
            value["idempotency_key"] = send.key
        request, pair = self.api("POST", "/sms/send", value, headers), self.records.pair(send.ours, send.customer)

        def task(worker):
            begun = time.monotonic()
            send.begun = send.begun or begun
            status, body = worker.ask(request)
            said, now = json.loads(body), time.monotonic()
            if status == 409 and "opted out" in said["detail"]:
                if send.acknowledged and begun > send.acknowledged:
                    self.records.violation(f"send {send.key} was taken, and the same again is answered {said}")
                elif pair.opted_out(begun, now) is False:
                    self.records.violation(f"send {send.key} was refused though {send.customer} has not opted out")
                send.refused = send.refused or now
                self.records.count("sends refused after a STOP")
                return
            if status != 200:
                self.records.violation(f"send {send.key} was answered {status}: {body[:200]!r}")
                return
            if send.job and send.job != said["message_id"]:
                self.records.violation(f"send {send.key} was answered as {send.job} and as {said['message_id']}")
            first = send.acknowledged is None
            self.records.count("sends taken" if first else "sends asked for again, same key")
            send.job = said["message_id"]
            send.seen.look(self.records, begun, job=said["status"])
            if first:
                send.acknowledged = now
                if pair.opted_out(send.begun, now):
                    self.records.violation(f"send {send.key} was taken though {send.customer} had opted out before")
                for seconds, plan in plans:
                    self.pool.after(seconds, plan)
            if again:
                self.pool.after(again.pop(), task)

        send.task = task
        return task

    def key_for_another(self, send):
        value = {"from_phone_number": send.ours, "to_phone_number": send.customer, "message": "another"}
        request = self.api("POST", "/sms/send", value, [("idempotency-key", send.key)])

        def task(worker):
            status, body = worker.ask(request)
            self.records.count("keys used for another message")
            if status != 409 or b"another message" not in body:
                self.records.violation(f"{send.key} with another message was answered {status}: {body[:200]!r}")

        return task

    def cancel(self, send):
        def task(worker):
            send.cancel_asked, begun = True, time.monotonic()
            status, body = worker.ask(self.api("DELETE", f"/sms/{send.job}"))
            if status != 200:
                self.records.violation(f"taking back {send.key} was answered {status}: {body[:200]!r}")
                return
            said = json.loads(body)
            if said["success"]:
                send.cancelled = time.monotonic()
            self.records.count("sends taken back" if said["success"] else "sends taken back too late")
            send.seen.look(self.records, begun, job=said["new_status"])

        return task

    # Reading.

    def status(self, send):
        def task(worker):
            if not self.reading:
                return
            begun = time.monotonic()
            status, body = worker.ask(self.api("GET", f"/sms/{send.job}/status"))
            if status != 200:
                self.records.violation(f"the status of {send.key} was answered {status}: {body[:200]!r}")
                return
            said = json.loads(body)
            self.records.count("statuses read")
            send.seen.look(
                self.records, begun, job=said["status"], status=said["delivery_status"],
                provider_message_id=said["provider_message_id"], delivered_at=said["delivered_at"])

        return task

    def lists(self, worker):
        """Reads the newest logs again and again."""
        if not self.listing:
            return
        begun = time.monotonic()
        query = urllib.parse.urlencode({"direction": "outbound", "limit": 300, "skip": 0})
        status, body = worker.ask(self.api("GET", f"/api/v1/sms-logs/?{query}"))
        if status != 200:
            self.records.violation(f"the logs were answered {status}: {body[:200]!r}")
            return
        for log in json.loads(body)["items"]:
            if send := self.by_text.get(log["body"]):
                self.records.count("statuses read")
                send.seen.look(self.records, begun, status=log["status"], log_id=log["id"])
        self.pool.after(0.4, self.lists)

    def replay_everything(self):
        """All that was ever taken comes once more, in no order: nothing may change by it."""
        with self.records.lock:
            deliveries = [delivery for each in self.records.inbound for delivery in each.deliveries]
            deliveries += [receipt.delivery for receipt in self.records.receipts]
            tasks = [each.task for each in self.records.sends if each.acknowledged]
        self.rng.shuffle(deliveries)
        self.rng.shuffle(tasks)
        for delivery in deliveries:
            self.deliver(delivery, self.rng.uniform(0, 1), repeats=False)
        for task in tasks:
            self.pool.after(self.rng.uniform(0, 1), task)

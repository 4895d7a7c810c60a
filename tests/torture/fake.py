"""A carrier on loopback: three APIs to send by, which answer well and badly, and receipts of what was taken.

It keeps in memory what it took, before it answers; the server under test may be killed, this one is not.
"""

import json
import random
import select
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import wire
from pool import Unanswered, Worker
from records import Delivery, Receipt, Taken

# How often it does what, of a hundred. What is taken:
TAKES = {
    "ok": 56,
    "slow": 8,
    "hang": 6,  # never answers
    "cut": 4,  # breaks off within the answer
    "foreign 502": 2,  # a proxy answers instead
    "ok and closes": 4,  # the connection, without saying so
}
# And what is not: again and again, or once and for all.
LATER = {"busy": 7, "broken": 6, "foreign 503": 3}
REFUSES = {"refused": 2, "drop": 1, "foreign 502, not taken": 1}
# Answers after which nobody knows.
LEAVES_UNKNOWN = ("hang", "cut", "foreign 502", "drop", "foreign 502, not taken")


class Carrier:
    def __init__(self, records, server, seed):
        self.records, self.server, self.rng, self.lock = records, server, random.Random(seed), threading.Lock()
        self.deliver = None  # Takes a receipt's delivery to be posted, and after how many seconds.
        self.most_refusals = 2  # Of one message: each costs it a wait that doubles.
        self.script = None  # What is done instead of what chance says; a function of what was asked.
        self.number = 0
        carrier = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                carrier.handle(self)

            def log_message(self, *arguments):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self.http = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def choose(self, asked):
        if self.script:
            return self.script(asked)
        with self.lock:
            refusals = sum(how in LATER for how, *_ in self.records.asked[asked.job])
            choices = TAKES | (LATER if refusals < self.most_refusals else {}) | REFUSES
            return self.rng.choices(list(choices), list(choices.values()))[0]

    def handle(self, http):
        at = time.monotonic()
        body = http.rfile.read(int(http.headers["content-length"]))
        asked = wire.Asked(http.path, {name.lower(): value for name, value in http.headers.items()}, body)
        how = self.choose(asked)
        taken = None
        entry = [how, at, None]
        with self.lock:
            self.records.asked[asked.job].append(entry)
            if how in TAKES:
                self.number += 1
                # No id that a customer's message has, too: carriers use an id once.
                prefix = {"twilio": "SM9", "telnyx": "tx-", "vonage": "V"}[asked.provider]
                taken = Taken(asked, f"{prefix}{self.number:031d}", at)
                self.records.taken[asked.job].append(taken)
        if taken:
            self.tell(taken)
        self.answer(http, asked, how, taken)
        entry[2] = time.monotonic()

    def answer(self, http, asked, how, taken):
        def say(status, said, headers=(), cut=False):
            body = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            http.send_response(status)
            for name, value in headers:
                http.send_header(name, value)
            http.send_header("content-length", str(len(body)))
            http.end_headers()
            http.wfile.write(body[:len(body) // 2] if cut else body)

        if how in ("hang", "drop"):
            if how == "hang":
                # Until the other side has enough of it.
                while not select.select([http.connection], [], [], 1)[0]:
                    pass
            http.close_connection = True
        elif how in TAKES and not how.startswith("foreign"):
            if how == "slow":
                with self.lock:
                    pause = self.rng.uniform(0.1, 0.6)
                time.sleep(pause)
            say(*wire.taken_answer(asked.provider, taken.id, asked.to), cut=how == "cut")
            http.close_connection = how in ("cut", "ok and closes")
        elif how == "busy":
            say(*wire.busy_answer(asked.provider), headers=[("retry-after", "1")])
        elif how == "broken":
            say(*wire.broken_answer(asked.provider))
        elif how == "refused":
            say(*wire.refused_answer(asked.provider))
        else:
            status = int(how.split()[1].strip(","))
            say(status, "<html>Bad gateway</html>", headers=[("content-type", "text/html")])

    def receipt(self, taken, word, means):
        """Makes a receipt and notes it."""
        with self.lock:
            style = self.rng.choice(["form", "query", "json"])
            names_job = self.rng.random() < 0.5
        delivery = Delivery(lambda: wire.receipt(taken.provider, taken, word, means, style, names_job))
        receipt = Receipt(taken, word, means, delivery)
        with self.records.lock:
            self.records.receipts.append(receipt)
        return receipt

    def tell(self, taken):
        """Receipts of a message: none, in order or not, one of them perhaps before we answer."""
        if self.script:
            return
        with self.lock:
            rng = self.rng
            if rng.random() < 0.12:
                return
            course = list(rng.choice(wire.COURSES[taken.provider]))
            if rng.random() < 0.03:
                course += [(word, means) for word, means in wire.COURSES[taken.provider][3][-1:] if (word, means) not in course]
            if rng.random() < 0.4:
                rng.shuffle(course)
            early = rng.random() < 0.25
            at = [rng.uniform(0, 0.3) + place * rng.uniform(0.05, 0.8) for place in range(len(course))]
        receipts = [self.receipt(taken, word, means) for word, means in course]
        if early:
            self.records.count("receipts before the answer to the send")
            self.post(receipts.pop(0))
        for receipt, seconds in zip(receipts, at):
            self.deliver(receipt.delivery, seconds)

    def post(self, receipt):
        """Once, now; what is not answered is told again later."""
        delivery, worker = receipt.delivery, Worker(self.server)
        delivery.begun = time.monotonic()
        try:
            status, body = worker.ask(delivery.build())
            if status // 100 == 2:
                delivery.acknowledged = time.monotonic()
                return
            self.records.violation(f"a signed receipt was answered {status}: {body[:200]!r}")
        except Unanswered:
            self.deliver(delivery, 0.2)
        finally:
            worker.close()

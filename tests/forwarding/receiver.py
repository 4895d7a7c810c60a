"""The receiver that messages are forwarded to, which behaves well and badly, and a carrier that takes what is sent.

Every request is verified with the official library of Standard Webhooks. What was seen is noted before it is answered; the
server under test may be killed, this one is not.
"""

import json
import random
import select
import socket
import threading
import time
import urllib.parse
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

# How often it does what, of a hundred. These are a success, if the server hears them in time:
GOOD = {"ok": 32, "reply": 22, "garbage": 6, "slow": 10}
# And these are not:
BAD = {"500": 6, "404": 4, "redirect": 4, "hang": 4, "trickle": 2, "cut": 3, "drop": 3, "half": 2}
# So often one message is failed: each time costs a wait that doubles.
MOST_FAILURES = 3
# The signing secret is another from when the answer that says so came; a request may have been on its way.
ROTATION_SECONDS = 2
GARBAGE = (
    b"<html>\0\xff\xfe", b"[[[[[[", b'{"reply"', b'{"reply": 5}', b'{"reply": ["x"]}', b'"reply"', b'{"reply": "  "}', b'{"reply": null}',
    b'{"reply": "' + b"x" * 100_000 + b'"}', b'{"reply": "' + b"x" * 1601 + b'"}', b"\xef\xbb\xbf", b"0" * 65_537)


class Message:
    """A customer's message: the `number`th of its conversation."""

    def __init__(self, assistant, ours, customer, number, sid, text):
        self.assistant, self.ours, self.customer = assistant, ours, customer
        self.number, self.sid, self.text = number, sid, text
        self.acknowledged = None

    @property
    def pair(self):
        return self.ours, self.customer

    def __repr__(self):
        return f"{self.customer} #{self.number} ({self.sid})"


class Attempt:
    """A request of the server's that arrived, and what it was answered. `epoch`: of which of the server's processes.
    `ended`: just before the last of the answer was handed over, or when the other side was seen to have hung up.
    `complete`: the whole answer was handed over."""

    def __init__(self, message, epoch, event_id):
        self.message, self.epoch, self.event_id = message, epoch, event_id
        self.begun, self.begun_wall = time.monotonic(), time.time()
        self.ended, self.ended_wall, self.complete = None, None, False
        self.how, self.status, self.reply = None, None, None

    def end(self):
        self.ended, self.ended_wall = time.monotonic(), time.time()

    @property
    def took(self):
        return self.complete and self.status // 100 == 2

    def __repr__(self):
        return f"attempt of {self.message} by process {self.epoch}, answered {self.how!r}"


class Receiver:
    def __init__(self, seed, good=None, bad=None):
        self.seed, self.good, self.bad = seed, good or GOOD, BAD if bad is None else bad
        self.lock = threading.Lock()
        self.messages = {}  # by sid
        self.attempts, self.times = [], defaultdict(list)  # times: by sid
        self.secrets = {}  # by assistant: the newest first
        self.rotated = {}  # by assistant: when
        self.carried = Counter()  # by text: what the carrier took
        self.counts, self.violations = Counter(), []
        self.well_behaved, self.script = False, None
        self.epoch, self.epoch_of = 0, {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                self.epoch = receiver.epoch_of[self.client_address]
                super().setup()

            def do_POST(self):
                receiver.handle(self)

            def do_GET(self):
                if self.path != "/mark":
                    receiver.violation(f"GET {self.path} was asked of the receiver")
                say(self, 200, b"")

            def log_message(self, *arguments):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def process_request(self, request, client_address):
                receiver.epoch_of[client_address] = receiver.epoch
                super().process_request(request, client_address)

        self.http = Listener(("127.0.0.1", 0), Handler)
        self.port = self.http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def next_epoch(self):
        """The process is dead: whatever it connected with is accepted before this connection, what comes later is of the next."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as mark:
            mark.sendall(b"GET /mark HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            while mark.recv(1000):
                pass
        self.epoch += 1

    def violation(self, words):
        with self.lock:
            self.violations.append(words)

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def rotate(self, assistant, secrets):
        with self.lock:
            self.secrets[assistant], self.rotated[assistant] = secrets, time.monotonic()

    # What is asked.

    def handle(self, http):
        length = int(http.headers["content-length"])
        body = http.rfile.read(length)
        if len(body) < length:  # Cut by a kill: nothing has arrived.
            http.close_connection = True
            return
        if http.path.endswith("/Messages.json"):
            self.carry(http, body)
        elif http.path.startswith("/hook/"):
            self.take(http, int(http.path.removeprefix("/hook/")), body)
        else:
            self.violation(f"a redirect was followed to {http.path}")
            say(http, 200, b"")

    def carry(self, http, body):
        """As Twilio: takes everything."""
        said = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        with self.lock:
            self.carried[said["Body"]] += 1
            number = sum(self.carried.values())
        answer = {"sid": f"SM9{number:031d}", "status": "queued", "num_segments": "1", "error_code": None, "error_message": None}
        say(http, 201, json.dumps(answer).encode())

    def take(self, http, assistant, body):
        self.verify(assistant, body, http.headers)
        event = json.loads(body)
        data = event["data"]
        message = self.messages.get(data["message_id"])
        told = (event["type"], data["from"], data["to"], data["body"], data["media_urls"], data["provider"], assistant)
        if not message or told != ("sms_received", message.customer, message.ours, message.text, [], "twilio", message.assistant):
            self.violation(f"{data['message_id']} was forwarded as {event} to assistant {assistant}, wanted {message}")
            return say(http, 500, b"")
        attempt = Attempt(message, http.epoch, http.headers["webhook-id"])
        with self.lock:
            before = self.times[message.sid]
            before.append(attempt)
            self.attempts.append(attempt)
            # What happens to a message does not depend on what happens to others.
            rng = random.Random(f"{self.seed} {message.sid} {len(before)}")
            failures = sum(each.how in self.bad for each in before)
            bad = {} if self.well_behaved or failures >= MOST_FAILURES else self.bad
            chances = self.good | bad
            attempt.how = rng.choices(list(chances), list(chances.values()))[0]
            if self.script:
                attempt.how = self.script(message)
        try:
            self.answer(http, attempt, rng, len(before))
        except OSError:
            http.close_connection = True
        finally:
            if attempt.ended is None:
                attempt.end()

    def verify(self, assistant, body, headers):
        """With the newest secret; after a rotation with the one before, too."""
        with self.lock:
            secrets, rotated = list(self.secrets[assistant]), self.rotated.get(assistant)
            others = [each for other, them in self.secrets.items() if other != assistant for each in them]
        known = {name: headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
        verified = [verifies(secret, body, known) for secret in secrets]
        count = len(known["webhook-signature"].split())
        if rotated is None:
            # While a rotation is being asked for, there may be two of them already.
            good = verified == [True]
        elif time.monotonic() < rotated + ROTATION_SECONDS:
            good = verified[1]
        else:
            good = all(verified) and count == 2
            self.count("requests signed with two secrets")
        if not good:
            self.violation(f"a request to assistant {assistant} does not verify: {verified}, {count} signatures, {known}")
        if any(verifies(secret, body, known) for secret in others) or verifies(secrets[0], body + b" ", known):
            self.violation(f"a request to assistant {assistant} verifies with what it must not")
        if abs(int(known["webhook-timestamp"] or 0) - time.time()) > 15:
            self.violation(f"a request was signed at {known['webhook-timestamp']}, it is {time.time():.0f}")
        self.count("requests verified")

    # What is answered.

    def answer(self, http, attempt, rng, number):
        how, message = attempt.how, attempt.message
        reply = f"re {message.customer} #{message.number}, asked for by attempt {number}{rng.choice(['', ' 👍', ' é' * 40])}"
        asks = json.dumps({"reply": reply}, ensure_ascii=rng.random() < 0.5).encode()

        def tell(status, body, headers=(), pieces=1, seconds=0.0):
            attempt.status = status
            if not body:  # Then the head is the last of it.
                attempt.end()
            begin(http, status, len(body), headers)
            size = -(-len(body) // pieces) or 1
            for at in range(0, len(body) - size, size):
                http.wfile.write(body[at:at + size])
                time.sleep(seconds / pieces)
            if body:
                attempt.end()
            http.wfile.write(body[(max(0, len(body) - 1) // size) * size:])
            attempt.complete = True

        if how == "ok":
            status = rng.choice([200, 200, 201, 202, 204])
            tell(status, b"" if status == 204 else rng.choice([b"", b"OK", b"{}", b'{"other": "reply"}']))
        elif how == "reply":
            attempt.reply = reply
            tell(200, asks)
        elif how == "garbage":
            tell(200, rng.choice(GARBAGE))
        elif how == "slow":
            if rng.random() < 0.5:
                attempt.reply = reply
            body = asks if attempt.reply else b"slowly"
            if rng.random() < 0.5:
                time.sleep(rng.uniform(0.2, 0.5))
                tell(200, body)
            else:
                tell(200, body, pieces=5, seconds=rng.uniform(0.2, 0.5))
        elif how in ("500", "404"):
            # What a failure asks for is not sent.
            tell(int(how), asks)
        elif how == "redirect":
            # Along with what would be a reply.
            location = f"{self.url}/followed"
            tell(rng.choice([307, 307, 301, 302, 303, 308]), asks, [("location", location)])
        elif how in ("hang", "half", "trickle"):
            if how != "hang":
                begin(http, 200, len(asks))
                http.wfile.write(asks[:len(asks) // 2])
            # Until the other side has enough of it.
            while not select.select([http.connection], [], [], 0.25)[0]:
                if how == "trickle":
                    http.wfile.write(asks[:1])
            attempt.end()
            http.close_connection = True
        elif how in ("cut", "drop"):
            if how == "cut":
                begin(http, 200, len(asks))
                http.wfile.write(asks[:rng.randrange(len(asks))])
            attempt.end()
            http.close_connection = True
        else:
            raise ValueError(how)


def begin(http, status, length, headers=()):
    http.send_response(status)
    for name, value in headers:
        http.send_header(name, value)
    if status != 204:
        http.send_header("content-length", str(length))
    http.end_headers()


def say(http, status, body):
    begin(http, status, len(body))
    http.wfile.write(body)


def verifies(secret, body, headers):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False
    except Exception:  # Of a garbage body, which was verified before it was read.
        return False

"""The customers: each writes "c17 #1", "c17 #2" and so on, the next when the one before was acknowledged."""

import random
import threading
import time

import wire
from pool import Unanswered, Worker
from receiver import Message

TAILS = ("", "", "", " Can I reschedule?", " héllo ✓ 👍", ' "quoted" \\ back', " two\nlines", " a&b=c_d+e%20", " " + "long " * 60)


class Customers:
    """Writes from several threads until told to stop; then each message that was begun is posted until it is acknowledged.
    `numbers`: of our numbers the assistant of each."""

    def __init__(self, server, receiver, seed, numbers, count, threads, rate):
        self.server, self.receiver, self.rate, self.threads = server, receiver, rate, []
        self.stopped, self.raised, self.repeats = threading.Event(), [], 0
        self.took = []
        everybody = []
        for place in range(count):
            ours, assistant = list(numbers.items())[place % len(numbers)]
            everybody.append((f"c{place}", f"+1555300{place:04d}", ours, assistant))
        for place in range(threads):
            own = random.Random(f"{seed} customers {place}")
            thread = threading.Thread(target=self._run, args=(own, everybody[place::threads], rate / threads), daemon=True)
            self.threads.append(thread)

    def start(self):
        for thread in self.threads:
            thread.start()

    def end(self):
        """Returns when all is acknowledged."""
        self.stopped.set()
        for thread in self.threads:
            thread.join(60)
            if thread.is_alive():
                raise RuntimeError("a message was not acknowledged within a minute")
        self.check()

    def check(self):
        if self.raised:
            raise self.raised[0]

    def _run(self, rng, mine, rate):
        try:
            worker, counts, due = Worker(self.server), dict.fromkeys(mine, 0), time.monotonic()
            while not self.stopped.is_set():
                due = max(due + rng.expovariate(rate), time.monotonic() - 1)
                self.stopped.wait(max(0, due - time.monotonic()))
                one = rng.choice(mine)
                counts[one] += 1
                self.post(worker, rng, self.make(rng, one, counts[one]))
            worker.close()
        except BaseException as error:  # to be raised again in the main thread
            self.raised.append(error)

    def make(self, rng, one, number):
        name, customer, ours, assistant = one
        with self.receiver.lock:
            sid = f"SM{len(self.receiver.messages) + 1:032d}"
            message = Message(assistant, ours, customer, number, sid, f"{name} #{number}{rng.choice(TAILS)}")
            self.receiver.messages[sid] = message
        return message

    def post(self, worker, rng, message):
        request = wire.inbound("twilio", message.sid, message.customer, message.ours, message.text)
        while True:
            begun = time.monotonic()
            try:
                status, body = worker.ask(request)
            except Unanswered:
                self.repeats += 1
                time.sleep(rng.uniform(0.02, 0.2))
                continue
            if status != 200:
                raise RuntimeError(f"a signed webhook was answered {status}: {body[:200]!r}")
            message.acknowledged = time.monotonic()
            self.took.append(message.acknowledged - begun)
            return

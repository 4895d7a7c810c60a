"""Without chance: the carrier takes a message and hangs, and the server is killed or loses its patience."""

import json
import time

import wire
from pool import Unanswered, Worker

CUSTOMER = "+15552009999"
CARRIERS = ("+15550001001", "+15550001002", "+15550001003")  # One number of each.
# When nobody waits for the carrier any more.
PATIENCE = 3


class Case:
    def __init__(self, torture):
        self.torture, self.records, self.server = torture, torture.records, torture.server
        self.violations = self.records.violations
        torture.carrier.script = lambda asked: "hang"

    def send(self, name):
        """To each carrier; the ids by carrier."""
        ids = {}
        for ours in CARRIERS:
            value = {"from_phone_number": ours, "to_phone_number": CUSTOMER, "message": f"{name} from {ours}", "idempotency_key": f"{name} {ours}"}
            ids[wire.NUMBERS[ours]] = self.server.api().post("/sms/send", value)["message_id"]
        return ids

    def all_taken(self, ids):
        until = time.monotonic() + 20
        while not all(self.records.taken.get(job) for job in ids.values()):
            if time.monotonic() > until:
                raise RuntimeError("the carrier was not asked within 20 s")
            time.sleep(0.01)

    def tell(self, ids, word="delivered", means="delivered"):
        """A receipt, to the URL that came with the message."""
        worker = Worker(self.server)
        for provider, job in ids.items():
            status, body = worker.ask(wire.receipt(provider, self.records.taken[job][0], word, means))
            if status != 200:
                self.violations.append(f"a receipt of {provider} was answered {status}: {body[:200]!r}")
        worker.close()

    def status(self, job):
        """What is told of a message. What a killed server was sending is given up in a moment, after the start."""
        until = time.monotonic() + 5
        while True:
            said = self.server.api().get(f"/sms/{job}/status")
            if said["status"] != "sending" or time.monotonic() > until:
                return said
            time.sleep(0.02)

    def expect(self, when, ids, status, delivery):
        for provider, job in ids.items():
            said = self.status(job)
            taken = self.records.taken[job]
            if len(taken) != 1 or len(self.records.asked[job]) != 1:
                self.violations.append(f"{when}, {provider}: the carrier was asked {len(self.records.asked[job])} times, wanted once")
            if (said["status"], said["delivery_status"], said["attempts"]) != (status, delivery, 1):
                self.violations.append(f"{when}, {provider}: wanted {status}, {delivery}, one attempt, found {json.dumps(said)}")
            if status == "sent" and said["provider_message_id"] != taken[0].id:
                self.violations.append(f"{when}, {provider}: the carrier's id is {said['provider_message_id']}, wanted {taken[0].id}")
            if status == "unknown" and said["error_code"] != "outcome_unknown":
                self.violations.append(f"{when}, {provider}: the error is {said['error_code']}")

    def run(self):
        untold, told = self.send("untold"), self.send("told")
        self.all_taken(untold)
        self.all_taken(told)
        self.tell(told)
        self.torture.kill()
        self.torture.restart()
        when = "taken, no answer, killed"
        self.expect(when, untold, "unknown", "queued")
        self.expect(f"{when}, but a receipt came before", told, "sent", "delivered")
        late = self.send("late")
        self.all_taken(late)
        self.tell(late)
        time.sleep(PATIENCE)
        self.expect(f"{when}, {PATIENCE} s ago", untold, "unknown", "queued")
        self.expect("taken, a receipt, no answer in time", late, "sent", "delivered")
        if self.send("untold") != untold:
            self.violations.append(f"{when}: the same key again is answered with another message")
        self.tell(untold)
        self.expect(f"{when}, then a receipt", untold, "sent", "delivered")
        self.torture.kill()
        self.torture.restart()
        for ids in (untold, told, late):
            self.expect("killed again", ids, "sent", "delivered")


def run(start):
    """The violations. `start` makes a server whose carriers have so many seconds to answer."""
    torture = start(PATIENCE - 1)
    try:
        Case(torture).run()
    except (RuntimeError, Unanswered) as error:
        torture.records.violations.append(f"the case without chance: {error}")
    finally:
        torture.close(keep=False)
    print(f"cases without chance     {'as wanted' if not torture.records.violations else 'NOT as wanted'}", flush=True)
    return torture.records.violations

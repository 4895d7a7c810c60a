"""Runs in the virtual environment that forwarding.py made."""

import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "kill"), str(TESTS / "torture")]

import dead
import falsify
import listening
import wire
from customers import Customers
from hammer import percentile
from judge import Seen, judge
from receiver import BAD, GOOD, Receiver
from server import Server

# Each of an assistant of its own, with a URL of its own.
NUMBERS = ("+15550001001", "+15550001004")
SHOWN = 12


def settings(receiver, timeout):
    return {
        "SMSLITE_PUBLIC_URL": wire.PUBLIC_URL, "SMSLITE_FORWARDING_TIMEOUT_SECONDS": str(timeout),
        "SMSLITE_TWILIO_BASE_URL": receiver.url, "SMSLITE_TWILIO_ACCOUNT_SID": wire.TWILIO_SID,
        "SMSLITE_TWILIO_MESSAGES_PER_MINUTE": "60000", "SMSLITE_TWILIO_NUMBER_MESSAGES_PER_MINUTE": "60000"}


class Scene:
    """A server, its receiver, and what was done to both."""

    def __init__(self, arguments, timeout, urls):
        """`urls`: of each of our numbers the URL of its assistant; none: that of the receiver."""
        self.home = Path(tempfile.mkdtemp(prefix="smslite-forwarding-"))
        self.rng, self.receiver = random.Random(arguments.seed), Receiver(arguments.seed, arguments.good, arguments.bad)
        self.violations = []
        self.kills, self.killed_starts, self.parked, self.replayed, self.given_up = {}, 0, set(), 0, set()
        self.server = Server(arguments.binary, self.home, token=wire.TWILIO_TOKEN, settings=settings(self.receiver, timeout))
        self.server.start()
        self.numbers = {}
        for place, (ours, url) in enumerate(urls.items(), 1):
            url = url or f"{self.receiver.url}/hook/{place}"
            made = self.api().post("/api/v1/assistants", {"name": f"Forwarded {place}", "sms_webhook_url": url})
            path = f"/api/v1/assistants/{made['id']}/phone-numbers/assign-by-number"
            self.api().post(path, {"phone_number": ours, "provider": "twilio"})
            self.numbers[ours] = made["id"]
            self.receiver.secrets[made["id"]] = self.secrets(made["id"])

    def api(self):
        return self.server.api()

    def secrets(self, assistant):
        return [each["secret"] for each in self.api().get(f"/api/v1/assistants/{assistant}/sms-webhook-secret")["secrets"]]

    def rotate(self, assistant):
        before = self.receiver.secrets[assistant]
        answer = self.api().post(f"/api/v1/assistants/{assistant}/sms-webhook-secret", {})
        secrets = [each["secret"] for each in answer["secrets"]]
        self.receiver.rotate(assistant, secrets)
        if secrets[1:] != before or secrets[0] in before:
            self.violations.append(f"after a rotation the secrets are {secrets}, before they were {before}")

    def kill(self):
        if (code := self.server.process.poll()) is not None:
            self.violations.append(f"the server ended by itself with {code}")
        self.kills[self.receiver.epoch] = time.monotonic()
        self.server.kill()
        self.receiver.next_epoch()

    def restart(self):
        self.check()
        if self.rng.random() < 0.25:  # Starts are killed, too.
            self.server.exec()
            time.sleep(self.rng.uniform(0, 0.1))
            self.kill()
            self.killed_starts += 1
        self.server.start()
        for assistant, secrets in self.receiver.secrets.items():
            if (now := self.secrets(assistant)) != secrets:
                self.violations.append(f"after a kill the secrets of assistant {assistant} are {now}, they were {secrets}")

    def stop(self):
        self.server.process.send_signal(signal.SIGTERM)
        if code := self.server.process.wait(30):
            self.violations.append(f"after SIGTERM the exit code is {code}")
        self.receiver.next_epoch()

    def check(self):
        code, printed, _ = self.server.run("check")
        if code:
            self.violations.append(f"check: {printed.decode(errors='replace').strip()[:500]}")

    def parked_events(self):
        found, api = [], self.api()
        while page := api.get(f"/api/v1/parked-events/?limit=1000&skip={len(found)}")["items"]:
            found += page
        self.parked |= {each["message_id"] for each in found}
        return found

    def replay(self, what):
        self.replayed += self.api().post("/api/v1/parked-events/replay", what)["replayed"]

    def undelivered(self):
        """Of each message the last attempt that was begun was taken."""
        times, left = self.receiver.times, []
        for sid, message in list(self.receiver.messages.items()):
            if message.acknowledged and sid not in self.given_up and not (times[sid] and times[sid][-1].took):
                left.append(message)
        return left

    def wait_until_delivered(self, timeout):
        until = time.monotonic() + timeout
        while left := self.undelivered():
            if time.monotonic() > until:
                self.violations.append(f"after {timeout} s {len(left)} messages are not delivered, among them {left[0]}")
                return
            if self.parked_events():
                self.replay({"all": True})
            time.sleep(0.2)

    def conversations(self):
        found, api = [], self.api()
        while page := api.get(f"/api/v1/sms-conversations/?limit=1000&skip={len(found)}"):
            found += page
        conversations = {}
        for each in found:
            pair = (each["assistant_phone_number"], each["customer_phone_number"])
            if pair in conversations:
                self.violations.append(f"{pair} have several conversations")
            messages = api.get(f"/api/v1/sms-conversations/{each['id']}/messages")
            steps = api.get(f"/api/v1/sms/{each['id']}/logs")["logs"]
            conversations[pair] = {"id": each["id"], "messages": messages, "steps": steps}
        return conversations

    def latencies(self, assistant=None):
        """From a message's acknowledgement to when it was first told with success."""
        found = []
        for sid, message in self.receiver.messages.items():
            took = [attempt for attempt in self.receiver.times[sid] if attempt.took]
            if took and message.acknowledged and assistant in (None, message.assistant):
                found.append(took[0].begun - message.acknowledged)
        return found

    def close(self, keep):
        self.server.kill()
        self.receiver.close()
        if keep:
            print(f"the data and the server's log were left in {self.home}", file=sys.stderr)
        else:
            shutil.rmtree(self.home, ignore_errors=True)


def start_listeners(server, seed):
    """Five that hear everything, each in its own way, and one that begins later (see `rounds`)."""
    listeners = [
        listening.Listener(server, "1"), listening.Listener(server, "2"), listening.Listener(server, "slow", slowly=True),
        listening.Listener(server, "whimsical", whims=True, seed=seed),
        listening.Listener(server, "of messages", "?type=message_received")]
    for listener in listeners:
        listener.start()
    until = time.monotonic() + 10
    while any(listener.told.first is None for listener in listeners) and time.monotonic() < until:
        time.sleep(0.01)
    return listeners


def end_listeners(scene, listeners, feed):
    """When each has heard the last of what it listens to."""
    until = time.monotonic() + 30
    for listener in listeners:
        last = next(event[0] for event in reversed(feed) if "type=" not in listener.told.query or event[1] == "message_received")
        while (listener.last or 0) < last and time.monotonic() < until and listener.is_alive():
            time.sleep(0.02)
        listener.stopped = True
    for listener in listeners:
        listener.join(10)
        scene.violations += listener.wrong


def rounds(arguments, scene):
    """Kills and restarts under load. Returns everything that is to be judged."""
    server, receiver, rng = scene.server, scene.receiver, scene.rng
    customers = Customers(server, receiver, rng.random(), scene.numbers, arguments.customers, arguments.threads, arguments.rate)
    listeners = start_listeners(server, rng.random())
    customers.start()
    rotated_in = rng.randrange(arguments.rounds) if arguments.rounds else None
    for done in range(arguments.rounds):
        time.sleep(rng.uniform(1, 4))
        if done == rotated_in:
            scene.rotate(1)
            time.sleep(rng.uniform(0, 3))
        if done == 1:
            late = listening.Listener(server, "late")
            late.start()
            listeners.append(late)
        time.sleep(rng.uniform(0.5, 2))
        scene.kill()
        scene.restart()
        customers.check()
        if done % 10 == 9:
            print(f"round {done + 1}: {len(receiver.messages)} messages, {len(receiver.attempts)} deliveries", flush=True)
    time.sleep(3)
    receiver.well_behaved = True
    customers.end()
    scene.wait_until_delivered(120)
    # A process that ends as it should writes what came of what is under way; what is delivered then stays so.
    scene.stop()
    scene.check()
    server.start()
    time.sleep(1.5)
    if parked := scene.parked_events():
        scene.violations.append(f"{len(parked)} messages are parked though everything is delivered")
    conversations, feed = scene.conversations(), listening.whole_feed(server)
    end_listeners(scene, listeners, feed)
    scene.connections = sum(listener.connections for listener in listeners)
    scene.stop()
    scene.check()
    if b"panicked" in (scene.home / "server.log").read_bytes():
        scene.violations.append("something in the server panicked, its log says where")
    scene.repeats, scene.took = customers.repeats, customers.took
    heard = [listener.told for listener in listeners]
    return Seen(list(receiver.messages.values()), receiver.attempts, receiver.carried, scene.kills, scene.parked, conversations,
                feed, heard)


def tell_of(scene, seen, violations, seconds):
    receiver, attempts = scene.receiver, seen.attempts
    answers = Counter(attempt.how for attempt in attempts)
    replies = sum(message["role"] == "assistant" for each in seen.conversations.values() for message in each["messages"])
    late = scene.latencies()
    print(f"kills                    {len(seen.kills)}, of them {scene.killed_starts} of starts, in {seconds:.0f} s")
    print(f"messages                 {len(seen.messages)} in {len(seen.conversations)} conversations; "
          f"posted again {scene.repeats} times")
    print(f"answers                  {dict(answers.most_common())}")
    print(f"attempts without a step  {seen.cut}, cut by kills; answers that were late: {seen.late}")
    print(f"signatures               {receiver.counts['requests verified']} verified, "
          f"{receiver.counts['requests signed with two secrets']} of them with two secrets")
    print(f"listeners                {len(seen.heard)}, {scene.connections} connections; {len(seen.feed)} events, "
          f"heard {sum(len(each.heard) for each in seen.heard)} times")
    print(f"webhooks took            {spread(scene.took)}")
    print(f"from ack to success      {spread(late)}")
    print(f"messages {len(seen.messages)}, deliveries {len(attempts)}, "
          f"retries {len(attempts) - len(seen.messages)}, kills {len(seen.kills)}, parked {len(seen.parked)}, "
          f"replayed {scene.replayed}, replies {replies}, violations {len(violations)}")


def spread(values):
    p50, p99, most = (percentile(values, share) * 1000 for share in (.5, .99, 1))
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {most:.0f} ms"


def tell(violations, seed):
    """The first of each kind, with how many there are of it."""
    kinds = {}
    for violation in dict.fromkeys(violations):
        kinds.setdefault(re.sub(r"'[^']*'|\"[^\"]*\"|[+]?[0-9][0-9T:.Z-]*", "#", violation)[:60], []).append(violation)
    for same in list(kinds.values())[:SHOWN]:
        print(f"VIOLATION (seed {seed}): {same[0]}" + (f" (and {len(same) - 1} like it)" if same[1:] else ""), file=sys.stderr)
    if len(kinds) > SHOWN:
        print(f"and {len(kinds) - SHOWN} other kinds", file=sys.stderr)


def torture(arguments):
    scene = Scene(arguments, 1, dict.fromkeys(NUMBERS))
    violations, started = ["it did not come to its end"], time.monotonic()
    try:
        seen = rounds(arguments, scene)
        differ = judge(seen)
        violations = scene.violations + scene.receiver.violations + differ
        tell_of(scene, seen, violations, time.monotonic() - started)
        if not differ:
            missed, tried = falsify.undetected(seen)
            violations += missed
            print(f"falsified                {tried - len(missed)} of {tried} were found out")
    except RuntimeError as error:
        violations = [str(error), *scene.violations, *scene.receiver.violations]
    finally:
        scene.close(bool(violations))
    return violations


def mix(text, known):
    """`name=weight,...`; those that are left out are not done."""
    if text is None:
        return known
    weights = {name: float(weight) for name, _, weight in (pair.partition("=") for pair in text.split(",") if pair)}
    if unknown := set(weights) - set(known):
        sys.exit(f"{', '.join(unknown)}: known are {', '.join(known)}")
    return weights


def main(arguments):
    arguments.good, arguments.bad = mix(arguments.good, GOOD), mix(arguments.bad, BAD)
    violations = dead.run(arguments, Scene) if arguments.dead else torture(arguments)
    tell(violations, arguments.seed)
    return 1 if violations else 0

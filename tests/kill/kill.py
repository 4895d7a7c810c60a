#!/usr/bin/env python3
"""Kills a loaded server again and again, and holds what it kept against what it acknowledged.

Each round: clients post signed Twilio webhooks, others archive, clear sessions, import, make assistants and make
and revoke keys; at a random moment the server is killed with SIGKILL; `smslite check` must find the file sound as the
kill left it; it is started again on the same directory; everything whose outcome is unknown is sent again, as a carrier
would; then every message is read back through the API. The next round goes on with the same data.

Every tenth round a backup is made under load and proved, and a compact and a restore are killed.

It must then hold: every acknowledged message is there exactly once; nothing is there that was never sent;
each customer has one conversation; indexes are 1..n without gaps, times never run backwards, and
message_count and last_activity agree with the messages.

It proves nothing of a power cut: a killed process loses its memory, not what the kernel was handed.

    tests/kill/kill.py --rounds 10 --seed 1 --binary target/ci/smslite

Needs Python 3.9 and Linux, nothing else. Ends only processes that it started. Exit code 1 at any difference.
"""

import argparse
import os
import random
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources

from carrier import OUR_NUMBER, Connection, webhook
from others import Others, Refused
from server import API_KEY, TWILIO_TOKEN, Server

# Customers who wrote in earlier rounds and write again, and those who are new in each round.
OLD, NEW = 24, 16
# One start in so many is killed too, within these seconds of its exec; and so many of the very first ones.
KILL_A_START, LONGEST_START, FIRST_STARTS = 4, 0.030, 5


class Difference(Exception):
    """What the server kept is not what it acknowledged."""


class Ledger:
    """What was sent, and what is known about it. A message's content is its MessageSid."""

    def __init__(self):
        self.lock = threading.Lock()
        self.customer = {}
        self.acknowledged = set()
        self.unknown = set()

    def sending(self, sid, customer):
        with self.lock:
            self.customer[sid] = customer
            self.unknown.add(sid)

    def stored(self, sid):
        with self.lock:
            self.unknown.discard(sid)
            self.acknowledged.add(sid)


def new_sid(rng):
    return f"SM{rng.getrandbits(128):032x}"


def post_until(server, ledger, customers, rng, stop, most=None):
    """One client: posts until told to stop, its number is reached or the connection is gone."""
    sent = 0
    try:
        connection = Connection(server.host, server.port)
        while not stop.is_set() and (most is None or sent < most):
            sid, customer = new_sid(rng), rng.choice(customers)
            ledger.sending(sid, customer)
            status, _ = connection.roundtrip(webhook(server, TWILIO_TOKEN, sid, customer))
            if status == 200:
                ledger.stored(sid)
            elif status != 503:
                raise Difference(f"a webhook was answered {status}")
            sent += 1
    except OSError:
        # Cut off: the outcome of the last one is unknown.
        pass


def run_clients(server, ledger, customers, rng, clients, stop, most=None):
    """Starts the clients; what they raise ends up in the returned list."""
    raised = []

    def client(own):
        try:
            post_until(server, ledger, customers, own, stop, most)
        except BaseException as error:  # to be raised again in the main thread
            raised.append(error)

    threads = [threading.Thread(target=client, args=(random.Random(rng.random()),)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    return threads, raised


def join(threads, raised):
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def kill_under_load(server, ledger, others, customers, rng, clients, meanwhile=None):
    stop = threading.Event()
    threads, raised = run_clients(server, ledger, customers, rng, clients, stop)

    def other():
        try:
            others.work_until(server, stop)
        except BaseException as error:  # to be raised again in the main thread
            raised.append(error)

    threads.append(threading.Thread(target=other))
    threads[-1].start()
    if meanwhile:
        meanwhile()
    time.sleep(rng.uniform(0.050, 0.800))
    server.kill()
    stop.set()
    join(threads, raised)


def send_again(server, ledger, rng):
    """What a carrier does that got no answer; and for some that it had got one for."""
    answered = list(ledger.acknowledged)
    again = sorted(ledger.unknown) + rng.sample(answered, min(20, len(answered)))
    connection = Connection(server.host, server.port)
    for sid in again:
        status, _ = connection.roundtrip(webhook(server, TWILIO_TOKEN, sid, ledger.customer[sid]))
        if status != 200:
            raise Difference(f"{sid}, sent again, was answered {status}")
        ledger.stored(sid)


def read_thread(api, customer):
    """The customer's one conversation and its messages; none when nothing of theirs was kept."""
    found = api.get(f"/api/v1/sms-conversations/?customer_phone=%2B{customer[1:]}")
    if len(found) > 1:
        raise Difference(f"{customer} has {len(found)} conversations: {[each['id'] for each in found]}")
    if not found:
        return None, []
    return found[0], api.get(f"/api/v1/sms-conversations/{found[0]['id']}/messages")


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


def micros(text):
    """Orders times as text: those without a fraction lack its digits."""
    return text if "." in text else text.replace("Z", ".000000Z")


def compare(api, ledger, customers):
    """Holds the threads of these customers against the ledger. Returns the kept, unknown messages."""
    wanted = {customer: set() for customer in customers}
    for sid, customer in ledger.customer.items():
        if customer in wanted:
            wanted[customer].add(sid)
    kept_unknown, ids = set(), set()
    for customer in customers:
        conversation, messages = read_thread(api, customer)
        if conversation:
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


def count_conversations(api):
    total = 0
    while page := api.get(f"/api/v1/sms-conversations/?limit=1000&skip={total}"):
        total += len(page)
    return total


class Run:
    def __init__(self, arguments):
        self.clients = arguments.clients
        self.rng = random.Random(arguments.seed)
        self.home = Path(tempfile.mkdtemp(prefix="smslite-kill-"))
        self.server = Server(arguments.binary, self.home)
        self.everybody, self.fresh = [], arguments.fresh
        self.begin()
        self.others = Others(API_KEY, TWILIO_TOKEN, random.Random(self.rng.random()))
        self.messages, self.wrote, self.checks, self.backups, self.offline_kills = 0, 0, [], 0, 0
        self.restarts, self.kept, self.not_kept, self.killed_starts = [], 0, 0, 0

    def begin(self):
        self.ledger, self.everybody = Ledger(), []

    def begin_anew(self):
        """An empty data directory, so that rounds stay short."""
        self.compare_all()
        self.messages += len(self.ledger.acknowledged)
        self.wrote += len(self.everybody)
        self.server.kill()
        shutil.rmtree(self.server.data)
        self.begin()
        self.first_start()

    def check(self):
        seconds, ran = self.server.command("check")
        if ran.returncode != 0:
            raise Difference(f"check after a kill: {ran.stdout}{ran.stderr}")
        self.checks.append(seconds)

    def back_up_and_prove(self):
        """While the load runs."""
        path = self.server.home / "under-load.backup"
        for command in (["backup", path], ["restore", "--check", path]):
            _, ran = self.server.command(*command)
            if ran.returncode != 0:
                raise Difference(f"{command}: {ran.stdout}{ran.stderr}")
        self.backups += 1

    def kill_offline(self):
        """What puts another file in the database's place is killed at a random moment: it is the old one or the new."""
        path = self.server.home / "offline.backup"
        _, ran = self.server.command("backup", path)
        if ran.returncode != 0:
            raise Difference(f"backup: {ran.stdout}{ran.stderr}")
        for command in (["compact"], ["restore", path]):
            for _ in range(3):
                self.server.kill_command(self.rng.uniform(0, 0.25), *command)
                self.offline_kills += 1
                self.check()

    def customers(self):
        """The customers of a round: some who wrote before, some new."""
        first = len(self.everybody)
        new = [f"+1555{number:07d}" for number in range(first, first + NEW)]
        old = self.rng.sample(self.everybody, min(OLD, first))
        self.everybody += new
        return old + new

    def kill_a_start(self):
        self.server.exec()
        time.sleep(self.rng.uniform(0, LONGEST_START))
        self.server.kill()
        self.killed_starts += 1

    def first_start(self):
        """The very first starts are killed too: a half-made database must not stand in the way."""
        for _ in range(FIRST_STARTS):
            self.kill_a_start()
        self.server.start()
        self.server.set_up(OUR_NUMBER)

    def restart(self):
        if self.rng.randrange(KILL_A_START) == 0:
            self.kill_a_start()
        self.restarts.append(self.server.start())

    def round(self, number):
        if self.fresh and number % self.fresh == 0:
            self.begin_anew()
        customers = self.customers()
        meanwhile = self.back_up_and_prove if number % 10 == 5 else None
        kill_under_load(self.server, self.ledger, self.others, customers, self.rng, self.clients, meanwhile)
        self.check()
        if number % 10 == 0:
            self.kill_offline()
        self.restart()
        for difference in self.others.differences(self.server):
            raise Difference(difference)
        unknown = len(self.ledger.unknown)
        kept = len(compare(self.server.api(), self.ledger, customers))
        self.kept += kept
        self.not_kept += unknown - kept
        send_again(self.server, self.ledger, self.rng)
        compare(self.server.api(), self.ledger, customers)

    def compare_all(self):
        compare(self.server.api(), self.ledger, self.everybody)
        wrote = len(set(self.ledger.customer.values()))
        listed = count_conversations(self.server.api())
        if listed < wrote:
            raise Difference(f"{listed} conversations are listed, {wrote} customers wrote")

    def measure_bytes(self, messages, clients=64):
        """Posts a known number of messages and tells what they cost on disk."""
        size, written = self.server.file_bytes(), self.server.written_bytes()
        before, started = len(self.ledger.acknowledged), time.perf_counter()
        share = max(1, messages // clients)
        threads, raised = run_clients(
            self.server, self.ledger, self.customers(), self.rng, clients, threading.Event(), share)
        join(threads, raised)
        seconds = time.perf_counter() - started
        count = len(self.ledger.acknowledged) - before
        if not count:
            raise Difference("no message of the last load was acknowledged")
        handed, dirtied = (now - then for now, then in zip(self.server.written_bytes(), written))
        grown = self.server.file_bytes() - size
        print(f"last load                {count} messages at {count / seconds:.0f}/s over {clients} connections; a message:")
        print(f"  bytes written          {handed / count:.0f} ({dirtied / count:.0f} as write_bytes counts pages)")
        print(f"  the file grew by       {grown / count:.0f} bytes")

    def report(self, rounds):
        restarts = sorted(self.restarts)
        messages = len(self.ledger.acknowledged)
        all_messages, everybody = self.messages + messages, self.wrote + len(self.everybody)
        print(f"rounds survived          {rounds}, and {self.killed_starts} killed starts")
        print(f"messages acknowledged    {all_messages}, in {everybody} conversations; all there, once, in order")
        print(f"besides                  {', '.join(f'{kind} {n}' for kind, n in self.others.acknowledged.items())}")
        checks = sorted(self.checks)
        print(f"checks, all sound        {len(checks)}, p50 {checks[len(checks) // 2] * 1000:.0f} ms, max {checks[-1] * 1000:.0f} ms")
        print(f"backups under load       {self.backups}, all proved; {self.offline_kills} kills of compact and restore")
        print(f"unknown outcomes         {self.kept} had been stored, {self.not_kept} had not")
        if restarts:
            middle = restarts[len(restarts) // 2]
            print(f"exec to first /readyz    p50 {middle * 1000:.0f} ms, max {restarts[-1] * 1000:.0f} ms")
        size = self.server.file_bytes()
        print(f"database file            {size / 1e6:.1f} MB, {size / max(messages, 1):.0f} bytes a message")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    parser.add_argument("--binary", type=Path, default=root / "target/ci/smslite")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--fresh", type=int, default=0, metavar="ROUNDS", help="begin anew after so many, for long runs")
    parser.add_argument("--measure", type=int, default=4000, metavar="MESSAGES", help="posted at last, to count bytes")
    parser.add_argument("--keep", action="store_true", help="leave the data directory for a look")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = secrets.randbits(32)
    print(f"seed {arguments.seed}, {arguments.clients} clients, {arguments.binary}")
    run, done, failed = Run(arguments), 0, True
    try:
        run.first_start()
        for done in range(1, arguments.rounds + 1):
            run.round(done)
            if done % 20 == 0:
                run.compare_all()
                print(f"round {done}: {len(run.ledger.acknowledged)} messages", flush=True)
        if arguments.measure:
            run.measure_bytes(arguments.measure)
        send_again(run.server, run.ledger, run.rng)
        run.compare_all()
        run.report(done)
        failed = False
    except (Difference, Refused) as difference:
        print(f"DIFFERENCE in round {done} (seed {arguments.seed}): {difference}", file=sys.stderr)
    finally:
        run.server.kill()
        if failed or arguments.keep:
            print(f"the data and the server's log were left in {run.home}", file=sys.stderr)
        else:
            shutil.rmtree(run.home)
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.pop("SMSLITE_CONFIG", None)
    sys.exit(main())

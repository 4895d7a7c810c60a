#!/usr/bin/env python3
"""Kills a loaded server again and again, and holds what it kept against what it acknowledged.

Each round: clients post signed Twilio webhooks, archive conversations, clear sessions, make and rename assistants,
make and revoke API keys and import small files; at a random moment the server is killed with SIGKILL; `smslite check`
must find the file sound as it lies there; it is started again on the same directory; everything is read back through
the API and compared; what has an unknown outcome is sent again, as a carrier would. Every tenth round, also
`smslite backup` while the load runs and `restore --check` of it, and SIGKILL in the midst of `smslite compact` and
`smslite restore`. The next round goes on with the same data, or with none after --fresh rounds.

It must then hold: every acknowledged write is there exactly once; nothing is there that was never asked for; what has
an unknown outcome is there wholly or not at all; what was archived or revoked stays so; a shared customer has one
conversation; indexes are 1..n without gaps, times never run backwards, message_count and last_activity agree.

It proves nothing of a power cut: a killed process loses its memory, not what the kernel was handed.

    tests/kill/kill.py --rounds 10 --seed 1 --binary target/ci/smslite
    tests/kill/kill.py --rounds 200 --fresh 50

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

import compare
from carrier import OUR_NUMBER, Connection, webhook
from ledger import Difference, Ledger, Owned
from load import import_again, join, run_clients
from server import Server

# Shared customers who wrote in earlier rounds and write again, those who are new in each round; owned ones likewise.
OLD, NEW, OLD_OWNED, NEW_OWNED = 24, 12, 16, 16
# One start in so many is killed too, within these seconds of its exec; and so many of the very first ones.
KILL_A_START, LONGEST_START, FIRST_STARTS = 4, 0.030, 5
# In which round of ten the commands on the file are tried and killed.
FILE_ROUND = 5


class Totals:
    """Over all data directories."""

    def __init__(self):
        self.restarts, self.checks, self.writes = [], [], Counter()
        self.kept, self.not_kept, self.killed_starts, self.directories, self.conversations = 0, 0, 0, 0, 0
        # Commands on the file: how many were killed, and how many were done before.
        self.commands = Counter()


class Directory:
    """One data directory, from its first start on."""

    def __init__(self, arguments, rng, home, totals):
        self.clients, self.rng, self.home, self.totals = arguments.clients, rng, home, totals
        self.server = Server(arguments.binary, home)
        self.ledger = Ledger()
        self.everybody = []
        # How long a command took that was not killed.
        self.seconds = {"compact": 0.1, "restore": 0.2}

    def pick(self):
        """The customers of a round: some who wrote before, some new."""
        first = len(self.everybody)
        new = [f"+1555{number:07d}" for number in range(first, first + NEW)]
        shared = self.rng.sample(self.everybody, min(OLD, first)) + new
        self.everybody += new
        first = len(self.ledger.owned)
        new = [Owned(f"+1777{number:07d}") for number in range(first, first + NEW_OWNED)]
        owned = self.rng.sample(self.ledger.owned, min(OLD_OWNED, first)) + new
        self.ledger.owned += new
        return shared, owned

    def kill_a_start(self):
        self.server.exec()
        time.sleep(self.rng.uniform(0, LONGEST_START))
        self.server.kill()
        self.totals.killed_starts += 1

    def first_start(self):
        """The very first starts are killed too: a half-made database must not stand in the way."""
        self.totals.directories += 1
        for _ in range(FIRST_STARTS):
            self.kill_a_start()
        self.server.start()
        self.assistant_id = self.server.set_up(OUR_NUMBER)

    def restart(self):
        self.check()
        if self.rng.randrange(KILL_A_START) == 0:
            self.kill_a_start()
        self.totals.restarts.append(self.server.start())

    def check(self, data=None):
        code, printed, seconds = self.server.run("check", data=data)
        if code:
            raise Difference(f"check ended with {code}: {printed[:500].decode(errors='replace')}")
        if data is None:
            self.totals.checks.append(seconds)

    def run(self, *arguments, data=None):
        code, printed, seconds = self.server.run(*arguments, data=data)
        if code:
            raise Difference(f"smslite {arguments[0]} ended with {code}: {printed[:500].decode(errors='replace')}")
        return printed, seconds

    def kill_under_load(self, shared, owned, backup):
        stop = threading.Event()
        threads, raised = run_clients(
            self.server, self.ledger, shared, owned, self.rng, self.clients, stop, self.assistant_id)
        time.sleep(self.rng.uniform(0.050, 0.800))
        try:
            if backup:
                self.run("backup", backup)
        finally:
            self.server.kill()
            stop.set()
            join(threads, raised)

    def kill_command(self, *arguments, data=None):
        """SIGKILL at a random moment of a command. How far it came is not known."""
        name, started = arguments[0], time.perf_counter()
        process = self.server.command(*arguments, data=data)
        time.sleep(self.rng.uniform(0, 1.2 * self.seconds[name]))
        process.kill()
        printed = b"".join(process.communicate())
        if process.returncode == 0:
            self.seconds[name] = time.perf_counter() - started
            self.totals.commands[f"{name} done before the kill"] += 1
        elif process.returncode == -9:
            self.totals.commands[f"{name} killed"] += 1
        else:
            raise Difference(f"smslite {arguments[0]} ended with {process.returncode}: {printed[:500]!r}")

    def export(self, data):
        return self.run("export", "--with-secrets", "-", data=data)[0]

    def kill_commands(self, backup):
        """With no server: the data must be those of before or of after, whole."""
        self.run("restore", "--check", backup)
        self.totals.commands["backups under load, proved"] += 1
        before, elsewhere = self.export(self.server.data), self.home / "elsewhere"
        shutil.copytree(self.server.data, elsewhere)
        _, self.seconds["restore"] = self.run("restore", backup, data=elsewhere)
        after = self.export(elsewhere)
        shutil.rmtree(elsewhere)
        for _ in range(3):
            shutil.copytree(self.server.data, elsewhere)
            self.kill_command("restore", backup, data=elsewhere)
            self.check(elsewhere)
            if self.export(elsewhere) not in (before, after):
                raise Difference("after a killed restore the data are neither those of before nor of the backup")
            shutil.rmtree(elsewhere)
        for _ in range(3):
            self.kill_command("compact")
            self.check()
            if self.export(self.server.data) != before:
                raise Difference("after a killed compact the data are not those of before")
        backup.unlink()

    def compare(self, shared, owned):
        """Returns the messages of shared customers that were kept with nobody knowing."""
        api, ledger = self.server.api(), self.ledger
        kept = compare.compare_shared(api, ledger, shared)
        for each in owned:
            compare.compare_owned(api, ledger, each)
        compare.compare_assistants(api, ledger)
        some = self.rng.sample(ledger.keys, min(10, len(ledger.keys)))
        compare.compare_keys(self.server, api, ledger, [each for each in ledger.keys if each.revoked is None] + some)
        for imported in ledger.imports[-20:] + self.rng.sample(ledger.imports, min(5, len(ledger.imports))):
            compare.compare_import(api, ledger, imported, settle=False)
        return kept

    def send_again(self, lost):
        """What a carrier does that got no answer; and for some that it had got one for, or that were archived since."""
        ledger, connection, rng = self.ledger, Connection(self.server.host, self.server.port), self.rng
        answered = list(ledger.acknowledged)
        again = sorted(ledger.unknown) + rng.sample(answered, min(20, len(answered)))
        for sid in again:
            self.post_again(connection, sid, ledger.customer[sid])
            ledger.stored(sid)
        archived = [(sid, owned.customer) for owned in ledger.owned for sid in owned.archived_sids]
        for sid, customer in rng.sample(archived, min(5, len(archived))):
            self.post_again(connection, sid, customer)
        for owned, (_, sid) in lost:
            stored = any(sid in conversation for conversation in owned.state[0])
            self.post_again(connection, sid, owned.customer)
            if not stored:
                owned.done(("post", sid))
            ledger.count("messages")
        api = self.server.api()
        for imported in [each for each in ledger.imports if not each.acknowledged]:
            compare.compare_import(api, ledger, imported, settle=True)
            if not import_again(api, imported):
                raise Difference(f"import {imported.call_id}, sent again alone, is refused")
            ledger.count("imports")
        if ledger.imports:
            imported = rng.choice(ledger.imports)
            import_again(api, imported, len(imported.lines))

    def post_again(self, connection, sid, customer):
        status, _ = connection.roundtrip(webhook(self.server, self.server.token, sid, customer))
        if status != 200:
            raise Difference(f"{sid}, sent again, was answered {status}")

    def round(self, number):
        shared, owned = self.pick()
        backup = self.home / "under-load.backup" if number % 10 == FILE_ROUND else None
        self.kill_under_load(shared, owned, backup)
        if backup:
            self.check()
            self.kill_commands(backup)
        self.restart()
        unknown = len(self.ledger.unknown)
        # Posts of owned customers without an answer: sent again whatever became of them.
        lost = [(each, each.pending) for each in owned if each.pending and each.pending[0] == "post"]
        kept = len(self.compare(shared, owned))
        self.ledger.kept += kept
        self.ledger.not_kept += unknown - kept
        self.send_again(lost)
        self.compare(shared, owned)

    def compare_all(self):
        self.compare(self.everybody, self.ledger.owned)
        api = self.server.api()
        for imported in self.ledger.imports:
            compare.compare_import(api, self.ledger, imported, settle=False)
        compare.compare_keys(self.server, api, self.ledger, self.ledger.keys)
        compare.compare_totals(self.server, api, self.ledger)

    def measure_bytes(self, messages, clients=64):
        """Posts a known number of messages and tells what they cost on disk."""
        size, written = self.server.file_bytes(), self.server.written_bytes()
        before, started = len(self.ledger.acknowledged), time.perf_counter()
        share = max(1, messages // clients)
        threads, raised = run_clients(
            self.server, self.ledger, self.pick()[0], [], self.rng, clients, threading.Event(), self.assistant_id, share)
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

    def end(self):
        """Compares everything a last time and gives the directory up."""
        self.compare_all()
        self.server.kill()
        self.check()
        totals, ledger = self.totals, self.ledger
        totals.writes += ledger.writes
        totals.kept, totals.not_kept = totals.kept + ledger.kept, totals.not_kept + ledger.not_kept
        totals.conversations += len(self.everybody) + sum(len(owned.state[0]) for owned in ledger.owned)
        totals.last_bytes = self.server.file_bytes()
        shutil.rmtree(self.home)


def spread(seconds):
    ordered = sorted(seconds)
    return f"p50 {ordered[len(ordered) // 2] * 1000:.0f} ms, max {ordered[-1] * 1000:.0f} ms"


def report(totals, rounds):
    print(f"rounds survived          {rounds}, in {totals.directories} data directories; {totals.killed_starts} killed starts")
    print("acknowledged, all there  " + ", ".join(f"{kind} {count}" for kind, count in totals.writes.most_common()))
    print(f"unknown outcomes         {totals.kept} had been stored, {totals.not_kept} had not")
    for command, count in sorted(totals.commands.items()):
        print(f"{command:<24} {count}")
    if totals.restarts:
        print(f"exec to first /readyz    {spread(totals.restarts)} of {len(totals.restarts)}")
    if totals.checks:
        print(f"check before the start   {spread(totals.checks)} of {len(totals.checks)}, all sound")
    print(f"last database file       {totals.last_bytes / 1e6:.1f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    parser.add_argument("--binary", type=Path, default=root / "target/ci/smslite")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--fresh", type=int, default=50, metavar="N", help="a new data directory every N rounds")
    parser.add_argument("--measure", type=int, default=4000, metavar="MESSAGES", help="posted at last, to count bytes")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = secrets.randbits(32)
    print(f"seed {arguments.seed}, {arguments.clients} clients, {arguments.binary}", flush=True)
    rng, totals, started = random.Random(arguments.seed), Totals(), time.monotonic()
    directory, done, failed = None, 0, True
    try:
        for done in range(1, arguments.rounds + 1):
            if not directory:
                home = Path(tempfile.mkdtemp(prefix="smslite-kill-"))
                directory = Directory(arguments, rng, home, totals)
                directory.first_start()
            directory.round(done)
            if done % 10 == 0:
                print(f"round {done}: {time.monotonic() - started:.0f} s, {sum(directory.ledger.writes.values())} writes "
                      f"in this directory", flush=True)
            if done % arguments.fresh == 0 and done < arguments.rounds:
                directory.end()
                directory = None
        if directory:
            if arguments.measure:
                directory.measure_bytes(arguments.measure)
            directory.send_again([])
            directory.end()
            report(totals, done)
        failed = False
    except (Difference, RuntimeError) as error:
        print(f"DIFFERENCE in round {done} (seed {arguments.seed}): {error}", file=sys.stderr)
    finally:
        if directory:
            directory.server.kill()
            if failed and directory.home.exists():
                print(f"the data and the server's log were left in {directory.home}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.pop("SMSLITE_CONFIG", None)
    sys.exit(main())

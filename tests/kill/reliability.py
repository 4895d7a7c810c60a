#!/usr/bin/env python3
"""Experiments on a loaded server: what a backup costs and holds, what following loses, archiving while exporting, a full
disk. Each prints its figures, and fails when something is lost or half there.

    tests/kill/reliability.py --binary target/ci/smslite [backup] [follow] [archive] [full]

Needs Python 3.9 and Linux; `full` mounts a small tmpfs and is left out without the right to. Ends only processes that
it started.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources

from carrier import OUR_NUMBER, Connection, webhook
from others import Caller
from server import API_KEY, TWILIO_TOKEN, Server

MARK = "a body that is to be gone"


def expect(holds, what):
    if not holds:
        raise SystemExit(f"FAILED: {what}")


class Load:
    """Clients that post messages and remember when each was acknowledged, and how long it took."""

    def __init__(self, server, clients=64, customers=20_000, pause=0.0):
        self.server, self.customers, self.pause = server, customers, pause
        self.stop, self.lock, self.acknowledged, self.refused = threading.Event(), threading.Lock(), [], 0
        self.threads = [threading.Thread(target=self.run, args=(seed,)) for seed in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, seed):
        rng, own = random.Random(f"{seed} {time.time()}"), []
        try:
            connection = Connection(self.server.host, self.server.port)
            while not self.stop.is_set():
                sid, customer = f"SM{rng.getrandbits(128):032x}", f"+1557{rng.randrange(self.customers):07d}"
                began = time.time()
                status, _ = connection.roundtrip(webhook(self.server, TWILIO_TOKEN, sid, customer))
                if status == 200:
                    own.append((time.time(), time.time() - began, sid))
                else:
                    self.refused += 1
                if self.pause:
                    time.sleep(self.pause)
        except OSError:
            pass
        with self.lock:
            self.acknowledged += own

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def between(self, start, end):
        took = sorted(took for at, took, _ in self.acknowledged if start <= at < end)
        at = lambda part: took[min(len(took) - 1, int(len(took) * part))] * 1000 if took else float("nan")
        return f"{len(took) / (end - start):.0f}/s, p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms", at(0.99)


def done(server, *command):
    seconds, ran = server.command(*command)
    expect(ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}")
    return seconds, ran


def elsewhere(server, backup):
    """A data directory with what a backup holds; checked."""
    other = Server(server.binary, server.home / f"restored-{time.time_ns()}")
    other.home.mkdir()
    done(other, "restore", backup)
    done(other, "check")
    return other


def exported(server):
    _, ran = server.command("export", "--with-secrets")
    expect(ran.returncode == 0, ran.stderr)
    # When keys were used last is counted in memory and written once a minute.
    return [line for line in ran.stdout.splitlines() if '"type":"api_key"' not in line]


def contents(lines):
    return {record["content"] for record in map(json.loads, lines) if record["type"] == "message"}


def backup(server):
    server.start()
    server.set_up(OUR_NUMBER)
    filling = Load(server)
    time.sleep(45)
    filling.end()
    size = server.file_bytes()
    load = Load(server)
    time.sleep(8)
    before, (_, written) = server.file_bytes(), server.written_bytes()
    started = time.time()
    path = server.home / "under-load.backup"
    seconds, _ = done(server, "backup", path)
    ended = time.time()
    grown, wrote = server.file_bytes() - before, server.written_bytes()[1] - written
    time.sleep(8)
    load.end()
    quiet, p99 = load.between(started - 7, started)
    busy, p99_busy = load.between(started, ended)
    print(f"backup of {size / 1e6:.0f} MB under load: {seconds:.1f} s, {path.stat().st_size / 1e6:.1f} MB")
    print(f"  before  {quiet}\n  during  {busy} (p99 {p99_busy / p99:.2f} times)\n  after   {load.between(ended + 1, ended + 7)[0]}")
    print(f"  the file grew by {grown / 1e6:.1f} MB while {wrote / 1e6:.1f} MB were written")
    kept = contents(exported(elsewhere(server, path)))
    wanted = {sid for at, _, sid in filling.acknowledged + load.acknowledged if at < started}
    expect(wanted <= kept, f"{len(wanted - kept)} messages acknowledged before it began are not in the backup")
    print(f"  all {len(wanted)} messages acknowledged before it began are in it")
    server.kill()


def follow(server):
    server.start()
    server.set_up(OUR_NUMBER)
    into, lost = server.home / "followed", []
    for turn in range(10):
        following = subprocess.Popen(
            server._command(["backup", "--follow", into]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        known = len(list(into.glob("*.backup"))) if into.exists() else 0
        load = Load(server, clients=16, pause=0.002)
        newest = lambda: sorted(into.glob("*.backup"))[-1]
        while not into.exists() or not list(into.glob("*.backup")) or newest().stat().st_mtime < time.time() - 60:
            time.sleep(0.05)
        time.sleep(random.uniform(2, 4))
        # The machine is lost.
        server.kill()
        following.kill()
        following.wait()
        at = time.time()
        load.end()
        kept = contents(exported(elsewhere(server, newest())))
        missing = [acknowledged for acknowledged, _, sid in load.acknowledged if sid not in kept]
        lost.append(at - min(missing) if missing else 0.0)
        server.start()
        shutil.rmtree(into)
    print(f"a lost machine, followed, 10 times: lost at most {max(lost):.2f} s, in the middle {sorted(lost)[5]:.2f} s")
    following = subprocess.Popen(
        server._command(["backup", "--follow", into]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    load = Load(server, clients=64)
    time.sleep(6)
    load.end()
    time.sleep(3)
    server.kill()
    following.kill()
    following.wait()
    restored = exported(elsewhere(server, sorted(into.glob("*.backup"))[-1]))
    original = exported(server)
    expect(restored == original, "what was followed under load differs from the original")
    print(f"followed under load, then restored: exports of {len(original)} lines do not differ")


def archive(server):
    server.start()
    server.set_up(OUR_NUMBER)
    call = {
        "type": "call", "id": 1_000_000, "channel": "sms", "direction": "inbound", "assistant_id": 1,
        "customer_phone_number": "+15551112222", "assistant_phone_number": OUR_NUMBER, "status": "completed",
        "started_at": "2026-01-01T00:00:00Z",
    }
    lines = [call] + [{
        "type": "message", "call_id": 1_000_000, "role": "user", "content": f"{MARK} {number}",
        "timestamp": "2026-01-01T00:00:00Z",
    } for number in range(100_000)]
    source = server.home / "thread.ndjson"
    source.write_text("\n".join(map(json.dumps, lines)))
    done(server, "import", source)
    source.unlink()
    load, results = Load(server), []
    url = f"http://{server.host}:{server.port}/api/v1/sms-conversations/1000000/export?format=csv"

    def export():
        while True:
            ran = subprocess.run(
                ["curl", "-s", "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {API_KEY}", url], capture_output=True)
            body, _, code = ran.stdout.decode().rpartition("\n")
            results.append((ran.returncode, code, body.count(MARK)))
            if code == "404":
                return

    threads = [threading.Thread(target=export) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(6)
    started = time.time()
    status, _ = Caller(server, API_KEY).ask("DELETE", "/api/v1/sms-conversations/1000000")
    expect(status == 200, f"archive: {status}")
    for thread in threads:
        thread.join()
    while b"is purged" not in (server.home / "server.log").read_bytes() and time.time() < started + 120:
        time.sleep(0.1)
    purged = time.time()
    time.sleep(1)
    load.end()
    whole = sum(1 for code, status, rows in results if (code, status, rows) == (0, "200", 100_000))
    cut = sum(1 for code, status, _ in results if code == 18 and status == "200")
    gone = sum(1 for code, status, rows in results if (status, rows) == ("404", 0))
    expect(whole + cut + gone == len(results), f"an export is neither whole nor cut: {[r for r in results if r[2] not in (0, 100000)]}")
    print(f"archive of 100,000 messages under exports and 64 writers: {whole} exports whole, {cut} cut, {gone} 404; purged in {purged - started:.1f} s")
    print(f"  before  {load.between(started - 5, started)[0]}\n  during  {load.between(started, purged)[0]}")
    server.stop()
    done(server, "compact")
    done(server, "check")
    path = server.home / "after.backup"
    done(server, "backup", path)
    other = elsewhere(server, path)
    texts = {
        "the file": (server.data / "smslite.redb").read_bytes(), "the log": (server.home / "server.log").read_bytes(),
        "a backup": (other.data / "smslite.redb").read_bytes(), "the export": "\n".join(exported(server)).encode(),
    }
    for name, text in texts.items():
        expect(MARK.encode() not in text, f"a body is still in {name}")
    print(f"  compacted: no byte of a body in {', '.join(texts)}")


def full(server):
    room = server.home / "room"
    room.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", room], capture_output=True)
    if mounted.returncode != 0:
        return print("full disk: left out, a tmpfs cannot be mounted here")
    try:
        server.data = room / "data"
        server.start()
        server.set_up(OUR_NUMBER)
        (room / "filler").write_bytes(bytes(12_000_000))
        load = Load(server, clients=8)
        caller, patience = Caller(server, API_KEY), time.time() + 60
        while caller.ask("GET", "/readyz")[0] != 503:
            expect(time.time() < patience, "the disk never got full")
            time.sleep(0.05)
        status, why = caller.ask("GET", "/readyz")
        reads = [caller.ask("GET", "/api/v1/sms-conversations/?limit=50")[0] for _ in range(50)]
        load.end()
        expect(set(reads) == {200}, f"reads on a full disk: {set(reads)}")
        (room / "filler").unlink()
        freed = time.time()
        while caller.ask("GET", "/readyz")[0] != 200:
            expect(time.time() < freed + 30, "it never recovered")
            time.sleep(0.01)
        recovered = time.time() - freed
        more = Load(server, clients=8)
        time.sleep(1)
        more.end()
        server.kill()
        done(server, "check")
        kept = contents(exported(server))
        wanted = {sid for _, _, sid in load.acknowledged + more.acknowledged}
        expect(wanted <= kept, f"{len(wanted - kept)} acknowledged messages are gone")
        print(f"full disk: {load.refused} writes 503, all 50 reads 200, /readyz said {why['detail']!r}; ready {recovered:.2f} s after there was room; all {len(wanted)} acknowledged messages are there, check sound")
    finally:
        server.kill()
        subprocess.run(["umount", "-l", room], check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[2]
    experiments = {"backup": backup, "follow": follow, "archive": archive, "full": full}
    parser.add_argument("which", nargs="*", choices=[*experiments, []], default=list(experiments))
    parser.add_argument("--binary", type=Path, default=root / "target/ci/smslite")
    arguments = parser.parse_args()
    for name in arguments.which:
        home = Path(tempfile.mkdtemp(prefix="smslite-reliability-"))
        server = Server(arguments.binary, home)
        try:
            experiments[name](server)
        finally:
            server.kill()
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    os.environ.pop("SMSLITE_CONFIG", None)
    main()

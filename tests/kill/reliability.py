#!/usr/bin/env python3
"""What happens to acknowledged data, and to those who wait, while things go wrong. Each experiment prints its figures and
says MISSED where it did not give what was wanted; benches/RELIABILITY.md has them with their conditions.

    tests/kill/reliability.py backup          # a backup of 100,000 conversations under load; see --data
    tests/kill/reliability.py follow          # backup --follow: what a restore has, what a lost machine loses
    tests/kill/reliability.py archive         # 100,000 messages archived while they are exported; then: are they gone
    tests/kill/reliability.py stop            # SIGTERM under load
    tests/kill/reliability.py faults          # a full disk, a read-only one, a database moved away; needs root

The first works on a copy of the benchmark's data if they are there (`cargo bench --profile ci -- --conversations 100000
--quick` leaves them in target/bench-data), else on as many conversations and messages that it imports. Needs Python 3.9 and Linux; ends only what it started, sends only to loopback.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources

from carrier import OUR_NUMBER, Connection
from hammer import Hammer, milliseconds, percentile
from server import Server

BENCH_KEY, BENCH_TOKEN = "sl_live_benchmark_0000000000000000000000000000", "a-token-of-the-benchmark"
MISSES = []


def say(what, value):
    print(f"  {what:<44} {value}", flush=True)


def want(holds, what):
    print(f"  {'ok    ' if holds else 'MISSED'} {what}", flush=True)
    if not holds:
        MISSES.append(what)


def good(server, *arguments, data=None):
    code, printed, seconds = server.run(*arguments, data=data)
    if code:
        raise RuntimeError(f"smslite {arguments[0]} ended with {code}: {printed[-500:].decode(errors='replace')}")
    return printed, seconds


def messages_of(export):
    """The messages of an export by thread, in its order."""
    threads = defaultdict(list)
    for line in export.splitlines():
        if line.startswith(b'{"type":"message",'):
            message = json.loads(line)
            threads[message["call_id"]].append((message["message_index"], message["content"]))
    return threads


def contents(threads):
    return [content for thread in threads.values() for _, content in thread]


def gapless(threads):
    return all([index for index, _ in thread] == list(range(1, len(thread) + 1)) for thread in threads.values())


def stop(process):
    process.terminate()
    return b"".join(process.communicate())


class Home:
    """A directory for one experiment, with one server in it."""

    def __init__(self, arguments, data=None, **kwargs):
        self.path = Path(tempfile.mkdtemp(prefix="smslite-reliability-", dir=arguments.tmp))
        self.server = Server(arguments.binary, self.path, data=data, **kwargs)

    def __enter__(self):
        return self

    def begin(self):
        self.server.start()
        self.assistant_id = self.server.set_up(OUR_NUMBER)
        return self.server

    def __exit__(self, kind, *_):
        self.server.kill()
        if kind:
            print(f"what is left of it: {self.path}", file=sys.stderr)
        else:
            shutil.rmtree(self.path)


def bench_number(place):
    return f"+1{2_000_000_000 + place * 2_654_435_761 % 8_000_000_000:010d}"


def bench_customer(rng, fresh=[0]):
    """As the benchmark: four in five from a customer of the data, one from a new one."""
    place = rng.randrange(100_000)
    if rng.randrange(5) == 0:
        fresh[0] += 1
        place = 200_000 + fresh[0]
    return bench_number(place)


def as_the_benchmark(assistant_id):
    """100,000 living conversations, every fifth of eight messages, the others of one, with their logs."""
    now = time.time()
    at = lambda seconds: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    number = 0
    for place in range(100_000):
        call_id, customer, began = place + 1, bench_number(place), now - 72_000 + place * 0.7
        length = 8 if place % 5 == 0 else 1
        yield {
            "type": "call", "id": call_id, "channel": "sms", "direction": "inbound", "assistant_id": assistant_id,
            "customer_phone_number": customer, "assistant_phone_number": OUR_NUMBER, "status": "active",
            "started_at": at(began), "expires_at": at(now + 86_400),
        }
        for index in range(length):
            number += 1
            body = f"Hello, this is number {number:010d}. Could you please move my visit? Thanks"
            yield {"type": "message", "id": number, "call_id": call_id, "message_index": index + 1, "role": "user",
                   "content": body, "timestamp": at(began + index)}
            yield {"type": "message_log", "id": number, "call_id": call_id, "assistant_id": assistant_id,
                   "provider": "twilio", "provider_message_id": f"SM{number:032x}", "direction": "inbound",
                   "from_number": customer, "to_number": OUR_NUMBER, "body": body, "status": "received",
                   "provider_status": "received", "created_at": at(began + index)}


def backup(arguments):
    """A backup of a large file under load."""
    with Home(arguments, key=BENCH_KEY, token=BENCH_TOKEN) as home:
        server = home.server
        found = sorted(arguments.data.glob("100000-*")) if arguments.data.exists() else []
        if found:
            shutil.copytree(found[-1], server.data)
            server.start()
        else:
            home.begin()
            path = home.path / "conversations.ndjson"
            with open(path, "w") as file:
                file.writelines(json.dumps(line) + "\n" for line in as_the_benchmark(home.assistant_id))
            say("no data of the benchmark: import of as many", f"{good(server, 'import', path)[1]:.0f} s")
            path.unlink()
        say("database file before", f"{server.file_bytes() / 1e6:.0f} MB")
        hammer = Hammer(server, customer=bench_customer)
        hammer.start()
        time.sleep(3)

        def lengths():
            """The file's length, and what it takes on the disk: the engine makes it longer by halves at a time."""
            found = (server.data / "smslite.redb").stat()
            return found.st_size, found.st_blocks * 512

        def counted(window):
            begin, size, (_, written) = time.monotonic(), lengths(), server.written_bytes()
            window()
            end = time.monotonic()
            grown, written = [now - then for now, then in zip(lengths(), size)], server.written_bytes()[1] - written
            answers = hammer.between(begin, end)
            return answers, grown, written, end - begin

        file, told = home.path / "under-load.backup", {}
        windows = {"before": lambda: time.sleep(arguments.seconds)}
        windows["during"] = lambda: told.update(seconds=good(server, "backup", file)[1])
        windows["after"] = windows["before"]
        p99, figures = {}, {}
        for name, window in windows.items():
            answers, grown, written, seconds = figures[name] = counted(window)
            p99[name] = percentile([answer.at - answer.sent for answer in answers], .99)
            say(f"commits {name} ({seconds:.1f} s)", milliseconds(answers))
            say("  the file grew, on the disk; write_bytes",
                f"{grown[0] / 1e6:.1f} MB, {grown[1] / 1e6:.1f} MB; {written / 1e6:.1f} MB")
        hammer.stop()
        say("answers other than 200", sum(answer.status != 200 for answer in hammer.answers))
        printed, seconds = good(server, "restore", "--check", file)
        rows = re.search(rb"([\d,]+) rows", printed).group(1).decode()
        say("backup", f"{told['seconds']:.1f} s, {file.stat().st_size / 1e6:.1f} MB, {rows} rows; proved in {seconds:.1f} s")
        want(p99["during"] <= 2 * p99["before"], f"p99 during is {p99['during'] / p99['before']:.1f} times p99 before, wanted 2")
        want(figures["during"][1][0] <= figures["during"][2], "the file's length grew by no more than was written")
        want(figures["during"][1][1] <= figures["during"][2], "it takes no more of the disk than what was written")


def frames(data):
    """A backup's frames: kind and end."""
    at, found = 16, []
    while at + 5 <= len(data):
        kind, length = data[at], int.from_bytes(data[at + 1:at + 5], "little")
        at += 5 + length + 16
        if at <= len(data):
            found.append((kind, at))
    return found


def await_follower(process, directory):
    """Until the base has its name; the file."""
    for _ in range(6000):
        if found := sorted(directory.glob("smslite-*.backup")):
            return found[-1]
        if process.poll() is not None:
            raise RuntimeError(f"the follower ended: {process.communicate()}")
        time.sleep(0.01)
    raise RuntimeError("the follower's base was not whole within a minute")


def restored_export(server, file, elsewhere, *flags):
    good(server, "restore", file, data=elsewhere)
    good(server, "check", data=elsewhere)
    return good(server, "export", *flags, "-", data=elsewhere)[0]


def follow(arguments):
    """backup --follow."""
    with Home(arguments) as home:
        server, directory = home.begin(), home.path / "followed"
        hammer = Hammer(server)
        hammer.start()
        time.sleep(4)
        began = time.monotonic()
        follower = server.command("backup", "--follow", directory)
        file = await_follower(follower, directory)
        time.sleep(arguments.seconds)
        plain_began = time.monotonic()
        good(server, "backup", home.path / "plain.backup")
        plain_ended = time.monotonic()
        time.sleep(2)
        hammer.stop()
        size, same = -1, 0
        while same < 30:  # three seconds without a byte: all is followed
            time.sleep(0.1)
            same, size = (same + 1 if file.stat().st_size == size else 0), file.stat().st_size
        server.kill()
        stop(follower)
        followed = restored_export(server, file, home.path / "restored", "--with-secrets")
        server.start()
        original = good(server, "export", "--with-secrets", "-")[0]
        say("messages acknowledged", len(hammer.stored()))
        say("records exported, original and restored", f"{len(original.splitlines())}, {len(followed.splitlines())}")
        want(original == followed, "the followed backup's export is the original's, byte for byte")
        lost = hammer.stored() - set(contents(messages_of(original)))
        want(not lost, f"every acknowledged message is in the original ({len(lost)} lost)")
        # Moments within the load.
        data = file.read_bytes()
        base_end = next(end for kind, end in frames(data) if kind == 3)
        (home.path / "base.backup").write_bytes(data[:base_end])
        say("follow file", f"{len(data) / 1e6:.1f} MB, of which the base {base_end / 1e6:.1f} MB")
        for name, at, ended in (("base", began, None), ("plain", plain_began, plain_ended)):
            threads = messages_of(restored_export(server, home.path / f"{name}.backup", home.path / name))
            there = contents(threads)
            lost = hammer.stored(until=at) - set(there)
            want(not lost, f"{name}: all {len(hammer.stored(until=at))} acknowledged before it began are in it")
            want(gapless(threads) and len(there) == len(set(there)), f"{name}: threads are gapless, check is clean ({len(there)} messages)")
            # One client sends one message after the other: what is in it has all that came before.
            kept, after = set(there), 0
            missing = set()
            for answer in hammer.answers:
                if answer.sid not in kept:
                    missing.add(answer.client)
                elif answer.client in missing:
                    after += 1
            want(after == 0, f"{name}: no client's later message is in it without its earlier ones")
    losses = []
    for number in range(arguments.tries):
        with Home(arguments) as home:
            server, directory, rng = home.begin(), home.path / "followed", random.Random(number)
            follower = server.command("backup", "--follow", directory)
            file = await_follower(follower, directory)
            hammer = Hammer(server, seed=number)
            hammer.start()
            time.sleep(2 + rng.uniform(0, 3))
            follower.kill()
            server.kill()
            moment = time.monotonic()
            follower.communicate()
            hammer.stop()
            kept = set(contents(messages_of(restored_export(server, file, home.path / "restored"))))
            acknowledged = [answer for answer in hammer.answers if answer.status == 200]
            lost = [answer for answer in acknowledged if answer.sid not in kept]
            oldest = min((answer.at for answer in lost), default=moment)
            losses.append((moment - oldest, len(lost), len(acknowledged)))
    losses.sort()
    middle = losses[len(losses) // 2]
    say(f"a machine lost under load, {len(losses)} tries", f"median {middle[0]:.2f} s, max {losses[-1][0]:.2f} s of acknowledged messages")
    say("  messages lost", f"median {middle[1]}, max {max(each[1] for each in losses)} of {middle[2]} acknowledged")
    want(losses[-1][0] < 2, "less than two seconds are lost")


MARKER = "the-marker-of-archived-bodies"


def import_thread(server, assistant_id, count, call_id=1 << 40):
    """One thread of so many messages, each with the marker."""
    call = {
        "type": "call", "id": call_id, "channel": "sms", "direction": "inbound", "assistant_id": assistant_id,
        "customer_phone_number": f"+16660{call_id % 1000000:06d}", "assistant_phone_number": OUR_NUMBER, "status": "completed",
        "started_at": "2026-01-02T03:04:00Z", "ended_at": "2026-02-03T03:04:00Z",
    }
    messages = (
        {"type": "message", "id": call_id + place, "call_id": call_id, "message_index": place + 1, "role": "user",
         "content": f"{MARKER}-{place:06d}", "timestamp": f"2026-01-{2 + place // 86400 + 1:02d}T{place // 3600 % 24:02d}:{place // 60 % 60:02d}:{place % 60:02d}Z"}
        for place in range(count))
    path = server.home / "thread.ndjson"
    with open(path, "w") as file:
        for line in [call, *messages]:
            file.write(json.dumps(line) + "\n")
    return path, call_id


def holds_marker(path):
    return MARKER.encode() in path.read_bytes()


def archive(arguments):
    """A huge thread is archived while it is exported and others write."""
    with Home(arguments) as home:
        home.server.log_level = "info"
        server, count = home.begin(), 100_000
        path, call_id = import_thread(server, home.assistant_id, count)
        _, seconds = good(server, "import", path)
        say(f"import of {count} messages", f"{seconds:.1f} s")
        want(holds_marker(server.data / "smslite.redb"), "(control) the marker is found in the database file before")
        exports, stopped = defaultdict(int), threading.Event()

        def exporter():
            while not stopped.is_set():
                try:
                    status, body = server.api().call("GET", f"/api/v1/sms-conversations/{call_id}/export?format=csv")
                except OSError:
                    exports["cut"] += 1
                    continue
                if status == 404:
                    exports["not found"] += 1
                    time.sleep(0.05)
                elif status == 200 and body.count(MARKER.encode()) == count and body.count(b"\r\n") == count + 1:
                    exports["whole"] += 1
                else:
                    exports["WRONG"] += 1

        hammer = Hammer(server)
        hammer.start()
        exporters = [threading.Thread(target=exporter) for _ in range(2)]
        time.sleep(arguments.seconds / 2)
        alone = time.monotonic()
        for thread in exporters:
            thread.start()
        time.sleep(arguments.seconds / 2)
        archived = time.monotonic()
        status, _ = server.api().call("DELETE", f"/api/v1/sms-conversations/{call_id}")
        answered = time.monotonic()
        want(status == 200, f"the archive is answered 200, in {(answered - archived) * 1000:.0f} ms")
        log = server.home / "server.log"
        while b"conversation is purged" not in log.read_bytes()[-20_000_000:]:
            if time.monotonic() - archived > 180:
                raise RuntimeError("not purged within three minutes")
            time.sleep(0.2)
        purged = time.monotonic()
        stopped.set()
        for thread in exporters:
            thread.join()
        hammer.stop()
        say("exports", ", ".join(f"{what} {number}" for what, number in sorted(exports.items())))
        want(not exports["WRONG"] and exports["whole"] and exports["cut"], "each export is whole, cut or not found; some of each")
        say("purge", f"{purged - archived:.1f} s")
        base = hammer.between(0, alone)
        during = hammer.between(answered, purged)
        say("inbound before", milliseconds(base))
        say("inbound while it is exported", milliseconds(hammer.between(alone, archived)))
        say("inbound while it is purged", milliseconds(during))
        want(all(answer.status == 200 for answer in hammer.answers), "every webhook was answered 200")
        server.process.terminate()
        want(server.process.wait() == 0, "the server stops with 0")
        say("in the database file before compact", "still there" if holds_marker(server.data / "smslite.redb") else "gone")
        printed, seconds = good(server, "compact")
        say(f"compact ({seconds:.1f} s)", printed.decode().strip())
        good(server, "check")
        export = good(server, "export", "-")[0]
        good(server, "backup", home.path / "new.backup")
        good(server, "restore", home.path / "new.backup", data=home.path / "restored")
        places = {"database file": server.data / "smslite.redb", "server's log": log, "restored backup": home.path / "restored/smslite.redb"}
        for place, where in places.items():
            want(not holds_marker(where), f"no byte of it in the {place}")
        for other in server.data.iterdir():
            if other.name != "smslite.redb":
                want(not holds_marker(other), f"no byte of it in {other.name}")
        want(MARKER.encode() not in export, "no byte of it in the export")
        lost = hammer.stored() - set(contents(messages_of(export)))
        want(not lost, f"all {len(hammer.stored())} acknowledged messages are there")


def graceful(arguments):
    """SIGTERM under load."""
    what = ["load alone", "an import", "a purge", "a backup"]
    seconds, codes = defaultdict(list), []
    totals, outcomes = defaultdict(int), defaultdict(int)
    for block in range(arguments.stops // 4):
        with Home(arguments) as home:
            server, acknowledged = home.begin(), set()
            for number, name in enumerate(what):
                rng = random.Random(block * 4 + number)
                path, call_id = import_thread(server, home.assistant_id, 40_000, (block * 4 + number + 1) << 24)
                if name == "a purge":
                    good(server, "import", path)
                hammer = Hammer(server, keeps=32, seed=rng.random())
                hammer.start()
                time.sleep(0.3)
                beside = None
                if name == "an import":
                    beside = server.command("import", path)
                elif name == "a backup":
                    beside = server.command("backup", home.path / f"{block}-{number}.backup")
                elif name == "a purge":
                    status, _ = server.api().call("DELETE", f"/api/v1/sms-conversations/{call_id}")
                    want(status == 200, "archived") if status != 200 else None
                time.sleep(rng.uniform(0.05, 0.7))
                begin = time.monotonic()
                server.process.terminate()
                codes.append(server.process.wait(60))
                seconds[name].append(time.monotonic() - begin)
                hammer.stop()
                acknowledged |= hammer.stored()
                for kind in ("unanswered_fresh", "unanswered_kept", "cut", "refused"):
                    totals[kind] += getattr(hammer, kind)
                totals["answered"] += len(hammer.answers)
                totals["other"] += sum(answer.status != 200 for answer in hammer.answers)
                if beside:
                    printed = b"".join(beside.communicate()).decode().strip().splitlines()
                    outcomes[f"{name}: {re.sub(r'[0-9,.]+', 'N', printed[-1][:90]) if printed else ''}, exit {beside.returncode}"] += 1
                good(server, "check")
                server.start()
            server.process.terminate()
            codes.append(server.process.wait(60))
            lost = acknowledged - set(contents(messages_of(good(server, "export", "-")[0])))
            totals["lost"] += len(lost)
            totals["stored"] += len(acknowledged)
    for name in what:
        say(f"SIGTERM to exit with {name}", f"median {percentile(seconds[name], .5):.2f} s, max {max(seconds[name]):.2f} s of {len(seconds[name])}")
    for outcome, times in outcomes.items():
        say(f"  {times} times", outcome)
    say("answers, not 200", f"{totals['answered']}, {totals['other']}")
    say("refused connections", totals["refused"])
    say("no byte of an answer, on a kept connection", totals["unanswered_kept"])
    want(all(code == 0 for code in codes), f"exit code 0, {len(codes)} times")
    want(totals["lost"] == 0, f"all {totals['stored']} acknowledged messages are stored ({totals['lost']} lost)")
    want(totals["cut"] == 0, f"no answer that had begun was cut ({totals['cut']})")
    want(totals["unanswered_fresh"] == 0, f"no reset after a request on a fresh connection ({totals['unanswered_fresh']})")
    want(totals["unanswered_kept"] == 0, f"no reset after a request on a kept connection ({totals['unanswered_kept']})")


def probe(server):
    status, body = server.api().call("GET", "/readyz")
    return status, json.loads(body)


def in_trouble(server, hammer, break_it, mend_it, name):
    """While something is broken: writes 503, reads go on, /readyz says why; afterwards ready again by itself."""
    time.sleep(1)
    broke = time.monotonic()
    break_it()
    status, body = 200, {}
    while status == 200 and time.monotonic() - broke < 20:
        time.sleep(0.02)
        status, body = probe(server)
    noticed = time.monotonic()
    say(f"{name}: /readyz", f"{status} after {noticed - broke:.2f} s: {body.get('detail')}")
    want(status == 503 and body.get("detail"), f"{name}: /readyz is 503 with a reason")
    time.sleep(3)
    reads = [server.api().call("GET", path)[0] for path in ("/api/v1/sms-conversations/", "/livez", "/api/v1/sms-conversations/1/messages")]
    want(reads == [200, 200, 200], f"{name}: reads go on ({reads})")
    mend = time.monotonic()
    answers = [answer for answer in hammer.between(noticed, mend)]
    statuses = defaultdict(int)
    for answer in answers:
        statuses[answer.status] += 1
    say(f"{name}: writes meanwhile", dict(statuses))
    want(set(statuses) == {503}, f"{name}: every write is answered 503")
    mend_it()
    mended = time.monotonic()
    status = 503
    while status != 200 and time.monotonic() - mended < 30:
        time.sleep(0.02)
        status, _ = probe(server)
    say(f"{name}: ready again after", f"{time.monotonic() - mended:.2f} s")
    want(status == 200 and time.monotonic() - mended < 5, f"{name}: ready again within seconds")
    time.sleep(1)
    after = [answer.status for answer in hammer.answers if answer.sent > mended + 5]
    say(f"{name}: the server", "the same process" if server.process.poll() is None else "ENDED")


def faults(arguments):
    """Storage that fails, on a real file system."""
    if os.geteuid() != 0:
        return print("  skipped: mounting needs root")
    mounted = Path(tempfile.mkdtemp(prefix="smslite-mounted-"))
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", mounted], capture_output=True).returncode:
        mounted.rmdir()
        return print("  skipped: no tmpfs can be mounted here")
    try:
        with Home(arguments, data=mounted / "data") as home:
            server, filler = home.begin(), mounted / "filler"
            database, away = mounted / "data/smslite.redb", mounted / "data/smslite.redb.away"

            def fill():
                with open(filler, "wb", buffering=0) as file:
                    try:
                        while True:
                            file.write(bytes(1 << 16))
                    except OSError:
                        pass

            def remount(how):
                return subprocess.run(["mount", "-o", f"remount,{how}", mounted], capture_output=True, text=True)

            hammer = Hammer(server, clients=16, pause_on_503=0.005)
            hammer.start()
            # Each while the load goes on.
            in_trouble(server, hammer, fill, filler.unlink, "disk full")
            tried = remount("ro")
            if tried.returncode == 0:
                in_trouble(server, hammer, lambda: None, lambda: remount("rw"), "read-only")
            else:
                remount("rw")
                say("read-only: not tried", tried.stderr.strip())
            in_trouble(server, hammer, lambda: database.rename(away), lambda: away.rename(database), "file moved away")
            hammer.stop()
            server.process.terminate()
            want(server.process.wait() == 0, "the server stops with 0")
            printed, _ = good(server, "check")
            say("check", printed.decode().strip())
            threads = messages_of(good(server, "export", "-")[0])
            lost = hammer.stored() - set(contents(threads))
            want(not lost, f"all {len(hammer.stored())} acknowledged messages are there ({len(lost)} lost)")
            unknown = {answer.sid for answer in hammer.answers if answer.status == 503} & set(contents(threads))
            say("answered 503 and stored all the same", f"{len(unknown)} of {sum(answer.status == 503 for answer in hammer.answers)}")
    finally:
        subprocess.run(["umount", mounted], check=False)
        mounted.rmdir()


EXPERIMENTS = {"backup": backup, "follow": follow, "archive": archive, "stop": graceful, "faults": faults}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("experiments", nargs="*", choices=[[], *EXPERIMENTS], default=[])
    parser.add_argument("--binary", type=Path, default=root / "target/ci/smslite")
    parser.add_argument("--data", type=Path, default=root / "target/bench-data", help="the benchmark's")
    parser.add_argument("--tmp", type=Path, default=None, help="where copies are made; default: the system's place")
    parser.add_argument("--seconds", type=float, default=8, help="how long a load goes on before and after")
    parser.add_argument("--tries", type=int, default=10, help="lost machines")
    parser.add_argument("--stops", type=int, default=20)
    arguments = parser.parse_args()
    for name in arguments.experiments or EXPERIMENTS:
        started = time.monotonic()
        print(f"{name}: {EXPERIMENTS[name].__doc__} Load average {os.getloadavg()[0]:.1f}", flush=True)
        EXPERIMENTS[name](arguments)
        print(f"  ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"{len(MISSES)} missed" + "".join(f"\n  {miss}" for miss in MISSES))
    return 1 if MISSES else 0


if __name__ == "__main__":
    os.environ.pop("SMSLITE_CONFIG", None)
    sys.exit(main())

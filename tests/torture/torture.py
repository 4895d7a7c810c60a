#!/usr/bin/env python3
"""Everything at once, over and over, with SIGKILL in between, and a carrier that behaves badly.

Customers write over three carriers: long messages in parts, STOP and START, each webhook perhaps twice at once, again
later, out of order. Clients send by `/sms/send`, and ask again with the same key until they are answered. A fake carrier
takes messages and answers well, late, not at all or with half an answer; is busy, broken or refuses; tells receipts out of
order, again, or before it answers. Meanwhile the server is killed every 1-3 seconds and started again. In the end all that
was not answered is asked again, all that ever came comes once more, and then must hold:

- what was acknowledged is there once: messages with their text and without gaps, logs, jobs;
- no carrier took a message twice; `sent` it took, `failed` and `cancelled` it never took, `unknown` at most once;
- no status ever went back, neither as it was read meanwhile nor in the end; it is what the receipts lead to;
- nobody who opted out was sent to, but the answer to that;
- `smslite check` finds the file sound, and the export says the same as the API.

Then the records themselves are falsified, one by one, and each must be found out: the script proves that it can fail.
At first, alone and without chance: the carrier takes a message and hangs, the server is killed. See cases.py.

    tests/torture/torture.py --rounds 6 --seed 1 --binary target/ci/smslite

Telnyx' webhooks are not signed here (wire.py says why). Needs Python 3.9 and Linux, nothing else. Ends only processes
that it started, talks to loopback only. Exit code 1 at any violation.
"""

import argparse
import random
import re
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources
sys.path.append(str(Path(__file__).resolve().parents[1] / "kill"))

import cases
import falsify
import verify
import wire
from fake import Carrier
from pool import Pool
from records import Records
from server import Server
from traffic import Traffic

SHOWN = 12


def settings(carrier_url, timeout=2):
    """Of a server whose carriers are all the fake one."""
    most = {f"SMSLITE_{name}_{what}MESSAGES_PER_MINUTE": "60000" for name in ("TWILIO", "TELNYX", "VONAGE") for what in ("", "NUMBER_")}
    return most | {f"SMSLITE_{name}_BASE_URL": carrier_url for name in ("TWILIO", "TELNYX", "VONAGE")} | {
        "SMSLITE_PUBLIC_URL": wire.PUBLIC_URL, "SMSLITE_SENDING_TIMEOUT_SECONDS": str(timeout),
        "SMSLITE_TWILIO_ACCOUNT_SID": wire.TWILIO_SID, "SMSLITE_TELNYX_API_KEY": "KEY0123_test",
        "SMSLITE_TELNYX_SIGNATURES": "off", "SMSLITE_VONAGE_API_KEY": wire.VONAGE_KEY,
        "SMSLITE_VONAGE_API_SECRET": "a-secret", "SMSLITE_VONAGE_SIGNATURE_SECRET": wire.VONAGE_SECRET}


class Torture:
    """A server with its carrier and what is known about both."""

    def __init__(self, arguments, seed, timeout=2):
        self.home = Path(tempfile.mkdtemp(prefix="smslite-torture-"))
        self.records, self.rng = Records(), random.Random(seed)
        self.server = Server(arguments.binary, self.home, token=wire.TWILIO_TOKEN)
        self.carrier = Carrier(self.records, self.server, self.rng.random())
        self.server.settings = settings(self.carrier.url, timeout)
        self.server.start()
        assistant = self.server.api().post("/api/v1/assistants", {"name": "Torture"})["id"]
        for number, provider in wire.NUMBERS.items():
            path = f"/api/v1/assistants/{assistant}/phone-numbers/assign-by-number"
            self.server.api().post(path, {"phone_number": number, "provider": provider})

    def kill(self):
        if (code := self.server.process.poll()) is not None:
            self.records.violation(f"the server ended by itself with {code}")
        self.records.kills.append(time.monotonic())
        self.server.kill()

    def restart(self):
        code, printed, _ = self.server.run("check")
        if code:
            self.records.violation(f"check after a kill: {printed.decode(errors='replace').strip()[:500]}")
        if self.rng.random() < 0.25:  # Starts are killed, too.
            self.server.exec()
            time.sleep(self.rng.uniform(0, 0.03))
            self.kill()
            self.records.count("killed starts")
        self.server.start()

    def outbox_is_empty(self, seconds):
        until = time.monotonic() + seconds
        while True:
            queues = self.server.api().get("/sms/queue/stats")["queues"]
            left = sum(queue["queued"] + queue["sending"] for queue in queues.values())
            if not left:
                return
            if time.monotonic() > until:
                raise RuntimeError(f"after {seconds} s {left} messages are still to be sent")
            time.sleep(0.1)

    def settle(self, pool):
        pool.drain(60)
        self.outbox_is_empty(60)
        pool.drain(60)

    def stop(self):
        """SIGTERM; the exit code."""
        self.server.process.send_signal(signal.SIGTERM)
        return self.server.process.wait(30)

    def close(self, keep):
        self.server.kill()
        self.carrier.close()
        if not keep:
            shutil.rmtree(self.home, ignore_errors=True)


def main_run(arguments, torture):
    records, server, rng = torture.records, torture.server, torture.rng
    pool = Pool(server, records, rng, arguments.workers)
    traffic = Traffic(records, pool, server.key, rng.random(), arguments.rate)
    torture.carrier.deliver = traffic.deliver
    pool.make_more = traffic.more
    pool.after(0, traffic.lists)
    for done in range(arguments.rounds):
        time.sleep(rng.uniform(1, 3))
        # A wait doubles with each refusal; later ones are not waited for.
        torture.carrier.most_refusals = 2 if done < arguments.rounds / 2 else 1
        traffic.volley()
        time.sleep(rng.uniform(0.02, 0.1))
        torture.kill()
        torture.restart()
        pool.check()
        if done % 10 == 9:
            print(f"round {done + 1}: {len(records.inbound)} messages, {len(records.sends)} sends", flush=True)
    torture.carrier.most_refusals = 0
    time.sleep(0.5)
    pool.make_more, traffic.listing = None, False
    torture.settle(pool)
    traffic.reading = False
    pool.drain(10)
    acknowledged = [each.job for each in records.sends if each.acknowledged]
    before = verify.Found(server, acknowledged)
    # What came once only until now was either kept then or is lost; from here on a replay could bring it back.
    traffic.replay_everything()
    torture.settle(pool)
    found = verify.Found(server, acknowledged)
    pool.end()
    records.violations += found.differs(before)
    if code := torture.stop():
        records.violation(f"after SIGTERM the exit code is {code}")
    code, printed, _ = server.run("check")
    if b"panicked" in (torture.home / "server.log").read_bytes():
        records.violation("something in the server panicked, its log says where")
    found.check = printed.decode(errors="replace").strip()[:500] if code else None
    code, printed, _ = server.run("export", "-")
    if code:
        raise RuntimeError(f"the export ended with {code}: {printed[-300:]!r}")
    found.take_export(printed)
    return found


def summary(records, found, seconds):
    counts, taken = records.counts, sum(map(len, records.taken.values()))
    answers = Counter(how for asked in records.asked.values() for how, *_ in asked)
    jobs = Counter(job["status"] for job in found.exported["outbound_job"])
    unknown = [job["uuid"] for job in found.exported["outbound_job"] if job["status"] == "unknown"]
    print(f"kills                    {len(records.kills)}, of them {counts.pop('killed starts', 0)} of starts, in {seconds:.0f} s")
    print(f"inbound messages         {len(records.inbound)} in {len(found.conversations)} conversations")
    print(f"receipts                 {len(records.receipts)} of {taken} messages that the carrier took")
    print(f"sends                    {len(records.sends)}; jobs in the end: {dict(jobs.most_common())}")
    print(f"unknown                  {len(unknown)}, of which the carrier took {sum(bool(records.taken.get(uuid)) for uuid in unknown)}")
    print(f"the carrier's answers    {dict(answers.most_common())}")
    print(f"asked the carrier again  {sum(max(0, len(asked) - 1) for asked in records.asked.values())}")
    for what, count in sorted(counts.items()):
        print(f"  {count:6} {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--rounds", type=int, default=20, help="kills; default 20")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    parser.add_argument("--binary", type=Path, default=root / "target/ci/smslite")
    parser.add_argument("--workers", type=int, default=16, help="connections")
    parser.add_argument("--rate", type=float, default=150, help="new messages a second, in and out")
    parser.add_argument("--only", choices=["cases", "rounds"], help="leave out the other half")
    arguments = parser.parse_args()
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}, {arguments.rounds} rounds, {arguments.binary}", flush=True)
    violations = []
    if arguments.only != "rounds":
        violations += cases.run(lambda timeout: Torture(arguments, seed, timeout))
    if arguments.only != "cases":
        started, torture, keep = time.monotonic(), Torture(arguments, seed), True
        try:
            found = main_run(arguments, torture)
            differ = verify.compare(torture.records, found)
            summary(torture.records, found, time.monotonic() - started)
            violations += torture.records.violations + differ
            if not differ:
                undetected, tried = falsify.undetected(torture.records, found)
                violations += undetected
                print(f"falsified records        {tried - len(undetected)} of {tried} were found out")
            keep = bool(violations)
        except RuntimeError as error:
            violations += [str(error), *torture.records.violations]
        finally:
            torture.close(keep)
            if keep:
                print(f"the data and the server's log were left in {torture.home}", file=sys.stderr)
    tell(violations, seed)
    return 1 if violations else 0


def tell(violations, seed):
    """The first of each kind, with how many there are of it."""
    kinds = {}
    for violation in dict.fromkeys(violations):
        # What differs between two of a kind: numbers, ids, what is quoted.
        kinds.setdefault(re.sub(r"'[^']*'|\"[^\"]*\"|[0-9a-f-]{36}|[+]?[0-9][0-9T:.Z-]*|twilio|telnyx|vonage|its receipts were.*", "#", violation), []).append(violation)
    for same in list(kinds.values())[:SHOWN]:
        print(f"VIOLATION (seed {seed}): {same[0]}" + (f" (and {len(same) - 1} like it)" if same[1:] else ""), file=sys.stderr)
    if len(kinds) > SHOWN:
        print(f"and {len(kinds) - SHOWN} other kinds", file=sys.stderr)
    print(f"violations               {sum(map(len, kinds.values())) or 'none'}")


if __name__ == "__main__":
    sys.exit(main())

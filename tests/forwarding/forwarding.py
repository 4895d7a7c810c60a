#!/usr/bin/env python3
"""Messages are forwarded to a receiver that behaves badly, while the server is killed again and again.

Customers write over Twilio's signed webhooks, each message when the one before was acknowledged. A receiver is told of them
and answers well, slowly, with garbage, with replies, with 500, 404 and redirects, breaks off, hangs. Meanwhile the server is
killed and started again, a signing secret is rotated, and listeners read the change feed, and read on after each kill. In
the end the receiver behaves well, and then must hold:

- every request verified with the official library of Standard Webhooks, after the rotation with the old secret and the new;
- what was acknowledged was delivered, in the order of its conversation, under one id of its own, one attempt at a time;
- each attempt is in the conversation's timeline, and what was settled is not told again: all but what a kill cut;
- the reply that the last attempt of a message asked for is in the conversation once, in its place, and no other is;
- no redirect is followed, nobody is asked again too soon; `smslite check` finds the file sound after each kill;
- each listener heard the whole feed from where it began, without gaps, once.

Then what was seen is falsified, thing by thing, and each must be found out: the script proves that it can fail.

    tests/forwarding/forwarding.py --rounds 4 --seed 1 --binary target/ci/smslite
    tests/forwarding/forwarding.py --dead     # 6 minutes: receivers that are down and that hang, beside a healthy one

What chance decides about a message depends on the seed alone, what happens between messages on the machine, too. The first
run makes a virtual environment below target/ and installs what requirements.txt pins. Needs Python 3.9 with venv and
Linux. Ends only processes that it started, talks to loopback only. Exit code 1 at any violation.
"""

import argparse
import os
import secrets
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="kills; default 20")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/ci/smslite")
    parser.add_argument("--customers", type=int, default=80)
    parser.add_argument("--threads", type=int, default=8, help="that the customers write from")
    parser.add_argument("--rate", type=float, default=25, help="messages a second")
    parser.add_argument("--good", metavar="ok=32,reply=22,...", help="how often the receiver answers how; what is left out it does not")
    parser.add_argument("--bad", metavar="500=6,hang=4,...", help="and how often it fails; see receiver.py for both")
    parser.add_argument("--dead", action="store_true", help="the other phase instead: receivers that are down")
    parser.add_argument("--environments", type=Path, default=ROOT / "target" / "forwarding", metavar="DIRECTORY",
                        help="where virtual environments are kept (default: target/forwarding)")
    if "STANDARDWEBHOOKS" in os.environ:
        import run

        return run.main(parser.parse_args())
    arguments = parser.parse_args()
    sys.path.append(str(HERE.parent / "sdk"))
    from environment import environment_of

    if not arguments.binary.is_file():
        sys.exit(f"there is no {arguments.binary}; build it with: cargo build --profile ci")
    python = environment_of(HERE / "requirements.txt", arguments.environments.resolve())
    if python is None:
        sys.exit("the package index cannot be reached, so the library that signatures are verified with cannot be installed")
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}, {arguments.rounds} rounds, {arguments.binary}", flush=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SMSLITE_", "PYTHON"))}
    command = [str(python), "-B", __file__, *sys.argv[1:], "--seed", str(seed)]
    os.execve(python, command, kept | {"STANDARDWEBHOOKS": "installed"})


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The carriers' official Python libraries against the running server, both ways.

In: the libraries of Twilio, Telnyx and Vonage sign webhooks; the server gets them, and so does the library's own check.
Both must say the same of each, honest or tampered with, and what was taken must be in the API as it was sent, what was
refused must not. Out: each library and the server send the same messages to a recorder that stands for the carrier; the
two requests must ask the same. Where the two are meant to differ, `table.py` lists it with the reason.

    tests/sdk/sdk.py --binary target/ci/smslite

The first run makes a virtual environment below target/ and installs what requirements.txt pins; later ones use it again.
Exit code 1 at any difference, or when nothing could be installed; with --allow-skip 0 if that was because the package
index cannot be reached. Needs Python 3.9 with venv, and ends only processes that it started.
"""

import argparse
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources

from environment import environment_of

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=Path("target/ci/smslite"))
    parser.add_argument("--environments", type=Path, default=HERE.parent.parent / "target" / "sdk", metavar="DIRECTORY",
                        help="where virtual environments are kept (default: target/sdk)")
    parser.add_argument("--allow-skip", action="store_true", help="exit with 0 when the package index cannot be reached")
    parser.add_argument("--seed", type=int, default=1, help="of the random requests")
    parser.add_argument("--quiet", action="store_true", help="print only the rows where the two differ")
    arguments = parser.parse_args()
    binary = arguments.binary.resolve()
    if not binary.is_file():
        sys.exit(f"there is no {binary}; build it with: cargo build --profile ci")
    python = environment_of(HERE / "requirements.txt", arguments.environments.resolve())
    if python is None:
        if arguments.allow_skip:
            print("skipped: the package index cannot be reached, so nothing was compared with the carriers' libraries")
            return
        sys.exit("the package index cannot be reached, so the carriers' libraries cannot be installed (see --allow-skip)")
    # Settings of the caller's, and proxies between the libraries and the recorder, are not what is compared.
    foreign = ("SMSLITE_", "TELNYX_", "TWILIO_", "VONAGE_", "PYTHON")
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(foreign) and not name.lower().endswith("_proxy")}
    command = [python, "-B", HERE / "compare.py", binary, str(arguments.seed), "differences" if arguments.quiet else "all"]
    sys.stdout.flush()
    os.execve(python, [str(part) for part in command], kept)


if __name__ == "__main__":
    main()

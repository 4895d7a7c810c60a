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

import sys

sys.dont_write_bytecode = True  # leave no cache beside the sources

from environment import go_on_as, parser_of


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the random requests")
    parser.add_argument("--quiet", action="store_true", help="print only the rows where the two differ")
    arguments = parser.parse_args()
    shown = "differences" if arguments.quiet else "all"
    go_on_as("compare.py", "requirements.txt", arguments, arguments.seed, shown)


if __name__ == "__main__":
    main()

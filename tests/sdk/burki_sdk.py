#!/usr/bin/env python3
"""Burki's official Python SDK against the running server: every SMS method, blocking and awaited.

A customer writes in, then each method is called as an app would call it. What it returns must be what the server holds, and
what goes wrong must be the SDK's own error for it. A method or parameter of the SDK that is not used here is a failure, too.

    tests/sdk/burki_sdk.py --binary target/ci/smslite

The first run makes a virtual environment below target/ and installs what burki-requirements.txt pins; later ones use it again.
Exit code 1 when a method fails, or when nothing could be installed; with --allow-skip 0 if that was because the package
index cannot be reached. Needs Python 3.9 with venv, and ends only processes that it started.
"""

import sys

sys.dont_write_bytecode = True  # leave no cache beside the sources

from environment import go_on_as, parser_of

if __name__ == "__main__":
    go_on_as("burki_methods.py", "burki-requirements.txt", parser_of(__doc__).parse_args())

#!/usr/bin/env python3
"""The Python package for other people's tests, installed as they do, against a binary: its types, then its tests.

    tests/clients/python.py --binary target/ci/smslite

Takes the environment of the carriers' libraries, which has what this needs besides. Exit code 1 at any failure.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources

from package import SOURCE, copy_to, install, python_of, surroundings  # noqa: E402

from environment import parser_of  # noqa: E402


def main():
    arguments = parser_of(__doc__).parse_args()
    python = python_of(arguments)
    with tempfile.TemporaryDirectory(prefix="smslite-python-") as home:
        home = Path(home)
        environment = surroundings(home, python, arguments.binary)
        copy_to(home / "source")
        install(home / "source", python, environment)
        if not (home / "site" / "smslite" / "py.typed").is_file():
            sys.exit("the installed package does not say that it is typed")
        runs = []
        if subprocess.run([python, "-c", "import mypy"], stderr=subprocess.DEVNULL).returncode == 0:
            runs.append(["-m", "mypy", "--strict", "--cache-dir", home / "types", "-p", "smslite"])
        runs.append(["-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "--basetemp", home / "tests", "--smslite-dumps", home / "dumps",
                     "-c", SOURCE / "pyproject.toml", SOURCE / "tests"])
        failed = [run for run in runs if subprocess.run([python, *run], cwd=home, env=environment).returncode]
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()

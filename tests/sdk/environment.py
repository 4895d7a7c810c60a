"""Virtual environments with what a requirements.txt pins, made once below target/, and scripts that run in them."""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Settings of the caller's, and proxies between the libraries and what they ask, are not what is tested.
FOREIGN = ("BURKI_", "PYTHON", "SMSLITE_", "TELNYX_", "TWILIO_", "VONAGE_")

# What pip says when nobody answered, not when somebody did that there is no such thing.
UNREACHABLE = ("connection broken by", "(from versions: none)", "Could not fetch URL", "Temporary failure in name resolution")


def environment_of(requirements, directory):
    """The Python of the virtual environment for these pins and this Python; none when the index is not reachable."""
    pins = requirements.read_bytes() + sys.version.encode()
    home = directory / f"python-{hashlib.sha256(pins).hexdigest()[:12]}"
    python = home / "bin" / "python"
    done = home / "installed"
    if done.exists():
        return python
    shutil.rmtree(home, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", home], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        sys.exit(f"no virtual environment can be made (on Debian: apt-get install python3-venv):\n{made.stdout}")
    # Nothing is built here, and what is imported once need not be compiled as a whole.
    install = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", "--only-binary", ":all:"]
    install += ["--retries", "2", "--timeout", "15", "--quiet", "-r", requirements]
    installed = subprocess.run(install, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if installed.returncode == 0:
        done.touch()
        return python
    print(installed.stdout, file=sys.stderr)
    if any(words in installed.stdout for words in UNREACHABLE):
        return None
    sys.exit(f"what {requirements} pins could not be installed")


def parser_of(description):
    """Of a script that runs libraries against a binary."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=Path("target/ci/smslite"))
    parser.add_argument("--environments", type=Path, default=HERE.parent.parent / "target" / "sdk", metavar="DIRECTORY",
                        help="where virtual environments are kept (default: target/sdk)")
    parser.add_argument("--allow-skip", action="store_true", help="exit with 0 when the package index cannot be reached")
    return parser


def go_on_as(script, requirements, arguments, *words):
    """This process becomes the script, in an environment with what the requirements pin; it gets the binary and the words."""
    binary = arguments.binary.resolve()
    if not binary.is_file():
        sys.exit(f"there is no {binary}; build it with: cargo build --profile ci")
    python = environment_of(HERE / requirements, arguments.environments.resolve())
    if python is None:
        if arguments.allow_skip:
            print(f"skipped: the package index cannot be reached, so nothing of {requirements} was tried")
            return
        sys.exit(f"the package index cannot be reached, so {requirements} cannot be installed (see --allow-skip)")
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(FOREIGN) and not name.lower().endswith("_proxy")}
    sys.stdout.flush()
    command = [python, "-B", HERE / script, binary, *words]
    os.execve(python, [str(part) for part in command], kept)

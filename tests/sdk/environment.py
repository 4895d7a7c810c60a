"""Virtual environments with what a requirements.txt pins, made once below target/."""

import hashlib
import shutil
import subprocess
import sys

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

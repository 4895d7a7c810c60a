"""The Python package as it is installed: with its entry point, into a directory of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent / "clients" / "python"

sys.path.insert(0, str(HERE.parent / "sdk"))
from environment import FOREIGN, environment_of  # noqa: E402

REQUIREMENTS = HERE.parent / "sdk" / "requirements.txt"
# Building needs nothing but what is pinned, and nothing is fetched.
INSTALL = {"PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"}


def copy_to(place):
    """The sources: what builds them leaves things beside them."""
    shutil.copytree(SOURCE, place, ignore=shutil.ignore_patterns("tests", "__pycache__", "build", "*.egg-info"))


def python_of(arguments):
    """Of the environment with what is pinned; the script ends when that cannot be had."""
    if not arguments.binary.resolve().is_file():
        sys.exit(f"there is no {arguments.binary}; build it with: cargo build --profile ci")
    python = environment_of(REQUIREMENTS, arguments.environments.resolve())
    if python is not None:
        return python
    if not arguments.allow_skip:
        sys.exit("the package index cannot be reached (see --allow-skip)")
    print("skipped: the package index cannot be reached")
    sys.exit(0)


def surroundings(home, python, binary):
    """The variables in which its programs are found, the package is, once it is installed, and nothing of the caller's is.
    What Python compiles it keeps beside the environments, not beside the sources."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(FOREIGN + ("PIP_", "PYTEST_")) and not name.lower().endswith("_proxy")}
    programs = home / "bin"
    programs.mkdir()
    (programs / "smslite").symlink_to(binary.resolve())
    path = f"{programs}{os.pathsep}{python.parent}{os.pathsep}{kept['PATH']}"
    return {**kept, **INSTALL, "PATH": path, "PIP_TARGET": str(home / "site"), "PYTHONPATH": str(home / "site"),
            "PYTHONPYCACHEPREFIX": str(python.parent.parent.parent / "compiled")}


def install(place, python, environment):
    subprocess.run([python, "-m", "pip", "install", place], env=environment, check=True)

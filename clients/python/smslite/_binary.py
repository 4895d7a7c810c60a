"""Where the program is: it is said, it is installed, it lies built in a checkout, or it can be built there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Iterator, Optional, Union

# Not shown by pytest, as in _http.py.
__tracebackhide__ = True

PROFILES = ("release", "ci", "debug")


class BinaryNotFound(Exception):
    """There is no program to start; the text says what to do."""


def find_binary(binary: Union[str, "os.PathLike[str]", None] = None) -> Path:
    """What is given, else SMSLITE_BINARY, else the PATH, else the newest build of a checkout, else one is built."""
    for said_by, path in (("the binary that was asked for", binary), ("SMSLITE_BINARY", os.environ.get("SMSLITE_BINARY"))):
        if path:
            return _runnable(said_by, Path(path))
    installed = shutil.which("smslite")
    if installed:
        return Path(installed)
    checkout = _checkout()
    if checkout is None:
        raise BinaryNotFound(
            "There is no smslite to start: neither SMSLITE_BINARY nor the PATH leads to one, and this is no checkout of it.\n"
            "Install it with `cargo install --path .` in a checkout, or say where it is: SMSLITE_BINARY=/path/to/smslite, or\n"
            "with pytest --smslite-binary. A server that runs already is used by SMSLITE_URL, or --smslite-url."
        )
    return _built(checkout) or _build(checkout)


def _runnable(said_by: str, path: Path) -> Path:
    if not path.is_file():
        raise BinaryNotFound(f"{said_by} says {path}, where no file is")
    if not os.access(path, os.X_OK):
        raise BinaryNotFound(f"{said_by} says {path}, which cannot be executed")
    return path.resolve()


def _checkout() -> Optional[Path]:
    """The nearest one above the working directory, else above this file."""
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for directory in (start, *start.parents):
            if _is_checkout(directory):
                return directory
    return None


def _is_checkout(directory: Path) -> bool:
    try:
        manifest = (directory / "Cargo.toml").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return 'name = "smslite"' in manifest.splitlines()


def _target(checkout: Path) -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR") or checkout / "target")


def _built(checkout: Path) -> Optional[Path]:
    """The newest: who has just built one means that."""
    found = [path for path in _builds(checkout) if os.access(path, os.X_OK)]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _builds(checkout: Path) -> Iterator[Path]:
    for profile in PROFILES:
        path = _target(checkout) / profile / "smslite"
        if path.is_file():
            yield path


def _build(checkout: Path) -> Path:
    cargo = shutil.which("cargo")
    if cargo is None:
        raise BinaryNotFound(
            f"smslite is not built in {checkout}, and there is no cargo to build it with. Install Rust from\n"
            "https://rustup.rs, or say where a built one is: SMSLITE_BINARY=/path/to/smslite"
        )
    print(f"smslite: building it in {checkout}, once; this takes minutes", flush=True)
    built = subprocess.run([cargo, "build", "--release", "--locked", "--bin", "smslite"], cwd=checkout)
    path = _target(checkout) / "release" / "smslite"
    if built.returncode or not path.is_file():
        raise BinaryNotFound(f"cargo could not build smslite in {checkout}; what it said is above")
    return path

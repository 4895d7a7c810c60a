#!/usr/bin/env python3
"""What docs/testing.md shows people who write tests, run as it stands there against a binary; and what the READMEs do.

Each section has a directory. Blocks that begin with a file's name are written there; then the section's commands are run
by one shell, in their order, and its tests by pytest, if no command did. YAML is parsed, and what it runs is read by a
shell; TOML is parsed where Python can; JavaScript is read by node where there is one. Rust is compiled and run by
tests/it/fixture/document.rs, which has the same lines. Any other language is an error.

    tests/docs/testing.py --binary target/ci/smslite

Takes the environment of the carriers' libraries. Exit code 1 when anything fails.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))
from package import copy_to, python_of, surroundings  # noqa: E402

from blocks import name_of, sections_of  # noqa: E402
from environment import parser_of  # noqa: E402

ROOT = HERE.parent.parent
# And of which heading; none: all of it.
DOCUMENTS = [("docs/testing.md", None), ("README.md", "In your tests"), ("clients/python/README.md", None)]
SECONDS = 120
PARSE_YAML = """
import sys, yaml
def runs(value):
    if isinstance(value, dict):
        for key, it in value.items():
            yield from [it] if key == "run" else it if key in ("script", "before_script") else runs(it)
    elif isinstance(value, list):
        for it in value:
            yield from runs(it)
print("\\n".join(runs(yaml.safe_load(sys.stdin))))
"""
PARSE_TOML = """
import sys
try:
    import tomllib
except ImportError:
    sys.exit()
tomllib.load(sys.stdin.buffer)
"""


class Runner:
    def __init__(self, home, python, environment):
        self.home, self.python, self.environment, self.failures = home, python, environment, 0

    def section(self, section):
        place = Path(tempfile.mkdtemp(dir=self.home))
        copy_to(place / "smslite" / "clients" / "python")
        commands = []
        for block in section.blocks:
            if name_of(block):
                path = place / name_of(block)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, "utf-8")
            if block.language == "sh":
                commands.append(block.text)
            else:
                self.read(block)
        if not any("pytest\n" in text for text in commands) and list(place.glob("test_*.py")):
            commands.append("pytest\n")
        if commands:
            self.run(section, place, commands)

    def run(self, section, place, commands):
        lines = ", ".join(str(block.line) for block in section.blocks if block.language in ("sh", "python"))
        script = "set -euo pipefail\n" + "".join(commands)
        environment = {**self.environment, "PYTEST_ADDOPTS": "-q -p no:cacheprovider -W error"}
        # What it leaves running ends with it, and nothing else does.
        process = subprocess.Popen(["bash", "-c", script], cwd=place, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            said, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            said = b"it did not end\n"
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.tell(f"{section.heading} (lines {lines})", process.wait(), said)

    def read(self, block):
        what = f"{block.heading} (line {block.line}), {block.language}"
        if block.language == "yaml":
            parsed = self.feed([self.python, "-c", PARSE_YAML], block.text)
            self.tell(what, parsed.returncode, parsed.stdout)
            shell = self.feed(["bash", "-n"], parsed.stdout.decode())
            self.tell(f"{what}, its commands", shell.returncode, shell.stdout)
        elif block.language == "toml":
            parsed = self.feed([self.python, "-c", PARSE_TOML], block.text)
            self.tell(what, parsed.returncode, parsed.stdout)
        elif block.language == "js":
            if shutil.which("node"):
                parsed = self.feed(["node", "--input-type=module", "--check", "-"], block.text)
                self.tell(what, parsed.returncode, parsed.stdout)
        elif block.language == "python":
            if not name_of(block):
                self.tell(what, 1, b"the block does not begin with the name of its file\n")
        elif block.language != "rust":
            self.tell(what, 1, b"nothing is known of this language\n")

    def feed(self, command, text):
        return subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment)

    def tell(self, what, code, said):
        print("ok    " if code == 0 else "FAILED", what, flush=True)
        if code:
            self.failures += 1
            print(said.decode("utf-8", "replace"))


def main():
    arguments = parser_of(__doc__).parse_args()
    python = python_of(arguments)
    with tempfile.TemporaryDirectory(prefix="smslite-docs-") as home:
        home = Path(home)
        runner = Runner(home, python, surroundings(home, python, arguments.binary))
        for document, heading in DOCUMENTS:
            sections = [it for it in sections_of(ROOT / document) if heading in (None, it.heading)]
            runner.tell(document, int(not sections), b"it has no blocks\n")
            for section in sections:
                runner.section(section)
    sys.exit(bool(runner.failures))


if __name__ == "__main__":
    main()

"""One smslite process at a time on one data directory: started, asked, killed by its own pid."""

import json
import os
import subprocess
import time
from pathlib import Path

from carrier import Api, Connection

API_KEY = "sl_live_kill_script_0000000000000000000000000000"
TWILIO_TOKEN = "a-token-of-the-kill-script"
# A start that takes longer has failed.
START_SECONDS = 60


def clean_environment():
    """Nothing of the caller's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SMSLITE_")}


class Server:
    def __init__(self, binary, home, data=None, key=API_KEY, token=TWILIO_TOKEN, settings=None):
        self.binary, self.home, self.key, self.token = binary.resolve(), home, key, token
        self.data = data or home / "data"
        self.settings = settings or {}  # More of the environment.
        self.ready_file = home / "ready.json"
        self.log_level = "warn"  # A line a message is of no use.
        self.process, self.host, self.port = None, None, None

    def exec(self):
        """Starts the process and does not wait for it."""
        self.ready_file.unlink(missing_ok=True)
        environment = clean_environment()
        environment |= {"SMSLITE_BOOTSTRAP_API_KEY": self.key, "SMSLITE_TWILIO_AUTH_TOKEN": self.token}
        environment |= {"RUST_LOG": self.log_level} | self.settings
        command = [self.binary, "serve", "--port", "0", "--ready-file", self.ready_file, "--data-dir", self.data]
        with open(self.home / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        """Starts it and waits until /readyz says 200. Returns the seconds that took from exec on."""
        started = time.perf_counter()
        self.exec()
        while not self._is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended by itself, see {self.home / 'server.log'}")
            if time.perf_counter() - started > START_SECONDS:
                raise RuntimeError(f"the server was not ready within {START_SECONDS} s")
            time.sleep(0.001)
        return time.perf_counter() - started

    def _is_ready(self):
        try:
            told = json.loads(self.ready_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return False
        self.host, self.port = "127.0.0.1", told["port"]
        connection = Connection(self.host, self.port)
        host = f"{self.host}:{self.port}"
        status, _ = connection.roundtrip(f"GET /readyz HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        return status == 200

    def kill(self):
        """SIGKILL, to the process that was started here and to no other."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def command(self, *arguments, data=None):
        """Starts one of smslite's commands on the data directory, or on another."""
        command = [self.binary, *map(str, arguments), "--data-dir", data or self.data]
        return subprocess.Popen(
            command, env=clean_environment(), cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)

    def run(self, *arguments, data=None):
        """Runs a command to its end: exit code, what it printed, the seconds it took."""
        started = time.perf_counter()
        process = self.command(*arguments, data=data)
        out, err = process.communicate()
        return process.returncode, out + err, time.perf_counter() - started

    def api(self, key=None):
        return Api(self.host, self.port, key or self.key)

    def set_up(self, our_number):
        """An assistant and its number. Returns the assistant's id."""
        assistant = self.api().post("/api/v1/assistants", {"name": "Kill script"})
        path = f"/api/v1/assistants/{assistant['id']}/phone-numbers/assign-by-number"
        self.api().post(path, {"phone_number": our_number, "provider": "twilio"})
        return assistant["id"]

    def file_bytes(self):
        return sum(path.stat().st_size for path in self.data.glob("*.redb"))

    def written_bytes(self):
        """What the process handed to the kernel so far (answers included, log lines are off), and what
        the kernel says it dirtied, which counts more than was written where it caches in large folios."""
        counters = dict(line.split(": ") for line in Path(f"/proc/{self.process.pid}/io").read_text().splitlines())
        return int(counters["wchar"]), int(counters["write_bytes"])

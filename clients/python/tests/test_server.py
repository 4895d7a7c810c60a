"""The server's life: started, found ready, missed when it dies, stopped, and never left behind."""

import os
import select
import signal
import subprocess
import sys
import time

import pytest
import smslite
from smslite import NoAnswer, Server, ServerEnded
from test_binary import program


def ends(pid):
    """Waits until a process that is no child of ours has ended."""
    watched = os.pidfd_open(pid)
    try:
        return bool(select.select([watched], [], [], 20)[0])
    finally:
        os.close(watched)


def test_each_server_has_a_port_and_worlds_of_its_own():
    with Server() as one, Server() as two:
        assert one.url != two.url
        with one.world("here"):
            assert "here" in one.worlds() and "here" not in two.worlds()


def test_a_stopped_server_is_gone_and_may_be_started_again():
    server = Server().start()
    url, pid = server.url, server.pid
    assert server.start().url == url
    server.stop()
    server.stop()
    assert server.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ServerEnded, match="not started, or was stopped"):
        server.world()
    with server:
        assert server.worlds() == ["default"]


def test_settings_are_the_callers_and_none_of_the_environments(monkeypatch, tmp_path):
    monkeypatch.setenv("SMSLITE_PORT", "nonsense")
    (tmp_path / "smslite.toml").write_text("nonsense = 1")
    monkeypatch.chdir(tmp_path)
    with Server(settings={"id_format": "string"}) as server, server.world() as world:
        world.inbound("+15559876543", world.number(), "Hi")
        (conversation,) = world.api.get("/api/v1/sms-conversations/")
        assert conversation["id"] == "1"
        assert world.wait(role="user").conversation_id == 1


def test_one_that_does_not_start_tells_what_it_said(tmp_path):
    with pytest.raises(ServerEnded, match="ended with 2 before it was ready:\n.*nonsense"):
        Server(settings={"port": "nonsense"}).start()
    with pytest.raises(ServerEnded, match="ended with 3 before it was ready:\nno such luck"):
        Server(binary=program(tmp_path / "smslite", "#!/bin/sh\necho no such luck >&2; exit 3\n")).start()


def test_one_that_is_never_ready_is_given_up_and_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("smslite._server.START_SECONDS", 0.2)
    stubborn = program(tmp_path / "smslite", f"#!/bin/sh\necho $$ >{tmp_path}/pid; trap : TERM; exec sleep 100\n")
    with pytest.raises(ServerEnded, match="was not ready"):
        Server(binary=stubborn).start()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_one_that_dies_on_the_way_is_told_from_one_that_does_not_answer():
    with Server() as server:
        world = server.world()
        os.kill(server.pid, signal.SIGKILL)
        server._process.wait()
        for ask in (server.worlds, world.clock.read, lambda: world.api.get("/api/v1/sms-sessions/")):
            with pytest.raises(ServerEnded, match="ended with -9"):
                ask()
    with pytest.raises(ServerEnded, match="was stopped"):
        world.delete()
    with pytest.raises(NoAnswer, match="was not answered"):
        Server(url="http://127.0.0.1:9").start()


KILLED = """
import os, signal, smslite
server = smslite.Server().start()
print(server.pid, server._home, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
FORKED = """
import os, sys, smslite
server = smslite.Server().start()
print(server.pid, server._home, flush=True)
child = os.fork()
if child == 0:
    sys.exit()
os.waitpid(child, 0)
server.worlds()
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="a process that is no child can be awaited on Linux only")
@pytest.mark.parametrize("script, code", [(KILLED, -signal.SIGKILL), (FORKED, 0)], ids=["killed", "forked and forgotten"])
def test_no_server_and_nothing_of_it_outlives_who_started_it(script, code):
    run = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert run.returncode == code
    pid, home = run.stdout.decode().split()
    try:
        assert ends(int(pid))
    except ProcessLookupError:
        pass  # It has ended.
    until = time.monotonic() + 30
    while os.path.exists(home) and time.monotonic() < until:
        time.sleep(0.05)
    assert not os.path.exists(home)


def test_a_server_that_runs_already_is_used_and_left_running(monkeypatch):
    with Server() as running:
        monkeypatch.setenv("SMSLITE_URL", running.url + "/")
        with Server() as used:
            assert used.pid is None and not used.starts
            with used.world("guest"):
                assert "guest" in running.worlds()
        assert running.worlds() == ["default"]
        with pytest.raises(ValueError, match="its settings are its own"):
            Server(settings={"id_format": "string"})
        # A binary that is asked for is meant.
        assert Server(binary=smslite.find_binary()).starts


def test_what_runs_somewhere_may_be_no_fixture(tmp_path):
    ready = tmp_path / "ready.json"
    command = [smslite.find_binary(), "serve", "--demo", "--port", "0", "--ready-file", ready]
    demo = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = Server()._ready(demo, ready)
        with pytest.raises(ServerEnded, match="is no fixture; start it with"):
            Server(url=url).start()
    finally:
        demo.terminate()
        demo.wait()
    with pytest.raises(ValueError, match="no address of a fixture"):
        Server(url="127.0.0.1:7670").start()


def test_seeds_are_kept_by_their_names():
    with Server() as server:
        server.put_seed("shop", 'name = "Shop"\n[[assistants]]\nname = "Till"\n')
        server.put_seed("dictionary", {"name": "Other", "assistants": [{"name": "Counter"}]})
        assert {"basic", "dictionary", "empty", "shop"} <= set(server.seeds())
        assert server.world(seed="shop").assistants[0].name == "Till"
        assert server.world(seed="dictionary").assistants[0].name == "Counter"
        with pytest.raises(smslite.Refused, match="line 1: unknown key `nme`; did you mean `name`"):
            server.put_seed("broken", 'nme = "x"')


def test_what_was_sent_to_no_world_is_told():
    with Server() as server:
        with pytest.raises(smslite.Refused, match="no world") as refused:
            server._reached.get("/w/nowhere/api/v1/sms-sessions/")
        assert refused.value.status == 404
        (entry,) = server.unmatched()
        assert entry.url == "/w/nowhere/api/v1/sms-sessions/" and entry.status == 404

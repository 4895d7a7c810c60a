"""The pytest plugin, in test suites of its own."""

import json
import re

import pytest
import smslite
from smslite.pytest_plugin import world_name

FAILS = """
    import pytest

    @pytest.mark.parametrize("number", ["+1 555"])
    def test_fails(smslite_world, number):
        smslite_world.inbound("+15559876543", smslite_world.number(), "Hi")
        assert smslite_world.name == "nonsense"
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """What these suites start is what is under test; a server that the outer one was told of is not."""
    binary = smslite.find_binary()
    monkeypatch.delenv("SMSLITE_URL", raising=False)
    monkeypatch.setenv("SMSLITE_BINARY", str(binary))


def test_each_test_has_a_world_named_after_it_that_is_gone_afterwards(pytester):
    pytester.makepyfile(
        test_shop="""
        import pytest

        NAMES = []

        @pytest.mark.parametrize("text", ["Hi", "Ho!"])
        def test_order(smslite_world, text):
            NAMES.append(smslite_world.name)
            smslite_world.inbound("+15559876543", smslite_world.number(), text)
            assert [it["message_count"] for it in smslite_world.api.get("/api/v1/sms-conversations/")] == [1]

        class TestTill:
            def test_open(self, smslite_world):
                NAMES.append(smslite_world.name)

        def test_names(smslite_server):
            assert NAMES == ["test_shop-test_order-Hi", "test_shop-test_order-Ho", "test_shop-TestTill-test_open"]
            assert smslite_server.worlds() == ["default"]
        """
    )
    pytester.runpytest().assert_outcomes(passed=4)


def test_names_fit_in_a_url_and_stay_apart():
    assert world_name("tests/api/test_a.py::test_b[x/y-1]") == "test_a-test_b-x-y-1"
    long, longer = (world_name(f"test_a.py::test_{'b' * count}") for count in (60, 61))
    assert len(long) == len(longer) == 64 and long != longer
    assert re.fullmatch("[A-Za-z0-9_-]+", world_name("тест.py::test_ä[Ü 🙂]"))


def test_the_marker_says_how_the_world_is_made(pytester):
    pytester.makepyfile(
        """
        import pytest
        from datetime import datetime, timezone

        SEED = 'name = "Shop"\\n[[assistants]]\\nname = "Till"\\n'
        pytestmark = pytest.mark.smslite(seed=SEED, clock="2026-01-01T10:00:00Z")

        def test_closest(smslite_world):
            assert smslite_world.assistants[0].name == "Till"

        @pytest.mark.smslite(clock=datetime(2027, 1, 1), random=1, receipts="manual")
        class TestNext:
            @pytest.mark.smslite(seed="basic")
            def test_closer(self, smslite_world):
                assert smslite_world.assistants[0].name == "Support Bot"
                assert smslite_world.clock.now == datetime(2027, 1, 1, tzinfo=timezone.utc)
                sent = {"from_phone_number": smslite_world.number(), "to_phone_number": "+15559876543", "message": "Hi"}
                smslite_world.api.post("/sms/send", sent)
                smslite_world.journal.never(kind="webhook")

        @pytest.mark.smslite(sede="basic")
        def test_misspelt(smslite_world):
            pass

        @pytest.mark.smslite("basic")
        def test_without_names(smslite_world):
            pass

        @pytest.mark.smslite(seed="unknown")
        def test_unknown(smslite_world):
            pass
        """
    )
    result = pytester.runpytest("--strict-markers")
    result.assert_outcomes(passed=2, errors=3)
    result.stdout.fnmatch_lines(["*marker smslite:*sede*", "*takes its arguments by name*", '*There is no seed "unknown"*'])


def test_the_world_of_a_failed_test_is_dumped_and_that_of_another_is_not(pytester):
    pytester.makepyfile(test_shop=FAILS, test_other="def test_passes(smslite_world): pass")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1, passed=1)
    name = "test_shop-test_fails-1-555"
    result.stdout.fnmatch_lines(["*- smslite -*", f"the world {name} is in *{name}.json", "1 in webhook: POST */twilio -> 200"])
    assert [path.name for path in (pytester.path / "smslite-dumps").iterdir()] == [f"{name}.json"]
    dump = json.loads((pytester.path / "smslite-dumps" / f"{name}.json").read_text())
    assert dump["events"][-1]["content"] == "Hi"
    pytester.runpytest("--smslite-dumps", "elsewhere/deep")
    assert (pytester.path / "elsewhere" / "deep" / f"{name}.json").exists()


def test_a_failure_shows_the_tests_lines_and_why_requests_were_refused(pytester, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    pytester.makepyfile(
        """
        def test_wait(smslite_world):
            smslite_world.api.request("POST", "/sms/send", json={})
            smslite_world.wait(role="user", timeout=0)

        def test_verify(smslite_world):
            smslite_world.journal.verify(path="/sms/send", count=2)

        def test_refused(smslite_world):
            smslite_world.api.get("/nowhere")
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=3)
    assert not any("_world.py" in line or "_journal.py" in line or "_http.py" in line for line in result.outlines)
    result.stdout.fnmatch_lines([
        "1 in api: POST */sms/send -> 422: body: missing field*",
        "FAILED *test_wait - smslite.NothingHappened: waited for: role='user'. Nothing happened within 0 s",
        "FAILED *test_verify - smslite.NotAsExpected: Expected exactly 2 matching requests, found 0; asked for: path='/sms/send'",
        "FAILED *test_refused - smslite.Refused: GET /nowhere was answered 404: *",
    ])


def test_a_test_may_delete_its_world(pytester):
    pytester.makepyfile("def test_delete(smslite_world): smslite_world.delete()")
    pytester.runpytest().assert_outcomes(passed=1)


def test_a_world_is_dumped_when_another_fixture_fails_and_by_unittest_too(pytester):
    pytester.makepyfile(
        test_setup="""
        import pytest, unittest

        @pytest.fixture
        def app(smslite_world):
            raise RuntimeError("no app")

        def test_app(app):
            pass

        class Case(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def use(self, smslite_world):
                self.world = smslite_world

            def test_case(self):
                self.fail(self.world.name)
        """
    )
    pytester.runpytest().assert_outcomes(errors=1, failed=1)
    dumps = sorted(path.name for path in (pytester.path / "smslite-dumps").iterdir())
    assert dumps == ["test_setup-Case-test_case.json", "test_setup-test_app.json"]


def test_a_dead_server_hides_no_failure(pytester):
    pytester.makepyfile(
        """
        import os, signal

        def test_kill(smslite_server, smslite_world):
            os.kill(smslite_server.pid, signal.SIGKILL)
            smslite_server._process.wait()
            assert smslite_world.clock.now
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["*ServerEnded: smslite ended with -9", "*could not be written*"])


def test_faults_that_nothing_matched_are_warned_of(pytester):
    pytester.makepyfile("def test_fault(smslite_world): smslite_world.faults.answer(path='/never', status=500)")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*FaultWarning: nothing matched fault 1 (on='answer', path='/never'*"])


def test_settings_are_a_fixture_to_override(pytester):
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def smslite_settings():
            return {"id_format": "string"}
        """
    )
    pytester.makepyfile(
        """
        def test_ids(smslite_world):
            smslite_world.inbound("+15559876543", smslite_world.number(), "Hi")
            assert smslite_world.api.get("/api/v1/sms-conversations/")[0]["id"] == "1"
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)


def test_the_binary_and_the_url_can_be_said(pytester, monkeypatch):
    pytester.makepyfile("def test_url(smslite_server): print(smslite_server.url, smslite_server.pid)")
    binary = str(smslite.find_binary())
    monkeypatch.delenv("SMSLITE_BINARY")
    pytester.runpytest("--smslite-binary", binary).assert_outcomes(passed=1)
    pytester.runpytest("--smslite-binary", "nonsense").assert_outcomes(errors=1)
    with smslite.Server(binary=binary) as server:
        pytester.runpytest("-s", "--smslite-url", server.url).stdout.fnmatch_lines([f"*{server.url} None"])
        monkeypatch.setenv("SMSLITE_URL", server.url)
        pytester.runpytest("-s").stdout.fnmatch_lines([f"*{server.url} None"])


def test_runs_that_share_a_server_do_not_share_names(pytester):
    pytester.makepyfile(test_shop="def test_name(smslite_world): print(smslite_world.name)")
    with smslite.Server() as server, server.world("test_shop-test_name"), server.world("test_shop-test_name-2"):
        result = pytester.runpytest("-s", "--smslite-url", server.url)
        result.stdout.fnmatch_lines(["*test_shop-test_name-3"])


MANY = """
    import os
    import pytest

    @pytest.mark.parametrize("number", range(20))
    def test_many(smslite_server, smslite_world, number):
        smslite_world.inbound("+15559876543", smslite_world.number(), f"Hi {number}")
        assert smslite_world.wait(role="user").content == f"Hi {number}"
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(f"{smslite_server.url}\\n")
"""


@pytest.mark.parametrize("shared", [False, True], ids=["a server each", "one for all"])
def test_workers_of_xdist_run_side_by_side(pytester, monkeypatch, shared):
    pytest.importorskip("xdist")
    monkeypatch.setenv("SEEN", str(pytester.path / "seen"))
    pytester.makepyfile(test_many=MANY, test_shop=FAILS)
    with smslite.Server() as server:
        more = ["--smslite-url", server.url] if shared else []
        result = pytester.runpytest_subprocess("-n", "3", *more)
        result.assert_outcomes(passed=20, failed=1)
        result.stdout.fnmatch_lines(["the world test_shop-test_fails-1-555 is in *"])
        assert server.worlds() == ["default"]
    seen = (pytester.path / "seen").read_text().split()
    assert len(seen) == 20 and (len(set(seen)) == 1) == shared
    assert (pytester.path / "smslite-dumps" / "test_shop-test_fails-1-555.json").exists()


def test_help_and_markers_tell_what_there_is(pytester):
    pytester.runpytest("--help").stdout.fnmatch_lines(["smslite:", "*--smslite-binary*", "*--smslite-url*", "*--smslite-dumps*"])
    pytester.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.smslite(seed=..., clock=..., *"])

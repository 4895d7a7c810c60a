"""The pytest plugin: a server for the session, a world for each test, and a dump of it when the test fails."""

from __future__ import annotations

import hashlib
import re
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ContextManager, Dict, Generator, Iterator, Mapping, Optional

import pytest

from ._binary import find_binary
from ._faults import FaultWarning
from ._http import Refused
from ._server import Server, ServerEnded
from ._world import World

MARK = (
    "smslite(seed=..., clock=..., random=..., receipts=..., ...): how the world of `smslite_world` is made, with what "
    "smslite.Server.world takes; of several markers the closest one wins, argument by argument"
)
#: The most that a world's name has.
NAME = 64
#: How many names are tried where others use the same server.
NAMES = 50

WORLD: "pytest.StashKey[World]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("smslite")
    group.addoption("--smslite-binary", metavar="FILE", help="the smslite to start (else SMSLITE_BINARY, the PATH, a checkout)")
    group.addoption("--smslite-url", metavar="URL", help="a fixture that runs already (else SMSLITE_URL); none is started then")
    group.addoption("--smslite-dumps", metavar="DIR", default="smslite-dumps", help="where worlds of failed tests are written")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)


@pytest.fixture(scope="session")
def smslite_settings() -> Mapping[str, object]:
    """The server's settings, for a conftest.py to override: `return {"id_format": "string"}`."""
    return {}


@pytest.fixture(scope="session")
def smslite_server(request: pytest.FixtureRequest, smslite_settings: Mapping[str, object]) -> Iterator[Server]:
    """The server; with pytest-xdist each worker has one, unless they are told a URL to share."""
    config = request.config
    url, binary = config.getoption("--smslite-url"), config.getoption("--smslite-binary")
    server = Server(url=url, binary=binary, settings=smslite_settings)
    if server.starts:
        # Building one takes minutes, which people want to see.
        with _shown(config):
            find_binary(binary)
    with server:
        yield server


def _shown(config: pytest.Config) -> ContextManager[Any]:
    capturing = config.pluginmanager.getplugin("capturemanager")
    return capturing.global_and_fixture_disabled() if capturing else nullcontext()


@pytest.fixture
def smslite_world(request: pytest.FixtureRequest, smslite_server: Server) -> Iterator[World]:
    """A world of this test alone, deleted after it. The marker `smslite` says how it is made."""
    world = _made(smslite_server, world_name(request.node.nodeid), _marked(request.node))
    request.node.stash[WORLD] = world
    yield world
    del request.node.stash[WORLD]
    try:
        for rule in world.faults.unmatched():
            warnings.warn(f"nothing matched {rule}", FaultWarning, stacklevel=1)
    except Refused as refused:
        # The test has deleted it.
        if refused.status != 404:
            raise
    finally:
        world.delete()


def _marked(node: pytest.Item) -> Dict[str, Any]:
    given: Dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers("smslite"))):
        if mark.args:
            raise pytest.UsageError("the marker smslite takes its arguments by name: @pytest.mark.smslite(seed=...)")
        given.update(mark.kwargs)
    return given


def world_name(nodeid: str) -> str:
    """The file and the test, in what a URL may hold; what is too long is cut, and told apart by a hash."""
    path, _, test = nodeid.partition("::")
    name = re.sub(r"[^A-Za-z0-9_]+", "-", f"{Path(path).stem}-{test}").strip("-")
    if len(name) <= NAME:
        return name
    return f"{name[:NAME - 9]}-{hashlib.sha256(nodeid.encode()).hexdigest()[:8]}"


def _made(server: Server, name: str, spec: Dict[str, Any]) -> World:
    """The same name each time, as secrets follow from it, unless another run on the same server has it just now."""
    name = spec.pop("name", name)
    for attempt in range(1, NAMES):
        try:
            return server.world(name if attempt == 1 else f"{name[:NAME - 3]}-{attempt}", **spec)
        except TypeError as error:
            raise pytest.UsageError(f"the marker smslite: {error}") from error
        except Refused as refused:
            if refused.status != 409 or "name" not in refused.detail:
                raise
    raise RuntimeError(f"there are {NAMES} worlds named {name} already; are runs that died still holding them?")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    world: Optional[World] = item.stash.get(WORLD, None)
    if world is not None and report.failed:
        directory = Path(item.config.invocation_params.dir, item.config.getoption("--smslite-dumps"))
        report.sections.append(("smslite", _dumped(world, directory)))


def _dumped(world: World, directory: Path) -> str:
    try:
        path = world.dump_to(directory)
    except (OSError, Refused, ServerEnded) as error:
        return f"the world {world.name} could not be written to {directory}: {error}"
    said = [f"the world {world.name} is in {path}"]
    # What the reader would look for first.
    said += [str(it) for it in world.journal.list()[-20:]]
    return "\n".join(said)

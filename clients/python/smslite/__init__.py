"""SMS in your tests: a server that is started for them, and worlds in it that are apart from each other.

    with smslite.Server() as server, server.world() as world:
        world.inbound("+15559876543", world.number(), "When do you open?")
        assert world.wait(role="user").content == "When do you open?"

With pytest, ask for the fixture `smslite_world` instead.
"""

from ._binary import BinaryNotFound, find_binary
from ._clock import Clock, Time
from ._events import Event, NothingHappened, Seen
from ._faults import FaultWarning, Faults, Rule
from ._http import Api, NoAnswer, Refused, Response
from ._journal import Entry, Journal, NotAsExpected
from ._messages import Answer, CarrierRequest, NotTaken, Sent
from ._server import Server, ServerEnded
from ._shapes import Assistant, Carriers, Number, Telnyx, Twilio, User, Vonage
from ._world import World

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Api",
    "Assistant",
    "BinaryNotFound",
    "CarrierRequest",
    "Carriers",
    "Clock",
    "Entry",
    "Event",
    "FaultWarning",
    "Faults",
    "Journal",
    "NoAnswer",
    "NotAsExpected",
    "NotTaken",
    "NothingHappened",
    "Number",
    "Refused",
    "Response",
    "Rule",
    "Seen",
    "Sent",
    "Server",
    "ServerEnded",
    "Telnyx",
    "Time",
    "Twilio",
    "User",
    "Vonage",
    "World",
    "find_binary",
]

# Where they are imported from, which is also how a failure names them.
for _error in (BinaryNotFound, FaultWarning, NoAnswer, NotAsExpected, NotTaken, NothingHappened, Refused, ServerEnded):
    _error.__module__ = __name__

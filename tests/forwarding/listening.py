"""Listeners to the change feed (`GET /api/v1/events`): each reads on where it was, whenever the connection is lost."""

import functools
import json
import random
import socket
import threading
import time
from collections import Counter


class Stream:
    """One connection, and the events that come whole."""

    def __init__(self, server, query="", last=None, timeout=30):
        self.socket = socket.create_connection((server.host, server.port), timeout=timeout)
        self.socket.settimeout(timeout)
        head = f"GET /api/v1/events{query} HTTP/1.1\r\nhost: {server.host}:{server.port}\r\nauthorization: Bearer {server.key}\r\n"
        head += "" if last is None else f"last-event-id: {last}\r\n"
        self.socket.sendall(head.encode() + b"\r\n")
        self.rest, self.text, self.last = b"", b"", last
        while b"\r\n\r\n" not in self.rest:
            self._more()
        told, _, self.rest = self.rest.partition(b"\r\n\r\n")
        self.status = int(told.split()[1])
        self.is_stream = b"content-type: text/event-stream" in told.lower() and b"transfer-encoding: chunked" in told.lower()

    def _more(self, most=65_536):
        piece = self.socket.recv(most)
        if not piece:
            raise ConnectionResetError("the server closed the connection")
        self.rest += piece

    def events(self, most=65_536):
        """The events of the next pieces, as (id, type, data); None: the stream was ended as it should be."""
        while True:
            while b"\r\n" not in self.rest:
                self._more(most)
            size, _, rest = self.rest.partition(b"\r\n")
            size = int(size, 16)
            if len(rest) < size + 2:
                self._more(most)
                continue
            piece, self.rest = rest[:size], rest[size + 2:]
            if not size:
                return None
            self.text += piece
            *blocks, self.text = self.text.split(b"\n\n")
            found = [event for block in blocks if (event := self._event(block))]
            if blocks:
                return found

    def _event(self, block):
        """As the standard has it: the last id stays, and without data there is no event."""
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if not line.startswith(":"))
        self.last = int(fields.get("id", self.last or 0))
        return (self.last, fields["event"], fields["data"]) if "data" in fields else None

    def close(self):
        self.socket.close()


class Heard:
    """What one listener heard: `first` is the last event before it began."""

    def __init__(self, name, query=""):
        self.name, self.query, self.first, self.heard = name, query, None, []


class Listener(threading.Thread):
    """`slowly`: reads little at a time and pauses; `whims`: now and then hangs up by itself."""

    def __init__(self, server, name, query="", slowly=False, whims=False, seed=0):
        super().__init__(daemon=True)
        self.server, self.told, self.slowly = server, Heard(name, query), slowly
        self.rng, self.whims, self.last = random.Random(f"{seed} {name}"), whims, None
        self.stopped, self.connections, self.wrong = False, 0, []

    def run(self):
        while not self.stopped:
            stream = None
            try:
                stream = Stream(self.server, self.told.query, self.last, timeout=2)
                self.connections += 1
                if stream.status != 200 or not stream.is_stream:
                    self.wrong.append(f"listener {self.told.name} was answered {stream.status}")
                    return
                self.listen(stream)
            except TimeoutError:
                pass  # Nothing happened for a while; it is as well to begin anew.
            except OSError:
                time.sleep(0.02)
            except BaseException as error:
                self.wrong.append(f"listener {self.told.name}: {error!r}")
                return
            finally:
                if stream:
                    stream.close()

    def listen(self, stream):
        while not self.stopped:
            events = stream.events(700 if self.slowly else 65_536)
            if events is None:
                return
            if self.told.first is None:
                # What is said first, before any event: from where on it hears everything.
                self.told.first = stream.last
            self.told.heard += events
            self.last = stream.last
            if self.slowly:
                time.sleep(0.02)
            if self.whims and self.rng.random() < 0.02:
                return


def newest(server):
    """The number of the feed's last event."""
    stream = Stream(server)
    stream.events()
    stream.close()
    return stream.last


def whole_feed(server):
    """All events from the first to the last there is."""
    end, stream, found = newest(server), Stream(server, "?last_event_id=0"), []
    while not found or found[-1][0] < end:
        found += stream.events()
    stream.close()
    return [event for event in found if event[0] <= end]


def differences(listener, feed):
    """What a listener missed, heard twice or heard otherwise; `feed`: all that there is."""
    wanted = [event for event in feed if event[0] > listener.first]
    if "type=" in listener.query:
        wanted = [event for event in wanted if event[1] == listener.query.partition("type=")[2]]
    ids, heard = [event[0] for event in wanted], [event[0] for event in listener.heard]
    if ids != heard:
        missed, twice = sorted(set(ids) - set(heard)), sorted(each for each, times in Counter(heard).items() if times > 1)
        strange = sorted(set(heard) - set(ids))
        order = "" if heard == sorted(heard) else ", out of order"
        return [f"listener {listener.name} missed {missed[:9]}, heard {twice[:9]} twice, {strange[:9]} are not in the feed{order}"]
    said = [f"listener {listener.name} heard {one}, the feed says {other}" for one, other in zip(listener.heard, wanted)
            if unchanging(one) != unchanging(other)]
    return said[:3]


@functools.lru_cache(maxsize=None)
def unchanging(event):
    """An event without what is told as it is by now: a message's delivery, and how far forwarding it is."""
    number, kind, data = event
    data = json.loads(data)
    log = {name: value for name, value in (data.get("log") or {}).items()
           if name not in ("status", "error_code", "error_message", "provider_message_id") or kind == "message_received"}
    return number, kind, json.dumps(data | {"log": log, "forward": None}, sort_keys=True)

#!/usr/bin/env python3
"""What a thousand listeners to the change feed (`GET /api/v1/events`) cost the server, and how soon they hear of a message.

Three runs on one empty server: messages alone, with the listeners, and with some of them that do not read at all. Messages
come at a steady rate from a process of their own, over signed webhooks; another process holds all listeners, with raw
sockets and epoll, and looks into the bytes of few. Both, and the server, share the machine's cores. What a message is about
is one event `message_received` to each listener, and one `conversation_started` for each new customer.

    tests/forwarding/listeners.py --listeners 1000 --rate 50 --seconds 30 --unread 20

Needs Python 3.9 and Linux, nothing else. Ends only processes that it started, talks to loopback only.
"""

import argparse
import multiprocessing
import os
import random
import re
import select
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources
TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "kill"), str(TESTS / "torture")]

import wire
from carrier import Connection
from hammer import percentile
from server import Server

OURS = "+15550001001"
# Of so many listeners each event is looked into; of the others they are counted.
LOOKED_INTO = 50
EVENT = b"\nevent: message_received\n"
SID = re.compile(rb'event: message_received\n.*?"provider_message_id":"(\w+)"')


def send(address, rate, seconds, run, pipe):
    """Posts messages at their times, one after the other; tells when each was sent and acknowledged."""
    connection, rng, found = Connection(*address), random.Random(run), {}
    begun = time.monotonic()
    for number in range(int(rate * seconds)):
        sid = f"SM{run:02d}{number:030d}"
        customer = f"+1555400{rng.randrange(500):04d}"
        request = wire.inbound("twilio", sid, customer, OURS, f"message {number}: can I reschedule to Friday afternoon?")
        time.sleep(max(0, begun + number / rate - time.monotonic()))
        sent = time.monotonic()
        status, body = connection.roundtrip(request)
        if status != 200:
            raise RuntimeError(f"a webhook was answered {status}: {body[:200]!r}")
        found[sid] = (sent, time.monotonic())
    pipe.send(found)


def listen(address, key, count, unread, pipe):
    """Holds the listeners until told to end; the last ones do not read. Tells what was heard when."""
    head = f"GET /api/v1/events HTTP/1.1\r\nhost: {address[0]}:{address[1]}\r\nauthorization: Bearer {key}\r\n\r\n".encode()
    poll, sockets, heard, tails, texts = select.epoll(), {}, {}, {}, {}
    for number in range(count):
        connection = socket.create_connection(address)
        if number >= count - unread:
            # As little as the kernel lets be, so that what is not read is soon in the server's way.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(head)
        answer = b""
        while b": listening\n\n\r\n" not in answer:
            answer += connection.recv(4096)
        connection.setblocking(False)
        sockets[connection.fileno()] = connection
        heard[connection.fileno()], tails[connection.fileno()] = 0, b""
        if number < count - unread:
            poll.register(connection, select.EPOLLIN)
        if number < min(LOOKED_INTO, count - unread):
            texts[connection.fileno()] = b""
    pipe.send("listening")
    buffer, told, ended = bytearray(1 << 18), [], 0
    while True:
        for fd, _ in poll.poll(0.2, 1024):
            size = sockets[fd].recv_into(buffer)
            if not size:
                ended += 1
                poll.unregister(fd)
            now, tail = time.monotonic(), tails[fd] + buffer[:size]
            heard[fd] += tail.count(EVENT)
            tails[fd] = tail[1 - len(EVENT):]
            if fd in texts:
                text = texts[fd] + buffer[:size]
                whole = text.rfind(b"\n\n") + 2
                told += [(fd, match.group(1).decode(), now) for match in SID.finditer(text[:whole] if whole > 1 else b"")]
                texts[fd] = text[whole:] if whole > 1 else text
        if pipe.poll():
            break
    pipe.send((told, list(heard.values())[:count - unread], ended))


class Usage:
    """What a process used since it was asked before."""

    def __init__(self, pid):
        self.pid = pid
        self.cpu, self.at = self._cpu(), time.monotonic()

    def _cpu(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cores(self):
        return (self._cpu() - self.cpu) / (time.monotonic() - self.at)

    def memory(self):
        """Resident, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def unsent(port):
    """What waits in the kernel for listeners who do not read: of each socket so many bytes."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [size for row in rows if int(row[1].split(":")[1], 16) == port and (size := int(row[4].split(":")[0], 16)) > 4096]


def start(target, *arguments):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    return process, ours


def figures(values):
    return f"p50 {percentile(values, .5) * 1000:.1f} ms, p99 {percentile(values, .99) * 1000:.1f} ms, max {max(values) * 1000:.0f} ms"


def measure(server, arguments, run, listeners, unread):
    address = (server.host, server.port)
    before = Usage(server.process.pid).memory()
    listening = pipe = None
    if listeners:
        listening, pipe = start(listen, address, server.key, listeners, unread)
        pipe.recv()
        time.sleep(1)
    connected = Usage(server.process.pid).memory()
    sending, answers = start(send, address, arguments.rate, arguments.seconds, run)
    usage, clients = Usage(server.process.pid), [Usage(process.pid) for process in (sending, listening) if process]
    most = 0
    while not answers.poll(0.2):
        most = max(most, usage.memory())
        cpu, of_clients = usage.cores(), [each.cores() for each in clients]
    sent = answers.recv()
    sending.join()
    print(f"{listeners} listeners, {unread} of which do not read; {len(sent)} messages at {arguments.rate:.0f}/s")
    print(f"  webhooks               {figures([acknowledged - at for at, acknowledged in sent.values()])}")
    print(f"  the server             {cpu:.2f} cores; {before:.0f} MB before, {connected:.0f} MB with the listeners, "
          f"at most {most:.0f} MB while messages came")
    print(f"  the clients            {' and '.join(f'{each:.2f}' for each in of_clients)} cores")
    if not listeners:
        return True
    time.sleep(1)
    if waiting := unsent(server.port):
        print(f"  unsent in the kernel   {min(waiting) / 1000:.0f} to {max(waiting) / 1000:.0f} kB at {len(waiting)} sockets")
    pipe.send("end")
    told, counts, ended = pipe.recv()
    listening.join()
    looked = min(LOOKED_INTO, listeners - unread)
    whole = len(told) == len({(fd, sid) for fd, sid, _ in told}) == looked * len(sent)
    whole = whole and set(counts) == {len(sent)} and not ended
    print(f"  ack to listener        {figures([at - sent[sid][1] for _, sid, at in told])} at {looked} of the listeners")
    print(f"  webhook to listener    {figures([at - sent[sid][0] for _, sid, at in told])}")
    heard = f"NOT ALL: {len(told)}, {min(counts)} to {max(counts)} each, {ended} ended"
    print(f"  heard                  {'all by all, once' if whole else heard}", flush=True)
    return whole


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=TESTS.parent / "target/ci/smslite")
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--unread", type=int, default=20, help="of the last run's listeners")
    parser.add_argument("--rate", type=float, default=50, help="messages a second")
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="smslite-listeners-"))
    server = Server(arguments.binary, home, token=wire.TWILIO_TOKEN, settings={"SMSLITE_PUBLIC_URL": wire.PUBLIC_URL})
    try:
        server.start()
        server.set_up(OURS)
        runs = [(0, 0), (arguments.listeners, 0), (arguments.listeners, arguments.unread)]
        good = [measure(server, arguments, run, listeners, unread) for run, (listeners, unread) in enumerate(runs)]
        time.sleep(1)
        print(f"  afterwards             {Usage(server.process.pid).memory():.0f} MB without listeners; "
              f"load of the machine {os.getloadavg()[0]:.1f}")
    finally:
        server.kill()
        shutil.rmtree(home, ignore_errors=True)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

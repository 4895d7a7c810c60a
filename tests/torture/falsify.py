"""Proves that the script can fail: falsifies what was found, or the records, in one place at a time."""

import copy
import time

import verify
from records import NOTICES, Delivery, Inbound, Pair, Receipt, Records, Seen


def undetected(records, found):
    """The falsifications that nobody noticed, and how many there were."""
    unnoticed, tried = [], len(READINGS)
    for readings, is_wrong in READINGS:
        fresh, seen = Records(), Seen("a message")
        for reading in readings:
            seen.look(fresh, time.monotonic(), **reading)
        if bool(fresh.violations) != is_wrong:
            unnoticed.append(f"{readings} is {'not ' if is_wrong else ''}held for wrong")
    for name, falsify in FALSIFICATIONS.items():
        undo = falsify(records, found)
        if undo is None:
            continue  # There was nothing to falsify, in a short run.
        tried += 1
        try:
            if not verify.compare(records, found):
                unnoticed.append(f"the comparison does not notice it when {name}")
        finally:
            undo()
    return unnoticed, tried


def put(thing, name, value):
    """Sets an attribute or an item; what undoes it."""
    if isinstance(thing, (dict, list)):
        before = thing[name]
        thing[name] = value
        return lambda: thing.__setitem__(name, before)
    before = getattr(thing, name)
    setattr(thing, name, value)
    return lambda: setattr(thing, name, before)


def append(things, thing):
    things.append(thing)
    return things.pop


def first(things, wanted=lambda each: True):
    return next((each for each in things if wanted(each)), None)


def on(things, wanted, falsify):
    """Falsifies the first thing of this kind, if there is one."""
    thing = first(things, wanted)
    return None if thing is None else falsify(thing)


def a_conversation(found):
    return first(found.conversations, lambda each: each["message_count"] > 3)["id"]


def job_of(records, found, status, taken):
    """The first job in this status that the carrier took, or never took."""
    return first(found.exported["outbound_job"],
                 lambda job: job["status"] == status and bool(records.taken.get(job["uuid"])) == taken)


def never_stored(records, found):
    one = records.inbound[0]
    delivery = Delivery(None)
    delivery.begun = delivery.acknowledged = time.monotonic()
    return append(records.inbound, Inbound(one.provider, one.ours, one.customer, "lost", "SM-lost", [delivery]))


def with_message(change):
    def falsify(records, found):
        return put(found.messages, a_conversation(found), change(copy.deepcopy(found.messages[a_conversation(found)])))
    return falsify


def twice(messages):
    return messages + [messages[-1] | {"message_index": len(messages) + 1, "id": 10**9}]


def other_text(messages):
    messages[0]["content"] += "."
    return messages


def gap(messages):
    messages[-1]["message_index"] += 1
    return messages


def log_twice(direction):
    return lambda records, found: on(
        found.logs, lambda log: log["direction"] == direction and log["body"] not in NOTICES, lambda log: append(found.logs, dict(log)))


def taken_twice(records, found):
    job = job_of(records, found, "sent", taken=True)
    return job and append(records.taken[job["uuid"]], records.taken[job["uuid"]][0])


def never_taken(records, found):
    job = job_of(records, found, "sent", taken=True)
    return job and put(records.taken, job["uuid"], [])


def other_status(before, after, taken):
    def falsify(records, found):
        job = job_of(records, found, before, taken=taken)
        return job and put(job, "status", after)
    return falsify


def delivered_status(before, after):
    return lambda records, found: on(
        found.logs, lambda log: log["direction"] == "outbound" and log["status"] == before, lambda log: put(log, "status", after))


def receipt_ignored(records, found):
    """Claims that a final receipt was taken of a message that is not final."""
    logs = {log["id"]: log for log in found.logs}
    job = first(found.exported["outbound_job"], lambda job: job["status"] == "sent" and logs[job["log_id"]]["status"] == "sent")
    if job is None:
        return None
    delivery = Delivery(None)
    delivery.acknowledged = time.monotonic()
    return append(records.receipts, Receipt(records.taken[job["uuid"]][0], "delivered", "delivered", delivery))


def read_as_delivered(records, found):
    sent = {job["uuid"]: job["log_id"] for job in found.exported["outbound_job"]}
    logs = {log["id"]: log for log in found.logs}
    return on(records.sends, lambda each: each.job in sent and logs[sent[each.job]]["status"] == "sent",
              lambda each: put(each.seen, "status", "delivered"))


def stopped_before(records, found):
    """Claims that a customer had said STOP long before a message was taken."""
    taken = first([all_of_one[0] for all_of_one in records.taken.values() if all_of_one],
                  lambda each: each.text not in NOTICES and not records.pairs[each.ours, each.to].keywords)
    if taken is None:
        return None
    delivery = Delivery(None)
    delivery.begun = delivery.acknowledged = taken.at - 60
    stop = Inbound(taken.provider, taken.ours, taken.to, "STOP", "SM-stop", [delivery], "STOP")
    pair = Pair(taken.ours, taken.to)
    pair.keywords.append(stop)
    return put(records.pairs, (taken.ours, taken.to), pair)


def not_there(name):
    return lambda records, found: put(found.exported, name, found.exported[name][:-1]) if found.exported[name] else None


# What is read one after the other of one message, and whether that is wrong.
READINGS = [
    ([{"status": "sent"}, {"status": "sending"}], True),
    ([{"status": "delivered"}, {"status": "undelivered"}], True),
    ([{"status": "queued"}, {"status": "sent"}, {"status": "delivered"}], False),
    ([{"job": "sent"}, {"job": "failed"}], True),
    ([{"job": "sent"}, {"job": "unknown"}], True),
    ([{"job": "cancelled"}, {"job": "sent"}], True),
    ([{"job": "unknown"}, {"job": "queued"}], True),
    ([{"job": "unknown"}, {"job": "failed"}], True),
    ([{"job": "sending"}, {"job": "queued"}, {"job": "sending"}, {"job": "unknown"}, {"job": "sent"}], False),
    ([{"provider_message_id": None}, {"provider_message_id": "SM1"}, {"provider_message_id": "SM2"}], True),
]
FALSIFICATIONS = {
    "an acknowledged message is lost": never_stored,
    "a message is there twice": with_message(twice),
    "a text is another": with_message(other_text),
    "an index is missing": with_message(gap),
    "the last message is missing": with_message(lambda messages: messages[:-1]),
    "an inbound message has two logs": log_twice("inbound"),
    "a send has two logs": log_twice("outbound"),
    "the carrier took a message twice": taken_twice,
    "the carrier never took what is sent": never_taken,
    "a message that was taken is failed": other_status("sent", "failed", True),
    "a message that was taken is cancelled": other_status("sent", "cancelled", True),
    "a message that was never taken is sent": other_status("failed", "sent", False),
    "a message is left in the queue": other_status("sent", "queued", True),
    "a message is left claimed": other_status("sent", "sending", True),
    "a delivered message is only sent": delivered_status("delivered", "sent"),
    "a delivered message is failed": delivered_status("delivered", "failed"),
    "a receipt was taken and ignored": receipt_ignored,
    "a status was read that it went back from": read_as_delivered,
    "somebody was sent to after a STOP": stopped_before,
    "an opt-out is missing": not_there("opt_out"),
    "a job is missing": not_there("outbound_job"),
    "a message is missing in the export": not_there("message"),
    "check finds damage": lambda records, found: put(found, "check", "a list row is missing"),
}

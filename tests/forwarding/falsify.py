"""Falsifies what was seen, one thing at a time: each must be found out, or the script proves nothing."""

import copy

from judge import judge


class NothingToChange(Exception):
    """Nothing of the kind was seen, say because the receiver was told never to do it."""


def undetected(seen):
    """The names of what was not found out, and how many were tried."""
    missed, tried = [], 0
    for name, change in CHANGES.items():
        other = seen.copy()
        try:
            change(other)
        except NothingToChange:
            continue
        tried += 1
        if not judge(other):
            missed.append(f"falsified and not found out: {name}")
    return missed, tried


def in_order(seen):
    """The attempts of each conversation that had several."""
    by_pair = {}
    for attempt in sorted(seen.attempts, key=lambda each: (each.epoch, each.begun)):
        by_pair.setdefault(attempt.message.pair, []).append(attempt)
    return [attempts for attempts in by_pair.values() if len(attempts) > 1]


def neighbours(seen, wanted):
    """Two attempts that follow each other in a conversation, of which `wanted` is true."""
    for attempts in in_order(seen):
        for one, other in zip(attempts, attempts[1:]):
            if wanted(one, other):
                return one, other
    raise NothingToChange


def lost(seen):
    sid = seen.attempts[len(seen.attempts) // 2].message.sid
    seen.attempts = [attempt for attempt in seen.attempts if attempt.message.sid != sid]


def swapped(seen):
    one, other = neighbours(seen, lambda one, other: one.took and other.took and one.message is not other.message)
    one.message, other.message, one.event_id, other.event_id = other.message, one.message, other.event_id, one.event_id


def another_id(seen):
    neighbours(seen, lambda one, other: one.message is other.message)[1].event_id += "x"


def same_id(seen):
    one, other = neighbours(seen, lambda one, other: one.took and other.took and one.message is not other.message)
    ids = one.event_id, other.event_id
    for attempt in seen.attempts:
        attempt.event_id = ids[0] if attempt.event_id == ids[1] else attempt.event_id


def overlapping(seen):
    one, other = neighbours(seen, lambda one, other: one.epoch == other.epoch)
    other.begun = one.ended - 0.001


def told_again(seen):
    one, _ = neighbours(seen, lambda one, other: one.took and one.message is not other.message and one.epoch == other.epoch)
    again = copy.copy(one)
    again.begun = again.ended
    seen.attempts.append(again)


def too_soon(seen):
    one, other = neighbours(seen, lambda one, other: one.message is other.message and one.complete and one.epoch == other.epoch)
    other.begun = one.ended + 0.9


def talkative(seen):
    for each in seen.conversations.values():
        if len(replies_of(each)) > 1:
            return each
    raise NothingToChange


def replies_of(conversation):
    return [message for message in conversation["messages"] if message["role"] == "assistant"]


def reply_lost(seen):
    conversation = talkative(seen)
    conversation["messages"].remove(replies_of(conversation)[0])


def reply_twice(seen):
    conversation = talkative(seen)
    conversation["messages"].append(replies_of(conversation)[-1])


def replies_swapped(seen):
    one, other, *_ = replies_of(talkative(seen))
    one["content"], other["content"] = other["content"], one["content"]


def reply_of_another(seen):
    replies_of(talkative(seen))[0]["content"] += ", by the attempt before"


def carried_twice(seen):
    seen.carried[replies_of(talkative(seen))[0]["content"]] += 1


def message_lost(seen):
    conversation = talkative(seen)
    conversation["messages"].remove(next(message for message in conversation["messages"] if message["role"] == "user"))


def step_of(seen, wanted):
    for conversation in seen.conversations.values():
        for step in conversation["steps"]:
            if step["event_type"] == "forward_attempted" and wanted(step["event_data"]):
                return conversation, step
    raise NothingToChange


def step_lost(seen):
    conversation, step = step_of(seen, lambda data: data["http_status"] == 500)
    conversation["steps"].remove(step)


def step_twice(seen):
    conversation, step = step_of(seen, lambda data: data["error"] is None)
    conversation["steps"].append(step)


def step_of_success(seen):
    step_of(seen, lambda data: data["http_status"] == 500)[1]["event_data"] |= {"http_status": 200, "error": None}


def event_missed(seen):
    heard = seen.heard[0].heard
    del heard[len(heard) // 2]


def event_twice(seen):
    heard = seen.heard[0].heard
    heard.insert(len(heard) // 2, heard[len(heard) // 2])


def events_swapped(seen):
    heard = seen.heard[-1].heard
    heard[3], heard[4] = heard[4], heard[3]


def event_changed(seen):
    heard = seen.heard[0].heard
    place = next(place for place, event in enumerate(heard) if event[1] == "message_received")
    number, kind, data = heard[place]
    heard[place] = (number, kind, data.replace("#", "№", 1))


def feed_gap(seen):
    number = seen.feed.pop(len(seen.feed) // 2)[0]
    for heard in seen.heard:
        heard.heard = [event for event in heard.heard if event[0] != number]


CHANGES = {
    "a message that was never delivered": lost,
    "two messages in each other's place": swapped,
    "another id at the second attempt": another_id,
    "two messages with one id": same_id,
    "two attempts at a time": overlapping,
    "one that was settled and told again": told_again,
    "an attempt too soon after one that failed": too_soon,
    "a reply that is not there": reply_lost,
    "a reply that is there twice": reply_twice,
    "two replies in each other's place": replies_swapped,
    "a reply that another attempt asked for": reply_of_another,
    "a reply that the carrier took twice": carried_twice,
    "a message that is not in its conversation": message_lost,
    "an attempt without its step": step_lost,
    "a step without its attempt": step_twice,
    "a success that was a failure": step_of_success,
    "an event that a listener missed": event_missed,
    "an event that a listener heard twice": event_twice,
    "two events in each other's place": events_swapped,
    "an event that says something else": event_changed,
    "a number that is not in the feed": feed_gap,
}

"""Holds what the receiver and the listeners saw against what the server says: a list of what must not be, in plain words.

What may be claimed, though the server was killed:

- The commit that settles an attempt also writes its step of the timeline and puts the reply that was asked for into the
  outbox. So each attempt has its step, but for one that was the last of its conversation in a process that was killed not
  much later; and what such a one asked for was sent if, and only if, it has its step: if it has, nothing is told again.
- So the last attempt of a message is the one that counts: it was answered with success, its reply is in the conversation
  once, and no reply of an earlier attempt is, whatever that one was answered.
- An answer that was given late may have been one or none to the server. Its step tells which; a server that says "no
  answer" to one that was given half a second before is not believed.
- Within one process the attempts of a conversation do not overlap. One that a kill left behind may still be at the receiver
  when the next process tries again, so nothing is claimed of attempts of two processes but their order.
"""

import copy
from collections import Counter, defaultdict
from datetime import datetime

import listening

# An attempt that ended so long before a kill was settled.
SETTLE_SECONDS = 3
# An answer that was there so long before the limit was heard.
HEARD_SECONDS = 0.5
LATE = "no answer within"


class Seen:
    """Everything that is judged. `kills`: of each killed process when; `parked`: the messages (sid) that ever were;
    `conversations`: by our number and the customer's, each with `messages` and `steps` as the API has them."""

    def __init__(self, messages, attempts, carried, kills, parked, conversations, feed, heard):
        self.messages, self.attempts, self.carried, self.kills, self.parked = messages, attempts, carried, kills, parked
        self.conversations, self.feed, self.heard = conversations, feed, heard
        self.given_up = set()  # Those (sid) that were parked and given up.
        self.late, self.cut = 0, 0  # Answers that the server did not hear in time; attempts without a step.

    def copy(self):
        messages, attempts, conversations = copy.deepcopy((self.messages, self.attempts, self.conversations))
        heard = [copy.copy(each) for each in self.heard]
        for each in heard:
            each.heard = list(each.heard)
        return Seen(messages, attempts, self.carried.copy(), self.kills, self.parked, conversations, list(self.feed), heard)


def judge(seen):
    """Everything that must hold. An empty list: it does."""
    wrong = []
    tell = wrong.append
    seen.late = seen.cut = 0
    attempts, messages = defaultdict(list), defaultdict(list)
    for attempt in sorted(seen.attempts, key=lambda each: (each.epoch, each.begun)):
        attempts[attempt.message.pair].append(attempt)
    for message in seen.messages:
        messages[message.pair].append(message)
    ids(seen, tell)
    for pair, there in messages.items():
        delivered(seen, there, attempts[pair], tell)
        one_at_a_time(attempts[pair], tell)
        conversation = seen.conversations.get(pair)
        if not conversation:
            tell(f"{pair} have no conversation")
            continue
        replies(there, attempts[pair], conversation, tell)
        timeline(seen, attempts[pair], conversation, tell)
    carrier(seen, tell)
    feed(seen, tell)
    return wrong


def ids(seen, tell):
    """The same for each attempt of a message, and of no other."""
    known = defaultdict(set)
    for attempt in seen.attempts:
        known[attempt.message.sid].add(attempt.event_id)
    for sid, those in known.items():
        if len(those) > 1:
            tell(f"{sid} was told under several ids: {sorted(those)}")
    for event_id, count in Counter(each for those in known.values() for each in those).items():
        if count > 1:
            tell(f"{count} messages were told as {event_id}")


def delivered(seen, messages, attempts, tell):
    """Each was told with success at least once, and in their order."""
    first = {}
    for attempt in attempts:
        if attempt.took:
            first.setdefault(attempt.message.sid, attempt)
    for message in messages:
        if message.acknowledged and message.sid not in first and message.sid not in seen.given_up:
            tell(f"{message} was acknowledged and never delivered")
    ordered = [message for message in messages if message.sid not in seen.parked and message.sid in first]
    for one, other in zip(ordered, ordered[1:]):
        if (first[one.sid].epoch, first[one.sid].ended) > (first[other.sid].epoch, first[other.sid].ended):
            tell(f"{other} was delivered before {one}")
    told = [attempt for attempt in attempts if attempt.message.sid not in seen.parked]
    for one, other in zip(told, told[1:]):
        if other.message.number < one.message.number:
            tell(f"{other.message} was told after {one.message}")
        elif other.message.number > one.message.number and not one.took:
            tell(f"{other.message} was told before {one.message} was taken")


def one_at_a_time(attempts, tell):
    for one, other in zip(attempts, attempts[1:]):
        if one.epoch == other.epoch and other.begun < one.ended:
            tell(f"{other} began {one.ended - other.begun:.3f} s before the end of {one}")


def replies(messages, attempts, conversation, tell):
    here = f"conversation {conversation['id']}"
    said = [message["content"] for message in conversation["messages"] if message["role"] == "user"]
    if said != [message.text for message in messages]:
        tell(f"{here} has the messages {said[:9]}, wanted {[message.text for message in messages][:9]}")
    last = {attempt.message.sid: attempt for attempt in attempts}
    # One that was parked and told again is the last of its message, too; its reply comes in the order of deliveries.
    wanted = [each.reply for each in attempts if each.reply and last[each.message.sid] is each]
    found = [message["content"] for message in conversation["messages"] if message["role"] == "assistant"]
    if found != wanted:
        missing, more = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
        tell(f"{here} is without the replies {list(missing)}, has too many of {list(more)}, or another order")


def timeline(seen, attempts, conversation, tell):
    """Each attempt has its step, but for those that a kill may have cut; each step is of an attempt."""
    here = f"conversation {conversation['id']}"
    steps = [step for step in conversation["steps"] if step["event_type"] == "forward_attempted"]
    # Of several ways to tell which steps are whose: how many steps are used up, and those attempts.
    ways = [(0, ())]
    for place, attempt in enumerate(attempts):
        following = attempts[place + 1] if place + 1 < len(attempts) else None
        may_be_cut = is_cut(seen, attempt, following)
        onward = [(used + 1, (*those, attempt)) for used, those in ways
                  if used < len(steps) and fits(steps[used], attempt, those, seen.parked)]
        onward += [way for way in ways if may_be_cut]
        if not onward:
            used = max(used for used, _ in ways)
            tell(f"{here}: {attempt} has no step; the next one is {steps[used] if used < len(steps) else None}")
            return
        ways = onward
    ways = [those for used, those in ways if used == len(steps)]
    if not ways:
        tell(f"{here} has {len(steps)} steps, the receiver was asked {len(attempts)} times")
        return
    # Those that agree with a message's last attempt as the only success.
    complaints = min((settled(seen, attempts, steps, those) for those in ways), key=len)
    for complaint in complaints:
        tell(f"{here}: {complaint}")
    seen.cut += len(attempts) - len(ways[0])
    seen.late += sum(attempt.complete and step["event_data"]["http_status"] is None for attempt, step in zip(ways[0], steps))


def is_cut(seen, attempt, following):
    killed = seen.kills.get(attempt.epoch)
    is_last = following is None or following.epoch != attempt.epoch
    return is_last and killed is not None and attempt.ended > killed - SETTLE_SECONDS


def fits(step, attempt, before, parked):
    """Whether the step may be this attempt's. `before`: the attempts that have a step already."""
    data = step["event_data"]
    status, error, at = data["http_status"], data["error"], seconds(step["timestamp"])
    number = 1
    for one in reversed(before):
        if one.message is not attempt.message:
            break
        number += 1
    # What is told again begins anew.
    if data["attempt"] != number and attempt.message.sid not in parked:
        return False
    if not attempt.begun_wall - 0.1 <= at <= attempt.ended_wall + 5:
        return False
    if attempt.complete and status is not None:
        return status == attempt.status and (error is None) == attempt.took
    if attempt.complete:
        return error is not None and error.startswith(LATE) and attempt.ended_wall > at - HEARD_SECONDS
    return status is None and error is not None


def settled(seen, attempts, steps, those):
    """What is wrong with who was told with success, and with the time between attempts."""
    last, good, wrong = {attempt.message.sid: attempt for attempt in attempts}, Counter(), []
    for attempt, step in zip(those, steps):
        if step["event_data"]["error"] is None:
            good[attempt.message.sid] += 1
            if last[attempt.message.sid] is not attempt:
                wrong.append(f"{attempt} was settled, and it was told again")
    for sid, attempt in last.items():
        if good[sid] != (sid not in seen.given_up):
            wrong.append(f"{attempt.message} has {good[sid]} steps of success")
    for one, other, step in zip(those, those[1:], steps):
        if one.message is other.message and one.epoch == other.epoch and one.complete and one.message.sid not in seen.parked:
            pause = min(60, 2 ** (step["event_data"]["attempt"] - 1))
            if other.begun - one.ended < pause:
                wrong.append(f"{other} came {other.begun - one.ended:.3f} s after the one before, which is less than {pause} s")
    return wrong


def seconds(timestamp):
    whole, _, fraction = timestamp.rstrip("Z").partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + float(f"0.{fraction or 0}")


def carrier(seen, tell):
    there = Counter(message["content"] for conversation in seen.conversations.values()
                    for message in conversation["messages"] if message["role"] == "assistant")
    for text, count in seen.carried.items():
        if count > there[text]:
            tell(f"the carrier took {text!r} {count} times, it is in the conversations {there[text]} times")


def feed(seen, tell):
    numbers = [event[0] for event in seen.feed]
    if numbers != list(range(1, len(numbers) + 1)):
        tell(f"the feed has gaps or is out of order: {numbers[:20]}")
    received = Counter(event[2].partition('"provider_message_id":"')[2].partition('"')[0] for event in seen.feed
                       if event[1] == "message_received")
    for message in seen.messages:
        if message.acknowledged and received[message.sid] != 1:
            tell(f"the feed tells {received[message.sid]} times of {message}")
    for heard in seen.heard:
        for difference in listening.differences(heard, seen.feed):
            tell(difference)

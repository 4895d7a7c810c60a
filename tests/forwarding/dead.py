"""Receivers that are down, that hang and that fail for single messages, beside a healthy one, for as long as it takes until
what they did not take is parked; then they recover, and it is told again."""

import random
import socket
import time

import listening
from customers import Customers
from hammer import percentile
from judge import Seen, judge, seconds

HEALTHY, DOWN, HANGING, POISONED = 1, 2, 3, 4
NAMES = {HEALTHY: "healthy", DOWN: "down", HANGING: "hanging", POISONED: "poisoned"}
OURS = [f"+1555000100{place}" for place in range(1, 5)]
# Messages a second, and customers.
LOADS = {HEALTHY: (10, 40), DOWN: (3, 20), HANGING: (2, 20), POISONED: (1.5, 10)}
LOAD_SECONDS = 60
PARKED_WITHIN_SECONDS = 300
# Between the clocks' readings.
SLACK_SECONDS = 1
HEALTHY_WITHIN_SECONDS = 3


def run(arguments, scene_of):
    with socket.socket() as closed:
        # Nobody listens on it, and nobody else gets it meanwhile.
        closed.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{closed.getsockname()[1]}/hook"
        scene, violations = scene_of(arguments, 10, dict.fromkeys(OURS) | {OURS[DOWN - 1]: down}), ["it did not come to its end"]
        try:
            violations = phase(scene, down)
        except RuntimeError as error:
            violations = [str(error), *scene.violations, *scene.receiver.violations]
        finally:
            scene.close(bool(violations))
    return violations


def script(message):
    """What the receiver does with a message."""
    if message.assistant == HANGING:
        return "hang"
    return "500" if is_poison(message) else "reply"


def is_poison(message):
    """The first message of some conversations. The others of the same receiver go on all the time: if they were silent it
    would be taken for one that is down, and what waits behind the poisoned ones would be parked with them."""
    return message.assistant == POISONED and message.number == 1 and message.customer.endswith(("0", "1"))


def phase(scene, down):
    server, receiver = scene.server, scene.receiver
    receiver.script = script
    loads = {assistant: Customers(server, receiver, scene.rng.random(), {OURS[assistant - 1]: assistant}, customers, 2, rate)
             for assistant, (rate, customers) in LOADS.items()}
    for load in loads.values():
        load.start()
    time.sleep(LOAD_SECONDS)
    for assistant, load in loads.items():
        if assistant in (DOWN, HANGING):
            load.end()
    wanted = {message.sid for message in receiver.messages.values()
              if message.assistant in (DOWN, HANGING) or is_poison(message)}
    until = time.monotonic() + PARKED_WITHIN_SECONDS + 30
    while len(events := scene.parked_events()) < len(wanted) and time.monotonic() < until:
        time.sleep(0.5)
    for assistant in (HEALTHY, POISONED):
        loads[assistant].end()
    time.sleep(5)  # What waited behind the poisoned ones.
    scene.violations += parked(events, wanted)
    scene.violations += healthy(scene, loads[HEALTHY].took)
    recover(scene, events)
    conversations, feed = scene.conversations(), listening.whole_feed(server)
    refused = steps_of(conversations, "forward_attempted", lambda data: data["url"] == down)
    parkings, replays = (steps_of(conversations, f"forward_{what}", lambda data: True) for what in ("parked", "replayed"))
    if len(parkings) != len(scene.parked) or len(replays) != scene.replayed:
        scene.violations.append(f"the timelines have {len(parkings)} parkings and {len(replays)} replays, "
                                f"wanted {len(scene.parked)} and {scene.replayed}")
    for conversation, step in refused:
        conversation["steps"].remove(step)
    scene.stop()
    scene.check()
    seen = Seen(list(receiver.messages.values()), receiver.attempts, receiver.carried, scene.kills, scene.parked, conversations,
                feed, [])
    seen.given_up = scene.given_up
    violations = scene.violations + receiver.violations + judge(seen)
    replies = sum(message["role"] == "assistant" for each in conversations.values() for message in each["messages"])
    print(f"messages {len(seen.messages)}, deliveries {len(seen.attempts)}, refused connections {len(refused)}, "
          f"kills {len(scene.kills)}, parked {len(scene.parked)}, replayed {scene.replayed}, given up {len(scene.given_up)}, "
          f"replies {replies}, violations {len(violations)}")
    return violations


def steps_of(conversations, event_type, wanted):
    return [(conversation, step) for conversation in conversations.values() for step in conversation["steps"]
            if step["event_type"] == event_type and wanted(step["event_data"] or {})]


def parked(events, wanted):
    """All that was not taken, and nothing else, within five minutes from when it came."""
    violations, there = [], {event["message_id"] for event in events}
    if there != wanted or len(events) != len(wanted):
        violations.append(f"{len(events)} events are parked, {len(wanted - there)} others should be, {len(there - wanted)} should not")
    for assistant in (DOWN, HANGING, POISONED):
        of_it = [event for event in events if event["assistant_id"] == assistant]
        held = [seconds(event["parked_at"]) - seconds(event["received_at"]) for event in of_it]
        late = [each for each in held if each > PARKED_WITHIN_SECONDS + SLACK_SECONDS]
        untried = sum(event["attempts"] == 0 for event in of_it)
        print(f"{NAMES[assistant]:<10} {len(held)} parked after {min(held, default=0):.1f} to {max(held, default=0):.1f} s, "
              f"{untried} of them untried, because others had failed")
        if late:
            violations.append(f"{NAMES[assistant]}: {len(late)} messages were parked late, after up to {max(late):.1f} s")
    return violations


def healthy(scene, took):
    """Those that are not parked were not held up by the others."""
    violations = []
    found = scene.latencies(HEALTHY)
    print(f"healthy    {len(found)} messages; from acknowledgement to delivery p50 {percentile(found, .5) * 1000:.1f} ms, "
          f"p99 {percentile(found, .99) * 1000:.1f} ms, max {max(found) * 1000:.0f} ms; webhooks took "
          f"p50 {percentile(took, .5) * 1000:.1f} ms, p99 {percentile(took, .99) * 1000:.1f} ms")
    if max(found) > HEALTHY_WITHIN_SECONDS:
        violations.append(f"a message to the healthy receiver was delivered {max(found):.1f} s after it was acknowledged")
    left = [message for message in scene.undelivered() if message.sid not in scene.parked]
    if left:
        violations.append(f"{len(left)} messages are neither delivered nor parked, among them {left[0]}")
    behind = [latency for latency in scene.latencies(POISONED) if latency > 1]
    print(f"poisoned   {len(behind)} waited behind the first of their conversations, up to {max(behind, default=0):.1f} s")
    return violations


def recover(scene, events):
    """The receivers live again. What is parked is replayed in each way there is, one is given up, the server is killed."""
    scene.receiver.script, scene.receiver.well_behaved = None, True
    api = scene.api()
    api.patch(f"/api/v1/assistants/{DOWN}", {"sms_webhook_url": f"{scene.receiver.url}/hook/{DOWN}"})
    rng = random.Random(scene.rng.random())
    rng.shuffle(events)
    api.post(f"/api/v1/parked-events/{events[0]['id']}/replay", {})
    scene.replayed += 1
    scene.replay({"ids": [event["id"] for event in events[1:6]]})
    api.delete(f"/api/v1/parked-events/{events[6]['id']}")
    scene.given_up.add(events[6]["message_id"])
    scene.replay({"assistant_id": DOWN})
    time.sleep(rng.uniform(0, 0.2))
    scene.kill()
    scene.check()
    scene.server.start()
    scene.replay({"all": True})
    scene.wait_until_delivered(60)
    if left := scene.parked_events():
        scene.violations.append(f"{len(left)} events are parked though all were replayed")
    scene.stop()
    scene.server.start()
    time.sleep(1.5)

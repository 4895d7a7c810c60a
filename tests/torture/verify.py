"""Reads everything back and holds it against what was asked: a list of what does not agree, in plain words."""

import json
from collections import Counter, defaultdict

import wire
from fake import LEAVES_UNKNOWN
from records import HELPED, NOTICES, STARTED, STOPPED

# A send that was claimed before a STOP was stored may reach the carrier after it was acknowledged; not this much later.
IN_FLIGHT_SECONDS = 1.5
# After this long without an answer the server has given up (2 s), or was about to.
LATE_SECONDS = 1.0


class Found:
    """What the server says."""

    def __init__(self, server, jobs):
        api = server.api()
        self.conversations = []
        while page := api.get(f"/api/v1/sms-conversations/?limit=1000&skip={len(self.conversations)}"):
            self.conversations += page
        self.messages = {each["id"]: api.get(f"/api/v1/sms-conversations/{each['id']}/messages") for each in self.conversations}
        self.logs = self._pages(api, "/api/v1/sms-logs/?limit=500")
        self.opt_outs = self._pages(api, "/api/v1/sms-opt-outs/?limit=500")
        self.statuses = {job: api.get(f"/sms/{job}/status") for job in jobs}
        self.stats = api.get("/api/v1/sms-logs/stats")
        self.queues = api.get("/sms/queue/stats")["queues"]
        self.exported, self.check = None, None

    @staticmethod
    def _pages(api, path):
        items = []
        while page := api.get(f"{path}&skip={len(items)}")["items"]:
            items += page
        return items

    def take_export(self, lines):
        self.exported = defaultdict(list)
        for line in lines.splitlines():
            if line.startswith(b"{"):
                record = json.loads(line)
                self.exported[record["type"]].append(record)

    def differs(self, before):
        """What a replay changed."""
        return [
            f"the replay of everything changed {name}: {first_difference(getattr(before, name), getattr(self, name))}"
            for name in ("conversations", "messages", "logs", "opt_outs", "statuses", "stats", "queues")
            if getattr(before, name) != getattr(self, name)]


def first_difference(before, after):
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *after]:
            if before.get(key) != after.get(key):
                return f"{key}: {first_difference(before.get(key), after.get(key))}"
    if isinstance(before, list) and isinstance(after, list):
        for place, (one, other) in enumerate(zip(before, after)):
            if one != other:
                return f"item {place}: {first_difference(one, other)}"
        return f"{len(before)} items, then {len(after)}"
    return f"{before!r}, then {after!r}"


def compare(records, found):
    """Everything that must hold. An empty list: it does."""
    wrong = []
    for part in (threads, inbound_logs, outbound_logs, jobs, statuses, opt_outs, stops, totals):
        part(records, found, wrong.append)
    return wrong


def expected_notices(pair):
    """What we tell a customer where the carrier does not, and whether they have opted out in the end."""
    notices, out = [], False
    for each in pair.keywords:
        if each.keyword == "HELP":
            notices.append(HELPED)
        elif (each.keyword == "STOP") != out:
            out = not out
            notices.append(STOPPED if out else STARTED)
    return ([] if wire.NUMBERS[pair.ours] == "twilio" else notices), out


def threads(records, found, tell):
    wanted = defaultdict(Counter)
    for each in records.inbound:
        if each.acknowledged:
            wanted[each.ours, each.customer]["user", each.text] += 1
    for each in records.sends:
        if each.acknowledged:
            wanted[each.ours, each.customer]["assistant", each.text] += 1
    for numbers, pair in records.pairs.items():
        for notice in expected_notices(pair)[0]:
            wanted[numbers]["assistant", notice] += 1
    wanted = {numbers: texts for numbers, texts in wanted.items() if texts}
    there, ids = Counter(), Counter()
    for conversation in found.conversations:
        numbers = (conversation["assistant_phone_number"], conversation["customer_phone_number"])
        here, messages = f"conversation {conversation['id']} of {numbers}", found.messages[conversation["id"]]
        there[numbers] += 1
        ids.update(message["id"] for message in messages)
        indexes = [message["message_index"] for message in messages]
        if indexes != list(range(1, len(messages) + 1)):
            tell(f"{here}: message_index has gaps: {indexes[:20]}")
        if conversation["message_count"] != len(messages):
            tell(f"{here}: message_count is {conversation['message_count']}, there are {len(messages)}")
        kept = Counter((message["role"], message["content"]) for message in messages)
        for what, texts in (
            ("was acknowledged and is lost, or is there too seldom", wanted.get(numbers, Counter()) - kept),
            ("is there twice, or was never acknowledged", kept - wanted.get(numbers, Counter())),
        ):
            for text in texts:
                tell(f"{here}: {text} {what}")
    for numbers in set(wanted) | set(there):
        if there[numbers] != (numbers in wanted):
            tell(f"{numbers} have {there[numbers]} conversations, wanted {int(numbers in wanted)}")
    if twice := [message_id for message_id, times in ids.items() if times > 1]:
        tell(f"message ids are not unique: {twice[:5]}")


def inbound_logs(records, found, tell):
    logs = defaultdict(list)
    for log in found.logs:
        if log["direction"] == "inbound":
            logs[log["provider"], log["provider_message_id"]].append(log)
    for each in records.inbound:
        kept = logs.pop((each.provider, each.sid), [])
        if len(kept) != bool(each.acknowledged):
            tell(f"the inbound message {each.sid} has {len(kept)} logs, wanted {int(bool(each.acknowledged))}")
            continue
        for log in kept:
            if (log["body"], log["from_number"], log["to_number"], log["status"]) != (each.text, each.customer, each.ours, "received"):
                tell(f"the log of {each.sid} says {log}")
    for name in logs:
        tell(f"there is a log of {name}, which was never sent")


def outbound_logs(records, found, tell):
    logs = defaultdict(list)
    for log in found.logs:
        if log["direction"] == "outbound":
            logs[log["body"]].append(log)
    for each in records.sends:
        kept = logs.pop(each.text, [])
        if len(kept) != bool(each.acknowledged):
            tell(f"send {each.key} has {len(kept)} logs, wanted {int(bool(each.acknowledged))}")
        for log in kept:
            if (log["from_number"], log["to_number"]) != (each.ours, each.customer):
                tell(f"the log of send {each.key} says {log}")
    for text in logs:
        if text not in NOTICES:
            tell(f"there is a log of {text!r}, which nobody asked to send")


def jobs(records, found, tell):
    """What the carrier took, against what the jobs say."""
    sends = {each.job: each for each in records.sends if each.acknowledged}
    exported = {job["uuid"]: job for job in found.exported["outbound_job"]}
    for each in found.exported["outbound_job"]:
        # What a START is answered does not go to who has said STOP since.
        purpose = "auto_reply" if each["body"] == STARTED else "opt_out_notice"
        if each["uuid"] not in sends and (each["purpose"] != purpose or each["body"] not in NOTICES):
            tell(f"job {each['uuid']} {each['body']!r} was made though nobody asked for it")
    for uuid, send in sends.items():
        job = exported.get(uuid)
        if not job or (job["from_number"], job["to_number"], job["body"], job["idempotency_key"]) != (send.ours, send.customer, send.text, send.key):
            tell(f"the job of send {send.key} is {job}")
        elif send.cancelled and job["status"] != "cancelled":
            tell(f"send {send.key} was taken back and its job is {job['status']}")
        elif job["status"] == "cancelled" and not send.cancel_asked:
            tell(f"send {send.key} is cancelled and nobody took it back")
    for uuid in set(records.taken) - set(exported):
        tell(f"the carrier took {records.taken[uuid][0].text!r} for job {uuid}, which is not there")
    needless = 0
    for uuid, job in exported.items():
        taken, status = records.taken.get(uuid, []), job["status"]
        here = f"job {uuid} {job['body']!r} at {job['provider']}"
        if len(taken) > 1:
            tell(f"{here}: the carrier took it {len(taken)} times")
        for each in taken:
            if (each.ours, each.to, each.text) != (job["from_number"], job["to_number"], job["body"]):
                tell(f"{here}: the carrier took another text: {each.text!r}")
        if status not in ("sent", "unknown", "failed", "cancelled"):
            tell(f"{here} is still {status}")
        if status == "sent" and not taken:
            tell(f"{here} is sent and the carrier never took it")
        if status in ("failed", "cancelled") and taken:
            tell(f"{here} is {status} and the carrier took it")
        if status == "sent" and taken and job["provider_message_id"] != taken[0].id:
            tell(f"{here} has the carrier's id {job['provider_message_id']}, the carrier says {taken[0].id}")
        if status == "unknown" and not excused(records, uuid):
            needless += 1
    if needless > max(2, len(exported) // 100):
        tell(f"{needless} jobs are unknown though the carrier answered in time and nobody was killed")


def excused(records, uuid):
    """Whether something happened to the last attempt that leaves its outcome unknown."""
    how, at, answered = records.asked[uuid][-1] if records.asked.get(uuid) else ("never arrived", 0, None)
    if not answered or how in LEAVES_UNKNOWN or answered - at > LATE_SECONDS:
        return True
    return any(at - 2 <= kill <= answered + 2 for kill in records.kills)


def statuses(records, found, tell):
    """Where the receipts that were taken lead."""
    logs = {log["id"]: log for log in found.logs}
    receipts = defaultdict(list)
    for receipt in records.receipts:
        if receipt.delivery.acknowledged:
            receipts[receipt.taken.job].append(receipt)
    for job in found.exported["outbound_job"]:
        log, told = logs.get(job["log_id"]), receipts.get(job["uuid"], [])
        here = f"job {job['uuid']} at {job['provider']}"
        if log is None:
            tell(f"{here} has no log")
            continue
        status = log["status"]
        if told:
            how = f"its receipts were {', '.join(each.word for each in told)}"
            furthest = max(wire.RANKS[each.means] for each in told)
            allowed = {each.means for each in told if wire.RANKS[each.means] == furthest}
            if status not in allowed:
                tell(f"{here} is {status} and {how}")
            elif job["status"] != "sent":
                tell(f"{here}: the job is {job['status']} and {how}")
            elif log["provider_status"] not in {each.word for each in told if each.means == status}:
                tell(f"{here} is {status}, in the carrier's word {log['provider_status']!r}, and {how}")
            elif status in ("undelivered", "failed") and log["error_code"] != wire.ERRORS[job["provider"]]:
                tell(f"{here} is {status} with the error {log['error_code']!r}, and {how}")
        else:
            allowed = {"sent": ("queued",), "unknown": ("queued", "sending")}.get(job["status"], ("failed",))
            if status not in allowed:
                tell(f"{here} is {job['status']} without a receipt, and its log {status}")
    by_uuid = {job["uuid"]: job for job in found.exported["outbound_job"]}
    for uuid, said in found.statuses.items():
        job = by_uuid.get(uuid)
        if job and (said["status"], said["provider_message_id"]) != (job["status"], job["provider_message_id"]):
            tell(f"the status of job {uuid} is {said}, the export says {job}")
    for send in records.sends:
        job = by_uuid.get(send.job)
        log = logs.get(job["log_id"]) if job else None
        if log and send.seen.status and wire.RANKS[log["status"]] < wire.RANKS[send.seen.status]:
            tell(f"send {send.key} was read as {send.seen.status} and is {log['status']}")
        if job and send.seen.job in ("sent", "failed", "cancelled") and job["status"] != send.seen.job:
            tell(f"the job of send {send.key} was read as {send.seen.job} and is {job['status']}")


def opt_outs(records, found, tell):
    wanted = {numbers for numbers, pair in records.pairs.items() if expected_notices(pair)[1]}
    for name, there in (
        ("list", [(each["phone_number"], each["customer_phone_number"]) for each in found.opt_outs]),
        ("export", [(each["assistant_phone_number"], each["customer_phone_number"]) for each in found.exported["opt_out"]]),
    ):
        for numbers in wanted ^ set(there):
            tell(f"{numbers}: opted out is {numbers in wanted}, the {name} says {numbers in there}")
        if len(there) != len(set(there)):
            tell(f"the {name} of opt-outs has somebody twice")


def stops(records, found, tell):
    """Nobody is sent to who said STOP, but the answer to that."""
    for all_of_one in records.taken.values():
        for taken in all_of_one:
            pair = records.pairs.get((taken.ours, taken.to))
            if taken.text not in NOTICES and pair and pair.opted_out(taken.at - IN_FLIGHT_SECONDS, taken.at):
                tell(f"{taken.to} had opted out, and the carrier took {taken.text!r} for them after that was acknowledged")


def totals(records, found, tell):
    export = found.exported
    messages = sorted((message["id"], message["content"]) for all_of_one in found.messages.values() for message in all_of_one)
    if messages != sorted((message["id"], message["content"]) for message in export["message"]):
        tell(f"the export has {len(export['message'])} messages, the conversations have {len(messages)}, or others")
    logs = sorted((log["id"], log["status"], log["body"]) for log in found.logs)
    if logs != sorted((log["id"], log["status"], log["body"]) for log in export["message_log"]):
        tell(f"the export has {len(export['message_log'])} logs, the list has {len(logs)}, or others")
    if found.stats["total"] != len(logs):
        tell(f"the logs' counts say {found.stats['total']}, there are {len(logs)}")
    by_status = Counter(log["status"] for log in found.logs)
    if found.stats["by_status"] != dict(by_status):
        tell(f"the logs' counts say {found.stats['by_status']}, there are {dict(by_status)}")
    counted = Counter((job["provider"], job["status"]) for job in export["outbound_job"])
    for provider, queue in found.queues.items():
        for status in ("queued", "sending", "sent", "failed", "cancelled", "unknown"):
            if queue[status] != counted[provider, status]:
                tell(f"the queue of {provider} counts {queue[status]} {status}, there are {counted[provider, status]}")
    if found.check:
        tell(f"smslite check: {found.check}")

#!/usr/bin/env python3
"""Holds logs of `finwait load` against a capture of the same connections.

usage: judge.py CAPTURE MANIFEST

The manifest has a JSON object a line: {"case": NAME, "port": PORT, "log": FILE, "listens": BOOL, "options": TEXT},
where BOOL is whether a server is there, and TEXT what the run was told, --expect at least. Prints a row for each case, and for the first disagreements of each the line and the packets.
Exits with 1 if there is a disagreement, or anything on the wire that no log has.
"""

import json
import sys
from collections import Counter, defaultdict
from dataclasses import replace

import http_framing
import rules
import wire
from case import LAST_MOMENT, LAST_MOMENT_S, TURN, TURN_S, Case

MOST_SHOWN = 5


class Run:
    """What one run of `finwait load` was told."""

    def __init__(self, entry):
        options = entry["options"].split()
        self.told = dict(zip(options, options[1:]))
        self.expect = self.told["--expect"]
        self.sends = size(self.told.get("--send", "64"))
        self.most = int(self.told.get("--requests", "1"))
        self.limits = {name: seconds(self.told.get(f"--{name}", usual)) for name, usual in LIMITS.items()}
        self.in_one_piece = "--drip" not in self.told and self.sends <= 1 << 16
        self.listens = entry["listens"]
        self.is_cut = "-z" in self.told
        if self.expect not in ("http", "until-fin") and not self.expect.startswith("bytes="):
            raise SystemExit(f"{entry['case']}: the judge does not know --expect {self.expect}")

    def count(self, case):
        """How many requests went out, how many responses came whole, and whether there is a part of one more."""
        if self.expect == "http":
            return http_framing.count(case)
        if self.expect == "until-fin":
            return 1, int(case.has_read_fin()), False
        each = int(self.expect.removeprefix("bytes="))
        requests = max(1, -(-case.line["bytes_sent"] // self.sends)) if self.sends else 1
        return requests, min(self.most, case.line["bytes_received"] // each) if each else 1, False


# As `finwait load --help` states them.
LIMITS = {"drain-idle": "5s", "drain-total": "60s", "confirm": "2s", "connect-timeout": "5s"}


def size(text):
    units = {"k": 10, "m": 20}
    return int(text[:-1]) << units[text[-1]] if text[-1] in units else int(text)


def seconds(text):
    return int(text[:-2]) / 1e3 if text.endswith("ms") else float(text.removesuffix("s"))


def read_log(name):
    with open(name, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def start_of_run(pairs):
    """The log counts from the run's start; a SYN comes after its line's start, the quickest at once."""
    return min((wired.packets[0].time - line["started_us"] / 1e6 for line, wired in pairs), default=0.0)


def paired(lines, conversations):
    """Lines and conversations with the same four-tuple, in the order in which they began. Yields what is left over, too,
    with None on the other side."""
    by_tuple = defaultdict(lambda: ([], []))
    for line in lines:
        if line["local"] is not None:
            by_tuple[wire.address(line["local"]), wire.address(line["peer"])][0].append(line)
    for conversation in conversations:
        by_tuple[conversation.client, conversation.server][1].append(conversation)
    for of_tuple, wired in by_tuple.values():
        of_tuple.sort(key=lambda line: line["started_us"])
        for index in range(max(len(of_tuple), len(wired))):
            yield (of_tuple[index] if index < len(of_tuple) else None, wired[index] if index < len(wired) else None)


class Row:
    def __init__(self, name):
        self.name, self.connections, self.disagreements, self.flips = name, 0, 0, 0
        self.endings, self.exceptions, self.longest = Counter(), Counter(), Counter()

    def disagree(self, what, line, conversation):
        self.disagreements += 1
        if self.disagreements <= MOST_SHOWN:
            print(f"DISAGREEMENT in {self.name}: {what}")
            print(f"  the log:  {json.dumps(line)}" if line else "  the log:  no line")
            print(f"  the wire:\n{conversation.story()}" if conversation else "  the wire: no packets")


def judge_run(entry, lines, conversations):
    """One run of `finwait load`: its log, and all that was on the wire to its server."""
    row = Row(entry["case"])
    pairs = list(paired(lines, conversations))
    both = [(line, wired) for line, wired in pairs if line and wired]
    epoch, run = start_of_run(both), Run(entry)
    for line in lines:
        if line["local"] is None:
            row.connections += 1
            row.disagree("a line without a local address", line, None)
    for line, wired in pairs:
        row.connections += 1
        if line is None or wired is None:
            row.disagree("only the wire has it" if line is None else "only the log has it", line, wired)
            continue
        row.endings[line["ending"]] += 1
        case = Case(line, wired, epoch, run)
        wrong = rules.judge(case)
        row.exceptions += case.exceptions
        row.longest |= case.longest
        if wrong:
            row.disagree("; ".join(wrong), line, wired)
        # Where only time tells, the packets alone have another story.
        elif row.endings[line["ending"]] <= FLIPPED and not rationed(case.exceptions, LAST_MOMENT):
            for untrue, packets in [(untrue, wired) for untrue in untruths(case)] + [(line, forged) for forged in forgeries(case)]:
                row.flips += 1
                tried = Case(untrue, packets, epoch, run)
                # What needs a rationed exception does not pass for often.
                if not rules.judge(tried) and not rationed(tried.exceptions):
                    what = "an untrue line" if packets is wired else "an RST of the client's that is in no line"
                    row.disagree(f"{what} was not noticed", untrue, packets)
    return row


# Exceptions that rest on time alone are rationed: of so many connections one may need one.
RATIONS = {LAST_MOMENT: 200, TURN: 10}


def rationed(exceptions, kinds=tuple(RATIONS)):
    return sum(count for name, count in exceptions.items() if name.startswith(kinds))


# Of each case and ending so many lines are held against the same packets with something untrue in them, and against packets
# with one more among them.
FLIPPED = 10


def untruths(case):
    """The line with one thing changed at a time: its ending (with a verdict that goes with it), or a count of bytes."""
    line = case.line
    if line["progress"] == "no-connection":
        endings, column = {"refused": "refused", "timeout": "syn-timeout"}, None
    else:
        endings, column = rules.CELLS, rules.COLUMN[line["progress"]]
    for ending, verdicts in endings.items():
        # On the wire a close() looks like a half-close, and what the peer does at once after it like an answer to that.
        alike = line["ending"] == "closed" and ending in ("fin-clean", "rst")
        if ending != line["ending"] and not alike:
            verdict = verdicts if column is None else verdicts[column]
            yield line | {"ending": ending, "verdict": verdict or "abandoned"}
    if column is None:
        return
    yield line | {"bytes_sent": line["bytes_sent"] + 1_000_000}
    yield line | {"bytes_received": line["bytes_received"] + (1 << 40)}
    yield line | {"bytes_acked": None}
    yield line | {"bytes_acked": line["bytes_sent"] + 1}
    if line["bytes_acked"] and must_have_known(case):
        yield line | {"bytes_acked": line["bytes_acked"] - 1}
        yield line | {"bytes_acked": 0}
    if line["ending"] == "fin-clean":
        yield line | {"bytes_sent": line["bytes_sent"] - 1}
        yield line | {"bytes_received": line["bytes_received"] - 1}


def must_have_known(case):
    """Whether there was no moment at which fewer bytes were acknowledged and the rest of the line was true: the peer spoke
    only after it had them all, or acknowledged them long before the end, or the ending itself says how many it were."""
    line, conversation = case.line, case.wire
    if line["ending"] in ("fin-clean", "fin-then-rst", "rst"):
        return True
    if line["ending"] in ("timeout", "still-open"):
        known_at = next(i for i, acked in conversation.c.acks if acked > line["bytes_acked"])
        return conversation.time(known_at) < case.ended - 2 * LAST_MOMENT_S
    spoken = [i for i, packet in enumerate(conversation.packets) if packet.src == conversation.server and packet.length]
    heard = line["bytes_received"] or line["ending"] == "abandoned"
    return heard and all(conversation.acknowledges(i) > line["bytes_acked"] for i in spoken)


def forgeries(case):
    """The packets and an RST of the client's among them: behind the handshake, and behind its FIN."""
    conversation = case.wire
    for at in (conversation.established_at, conversation.c.fin_first):
        if at is None or (conversation.reset_at is not None and conversation.reset_at < at):
            continue
        # One that comes with the close itself may be its own.
        if case.line["ending"] in ("timeout", "still-open") and conversation.time(at) > case.ended - LAST_MOMENT_S:
            continue
        before = conversation.packets[at]
        number = before.seq + before.length + bool(before.flags & wire.FIN)
        for flags in (wire.RST | wire.ACK, wire.RST):
            forged = replace(before, flags=flags, seq=number & 0xFFFF_FFFF, length=0, payload=b"")
            yield conversation.with_packet(at + 1, forged)


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    capture, manifest = sys.argv[1:]
    entries = read_log(manifest)
    by_port = defaultdict(list)
    found, stray = wire.conversations(wire.packets(capture))
    for conversation in found:
        by_port[conversation.server[1]].append(conversation)
    http_ports = [entry["port"] for entry in entries if "--expect http" in entry["options"]]
    http_framing.attach(capture, http_ports, by_port)
    rows = [judge_run(entry, read_log(entry["log"]), by_port.pop(entry["port"], [])) for entry in entries]
    unclaimed = sum(len(left) for left in by_port.values())
    return show(rows, unclaimed, len(stray))


def show(rows, unclaimed, stray):
    width = max(len(row.name) for row in rows)
    print(f"{'case':{width}} {'connections':>11} {'disagreements':>13}  endings")
    for row in rows:
        endings = ", ".join(f"{name} {n}" for name, n in row.endings.most_common())
        print(f"{row.name:{width}} {row.connections:11} {row.disagreements:13}  {endings}")
    connections = sum(row.connections for row in rows)
    wrong = sum(row.disagreements for row in rows)
    endings, exceptions = Counter(), Counter()
    for row in rows:
        endings += row.endings
        exceptions += row.exceptions
    print(f"{'total':{width}} {connections:11} {wrong:13}  {', '.join(f'{n} {k}' for n, k in endings.most_common())}")
    for name, count in exceptions.most_common():
        print(f"exception: {name}: {count}")
    print(f"untrue lines tried: {sum(row.flips for row in rows)}")
    for kind, most in ((LAST_MOMENT, LAST_MOMENT_S), (TURN, TURN_S)):
        longest = max((row.longest[kind] for row in rows), default=0)
        print(f"longest {kind}: {longest * 1e3:.1f} ms of {most * 1e3:.0f} ms")
    if unclaimed or stray:
        print(f"on the wire and in no log: {unclaimed} connections, {stray} packets without a SYN")
    empty = [row.name for row in rows if not row.connections]
    if empty:
        print(f"without a connection: {', '.join(empty)}")
    greedy = [kind for kind, ration in RATIONS.items() if rationed(exceptions, kind) * ration > connections + ration]
    for kind in greedy:
        print(f"exceptions of the kind {kind}: {rationed(exceptions, kind)}, more than one in {RATIONS[kind]}")
    return 1 if wrong or greedy or unclaimed or stray or empty else 0


if __name__ == "__main__":
    sys.exit(main())

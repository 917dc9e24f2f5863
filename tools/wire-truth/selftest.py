#!/usr/bin/env python3
"""The judge, judged: on made-up packets it must agree with each true line, and object to each untrue one. Every rule must
have objected once."""

import ipaddress
import sys

import judge
import rules
import wire
from case import Case

CLIENT, SERVER = (ipaddress.ip_address("127.0.0.1"), 40000), (ipaddress.ip_address("127.0.0.1"), 80)
# Near the wrap of sequence numbers, so that it is crossed.
ISN = {CLIENT: 0xFFFF_FFF0, SERVER: 0xFFFF_FF00}
FLAGS = {"S": wire.SYN, "F": wire.FIN, "R": wire.RST, "A": wire.ACK}

OPEN = ("0 c S 0 -", "1 s SA 0 1", "2 c A 1 1")
ASKED = OPEN + ("3 c A 1 1 64", "4 s A 1 65")
ANSWERED = ASKED + ("5 s A 1 65 64", "6 c A 65 65")
# The times are milliseconds; a line has ended at 20.
TALKS = {
    "clean": ANSWERED + ("7 c FA 65 65", "8 s FA 65 66", "9 c A 66 66"),
    "server first": ANSWERED + ("7 s FA 65 65", "8 c FA 65 66", "9 s A 66 66"),
    "reset": ASKED + ("5 s RA 1 65",),
    "reset after all": ANSWERED + ("7 s RA 65 65",),
    "fin, reset": ANSWERED + ("7 s FA 65 65", "8 c A 65 66", "9 s RA 66 65"),
    "fins, reset": ANSWERED + ("7 c FA 65 65", "8 s FA 65 66", "9 c A 66 66", "10 s RA 66 66"),
    "silent": ASKED + ("5 c FA 65 1", "6 s A 1 66"),
    "silent, then over": ASKED + ("5 c FA 65 1", "6 s A 1 66", "7000 s FA 1 66", "7001 c A 66 2"),
    "silent, gives up": ASKED + ("5999.998 c FA 65 1",),
    "silent, ends early": ASKED + ("5900 c FA 65 1",),
    "closed": ANSWERED + ("7 c FA 65 65", "30 s FA 65 66", "31 c A 66 66"),
    "closed unread": ANSWERED + ("6.5 s A 65 65 64", "7 c RA 65 129"),
    "aborted": ANSWERED + ("7 c RA 65 65",),
    "late abort": ANSWERED + ("7 s FA 65 65", "500 c RA 65 66"),
    "late close": ANSWERED + ("7 s FA 65 65", "500 c FA 65 66", "501 s A 66 66"),
    "crossed": ANSWERED + ("7 s FA 65 65", "8 c FA 65 65", "9 s A 66 66"),
    "refused": ("0 c S 0 -", "1 s RA 0 1"),
    "unanswered": ("0 c S 0 -", "1000 c S 0 -"),
    "bad reset": ASKED + ("5 s RA 99 65",),
    "fin and abort": ANSWERED + ("7 c FA 65 65", "8 c RA 66 65"),
    "own rst": ANSWERED + ("7 c FA 65 65", "8 s FA 65 66", "9 c A 66 66", "10 c R 66 -"),
    "own rst, reset": ANSWERED + ("7 c R 65 -", "8 s RA 65 65"),
    "fin unacknowledged": ANSWERED + ("7 c FA 65 65", "8 s FA 65 65"),
    "closed, then more": ANSWERED + ("7 c FA 65 65", "8 s A 65 66", "9 s A 65 66 64", "9.1 c R 66 -", "9.2 s FA 129 66", "9.3 c R 66 -"),
    "closed, own rst": ANSWERED + ("7 c FA 65 65", "8 s A 65 66", "107 c RA 66 65"),
    "closed, rst for an ack": ANSWERED + ("7 c FA 65 65", "8 s A 65 66", "8.1 c R 66 -"),
    "closed, late rst": ANSWERED + ("7 c FA 65 65", "8 s A 65 66", "9 s A 65 66 64", "400 c R 66 -"),
    "closed, two for one": ANSWERED + ("7 c FA 65 65", "8 s A 65 66", "9 s A 65 66 64", "9.1 c R 66 -", "9.2 c R 66 -", "9.3 c R 66 -"),
    "closed, rst before": ANSWERED + ("6.5 c R 65 -", "7 c FA 65 65"),
    "aborted, then more": ANSWERED + ("7 c RA 65 65", "7.1 s A 65 65 64", "7.2 c R 65 -"),
    "aborted, other rst": ANSWERED + ("7 c RA 65 65", "7.2 c R 66 -"),
    "aborted twice": ANSWERED + ("7 c RA 65 65", "8 c RA 65 65"),
    "own rst, silent": ASKED + ("5 c FA 65 1", "6 s A 1 66", "105 c RA 66 1"),
    "bare rst, silent": ASKED + ("5 c FA 65 1", "6 s A 1 66", "6.1 c R 66 -"),
    "silent, own rst at the end": ASKED + ("5 c FA 65 1", "6 s A 1 66", "6000.1 c RA 66 1"),
    "silent, rst for an ack": ASKED + ("5 c FA 65 1", "6000.1 s A 1 66", "6000.2 c R 66 -"),
    "unread at the end": ASKED + ("5 c FA 65 1", "6 s A 1 66", "60999 s A 1 66 64", "61000.1 c RA 66 65"),
    "data after the end": ASKED + ("5 c FA 65 1", "6 s A 1 66", "6100 s A 1 66 64", "6100.1 c R 66 -"),
    "reset, then more": ASKED + ("5 s RA 1 65", "5.1 s A 1 65", "5.2 c R 65 -"),
    "reset, own rst": ASKED + ("5 s RA 1 65", "6 c RA 65 1"),
    "unanswered, own rst": ("0 c S 0 -", "1000 c S 0 -", "1500 c R 1 -"),
    "spoke first": OPEN + ("2.5 s A 1 1 64", "3 c A 1 65 64", "4 s A 65 65", "5 c FA 65 65"),
    "slow end": ANSWERED + ("7 c FA 65 65", "900 s FA 65 66", "901 c A 66 66"),
}
LINE = {
    "ended_us": 20_000, "started_us": 0, "close": "half", "progress": "response-complete", "ending": "fin-clean",
    "verdict": "graceful", "responses": 1, "bytes_sent": 64, "bytes_received": 64, "bytes_acked": 64, "phases_us": {},
}
NOTHING = {"bytes_received": 0, "responses": 0}
RESET = NOTHING | {"ending": "rst", "verdict": "reset-lost", "progress": "request-acked"}
WHOLE_RESET = {"ending": "rst", "verdict": "unclean-complete"}
BEHIND = {"ending": "fin-then-rst", "verdict": "unclean-complete"}
TIME_UP = NOTHING | {"ending": "timeout", "verdict": "timed-out", "progress": "request-acked", "ended_us": 6_000_000}
CLOSED = {"close": "fin", "ending": "closed", "verdict": "closed"}
ABORTED = {"close": "rst", "ending": "aborted", "verdict": "aborted"}
LEFT = NOTHING | {"close": "abandon", "ending": "abandoned", "verdict": "abandoned", "progress": "response-partial"}
NONE = NOTHING | {"bytes_sent": 0, "bytes_acked": None, "progress": "no-connection"}
REFUSED = NONE | {"ending": "refused", "verdict": "refused"}
SYN_TIMEOUT = NONE | {"ending": "timeout", "verdict": "syn-timeout", "ended_us": 5_000_000}
OPEN_STILL = NOTHING | {"ending": "still-open", "verdict": "still-open", "progress": "request-acked"}
USUAL, CUT = "--expect bytes=64", "--expect bytes=64 -z 1s"

# What must pass.
TRUE = [
    ("clean", {}), ("server first", {}), ("fins, reset", {}), ("reset", RESET), ("reset after all", WHOLE_RESET),
    ("fin, reset", BEHIND), ("silent", TIME_UP), ("silent, then over", TIME_UP), ("closed", CLOSED),
    ("closed unread", CLOSED), ("aborted", ABORTED), ("aborted", LEFT), ("late abort", ABORTED | {"ended_us": 500_000}),
    ("crossed", CLOSED), ("refused", REFUSED), ("unanswered", SYN_TIMEOUT), ("silent", OPEN_STILL, CUT),
    ("closed, then more", CLOSED), ("aborted, then more", ABORTED), ("unread at the end", TIME_UP | {"ended_us": 61_000_000}),
    ("unread at the end", OPEN_STILL | {"ended_us": 61_000_000}, CUT), ("data after the end", TIME_UP), ("reset, then more", RESET),
    ("spoke first", CLOSED), ("spoke first", CLOSED | {"bytes_acked": 0}),
    # The two clocks agree to some microseconds only.
    ("silent, gives up", TIME_UP | {"close": "fin"}),
    # The peer's RST came between the last question and our close, of a response that its FIN had ended.
    ("fin, reset", ABORTED, "--expect until-fin"),
]
# What must not, with the rule that has to say so.
UNTRUE = [
    ("reset", LINE, rules.peer_fin_came), ("fin unacknowledged", {}, rules.own_fin_acked),
    ("fin, reset", {}, rules.no_reset_before_both_fins), ("reset after all", {}, rules.no_reset_before_both_fins),
    ("own rst", {}, rules.no_own_rst), ("own rst, reset", WHOLE_RESET, rules.own_rsts_answer_a_reset),
    ("clean", WHOLE_RESET, rules.reset_came), ("bad reset", RESET, rules.reset_came),
    ("reset after all", BEHIND, rules.fin_before_reset), ("fins, reset", BEHIND, rules.reset_visible),
    ("fin, reset", WHOLE_RESET, rules.no_fin_before_reset), ("slow end", {}, rules.over_by_then),
    ("reset", TIME_UP, rules.no_end_in_time), ("clean", TIME_UP | {"bytes_received": 64}, rules.no_end_in_time),
    ("silent", TIME_UP | {"ended_us": 20_000}, rules.waited_for_its_limit), ("silent", OPEN_STILL, rules.run_was_cut),
    ("silent, ends early", TIME_UP | {"close": "fin"}, rules.waited_for_its_limit),
    ("clean", REFUSED, rules.never_established), ("refused", RESET, rules.was_established),
    ("unanswered", REFUSED, rules.syn_refused), ("unanswered", REFUSED, rules.nobody_listens), ("refused", SYN_TIMEOUT, rules.syn_unanswered),
    ("unanswered", SYN_TIMEOUT | {"ended_us": 1_000_000}, rules.waited_to_connect),
    ("late close", CLOSED | {"ended_us": 500_000}, rules.left_first), ("reset after all", CLOSED | {"ended_us": 500_000}, rules.left_first),
    ("silent", CLOSED | {"close": "half"}, None), ("aborted", CLOSED, rules.closed_in_order),
    ("reset after all", ABORTED | {"ended_us": 500_000}, rules.reset_before_left), ("clean", ABORTED, rules.aborted_by_rst),
    ("fin and abort", ABORTED, rules.aborted_by_rst), ("aborted", LEFT | {"bytes_received": 64}, rules.left_unread),
    ("clean", {"bytes_received": 63}, rules.received_all_before_fin), ("clean", {"bytes_received": 65}, rules.received_all_before_fin),
    ("reset after all", WHOLE_RESET | {"bytes_received": 0}, rules.received_all_before_reset),
    ("closed", CLOSED | {"bytes_received": 65}, rules.received_no_more_than_came),
    ("silent", TIME_UP | {"bytes_received": 65}, rules.received_no_more_than_came),
    ("closed", TIME_UP | {"bytes_received": 1}, rules.received_what_had_come),
    ("clean", {"bytes_sent": 63}, rules.sent_agrees), ("aborted", ABORTED | {"bytes_sent": 128}, rules.sent_agrees),
    ("clean", {"bytes_acked": 63}, rules.acked_all), ("reset", RESET | {"bytes_acked": 0}, rules.acked_before_reset),
    ("aborted", ABORTED | {"bytes_acked": 65}, rules.acked_no_more_than_wire),
    ("reset", RESET | {"progress": "connected"}, rules.progress_fits), ("reset", RESET | {"progress": "response-partial"}, rules.progress_fits),
    ("clean", {"progress": "response-partial"}, rules.counts_fit), ("clean", {"responses": 2}, rules.counts_fit),
    ("clean", {"verdict": "truncated"}, rules.verdict_fits), ("slow end", {"phases_us": {"fin_to_peer_fin": 0}}, rules.order_of_fins_fits),
    ("own rst, silent", TIME_UP, rules.no_rst_before_the_end), ("bare rst, silent", TIME_UP, rules.no_rst_before_the_end),
    ("own rst, silent", OPEN_STILL | {"ended_us": 200_000}, rules.no_rst_before_the_end, CUT),
    ("own rst, silent", TIME_UP, rules.own_act_fits), ("own rst, silent", OPEN_STILL, rules.own_act_fits, CUT),
    ("silent, own rst at the end", TIME_UP, rules.own_act_fits), ("closed, own rst", CLOSED, rules.own_act_fits),
    ("aborted twice", ABORTED, rules.own_act_fits), ("reset, own rst", RESET, rules.own_act_fits),
    ("closed, rst for an ack", CLOSED, rules.other_rsts_answer), ("closed, late rst", CLOSED, rules.other_rsts_answer),
    ("closed, two for one", CLOSED, rules.other_rsts_answer), ("closed, rst before", CLOSED, rules.other_rsts_answer),
    ("aborted, other rst", ABORTED, rules.other_rsts_answer), ("silent, rst for an ack", TIME_UP, rules.other_rsts_answer),
    ("unanswered, own rst", SYN_TIMEOUT, rules.no_own_rst),
    ("closed", CLOSED | {"bytes_acked": None}, rules.acked_is_told), ("reset", RESET | {"bytes_acked": None}, rules.acked_is_told),
    ("silent", TIME_UP | {"bytes_acked": None}, rules.acked_is_told), ("aborted", LEFT | {"bytes_acked": None}, rules.acked_is_told),
    ("silent", OPEN_STILL | {"bytes_acked": None}, rules.acked_is_told, CUT), ("clean", {"bytes_acked": None}, rules.acked_is_told),
    ("closed", CLOSED | {"bytes_acked": 0}, rules.acked_no_less_than_sure), ("closed", CLOSED | {"bytes_acked": 63}, rules.acked_no_less_than_sure),
    ("aborted", ABORTED | {"bytes_acked": 0}, rules.acked_no_less_than_sure), ("aborted", LEFT | {"bytes_acked": 0}, rules.acked_no_less_than_sure),
    ("silent", TIME_UP | {"bytes_acked": 0}, rules.acked_no_less_than_sure), ("silent", TIME_UP | {"bytes_acked": 63}, rules.acked_no_less_than_sure),
    ("silent", OPEN_STILL | {"bytes_acked": 0, "ended_us": 300_000}, rules.acked_no_less_than_sure, CUT),
    ("clean", {"ending": "local-error"}, None), ("clean", {"ending": "unreachable"}, None), ("aborted", ABORTED | {"close": "half"}, None),
]


def packets(talk, start=1_000.0):
    for text in talk:
        time, who, flags, seq, ack, *length = text.split()
        src, dst = (CLIENT, SERVER) if who == "c" else (SERVER, CLIENT)
        yield wire.Packet(
            start + float(time) / 1e3, src, dst, sum(FLAGS[flag] for flag in flags), (ISN[src] + int(seq)) % (1 << 32),
            0 if ack == "-" else (ISN[dst] + int(ack)) % (1 << 32), int(length[0]) if length else 0,
        )


def case(talk, change, options):
    found, stray = wire.conversations(packets(TALKS[talk]))
    assert len(found) == 1 and not stray, talk
    run = judge.Run({"case": talk, "options": options, "listens": talk != "refused"})
    return Case(LINE | change, found[0], 1_000.0, run)


def check_rules():
    wrong = []
    for talk, change, *options in TRUE:
        told = rules.judge(case(talk, change, *(options or [USUAL])))
        if told:
            wrong.append(f"a true line was not believed: {talk} {change}: {told}")
    objected = set()
    for talk, change, rule, *options in UNTRUE:
        one = case(talk, change, *(options or [USUAL]))
        if not rules.judge(one):
            wrong.append(f"an untrue line was believed: {talk} {change}")
        if rule is not None:
            objected.add(rule)
            if not rule(one):
                wrong.append(f"{rule.__name__} did not object: {talk} {change}")
    for table in (rules.RULES, rules.NOT_ESTABLISHED):
        for rule in {rule for group in table.values() for rule in group} - objected:
            wrong.append(f"{rule.__name__} was never made to object")
    return wrong


def check_pairs():
    """What only one side has, and the same four-tuple twice."""
    line = LINE | {"local": "127.0.0.1:40000", "peer": "127.0.0.1:80"}
    again = [wire.Packet(p.time + 1, p.src, p.dst, p.flags, p.seq + 1000, p.ack + 1000, p.length) for p in packets(TALKS["reset"])]
    found, stray = wire.conversations(list(packets(TALKS["clean"])) + again)
    later = line | RESET | {"started_us": 1_000_000, "ended_us": 1_020_000}
    stray_ones = wire.conversations(list(packets(TALKS["clean"]))[1:])[1]
    entry = {"case": "pairs", "options": USUAL, "listens": True}
    quietly, judge.MOST_SHOWN = judge.MOST_SHOWN, 0
    rows = [judge.judge_run(entry, lines, conversations) for lines, conversations in (
        ([later, line], found), ([line], found), ([line, later], found[:1]),
        ([line, later | {"local": None}], found), ([line | {"started_us": 2_000_000, "ended_us": 2_020_000}, later], found))]
    judge.MOST_SHOWN = quietly
    wanted = [0, 1, 1, 2, 2]
    wrong = [f"pairs: {row.disagreements} disagreements and not {want}" for row, want in zip(rows, wanted) if row.disagreements != want]
    if len(found) != 2 or stray or len(stray_ones) != len(TALKS["clean"]) - 1:
        wrong.append("connections with the same four-tuple were not told apart, or packets without a SYN not seen")
    return wrong


def main():
    wrong = check_rules() + check_pairs()
    for line in wrong:
        print(f"selftest: {line}")
    print(f"selftest of the judge: {len(TRUE)} true lines, {len(UNTRUE)} untrue ones, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

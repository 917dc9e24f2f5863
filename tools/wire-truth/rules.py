"""Which line of the log is allowed for which conversation on the wire.

Each rule is one function: it takes a `Case` and returns what is wrong, or None. `RULES` says which ones hold for
which ending; an ending that is not in it is never allowed. docs/verification.md has the same as a table.

An exception is counted under its name, so that a run shows how often it was needed.
"""

from byte_rules import (
    acked_all, acked_before_reset, acked_is_told, acked_no_less_than_sure, acked_no_more_than_wire, received_all_before_fin,
    received_all_before_reset, received_no_more_than_came, received_what_had_come, same, sent_agrees,
)
from case import CLOCK_S, LAST_MOMENT, LAST_MOMENT_S, TURN, TURN_S

# The independent copy of the table of docs/load.md: ending -> verdict for nothing sent, unanswered, part, whole.
CELLS = {
    "fin-clean": ("truncated", "truncated", "truncated", "graceful"),
    "fin-then-rst": ("retry-safe-loss", "reset-lost", "truncated", "unclean-complete"),
    "rst": ("retry-safe-loss", "reset-lost", "truncated", "unclean-complete"),
    "timeout": ("timed-out", "timed-out", "timed-out", "leaked"),
    "closed": ("truncated", "truncated", "truncated", "closed"),
    "aborted": ("truncated", "truncated", "truncated", "aborted"),
    "abandoned": (None, None, "abandoned", None),
    "still-open": ("still-open",) * 4,
}
COLUMN = {"connected": 0, "request-unacked": 1, "request-acked": 1, "response-partial": 2, "response-complete": 3}


# ---- the end

def peer_fin_came(case):
    if case.wire.s.fin_at is None:
        return "the log has the peer's FIN, the wire none"


def own_fin_acked(case):
    if case.wire.c.fin_acked_at() is None:
        return "the log says that our FIN was acknowledged, the wire shows no such ACK"


def no_reset_before_both_fins(case):
    """Once both FINs are acknowledged the client's end is in TIME-WAIT or gone: an RST changes nothing there."""
    wire = case.wire
    if wire.reset_at is None:
        return None
    acked = wire.c.fin_acked_at()
    if wire.s.fin_at is None or acked is None or wire.reset_at < max(acked, wire.s.fin_at):
        return "an RST came before both FINs were acknowledged; the log knows none"
    case.excuse("RST after both FINs")


def no_own_rst(case):
    if case.wire.c.rsts:
        return "the client sent an RST; the log knows none"


def own_rsts_answer_a_reset(case):
    """A socket that an RST has ended answers what still comes with RSTs."""
    first = min((i for i, _, _ in case.wire.c.rsts), default=None)
    if first is not None and first < case.wire.reset_at:
        return "the client sent an RST before the peer did; the log knows none"


def no_rst_before_the_end(case):
    """While a socket is open its kernel sends none, unless the peer's RST has ended it."""
    wire = case.wire
    first = min((i for i, _, _ in wire.c.rsts), default=None)
    if first is None or (wire.reset_at is not None and wire.reset_at < first):
        return None
    early = case.ended - wire.time(first)
    if early > CLOCK_S:
        return f"the client sent an RST {early:.3f} s before the log has its end"


def own_act_fits(case):
    """An RST with ACK is an act of ours. A socket sends one at most, when it is closed: in the place of the FIN, or after the FIN
    of a half-close. It takes a wish of ours, or bytes that nobody has read."""
    wire, ending, acts = case.wire, case.line["ending"], case.wire.own_aborts()
    if not acts:
        return None
    if len(acts) > 1:
        return f"the client sent {len(acts)} RSTs of its own; a socket sends one"
    if ending in ("rst", "fin-then-rst"):
        return "the client sent an RST of its own; the log says that the peer's had ended it"
    if ending == "closed" and wire.c.fin_first is not None and wire.c.fin_first < acts[0]:
        return "the log says that we closed, which sent a FIN; the client sent an RST of its own after it"
    if ending in ("timeout", "still-open") and wire.s.received_before(acts[0]) <= case.line["bytes_received"]:
        return "the client sent an RST of its own with nothing left unread; the log knows none"


def other_rsts_answer(case):
    """An RST without ACK is the kernel's answer to a packet, one for each. A socket that is open sends none; one that was
    closed in order answers only data, with which it is gone; and then everything."""
    wire, answered = case.wire, set()
    gone = min((i for i in (wire.reset_at, case.own_abort) if i is not None), default=len(wire.packets))
    for index, number, has_ack in wire.c.rsts:
        if has_ack:
            continue
        if index < gone and (case.left_at is None or index < case.left_at):
            return "the client sent an RST while its socket was open"
        open_to = (i for i in wire.answered_by(index, number, LAST_MOMENT_S) if i not in answered)
        to = next((i for i in open_to if index > gone or wire.packets[i].length), None)
        if to is None:
            return "the client sent an RST that answers no packet; the log knows none"
        answered.add(to)
        gone = min(gone, index)


def reset_came(case):
    if case.wire.reset_at is None:
        return "the log has an RST of the peer's; the wire shows none that the client's end takes"


def fin_before_reset(case):
    fin, reset = case.wire.s.fin_at, case.wire.reset_at
    if fin is None or (reset is not None and fin > reset):
        return "the log has the peer's FIN before its RST; the wire does not"


def over_by_then(case):
    """The log has the end not before the wire."""
    wire = case.wire
    ends = (wire.reset_at,) if case.line["ending"] != "fin-clean" else (wire.s.fin_at, wire.c.fin_acked_at())
    early = max(wire.time(index) for index in ends) - case.ended
    if early > TURN_S:
        return f"by the log it was over {early:.3f} s before the wire has what ended it"
    if early > CLOCK_S:
        case.excuse(f"{TURN}: the clock was read before its packet came")
        case.longest[TURN] = max(early, case.longest[TURN])


def reset_visible(case):
    """The other way round of `no_reset_before_both_fins`."""
    acked, fin, reset = case.wire.c.fin_acked_at(), case.wire.s.fin_at, case.wire.reset_at
    if None not in (acked, fin, reset) and reset > max(acked, fin):
        return "both FINs were acknowledged before the RST, which nobody can have seen"


def no_fin_before_reset(case):
    fin, reset = case.wire.s.fin_at, case.wire.reset_at
    if fin is not None and reset is not None and fin < reset:
        return "the log has an RST without the peer's FIN; on the wire its FIN came first"


def no_end_in_time(case):
    """What ends a connection must not have come before the log says that nothing did. What came in the
    last moment may have been overlooked by a process that had to wait for its turn."""
    wire = case.wire
    acked, fin = wire.c.fin_acked_at(), wire.s.fin_at
    over = max(fin, acked) if None not in (fin, acked) else None
    for index, what in ((wire.reset_at, "an RST"), (over, "both FINs, acknowledged,")):
        if index is None or wire.time(index) >= case.ended:
            continue
        if not case.is_last_moment(index):
            return f"{what} came {case.ended - wire.time(index):.3f} s before the log says that nothing had"
        case.excuse(f"{LAST_MOMENT}: what ended it came as its time was up")


def waited_for_its_limit(case):
    """Some clock of the run's ran out: since anything last moved, or since our FIN or request."""
    wire, limits = case.wire, case.run.limits
    until = wire.index_at(case.ended)
    # The FIN of the close with which it gives up ends the quiet, and by its own clock that is the same moment.
    gives_up = wire.c.fin_at if wire.c.fin_at is not None and case.ended - wire.time(wire.c.fin_at) <= CLOCK_S else None
    moved = (i for i, p in enumerate(wire.packets[:until]) if i != gives_up and (p.length or p.flags & 3))
    quiet_since = max((wire.time(i) for i in moved), default=0)
    since_established = case.ended - wire.packets[0].time
    # The clock for the connection's total runs from our FIN, or from the last request byte.
    if case.ended - quiet_since >= min(limits["drain-idle"], limits["confirm"]) or since_established >= limits["drain-total"]:
        return None
    return f"the log says that its time was up; it was quiet for {case.ended - quiet_since:.3f} s only"


def waited_to_connect(case):
    if case.ended - case.wire.packets[0].time < case.run.limits["connect-timeout"] - LAST_MOMENT_S:
        return "the log says that its time was up; it had not waited for so long"


def run_was_cut(case):
    if not case.run.is_cut:
        return "the log says that the end of the run cut it; this run has none"


def never_established(case):
    if case.wire.s.isn is not None:
        return "the log says that it never was established; on the wire the peer accepted it"


def was_established(case):
    if case.wire.established_at is None:
        return "the log says that it was established; the wire has no handshake"


def nobody_listens(case):
    if case.run.listens:
        return "the log says that it was refused; a server listens there"


def syn_refused(case):
    if case.wire.reset_at is None:
        return "the log says that it was refused; no RST answered its SYN"


def syn_unanswered(case):
    if case.wire.reset_at is not None:
        return "the log says that nobody answered; an RST answered its SYN"


# ---- who closed first

def left_first(case):
    """The client ended its side before anything of the peer's end was there for it to see."""
    return reset_before_left(case) or fin_before_left(case)


def reset_before_left(case):
    """A socket that an RST has ended sends neither FIN nor RST of its own. So if one of those comes later on
    the wire, the two crossed; and if none comes, the RST came between the last look and the close()."""
    wire, left = case.wire, case.left_at
    if wire.reset_at is None:
        return "the log says that we ended it; the client sent neither FIN nor RST" if left is None else None
    if left is not None:
        if wire.reset_at < left:
            case.excuse("an RST of the peer's crossed our close on the wire")
        return None
    if not case.is_last_moment(wire.reset_at):
        return "the log says that we ended it; on the wire the peer's RST came long before"
    case.excuse(f"{LAST_MOMENT}: an RST of the peer's just before our close")


def fin_before_left(case):
    """What the packet acknowledges with which the client left says whether its stack had the peer's FIN by then."""
    wire, left = case.wire, case.left_at
    if wire.s.fin_at is None or left is None or left < wire.s.fin_at:
        return None
    if wire.acknowledges(left) <= wire.s.fin:
        case.excuse("a FIN of the peer's crossed our close on the wire")
    elif case.is_last_moment(wire.s.fin_at, wire.time(left)):
        case.excuse(f"{LAST_MOMENT}: a FIN of the peer's just before our close")
    else:
        return "the log says that we closed first; on the wire the peer's FIN came long before"


def closed_in_order(case):
    """close() sends a FIN, and an RST instead only where data is left unread."""
    if case.left_at is None or case.left_at != case.own_abort:
        return None
    if case.wire.s.received_before(case.left_at) <= case.line["bytes_received"]:
        return "the log says that we closed; the client sent an RST with nothing left unread"
    case.excuse("RST by close() with data unread")


def aborted_by_rst(case):
    if case.own_abort is None and case.wire.reset_at is None:
        return "the log says that we sent an RST; the client sent none of its own"
    if case.wire.c.fin_first is not None and case.wire.c.fin_first < (case.own_abort or 0):
        return "the log says that we sent an RST; the client sent a FIN before it"


def left_unread(case):
    until = case.left_at if case.left_at is not None else len(case.wire.packets)
    if case.wire.s.received_before(until) <= case.line["bytes_received"]:
        return "the log says that a response was left unread; on the wire nothing more had come"


# ---- how far it got

def progress_fits(case):
    line, wire, progress = case.line, case.wire, case.line["progress"]
    got, sent, acked = line["bytes_received"], line["bytes_sent"], line["bytes_acked"]
    last = wire.s.received_before(case.left_at if case.left_at is not None else len(wire.packets))
    if line["responses"]:
        # It says how far the request under way got, which `counts_fit` looks at.
        return None
    if progress == "connected" and (sent or wire.c.next > 1):
        return "connected: but request bytes were sent"
    if progress == "request-unacked" and (got or acked):
        return "request-unacked: but bytes were received, or acknowledged"
    if progress == "request-acked" and (got or acked == 0 or wire.c.acked_before(len(wire.packets)) == 0):
        return "request-acked: but bytes were received, or none acknowledged on the wire"
    if progress == "response-partial" and not got and not last:
        return "response-partial: but no byte of one came"


def counts_fit(case):
    """How many requests went out, and whole responses came, is known from how the run was told to know a whole one."""
    line = case.line
    if line["close"] == "abandon":
        return None
    requests, responses, has_rest = case.run.count(case)
    is_whole = responses >= max(1, requests) and not has_rest
    if is_whole != (line["progress"] == "response-complete"):
        return f"{line['progress']}: but of {requests} responses {responses} came whole{', and a part' * has_rest}"
    return same("responses", line["responses"], responses)


def verdict_fits(case):
    line = case.line
    if line["progress"] == "no-connection":
        expected = {"refused": "refused", "timeout": "syn-timeout"}.get(line["ending"])
    else:
        expected = CELLS[line["ending"]][COLUMN[line["progress"]]]
    if line["verdict"] != expected:
        return f"verdict {line['verdict']}: for {line['progress']} and {line['ending']} it is {expected}"


def order_of_fins_fits(case):
    """`fin_to_peer_fin` is zero if the peer's FIN came first, and else counts from ours."""
    own, peer, took = case.wire.c.fin_first, case.wire.s.fin_at, case.line["phases_us"].get("fin_to_peer_fin")
    if None in (own, peer, took):
        return None
    wired = case.wire.time(peer) - case.wire.time(own)
    # The log counts from one look at the clock to the next, and the wire from packet to packet.
    if took == 0 and wired > TURN_S:
        return f"the log says that the peer's FIN came first; on the wire {wired:.3f} s after ours"
    if took / 1e6 < wired - TURN_S:
        return f"fin_to_peer_fin: {took} us in the log, {wired * 1e6:.0f} us on the wire"


EVERY = (was_established, sent_agrees, acked_is_told, acked_no_more_than_wire, acked_no_less_than_sure,
         received_no_more_than_came, progress_fits, counts_fit, verdict_fits, order_of_fins_fits, own_act_fits, other_rsts_answer)

RULES = {
    "fin-clean": EVERY + (peer_fin_came, own_fin_acked, no_reset_before_both_fins, no_own_rst, over_by_then,
                          received_all_before_fin, acked_all),
    "fin-then-rst": EVERY + (reset_came, peer_fin_came, fin_before_reset, reset_visible, own_rsts_answer_a_reset, over_by_then,
                             received_all_before_fin, acked_before_reset),
    "rst": EVERY + (reset_came, no_fin_before_reset, own_rsts_answer_a_reset, over_by_then,
                    received_all_before_reset, acked_before_reset),
    "timeout": EVERY + (no_end_in_time, no_rst_before_the_end, waited_for_its_limit, received_what_had_come),
    "still-open": EVERY + (run_was_cut, no_end_in_time, no_rst_before_the_end),
    "closed": EVERY + (left_first, closed_in_order),
    "aborted": EVERY + (reset_before_left, aborted_by_rst),
    "abandoned": EVERY + (reset_before_left, aborted_by_rst, left_unread),
}
NOT_ESTABLISHED = {
    "refused": (never_established, nobody_listens, syn_refused, no_own_rst, verdict_fits),
    "timeout": (never_established, syn_unanswered, waited_to_connect, no_own_rst, verdict_fits),
}
# Only how a close was wanted may end a connection by our own doing, and only once what was waited for is there.
WANTED = {
    "closed": ("fin", "response-complete"),
    "aborted": ("rst", "response-complete"),
    "abandoned": ("abandon", "response-partial"),
}


def judge(case):
    """What is wrong with this line, in a list."""
    line = case.line
    table = NOT_ESTABLISHED if line["progress"] == "no-connection" else RULES
    rules = table.get(line["ending"])
    if rules is None:
        return [f"{line['progress']} and {line['ending']}: not allowed for a connection with packets on the wire"]
    how = (line["close"], line["progress"])
    if WANTED.get(line["ending"], how) != how:
        return [f"{line['ending']}: but the close was to be {how[0]}, and it came to {how[1]}"]
    return wrongs(rules, case)


def wrongs(rules, case):
    found = []
    for rule in rules:
        # One that needs what another has missed already has nothing to say.
        try:
            wrong = rule(case)
        except TypeError:
            wrong = None if found else f"{rule.__name__}: cannot be asked of these packets"
        if wrong:
            found.append(wrong)
    return found

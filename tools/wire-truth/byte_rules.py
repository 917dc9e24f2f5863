"""The rules of `rules.py` that are about counts of bytes, and how many must have been acknowledged."""

from case import LAST_MOMENT_S


def received_all_before_fin(case):
    if case.line["close"] == "abandon" and case.line["ending"] == "fin-then-rst":
        return received_no_more_than_came(case)
    return same("bytes_received", case.line["bytes_received"], case.wire.s.fin - 1 if case.wire.s.fin else None)


def received_all_before_reset(case):
    """Linux keeps what it has received when an RST comes; so all of it can be read. Only one that is to leave its
    response unread does not."""
    wire = case.wire
    if case.line["close"] == "abandon":
        return received_no_more_than_came(case)
    return same("bytes_received", case.line["bytes_received"], wire.s.received_before(wire.reset_at))


def received_no_more_than_came(case):
    came = case.wire.s.next - 1
    if case.line["bytes_received"] > came:
        return f"bytes_received: {case.line['bytes_received']} in the log, {came} on the wire"


def received_what_had_come(case):
    """All that had come is read, but for what close() answers with an RST, and the last moment."""
    wire, got = case.wire, case.line["bytes_received"]
    least = wire.s.received_before(wire.index_at(case.ended - LAST_MOMENT_S))
    if got < least and case.own_abort is None:
        return f"bytes_received: {got} in the log; {least} had come in time, and close() found nothing unread"


def sent_agrees(case):
    """A FIN comes after all that was handed to the kernel. Without one some may never have left."""
    sent, wire = case.line["bytes_sent"], case.wire
    if wire.c.fin is not None and wire.reset_at is None and case.own_abort is None:
        return same("bytes_sent", sent, wire.c.fin - 1)
    if case.run.in_one_piece:
        # The kernel sends it while it takes it.
        return same("bytes_sent", sent, wire.c.next - 1)
    if sent > case.run.sends * case.run.most:
        return f"bytes_sent: {sent} in the log, which is more than all requests"
    if wire.c.next - 1 > sent:
        return f"bytes_sent: {sent} in the log, {wire.c.next - 1} on the wire"


def acked_is_told(case):
    """Linux tells it of every socket that was established; and a capture of a network namespace is one of Linux."""
    if case.line["bytes_acked"] is None:
        return "bytes_acked: null in the log; Linux tells it"


def acked_all(case):
    return same("bytes_acked", case.line["bytes_acked"], case.line["bytes_sent"])


def acked_before_reset(case):
    """Linux does not evaluate what an RST acknowledges; all ACKs before it count."""
    wire = case.wire
    return same("bytes_acked", case.line["bytes_acked"], min(wire.c.acked_before(wire.reset_at), wire.c.next - 1))


def acked_no_more_than_wire(case):
    wired = min(case.wire.c.acked_before(len(case.wire.packets)), case.wire.c.next - 1)
    if case.line["bytes_acked"] > wired:
        return f"bytes_acked: {case.line['bytes_acked']} in the log, {wired} on the wire"


def acked_no_less_than_sure(case):
    """It was asked for at the end. What was read of the response, or seen to be there, came in packets that acknowledge as
    well; and what came long before the end was there, too."""
    wire, line = case.wire, case.line
    seen = line["bytes_received"] + (line["ending"] == "abandoned")
    brought = wire.s.arrived_at(seen) if seen else None
    with_response = wire.acknowledges(brought) - 1 if brought is not None else 0
    # A FIN of ours may be a half-close, long before the end.
    is_close = line["ending"] in ("closed", "aborted", "abandoned") and case.left_at is not None
    over = min(case.ended, wire.time(case.left_at)) if is_close else case.ended
    in_time = wire.c.acked_before(wire.index_at(over - LAST_MOMENT_S))
    least = min(max(with_response, in_time), wire.c.next - 1)
    if line["bytes_acked"] < least:
        return f"bytes_acked: {line['bytes_acked']} in the log; {least} were acknowledged in time"


def same(what, logged, wired):
    if logged != wired:
        return f"{what}: {logged} in the log, {wired} on the wire"

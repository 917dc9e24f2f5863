"""What is judged: a line of the log beside its conversation, and how much time excuses."""

from collections import Counter

# How long a process may need from its last look at a socket to the close() of it, or to the note that its time
# was over: the scheduler may run others in between. Each use is counted, with the longest.
LAST_MOMENT_S = 0.1
LAST_MOMENT = "last moment"
# How far the clocks of the capture and of the log, of which the start is worked out, may disagree.
CLOCK_S = 0.002
# The log's clock is read once a turn of its event loop, and a turn takes as long as the scheduler lets it.
TURN = "turn"
TURN_S = 0.25


class Case:
    """One line of the log, beside the conversation it is about."""

    def __init__(self, line, wire, epoch, run):
        self.line, self.wire, self.run = line, wire, run
        self.ended = epoch + line["ended_us"] / 1e6
        self.exceptions, self.longest = Counter(), Counter()
        own_fin, own_abort = wire.c.fin_first, next(iter(wire.own_aborts()), None)
        self.own_abort = own_abort
        # The packet with which the client ended its side.
        self.left_at = min((i for i in (own_fin, own_abort) if i is not None), default=None)

    def is_last_moment(self, index, until=None):
        """Whether this packet came so shortly before the end (or that other time) that nobody may have looked."""
        gap = (self.ended if until is None else until) - self.wire.time(index)
        if gap > LAST_MOMENT_S:
            return False
        self.longest[LAST_MOMENT] = max(gap, self.longest[LAST_MOMENT])
        return True

    def excuse(self, name):
        self.exceptions[name] += 1

    def has_read_fin(self):
        """Whether the log's ending says that the peer's FIN was read, or lets it have been."""
        fin, ending = self.wire.s.fin_at, self.line["ending"]
        # A socket that an RST has ended just before sends none of its own.
        over = self.own_abort if self.own_abort is not None else self.wire.reset_at
        return ending in ("fin-clean", "fin-then-rst") or (ending == "aborted" and None not in (fin, over) and fin < over)

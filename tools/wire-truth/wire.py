"""Connections, as they were on the wire: packets in, one story for each connection out.

Knows TCP and tshark's fields. Knows nothing of finwait, its log or its words.
"""

import bisect
import ipaddress
import subprocess
from dataclasses import dataclass, field, replace

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10

FIELDS = (
    "frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport",
    "tcp.flags", "tcp.seq_raw", "tcp.ack_raw", "tcp.len",
)


@dataclass
class Packet:
    time: float
    src: tuple
    dst: tuple
    flags: int
    seq: int
    ack: int
    length: int
    payload: bytes = b""


def relative(number, base):
    """The distance of two sequence numbers, across the wrap; negative if it lies before."""
    distance = (number - base) & 0xFFFF_FFFF
    return distance - (1 << 32) if distance >= 1 << 31 else distance


class Side:
    """One direction. Its numbers are relative: SYN has 0, the first byte of data 1."""

    def __init__(self):
        self.isn = None
        # What the other end can have received without a gap; the FIN is not in it.
        self.next = 1
        self.later = []
        # The number of the FIN, and the packet with which all up to it had arrived.
        self.fin = None
        self.fin_at = None
        self.fin_first = None
        # Every RST: packet, number, whether it has ACK set.
        self.rsts = []
        # How `next`, and what the other end acknowledged, grew: packet and value.
        self.grew = [(-1, 1)]
        self.acks = [(-1, 0)]
        # What the last packet of this side acknowledged of the other.
        self.last_ack = 0

    def take(self, index, rel, length, has_fin):
        if length:
            self.later.append((rel, rel + length))
            self.later.sort()
            while self.later and self.later[0][0] <= self.next:
                self.next = max(self.next, self.later.pop(0)[1])
            if self.next != self.grew[-1][1]:
                self.grew.append((index, self.next))
        if has_fin and self.fin is None:
            self.fin = rel + length
            self.fin_first = index
        if self.fin is not None and self.fin_at is None and self.next >= self.fin:
            self.fin_at = index

    def received_before(self, index):
        """Bytes of data that had arrived before this packet."""
        return before(self.grew, index) - 1

    def arrived_at(self, count):
        """The packet with which so many bytes had arrived; None if they never did."""
        return next((i for i, number in self.grew if number > count), None)

    def acked_before(self, index):
        """What the other end had acknowledged before this packet: bytes, the FIN counted as one."""
        return max(0, before(self.acks, index) - 1)

    def fin_acked_at(self):
        """The packet that acknowledged the FIN."""
        if self.fin is None:
            return None
        return next((i for i, acked in self.acks if acked > self.fin), None)

    def expects(self):
        """The next number that the other end waits for."""
        return self.next + (self.fin_at is not None)


def before(history, index):
    return history[bisect.bisect_left(history, (index,)) - 1][1]


@dataclass
class Conversation:
    """One connection: who opened it, and every packet of it, in the order of the capture."""

    client: tuple
    server: tuple
    packets: list = field(default_factory=list)
    # Packet numbers are positions in `packets`; these three are filled by `read`.
    c: Side = field(default_factory=Side)
    s: Side = field(default_factory=Side)
    established_at: int | None = None
    # The RST of the server's that ended the client's end, if one did.
    reset_at: int | None = None
    # What either side sent, in order, where somebody has asked for it.
    request: bytes = b""
    response: bytes = b""

    def time(self, index):
        return self.packets[index].time

    def acknowledges(self, index):
        """What this packet acknowledges of the other side, as a relative number."""
        packet = self.packets[index]
        return relative(packet.ack, self.s.isn if packet.src == self.client else self.c.isn)

    def index_at(self, time):
        """The first packet at or after this time."""
        return bisect.bisect_left(self.packets, time, key=lambda packet: packet.time)

    def read(self):
        for index, packet in enumerate(self.packets):
            client = packet.src == self.client
            side, other = (self.c, self.s) if client else (self.s, self.c)
            if packet.flags & SYN and side.isn is None:
                side.isn = packet.seq
            rel = relative(packet.seq, side.isn) if side.isn is not None else 0
            if packet.flags & RST:
                side.rsts.append((index, rel, bool(packet.flags & ACK)))
                if not client:
                    self.reset(index, rel, packet)
                continue
            if packet.flags & ACK and other.isn is not None:
                acked = relative(packet.ack, other.isn)
                side.last_ack = acked
                if acked > other.acks[-1][1]:
                    other.acks.append((index, acked))
                if client and not packet.flags & SYN and self.established_at is None:
                    self.established_at = index
            side.take(index, rel + bool(packet.flags & SYN), packet.length, packet.flags & FIN)
        return self

    def reset(self, index, rel, packet):
        """Whether this RST ended the client's end: Linux takes one that has exactly the number it
        waits for (RFC 5961 section 3.2), and answers any other with an ACK. In SYN-SENT what counts is
        the acknowledgement."""
        if self.reset_at is not None:
            return
        if self.s.isn is None:
            exact = packet.flags & ACK and relative(packet.ack, self.c.isn) == 1
        else:
            exact = rel in (self.s.expects(), self.c.last_ack)
        if exact:
            self.reset_at = index

    def own_aborts(self):
        """The RSTs of the client's that its own end began with: those with ACK set. Linux sends
        them for SO_LINGER with zero and for a close with unread data (tcp_send_active_reset); one in answer to
        a packet that has an ACK carries no ACK itself (tcp_v4_send_reset)."""
        return [i for i, _, has_ack in self.c.rsts if has_ack]

    def answered_by(self, index, number, within):
        """The server's packets that this RST of the client's without ACK may be the answer to, the latest first: its
        number is what they acknowledge, and the kernel answers at once."""
        for other in range(index - 1, -1, -1):
            packet = self.packets[other]
            if self.time(index) - packet.time > within:
                return
            if packet.src == self.server and packet.flags & (RST | ACK) == ACK and self.acknowledges(other) == number:
                yield other

    def with_packet(self, index, packet):
        """The same story with one packet more, at this place."""
        more = self.packets[:index] + [packet] + self.packets[index:]
        return replace(self, packets=more, c=Side(), s=Side(), established_at=None, reset_at=None).read()

    def story(self):
        """In lines, for people."""
        start = self.packets[0].time
        lines = []
        for index, packet in enumerate(self.packets):
            if index == 40 and len(self.packets) > 80:
                lines.append(f"    ... {len(self.packets) - 80} packets ...")
            if 40 <= index < len(self.packets) - 40:
                continue
            client = packet.src == self.client
            side, other = (self.c, self.s) if client else (self.s, self.c)
            names = [n for bit, n in ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (ACK, "ACK")) if packet.flags & bit]
            rel = relative(packet.seq, side.isn) if side.isn is not None else packet.seq
            acked = relative(packet.ack, other.isn) if packet.flags & ACK and other.isn is not None else "-"
            lines.append(
                f"    {(packet.time - start) * 1e6:10.0f} us  {'client' if client else 'server'} "
                f"{','.join(names):12} seq {rel} len {packet.length} ack {acked}"
            )
        return "\n".join(lines)


def address(text):
    """`IP:PORT` and `[V6]:PORT` as a pair that compares."""
    host, _, port = text.rpartition(":")
    return (ipaddress.ip_address(host.strip("[]")), int(port))


def packets(capture, display_filter="tcp", payload=False):
    """The packets of a capture, by way of tshark."""
    fields = FIELDS + (("tcp.payload",) if payload else ())
    command = ["tshark", "-n", "-r", capture, "-Y", display_filter, "-T", "fields", "-E", "occurrence=f",
               "-o", "tcp.desegment_tcp_streams:FALSE", "-o", "tcp.analyze_sequence_numbers:FALSE"]
    for name in fields:
        command += ["-e", name]
    addresses = {}

    def endpoint(host, port):
        key = (host, port)
        if key not in addresses:
            addresses[key] = (ipaddress.ip_address(host), int(port))
        return addresses[key]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tshark:
        for line in tshark.stdout:
            part = line.rstrip("\n").split("\t")
            time, src4, dst4, src6, dst6, sport, dport, flags, seq, ack, length = part[:11]
            yield Packet(
                float(time), endpoint(src4 or src6, sport), endpoint(dst4 or dst6, dport),
                int(flags, 16), int(seq), int(ack or 0), int(length or 0),
                bytes.fromhex(part[11]) if payload and len(part) > 11 else b"",
            )
    if tshark.returncode:
        raise SystemExit(f"tshark failed with {tshark.returncode} on {capture}")


def conversations(all_packets):
    """Tells connections apart: by their four-tuple, and among those that have the same one by order. A SYN with a
    number of its own begins a new one. Returns them in the order of their first SYN, and packets that
    belong to none."""
    current, found, stray = {}, [], []
    for packet in all_packets:
        forth, back = (packet.src, packet.dst), (packet.dst, packet.src)
        if packet.flags & SYN and not packet.flags & ACK:
            known = current.get(forth)
            if known is None or known.packets[0].seq != packet.seq:
                known = Conversation(packet.src, packet.dst)
                current[forth] = known
                found.append(known)
        else:
            known = current.get(forth) or current.get(back)
        if known is None:
            stray.append(packet)
        else:
            known.packets.append(packet)
    return [conversation.read() for conversation in found], stray

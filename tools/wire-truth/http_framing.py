"""Whether an HTTP/1 response came whole, by the bytes on the wire. Knows as much of RFC 9112 as the servers of the cases use."""

import re

import wire


def attach(capture, ports, by_port):
    """Reads the payload of these ports' conversations, in a second pass: only those need it."""
    if not ports:
        return
    among = ",".join(str(port) for port in sorted(set(ports)))
    packets = wire.packets(capture, f"tcp.port in {{{among}}}", payload=True)
    found, _ = wire.conversations(packets)
    streams = {}
    for conversation in found:
        streams[conversation.client, conversation.server, conversation.packets[0].seq] = conversation
    for port in ports:
        for conversation in by_port.get(port, []):
            key = conversation.client, conversation.server, conversation.packets[0].seq
            conversation.request = stream(streams[key], of_client=True)
            conversation.response = stream(streams[key], of_client=False)


def stream(conversation, of_client):
    """One side's bytes, in order. The capture cuts long packets: what it left out is filled with zeros."""
    data = bytearray()
    side, source = (conversation.c, conversation.client) if of_client else (conversation.s, conversation.server)
    for packet in conversation.packets:
        if packet.src == source and packet.length and side.isn is not None and packet.payload:
            at = wire.relative(packet.seq, side.isn) - 1
            if at >= 0:
                data.extend(bytes(max(0, at + packet.length - len(data))))
                data[at:at + len(packet.payload)] = packet.payload
    return bytes(data)


def count(case):
    """How many requests went out, how many responses came whole of what was received, and whether there is a rest."""
    received = case.wire.response[:case.line["bytes_received"]]
    responses = 0
    while received:
        end = end_of_response(received, case.has_read_fin())
        if end is None:
            break
        responses += 1
        received = received[end:]
    return case.wire.request.count(b"\r\n\r\n"), responses, bool(received)


def end_of_response(data, fin_read):
    """Where the first response ends; None if it is not whole."""
    while True:
        head, found, body = data.partition(b"\r\n\r\n")
        if not found:
            return None
        status = int(head.split(b" ", 2)[1])
        if status >= 200:
            break
        data = body
    head_length = len(head) + 4
    fields = head.lower()
    length = re.search(rb"\r\ncontent-length: *(\d+)", fields)
    if re.search(rb"\r\ntransfer-encoding: *chunked", fields):
        end = end_of_chunks(body)
        return None if end is None else head_length + end
    if length:
        wanted = int(length[1])
        return head_length + wanted if len(body) >= wanted else None
    if status in (204, 304):
        return head_length
    return len(data) if fin_read else None


def end_of_chunks(body):
    at = 0
    while True:
        line_end = body.find(b"\r\n", at)
        if line_end < 0:
            return None
        size = int(body[at:line_end].split(b";")[0], 16)
        at = line_end + 2 + size + 2
        if at > len(body):
            return None
        if size == 0:
            return at

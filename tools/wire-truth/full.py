#!/usr/bin/env python3
"""Listens on the port that is given, with the shortest queue there is, and never accepts."""

import signal
import socket
import sys

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(0)
print("listening", flush=True)
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
while True:
    signal.pause()

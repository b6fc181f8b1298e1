#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""replay.py CAPTURE PORT: sends a recording to 127.0.0.1 as fast as it is taken."""
import socket
import sys
import time

from harness import capture

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for n, datagram in enumerate(capture(sys.argv[1]), 1):
        s.sendto(datagram, ("127.0.0.1", int(sys.argv[2])))
        if n % 500 == 0:
            time.sleep(0.01)  # pacing, not waiting: far below what the receive buffer holds
print(f"{n} datagrams sent")

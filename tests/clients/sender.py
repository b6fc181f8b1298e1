# SPDX-License-Identifier: Apache-2.0
"""Numbered datagrams until it is told to stop; then it prints how many there were.
usage: PORT FILE (stops when FILE exists)"""
import os
import socket
import sys
import time

out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.connect(("127.0.0.1", int(sys.argv[1])))
sent = refused = 0
while not os.path.exists(sys.argv[2]):
    for _ in range(10):
        try:
            out.send(b"load.sent:1|c\nload.number:%d|g" % (sent + 1))
            sent += 1
        except ConnectionRefusedError:  # nobody had the socket of the datagram before this one
            refused += 1
    time.sleep(0.002)  # pacing: seconds of this fit into the receive buffer
print(sent, refused)

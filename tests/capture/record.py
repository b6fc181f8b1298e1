#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Record UDP datagrams into a windsock capture file.

One datagram per line:

    <seconds since the first datagram, 6 decimals> <payload>

The payload is escaped: \\\\ \\n \\r \\t, and \\xHH for every other byte outside
0x20..0x7e.  Lines that begin with '#' are comments; those at the head of the
file are '# key: value' metadata.

The recorder binds a UDP socket, says which port it got, and keeps everything
in memory until SIGTERM or SIGINT.  Then it empties the socket and writes the
file.  Standard library only.
"""

import argparse
import os
import select
import signal
import socket
import struct
import sys
import time

# Number of datagrams the kernel threw away (Linux; not in the socket module).
SO_RXQ_OVFL = 40

NAMED = {0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
ESCAPE = [
    NAMED.get(b) or (chr(b) if 0x20 <= b <= 0x7E else "\\x%02x" % b)
    for b in range(256)
]


def escape(payload):
    """Return the payload bytes as one line of printable ASCII."""
    return "".join([ESCAPE[b] for b in payload])


def open_socket(host, port, size):
    """Bind a UDP socket with a receive buffer as large as we may have."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    force = getattr(socket, "SO_RCVBUFFORCE", 33)
    try:
        sock.setsockopt(socket.SOL_SOCKET, force, size)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
    except OSError:
        pass
    sock.bind((host, port))
    sock.setblocking(False)
    return sock


class Recorder:
    """Datagrams of one socket with their arrival times."""

    def __init__(self, sock):
        self.sock = sock
        self.seen = []
        self.dropped = 0

    def drain(self):
        """Take all that is waiting in the socket."""
        while True:
            try:
                data, anc, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(4))
            except BlockingIOError:
                return
            self.seen.append((time.monotonic(), data))
            for level, kind, value in anc:
                if level == socket.SOL_SOCKET and kind == SO_RXQ_OVFL:
                    self.dropped = struct.unpack("I", value[:4])[0]

    def write(self, path, meta):
        """Write the capture file: the head, then one line per datagram."""
        start = self.seen[0][0] if self.seen else 0.0
        length = self.seen[-1][0] - start if self.seen else 0.0
        part = path + ".part"
        with open(part, "w", encoding="ascii", newline="\n") as out:
            out.write("# windsock capture, format 1\n")
            for line in meta:
                out.write("# %s\n" % escape(line.encode("utf-8")))
            out.write("# seconds: %.3f\n" % length)
            out.write("# datagrams: %d\n" % len(self.seen))
            out.write("# dropped by the kernel: %d\n" % self.dropped)
            for when, data in self.seen:
                out.write("%.6f %s\n" % (when - start, escape(data)))
        os.replace(part, path)


def main():
    """Record until a signal comes."""
    arg = argparse.ArgumentParser(description="Record UDP datagrams.")
    arg.add_argument("output", help="the capture file to write")
    arg.add_argument("--host", default="127.0.0.1", help="address (127.0.0.1)")
    arg.add_argument("--port", type=int, default=0, help="port (0: any free one)")
    arg.add_argument("--port-file", help="write the port number to this file")
    arg.add_argument("--buffer", type=int, default=32 << 20, help="SO_RCVBUF")
    arg.add_argument("--seconds", type=float, help="stop after this many seconds")
    arg.add_argument(
        "--meta", action="append", default=[], metavar="'KEY: VALUE'",
        help="a line for the head of the file; may be repeated")
    opt = arg.parse_args()

    # A signal must wake select(): Python writes its number to this pipe.
    wake_r, wake_w = os.pipe()
    os.set_blocking(wake_w, False)
    signal.set_wakeup_fd(wake_w)
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: None)

    sock = open_socket(opt.host, opt.port, opt.buffer)
    port = sock.getsockname()[1]
    if opt.port_file:
        with open(opt.port_file + ".part", "w", encoding="ascii") as out:
            out.write("%d\n" % port)
        os.replace(opt.port_file + ".part", opt.port_file)
    print("recording on %s:%d" % (opt.host, port), file=sys.stderr)

    rec = Recorder(sock)
    end = time.monotonic() + opt.seconds if opt.seconds else None
    while True:
        left = max(0.0, end - time.monotonic()) if end else None
        ready, _, _ = select.select([sock, wake_r], [], [], left)
        rec.drain()
        if wake_r in ready or not ready:
            break
    rec.write(opt.output, opt.meta)
    print("%d datagrams, %d dropped" % (len(rec.seen), rec.dropped), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

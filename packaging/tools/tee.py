#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends windsock a copy of the datagrams that another StatsD daemon receives.

tee.py --listen HOST:PORT --to HOST:PORT --to HOST:PORT
    Receives datagrams and sends each to all targets.  Needs no privileges; Airflow must send to
    this address.

tee.py --watch PORT [--interface NAME] --to HOST:PORT
    Copies the datagrams that arrive at a port of this machine, container or pod, without any
    effect on the program that listens there.  Needs CAP_NET_RAW.

For trials, not for permanent use.  Each sender has its own socket, so that windsock can distinguish
the senders.  A target that is not available is skipped.
"""
import argparse
import collections
import ctypes
import select
import signal
import socket
import struct
import sys

SENDERS_MAX = 200
RECEIVE_BUFFER = 8 << 20
SO_ATTACH_FILTER, SO_RCVBUFFORCE = 26, 33
ETH_P_IP, ETH_P_IPV6, UDP = 0x0800, 0x86DD, 17
# Filters for the kernel, as socket(7) takes them: whole UDP packets to a port.
IP_FILTER = ((0x30, 0, 0, 9), (0x15, 0, 6, UDP), (0x28, 0, 0, 6), (0x45, 4, 0, 0x3FFF),
             (0xB1, 0, 0, 0), (0x48, 0, 0, 2), (0x15, 0, 1, None), (0x06, 0, 0, 65536),
             (0x06, 0, 0, 0))
IPV6_FILTER = ((0x30, 0, 0, 6), (0x15, 0, 3, UDP), (0x28, 0, 0, 42), (0x15, 0, 1, None),
               (0x06, 0, 0, 65536), (0x06, 0, 0, 0))


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


class Targets:
    def __init__(self, targets):
        self.found = [socket.getaddrinfo(*t, type=socket.SOCK_DGRAM)[0] for t in targets]
        self.senders = collections.OrderedDict()

    def sockets(self, sender):
        if sender in self.senders:
            self.senders.move_to_end(sender)
            return self.senders[sender]
        if len(self.senders) == SENDERS_MAX:
            for s in self.senders.popitem(last=False)[1]:
                s.close()
        made = self.senders[sender] = []
        for family, kind, _, _, where in self.found:
            made.append(socket.socket(family, kind))
            made[-1].connect(where)
        return made

    def send(self, sender, datagram):
        for s in self.sockets(sender):
            try:
                s.send(datagram)
            except OSError:
                pass  # nobody is there, as for any sender of StatsD


def enlarge(s):
    try:
        s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def attach(s, program, port):
    code = b"".join(struct.pack("HBBI", op, yes, no, port if k is None else k)
                    for op, yes, no, k in program)
    memory = ctypes.create_string_buffer(code)
    s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                 struct.pack("HP", len(program), ctypes.addressof(memory)))


def forget(s):
    """What came before there was a filter."""
    try:
        while True:
            s.recv(1, socket.MSG_DONTWAIT)
    except BlockingIOError:
        pass


def udp_payload(packet):
    """(sender, datagram) of an IP packet that has passed the filter."""
    if packet[0] >> 4 == 4:
        head, source = (packet[0] & 15) * 4, packet[12:16]
    else:
        head, source = 40, packet[8:24]
    port, _, length = struct.unpack_from("!HHH", packet, head)
    return (source, port), packet[head + 8:head + length]


def listen(where, targets):
    family, kind, _, _, where = socket.getaddrinfo(*where, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as taken:
        enlarge(taken)
        taken.bind(where)
        print("listening on %s:%d" % taken.getsockname()[:2], flush=True)
        while True:
            datagram, sender = taken.recvfrom(65536)
            targets.send(sender, datagram)


def watch(port, interface, targets):
    seen = []
    for protocol, program in ((ETH_P_IP, IP_FILTER), (ETH_P_IPV6, IPV6_FILTER)):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(protocol))
        if interface:
            s.bind((interface, protocol))
        attach(s, program, port)
        enlarge(s)
        forget(s)
        seen.append(s)
    print("watching port %d" % port, flush=True)
    while True:
        for s in select.select(seen, [], [])[0]:
            packet, place = s.recvfrom(65536)
            if place[2] == socket.PACKET_HOST:
                targets.send(*udp_payload(packet))


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = arguments.add_mutually_exclusive_group(required=True)
    how.add_argument("--listen", type=address, metavar="HOST:PORT")
    how.add_argument("--watch", type=int, metavar="PORT")
    arguments.add_argument("--interface", metavar="NAME", default="")
    arguments.add_argument("--to", type=address, action="append", required=True,
                           metavar="HOST:PORT")
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    targets = Targets(given.to)
    try:
        if given.listen:
            listen(given.listen, targets)
        else:
            watch(given.watch, given.interface, targets)
    except PermissionError:
        sys.exit("tee.py: --watch needs CAP_NET_RAW")
    except KeyboardInterrupt:
        pass


main()

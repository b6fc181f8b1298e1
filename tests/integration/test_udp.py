# SPDX-License-Identifier: Apache-2.0
"""Receiving: addresses, workers, and what becomes of each datagram."""
import contextlib
import re
import shutil
import socket
import threading
import time

import pytest

import exposition
from harness import Windsock, run, wait_for

SO_RCVBUFFORCE = 33
BEAT = b"airflow.scheduler_heartbeat:1|c"
EVENT = "_e{5,4}:title|text|t:warning|#env:prod"
CHECK = "_sc|airflow.up|0|h:x|#a:b"


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def listeners(w):
    """The UDP addresses that it says it listens on, the harness's own first."""
    return re.findall(r"listening on (\S+):(\d+) \(UDP\)", w.logged())


def send_to(host, port, *datagrams):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        for d in datagrams:
            s.sendto(d if isinstance(d, bytes) else d.encode(), (host.strip("[]"), int(port)))


def wait_received(w, count):
    wait_for(lambda: w.received() == count, f"{count} datagrams")


def accounted(w):
    """Datagrams received or dropped, as of one scrape."""
    found = exposition.values(w.get()[1])
    return found["windsock_datagrams_total"] + found["windsock_kernel_drops_total"]


def test_ipv4_and_ipv6_together():
    if not has_ipv6():
        pytest.skip("no IPv6")
    with Windsock("--statsd.listen-udp=[::1]:0", "--statsd.listen-udp=127.0.0.2:0") as w:
        names = listeners(w)
        assert [host for host, _ in names] == ["127.0.0.1", "[::1]", "127.0.0.2"], names
        for host, port in names:
            send_to(host, port, BEAT)
        wait_received(w, 3)
        assert w.value("airflow_scheduler_heartbeat") == 3
        for host, port in names:
            labels = f'listener="{host}:{port}",worker="0"'
            assert w.value(f"windsock_socket_drops_total{{{labels}}}") == 0
            assert w.value(f"windsock_socket_receive_buffer_bytes{{{labels}}}") > 4096


def test_wildcards_take_both_families():
    for wildcard in ("[::]:0", ":0"):
        with Windsock("--statsd.listen-udp=" + wildcard) as w:
            host, port = listeners(w)[1]
            assert host == ("[::]" if has_ipv6() else "0.0.0.0")
            send_to("127.0.0.1", port, BEAT)
            if has_ipv6():
                send_to("::1", port, BEAT)
            wait_received(w, 2 if has_ipv6() else 1)


def test_name_is_all_its_addresses():
    addresses = {info[4][0] for info in socket.getaddrinfo("localhost", None)}
    with Windsock("--statsd.listen-udp=localhost:0") as w:
        names = listeners(w)[1:]
        hosts = {host.strip("[]") for host, _ in names}
        assert hosts <= addresses and "127.0.0.1" in hosts, (hosts, addresses)
        assert "::1" in hosts or "::1" not in addresses or not has_ipv6()
        assert len({port for _, port in names}) == 1, "one name, one port"
        for host, port in names:
            send_to(host, port, BEAT)
        wait_received(w, len(names))


def test_workers_share_the_load():
    each, senders = 3000, 16

    def send(i):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", w.udp))
            for n in range(each):
                s.send(b"airflow.sender_%d:1|c" % i)
                if n % 20 == 19:
                    time.sleep(0.0005)  # pacing: far below what the receive buffers hold

    with Windsock("--statsd.workers=4") as w:
        assert w.value("windsock_workers") == 4
        text = w.get()[1]
        assert len(re.findall(r"^windsock_socket_drops_total\{listener=\"127.0.0.1:"
                              + str(w.udp) + r"\",worker=\"[0-3]\"\} 0$", text, re.M)) == 4
        threads = [threading.Thread(target=send, args=(i,)) for i in range(senders)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        wait_for(lambda: accounted(w) == each * senders, "each datagram")
        received = w.value("windsock_datagrams_total")
        counts = [w.value(f"airflow_sender_{i}") for i in range(senders)]
        assert sum(counts) == w.value("windsock_samples_applied_total") == received
        if w.value("windsock_kernel_drops_total") == 0:
            assert counts == [each] * senders
        # The kernel gives a sender to a worker by hash: 16 on one of 4 is a chance of 4^-15.
        with open(f"/proc/{w.process.pid}/status") as status:
            threads = int(re.search(r"^Threads:\t(\d+)", status.read(), re.M)[1])
        assert threads in (5, 6), "four, main, and one that a sanitizer may have"
        took = [w.value(f'windsock_worker_datagrams_total{{worker="{i}"}}') for i in range(4)]
        assert sum(took) == received and sum(n > 0 for n in took) >= 2, took
        assert w.stop() == 0


def test_largest_and_smallest_datagrams_are_whole():
    line = b"airflow.scheduler_heartbeat:1|c\n"
    largest = (line * 3000)[:65507 // len(line) * len(line)]
    largest += b"\n" * (65507 - len(largest))  # the most that UDP over IPv4 carries
    with Windsock() as w:
        w.send(largest, b"", b"\n", BEAT)
        assert w.value("windsock_truncated_datagrams_total") == 0
        assert w.value("windsock_bytes_total") == 65507 + 1 + len(BEAT)
        assert w.value("airflow_scheduler_heartbeat") == 65507 // len(line) + 1
        assert w.value('windsock_rejected_total{reason="malformed_line"}') == 0


def test_what_the_kernel_drops_is_counted():
    sent = 500
    with Windsock("--statsd.read-buffer=4096") as w:
        w.pause()
        for _ in range(sent):
            w.socket.send(BEAT)
        w.go_on()
        wait_for(lambda: accounted(w) == sent, "each datagram to be received or dropped")
        dropped = w.value("windsock_kernel_drops_total")
        assert 0 < dropped < sent, dropped
        assert w.value("airflow_scheduler_heartbeat") == sent - dropped
        assert w.value("windsock_socket_drops_total"
                       f'{{listener="127.0.0.1:{w.udp}",worker="0"}}') == dropped
        assert f"Datagrams dropped by the kernel</th><td class=\"n\">{dropped:.0f}<" in \
            w.get("/")[1]


def test_small_receive_buffer_is_told():
    wrapper = ()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        with contextlib.suppress(PermissionError):
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
            # Who may force the kernel gets all; so as those who may not.
            wrapper = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
            assert shutil.which("setpriv")
    with open("/proc/sys/net/core/rmem_max", encoding="ascii") as most:
        asked = min(int(most.read()) * 3 // 2, 1 << 30)  # half as much again as is allowed
    with Windsock(f"--statsd.read-buffer={asked - 1}", wrapper=wrapper) as w:
        warning = re.search(r"level=warn topic=statsd msg=\"the kernel granted 127.0.0.1:"
                            + str(w.udp) + r" a receive buffer of (\d+) of the "
                            + str(asked - 1) + " bytes requested.*sysctl -w net.core.rmem_max="
                            + str(asked - 1) + ".*--statsd.read-buffer", w.logged())
        assert warning, w.logged()
        granted = int(warning[1])
        assert w.value("windsock_socket_receive_buffer_bytes"
                       f'{{listener="127.0.0.1:{w.udp}",worker="0"}}') == 2 * granted < 2 * asked
    with Windsock("--statsd.read-buffer=65536") as w:
        assert "level=warn" not in w.logged()


def test_port_in_use_says_who_moves_and_how():
    kinds = (("statsd.listen-udp", socket.SOCK_DGRAM, "UDP", "ss -lunp", 9125),
             ("web.listen-address", socket.SOCK_STREAM, "TCP", "ss -ltnp", 9102))
    for flag, kind, name, ss, other in kinds:
        for workers in (1, 2):  # several share a port, but not with others
            with socket.socket(socket.AF_INET, kind) as holder:
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                holder.bind(("127.0.0.1", 0))
                if kind == socket.SOCK_STREAM:
                    holder.listen(1)
                port = holder.getsockname()[1]
                code, _, log = run(
                    "--statsd.listen-udp=127.0.0.1:0", "--web.listen-address=127.0.0.1:0",
                    f"--statsd.workers={workers}", f"--{flag}=127.0.0.1:{port}")
            assert code == 1, (code, log)
            message = (f"cannot listen on 127.0.0.1:{port} ({name}): the port is in use. "
                       f"Give windsock another one with --{flag}=127.0.0.1:{other}, or find "
                       f"the other program with: {ss} 'sport = :{port}'")
            assert message in log, log


def test_addresses_that_cannot_be_say_why():
    for flag in ("statsd.listen-udp", "web.listen-address"):
        for address, code, why in (
                ("127.0.0.1", 2, "there is no port"),
                ("127.0.0.1:x", 2, "the port is not a number from 0 to 65535"),
                ("127.0.0.1:65536", 2, "the port is not a number from 0 to 65535"),
                ("::1:8125", 2, "an IPv6 address must be in brackets"),
                ("[]:8125", 2, "there is no address in the brackets"),
                ("no-such-host.invalid:8125", 1, "cannot find the address of"),
                ("192.0.2.254:8125", 1, "this machine does not have that address")):
            got, _, log = run("--statsd.listen-udp=127.0.0.1:0",
                              "--web.listen-address=127.0.0.1:0", f"--{flag}={address}")
            assert got == code and why in log and flag in log, (address, got, log)


def test_events_and_service_checks_are_skipped_and_counted():
    with Windsock() as w:
        w.send(EVENT, CHECK, f"{EVENT}\n{CHECK}\nairflow.scheduler_heartbeat:1|c")
        assert w.value('windsock_rejected_total{reason="dogstatsd_event"}') == 2
        assert w.value('windsock_rejected_total{reason="dogstatsd_service_check"}') == 2
        assert w.value("windsock_lines_total") == 5
        assert w.value("windsock_series") == w.value("airflow_scheduler_heartbeat") == 1

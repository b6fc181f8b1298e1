# SPDX-License-Identifier: Apache-2.0
"""From the command line to the last line of the log: start, reload, stop."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess

from harness import PATIENCE, PROGRAM, Windsock, ini, run, wait_for

BEAT = b"airflow.scheduler_heartbeat:1|c\nairflow.scheduler_heartbeat:1|c\n"
FREE = ("--statsd.listen-udp=127.0.0.1:0", "--web.listen-address=127.0.0.1:0")
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
GOOD = "[r]\nmatch = a.<x>\nmetric = m\n"
BAD = "[r]\nmatch = a.<x\nmetrik = m\n"


def totals(w):
    last = w.logged().splitlines()[-1]
    numbers = re.search(r'msg="stopped; received (\d+) datagrams with (\d+) lines, '
                        r'the kernel dropped (\d+) datagrams; \d+ samples were applied"$', last)
    assert numbers, last
    return tuple(int(n) for n in numbers.groups())


def test_stop_takes_what_the_sockets_hold():
    # Sockets and lines enough to keep the workers busy for longer than the signal takes.
    more = [f"127.0.0.{i}" for i in range(2, 10)]
    large = BEAT * 1000  # some 64 KB
    for flags in ((), ("--statsd.workers=2",)):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Windsock(*flags, *(f"--statsd.listen-udp={host}:0" for host in more)) as w:
                w.pause()
                sent = 0
                for host, port in re.findall(r"listening on (\S+):(\d+) \(UDP\)", w.logged()):
                    for _ in range(3):
                        w.socket.connect((host, int(port)))
                        w.socket.send(large)
                        sent += 1
                w.process.send_signal(number)
                w.go_on()
                assert w.process.wait(PATIENCE) == 0
                assert f"signal {number:d}: stopping" in w.logged()
                received, lines, dropped = totals(w)
                # A small receive buffer holds no more than two or three of them.
                assert received + dropped == sent and lines == 2000 * received, totals(w)
                assert received >= sent // 3, totals(w)


def test_stop_in_a_burst_loses_nothing_silently():
    with Windsock() as w:
        for i in range(5000):
            w.socket.send(BEAT)
            if i == 2500:
                before = wait_for(lambda: w.value("windsock_datagrams_total"), "a datagram")
        assert w.stop() == 0
        received, lines, dropped = totals(w)
        assert received + dropped == 5000 and lines == 2 * received, totals(w)
        assert received >= before > 0, (before, totals(w))


def test_second_signal_does_not_wait():
    with Windsock() as w:
        w.pause()
        w.socket.send(BEAT)
        w.process.send_signal(signal.SIGTERM)
        w.process.send_signal(signal.SIGINT)
        w.go_on()
        assert w.process.wait(PATIENCE) == 0
        assert "again: stopping without waiting for the workers" in w.logged()
        assert totals(w) == (1, 2, 0)


def test_stop_with_clients_connected():
    with Windsock() as w, socket.create_connection(("127.0.0.1", w.http)) as idle:
        idle.sendall(b"GET / HT")
        assert w.get("/-/ready") == (200, "windsock is ready\n")
        assert w.stop() == 0
        idle.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            assert idle.recv(1) == b""


def takes_its_ports_again():
    with Windsock() as w:
        w.get()
        udp, http = w.udp, w.http
        assert w.stop() == 0
    try:
        with Windsock(f"--statsd.listen-udp=127.0.0.1:{udp}",
                      f"--web.listen-address=127.0.0.1:{http}"):
            return True
    except AssertionError as error:
        if "the port is in use" not in str(error):
            raise
        return False


def test_stop_frees_the_ports():
    # Another test may be given a port in between, but not each time.
    assert any(takes_its_ports_again() for _ in range(5))


def test_reload_says_what_happened():
    def by_signal():
        before = len(w.logged())
        w.process.send_signal(signal.SIGHUP)
        return wait_for(lambda: re.search(r"reload(ed| failed).*\n", w.logged()[before:]) and
                        w.logged()[before:], "the reload")

    with ini(GOOD) as mapping, Windsock(mapping.flag, "--web.enable-lifecycle") as w:
        assert f'msg="loaded {mapping.name}: 1 rules"' in w.logged()
        mapping.write(GOOD + "[s]\nmatch = b.<x>\nmetric = n\n")
        assert f'level=info topic=mapping msg="reloaded {mapping.name}: 2 rules"' in by_signal()
        assert w.value("windsock_mapping_rules") == 2
        for method in ("POST", "PUT"):
            assert w.get("/-/reload", method) == (200, "reloaded, 2 rules\n")
        mapping.write(BAD)
        kept = "reload failed; keeping the previous mapping"
        log = by_signal()
        assert f"{mapping.name}:3: unknown key 'metrik'" in log and kept in log, log
        status, text = w.get("/-/reload", "POST")
        assert status == 500 and f"{mapping.name}:3: unknown key 'metrik'" in text, (status, text)
        os.rename(mapping.name, mapping.name + ".gone")
        try:
            log = by_signal()
            assert f"{mapping.name}: cannot be read: No such file or directory" in log, log
        finally:
            os.rename(mapping.name + ".gone", mapping.name)
        assert w.value("windsock_mapping_rules") == 2
        assert w.value('windsock_config_reloads_total{outcome="success"}') == 3
        assert w.value('windsock_config_reloads_total{outcome="failure"}') == 3
        assert "failed; the previous mapping is in force" in w.get("/")[1]
        mapping.write(GOOD)
        since = w.value("windsock_config_last_reload_success_timestamp_seconds")
        by_signal()
        assert w.value("windsock_config_last_reload_successful") == 1
        assert w.value("windsock_config_last_reload_success_timestamp_seconds") > since
        assert w.stop() == 0


def test_reload_under_traffic_loses_nothing():
    with ini(GOOD) as mapping, Windsock(mapping.flag, "--statsd.workers=2") as w:
        for i in range(40):
            for _ in range(20):
                w.socket.send(b"a.1:1|c")
            w.process.send_signal(signal.SIGHUP)
            w.sent += 20
            w.receive()
        assert w.value('m{x="1"}') == w.sent, "the rules are the same, so the series stay"
        assert w.value("windsock_series_created_total") == 1


def test_bad_mapping_is_no_start():
    with ini(BAD) as mapping:
        code, out, log = run(*FREE, mapping.flag)
        assert (code, out) == (2, ""), (code, out)
        assert f'level=error topic=mapping msg="{mapping.name}:3: unknown key' in log, log
        code, _, log = run(*FREE, "--statsd.mapping-config=/nonexistent.ini")
        assert code == 2 and "/nonexistent.ini: cannot be read" in log, log


def test_check_config():
    with Windsock() as w, ini(GOOD) as good, ini(BAD) as bad:
        in_use = (f"--statsd.listen-udp=127.0.0.1:{w.udp}",
                  f"--web.listen-address=127.0.0.1:{w.http}")
        code, out, log = run(*in_use, good.flag, "--check-config")
        assert code == 0 and log == "", (code, log)
        assert f"{good.name}:1" in out and "a.<x>" in out, out
        code, out, log = run(*in_use, bad.flag, "--check-config")
        assert code == 2 and f"{bad.name}:3: unknown key 'metrik'" in log, (code, log)
        code, out, log = run("--check-config", "--statsd.workers=0")
        assert code == 2 and "--statsd.workers=0: expected a whole number from 1 to 64" in log
    code, _, log = run("--check-config", "--statsd.listen-udp=127.0.0.1",
                       "--statsd.listen-udp=no-such-host.invalid:8125",
                       "--web.listen-address=::1:9102")
    assert code == 2 and [line.split(". Write")[0]
                          for line in log.splitlines()] == [
        "--statsd.listen-udp=127.0.0.1: there is no port",
        "--web.listen-address=::1:9102: an IPv6 address must be in brackets"], (code, log)


def test_environment_sets_what_flags_leave_open():
    code, out, log = run(*FREE, WINDSOCK_STATSD_WORKERS="many")
    assert code == 2 and log == \
        "WINDSOCK_STATSD_WORKERS=many: expected a whole number from 1 to 64\n", (code, log)
    with ini(GOOD) as mapping:
        name = mapping.name
        code, out, log = run("--check-config", WINDSOCK_STATSD_MAPPING_CONFIG=name)
        assert code == 0 and name in out, (code, out, log)
        code, out, log = run("--check-config", "--statsd.mapping-config=builtin:airflow",
                             WINDSOCK_STATSD_MAPPING_CONFIG=name)
        assert code == 0 and name not in out, (code, out, log)
    # Kubernetes sets such variables for a service called windsock; empty is unset.
    code, _, log = run("--check-config", WINDSOCK_SERVICE_HOST="10.0.0.1", WINDSOCK_WEB="x",
                       WINDSOCK_PORT="tcp://10.0.0.1:9092", WINDSOCK_STATSD_WORKERS="")
    assert (code, log) == (0, ""), (code, log)


def test_version_and_help():
    code, out, log = run("--version")
    assert code == 0 and log == "", (code, log)
    assert re.match(r"windsock, version \d+\.\d+\.\d+ \(revision \S+\)\n", out), out
    for flag in ("--help", "-h"):
        code, out, log = run(flag, "--no-such-flag")
        assert code == 0 and log == "" and out.startswith("usage: windsock"), (code, log)
    flags = re.findall(r"^  --(?:\[no-\])?([a-z.-]+)", out, re.M)
    assert len(flags) > 15 and "web.timeout" in flags
    for flag in flags:
        variable = "WINDSOCK_" + re.sub("[.-]", "_", flag).upper()
        assert (variable in out.split()) == (flag not in ("version", "help")), flag
    assert max(len(line) for line in out.splitlines()) <= 90
    with open("/dev/full", "w") as full:
        for flag in ("--version", "--help"):
            assert subprocess.run([PROGRAM, flag], stdout=full).returncode == 1, flag


def test_mistakes_on_the_command_line():
    for args, message in ((("--statsd.workerz=2",), "did you mean --statsd.workers"),
                          (("-version",), "flags begin with two dashes"),
                          (("start",), "unknown command"),
                          (("--statsd.workers",), "--statsd.workers: needs a value"),
                          (("--web.timeout=never",), "expected a duration from 100ms to 1h"),
                          (("--log.level=loud", "--log.format=xml"),
                           "--log.format=xml: expected logfmt or json")):
        code, out, log = run(*args)
        assert code == 2 and out == "" and message in log, (args, code, log)
    assert "--log.level=loud" in log, "all mistakes are told at once"


def test_log_formats():
    missing = os.fsdecode(b'--statsd.mapping-config=/no/"such\\\nfile\xe9\x01')
    code, _, log = run(*FREE, missing, "--log.format=json")
    lines = [json.loads(line) for line in log.splitlines()]
    assert code == 2 and [line["level"] for line in lines] == ["info", "error", "error"], log
    for line in lines:
        assert list(line) == ["ts", "level", "topic", "msg"]
        assert re.fullmatch(STAMP, line["ts"]), line
    assert lines[1]["topic"] == "mapping"
    assert lines[1]["msg"] == '/no/"such\\', "diagnostics are lines"
    assert lines[2]["msg"] == "file\ufffd\x01: cannot be read: No such file or directory"
    code, _, log = run(*FREE, missing)
    for line in log.splitlines():
        assert re.fullmatch(rf'ts={STAMP} level=(info|error) topic=\w+ '
                            r'msg="([^"\\]|\\.)*"', line), line
    code, _, log = run(*FREE, missing, "--log.level=error")
    assert code == 2 and "level=info" not in log and "level=error" in log, log

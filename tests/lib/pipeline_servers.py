# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL and a Kafka of one's own on free ports, that can be stopped and started again."""
import base64
import glob
import hashlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import uuid

import pytest

from harness import TESTS, wait_for

# Not under build/: make looks through all of that.
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "windsock",
                     "kafka")
POM = os.path.join(TESTS, "monitoring", "kafka", "pom.xml")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
UNREACHABLE = re.compile("Could not transfer|Unknown host|Connection (refused|timed out|reset)|"
                         "Temporary failure in name resolution|Forbidden|status: 40[37]|status: 5")


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """A child with a log; started again, it has the same command and goes on with the log."""

    def __init__(self, home, name, command, **options):
        self.name, self.command, self.options = name, command, options
        self.log = os.path.join(home, name + ".log")
        self.process = None

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, **self.options)
        return self

    def stop(self, number=15, seconds=30):
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def end(self):
        """For the way out: whatever it is doing."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def runs(self):
        return self.process.poll() is None

    def logged(self):
        with open(self.log) as log:
            return log.read()

    def wait_for_port(self, port):
        wait_for(lambda: listens(port) or not self.runs(), self.name + " to listen", 60)
        assert self.runs(), self.logged()[-3000:]


class Postgres:
    """It refuses to be run by root: then the user that its package made runs it."""

    def __init__(self, home, port):
        self.port = port
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"
        where = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))
        self.bin = where[-1] if where else os.path.dirname(shutil.which("initdb"))
        as_user = {"user": "postgres", "group": "postgres", "extra_groups": []} \
            if os.geteuid() == 0 else {}
        data = os.path.join(home, "postgres")
        os.mkdir(data, 0o700)
        if as_user:
            shutil.chown(data, "postgres", "postgres")
        subprocess.run([os.path.join(self.bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust",
                        "-E", "UTF8", "--locale=C", "--no-sync"], check=True, cwd="/", timeout=60,
                       stdout=subprocess.DEVNULL, **as_user)
        self.program = Program(home, "postgresql", [
            os.path.join(self.bin, "postgres"), "-D", data, "-p", str(port), "-k", "", "-F",
            "-c", "listen_addresses=127.0.0.1"], cwd="/", **as_user)

    def start(self):
        self.program.start()
        self.program.wait_for_port(self.port)

    def stop(self):
        self.program.stop(2)  # SIGINT: sessions are ended, and all is in order

    def ask(self, query):
        """Rows, each a list of texts."""
        done = subprocess.run([os.path.join(self.bin, "psql"), "-XAtq", "-F", "\t", "-c", query,
                               self.url], check=True, capture_output=True, text=True, timeout=60)
        return [line.split("\t") for line in done.stdout.splitlines()]


def jars():
    """The directory of Kafka's jars; Maven fetches them once for each pom.xml."""
    with open(POM, "rb") as pom:
        there = os.path.join(CACHE, hashlib.sha256(pom.read()).hexdigest()[:12])
    if os.path.isdir(there):
        return there
    os.makedirs(CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as home:
        done = subprocess.run(
            ["mvn", "-B", "-ntp", "--strict-checksums", "-f", POM, COPY, "-DincludeScope=runtime",
             f"-Dmaven.repo.local={home}/m2", f"-DoutputDirectory={home}/jars"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        if done.returncode and UNREACHABLE.search(done.stdout + done.stderr):
            pytest.skip("Maven Central, which has Kafka, could not be reached")
        assert done.returncode == 0, done.stdout + done.stderr
        os.rename(os.path.join(home, "jars"), there)
    return there


class Kafka:
    """One node, broker and controller."""

    def __init__(self, home, port, controller):
        self.port = port
        self.brokers = f"127.0.0.1:{port}"
        settings = os.path.join(home, "kafka.properties")
        with open(settings, "w") as out:
            out.write(f"""process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller}
log.dirs={home}/kafka
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
""")
        java = ["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-cp", os.path.join(jars(), "*")]
        cluster = uuid.uuid4().bytes
        subprocess.run([*java, "kafka.tools.StorageTool", "format", "-c", settings, "-t",
                        base64.urlsafe_b64encode(cluster).decode().rstrip("=")],
                       check=True, capture_output=True, timeout=60)
        self.program = Program(home, "kafka", [*java, "kafka.Kafka", settings])

    def start(self):
        self.program.start()
        self.program.wait_for_port(self.port)

    def stop(self):
        self.program.stop()

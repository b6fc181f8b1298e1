# SPDX-License-Identifier: Apache-2.0
"""make image: built twice by buildah in a Debian from debootstrap, looked into, and run as a
container runs: process 1 of its own namespaces, nobody, its root read-only."""
import contextlib
import ctypes
import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tarfile
import tempfile
import time
import urllib.request

import pytest

import machine
from harness import ROOT, version_of_makefile, wait_for

CONTAINERFILE = os.path.join(ROOT, "packaging", "oci", "Containerfile")
EPOCH = 1700000000
MADE = "2023-11-14T22:13:20Z"
REVISION = "0123456789ab"
# What docs/container.md says, and some room.
PULLED = 8 << 20
UNPACKED = 18 << 20
NOBODY = 65534
CLONE_NEWNET = 0x40000000
RUN = """
ip link set lo up
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t proc proc "$1/proc"
root=$1 user=$2
shift 2
exec setpriv --no-new-privs chroot --userspec="$user:$user" --groups= "$root" "$@"
"""


class Store:
    """buildah with a store of its own, which needs nothing of the kernel."""

    def __init__(self, home):
        self.env = dict(os.environ, BUILDAH_ISOLATION="chroot",
                        CONTAINERS_STORAGE_CONF=home + "/storage.conf")
        with open(home + "/storage.conf", "w") as conf:
            conf.write(f'[storage]\ndriver = "vfs"\ngraphroot = "{home}/graph"\n'
                       f'runroot = "{home}/run"\n')

    def run(self, *words, **more):
        done = subprocess.run(words, env=self.env, text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=300, **more)
        assert done.returncode == 0, f"{words}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout.strip()

    def take(self, tar, name):
        box = self.run("buildah", "from", "scratch")
        self.run("buildah", "add", "-q", box, tar, "/")
        self.run("buildah", "commit", "-q", "--rm", box, name)

    def build(self, source, base, out):
        self.run("make", "image", "ENGINE=buildah", "BASE=" + base, "REVISION=" + REVISION,
                 f"SOURCE_DATE_EPOCH={EPOCH}", "IMAGE=windsock:test", cwd=source)
        self.run("buildah", "push", "-q", "windsock:test", f"oci:{out}:test")


class Image:
    """What is in the directory of an OCI image."""

    def __init__(self, path):
        self.path = path
        with open(path + "/index.json") as index:
            [entry] = json.load(index)["manifests"]
        self.digest = entry["digest"]
        self.manifest = json.loads(self.blob(self.digest))
        self.config = json.loads(self.blob(self.manifest["config"]["digest"]))

    def blob(self, digest):
        with open(os.path.join(self.path, "blobs", *digest.split(":")), "rb") as file:
            data = file.read()
        assert "sha256:" + hashlib.sha256(data).hexdigest() == digest
        return data

    def unpack(self, root):
        """All members, which are looked into as they are written: owners are of the tar."""
        members = []
        os.mkdir(root)
        for layer in self.manifest["layers"]:
            name = os.path.join(root, "..", "layer")
            with open(name, "wb") as out:
                out.write(gzip.decompress(self.blob(layer["digest"])))
            with tarfile.open(name) as tar:
                members += tar.getmembers()
                tar.extractall(root, numeric_owner=True)
        return members


def copy(source):
    """The tree that is at hand, without git, with other times and narrower modes."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE).stdout.decode().split("\0")
    for name in filter(None, listed):
        if os.path.exists(os.path.join(ROOT, name)):
            target = os.path.join(source, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(os.path.join(ROOT, name), target)
            os.chmod(target, 0o600)


@contextlib.contextmanager
def network_of(pid):
    """This process, in the network of another."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as mine, open(f"/proc/{pid}/ns/net") as other:
        assert libc.setns(other.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(mine.fileno(), CLONE_NEWNET) == 0


class Container:
    def __init__(self, image, root, *flags, user=NOBODY, http=9092, statsd=8125, **env):
        config = image.config["config"]
        given = dict(pair.split("=", 1) for pair in config["Env"])
        self.env, self.root, self.http, self.statsd = {**given, **env}, root, http, statsd
        self.user = user
        self.log = tempfile.NamedTemporaryFile("r")
        self.outer = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--net", "--ipc", "--uts",
             "sh", "-euc", RUN, "sh", root, str(user), *config["Entrypoint"], *flags],
            env={**self.env, "PATH": machine.PATH}, stdin=subprocess.DEVNULL,
            stdout=open(self.log.name, "w"), stderr=subprocess.STDOUT)
        self.pid = wait_for(self.child, "process 1")

    def __enter__(self):
        try:
            wait_for(lambda: '"ready"' in self.logged() or self.outer.poll() is not None,
                     "windsock to be ready")
            assert self.outer.poll() is None, self.logged()
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # Who changes its user is no longer killed with its parent.
        if self.outer.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        self.outer.wait(20)

    def logged(self):
        with open(self.log.name) as log:
            return log.read()

    def child(self):
        with open(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children") as children:
            return int((children.read().split() or [0])[0])

    def get(self, path):
        with network_of(self.pid):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=5) as answer:
                return answer.read().decode()

    def send(self, text):
        with network_of(self.pid), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(text.encode(), ("127.0.0.1", self.statsd))

    def status(self, key):
        with open(f"/proc/{self.pid}/status") as status:
            return re.search(rf"^{key}:[ \t]*(.*)$", status.read(), re.M)[1].split()

    def run(self, *words):
        return subprocess.run(["/usr/bin/nsenter", f"--target={self.pid}", "--all", "--root",
                               "--wd", f"--setuid={self.user}", f"--setgid={self.user}", *words],
                              env=self.env, capture_output=True, text=True, timeout=30)

    def stop(self, number):
        os.kill(self.pid, number)
        return self.outer.wait(20)


@pytest.fixture(scope="module")
def made():
    """Two builds, and one of them unpacked."""
    machine.needs()
    if not shutil.which("buildah"):
        pytest.skip("an image needs buildah: sh packaging/deps.sh image")
    with tempfile.TemporaryDirectory(prefix="image") as home:
        store = Store(home)
        store.take(machine.base(), "localhost/debian:test")
        copy(home + "/copy")
        store.build(ROOT, "localhost/debian:test", home + "/first")
        store.build(home + "/copy", "localhost/debian:test", home + "/second")
        image, root = Image(home + "/first"), home + "/root"
        members = image.unpack(root)
        os.chmod(home, 0o755)
        yield dict(image=image, again=Image(home + "/second"), root=root, members=members)


@pytest.fixture
def image(made):
    return made["image"]


@pytest.fixture
def again(made):
    return made["again"]


@pytest.fixture
def root(made):
    return made["root"]


@pytest.fixture
def members(made):
    return made["members"]


def test_the_same_digest_twice(image, again, members):
    assert image.digest == again.digest, (image.config, again.config)
    assert {m.mtime for m in members} == {EPOCH}


def test_labels(image, members):
    version = version_of_makefile()
    about = {k.removeprefix("org.opencontainers.image."): v
             for k, v in image.config["config"]["Labels"].items() if k.startswith("org.")}
    for key, value in dict(version=version, revision=REVISION, created=MADE, title="windsock",
                           licenses="Apache-2.0").items():
        assert about[key] == value, about
    assert about["description"] and about["vendor"]
    names = {m.name for m in members}
    assert about["documentation"].removeprefix("file:///") in names
    assert "usr/share/doc/windsock/LICENSE" in names
    with open(CONTAINERFILE) as text:
        assert f"\nARG VERSION={version}\n" in text.read(), "without make it has this version"
    assert image.config["created"] == MADE


def test_settings(image):
    config = image.config["config"]
    assert config["User"] == f"{NOBODY}:{NOBODY}"
    assert config["Entrypoint"] == ["/usr/bin/windsock"] and not config.get("Cmd")
    assert sorted(config["ExposedPorts"]) == ["8125/udp", "9092/tcp"]
    assert "WINDSOCK_STATSD_LISTEN_UDP=:8125" in config["Env"]


def test_small(image, members):
    pulled = sum(layer["size"] for layer in image.manifest["layers"])
    unpacked = sum(m.size for m in members)
    print(f"{len(members)} files, {pulled} bytes to pull, {unpacked} unpacked")
    assert pulled < PULLED and unpacked < UNPACKED, (pulled, unpacked)


def test_nothing_but_windsock(root, members):
    """Whatever can be run is the program, its loader, or a library."""
    for m in members:
        assert m.isdir() or m.isfile() or m.issym(), m.name
        assert (m.uid, m.gid) == (0, 0), m.name
        assert m.issym() or not m.mode & (stat.S_ISUID | stat.S_ISGID | 0o022), (m.name, m.mode)
        if not m.isfile():
            continue
        with open(os.path.join(root, m.name), "rb") as file:
            start = file.read(4)
        assert start[:2] != b"#!", m.name
        elf = start == b"\x7fELF"
        assert elf or not m.mode & 0o111, m.name
        assert not elf or m.name == "usr/bin/windsock" or \
            re.match(r"(usr/)?lib\w*/([\w-]+/)?(lib|ld-)[\w+.-]+\.so[.0-9]*$", m.name), m.name


def test_papers(root):
    """Each library is of a package whose licence and version are there."""
    packages = os.listdir(root + "/var/lib/dpkg/status.d")
    assert "libc6" in packages and len(packages) > 10, packages
    for package in packages:
        assert os.path.getsize(f"{root}/usr/share/doc/{package}/copyright"), package
        with open(f"{root}/var/lib/dpkg/status.d/{package}") as status:
            assert re.search(r"^Version: \S", status.read(), re.M), package


def test_runs_as_a_container(image, root):
    with Container(image, root) as c:
        assert c.status("Uid") == [str(NOBODY)] * 4 and c.status("Gid") == [str(NOBODY)] * 4
        assert c.status("Groups") == [] and c.status("NSpid")[-1] == "1"
        assert int(c.status("CapEff")[0], 16) == 0 and c.status("NoNewPrivs") == ["1"]
        c.send("airflow.ti.finish.etl.load.success:2|c")
        line = 'airflow_task_status_count{dag_id="etl",status="success",task_id="load"} 2'
        wait_for(lambda: line in c.get("/metrics"), "the sample")
        c.get("/-/ready")
        done = c.run("/usr/bin/windsock", "healthcheck")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
        done = c.run("/usr/bin/windsock", "healthcheck", "http://localhost:1")
        assert done.returncode == 1 and "not healthy" in done.stderr, done
        for shell in "/bin/sh", "/bin/bash", "/bin/busybox":
            assert c.run(shell).returncode == 127, shell
        begun = time.monotonic()
        assert c.stop(signal.SIGTERM) == 0, c.logged()
        assert time.monotonic() - begun < 5
        assert "stopped; received 1 datagrams" in c.logged()


def test_any_user_will_do(image, root):
    with Container(image, root, user=4711) as c:
        assert "windsock_datagrams_total 0" in c.get("/metrics")
        assert c.stop(signal.SIGINT) == 0, c.logged()


def test_settings_come_from_the_environment(image, root):
    with Container(image, root, http=9102, statsd=9125, WINDSOCK_WEB_LISTEN_ADDRESS=":9102",
                   WINDSOCK_STATSD_LISTEN_UDP=":9125", WINDSOCK_LOG_FORMAT="json") as c:
        assert "windsock_datagrams_total 0" in c.get("/metrics")
        assert c.run("/usr/bin/windsock", "healthcheck").returncode == 0
        assert json.loads(c.logged().splitlines()[-1])["msg"] == "ready"


def test_the_flags_for_the_chart(image, root):
    """Those of docs/container.md, with the names that the chart's dashboards ask for."""
    with open(ROOT + "/docs/container.md") as page:
        flags = re.findall(r"^ +- (--\S+)$", page.read(), re.M)
    assert len(flags) == 3, flags
    with Container(image, root, *flags, http=9102, statsd=9125) as c:
        c.send("airflow.ti.finish.etl.load.success:1|c")
        line = 'airflow_ti_finish{dag_id="etl",state="success",task_id="load"} 1'
        wait_for(lambda: line in c.get("/metrics"), "the sample")


def test_the_file_itself():
    """What linters of such files ask for."""
    with open(CONTAINERFILE) as file:
        text = file.read()
    words = re.sub(r"^#.*$", "", text, flags=re.M)
    assert not re.search(r"x86|amd64|arm|aarch|86_64", words), "a machine is named"
    assert not re.search(r"^(ADD|MAINTAINER|VOLUME)\b|:latest|sudo|curl|wget", words, re.M)
    for source in re.findall(r"^ARG BASE=(\S+)", words, re.M):
        assert re.search(r":[\w.-]+$", source), "no tag: " + source
    last = words.rsplit("\nFROM ", 1)[1]
    assert last.startswith("scratch\n") and "\nRUN " not in last
    assert re.search(r"^USER \d+:\d+$", last, re.M)
    [check] = re.findall(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", last, re.M)
    assert json.loads(check) == ["/usr/bin/windsock", "healthcheck"]
    for form in re.findall(r"^(?:ENTRYPOINT|CMD) (.*)$", last, re.M):
        assert json.loads(form)

# SPDX-License-Identifier: Apache-2.0
"""A Debian of one's own: debootstrap, then its real systemd as process 1 in namespaces of its
own.  Its network is empty but for lo.  Needs root, unshare, and a cgroup2 file system."""
import hashlib
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import pytest

from harness import wait_for

MIRROR = os.environ.get("MIRROR", "http://deb.debian.org/debian")
# Not under build/: make looks through all of that.
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "windsock")
# What a machine has beside the minbase of debootstrap, so that systemd can be process 1.
INIT = ["systemd-sysv", "libnss-systemd", "dbus"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What systemd cannot be given in a test: the clock, modules and ports of the real machine.
KEPT_BACK = "-sys_module,-sys_rawio,-sys_time,-syslog"

# In namespaces of its own, but in the cgroup that becomes the root of the cgroup namespace.
ENTER = """
echo 0 >"$1/cgroup.procs"
exec unshare --pid --fork --kill-child --mount --uts --ipc --net --cgroup sh -euc "$3" sh "$2"
"""
BOOT = """
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
    : >dev/$name
    mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
pivot_root . mnt
umount -l /mnt
hostname machine
exec setpriv --bounding-set=%s --inh-caps=%s env -i PATH=%s container=test /sbin/init
""" % (KEPT_BACK, KEPT_BACK, PATH)
# As chroot, and nothing of it is left mounted or running, however it ends.
CHROOT = """
mount --make-rprivate /
mount -t proc proc "$0/proc"
exec chroot "$0" "$@"
"""


def needs():
    """Skips the test where there can be no machine."""
    if os.geteuid() != 0:
        pytest.skip("a machine needs root")
    for program in ("debootstrap", "unshare", "nsenter", "setpriv"):
        if not shutil.which(program):
            pytest.skip("a machine needs " + program)
    needs_mirror()


def needs_mirror():
    try:
        urllib.request.urlopen(MIRROR + "/dists/bookworm/Release", timeout=20).close()
    except OSError as error:
        pytest.skip(f"{MIRROR} could not be reached: {error}")


def cgroup2():
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            _, where, kind, *_ = line.split()
            if kind == "cgroup2":
                return where
    return pytest.skip("a machine needs a cgroup2 file system")


def chroot(root, *command, **more):
    return subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child",
                           "sh", "-euc", CHROOT, root, *command],
                          env=dict(PATH=PATH, DEBIAN_FRONTEND="noninteractive", LC_ALL="C"),
                          stdin=subprocess.DEVNULL, check=True, **more)


def base(packages=(), suite="bookworm"):
    """The tar of a Debian with these packages; made once, and kept in the user's cache."""
    recipe = inspect.getsource(bootstrap) + inspect.getsource(add)
    words = " ".join([suite, *INIT, *sorted(packages), recipe])
    tar = os.path.join(CACHE, f"{suite}-{hashlib.sha256(words.encode()).hexdigest()[:12]}.tar")
    if os.path.exists(tar):
        return tar
    bare = base((), suite) if packages else None
    os.makedirs(CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="base", dir=CACHE) as home:
        root, log = os.path.join(home, "root"), os.path.join(home, "log")
        try:
            with open(log, "w") as out:
                said = dict(stdout=out, stderr=out)
                if packages:
                    unpack(bare, root)
                    add(root, packages, said)
                else:
                    bootstrap(root, suite, said)
                chroot(root, "apt-get", "clean", **said)
        except subprocess.CalledProcessError as error:
            with open(log) as text:
                sys.stderr.write(text.read()[-8000:])
            raise AssertionError(f"no base: {error}") from error
        subprocess.run(["tar", "-cf", home + "/tar", "--numeric-owner", "--xattrs", "-C", root, "."],
                       check=True)
        os.rename(home + "/tar", tar)
    return tar


def unpack(tar, root):
    os.mkdir(root)
    subprocess.run(["tar", "-xf", tar, "--numeric-owner", "--xattrs", "-C", root], check=True)


def bootstrap(root, suite, said):
    subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                    "debootstrap", "--variant=minbase", "--include=" + ",".join(INIT),
                    suite, root, MIRROR], env=dict(os.environ, LC_ALL="C"),
                   stdin=subprocess.DEVNULL, check=True, **said)
    with open(os.path.join(root, "etc/apt/apt.conf.d/90machine"), "w") as text:
        text.write('APT::Install-Recommends "false";\nDpkg::Use-Pty "false";\n'
                   'APT::Sandbox::User "root";\n')
    with open(os.path.join(root, "etc/hosts"), "w") as text:
        text.write("127.0.0.1 localhost machine\n::1 localhost\n")


def add(root, packages, said):
    """Installed, but not started: that is for systemd, once there is one."""
    policy = os.path.join(root, "usr/sbin/policy-rc.d")
    with open(policy, "w") as text:
        text.write("#!/bin/sh\nexit 101\n")
    os.chmod(policy, 0o755)
    chroot(root, "apt-get", "-qq", "update", **said)
    chroot(root, "apt-get", "-qq", "-y", "install", *packages, **said)
    os.unlink(policy)


class Machine:
    """with Machine(base(...)) as m: m.run("systemctl", "start", "x")"""

    def __init__(self, tar):
        self.group = os.path.join(cgroup2(), f"machine-{os.getpid()}")
        self.home = tempfile.mkdtemp(prefix="machine", dir=CACHE)
        self.root, self.process, self.init = os.path.join(self.home, "root"), None, None
        unpack(tar, self.root)

    def __enter__(self):
        try:
            self.boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.power_off()
        shutil.rmtree(self.home)

    def boot(self):
        os.mkdir(self.group)
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "sh", "-euc", ENTER, "sh",
             self.group, self.root, BOOT],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(os.path.join(self.home, "boot.log"), "w"))
        self.init = wait_for(self.child, "process 1", 30)
        wait_for(lambda: self.run("test", "-S", "/run/systemd/private", check=False) == "",
                 "systemd", 30)
        state = self.run("systemctl", "is-system-running", "--wait", check=False).strip()
        assert state in ("running", "degraded"), state or self.logged()

    def child(self):
        assert self.process.poll() is None, self.logged()
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            return int((children.read().split() or [0])[0])

    def logged(self):
        with open(os.path.join(self.home, "boot.log")) as log:
            return log.read()

    def power_off(self):
        if self.process is None:
            return
        if self.init and self.process.poll() is None:
            os.kill(self.init, 34 + 4)  # SIGRTMIN+4: power off, orderly
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for directory, _, _ in os.walk(self.group, topdown=False):
            for _ in range(50):
                try:
                    os.rmdir(directory)
                    break
                except OSError:  # a process of it is still ending
                    time.sleep(0.1)
        self.process = self.init = None

    def command(self, *words, online=False):
        """The words that run a command in it; online: with the network of the real machine."""
        spaces = ["--mount", "--uts", "--ipc", "--pid", "--root", "--wd"]
        return ["nsenter", f"--target={self.init}", *spaces, *([] if online else ["--net"]),
                "env", "-i", "PATH=" + PATH, "LC_ALL=C.UTF-8", "HOME=/root",
                "DEBIAN_FRONTEND=noninteractive", *words]

    def run(self, *words, check=True, online=False, text="", seconds=120):
        """What it prints.  A failure is an error that has all of that in it; with check=False
        it is what was printed, or the word "failed" where nothing was."""
        done = subprocess.run(self.command(*words, online=online), input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
        assert done.returncode == 0 or not check, (words, done.returncode, done.stdout)
        return done.stdout if check or done.returncode == 0 else done.stdout or "failed"

    def works(self, *words):
        return subprocess.run(self.command(*words), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=120).returncode == 0

    def sh(self, script, words=(), **more):
        return self.run("sh", "-euc", script, "sh", *words, **more)

    def write(self, path, text, mode=0o644):
        self.run("sh", "-c", f"cat >'{path}' && chmod {mode:o} '{path}'", text=text)

    def read(self, path):
        """A file of its disk; what is in /proc, /run or /tmp is not."""
        with open(self.root + path) as file:
            return file.read()

    def read_proc(self, path):
        return self.run("cat", "/proc/" + path)

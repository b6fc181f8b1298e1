# SPDX-License-Identifier: Apache-2.0
"""The tarball of what lies here, committed or not yet (git add is needed for a new file)."""
import glob
import os
import subprocess

from harness import ROOT

GIT = ("git", "-c", "user.name=x", "-c", "user.email=x@localhost")


def ask(*command, cwd=ROOT, **env):
    done = subprocess.run(command, cwd=cwd, env=dict(os.environ, **env), capture_output=True,
                          text=True)
    assert done.returncode == 0, (command, done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout.strip()


def tree():
    """A commit of it, that no branch knows."""
    ask("git", "status", "--porcelain")  # stash fails where only a file's time is new
    return ask(*GIT, "stash", "create") or ask("git", "rev-parse", "HEAD")


def dist(build, commit):
    """Makes it into a directory, and returns the .tar.gz."""
    ask("make", "-s", "dist", "BUILD=" + build, "TREE=" + commit)
    found = glob.glob(build + "/windsock-*.tar.gz")
    assert len(found) == 1, found
    return found[0]


def unpack(tarball, directory):
    """Returns the one directory that is in it."""
    ask("tar", "-C", directory, "-xf", tarball)
    return os.path.join(directory, os.path.basename(tarball)[:-len(".tar.gz")])

"""Images of a machine: a Debian 12 with what is named and nothing else, made
by debootstrap from where this machine has its own packages from.

One image is made and kept in build/image; what a test needs is a copy of it.
Needs root.  What is mounted is seen by the started program alone.
"""

import os
import pathlib
import shutil
import subprocess

from .site import ROOT

SUITE = "bookworm"
KEPT = ROOT / "build" / "image"

#: Files that apt needs to reach the same packages from inside.
APT = ("etc/apt", "etc/resolv.conf", "etc/hosts")

MOUNT = (
    'mount -t proc none "$1/proc" && mount --rbind /dev "$1/dev" && '
    'root=$1 && shift && exec chroot "$root" /usr/bin/env -i "$@"'
)

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def mirror():
    """Where apt has Debian's own packages from."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)",
         "Created-By: Packages", "Origin: Debian"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for line in listed.splitlines():
        codename, uri = line.split()
        if codename == SUITE:
            return uri
    raise AssertionError(f"apt knows no packages of {SUITE}")


def base():
    """The kept image, made if there is none."""
    kept = KEPT / SUITE
    if kept.exists():
        return kept
    new = KEPT / "new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", SUITE, new, mirror()],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    # Nothing is started because it was installed.
    policy = new / "usr" / "sbin" / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    new.rename(kept)
    return kept


class Image:
    """A copy, below a directory of the test's."""

    def __init__(self, directory):
        self.root = pathlib.Path(directory) / "root"
        self.root.parent.chmod(0o755)
        subprocess.run(
            ["cp", "-a", "--reflink=auto", base(), self.root], check=True
        )
        for name in APT:
            subprocess.run(
                ["cp", "-rL", f"/{name}", self.root / name.rpartition("/")[0]],
                check=True,
            )

    def command(self, *words):
        return ["unshare", "-m", "sh", "-c", MOUNT, "sh", self.root, PATH,
                "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
                *words]  # fmt: skip

    def run(self, *words, stdin=b""):
        """A command as root, to its end."""
        return subprocess.run(
            self.command(*words), input=stdin, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def must(self, *words, **kwargs):
        """The same; what it says."""
        done = self.run(*words, **kwargs)
        said = done.stdout.decode(errors="replace")
        assert done.returncode == 0, f"{words}: {said[-4000:]}"
        return said

    def install(self, *packages):
        """By apt: names, or files of the image."""
        self.must("apt-get", "update", "-qq")
        return self.must(
            "apt-get", "install", "-y", "-q", "--no-install-recommends",
            *packages,
        )  # fmt: skip

    def start(self, *words):
        """A program that stays."""
        log = open(self.root / "var" / "log" / "started.log", "ab")
        return subprocess.Popen(
            self.command(*words), stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True,
        )  # fmt: skip

    def path(self, name):
        return self.root / name.lstrip("/")

    def write(self, name, text, mode=0o644, owner=(0, 0)):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        os.chown(path, *owner)
        return path

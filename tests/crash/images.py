"""Power cuts: a file system in a file that is copied, as it is at that
instant, by reference, while programs go on; the copy is what a machine would
find that lost its power then.

What the programs wrote but nobody synced is not in the file yet, and so not
in the copy.  Needs root, loop devices, and btrfs to copy by reference.
"""

import contextlib
import os
import shutil
import subprocess
import time

import pytest

from world.incidentio import PATIENCE

from .sender import check_spool

OUTER_SIZE = "3G"
#: How each is made and mounted, and how large it must be.  ext4 is told not
#: to sync by itself, so that what depends on luck comes out.
KINDS = {
    "ext4": (
        "64M",
        ["mkfs.ext4", "-q", "-F", "-O", "has_journal",
         "-E", "lazy_itable_init=0,lazy_journal_init=0"],
        "commit=300",
    ),
    "xfs": ("320M", ["mkfs.xfs", "-q", "-f"], "nouuid"),
}  # fmt: skip


def _run(*args):
    done = subprocess.run(
        [str(a) for a in args], capture_output=True, check=False
    )
    if done.returncode != 0:
        raise OSError(f"{args}: {done.stderr.decode().strip()}")


def _unmount(at):
    """A loop device below may take a moment to let go of its file."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return _run("umount", at)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def _mounted(image, at, options):
    at.mkdir(exist_ok=True)
    _run("mount", "-o", f"loop,{options}", image, at)
    try:
        yield at
    finally:
        _unmount(at)


class Disk:
    """A file system of a kind, mounted, of which copies can be made."""

    def __init__(self, site, outer, kind):
        self.site = site
        self.outer = outer
        self.kind = kind
        self.cuts = 0
        size, self.mkfs, self.options = KINDS[kind]
        self.image = outer / "inner"
        _run("truncate", "-s", size, self.image)
        _run(*self.mkfs, self.image)

    @contextlib.contextmanager
    def mounted(self):
        """The spool of the site on this disk."""
        at = self.outer / "mounted"
        with _mounted(self.image, at, self.options):
            spool = at / "spool"
            spool.mkdir(mode=0o700)
            self.site.own(spool)
            os.sync()
            self.site.spool = self.site.view = spool
            try:
                yield self
            finally:
                self.site.spool = self.site.view = self.site.dir / "spool"

    def cut(self):
        """The disk as it is now, in a file."""
        self.cuts += 1
        copy = self.outer / f"cut{self.cuts}"
        _run("cp", "--reflink=always", self.image, copy)
        return copy

    @contextlib.contextmanager
    def after(self, copy):
        """The spool as it is found after the cut."""
        at = self.outer / "after"
        try:
            with _mounted(copy, at, self.options):
                yield at / "spool"
        finally:
            copy.unlink()


@contextlib.contextmanager
def disk(site, kind):
    """A Disk; where this machine has none, the test is skipped, and says why."""
    if os.geteuid() != 0:
        pytest.skip("a power cut needs root, for loop devices")
    for tool in ("mkfs.btrfs", KINDS[kind][1][0]):
        if shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
            pytest.skip(f"a power cut needs {tool}")
    image = site.dir / "outer.img"
    outer = site.dir / "outer"
    try:
        _run("truncate", "-s", OUTER_SIZE, image)
        _run("mkfs.btrfs", "-q", "-f", image)
        outer.mkdir()
        outer.chmod(0o755)
        site.dir.chmod(0o711)
        _run("mount", "-o", "loop", image, outer)
    except OSError as error:
        pytest.skip(f"no file system that copies by reference: {error}")
    try:
        try:
            made = Disk(site, outer, kind)
        except OSError as error:
            pytest.skip(f"no {kind} here: {error}")
        with made.mounted():
            yield made
    finally:
        _unmount(outer)
        image.unlink()


def recover(site, spool, standin):
    """Life goes on after a cut: what waits is drained to another stand-in."""
    # The record of the pace is not synced; a lost one makes updates wait.
    for record in spool.glob("*/state.json"):
        record.write_text("{}")
    conf = site.etc / "after.conf"
    to = {"url": standin.url(), "rate": 20000}
    site.write(conf, site.options(to, None, {"spool": spool}))
    done = site.run(site.bin / "bellrelay", "-c", conf, "drain")
    assert done.returncode == 0, (done.stdout, done.stderr)
    return check_spool(spool)

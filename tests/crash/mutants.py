"""The program weakened: a copy of the sources with one patch, built."""

import functools
import os
import shutil
import subprocess

from world.site import ROOT

PATCHES = ROOT / "tests" / "crash" / "mutants"
BUILD = ROOT / (os.environ.get("BUILD") or "build")
PROGRAMS = ("bellrelay", "bellrelay.fcgi")


def names():
    return sorted(path.stem for path in PATCHES.glob("*.patch"))


def _run(*args, cwd):
    done = subprocess.run(
        [str(a) for a in args], cwd=cwd, capture_output=True, check=False
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, f"{args}: {said[-3000:]}"


def _copy(to):
    """The sources, and what was built of them."""
    to.mkdir(parents=True)
    shutil.copytree(ROOT / "src", to / "src")
    shutil.copy2(ROOT / "Makefile", to)
    (to / "build").mkdir()
    for made in ("obj", "printable.h"):
        if (BUILD / "obj").exists():
            _run("cp", "-a", BUILD / made, to / "build", cwd=ROOT)


@functools.lru_cache(maxsize=None)
def build(name):
    """The directory of the programs that the patch of that name makes."""
    to = ROOT / "build" / "weak" / name
    shutil.rmtree(to, ignore_errors=True)
    _copy(to)
    _run("patch", "-p1", "--fuzz=0", "--no-backup-if-mismatch", "-i",
         PATCHES / f"{name}.patch", cwd=to)  # fmt: skip
    made = [f"bin/{program}" for program in PROGRAMS]
    # make's own settings belong to the build that we are a test of.
    _run("env", "-u", "MAKEFLAGS", "-u", "MFLAGS", "-u", "MAKELEVEL",
         "make", "BUILD=build", "BIN=bin", *made, cwd=to)  # fmt: skip
    return to / "bin"


def install(name, site):
    """The site runs the weakened programs from now on."""
    for program in PROGRAMS:
        target = site.bin / program
        target.unlink()
        shutil.copy2(build(name) / program, target)
        site.own(target)

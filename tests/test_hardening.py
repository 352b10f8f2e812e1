"""The programs as they are built: what the compiler and the linker put in
(facts of the OpenSSF guide; `readelf` tells)."""

import os
import re
import subprocess

import pytest

from world.site import BIN, ROOT

PROGRAMS = ["bellrelay", "bellrelay.fcgi"]

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("BELLRELAY_BIN")), reason="another build"
)


def readelf(what, path):
    return subprocess.run(
        ["readelf", "-W", what, path], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_can_stand_anywhere_in_memory(program):
    assert re.search(r"Type: +DYN", readelf("-h", BIN / program))
    assert re.search(r"FLAGS_1.*\bPIE\b", readelf("-d", BIN / program))


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_resolved_cannot_be_changed(program):
    assert "GNU_RELRO" in readelf("-l", BIN / program)
    assert re.search(r"FLAGS_1.*\bNOW\b", readelf("-d", BIN / program))


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_both_written_and_run(program):
    segments = readelf("-l", BIN / program)
    (stack,) = re.findall(r"GNU_STACK.*", segments)
    assert "RWE" not in segments and "E" not in stack.split("0x")[-2]
    loads = re.findall(r"LOAD.* ([R ][W ][E ]) ", segments)
    assert len(loads) >= 4, "code stands in pages of its own"
    assert not [flags for flags in loads if "W" in flags and "E" in flags]


@pytest.mark.parametrize("program", PROGRAMS)
def test_stacks_and_copies_are_watched(program):
    symbols = readelf("--dyn-syms", BIN / program)
    assert "__stack_chk_fail" in symbols
    assert "__memcpy_chk" in symbols and "_chk@GLIBC" in symbols


@pytest.mark.parametrize("room", ["tree", "pyrepr", "post", "responder"])
def test_jumps_land_where_they_may(room):
    path = ROOT / "build" / "obj" / f"{room}.o"
    if os.uname().machine != "x86_64" or not path.exists():
        pytest.skip("x86-64 alone has it")
    assert re.search(r"IBT, SHSTK", readelf("-n", path))


def test_the_flags_are_those_of_the_guide():
    """What leaves no mark that readelf could find."""
    done = subprocess.run(
        ["make", "-n", "-W", "src/fail.c", "build/obj/fail.o"],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
    )  # fmt: skip
    for flag in (
        "-D_FORTIFY_SOURCE=3", "-fstack-protector-strong",
        "-fstack-clash-protection", "-fcf-protection=full",
        "-ftrivial-auto-var-init=zero", "-fzero-call-used-regs=used-gpr",
        "-fno-delete-null-pointer-checks", "-fno-strict-overflow",
        "-fno-strict-aliasing", "-fPIE",
    ):  # fmt: skip
        assert flag in done.stdout, flag

"""What must still hold when a process is killed, a call fails, the disk is
full or the power goes (SPOOL.md, its last paragraph).

    oracle    what was posted against what arrived: lost, late, repeated
    sender    posts and keeps book; the spool as it must be found afterwards
    calls     the system calls of a run, and one of them killed or failed
    images    power cuts: copies of a file system's image, mounted
    mutants   the sources weakened, one patch each, which must be found out

Short forms run under `make check`; ROUNDS=200 (`make torture`) asks for the
long ones.  What a machine cannot run is skipped by name.
"""

import os


def rounds(short, share=1):
    """How many rounds: `short`, or a share of what ROUNDS asks for."""
    asked = int(os.environ.get("ROUNDS") or 0)
    return max(short, int(asked * share)) if asked else short


def long_form():
    """Whether all is asked for, and not a part of it."""
    return bool(os.environ.get("ROUNDS"))

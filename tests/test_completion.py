"""Completion, in a real bash."""

import os
import pty
import re
import subprocess

import pytest

from test_readme import COMMANDS, place
from world.montecarlo import alert
from world.site import BIN, ROOT, environment, ticket_id, until

SCRIPT = ROOT / "src" / "bellrelay.bash"

#: What bash calls when TAB is pressed, with what bash gives to it.
CALL = """
. "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_bellrelay
printf '%s\\n' "${COMPREPLY[@]}"
"""

TEXT = """
spool = "/var/spool/bellrelay"
destination oncall { url = "https://localhost/1" token_file = "a.token" }
destination ops { url = "https://localhost/2" token_file = "b.token" }
source montecarlo { kind = montecarlo destination = { oncall } }
source events { kind = incidentio destination = { ops } }
"""


def complete(*words, **kwargs):
    """What the last of the words can become."""
    done = subprocess.run(
        ["bash", "--norc", "-c", CALL, "bash", SCRIPT, BIN / "bellrelay",
         *words],
        env=environment(HOME="/"), capture_output=True, text=True, check=True,
        **kwargs,
    )  # fmt: skip
    assert done.stderr == ""
    return sorted(done.stdout.split("\n")[:-1]) if done.stdout.strip() else []


@pytest.fixture
def conf(tmp_path):
    return place(tmp_path, TEXT)


def test_a_command_completes():
    assert complete("") == sorted(COMMANDS)
    assert complete("ma") == ["map"]
    assert complete("-") == ["--help", "--version", "-c"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_a_command_complete(name):
    done = subprocess.run(
        [BIN / "bellrelay", name, "--help"],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    options = done.stdout.split("OPTIONS\n")[1].split("EXIT STATUS")[0]
    want = re.findall(r"(?m)^  (--?[a-z-]+)", options)
    assert complete(name, "-") == sorted(want)
    assert complete(name, "--h") == ["--help"]


def test_names_are_those_of_the_configuration(conf):
    both = ["events", "montecarlo"]
    assert complete("-c", conf, "map", "") == both
    assert complete("-c", conf, "map", "m") == ["montecarlo"]
    assert complete("-c", conf, "test", "") == ["oncall", "ops"]
    assert complete("-c", conf, "test", "--keep-firing", "op") == ["ops"]
    assert complete("-c", conf, "replay", "--source", "") == both
    assert complete("map", "-c", conf, "") == both


def test_samples_are_those_of_the_sources_kind(conf):
    found = complete("-c", conf, "try", "montecarlo", "")
    assert "volume" in found
    found = complete("-c", conf, "try", "montecarlo", "volume-")
    assert found == ["volume-expected"]


def test_what_is_no_name_completes_to_nothing(conf):
    assert complete("-c", conf, "check", "") == []
    assert complete("-c", conf, "replay", "--since", "") == []
    assert complete("-c", "/nowhere", "map", "") == []
    assert complete("nosuch", "") == []


def test_files_are_files(conf, tmp_path):
    (tmp_path / "a body.json").write_text("{}")
    found = complete("-c", conf, "map", "events", "a", cwd=tmp_path)
    assert found == ["a body.json", "a.token"]
    assert complete("-c", "bell", cwd=tmp_path) == ["bellrelay.conf"]
    found = complete("sign", "--secret-file", "b", cwd=tmp_path)
    assert found == ["b.token", "bellrelay.conf"]


def test_an_alert_is_an_id_of_the_spool(site, standin):
    for key in ("a", "b"):
        assert site.cgi(alert(key)).status == 200
    ids = sorted(ticket_id(key)[:12] for key in ("a", "b"))
    assert complete("-c", site.conf, "show", "") == ids
    assert complete("-c", site.conf, "drop", ids[0][:3]) == ids[:1]


def test_a_person_at_a_terminal_sees_it(conf, tmp_path):
    """TAB, for once not called but pressed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(
            "/bin/bash",
            ["bash", "--norc", "--noprofile", "-i"],
            environment(PATH=f"{BIN}:/usr/bin:/bin", TERM="dumb", PS1="ready ",
                        HOME=tmp_path),  # fmt: skip
        )
    seen = b""

    def sees(what):
        nonlocal seen
        seen += os.read(terminal, 65536)
        return what in seen

    try:
        until(lambda: sees(b"ready "), "a prompt")
        os.write(terminal, f". {SCRIPT}\n".encode())
        os.write(terminal, b"bind 'set completion-display-width 0'\n")
        os.write(terminal, f"bellrelay -c {conf} te\tonc\t".encode())
        until(lambda: sees(b"test oncall "), "the completed line")
        seen = b""
        os.write(terminal, b"\x15bellrelay \t\t")
        until(lambda: sees(b"secret"), "the list")
        shown = [w for w in seen.decode().split() if w in COMMANDS]
        assert shown == list(COMMANDS), "as README has them"
    finally:
        os.write(terminal, b"\x15exit\n")
        os.close(terminal)
        os.waitpid(pid, 0)

"""What `make run` shows is true, and what it invites to works."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

from world import demo
from world.site import ROOT, environment


#: Beside a second process, which may be first to deliver what the one has just
#: stored, an answer can be 202.
TAKEN = "200 delivered|202 queued"


@pytest.fixture
def start(tmp_path):
    children = []

    def begin(**env):
        child = subprocess.Popen(
            [sys.executable, demo.__file__],
            env=environment(
                RUN_DIR=tmp_path / "run",
                PORT=18080,
                BELLRELAY_BIN=os.environ.get("BELLRELAY_BIN", ""),
                PYTHONUNBUFFERED=1,
                **env,
            ),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        children.append(child)
        return child

    yield begin
    for child in children:
        if child.poll() is None:
            child.terminate()
        child.communicate(timeout=60)


def test_once_it_shows_four_events_and_ends(start):
    child = start(ONCE=1)
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 0, said
    assert said.count("incident.io got alert event") == 4
    assert len(re.findall(f"bellrelay: (?:{TAKEN})", said)) == 4
    # Two that came by two connections may be shown the other way round.
    shown = re.findall(r"(?s)got alert event (\d):.*?status +(\w+)", said)
    statuses = [status for _, status in sorted(shown)]
    assert statuses == ["firing"] * 3 + ["resolved"]
    assert "Rule breach: test rule (resolved)" in said


def read_until(child, text):
    said = ""
    guard = threading.Timer(60, child.kill)
    guard.start()
    while text not in said:
        line = child.stdout.readline()
        assert line, f"it ended: {said}"
        said += line
    guard.cancel()
    return said


def test_its_curl_line_works_and_an_interrupt_ends_it(start):
    child = start(ONCE="")
    said = read_until(child, "Ctrl-C ends it")
    line = said[said.index("curl -i ") : said.index("Every alert event")]
    done = subprocess.run(
        ["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, check=True
    )
    head, _, body = done.stdout.partition("\n\n")
    words = f"{head.split()[1]} {json.loads(body)['result']}"
    assert re.fullmatch(TAKEN, words), done.stdout
    # The story's last event may be shown only now.
    said = read_until(child, "try-it-by-hand")
    assert re.search(r"key +try-it-by-hand", said)
    read_until(child, "it shows")
    os.kill(child.pid, signal.SIGINT)
    rest, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "Ended." in rest and "Traceback" not in rest


def test_a_second_one_leaves_the_first_alone(start):
    first = start(ONCE="")
    read_until(first, "Ctrl-C ends it")
    second = start(ONCE=1)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 1 and "another one runs here" in said
    assert f"process {first.pid}: end it with Ctrl-C" in said
    assert re.search(r"on port 18\d\d\d,", said) and "RUN_DIR=" in said
    assert first.poll() is None


def test_a_port_that_is_taken_is_passed_over(start, tmp_path):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", 18080))
            sock.listen()
        except OSError:
            pass  # somebody else has taken it, which will do
        child = start(ONCE=1)
        said, _ = child.communicate(timeout=60)
    assert child.returncode == 0, said
    assert "http://127.0.0.1:18080/" not in said

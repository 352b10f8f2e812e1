"""The shipped file for lighttpd."""

import pathlib
import re
import signal
import subprocess
import threading

import pytest

from world.montecarlo import alert
from world.site import CONF, environment, until

DEBIAN = pathlib.Path("/etc/lighttpd/lighttpd.conf")
SHIPPED = CONF / "bellrelay.conf"


def check_syntax(path):
    done = subprocess.run(
        ["lighttpd", "-tt", "-f", path],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stderr + done.stdout


@pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's lighttpd.conf")
def test_it_fits_into_debians_configuration(tmp_path):
    """As lighty-enable-mod does it, beside another FastCGI program."""
    text = SHIPPED.read_text().replace("/var/log/lighttpd/", f"{tmp_path}/")
    (tmp_path / "50-bellrelay.conf").write_text(text)
    (tmp_path / "60-other.conf").write_text(
        'server.modules += ( "mod_fastcgi" )\n'
        'fastcgi.server += ( ".php" => (( "socket" => "/nonexistent" )) )\n'
    )
    text = DEBIAN.read_text()
    assert 'include "/etc/lighttpd/conf-enabled/*.conf"' in text
    text = text.replace("/etc/lighttpd/conf-enabled/", f"{tmp_path}/")
    text = re.sub(r"(?m)^include_shell.*$", "", text)
    text = text.replace("/var/log/lighttpd/", f"{tmp_path}/")
    (tmp_path / "main").write_text(text)
    said = check_syntax(tmp_path / "main")
    assert "Duplicate" not in said and "WARNING" not in said.upper()


def test_what_a_person_has_to_change_comes_first():
    names = re.findall(r"(?m)^([a-z_.]+) \+?= ", SHIPPED.read_text())
    first = [n for n in names if n.startswith("var.bellrelay_")]
    assert names[: len(first)] == first and len(first) == 5


def test_what_only_begins_alike_is_not_ours(served):
    for path in (".conf", "x/montecarlo", "/../bellrelay.conf"):
        answer = served.post(None, None, path, method="GET")
        assert answer.status_code == 404
        assert "json" not in answer.headers["Content-Type"]


def test_its_path_may_be_written_in_other_ways(served):
    for path in ("/montecarlo", "//montecarlo", "/%6dontecarlo",
                 "/x/../montecarlo"):  # fmt: skip
        assert served.post(alert("a"), path=path).status_code == 200, path


def test_as_many_processes_as_it_says(site):
    site.processes = 3
    site.start()
    until(lambda: len(site.workers()) == 3, "three processes")


def test_a_reload_refuses_nobody(site):
    """SIGUSR1: a graceful restart of lighttpd itself."""
    site.processes = 2
    site.start()
    answers = []
    done = threading.Event()

    def worker():
        k = 0
        while not done.is_set():
            k += 1
            answers.append(site.post(alert(f"k{k}")).status_code)

    thread = threading.Thread(target=worker)
    thread.start()
    try:
        for _ in range(3):
            before = set(site.workers())
            site.lighttpd.send_signal(signal.SIGUSR1)
            until(
                lambda before=before: site.workers()
                and not before & set(site.workers()),
                "other responders",
            )
    finally:
        done.set()
        thread.join(60)
    assert answers and set(answers) <= {200, 202}

"""The Debian package on a machine that was just installed, with a systemd and
lighttpd: installed by apt, set up as README says, upgraded, removed, purged."""

import contextlib
import http.client
import os
import re
import shutil
import subprocess

import pytest

from world import image, text
from world.incidentio import PATIENCE, StandIn
from world.montecarlo import alert, sign
from world.site import ROOT, VERSION, Reply, environment, ticket_id, until

pytestmark = pytest.mark.skipif(
    image.REASON is not None, reason=str(image.REASON)
)

WWW_DATA = 33
ETC = "/etc/bellrelay"
SPOOL = "/var/spool/bellrelay"

#: Beside other processes, which may be first to deliver it, either is yes.
YES = (200, 202)


def package(version=VERSION):
    """The package, of our version or of a later one."""
    subprocess.run(
        ["make", "-s", "deb", f"VERSION={version}"], cwd=ROOT,
        env=environment(), check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    (found,) = (ROOT / "build" / "deb").glob(f"bellrelay_{version}_*.deb")
    return found


class Machine:
    """With lighttpd, and the package installed."""

    def __init__(self, box):
        self.box = box
        self.path = box.path
        box.packages()
        self.apt(package())

    def run(self, command, **kwargs):
        return self.box.run(command, **kwargs).stdout

    def apt(self, path):
        self.box.copy(path, f"/tmp/{path.name}")
        self.run("apt-get update -qq")
        return self.run(
            "apt-get install -y -q --no-install-recommends "
            f"/tmp/{path.name}"
        )

    def restart(self):
        """As README does, but more often than systemd likes."""
        self.run("systemctl reset-failed; service lighttpd restart")
        until(self._listens, "lighttpd")

    def _listens(self):
        with contextlib.suppress(OSError):
            self.box.connect(80).close()
            return True
        return False

    def configure(self, standin):
        """By README's lines, where they differ from those of make install."""
        _, *lines = text.blocks("### A Debian package")[0].splitlines()
        assert lines[0].startswith("apt-get install ./build/deb/")
        self.run("set -e\n" + "\n".join(lines[1:]))
        self.run(f"echo {standin.token} >{ETC}/oncall.token")
        self.run(f"bellrelay secret >{ETC}/montecarlo.secret")
        conf = self.path(f"{ETC}/bellrelay.conf")
        conf.write_text(
            re.sub(r'"https?://.*"', f'"{standin.url()}"', conf.read_text())
        )

    def webhook(self, body):
        secret = self.path(f"{ETC}/montecarlo.secret").read_bytes()
        connection = http.client.HTTPConnection("127.0.0.1", timeout=PATIENCE)
        connection.sock = self.box.connect(80)
        try:
            connection.request(
                "POST", "/bellrelay/montecarlo", body,
                {"Content-Type": "application/json",
                 "x-mcd-signature": sign(body, secret.strip())},
            )  # fmt: skip
            return Reply(connection.getresponse())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def machine():
    tree = image.tree(*image.SYSTEMD, "init-system-helpers", "lighttpd")
    with image.Image(tree, alone=True, first=image.BOOT) as box:
        yield Machine(box)


@pytest.fixture
def standin(machine):
    """On the machine's own loopback."""
    with machine.box.inside(StandIn) as server:
        yield server


@pytest.fixture
def served(machine, standin):
    machine.configure(standin)
    # It complains of what is enabled already.
    machine.run("lighty-enable-mod bellrelay || true")
    machine.restart()
    yield machine
    machine.run("service lighttpd stop")


def test_as_installed_it_has_a_spool_and_says_what_to_do(machine):
    spool = machine.path(SPOOL).stat()
    assert (spool.st_mode & 0o7777, spool.st_uid) == (0o700, WWW_DATA)
    done = machine.box.run("bellrelay check", check=False)
    assert done.returncode == 78
    assert "oncall.token" in done.stdout
    assert "bellrelay:" in machine.path("/etc/passwd").read_text()
    for unit in ("bellrelay.socket", "bellrelay-drain.timer"):
        done = machine.box.run(f"systemctl is-enabled {unit}", check=False)
        assert done.stdout == "disabled\n"


def test_a_webhook_rings_through_lighttpd(served, standin):
    assert "fine" in served.run("bellrelay check")
    answer = served.webhook(alert("packed"))
    assert answer.status_code in YES, answer.text
    until(lambda: standin.alerts().is_open("packed"), "the alert")
    assert "packed" in served.run("bellrelay list --json")
    log = served.path("/var/log/lighttpd/bellrelay.log")
    until(lambda: "result=delivered" in log.read_text(), "the log")


def test_the_lines_of_cron_work(served):
    lines = served.path("/etc/cron.d/bellrelay").read_text()
    found = re.findall(r"(?m)^#?[\d* ]+ root (.*)$", lines)
    assert len(found) == 2
    for line in found:
        served.run(line)


def test_completion_is_there_and_works(served):
    served.path("/root/ask").write_text(
        ". /usr/share/bash-completion/completions/bellrelay\n"
        "COMP_WORDS=(bellrelay test ''); COMP_CWORD=2; _bellrelay\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    assert served.run("bash /root/ask") == "oncall\n"


def test_an_upgrade_keeps_configuration_and_spool(served, standin):
    assert served.webhook(alert("old")).status_code in YES
    spool = served.path(SPOOL)
    os.chown(spool, WWW_DATA, 0)
    conf = served.path(f"{ETC}/bellrelay.conf").read_bytes()
    served.apt(package("9.9.9"))
    assert served.run("bellrelay --version") == "bellrelay 9.9.9\n"
    assert served.path(f"{ETC}/bellrelay.conf").read_bytes() == conf
    assert spool.stat().st_gid == 0, "postinst changed what is there"
    assert "old" in served.run("bellrelay list --json")
    # The old processes serve until lighttpd is told to start new ones.
    assert served.webhook(alert("between")).status_code in YES
    served.restart()
    assert served.webhook(alert("new")).status_code in YES
    for key in ("old", "between", "new"):
        until(lambda k=key: standin.alerts().is_open(k), key)


def test_removed_lighttpd_still_starts_and_all_data_stay(served):
    served.run("apt-get remove -y -q bellrelay")
    assert not served.path("/usr/bin/bellrelay").exists()
    assert served.path(f"{ETC}/bellrelay.conf").exists()
    assert list(served.path(SPOOL).rglob("*.json"))
    served.restart()
    served.apt(package())


def test_a_purge_never_takes_what_did_not_ring(served):
    # Who runs would see that it is no alert.
    served.run("service lighttpd stop")
    waits = served.path(f"{SPOOL}/oncall/pending/{ticket_id('never')}.json")
    waits.parent.mkdir(parents=True, exist_ok=True)
    waits.write_text("{}")
    said = served.run("apt-get purge -y -q bellrelay")
    assert f"{SPOOL} is kept" in said
    assert waits.exists()
    assert not served.path(f"{ETC}/bellrelay.conf").exists()
    assert f"{ETC} is kept" in said
    assert served.path(f"{ETC}/montecarlo.secret").exists()
    served.apt(package())
    for name in ("oncall", "corrupt"):
        shutil.rmtree(served.path(f"{SPOOL}/{name}"))
    served.run("apt-get purge -y -q bellrelay")
    assert not served.path(SPOOL).exists()
    assert not served.path("/etc/cron.d/bellrelay").exists()
    served.apt(package())

"""The Debian package on a machine image: installed by apt, set up as README
says, served by lighttpd, upgraded, removed, purged."""

import contextlib
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

import test_readme as readme
from world.chroot import Image
from world.incidentio import PATIENCE
from world.montecarlo import alert, sign
from world.site import (
    ROOT,
    VERSION,
    Reply,
    environment,
    free_port,
    ticket_id,
    until,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

WWW_DATA = 33

#: Beside other processes, which may be first to deliver it, either is yes.
YES = (200, 202)


def package(version=None):
    """The package, of our version or of a later one."""
    more = [f"VERSION={version}"] if version else []
    subprocess.run(
        ["make", "-s", "deb", *more], cwd=ROOT, env=environment(), check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    name = f"bellrelay_{version or VERSION}_*.deb"
    (found,) = (ROOT / "build" / "deb").glob(name)
    return found


class Machine(Image):
    """With lighttpd, and the package installed."""

    def __init__(self, directory):
        super().__init__(directory)
        self.install("lighttpd", "curl")
        self.apt(package())
        self.port = None
        self.server = None

    def apt(self, path):
        shutil.copy(path, self.root / "tmp")
        return self.install(f"/tmp/{path.name}")

    def serve(self):
        self.port = free_port()
        # Debian's own but for where it listens: on loopback.
        text = re.sub(
            r"(?m)^(server\.(port|bind)|include_shell .*ipv6).*\n", "",
            self.path("/etc/lighttpd/lighttpd.conf").read_text(),
        )  # fmt: skip
        self.write(
            "/etc/lighttpd/lighttpd.conf",
            f'server.port = {self.port}\nserver.bind = "127.0.0.1"\n{text}',
        )
        # As its unit does.
        self.must("install", "-d", "-o", "www-data", "/run/lighttpd")
        self.must("lighttpd", "-tt", "-f", "/etc/lighttpd/lighttpd.conf")
        self.server = self.start(
            "lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf"
        )
        until(self._listens, "lighttpd")

    def _listens(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 5).close()
            return True
        return False

    def stop(self):
        if self.server is not None:
            pid = self.path("/run/lighttpd.pid").read_text()
            os.kill(int(pid), signal.SIGINT)
            self.server.wait(PATIENCE)
            self.server = None

    def webhook(self, body):
        secret = self.path("/etc/bellrelay/montecarlo.secret").read_bytes()
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=PATIENCE
        )
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
def machine(tmp_path_factory):
    place = Machine(tmp_path_factory.mktemp("machine"))
    yield place
    place.stop()


def configure(machine, standin, authority):
    """README's quick start, where the package differs from make install."""
    etc = machine.path("/etc/bellrelay")
    block = next(b for b in readme.blocks("sh") if b.startswith("make deb\n"))
    lines = re.findall(r"(?m)^install .*$", block)
    assert len(lines) == 2
    for line in lines:
        machine.must("sh", "-c", line)
    (etc / "oncall.token").write_text(standin.token + "\n")
    machine.must(
        "sh", "-c", "bellrelay secret >/etc/bellrelay/montecarlo.secret"
    )
    shutil.copy(authority.ca_file, etc / "ca.pem")
    conf = etc / "bellrelay.conf"
    conf.write_text(re.sub(
        r'url += ".*"(\n\tca_file.*)?',
        f'url = "{standin.url()}"\n\tca_file = "ca.pem"', conf.read_text(),
    ))  # fmt: skip


@pytest.fixture
def served(machine, standin, authority):
    configure(machine, standin, authority)
    machine.stop()
    # It complains of what is enabled already.
    machine.run("lighty-enable-mod", "bellrelay")
    machine.serve()
    yield machine
    machine.stop()


def test_as_installed_it_has_a_spool_and_says_what_to_do(machine):
    spool = machine.path("/var/spool/bellrelay").stat()
    assert (spool.st_mode & 0o7777, spool.st_uid) == (0o700, WWW_DATA)
    done = machine.run("bellrelay", "check")
    assert done.returncode == 78
    assert b"oncall.token" in done.stdout
    assert "bellrelay:" in machine.path("/etc/passwd").read_text()


def test_a_webhook_rings_through_lighttpd(served, standin):
    assert served.must("bellrelay", "check").count("fine") == 1
    answer = served.webhook(alert("packed"))
    assert answer.status_code in YES, answer.text
    until(lambda: standin.alerts().is_open("packed"), "the alert")
    assert "packed" in served.must("bellrelay", "list", "--json")
    log = served.path("/var/log/lighttpd/bellrelay.log")
    until(lambda: "result=delivered" in log.read_text(), "the log")


def test_the_line_of_cron_works(served):
    lines = served.path("/etc/cron.d/bellrelay").read_text()
    found = re.findall(r"(?m)^#?[\d* ]+ root (.*)$", lines)
    assert len(found) == 2
    for line in found:
        served.must("sh", "-c", line)


def test_completion_is_there_and_works(served):
    said = served.must(
        "bash", "-c",
        ". /usr/share/bash-completion/completions/bellrelay;"
        "COMP_WORDS=(bellrelay test ''); COMP_CWORD=2; _bellrelay;"
        'echo "${COMPREPLY[@]}"',
    )  # fmt: skip
    assert said == "oncall\n"


def test_an_upgrade_keeps_configuration_and_spool(served, standin):
    assert served.webhook(alert("old")).status_code in YES
    spool = served.path("/var/spool/bellrelay")
    os.chown(spool, WWW_DATA, 0)
    conf = served.path("/etc/bellrelay/bellrelay.conf").read_bytes()
    served.apt(package("0.1.1"))
    assert served.must("bellrelay", "--version") == "bellrelay 0.1.1\n"
    assert served.path("/etc/bellrelay/bellrelay.conf").read_bytes() == conf
    assert spool.stat().st_gid == 0, "postinst changed what is there"
    assert "old" in served.must("bellrelay", "list", "--json")
    # The old processes serve until lighttpd is told to start new ones.
    assert served.webhook(alert("between")).status_code in YES
    served.stop()
    served.serve()
    assert served.webhook(alert("new")).status_code in YES
    for key in ("old", "between", "new"):
        until(lambda k=key: standin.alerts().is_open(k), key)


def test_removed_lighttpd_still_starts_and_all_data_stay(served):
    served.stop()
    served.must("apt-get", "remove", "-y", "-q", "bellrelay")
    assert not served.path("/usr/bin/bellrelay").exists()
    assert served.path("/etc/bellrelay/bellrelay.conf").exists()
    assert list(served.path("/var/spool/bellrelay").rglob("*.json"))
    served.must("lighttpd", "-tt", "-f", "/etc/lighttpd/lighttpd.conf")
    served.apt(package())


def pending(machine, key="never-rang"):
    """A file where an alert waits."""
    path = machine.path("/var/spool/bellrelay/oncall/pending")
    path.mkdir(parents=True, exist_ok=True)
    (path / f"{ticket_id(key)}.json").write_text("{}")
    return path / f"{ticket_id(key)}.json"


def test_a_purge_never_takes_what_did_not_ring(served):
    served.stop()
    waits = pending(served)
    said = served.must("apt-get", "purge", "-y", "-q", "bellrelay")
    assert "/var/spool/bellrelay is kept" in said
    assert waits.exists()
    assert not served.path("/etc/bellrelay/bellrelay.conf").exists()
    assert "/etc/bellrelay is kept" in said
    assert served.path("/etc/bellrelay/montecarlo.secret").exists()
    served.apt(package())
    shutil.rmtree(served.path("/var/spool/bellrelay") / "oncall")
    said = served.must("apt-get", "purge", "-y", "-q", "bellrelay")
    assert not served.path("/var/spool/bellrelay").exists()
    assert not pathlib.Path(f"{served.root}/etc/cron.d/bellrelay").exists()
    served.apt(package())

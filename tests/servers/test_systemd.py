"""The shipped units, run by a systemd: a copy of this machine is booted as
far as need be, with a network of its own, and nothing in the units or in
nginx's file is changed."""

import concurrent.futures
import http.client
import os
import threading

import pytest

from world import behave, image, montecarlo, text
from world.certs import Authority
from world.incidentio import StandIn
from world.montecarlo import alert
from world.site import BIN, ROOT, SECRET, until

HERE = ROOT / "other-conf"

pytestmark = [
    pytest.mark.skipif(image.REASON is not None, reason=str(image.REASON)),
    pytest.mark.skipif(
        not os.access("/lib/systemd/systemd", os.X_OK), reason="no systemd"
    ),
]

CONF = """
spool = "/var/lib/bellrelay"

destination oncall {{
	url        = "{url}"
	token_file = "oncall.token"
	ca_file    = "ca.pem"
	rate       = 6000
}}

source montecarlo {{
	kind        = montecarlo
	secret_file = "montecarlo.secret"
	destination = {{ oncall }}
}}
"""

NGINX = """
user www-data;
events { }
http {
	server {
		listen 127.0.0.1:80;
		include /etc/nginx/snippets/bellrelay.conf;
	}
}
"""


class Machine:
    """The image, and what is asked of it."""

    def __init__(self, box, standin):
        self.box = box
        self.standin = standin

    def run(self, command, **kwargs):
        return self.box.run(command, **kwargs).stdout

    def post(self, key):
        """The status of a signed webhook; OSError without a whole answer."""
        body = alert(key)
        said = montecarlo.sign(body, SECRET.encode())
        connection = http.client.HTTPConnection("127.0.0.1")
        connection.sock = self.box.connect(80)
        try:
            connection.request(
                "POST", "/bellrelay/montecarlo", body,
                {"Content-Type": "application/json", "x-mcd-signature": said},
            )  # fmt: skip
            return connection.getresponse().status
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def state(self, unit="bellrelay.service"):
        return self.run(f"systemctl is-active {unit}", check=False).strip()

    def main(self):
        """The process id inside, 0 if there is none."""
        said = self.run("systemctl show -P MainPID bellrelay.service")
        return int(said)

    def log(self):
        return self.run("journalctl --no-pager -o cat -u bellrelay.service")

    def rings(self, key):
        return self.standin.alerts().is_open(key)

    def install(self):
        """As the heads of the shipped files say."""
        box = self.box
        for name in ("bellrelay.socket", "bellrelay.service",
                     "bellrelay-drain.service", "bellrelay-drain.timer"):  # fmt: skip
            box.copy(HERE / name, f"/etc/systemd/system/{name}")
        box.copy(HERE / "nginx.conf", "/etc/nginx/snippets/bellrelay.conf")
        box.copy(BIN / "bellrelay.fcgi", "/usr/local/lib/bellrelay/bellrelay.fcgi")
        box.copy(BIN / "bellrelay", "/usr/local/bin/bellrelay")
        self.run("adduser --system --group bellrelay")
        self.run("install -d /etc/bellrelay")
        for name, text in (
            ("bellrelay.conf", CONF.format(url=self.standin.url())),
            ("ca.pem", self.standin.authority.ca_file.read_text()),
            ("oncall.token", self.standin.token + "\n"),
            ("montecarlo.secret", SECRET + "\n"),
        ):
            box.path(f"/etc/bellrelay/{name}").write_text(text)
        self.run(
            "cd /etc/bellrelay && chmod 644 bellrelay.conf ca.pem &&"
            " chmod 600 *.token *.secret && chown bellrelay *.token *.secret"
        )
        box.path("/etc/nginx/test.conf").write_text(NGINX)
        self.run("systemctl daemon-reload")
        self.run("systemctl start bellrelay.socket")
        self.run("nginx -c /etc/nginx/test.conf >/dev/null 2>&1")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with image.Image("/", alone=True, first=image.LITTLE) as box:
        with box.inside(lambda: StandIn(authority)) as standin:
            standin.limit.per_minute = 0
            one = Machine(box, standin)
            one.install()
            yield one


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as threads:
        yield threads


def test_the_first_webhook_starts_the_service(machine):
    assert machine.state("bellrelay.socket") == "active"
    assert machine.state() == "inactive"
    said = machine.run("stat -c '%a %U %G' /run/bellrelay/bellrelay.sock")
    assert said == "660 bellrelay www-data\n"
    assert machine.post("first") in (200, 202)
    until(lambda: machine.rings("first"), "the alert")
    assert machine.state() == "active"


def test_it_is_nobody_and_may_do_nothing(machine):
    """And the hardening lets it do its work, as the test before shows."""
    assert machine.post("hardened") == 200
    status = machine.run(f"cat /proc/{machine.main()}/status")
    told = dict(line.split(":\t", 1) for line in status.splitlines())
    uid = machine.run("id -u bellrelay").strip()
    assert set(told["Uid"].split("\t")) == {uid}
    assert told["NoNewPrivs"] == "1" and told["Seccomp"] == "2"
    assert int(told["CapEff"], 16) == int(told["CapBnd"], 16) == 0
    said = machine.run("stat -c '%a %U' /var/lib/bellrelay")
    assert said == "700 bellrelay\n"
    until(lambda: "event=" in machine.log(), "the journal to have it")


def load(machine, pool, prefix, stop, answers):
    """Senders that post until they are told to stop."""

    def sender(n):
        k = 0
        while not stop.is_set():
            k += 1
            key = f"{prefix}-{n}-{k}"
            answers.append((key, machine.post(key)))

    return [pool.submit(sender, n) for n in range(3)]


def under_load(machine, pool, prefix, act, times):
    """act() so often, with webhooks between; (key, answer) of each."""
    stop, answers = threading.Event(), []
    running = load(machine, pool, prefix, stop, answers)
    try:
        for _ in range(times):
            before = len(answers)
            until(lambda b=before: len(answers) >= b + 15, "some load")
            act()
    finally:
        stop.set()
    for one in running:
        one.result(120)
    return answers


def check_all(machine, answers):
    taken = [key for key, status in answers if 200 <= status < 300]
    machine.run("bellrelay drain 2>&1", check=False)
    until(lambda: all(map(machine.rings, taken)), "all that was promised")
    assert [k for k in taken if machine.standin.alerts().opened(k) != 1] == []
    return taken


def test_a_restart_under_load_refuses_nobody_and_loses_nothing(machine, pool):
    """The socket stays; who comes meanwhile waits in it."""
    pids = {machine.main()}

    def restart():
        machine.run("systemctl restart bellrelay.service")
        pids.add(machine.main())

    answers = under_load(machine, pool, "restart", restart, 4)
    assert len(pids) == 5
    assert {status for _, status in answers} <= {200, 202}
    assert len(check_all(machine, answers)) == len(answers)


def test_an_upgrade_under_load_refuses_nobody_and_loses_nothing(machine, pool):
    """The recipe of the README, with the programs that are there."""
    said = text.section("## Other web servers")
    install, restart = "make install", "systemctl restart bellrelay.service"
    assert f"&& {install}`" in said and f"`{restart}`" in said
    for name in ("Makefile", "README.md", "LICENSE", "src", "apache-conf",
                 "lighttpd-conf", "other-conf"):  # fmt: skip
        machine.box.copy(ROOT / name, f"/root/tree/{name}")
    machine.box.copy(BIN, "/root/tree/cgi-bin")

    def upgrade():
        # What is built is not built again.
        built = "-o cgi-bin/bellrelay -o cgi-bin/bellrelay.fcgi"
        machine.run(f"cd /root/tree && {install} -s {built} && {restart}")

    answers = under_load(machine, pool, "upgrade", upgrade, 2)
    assert {status for _, status in answers} <= {200, 202}
    assert len(check_all(machine, answers)) == len(answers)
    runs = machine.run(f"readlink /proc/{machine.main()}/exe").strip()
    assert runs == "/usr/local/lib/bellrelay/bellrelay.fcgi", "not the old one"


def test_a_kill_under_load_loses_nothing(machine, pool):
    """And another process comes by itself."""
    kill = "systemctl kill --kill-who=main -s KILL bellrelay.service"
    answers = under_load(
        machine, pool, "kill", lambda: machine.run(kill, check=False), 2
    )
    check_all(machine, answers)
    until(lambda: machine.post("after-the-kill") in (200, 202), "another")


def test_a_stop_under_load_loses_nothing(machine, pool):
    """The service alone: the socket starts it again."""
    answers = under_load(
        machine, pool, "stop",
        lambda: machine.run("systemctl stop bellrelay.service"), 3,
    )  # fmt: skip
    assert {status for _, status in answers} <= {200, 202}
    assert len(check_all(machine, answers)) == len(answers)


def test_the_timer_delivers_what_waits(machine):
    # What may still be repeated of the tests before is none of this one's.
    machine.standin.decide(
        lambda seen: behave.answer(503) if seen.key == "timer" else None
    )
    assert machine.post("timer") == 202
    machine.run("systemctl stop bellrelay.socket bellrelay.service")
    machine.standin.decide(None)
    # A minute is long: what is shipped, but for the waiting.
    sooner = "/etc/systemd/system/bellrelay-drain.timer.d/sooner.conf"
    machine.run(f"mkdir {os.path.dirname(sooner)}")
    machine.box.path(sooner).write_text(
        "[Timer]\nOnBootSec=1\nOnUnitInactiveSec=1\nRandomizedDelaySec=0\n"
        "AccuracySec=100ms\n"
    )
    machine.run("systemctl daemon-reload")
    machine.run("systemctl start bellrelay-drain.timer")
    until(lambda: machine.rings("timer"), "the timer")
    until(
        lambda: "success" in machine.run(
            "systemctl show -P Result bellrelay-drain.service"
        ),
        "a good end",
    )  # fmt: skip
    machine.run("systemctl stop bellrelay-drain.timer")
    machine.run("systemctl start bellrelay.socket")

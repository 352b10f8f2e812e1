"""The bundle on a machine image, in an account that has a home and nothing
else, served by Apache as that user: by suexec, which passes no environment,
under mod_fcgid and as plain CGI.

It is set up by the commands of README's path for shared hosting, and its line
for cron.
"""

import contextlib
import http.client
import json
import re

import pytest

from world import behave, hosting, image, text
from world.incidentio import PATIENCE, StandIn
from world.montecarlo import alert, sign
from world.site import Reply, until

pytestmark = pytest.mark.skipif(
    image.REASON is not None, reason=str(image.REASON)
)

#: As a host has it: who may do what in a folder is for .htaccess to say.
VHOST = """
ServerName localhost
<VirtualHost *:80>
	DocumentRoot {home}/public_html
	SuexecUserGroup {name} {name}
	<Directory {home}/public_html>
		Require all granted
		AllowOverride All
	</Directory>
</VirtualHost>
"""

EVENTS = """
source events {
	kind        = incidentio
	secret_file = "events.secret"
	destination = { oncall }
}
"""


class Host:
    """The machine, Apache on it, and the account."""

    def __init__(self, box):
        self.box = box
        box.run(f"useradd -m -u {hosting.UID} -s /bin/sh {hosting.NAME}")
        self.account = hosting.Hosting(box.path("/"), hosting.entered(box))
        self.write(
            "/etc/apache2/suexec/www-data", "/home\npublic_html/cgi-bin\n"
        )
        self.write(
            "/etc/apache2/sites-available/000-default.conf",
            VHOST.format(home=hosting.HOME, name=hosting.NAME),
        )
        # As the machine's start makes it.
        box.run("mkdir -p /run/lock && a2enmod suexec rewrite cgid")

    def write(self, name, words):
        self.box.path(name).write_text(words)

    def start(self, fcgid):
        self.fcgid = fcgid
        self.box.run("a2enmod fcgid" if fcgid else "a2dismod fcgid")
        self.server = self.box.start("apachectl", "-DFOREGROUND")
        until(self._listens, "apache")

    def _listens(self):
        with contextlib.suppress(OSError):
            self.box.connect(80).close()
            return True
        return False

    def stop(self):
        self.box.run("kill $(cat /run/apache2/apache2.pid)")
        self.server.wait(PATIENCE)

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", timeout=PATIENCE)
        connection.sock = self.box.connect(80)
        headers = {n.replace("_", "-"): v for n, v in headers.items()}
        try:
            connection.request(method, path, body, headers)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def webhook(self, body):
        return self.ask(
            "POST", "/bellrelay/montecarlo", body,
            Content_Type="application/json",
            X_MCD_Signature=sign(body, self.account.secret()),
        )  # fmt: skip

    def logs(self):
        return "".join(
            path.read_text(errors="replace")
            for path in self.box.path("/var/log/apache2").iterdir()
        )


@pytest.fixture(scope="module")
def host():
    # No systemd, which brings some of the libraries.
    tree = image.tree(
        "apache2", "apache2-suexec-custom", "libapache2-mod-fcgid", "procps"
    )
    with image.Image(tree, alone=True) as box:
        yield Host(box)


@pytest.fixture
def standin(host, authority):
    """On the machine's own loopback."""
    with host.box.inside(lambda: StandIn(authority)) as server:
        yield server


@pytest.fixture(params=["mod_fcgid", "plain CGI"])
def served(host, request, standin, authority):
    """The account by README's own commands, behind Apache."""
    account = host.account
    account.clear()
    archive = hosting.bundle()
    account.bring(archive)
    (block,) = text.blocks("### Shared hosting")
    unpack, edit = block.splitlines()
    assert archive.name in unpack
    assert edit.endswith(" bellrelay/settings")
    account.sh(unpack)
    account.trust(authority.ca_file)
    account.edit(url=standin.url(), token=standin.token)
    account.minute()
    assert "bellrelay is installed" in account.setup_log()
    host.start(request.param == "mod_fcgid")
    yield host
    host.stop()
    assert standin.token not in host.logs()
    assert account.secret().decode() not in host.logs()


def test_none_of_our_libraries_is_on_the_machine(host):
    listed = host.box.run("dpkg-query -W -f '${Package} '").stdout
    for name in ("libfcgi0ldbl", "libconfuse2", "libjson-c5"):
        assert name not in listed
    assert "-dev " not in listed


def test_a_webhook_rings(served, standin):
    answer = served.webhook(alert("hosted"))
    assert answer.status_code == 200, (answer.text, served.logs()[-4000:])
    assert answer.json()["result"] == "delivered"
    assert standin.alerts().is_open("hosted")
    assert standin.complaints() == []


def test_it_is_the_user_who_runs_it(served):
    assert served.webhook(alert("whose")).status_code == 200
    for path in served.account.private.rglob("*"):
        assert path.lstat().st_uid == hosting.UID, path
    log = served.box.path("/var/log/apache2/suexec.log").read_text()
    assert re.search(rf"uid: \({hosting.UID}/{hosting.NAME}\).*bellrelay", log)
    if served.fcgid:
        runs = served.box.run("ps -o user:20=,args= -e").stdout
        assert re.search(rf"(?m)^{hosting.NAME} .*bellrelay\.fcgi", runs), runs


def test_who_proves_nothing_is_refused(served, standin):
    answer = served.ask(
        "POST", "/bellrelay/montecarlo", alert("x"), x_mcd_signature="0" * 128
    )
    assert answer.status_code == 403
    assert answer.json()["title"] == "Forbidden"
    assert standin.history() == []


def test_authorization_reaches_it(served, standin):
    account = served.account
    with open(account.private / "bellrelay.conf", "a") as conf:
        conf.write(EVENTS)
    account.keep("events.secret", "a-bearer-token")
    event = json.dumps({
        "title": "One", "deduplication_key": "one", "status": "firing",
    })  # fmt: skip
    for token, status in (("a-bearer-token", 202), ("another", 403)):
        answer = served.ask(
            "POST", "/bellrelay/v2/alert_events/http/events", event,
            Content_Type="application/json", Authorization=f"Bearer {token}",
        )  # fmt: skip
        assert answer.status_code == status, answer.text
    assert standin.alerts().is_open("one")


def test_healthz_answers(served):
    answer = served.ask("GET", "/bellrelay/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_no_file_is_shown_to_visitors(served):
    """Not even those that somebody put where they do not belong."""
    account = served.account
    web = account.web
    stray = ["bellrelay.conf", "x.secret", "x.token", "notes.txt",
             "spool/README", "lib/bellrelay.conf"]  # fmt: skip
    for name in stray:
        path = web / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("not for visitors")
        path.chmod(0o644)
        account.own(path)
    (web / "lib").chmod(0o755)
    names = stray + [
        "", "lib", "lib/", "spool/", ".htaccess", "bellrelay",
        "bellrelay-ca.pem", "lib/libcurl.so.4", "../.bellrelay/spool/README",
        "..%2f.bellrelay/bellrelay.conf", "bellrelay.fcgi/../x.secret",
    ]  # fmt: skip
    for name in names:
        answer = served.ask("GET", f"/bellrelay/{name}")
        # 405: it is the program that answers, of a source of that name.
        assert answer.status_code in (301, 400, 403, 404, 405), name
        assert "not for visitors" not in answer.text
        assert b"\x7fELF" not in answer.content
        assert "BEGIN CERTIFICATE" not in answer.text
        assert "Index of" not in answer.text
        assert hosting.HOME not in answer.text


def test_what_waits_is_delivered_by_the_cron_line(served, standin):
    standin.script(behave.answer(503))
    assert served.webhook(alert("later")).status_code == 202
    until(lambda: served.account.minute().returncode == 0, "cron")
    until(lambda: standin.alerts().is_open("later"), "the alert")


def test_setup_by_hand_says_the_same_at_once(served, standin):
    assert "`sh bellrelay/setup`" in text.section("### Shared hosting")
    said = served.account.sh("sh bellrelay/setup")
    assert "bellrelay is installed" in said
    served.account.sh(re.search(r"Ring once: (.*)", said).group(1))
    assert len(standin.events()) == 2


def test_a_new_version_is_set_up_beneath_a_running_server(
    served, standin, authority
):
    assert served.webhook(alert("before")).status_code == 200
    account = served.account
    program = account.web / "bellrelay.fcgi"
    before = program.stat().st_ino
    account.unpack(hosting.bundle())
    account.trust(authority.ca_file)
    account.minute()
    assert "bellrelay is installed" in account.setup_log()
    assert program.stat().st_ino != before
    assert served.webhook(alert("after")).status_code in (200, 202)
    until(lambda: standin.alerts().is_open("after"), "the alert")

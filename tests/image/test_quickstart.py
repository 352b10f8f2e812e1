"""The quick starts of README.md, followed word for word on a machine that was
just installed, under a systemd of its own.

Replaced is what the reader has to replace: the address of the repository, his
alert source with its token, and the name of his machine.  The machine has
loopback alone, and apt.
"""

import re
import shutil
import subprocess

import pytest

from world import image, text
from world.incidentio import StandIn
from world.site import ROOT

pytestmark = pytest.mark.skipif(
    image.REASON is not None, reason=str(image.REASON)
)

ALL = "## Quick start"
WEB = "### You have Apache or lighttpd"
SMALL = "### A small machine with nothing on it"
URL = "https://api.incident.io/v2/alert_events/http/01HXYZ"
SECRET = "/etc/bellrelay/montecarlo.secret"

#: What Debian's installer always puts there.
DEBIAN = (*image.SYSTEMD, "adduser", "ca-certificates", "init-system-helpers",
          "iproute2", "procps")  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The tree as it stands here, to be cloned."""
    at = tmp_path_factory.mktemp("repository")
    names = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (at / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, at / name)
    for words in (["init", "-q"], ["add", "-A"],
                  ["-c", "user.name=n", "-c", "user.email=n@example.com",
                   "commit", "-qm", "all"]):  # fmt: skip
        subprocess.run(["git", *words], cwd=at, check=True)
    return at


class Reader:
    """Who follows the text, in one shell after the other."""

    def __init__(self, box, standin):
        self.box = box
        self.words = {
            "URL-OF-THIS-REPOSITORY": "file:///srv/bellrelay",
            "YOUR-TOKEN": standin.token,
            URL: standin.url(),
        }
        self.here = "/root"

    def follow(self, block):
        """A block as it is, in a shell that stops at the first failure."""
        block = text.replaced(block, self.words)
        said = self.box.run(
            f"cd {self.here}\nset -e\n{block}\npwd >/run/here\n"
        ).stdout
        self.here = self.box.path("/run/here").read_text().strip()
        return said

    def write(self, name, block):
        self.box.path(name).write_text(text.replaced(block, self.words))


def opened(tree, repository, do):
    """Run do(reader, standin) on a new machine."""
    with image.Image(tree, alone=True, first=image.BOOT) as box:
        box.packages()
        box.copy(repository, "/srv/bellrelay")
        with box.inside(StandIn) as standin:
            do(Reader(box, standin), standin)


def configure(reader, **words):
    (conf,) = text.blocks(WEB, "conf")
    reader.words.update(words)
    reader.write("/etc/bellrelay/bellrelay.conf", conf)


def is_ringing(said, standin):
    assert " 200" in said and '"result":"delivered"' in said, said
    assert "firing" in said, said
    (key,) = re.findall(r'"deduplication_key":"([^"]+)"', said)
    assert standin.alerts().is_open(key)


@pytest.mark.parametrize("server", ["lighttpd", "apache2"])
def test_who_has_a_web_server(server, repository):
    """It is there already: the machine has it before the text begins."""
    build, check, lighttpd, apache, ring = text.blocks(WEB)

    def follow(reader, standin):
        reader.follow(build)
        assert not reader.box.path("/usr/sbin/policy-rc.d").exists()
        configure(reader)
        said = reader.follow(check)
        assert "fine" in said and said.count("accepted, HTTP 202") == 2
        said = reader.follow(lighttpd if server == "lighttpd" else apache)
        assert '{"status":"ok"' in said, said
        is_ringing(reader.follow(ring), standin)

    opened(image.tree(*DEBIAN, server), repository, follow)


def test_a_small_machine_with_nothing_on_it(repository):
    build, systemd, last = text.blocks(SMALL)
    _, check, _, _, ring = text.blocks(WEB)
    (site,) = text.blocks(SMALL, "")
    spool = 'spool = "/var/lib/bellrelay"'
    assert f"`{spool}`" in text.section(SMALL)

    def follow(reader, standin):
        reader.follow(build)
        configure(reader, **{'spool = "/var/spool/bellrelay"': spool})
        said = reader.follow(check)
        assert "fine" in said and said.count("accepted, HTTP 202") == 2
        reader.follow(systemd)
        # No authority of the world's reaches this machine: Caddy's own.
        reader.box.run("echo 127.0.0.1 hooks.example.com >>/etc/hosts")
        reader.words["respond 404"] = "respond 404\n\ttls internal"
        reader.write("/etc/caddy/Caddyfile", site)
        root = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
        trust = f"until [ -e {root} ]; do sleep 0.1; done"
        trust += f"\nexport CURL_CA_BUNDLE={root}"
        first, curl = last.split("\n", 1)
        said = reader.follow(f"{first}\n{trust}\n{curl}")
        assert '{"status":"ok"' in said, said
        at = "https://hooks.example.com/bellrelay"
        assert "http://127.0.0.1/bellrelay" in ring
        reader.words["http://127.0.0.1/bellrelay"] = at
        is_ringing(reader.follow(f"{trust}\n{ring}"), standin)
        said = reader.follow("journalctl -u bellrelay")
        assert "result=delivered" in said

    opened(image.tree(*DEBIAN), repository, follow)

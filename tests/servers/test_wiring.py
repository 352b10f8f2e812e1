"""`bellrelay doctor URL` at each web server, with the file that is shipped for
it, and with what is often forgotten taken out again."""

import json

import pytest

from world import servers
from world.certs import Authority
from world.incidentio import StandIn

STATUS = "Io_7-status-token-" + "k3" * 12
KINDS = {
    "lighttpd": servers.Lighttpd,
    "lighttpd-spawn-fcgi": servers.LighttpdExternal,
    "apache-mod_fcgid": servers.ApacheFcgid,
    "apache-mod_cgid": servers.ApacheCgid,
    "apache-mod_proxy_fcgi": servers.ApacheProxy,
    "htaccess-mod_fcgid": servers.HtaccessFcgid,
    "htaccess-cgi-bin": servers.HtaccessCgi,
    "nginx": servers.Nginx,
    "caddy": servers.Caddy,
}


@pytest.fixture
def standin(tmp_path):
    with StandIn(Authority(tmp_path / "authority")) as server:
        yield server


def doctor(site):
    """The texts about the web server, by how grave they are."""
    done = site.cli("doctor", site.url(), "--json")
    found = {"ok": [], "note": [], "warning": [], "failure": []}
    for one in json.loads(done.stdout)["findings"]:
        if one["what"] == "web server":
            found[one["finding"]].append(one["text"] + " -> " + one.get("cure", ""))
    return found


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_the_shipped_file_gives_doctor_nothing_to_say(standin, kind):
    with kind(standin) as site:
        # Caddy says of everybody that it speaks for another.
        token = site.write(site.etc / "status.token", STATUS + "\n")
        site.secrets.add(STATUS)
        site.configure(top={"status_token_file": token})
        site.start()
        found = doctor(site)
        # The host's own limit, which a .htaccess cannot change.
        if kind is servers.HtaccessFcgid:
            (only,) = found.pop("failure")
            assert "FcgidMaxRequestLen" in only
            found["failure"] = []
        assert found["failure"] == found["warning"] == [], found
        assert any("Authorization is passed on" in text for text in found["ok"])
        assert any("who owns the spool" in text for text in found["ok"])
        site.stop()


@pytest.mark.parametrize("kind", [
    servers.ApacheFcgid, servers.ApacheCgid, servers.ApacheProxy,
])
def test_an_authorization_that_apache_keeps_is_seen(standin, kind, monkeypatch):
    text = kind.text

    def forgetful(self, *args):
        return text(self, *args).replace("CGIPassAuth On", "")

    monkeypatch.setattr(kind, "text", forgetful)
    with kind(standin) as site:
        site.start()
        (failure,) = doctor(site)["failure"]
        assert "Authorization is not passed on" in failure
        assert "CGIPassAuth On" in failure
        site.stop()

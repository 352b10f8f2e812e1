"""A signed webhook over https, TLS ended by the web server itself."""

import contextlib
import http.client
import json
import socket
import ssl

import pytest

from world import servers
from world.certs import Authority
from world.incidentio import StandIn
from world.montecarlo import alert
from world.site import until


class LighttpdTls(servers.Lighttpd):
    """With mod_openssl and a certificate of an authority of our own."""

    def main(self, port):
        command = super().main(port)
        pem = self.write(self.etc / "server.pem", self.certificate.read_bytes())
        with open(self.dir / "run.conf", "a") as conf:
            conf.write(
                'server.modules += ( "mod_openssl" )\n'
                'ssl.engine = "enable"\n'
                f'ssl.pemfile = "{pem}"\n'
            )
        return command

    def trusted(self):
        return ssl.create_default_context(cafile=self.standin.authority.ca_file)


class CaddyTls(servers.Caddy):
    """With the certificate that Caddy makes by itself."""

    def main(self, port):
        command = super().main(port)
        path = self.dir / "Caddyfile"
        text = path.read_text()
        text = text.replace("auto_https off", "auto_https disable_redirects")
        text = text.replace("admin off", "admin off\n\tskip_install_trust")
        text = text.replace(
            f"http://127.0.0.1:{port} {{",
            f"https://localhost:{port} {{\n\ttls internal",
        )
        self.write(path, text)
        return command

    def trusted(self):
        root = self.dir / "run/caddy/pki/authorities/local/root.crt"
        until(root.exists, "Caddy's authority")
        return ssl.create_default_context(cafile=root)


@pytest.fixture(
    scope="module",
    params=[LighttpdTls, CaddyTls],
    ids=["lighttpd-mod_openssl", "caddy-internal"],
)
def place(request, tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with StandIn(authority) as standin:
        with request.param(standin, processes=2) as site:
            authority.context()
            site.certificate = authority.directory / "good.pem"
            site.start()
            until(lambda: shakes_hands(site), "the certificate")
            yield site


def shakes_hands(site):
    """Caddy listens before it has made its certificate."""
    with contextlib.suppress(OSError):
        with socket.create_connection(("localhost", site.port), 60) as sock:
            context = site.trusted()
            context.wrap_socket(sock, server_hostname="localhost").close()
            return True
    return False


def post(site, key, signature=None):
    body = alert(key)
    connection = http.client.HTTPSConnection(
        "localhost", site.port, timeout=60, context=site.trusted()
    )
    try:
        connection.request(
            "POST", site.base + "/montecarlo", body,
            {"Content-Type": "application/json",
             "x-mcd-signature": signature or site.sign(body)},
        )  # fmt: skip
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_signed_webhook_rings_over_https(place):
    status, said = post(place, "tls")
    assert status in (200, 202) and said["result"] in ("delivered", "queued")
    until(lambda: place.standin.alerts().is_open("tls"), "the alert")


def test_over_https_a_wrong_proof_is_refused_in_words(place):
    status, said = post(place, "forged", "0" * 128)
    assert status == 403 and said["status"] == 403
    assert not place.standin.alerts().is_open("forged")


def test_who_does_not_know_the_authority_is_not_served(place):
    connection = http.client.HTTPSConnection("localhost", place.port)
    with pytest.raises(ssl.SSLError):
        connection.request("GET", "/")

"""Certificates for a server on loopback: a good one, and the usual bad ones."""

import datetime
import ipaddress
import ssl
import threading
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = ("localhost", "127.0.0.1", "::1")

DAY = datetime.timedelta(days=1)

#: name -> (signed by, hosts, begin, end) with times in days from now
KINDS = {
    "good": ("ca", HOSTS, -1, 30),
    "wrong-host": ("ca", ("elsewhere.example",), -1, 30),
    "expired": ("ca", HOSTS, -30, -1),
    "not-yet": ("ca", HOSTS, 1, 30),
    "self-signed": (None, HOSTS, -1, 30),
    "stranger": ("stranger", HOSTS, -1, 30),
}


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _begin(subject, issuer, key, begin, end):
    now = datetime.datetime.utcnow()
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begin * DAY)
        .not_valid_after(now + end * DAY)
    )


def _pem_key(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


class Authority:
    """A certificate authority of our own, and what it has signed.

    `ca_file` is what a client is to trust.
    """

    def __init__(self, directory):
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self._signers = {}
        self._contexts = {}
        self._lock = threading.Lock()
        self.ca_file = directory / "ca.pem"
        certificate = self._signer("ca")[1]
        self.ca_file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
        )
        self.ca_file.chmod(0o644)

    def _signer(self, name):
        if name not in self._signers:
            key = ec.generate_private_key(ec.SECP256R1())
            subject = f"bellrelay test authority {name}"
            builder = _begin(subject, subject, key, -40, 400)
            builder = builder.add_extension(
                x509.BasicConstraints(ca=True, path_length=0), critical=True
            )
            self._signers[name] = (key, builder.sign(key, hashes.SHA256()))
        return self._signers[name]

    def _issue(self, kind):
        signer, hosts, begin, end = KINDS[kind]
        key = ec.generate_private_key(ec.SECP256R1())
        issuer, sign_key = hosts[0], key
        if signer is not None:
            sign_key, certificate = self._signer(signer)
            issuer = certificate.subject.get_attributes_for_oid(
                NameOID.COMMON_NAME
            )[0].value
        builder = _begin(hosts[0], issuer, key, begin, end)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_alternative(h) for h in hosts]),
            critical=False,
        )
        certificate = builder.sign(sign_key, hashes.SHA256())
        path = self.directory / f"{kind}.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            _pem_key(key) + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return path

    def context(self, kind="good"):
        """A server's TLS context; "old-tls" speaks nothing newer than 1.1."""
        with self._lock:
            if kind not in self._contexts:
                self._contexts[kind] = self._make_context(kind)
            return self._contexts[kind]

    def _make_context(self, kind):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        if kind == "old-tls":
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = ssl.TLSVersion.TLSv1_1
        else:
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(
            self._issue("good" if kind == "old-tls" else kind)
        )
        return context

"""make bundle: unpacked, set up and run in an account of a machine that has
nothing but the C library and a shell."""

import os
import re
import shutil
import stat
import subprocess
import tarfile

import pytest

import test_readme as readme
from world import behave, fastcgi, hosting
from world.montecarlo import alert, sign
from world.site import until

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root, for chroot and mounts"
)

ALERT = alert("of-a-bundle")
PLACEHOLDER = "https://api.incident.io/v2/alert_events/http/01HXYZ"


@pytest.fixture(scope="module")
def archive():
    return hosting.bundle()


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    root = tmp_path_factory.mktemp("machine")
    yield hosting.bare(root).root
    shutil.rmtree(root)


@pytest.fixture
def account(machine, archive):
    """A fresh one, with the bundle unpacked."""
    place = hosting.Hosting(machine, hosting.rooted(machine))
    place.unpack(archive)
    return place


@pytest.fixture
def ready(account, standin, authority):
    """The same, set up for the stand-in; what setup said is in `said`."""
    account.edit(url=standin.url(), token=standin.token)
    done = account.setup()
    assert done.returncode == 0, done.stderr
    account.said = done.stdout.decode()
    account.trust(authority.ca_file)
    return account


def webhook(account, body=ALERT, **more):
    """As plain CGI, with the environment that suexec leaves."""
    done = account.run(
        f"{hosting.WEB}/bellrelay.fcgi", "arguments=are&ignored",
        stdin=body,
        env={
            "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1",
            "REQUEST_METHOD": "POST", "REMOTE_ADDR": "192.0.2.1",
            "SCRIPT_NAME": "/bellrelay/bellrelay.fcgi",
            "PATH_INFO": "/montecarlo", "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_MCD_SIGNATURE": sign(body, account.secret()), **more,
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return fastcgi.Answer(done.stdout, done.stderr, True, 0)


# ---- the archive ----


def test_the_archive_holds_one_directory_and_no_odd_file(archive):
    assert archive.name in readme.section("### Shared hosting")
    with tarfile.open(archive) as tar:
        for member in tar:
            assert member.name.split("/")[0] == "bellrelay"
            assert member.isfile() or member.isdir()
            assert not member.mode & (stat.S_IWGRP | stat.S_IWOTH | 0o6000)
        assert tar.getmember("bellrelay/settings").mode == 0o600
        names = tar.getnames()
    assert not [n for n in names if re.search(r"/lib(c|m|resolv)\.so|/ld-", n)]
    for library in ("libcurl.so.4", "libcrypto.so.3", "libfcgi.so.0"):
        assert f"bellrelay/web/lib/{library}" in names
    licences = [n for n in names if n.startswith("bellrelay/licences/")]
    assert len(licences) > 20


def test_each_library_of_it_has_its_licence(account):
    bundle = account.home / "bellrelay"
    there = {path.name for path in (bundle / "licences").iterdir()}
    names = {path.name for path in (bundle / "web" / "lib").iterdir()}
    done = subprocess.run(
        ["dpkg", "-S", *(f"*/{name}" for name in names)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for line in done.stdout.splitlines():
        package, path = re.split(r"(?::\w+)?: ", line)
        if package in there:
            names.discard(path.rpartition("/")[2])
    assert names == set()


def test_it_needs_the_c_library_that_it_says(account):
    needed = set()
    web = account.home / "bellrelay" / "web"
    for path in [web / "bellrelay", *(web / "lib").iterdir()]:
        said = subprocess.run(
            ["objdump", "-T", path], capture_output=True, text=True, check=True
        ).stdout
        needed |= set(re.findall(r"GLIBC_(2[.\d]+)", said))
    newest = max(needed, key=lambda v: [int(n) for n in v.split(".")])
    assert account.glibc_needed() == newest


def test_all_other_libraries_are_its_own(ready):
    for program in ("bellrelay", "bellrelay.fcgi"):
        done = ready.run(
            f"{hosting.WEB}/{program}", env={"LD_TRACE_LOADED_OBJECTS": "1"}
        )
        found = re.findall(r"=> (\S+)", done.stdout.decode())
        assert len(found) > 20, done
        for path in found:
            assert path.startswith(f"{hosting.WEB}/lib/") or re.search(
                r"/lib(c|m|resolv)\.so\.\d+$", path
            ), path


# ---- setting it up ----


def test_one_file_is_edited_and_all_is_there(ready):
    assert "bellrelay is installed" in ready.said
    modes = {
        ready.private: 0o700,
        ready.private / "spool": 0o700,
        ready.private / "bellrelay.conf": 0o600,
        ready.private / "oncall.token": 0o600,
        ready.private / "montecarlo.secret": 0o600,
        ready.web: 0o755,
        ready.web / ".htaccess": 0o644,
        ready.web / "lib": 0o700,
        ready.web / "bellrelay": 0o700,
        ready.web / "bellrelay.fcgi": 0o755,
    }
    for path, mode in modes.items():
        assert path.stat().st_mode & 0o7777 == mode, path
        assert path.stat().st_uid == hosting.UID
    assert len(ready.secret()) > 40
    done = ready.run(f"{hosting.WEB}/bellrelay", "check")
    assert (done.returncode, b"warning" in done.stderr) == (0, False), done


def test_its_certificates_are_trusted_where_nothing_else_is_said(ready):
    done = ready.run(f"{hosting.WEB}/bellrelay", "check")
    told = f'ca_file = "{hosting.WEB}/bellrelay-ca.pem"'
    assert told in done.stdout.decode()


@pytest.mark.parametrize(
    "wrong,why",
    [
        ({"token": "x"}, "url in settings is empty"),
        ({"url": PLACEHOLDER}, "token in settings is empty"),
        ({"url": 'https://x/"', "token": "x"}, "this is no URL"),
        (
            {"url": PLACEHOLDER, "token": "x", "document_root": "www"},
            "www: no such folder",
        ),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_made(account, wrong, why):
    account.edit(**wrong)
    done = account.setup()
    assert done.returncode != 0
    assert why in done.stderr.decode()
    assert not account.web.exists()
    assert not account.private.exists()


def test_a_url_that_is_not_to_be_used_is_refused_by_check(account):
    account.edit(url="http://api.example.com/", token="x")
    done = account.setup()
    assert done.returncode != 0
    assert "url" in done.stderr.decode()


def test_a_secret_of_ones_own_is_taken(account, standin):
    account.edit(url=standin.url(), token=standin.token, secret="s3cret/$`x")
    assert account.setup().returncode == 0
    assert account.secret() == b"s3cret/$`x"


def test_again_it_keeps_what_was_made_and_renews_the_programs(ready, standin):
    conf = ready.private / "bellrelay.conf"
    conf.write_text("# mine\n" + conf.read_text())
    secret = ready.secret()
    assert webhook(ready).status == 200
    # What still runs of it cannot be written to.
    (ready.web / "bellrelay.fcgi").unlink()
    (ready.web / "bellrelay.fcgi").write_text("an older one")
    assert ready.setup().returncode == 0
    assert conf.read_text().startswith("# mine\n")
    assert ready.secret() == secret
    (program,) = (ready.home / "bellrelay" / "web").glob("*.fcgi")
    assert (ready.web / "bellrelay.fcgi").read_bytes() == program.read_bytes()
    assert [p for p in ready.web.rglob("*.new")] == []
    assert standin.alerts().is_open("of-a-bundle")


def test_another_url_in_settings_changes_neither_it_nor_the_token(ready):
    """They are a pair: a new token to the old URL is refused by it."""
    conf = (ready.private / "bellrelay.conf").read_text()
    token = (ready.private / "oncall.token").read_bytes()
    ready.edit(url="https://api.example.com/other", token="another-token")
    done = ready.setup()
    assert done.returncode != 0
    assert b"url in settings is not the one of" in done.stderr
    assert (ready.private / "bellrelay.conf").read_text() == conf
    assert (ready.private / "oncall.token").read_bytes() == token


# ---- running ----


def test_a_webhook_rings_by_cgi_without_any_environment(ready, standin):
    answer = webhook(ready)
    assert (answer.status, answer.stderr.count(b"\n")) == (200, 2)
    assert standin.alerts().is_open("of-a-bundle")
    assert standin.complaints() == []


def test_a_stranger_is_refused(ready, standin):
    assert webhook(ready, HTTP_X_MCD_SIGNATURE="0" * 128).status == 403
    assert standin.history() == []


def test_what_waits_is_delivered_by_the_cron_line_alone(ready, standin):
    standin.script(behave.answer(503))
    assert webhook(ready).status == 202
    until(lambda: ready.cron(ready.said).returncode == 0, "cron to deliver it")
    assert standin.alerts().is_open("of-a-bundle")
    log = (ready.private / "log").read_text()
    assert "event=delivery result=delivered" in log
    assert standin.token not in log


def test_the_other_lines_that_setup_prints_work(ready, standin):
    test = re.search(r"2\. Ring once: (.*)", ready.said).group(1)
    ready.sh(test)
    assert len(standin.events()) == 2
    prune = re.search(r"(?m)^17 4 \* \* \* (.*)", ready.said).group(1)
    ready.sh(prune)
    assert f"secret that stands in {hosting.HOME}/.bellrelay/" in ready.said


def test_the_command_line_is_not_for_the_web(ready):
    done = ready.run(
        f"{hosting.WEB}/bellrelay", "list", env={"REQUEST_METHOD": "GET"}
    )
    assert done.stdout.startswith(b"Status: 403 ")

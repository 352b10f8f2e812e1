"""make bundle: unpacked, set up and run in an account of a machine that has
nothing but the C library and a shell."""

import concurrent.futures
import contextlib
import os
import pathlib
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
    account.trust(authority.ca_file)
    account.edit(url=standin.url(), token=standin.token)
    done = account.setup()
    assert done.returncode == 0, done.stderr
    account.said = done.stdout.decode()
    return account


@pytest.fixture
def edited(account, standin, authority):
    """Unpacked and edited; nothing has been run."""
    account.trust(authority.ca_file)
    account.edit(url=standin.url(), token=standin.token)
    return account


def tree(account):
    """Each file with what changes when somebody writes to it; but for the log
    of the drains and the spool."""
    places = (account.home / "bellrelay", account.private, account.web)
    stats = {
        path: path.lstat()
        for place in places
        for path in place.rglob("*")
        if path.is_file() and "spool" not in path.parts
    }
    stats.pop(account.private / "log", None)
    stats.pop(account.home / "bellrelay" / "lock", None)
    return {path: (s.st_ino, s.st_ctime_ns) for path, s in stats.items()}


@contextlib.contextmanager
def busy(account):
    """Another one is at it, until its end of input."""
    other = account.start(
        "exec 9>>bellrelay/lock; flock 9; echo held; read -r end"
    )
    with other:
        assert other.stdout.readline() == b"held\n"
        yield other


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


@pytest.mark.parametrize("wrong", [PLACEHOLDER, "http://x.org/", "x.org"])
def test_a_url_that_was_wrong_is_mended_in_settings(account, standin, wrong):
    account.edit(url=wrong, token="of-another")
    account.setup()
    account.edit(url=standin.url(), token=standin.token)
    assert account.setup().returncode == 0
    conf = (account.private / "bellrelay.conf").read_text()
    assert f'"{standin.url()}"' in conf
    assert wrong not in conf
    token = (account.private / "oncall.token").read_text()
    assert token == f"{standin.token}\n"


def test_another_url_without_its_token_is_refused(ready):
    conf = (ready.private / "bellrelay.conf").read_text()
    ready.edit(url=PLACEHOLDER, token="")
    done = ready.setup()
    assert done.returncode != 0
    assert b"token in settings is empty" in done.stderr
    assert (ready.private / "bellrelay.conf").read_text() == conf


def test_where_the_configuration_was_edited_it_changes_nothing(ready):
    """URL and token are a pair: a new token to the old URL is refused by it."""
    conf = ready.private / "bellrelay.conf"
    conf.write_text(conf.read_text() + "# mine\n")
    before = conf.read_text()
    token = (ready.private / "oncall.token").read_bytes()
    ready.edit(url="https://api.example.com/other", token="another-token")
    done = ready.setup()
    assert done.returncode != 0
    assert b"url in settings is not the one of" in done.stderr
    assert conf.read_text() == before
    assert (ready.private / "oncall.token").read_bytes() == token


# ---- by cron alone ----


def test_unpacked_edited_and_a_minute_later_it_rings(edited, standin):
    edited.minute()
    assert "bellrelay is installed" in edited.setup_log()
    assert webhook(edited).status == 200
    assert standin.alerts().is_open("of-a-bundle")
    assert standin.complaints() == []


@pytest.mark.parametrize("env", [{}, {"HOME": hosting.HOME}])
def test_it_needs_next_to_nothing_of_crons_environment(edited, env):
    edited.minute(env)
    assert "bellrelay is installed" in edited.setup_log()
    assert edited.minute(env).returncode == 0
    assert not (edited.private / "log").read_text()


def test_what_it_makes_is_for_nobody_else(edited):
    settings = edited.home / "bellrelay" / "settings"
    settings.chmod(0o644)
    edited.minute()
    assert settings.stat().st_mode & 0o777 == 0o600
    assert edited.private.stat().st_mode & 0o777 == 0o700
    log = edited.home / "bellrelay" / "setup.log"
    for path in (log, *edited.private.rglob("*")):
        if path.is_file() and not path.is_symlink():
            assert path.stat().st_mode & 0o077 == 0, path
    assert edited.secret().decode() not in log.read_text()


def test_the_sample_as_it_is_makes_nothing_and_says_what_is_to_do(account):
    assert account.minute().returncode == 0
    said = account.setup_log()
    assert "url in settings is empty" in said
    assert f"before {hosting.HOME}/bellrelay/settings is saved again" in said
    assert not account.web.exists()
    assert not (account.private / "bellrelay.conf").exists()


def test_the_next_minute_changes_nothing(edited):
    edited.minute()
    before = tree(edited)
    assert len(before) > 50
    assert edited.minute().returncode == 0
    assert tree(edited) == before


def test_what_failed_is_not_tried_again_with_the_same_settings(account):
    account.edit(url=PLACEHOLDER)
    account.minute()
    assert "token in settings is empty" in account.setup_log()
    before = tree(account)
    account.minute()
    assert tree(account) == before


def test_settings_are_applied_again_when_they_are_saved(edited, standin):
    edited.edit(document_root="www")
    edited.minute()
    assert "www: no such folder" in edited.setup_log()
    edited.edit(document_root="public_html", secret="of-my-own")
    edited.minute()
    assert "bellrelay is installed" in edited.setup_log()
    assert edited.secret() == b"of-my-own"
    assert webhook(edited).status == 200
    edited.edit(secret="another")
    edited.minute()
    assert edited.secret() == b"another"
    assert standin.alerts().is_open("of-a-bundle")


def test_so_they_are_when_what_stood_in_the_way_is_gone(edited):
    edited.edit(document_root="www")
    edited.minute()
    edited.sh("mkdir www")
    edited.edit()
    edited.minute()
    assert "bellrelay is installed" in edited.setup_log()


def test_a_configuration_that_was_edited_is_checked(edited):
    edited.minute()
    conf = edited.private / "bellrelay.conf"
    whole = conf.read_text()
    conf.write_text("nonsense " + whole)
    edited.minute()
    assert "nonsense" in edited.setup_log()
    conf.write_text(whole)
    edited.minute()
    assert "bellrelay is installed" in edited.setup_log()


def test_a_newer_archive_is_unpacked_and_no_more(edited, archive, authority):
    edited.minute()
    secret = edited.secret()
    program = edited.web / "bellrelay.fcgi"
    program.unlink()
    program.write_text("an older one")
    edited.unpack(archive)
    edited.trust(authority.ca_file)
    edited.minute()
    assert "bellrelay is installed" in edited.setup_log()
    assert program.stat().st_size > 100_000
    assert edited.secret() == secret
    assert webhook(edited).status == 200


def test_several_at_once_do_it_once(edited):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(edited.minute) for _ in range(6)]:
            done.result()
    edited.minute()
    assert "bellrelay is installed" in edited.setup_log()
    for place in (edited.web, edited.private, edited.home / "bellrelay"):
        assert [path for path in place.rglob("*.new")] == []
    assert (edited.private / "log").read_text() == ""


def test_while_one_is_at_it_the_others_only_deliver(ready, standin):
    standin.script(behave.answer(503))
    assert webhook(ready).status == 202
    with busy(ready) as other:
        until(lambda: ready.minute().returncode == 0, "it to be delivered")
        assert not (ready.home / "bellrelay" / "setup.log").exists()
        # What is left of it keeps nobody out.
        other.kill()
    assert standin.alerts().is_open("of-a-bundle")
    ready.minute()
    assert "bellrelay is installed" in ready.setup_log()


def test_what_was_killed_is_begun_again(edited):
    setup = edited.home / "bellrelay" / "setup"
    dies = "mkdir ~/killed 2>/dev/null && { kill -9 $PPID; exit; }\n"
    setup.write_text(dies + setup.read_text())
    assert edited.minute().returncode != 0
    assert not (edited.home / "bellrelay" / "setup.log").exists()
    edited.minute()
    assert "bellrelay is installed" in edited.setup_log()


def test_setup_by_hand_waits_for_the_one_that_is_at_it(edited):
    with busy(edited) as other, edited.start("sh bellrelay/setup") as setup:
        lock = (edited.home / "bellrelay" / "lock").stat().st_ino
        until(
            lambda: re.search(
                rf"-> FLOCK .*:{lock} ", pathlib.Path("/proc/locks").read_text()
            ),
            "it to wait",
        )
        assert not edited.private.exists()
        other.stdin.close()
        assert b"bellrelay is installed" in setup.stdout.read()


def test_without_flock_it_goes_without(edited):
    flock = edited.root / "bin" / "flock"
    kept = flock.rename(edited.root / "flock")
    try:
        edited.minute()
    finally:
        kept.rename(flock)
    assert "bellrelay is installed" in edited.setup_log()
    assert (edited.private / "log").read_text() == ""


def test_it_prunes_once_a_day(edited):
    prune = 'echo "$1" >>"$HOME/runs"'
    edited.minute()
    (edited.private / "bellrelay").unlink()
    (edited.private / "bellrelay").write_text(f"#!/bin/sh\n{prune}\n")
    (edited.private / "bellrelay").chmod(0o755)
    runs = edited.home / "runs"
    edited.minute()
    assert runs.read_text().split() == ["drain"]
    (edited.private / "pruned").write_text("2026-01-01")
    edited.minute()
    edited.minute()
    assert runs.read_text().split() == ["drain", "prune", "drain", "drain"]


def test_its_log_is_bounded(edited):
    edited.minute()
    log = edited.private / "log"
    log.write_text("x" * 1_000_001)
    edited.minute()
    assert log.stat().st_size < 1000
    assert (edited.private / "log.old").stat().st_size == 1_000_001


def test_an_archive_unpacked_without_its_modes_will_do(edited):
    for path in (edited.home / "bellrelay").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
    edited.minute()
    assert "bellrelay is installed" in edited.setup_log()
    assert webhook(edited).status == 200


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
    assert f"secret that stands in {hosting.HOME}/.bellrelay/" in ready.said


def test_the_command_line_is_not_for_the_web(ready):
    done = ready.run(
        f"{hosting.WEB}/bellrelay", "list", env={"REQUEST_METHOD": "GET"}
    )
    assert done.stdout.startswith(b"Status: 403 ")

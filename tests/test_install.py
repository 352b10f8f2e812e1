"""make install and make uninstall, into a directory of the test's."""

import pathlib
import re
import subprocess

import pytest

import test_readme as readme
from world.site import BIN, ROOT, environment

PREFIX = "/opt/relay"


def make(target, directory, **variables):
    done = subprocess.run(
        ["make", "--no-print-directory", target, f"BIN={BIN}",
         f"DESTDIR={directory}", f"prefix={PREFIX}",
         *(f"{name}={value}" for name, value in variables.items())],
        cwd=ROOT, env=environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def files(directory):
    return {
        "/" + str(p.relative_to(directory)): p
        for p in directory.rglob("*")
        if p.is_file()
    }


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("dest")
    make("install", directory)
    return directory


def test_all_is_there(installed):
    there = files(installed)
    shared = f"{PREFIX}/share/bellrelay"
    for name in (
        "bin/bellrelay",
        "lib/bellrelay/bellrelay.fcgi",
        "share/man/man1/bellrelay.1",
        "share/man/man5/bellrelay.conf.5",
        "share/man/man8/bellrelay.fcgi.8",
        "share/bash-completion/completions/bellrelay",
        "share/doc/bellrelay/README.md",
        "lib/systemd/system/bellrelay.service",
        "lib/systemd/system/bellrelay.socket",
        "lib/systemd/system/bellrelay-drain.timer",
    ):
        assert f"{PREFIX}/{name}" in there
    for path in (ROOT / "apache-conf").iterdir():
        assert f"{shared}/apache-conf/{path.name}" in there
    for path in (ROOT / "other-conf").iterdir():
        if path.is_file():
            assert [t for t in there if t.endswith(f"/{path.name}")], path
    assert f"{shared}/lighttpd-conf/bellrelay.conf" in there
    assert "/etc/bellrelay/bellrelay.conf" in there


def test_nothing_is_for_others_to_change(installed):
    for name, path in files(installed).items():
        mode = path.stat().st_mode & 0o777
        program = "/bin/" in name or name.endswith((".fcgi", "/spawn-fcgi"))
        assert mode == (0o755 if program else 0o644), name


def test_the_places_that_are_named_are_those_of_the_installation(installed):
    there = files(installed)
    named = set()
    for name, path in there.items():
        if "bellrelay/bellrelay" in name and "share" not in name:
            continue
        if name.endswith("bin/bellrelay"):
            continue
        text = path.read_text("utf-8")
        assert "/usr/local/bin" not in text, name
        assert "/usr/local/lib/bellrelay" not in text, name
        named |= set(re.findall(rf"{PREFIX}/[\w./-]*[\w]", text))
    assert f"{PREFIX}/lib/bellrelay/bellrelay.fcgi" in named
    for path in named:
        assert pathlib.Path(f"{installed}{path}").exists(), path


def run(program, *args):
    return subprocess.run(
        [program, *args], env=environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_programs_run_from_there(installed):
    done = run(installed / "opt/relay/bin/bellrelay", "--version")
    assert re.fullmatch(r"bellrelay \d+\.\d+\.\d+\n", done.stdout)
    done = run(installed / "opt/relay/lib/bellrelay/bellrelay.fcgi")
    assert "to be started by a web server" in done.stderr


def test_the_template_says_what_is_still_to_be_done(installed):
    conf = installed / "etc" / "bellrelay" / "bellrelay.conf"
    done = run(installed / "opt/relay/bin/bellrelay", "-c", conf, "check")
    assert done.returncode == 78
    assert "oncall.token" in done.stderr


def test_filled_in_the_template_is_fine(installed, tmp_path):
    conf = installed / "etc" / "bellrelay" / "bellrelay.conf"
    done = readme.check(tmp_path, conf.read_text())
    assert "warning: destination" not in done.stderr
    assert "warning: source" not in done.stderr


def test_a_configuration_that_is_there_is_kept(tmp_path):
    conf = tmp_path / "etc" / "bellrelay" / "bellrelay.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text("# mine\n")
    assert "is kept" in make("install", tmp_path)
    assert conf.read_text() == "# mine\n"


def test_other_places_are_named_too(tmp_path):
    make("install", tmp_path, sysconfdir="/opt/etc", localstatedir="/opt/var",
         libdir="/opt/lib64")  # fmt: skip
    conf = (tmp_path / "opt/etc/bellrelay/bellrelay.conf").read_text()
    assert '"/opt/var/spool/bellrelay"' in conf
    shipped = tmp_path / "opt/relay/share/bellrelay/lighttpd-conf/bellrelay.conf"
    assert '"/opt/lib64/bellrelay/bellrelay.fcgi"' in shipped.read_text()
    assert '"/opt/etc/bellrelay/bellrelay.conf"' in shipped.read_text()


def test_what_is_uninstalled_is_gone_but_for_the_configuration(tmp_path):
    make("install", tmp_path)
    make("uninstall", tmp_path)
    assert list(files(tmp_path)) == ["/etc/bellrelay/bellrelay.conf"]

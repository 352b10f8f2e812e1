"""make deb: what is in the package.  tests/image installs and runs it."""

import re
import subprocess

import pytest

import test_readme as readme
from world.site import ROOT, VERSION, environment

PACKAGING = ROOT / "other-conf" / "debian"


@pytest.fixture(scope="module")
def package():
    """The package; make lints it too."""
    done = subprocess.run(
        ["make", "-s", "deb"], cwd=ROOT, env=environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    (found,) = (ROOT / "build" / "deb").glob(f"bellrelay_{VERSION}_*.deb")
    return found


def ask(*command):
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment()
    ).stdout


@pytest.fixture(scope="module")
def unpacked(package, tmp_path_factory):
    to = tmp_path_factory.mktemp("unpacked")
    ask("dpkg-deb", "-R", package, to)
    return to


def field(package, name):
    return ask("dpkg-deb", "-f", package, name).strip()


def test_it_is_of_the_version_that_the_program_tells(package, unpacked):
    told = ask(unpacked / "usr/bin/bellrelay", "--version").split()[1]
    assert field(package, "Version") == told


def test_readme_calls_it_by_its_name(package):
    assert f"./build/deb/{package.name}" in readme.TEXT


def test_it_needs_what_the_programs_are_linked_to(package):
    needs = re.findall(r"[a-z][a-z0-9.+-]+(?=[ ,]|$)", field(package, "Depends"))
    for name in ("libfcgi0ldbl", "libjson-c5", "libcurl4", "libconfuse2",
                 "libssl3", "libc6", "ca-certificates", "adduser"):  # fmt: skip
        assert name in needs


def test_it_is_built_from_the_packages_that_make_installs():
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (listed,) = re.findall(r"(?m)^PACKAGES_BUILD = (.*)$", makefile)
    control = (PACKAGING / "control").read_text()
    (needed,) = re.findall(r"(?ms)^Build-Depends: (.*?)^\S", control)
    needed = {n.split()[0] for n in needed.replace("\n", "").split(",")}
    # What debhelper brings along is not named.
    assert needed == set(listed.split()) - {
        "gcc", "libc6-dev", "make",
    } | {"debhelper-compat"}  # fmt: skip


def test_what_an_administrator_edits_is_never_overwritten(unpacked):
    listed = (unpacked / "DEBIAN" / "conffiles").read_text().split()
    there = {
        "/" + str(path.relative_to(unpacked))
        for path in (unpacked / "etc").rglob("*")
        if path.is_file()
    }
    assert set(listed) == there
    assert "/etc/bellrelay/bellrelay.conf" in there


def test_its_template_is_the_shipped_one_and_fine(unpacked, tmp_path):
    conf = unpacked / "etc" / "bellrelay" / "bellrelay.conf"
    assert conf.read_text() == (ROOT / "other-conf/bellrelay.conf").read_text()
    readme.check(tmp_path, conf.read_text())


def test_every_program_that_a_file_names_is_in_it(unpacked):
    named = set()
    for path in unpacked.rglob("*"):
        if path.is_file() and not path.is_symlink():
            text = path.read_text("latin-1")
            if "\0" not in text and path.suffix != ".gz":
                assert "/usr/local" not in text, path
                named |= set(re.findall(r"/usr/lib/bellrelay/[\w.]+", text))
                named |= set(re.findall(r"/usr/bin/bellrelay\b", text))
    assert len(named) == 2
    for name in named:
        assert (unpacked / name.lstrip("/")).exists()


def test_nothing_of_it_is_started_unasked(unpacked):
    scripts = [
        (unpacked / "DEBIAN" / name).read_text()
        for name in ("preinst", "postinst", "prerm", "postrm")
    ]
    for text in scripts:
        subprocess.run(["sh", "-n"], input=text, text=True, check=True)
        assert "deb-systemd-invoke start" not in text
        assert "invoke-rc.d" not in text
    lines = (unpacked / "etc" / "cron.d" / "bellrelay").read_text()
    assert re.search(r"(?m)^#\* \* \* \* \* root bellrelay drain", lines)


def test_the_licence_is_told(unpacked):
    text = (unpacked / "usr/share/doc/bellrelay/copyright").read_text()
    told = [line for line in (ROOT / "LICENSE").read_text().split() if line]
    assert " ".join(told[-20:]) in " ".join(text.split())
    assert "@" not in text

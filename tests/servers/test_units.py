"""The systemd services are as shut in as README says."""

import re
import shutil
import subprocess

import pytest

from world.site import ROOT

UNIT = ROOT / "other-conf" / "bellrelay.service"
UNITS = [UNIT, ROOT / "other-conf" / "bellrelay-drain.service"]

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze"
)


def analyze(*args):
    done = subprocess.run(
        ["systemd-analyze", *args],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_readme_has_the_figure_of_systemd_analyze(unit):
    said = analyze("security", "--offline=yes", "--no-pager", str(unit))
    figure = re.search(
        rf"exposure level for {re.escape(unit.name)}: (\d+\.\d+)", said
    )
    readme = (ROOT / "README.md").read_text()
    told = re.search(
        r"`systemd-analyze security`\s+gives each of them (\d+\.\d+)", readme
    )
    assert figure and told and told.group(1) == figure.group(1), said


def test_the_service_lets_the_program_shut_itself_in():
    """systemd 252 has Landlock's calls in none of its sets."""
    text = UNIT.read_text()
    for call in ("create_ruleset", "add_rule", "restrict_self"):
        assert f"landlock_{call}" in text
    known = analyze("syscall-filter")
    assert "SystemCallFilter=@system-service" in text and "@system-service" in known


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_service_knows_every_line_of_its_unit(unit):
    said = analyze("verify", str(unit))
    for word in ("Unknown", "not known", "Failed to parse", "ignoring"):
        assert word not in said, said

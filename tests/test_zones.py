"""The time zone database, read by us and by Python."""

import datetime
import pathlib
import random
import subprocess
import zoneinfo

from world.site import ROOT, environment

TOOL = ROOT / "build" / "tools" / "zone"
ZONES = pathlib.Path("/usr/share/zoneinfo")
UTC = datetime.timezone.utc
FIRST = datetime.datetime(1975, 1, 1, tzinfo=UTC)
DAY = datetime.timedelta(days=1)


def moments(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        yield FIRST + DAY * rng.uniform(0, 365.25 * 85)


def test_every_zone_of_the_database_is_as_far_ahead_as_python_says():
    names = sorted(
        name
        for name in zoneinfo.available_timezones()
        if (ZONES / name).is_file()
    )
    assert len(names) > 300, "the package tzdata is not installed"
    seed = random.randrange(1 << 32)
    times = [when.replace(microsecond=0) for when in moments(seed, 200)]
    seconds = " ".join(str(int(when.timestamp())) for when in times)
    done = subprocess.run(
        [TOOL], input="".join(f"{ZONES / n} {seconds}\n" for n in names),
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(names)
    for name, line in zip(names, lines):
        zone = zoneinfo.ZoneInfo(name)
        for when, ours in zip(times, line.split(), strict=True):
            theirs = when.astimezone(zone).utcoffset().total_seconds()
            assert int(ours) == theirs, f"{name} at {when} (seed {seed})"

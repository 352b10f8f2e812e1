"""A machine's file system in a directory, with an account on it, as those have
who rent web space: the bundle is unpacked there and run as that user.

Needs root, for chroot and mounts; what is mounted is seen by the started
program alone, and goes with it.
"""

import os
import pathlib
import shutil
import subprocess

from .incidentio import PATIENCE
from .site import ROOT, VERSION, environment

UID = 3000
NAME = "renter"
HOME = f"/home/{NAME}"
WEB = f"{HOME}/public_html/bellrelay"

#: What suexec leaves of an environment, but for what the request brings.
SUEXEC = {"PATH": "/usr/local/bin:/usr/bin:/bin"}

PASSWD = f"""root:x:0:0::/root:/bin/sh
nobody:x:65534:65534::/nonexistent:/bin/false
{NAME}:x:{UID}:{UID}::{HOME}:/bin/sh
"""

#: A command in a directory as root, as a user: $1, $2 and the rest.
MOUNT = (
    'mount -t proc none "$1/proc" && '
    'mount --bind /dev/null "$1/dev/null" && '
    'root=$1 user=$2 && shift 2 && '
    'exec chroot --userspec="$user" "$root" /usr/bin/env -i "$@"'
)


def bundle():
    """The archive, made if need be."""
    subprocess.run(
        ["make", "-s", "bundle"], cwd=ROOT, env=environment(), check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    (found,) = (ROOT / "build").glob(f"bellrelay-{VERSION}-*.tar.gz")
    return found


def bare(root):
    """A machine of the C library and busybox alone."""
    listed = subprocess.run(
        ["dpkg", "-L", "libc6"], capture_output=True, text=True, check=True
    ).stdout
    for name in listed.split():
        path = pathlib.Path(name)
        if path.is_file() and ".so" in path.name and "gconv" not in name:
            to = root / name.lstrip("/")
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)
    programs = root / "bin"
    programs.mkdir(exist_ok=True)
    shutil.copy("/bin/busybox", programs)
    listed = subprocess.run(
        ["/bin/busybox", "--list"], capture_output=True, text=True, check=True
    ).stdout
    for name in listed.split():
        if name != "busybox":
            (programs / name).symlink_to("busybox")
    (root / "usr").mkdir(exist_ok=True)
    (root / "usr" / "bin").symlink_to("../bin")
    for name in ("proc", "dev", "etc", "tmp"):
        (root / name).mkdir()
    (root / "dev" / "null").touch()
    (root / "etc" / "passwd").write_text(PASSWD)
    (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    root.chmod(0o755)
    return Hosting(root, rooted(root))


def rooted(root):
    """The start of a command as that user in such a directory."""
    return ["unshare", "-m", "sh", "-c", MOUNT, "sh", root, f"{UID}:{UID}"]


def entered(box):
    """The same in a running image."""
    return [
        *box.enter(), "setpriv", f"--reuid={UID}", f"--regid={UID}",
        "--clear-groups", "/usr/bin/env", "-i",
    ]  # fmt: skip


class Hosting:
    """The account.  root is where we see the machine's files, enter the start
    of a command that is run there."""

    def __init__(self, root, enter):
        self.root = root
        self.enter = enter
        self.home = root / HOME.lstrip("/")
        self.web = root / WEB.lstrip("/")
        self.private = self.home / ".bellrelay"
        self.clear()

    def clear(self):
        """A home as it is on the first day."""
        shutil.rmtree(self.home, ignore_errors=True)
        (self.home / "public_html").mkdir(parents=True)
        for path in (self.home, self.home / "public_html"):
            self.own(path)
            path.chmod(0o755)

    @staticmethod
    def own(path):
        os.chown(path, UID, UID)

    def run(self, *command, stdin=b"", env=None):
        """A command as that user, with no other environment than this."""
        words = [f"{n}={v}" for n, v in (SUEXEC | (env or {})).items()]
        return subprocess.run(
            [*self.enter, *words, *command],
            input=stdin, capture_output=True, check=False, timeout=PATIENCE,
        )  # fmt: skip

    def sh(self, text, **kwargs):
        """Text for the shell, in the user's home; what it says."""
        done = self.run("/bin/sh", "-c", f"cd {HOME} && {text}", **kwargs)
        assert done.returncode == 0, done
        return done.stdout.decode()

    # ---- what the README of the bundle says ----

    def bring(self, archive):
        to = self.home / archive.name
        shutil.copy(archive, to)
        self.own(to)

    def unpack(self, archive):
        self.bring(archive)
        self.sh(f"tar xzf {archive.name}")

    def edit(self, **values):
        """The one file."""
        path = self.home / "bellrelay" / "settings"
        lines = path.read_text().splitlines()
        for name, value in values.items():
            (at,) = [
                i for i, line in enumerate(lines)
                if line.split("=")[0].strip() == name
            ]  # fmt: skip
            lines[at] = f"{name} = {value}"
        path.write_text("\n".join(lines) + "\n")

    def setup(self):
        return self.run("/bin/sh", f"{HOME}/bellrelay/setup")

    def trust(self, authority):
        """As if one of the bundle's authorities had signed."""
        path = self.web / "bellrelay-ca.pem"
        assert path.read_bytes().count(b"BEGIN CERTIFICATE") > 50
        with open(path, "ab") as file:
            file.write(pathlib.Path(authority).read_bytes())

    def keep(self, name, text):
        """A private file."""
        path = self.private / name
        path.write_text(text)
        path.chmod(0o600)
        self.own(path)

    def secret(self):
        return (self.private / "montecarlo.secret").read_bytes().strip()

    def cron(self, said):
        """What cron does with the first of the lines that setup prints, once."""
        line = next(x for x in said.splitlines() if x.startswith("* * * * * "))
        return self.run(
            "/bin/sh", "-c", line.removeprefix("* * * * * "),
            env={"HOME": HOME, "SHELL": "/bin/sh", "LOGNAME": NAME},
        )  # fmt: skip

    def glibc_needed(self):
        """What the bundle says of it."""
        text = (self.home / "bellrelay" / "README").read_text()
        return text.split("glibc ")[1].split()[0]

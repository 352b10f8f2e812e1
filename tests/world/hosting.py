"""A machine's file system in a directory, with an account on it, as those have
who rent web space: the bundle is unpacked there and run as that user.

Needs root, for chroot and mounts; what is mounted is seen by the started
program alone, and goes with it.
"""

import os
import pathlib
import shutil
import subprocess

from . import text
from .incidentio import PATIENCE
from .site import ROOT, VERSION, environment

UID = 3000
NAME = "renter"
HOME = f"/home/{NAME}"
WEB = f"{HOME}/public_html/bellrelay"

#: What suexec leaves of an environment, but for what the request brings.
SUEXEC = {"PATH": "/usr/local/bin:/usr/bin:/bin"}

#: What Debian's cron gives.
CRON = {
    "HOME": HOME, "LOGNAME": NAME, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin",
}  # fmt: skip

EACH_MINUTE = "* * * * * "

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
    """A machine of the C library, busybox and flock alone."""
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
    # Debian's busybox has none.
    shutil.copy("/usr/bin/flock", programs)
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

    @staticmethod
    def words(env):
        return [f"{n}={v}" for n, v in env.items()]

    def run(self, *command, stdin=b"", env=None, base=SUEXEC):
        """A command as that user, with no other environment than this."""
        return subprocess.run(
            [*self.enter, *self.words(base | (env or {})), *command],
            input=stdin, capture_output=True, check=False, timeout=PATIENCE,
        )  # fmt: skip

    def start(self, command):
        """Text for the shell in the user's home, with pipes to and from it."""
        return subprocess.Popen(
            [*self.enter, *self.words(SUEXEC), "/bin/sh", "-c",
             f"cd {HOME} && {command}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def sh(self, command, **kwargs):
        """Text for the shell, in the user's home; what it says."""
        done = self.run("/bin/sh", "-c", f"cd {HOME} && {command}", **kwargs)
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
        """As if one of the bundle's authorities had signed; before setup."""
        path = self.home / "bellrelay" / "web" / "bellrelay-ca.pem"
        assert path.read_bytes().count(b"BEGIN CERTIFICATE") > 50
        with open(path, "ab") as file:
            file.write(pathlib.Path(authority).read_bytes())

    def keep(self, name, content):
        """A private file."""
        path = self.private / name
        path.write_text(content)
        path.chmod(0o600)
        self.own(path)

    def secret(self):
        return (self.private / "montecarlo.secret").read_bytes().strip()

    def cron(self, said, env=None):
        """What cron does with the line that stands in there, once."""
        line = next(x for x in said.splitlines() if x.startswith(EACH_MINUTE))
        command = line.removeprefix(EACH_MINUTE)
        return self.run(
            "/bin/sh", "-c", f"cd {HOME} && {command}",
            base=CRON if env is None else env,
        )  # fmt: skip

    def minute(self, env=None):
        """A minute goes by: what cron does with README's line.  It mails what
        that prints."""
        (line,) = text.blocks("### Shared hosting", "")
        done = self.cron(line, env)
        assert done.stdout + done.stderr == b""
        return done

    def setup_log(self):
        return (self.home / "bellrelay" / "setup.log").read_text()

    def glibc_needed(self):
        """What the bundle says of it."""
        said = (self.home / "bellrelay" / "README").read_text()
        return said.split("glibc ")[1].split()[0]

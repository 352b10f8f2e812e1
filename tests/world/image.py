"""A Debian 12 of its own, with nothing in it but what a test puts there.

tree() bootstraps one below build/image, once, and keeps it.  An Image is a
throw-away copy of a tree (an overlay) with processes, mounts and, if asked,
a network and a systemd of its own; when it is left nothing remains, whatever
was started.

Packages come from where this machine's apt has its own.  Root is needed;
REASON says why there can be no Image, or is None.  A tree needs debootstrap.
"""

import concurrent.futures
import contextlib
import ctypes
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

from .site import ROOT

IMAGES = ROOT / "build" / "image"
SUITE = "bookworm"
CLEAN = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}

#: Of this machine, so that apt works in the image as it does here.
OURS = ("etc/resolv.conf", "etc/hosts")

#: Outside: $1 is the directory of the overlay, $2 the tree.  A cgroup of its
#: own, so that systemd has one to begin in.
OUTSIDE = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root" "$1/groups"
mount -t overlay overlay \
    -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t cgroup2 none "$1/groups"
mkdir "$1/groups/${1##*/}"
echo $$ >"$1/groups/${1##*/}/cgroup.procs"
cd "$1/root"
shift 2
exec unshare --cgroup --pid --fork --kill-child=KILL /bin/sh -c "$0" "$@"
"""

#: The first process inside; the rest of the line is run in the image.
FIRST = """
set -e
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys 2>/dev/null || mount --rbind /sys sys
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mount -t tmpfs -o mode=755 tmpfs run
mkdir dev/pts dev/shm
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for n in null zero full random urandom tty; do
	touch dev/$n
	mount --bind /dev/$n dev/$n
done
ip link set lo up 2>/dev/null || true
# Not chroot, in which no user name space can be made.
pivot_root . mnt
cd /
umount -l mnt
exec "$0" "$@"
"""

#: Removes the cgroups of an image; $1 is its name.
AFTER = """
mount -t cgroup2 none "$2" && cd "$2" &&
find "$1" -depth -type d -exec rmdir {} +
"""

#: Says that all is made, and waits to be killed.
STAY = ["/bin/sh", "-c", "echo ready; exec sleep infinity"]


def boot(*options):
    """The same, with systemd as the first process."""
    return ["/bin/sh", "-c",
            ': >/etc/fstab; rm -f /etc/crypttab; echo ready; exec "$0" "$@"',
            "/usr/bin/env", "container=other",
            "/lib/systemd/systemd", *options]  # fmt: skip


BOOT = boot()

#: As little of it as can be, for a copy of this very machine.
LITTLE = boot("--unit=sysinit.target")

#: A tree that boots needs these.
SYSTEMD = ("systemd", "systemd-sysv", "dbus", "iproute2")

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


#: Whether a copy of this machine could be made and booted.
TRY = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay \\
    -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
mount -t cgroup2 none /mnt/root/mnt
"""


def _reason():
    if os.geteuid() != 0:
        return "an image needs root"
    for name in ("unshare", "nsenter", "pivot_root"):
        if shutil.which(name) is None:
            return f"an image needs {name}"
    try:
        done = subprocess.run(
            ["unshare", "--mount", "--pid", "--cgroup", "--net", "--fork",
             "/bin/sh", "-c",
             TRY],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError as error:
        return f"no image here: {error}"
    return f"no image here: {done.stderr}" if done.returncode else None


REASON = _reason()


def sources():
    """(address, suite) of each of Debian's archives that apt knows here."""
    said = subprocess.run(
        ["apt-get", "indextargets", "--format",
         "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)",
         "Created-By: Packages"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found = []
    for line in said.splitlines():
        address, suite, component, origin = (line.split() + [""] * 4)[:4]
        if origin == "Debian" and component == "main":
            if suite.split("-")[0] == SUITE and (address, suite) not in found:
                found.append((address, suite))
    assert any(suite == SUITE for _, suite in found), said
    return found


@contextlib.contextmanager
def _alone(name):
    """One at a time makes a tree."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with open(IMAGES / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _quiet(*command, **kwargs):
    """Run it, and show what it said if it fails."""
    done = subprocess.run(
        [str(arg) for arg in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=CLEAN,
        check=False,
        **kwargs,
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-4000:]}"
    return done.stdout


def _settings(at):
    """What apt needs to know of the way out."""
    lines = [f"deb {a} {s} main" for a, s in sources()]
    (at / "etc/apt/sources.list").write_text("\n".join(lines) + "\n")
    told = subprocess.run(
        ["apt-config", "dump", "Acquire"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    ways = [line for line in told if "proxy" in line.lower()]
    (at / "etc/apt/apt.conf.d/90way").write_text("\n".join(ways) + "\n")
    for name in OURS:
        shutil.copyfile(pathlib.Path("/") / name, at / name)


def _bootstrap(at):
    assert shutil.which("debootstrap"), "a tree needs debootstrap"
    mirror = next(a for a, suite in sources() if suite == SUITE)
    _quiet("debootstrap", "--variant=minbase", SUITE, at, mirror)
    _settings(at)
    _quiet("chroot", at, "apt-get", "update", "-qq")
    _quiet("chroot", at, "apt-get", "-qq", "-y", "dist-upgrade")


def _name(packages):
    if not packages:
        return "base"
    known = hashlib.sha256(" ".join(sorted(packages)).encode()).hexdigest()
    return "base-" + known[:12]


def tree(*packages):
    """The directory of a Debian with these packages on top of the least.

    It is not to be changed: whoever wants to change it takes an Image.  No
    service is started by what is installed here.
    """
    name = _name(packages)
    at = IMAGES / name
    with _alone(name):
        if at.exists():
            return at
        fresh = IMAGES / f"{name}.fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        if packages:
            _quiet("cp", "-a", "--reflink=auto", tree(), fresh)
            with _no_services(fresh):
                _quiet("chroot", fresh, "apt-get", "-qq", "-y", "install",
                       "--no-install-recommends", *packages)  # fmt: skip
        else:
            _bootstrap(fresh)
        fresh.rename(at)
    return at


@contextlib.contextmanager
def _no_services(at):
    policy = at / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    yield
    policy.unlink()


class Image:
    """A throw-away copy of a tree, as in a machine of its own.

    Use it in a `with`.  The tree "/" is this very machine.  With alone=True it has a network of its own, which is
    loopback and no more; else apt can be used in it.
    """

    def __init__(self, at, alone=False, first=STAY):
        self.tree = at
        self.alone = alone
        self.first = first
        self.dir = None
        self.pid = None
        self._holder = None

    def __enter__(self):
        IMAGES.mkdir(parents=True, exist_ok=True)
        self.dir = tempfile.mkdtemp(prefix="image-", dir=IMAGES)
        flags = ["--mount", "--uts", "--ipc"] + ["--net"] * self.alone
        self._holder = subprocess.Popen(
            ["unshare", *flags, "/bin/sh", "-c", OUTSIDE, FIRST, self.dir,
             str(self.tree), *self.first],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=CLEAN,
            # It does not outlive us, however we end.
            preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )  # fmt: skip
        said = self._holder.stdout.readline()
        if said != "ready\n":
            said += self._holder.stdout.read()
            self._end()
            raise AssertionError(f"no image: {said}")
        of = self._holder.pid
        children = pathlib.Path(f"/proc/{of}/task/{of}/children")
        self.pid = int(children.read_text().split()[0])
        if "/lib/systemd/systemd" in self.first:
            self._booted()
        return self

    def _booted(self):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            said = self.run("systemctl is-system-running", check=False).stdout
            if said.strip() in ("running", "degraded"):
                return
            time.sleep(0.05)
        raise AssertionError(f"systemd does not come up: {said}")

    def __exit__(self, *_):
        self._end()

    def _end(self):
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()
        # Mounts and groups go with the last process, a moment later.
        end = time.monotonic() + 60
        while time.monotonic() < end:
            done = subprocess.run(
                ["unshare", "--mount", "/bin/sh", "-c", AFTER, "after",
                 pathlib.Path(self.dir).name, self.dir],
                capture_output=True, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                break
            time.sleep(0.05)
        os.rmdir(self.dir)

    # ---- its network ----

    def inside(self, do):
        """What do() returns, in its network: sockets made there stay there."""
        def there():
            with open(f"/proc/{self.pid}/ns/net") as net:
                if LIBC.setns(net.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            return do()

        # The thread does not come back, and is not used again.
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            return thread.submit(there).result()

    def connect(self, port):
        return self.inside(
            lambda: socket.create_connection(("127.0.0.1", port), 60)
        )

    def packages(self):
        """Let apt in an image that is alone reach its archives, and nothing
        else reach anything: through a proxy on its loopback."""
        proxy = Proxy(self.inside(lambda: socket.create_server(("127.0.0.1", 0))))
        self.path("/etc/apt/apt.conf.d/95proxy").write_text(
            f'Acquire::http::Proxy "http://127.0.0.1:{proxy.port}";\n'
            f'Acquire::https::Proxy "http://127.0.0.1:{proxy.port}";\n'
        )

    # ---- its files and programs ----

    def path(self, name):
        """Where we see a file of the image."""
        return pathlib.Path(f"/proc/{self.pid}/root") / str(name).lstrip("/")

    def enter(self):
        """The start of a command that runs inside, as root, in /root."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--uts",
                "--ipc", "--net", "--cgroup", "--root", "--wdns=/root"]  # fmt: skip

    def run(self, command, user=None, env=None, check=True, **kwargs):
        """A line of shell inside.  `user` is one of the image's: its shell
        starts in its home, with an environment of its own."""
        inside = ["/bin/sh", "-c", command]
        if user is not None:
            inside = ["su", "-s", "/bin/sh", "-c", command, "-", user]
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        if "input" in kwargs:
            del kwargs["stdin"]
        done = subprocess.run(
            self.enter() + inside,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**CLEAN, **(env or {})},
            check=False,
            **kwargs,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command}\n{done.stdout[-8000:]}")
        return done

    def start(self, *command, **kwargs):
        """A process inside, which the image's end ends."""
        return subprocess.Popen(
            self.enter() + [str(arg) for arg in command],
            stdin=subprocess.DEVNULL,
            env=CLEAN,
            **kwargs,
        )

    def copy(self, ours, theirs):
        """A file or a directory of ours into the image, owned by root."""
        to = self.path(theirs)
        to.parent.mkdir(parents=True, exist_ok=True)
        if pathlib.Path(ours).is_dir():
            shutil.copytree(ours, to, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(ours, to)
        self.run(f"chown -R root:root '{theirs}'")


class Proxy:
    """For apt, to the archives of this machine's apt; ends with the image."""

    def __init__(self, listener):
        self.hosts = {urllib.parse.urlsplit(a).hostname for a, _ in sources()}
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with self._listener:
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(
                    target=self._serve, args=(sock,), daemon=True
                ).start()

    def _serve(self, sock):
        with sock, contextlib.suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                piece = sock.recv(1)
                if not piece:
                    return
                head += piece
            self._pass_on(sock, head.decode())
            # One exchange a connection; apt asks for the next one itself.

    def _pass_on(self, sock, head):
        method, target, _ = head.split(" ", 2)
        tunnel = method == "CONNECT"
        url = urllib.parse.urlsplit("//" + target if tunnel else target)
        if url.hostname not in self.hosts:
            sock.sendall(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n")
            return
        port = url.port or (443 if tunnel else 80)
        with socket.create_connection((url.hostname, port), 60) as there:
            if tunnel:
                sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                threading.Thread(
                    target=_pump, args=(sock, there), daemon=True
                ).start()
            else:
                head = re.sub(r"(?im)^(proxy-)?connection:.*\r\n", "", head)
                head = head[:-2] + "Connection: close\r\n\r\n"
                there.sendall(head.encode())
            _pump(there, sock)


def _pump(one, other):
    with contextlib.suppress(OSError):
        while piece := one.recv(65536):
            other.sendall(piece)
        other.shutdown(socket.SHUT_WR)

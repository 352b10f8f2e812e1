"""bellrelay behind each web server that there is a shipped file for.

What is not in the shipped file is the least that the server needs to run
without root below one directory, on loopback.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess

from .incidentio import PATIENCE
from .site import BIN, CONF, ROOT, Site, environment, until

APACHE = """
ServerRoot {dir}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile run/apache.pid
ErrorLog log/apache.log
DefaultRuntimeDir run
Mutex file:{dir}/run default
{modules}
TypesConfig /dev/null
DocumentRoot {dir}/htdocs
<Directory {dir}/htdocs>
	Require all granted
	AllowOverride All
</Directory>
LogFormat "%h %t \\"%r\\" %>s" common
CustomLog log/access.log common env=!bellrelay
"""

NGINX = """
daemon off;
pid {dir}/run/nginx.pid;
error_log {dir}/log/nginx.log;
events {{ }}
http {{
	access_log {dir}/log/access.log;
	client_body_temp_path {dir}/run/body;
	fastcgi_temp_path {dir}/run/fastcgi;
	proxy_temp_path {dir}/run/proxy;
	uwsgi_temp_path {dir}/run/uwsgi;
	scgi_temp_path {dir}/run/scgi;
	server {{
		listen 127.0.0.1:{port};
		include {dir}/server.conf;
	}}
}}
"""

CADDY = """
{{
	admin off
	auto_https off
	storage file_system {dir}/run/caddy
}}
http://127.0.0.1:{port} {{
	bind 127.0.0.1
	log {{
		output file {dir}/log/access.log
	}}
	import {dir}/server.conf
}}
"""

#: mod_fcgid's files, which Debian has elsewhere.
FCGID = """
FcgidIPCDir {dir}/run/fcgid
FcgidProcessTableFile {dir}/run/fcgid_shm
"""

LIGHTTPD = (CONF / "run.conf").read_text()


class Server(Site):
    """A site whose web server is another."""

    shipped = None  # the file, below the repository
    name = "server"  # of the log
    external = False  # whether spawn-fcgi starts the processes
    graceful = signal.SIGTERM
    reload = None  # where the server must be told of a new program
    base = "/bellrelay"

    def paths(self):
        """What the shipped file says, and what we say."""
        return {
            "/usr/local/lib/bellrelay/bellrelay.fcgi": self.program(),
            "/usr/local/lib/bellrelay": self.bin,
            "/etc/bellrelay/bellrelay.conf": self.conf,
            "/run/bellrelay/bellrelay.sock": self.dir / "run" / "b.sock",
            "/run/bellrelay/bellrelay.pid": self.dir / "run" / "b.pid",
            "/run/lighttpd/bellrelay.sock": self.dir / "run" / "b.sock",
            "/var/log/apache2": self.dir / "log",
            "/var/log/bellrelay": self.dir / "log",
            "/var/log/lighttpd": self.dir / "log",
            "/var/log/nginx": self.dir / "log",
        }

    def program(self):
        return self.bin / "bellrelay.fcgi"

    def text(self, shipped):
        """A shipped file with our paths."""
        text = (ROOT / shipped).read_text()
        for theirs, new in self.paths().items():
            text = text.replace(theirs, str(new))
        return text

    def main(self, port):
        """Write the server's files; the command that starts it."""
        raise NotImplementedError

    def spawn(self):
        """Start the processes as the shipped script does."""
        script = self.write(
            self.dir / "spawn", self.text("other-conf/spawn-fcgi"), 0o700
        )
        subprocess.run(
            [script],
            env=environment(),
            cwd=self.dir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=PATIENCE,
            **self._as(),
        )
        until(lambda: len(self.workers()) == 4, "spawn-fcgi's children")

    def upgrade(self):
        """As the README says: the file by a rename, then new processes."""
        new = self.program().with_name("bellrelay.fcgi.new")
        shutil.copy2(BIN / "bellrelay.fcgi", new)
        new.rename(self.program())
        if self.external:
            self.spawn()
        elif self.reload is not None:
            self._lighttpd.send_signal(self.reload)

    def outdated(self):
        """Processes whose program is not the one that is there."""
        there = os.stat(self.program())
        old = []
        for pid in self.workers():
            with contextlib.suppress(OSError):
                runs = os.stat(f"/proc/{pid}/exe")
                if (runs.st_ino, runs.st_dev) != (there.st_ino, there.st_dev):
                    old.append(pid)
        return old

    def _bind(self, port):
        command = self.main(port)
        if self.external and not self.workers():
            self.spawn()
        self.port = port
        self._lighttpd = subprocess.Popen(
            command,
            env=environment(
                BELLRELAY_RUN=self.dir,
                BELLRELAY_PORT=port,
                HOME=self.dir / "run",
            ),
            stdin=subprocess.DEVNULL,
            stdout=open(self.dir / "log" / "start.log", "ab"),
            stderr=subprocess.STDOUT,
            cwd=self.dir,
            start_new_session=True,
            **self._as(),
        )
        until(
            lambda: self._listens() or self._lighttpd.poll() is not None,
            self.name,
        )
        return self._lighttpd.poll() is None

    def _listens(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 5).close()
            return True
        return False

    def stop(self, how=None):
        """The server in good order, then what it did not start."""
        if self._lighttpd is None:
            return
        self.leave(how)
        if self.external:
            for pid in self.workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        self.left()

    def leave(self, how=None):
        if self._lighttpd.poll() is None:
            self._lighttpd.send_signal(how or self.graceful)
        self._lighttpd.wait(PATIENCE)
        self._lighttpd = None

    def workers(self):
        """By the file that they run: mod_cgid gives them a shorter name."""
        mine = str(self.program())
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes().split(b"\0")[0]
                    if line.decode() == mine or self._runs(entry, line, mine):
                        found.append(int(entry.name))
        return sorted(found)

    @staticmethod
    def _runs(entry, line, mine):
        if line.decode() != pathlib.Path(mine).name:
            return False
        try:
            return os.readlink(entry / "exe").split(" (")[0] == mine
        except PermissionError:
            # It hides from who is not root; then its owner has to do.
            return entry.stat().st_uid == os.geteuid()



class Lighttpd(Server):
    """Started by lighttpd itself."""

    shipped = "lighttpd-conf/bellrelay.conf"
    name = "lighttpd"
    graceful = signal.SIGINT
    reload = signal.SIGUSR1

    def main(self, port):
        self.write(self.dir / "lighttpd.conf", self.text(self.shipped))
        run = self.write(self.dir / "run.conf", LIGHTTPD)
        return ["lighttpd", "-D", "-f", run]


class LighttpdExternal(Lighttpd):
    shipped = "lighttpd-conf/external.conf"
    external = True


class Apache(Server):
    """With the modules that Debian's Apache always has, and some."""

    name = "apache"
    graceful = signal.SIGWINCH
    mpm = "mpm_event"
    more = ()

    def main(self, port):
        names = (self.mpm, "authz_core", "mime", "setenvif", "env", "alias")
        modules = "\n".join(
            f"LoadModule {n}_module /usr/lib/apache2/modules/mod_{n}.so"
            for n in names + self.more
        )
        text = APACHE.format(dir=self.dir, port=port, modules=modules)
        main = self.write(
            self.dir / "apache.conf", text + self.host() + self.site_part()
        )
        return ["apache2", "-DFOREGROUND", "-f", main]

    def host(self):
        """What the machine's own configuration says of a module."""
        return ""

    def site_part(self):
        return self.text(self.shipped)


class ApacheFcgid(Apache):
    shipped = "apache-conf/fcgid.conf"
    more = ("fcgid",)

    def host(self):
        return FCGID.format(dir=self.dir)


class ApacheCgid(Apache):
    shipped = "apache-conf/cgid.conf"
    more = ("cgid",)

    def host(self):
        return f"ScriptSock {self.dir}/run/cgid.sock\n"


class ApacheCgi(Apache):
    shipped = "apache-conf/cgid.conf"
    mpm = "mpm_prefork"
    more = ("cgi",)


class ApacheProxy(Apache):
    shipped = "apache-conf/proxy-fcgi.conf"
    more = ("proxy", "proxy_fcgi", "reqtimeout")
    external = True


class HtaccessFcgid(ApacheFcgid):
    """A folder in the document root, as on shared hosting."""

    shipped = "apache-conf/htaccess-fcgid"
    more = ("fcgid", "rewrite")
    folder = "bellrelay"
    called = "bellrelay.fcgi"

    def program(self):
        return self.dir / "htdocs" / self.folder / self.called

    def site_part(self):
        """Without a home, the configuration is beside the program."""
        program = self.program()
        if not program.exists():
            program.parent.mkdir(parents=True)
            (self.bin / "bellrelay.fcgi").rename(program)
        self.write(program.parent / ".htaccess", self.text(self.shipped))
        self.write(program.parent / "bellrelay.conf", self.conf.read_bytes())
        self.own(self.dir / "htdocs")
        return ""


class HtaccessCgi(HtaccessFcgid):
    shipped = "apache-conf/htaccess-cgi"
    more = ("cgid",)
    folder = "cgi-bin/bellrelay"
    called = "bellrelay.cgi"
    base = "/cgi-bin/bellrelay/bellrelay.cgi"

    def host(self):
        return f"ScriptSock {self.dir}/run/cgid.sock\n"


class Nginx(Server):
    shipped = "other-conf/nginx.conf"
    name = "nginx"
    external = True
    graceful = signal.SIGQUIT

    def main(self, port):
        self.write(self.dir / "server.conf", self.text(self.shipped))
        main = self.write(
            self.dir / "nginx.conf", NGINX.format(dir=self.dir, port=port)
        )
        log = self.dir / "log" / "nginx.log"
        return ["nginx", "-p", self.dir, "-e", log, "-c", main]


class Caddy(Server):
    shipped = "other-conf/Caddyfile"
    name = "caddy"
    external = True

    def main(self, port):
        self.write(self.dir / "server.conf", self.text(self.shipped))
        main = self.write(
            self.dir / "Caddyfile", CADDY.format(dir=self.dir, port=port)
        )
        return ["caddy", "run", "--adapter", "caddyfile", "--config", main]

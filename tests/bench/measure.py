"""What the benches share: processes and their CPU time and memory, peers, rounds, the report."""
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import descendants, wait_for          # noqa: E402

PHOTOS = sorted(pathlib.Path("/usr/share/forensics-samples/original-files").glob("pic?/IMG_2*.jpg"))
ROUNDS = 5
rows = []

# The server under test has the first core, everything else the last.
_cores = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = _cores[0], _cores[-1]


def report(what, figure, against=""):
    rows.append((what, figure, against))
    print(f"{what}: {figure} {against}", file=sys.stderr)


def spread(values, form="{:.2f}"):
    return (f"{form.format(statistics.median(values))} "
            f"({form.format(min(values))}-{form.format(max(values))})")


def ratios(ours, theirs):
    return spread([a / b for a, b in zip(ours, theirs)])


def cpu_s(pid):
    """User and system time of a process with all its threads, to 10 ms."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_s_with_ended(pid):
    """Likewise, with that of its children that have ended and were waited for."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def cpu_us(pid):
    """Time on a core of the threads that are alive, exactly."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1000


def memory_mb(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def pin(pid, cores):
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), cores)


@contextlib.contextmanager
def pinned_hub(hub):
    """For the time of a bench: the gateway alone on its core, everything else on the other."""
    gateway, = hub.pids("mediahub-gateway")
    everything = [os.getpid(), hub.process.pid, *descendants(hub.process.pid)]
    for pid in everything:
        pin(pid, {SERVER_CORE if pid == gateway else LOAD_CORE})
    try:
        yield gateway
    finally:
        for pid in everything:
            pin(pid, set(_cores))


def on_core(core, *command, **options):
    """A process that does not outlive us."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(core),
                             *map(str, command)], **options)


def end(process):
    process.terminate()
    process.wait()


NGINX = """{modules}
worker_processes 1; worker_rlimit_nofile 65536; daemon off; pid {dir}/pid; error_log {dir}/log warn;
events {{ worker_connections 60000; }}
http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 600s; tcp_nodelay on;
client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
{http}
server {{ listen 127.0.0.1:{port} backlog=4096; {server} }} }}
"""


@contextlib.contextmanager
def nginx(core, port, server, http="", modules=""):
    """A peer made of nginx's parts; gives the pid of its one worker."""
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "nginx.conf"
        config.write_text(NGINX.format(dir=folder, port=port, server=server, http=http,
                                       modules=modules))
        os.chmod(folder, 0o755)      # the worker of a root's nginx is somebody else
        master = on_core(core, "nginx", "-p", folder, "-c", config)
        children = pathlib.Path(f"/proc/{master.pid}/task/{master.pid}/children")
        try:
            yield int(wait_for(lambda: children.read_text().split(), "nginx's worker")[0])
        finally:
            end(master)


def wrk(url, pid, *options, seconds=3):
    """Requests a second, and CPU microseconds a request, of process `pid`."""
    before = cpu_us(pid)
    out = subprocess.run(["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", "-c64", f"-d{seconds}s",
                          *options, url], check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in out, out
    requests = int(next(line.split()[0] for line in out.splitlines() if "requests in" in line))
    return requests / seconds, (cpu_us(pid) - before) / requests

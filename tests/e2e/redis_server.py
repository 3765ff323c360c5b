"""Redis servers that a test starts by itself, so that it can do to them what life does."""
import os
import pathlib
import shutil
import signal
import subprocess
import threading

from harness import PATIENCE_S, wait_for


class RedisServer:
    """One redis-server on a unix socket; `durable` as the hub's own state server is."""

    def __init__(self, folder, durable=True):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.socket = self.folder / "s.sock"
        self.url = f"unix:{self.socket}"
        self.durable = durable
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.folder,
             "--save", "", "--logfile", "redis.log", "--enable-debug-command", "yes",
             "--maxmemory-policy", "noeviction", "--appendfsync", "always",
             "--appendonly", "yes" if self.durable else "no"])
        wait_for(lambda: self.command("PING") == "PONG", "the start of Redis")
        return self

    def command(self, *words):
        result = subprocess.run(["redis-cli", "-s", self.socket, *words], text=True,
                                capture_output=True, timeout=PATIENCE_S, check=False)
        return result.stdout.strip()

    def keys(self, pattern):
        return self.command("--scan", "--pattern", pattern).split()

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(PATIENCE_S)

    def crash(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def forget_all(self):
        """Gone with everything, functions included; the next start finds nothing."""
        self.crash()
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)

    def halt(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def slowed(self, seconds):
        return Slowness(self, seconds)


class Slowness:
    """While entered, whatever comes to the server waits for so long, over and over."""

    def __init__(self, server, seconds):
        self.server, self.seconds = server, seconds
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        script = "DEBUG SLEEP %s\n" % self.seconds
        with subprocess.Popen(["redis-cli", "-s", self.server.socket], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cli:
            while not self.over.is_set():
                cli.stdin.write(script)
                cli.stdin.flush()
                cli.stdout.readline()
            cli.stdin.close()
            cli.wait()

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

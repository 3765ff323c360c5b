"""Packages from npm, for tests: what a folder's package-lock.json names, under build/."""
import fcntl
import hashlib
import shutil
import subprocess

import pytest
from harness import ROOT

INSTALL_S = 600


def install(folder):
    """Where node_modules is, or a skipped test where there is no npm. Tests that run side by side wait for
    whoever installs."""
    if not shutil.which("npm"):
        pytest.skip("there is no npm here; ./hub test installs it")
    lock_file = (folder / "package-lock.json").read_bytes()
    base = ROOT / "build/npm" / folder.name
    place = base / hashlib.sha256(lock_file).hexdigest()[:16]
    base.mkdir(parents=True, exist_ok=True)
    with open(base / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(folder / name, place)
            done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=place,
                                  capture_output=True, text=True, timeout=INSTALL_S)
            if done.returncode:
                pytest.fail(f"npm could not install {folder.name}: {done.stderr[-500:]}", pytrace=False)
            (place / "complete").touch()
    return place / "node_modules"

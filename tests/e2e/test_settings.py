"""Settings: every row of the table out of range, empty and as garbage, by each of its three names.
Nothing starts with one of them, and what is said names the range and how to give it rightly."""
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from harness import BUILD, PATIENCE_S, ROOT, free_port

KINDS = yaml.safe_load((ROOT / "schemas/jobs.yaml").read_text())["kinds"]
ROWS = re.findall(r'^SETTING\("(.*?)", "(.*?)", (\w+), "(.*?)", "(.*?)",',
                  (ROOT / "core/base/settings.def").read_text()
                  .replace("JOB_KIND_WORDS", f'"{",".join(KINDS)}"')
                  .replace("JOB_KIND_CHOICE", f'"{"|".join(KINDS)}"'), re.M)
ROWS += [(f"limits.{counter}", f"limits-{option}", "NUMBER", default, "0..1000000")
         for counter, option, default in re.findall(
            r'^RATE\(\w+, "(.*?)", "(.*?)", ".*?", \d+, "(.*?)",',
             (ROOT / "core/base/rates.def").read_text(), re.M)]
GARBAGE = {
    "NUMBER": ["-1", "many", "99999999999999999999"], "BYTES": ["-1", "lots"],
    "SECONDS": ["-1", "soon"], "BOOL": ["maybe"], "CHOICE": ["foo"], "WORDS": ["foo"],
    "TEXT": ["a\nb"], "NAME": ["a b", "x" * 200], "SECRET": ["a\nb", "x" * 2000],
    "FILE": ["/nonexistent/file", "/tmp", "s3://bucket/file"],
    "FOLDER": ["/nonexistent/folder/in", "/etc/hostname", "s3://bucket"],
    "ADDRESS": ["foo", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:80"],
    "ORIGINS": ["foo", "https://a.example/", "*"], "NETWORKS": ["foo", "10.0.0.1/8"],
    "REDIS": ["foo", "http://host"], "JOBS": ["foo", "tcp://host"],
}
SIZES = {"": 1, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def run(folder, *arguments, env=None):
    result = subprocess.run([BUILD / "bin/mediahub", *arguments], cwd=folder, text=True,
                            capture_output=True, timeout=PATIENCE_S,
                            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **(env or {})})
    lines = [l for l in result.stderr.splitlines() if not l.startswith("{")]
    return result.returncode, lines, result


def environment_name(name):
    return "MEDIAHUB_" + re.sub("[.-]", "_", name).upper()


def out_of_range(kind, bounds):
    """The numbers next to both ends."""
    found = re.match(r"(\d+)([kMGT]?)\.\.(\d+)([kMGT]?)$", bounds)
    if kind not in ("NUMBER", "BYTES", "SECONDS"):
        return []
    least = int(found[1]) * SIZES[found[2]]
    most = int(found[3]) * SIZES[found[4]]
    return [str(most + 1)] + ([str(least - 1)] if least else [])


def bad_values(kind, default, bounds):
    return GARBAGE[kind] + out_of_range(kind, bounds) + ([""] if default else [])


def judge(tmp_path, row, value):
    """By the option, or in the environment where there is none."""
    name, option, kind, _, _ = row
    arguments, env = ([f"--{option}", value], {}) if option else ([], {environment_name(name): value})
    where = f"--{option}" if option else environment_name(name)
    status, lines, result = run(tmp_path, "run", "--data", "data", *arguments, env=env)
    assert status == 1 and result.stdout == "", (row, value, result)
    own = [l for l in lines if l.startswith(f"mediahub: {where}: ")]
    assert own, (row, value, lines)
    assert environment_name(name) in own[0] and "in the INI file" in own[0], own
    assert any("; it must be " in l for l in own), own
    assert kind != "SECRET" or value not in own[0], own
    assert "child_started" not in result.stderr and not (tmp_path / "data").exists()


@pytest.mark.parametrize("kind", sorted(GARBAGE))
def test_every_row(tmp_path, kind):
    tries = [(row, value) for row in ROWS if row[2] == kind
             for value in bad_values(kind, row[3], row[4])]
    with ThreadPoolExecutor(4) as pool:
        for judged in [pool.submit(judge, tmp_path, *each) for each in tries]:
            judged.result()


def test_the_table_was_read():
    assert len(ROWS) > 40 and {row[2] for row in ROWS} <= set(GARBAGE)


def test_all_faults_at_once(tmp_path):
    (tmp_path / "hub.ini").write_text("gateways = 0\n[limits]\nuser = many\n[nosuch]\nkey = 1\n")
    status, lines, result = run(
        tmp_path, "run", "--config", "hub.ini", "--partitions", "5000", "--admin-user", "",
        "--tls-key", "none.pem", "--listen-tls", ":8443", "--backup-config-path", "none",
        env={"MEDIAHUB_UPLOAD_MAX_BYTES": "0", "MEDIAHUB_JOBS": "foo", "MEDIAHUB_CORS_ORIGINS": "*",
             "MEDIAHUB_MEDIAVAULT_TRUSTED_PROXIES": "foo"})
    assert status == 1
    for start in ("--partitions", "--admin-user", "--tls-key", "--listen-tls",
                  "--backup-config-path", "MEDIAHUB_UPLOAD_MAX_BYTES", "MEDIAHUB_JOBS",
                  "MEDIAHUB_CORS_ORIGINS", "MEDIAHUB_MEDIAVAULT_TRUSTED_PROXIES",
                  "hub.ini: gateways", "hub.ini: limits.user", "hub.ini: nosuch.key"):
        assert any(l.startswith(f"mediahub: {start}") for l in lines), (start, lines)
    assert all(l.startswith("mediahub: ") for l in lines), result.stderr


def test_a_backup_folder_one_level_off(tmp_path):
    root = tmp_path / "files"
    kinds = root / "backup-repository/backups.riotkit.org/v1alpha1/backupusers"
    kinds.mkdir(parents=True)
    for wrong in (tmp_path, root / "backup-repository", kinds):
        status, lines, _ = run(tmp_path, "config", "check", "--backup-config-path", wrong)
        assert status == 1 and len(lines) == 1 and "backup.namespace" in lines[0], lines
    assert run(tmp_path, "config", "check", "--backup-config-path", root)[0] == 0
    assert run(tmp_path, "config", "check", "--backup-config-path", root, "--backup-namespace",
               "other")[0] == 1


def test_config_check(tmp_path):
    status, lines, result = run(tmp_path, "config", "check", "--listen", f":{free_port()}")
    assert status == 0 and lines == [] and result.stdout, result
    assert not list(tmp_path.iterdir())          # it has started nothing and made nothing
    assert run(tmp_path, "config", "check", "--workers", "x")[0] == 1
    for wrong in (["config"], ["config", "chek"], ["config", "--workers", "1"]):
        status, lines, _ = run(tmp_path, *wrong)
        assert status == 1 and "usage" in lines[0]


def test_help_has_three_names_of_each(tmp_path):
    for arguments in (["help"], ["run", "-h"], ["run", "--help"], ["-h"], ["--help"],
                      ["user", "-h"], ["check", "--help"]):
        status, lines, result = run(tmp_path, *arguments)
        assert status == 0 and lines == [], (arguments, result)
        for name, option, *_ in ROWS:
            key = name.split(".")[-1]
            assert re.search(rf"{'--' + option + ', ' if option else ''}{environment_name(name)}, {key} ",
                             result.stdout), name


def test_an_unknown_name_in_the_environment_is_a_warning(tmp_path):
    status, lines, result = run(tmp_path, "config", "check", env={"MEDIAHUB_WORKRES": "1"})
    assert status == 0 and lines == []
    assert result.stderr.count('"level":"warn"') == 1 and "MEDIAHUB_WORKRES" in result.stderr

"""A client of the Backup Repository, the files that its users and collections are written in, and
bytes as its clients send them."""
import base64
import os
import pathlib
import shutil

import requests
import yaml
from harness import PATIENCE_S, ROOT

EXAMPLES = ROOT / "examples/backup-repository"
NAMESPACE = "backup-repository"
API_VERSION = "backups.riotkit.org/v1alpha1"
KINDS = {"BackupUser": f"{API_VERSION}/backupusers", "BackupCollection": f"{API_VERSION}/backupcollections",
         "Secret": "v1/secrets"}
HEALTH_KEY = "is it well?"
# Of every example user, and of the access key of one.
PASSWORD, KEY_PASSWORD, COLLECTION_CODE = "admin", "test", "test"


def armoured(n_bytes=64):
    """An armoured OpenPGP message of about this size, other bytes every time."""
    text = base64.b64encode(os.urandom(max(n_bytes * 3 // 4, 12)))
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN PGP MESSAGE-----", b"", *lines, b"-----END PGP MESSAGE-----", b""])


class BackupFolder:
    """The example files in a folder of the test's own, to be changed while a hub reads them."""

    def __init__(self, path):
        self.root = pathlib.Path(path)
        shutil.copytree(EXAMPLES, self.root)

    def path(self, kind, name):
        return self.root / NAMESPACE / KINDS[kind] / f"{name}.yaml"

    def write(self, kind, name, text):
        """The whole file at once, as an editor or a mounted folder changes it."""
        path = self.path(kind, name)
        new = path.with_suffix(".new")
        new.write_bytes(text if isinstance(text, bytes) else text.encode())
        new.replace(path)

    def put(self, kind, name, **members):
        self.write(kind, name, yaml.safe_dump({
            "apiVersion": "v1" if kind == "Secret" else API_VERSION, "kind": kind,
            "metadata": {"name": name}, **members}))

    def example_secret(self, entry):
        path = self.path("Secret", "backup-repository-passwords")
        return yaml.safe_load(path.read_text())["data"][entry]

    def user(self, name, roles=(), **spec):
        """With the password of the example users, unless the spec says another."""
        self.put("BackupUser", name, spec={
            "email": f"{name}@example.org", "roles": list(roles),
            "password": self.example_secret("admin"), **spec})

    def collection(self, name, **spec):
        self.put("BackupCollection", name, spec={
            "description": "For a test", "filenameTemplate": name + "-${version}.asc",
            "maxBackupsCount": 3, "strategyName": "fifo", **spec})

    def remove(self, kind, name):
        self.path(kind, name).unlink()

    def options(self):
        return ["--backup-config-path", str(self.root), "--backup-health-check-key", HEALTH_KEY]


class BackupClient:
    def __init__(self, hub, username="admin", password=PASSWORD, url=None, **login):
        self.url = (url or hub.url) + "/api/stable"
        answer = self.try_login(self.url, username, password, **login)
        assert answer.status_code == 200, answer.text
        self.token, self.session_id = (answer.json()["data"][key] for key in ("token", "sessionId"))
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    @staticmethod
    def try_login(url, username, password=PASSWORD, **more):
        return requests.post(url + "/auth/login", timeout=PATIENCE_S,
                             json={"username": username, "password": password, **more})

    def ask(self, path, method="GET", **arguments):
        return self.http.request(method, self.url + path, timeout=PATIENCE_S, **arguments)

    def upload(self, collection, content, **arguments):
        return self.ask(f"/repository/collection/{collection}/version", "POST", data=content,
                        **arguments)

    def uploaded(self, collection, content):
        answer = self.upload(collection, content)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["version"]

    def versions(self, collection):
        answer = self.ask(f"/repository/collection/{collection}/version")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["versions"]

    def download(self, collection, version="latest", **arguments):
        return self.ask(f"/repository/collection/{collection}/version/{version}", **arguments)

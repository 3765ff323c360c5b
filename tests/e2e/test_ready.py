"""/ready tells the truth: what a hub cannot do without is looked at, and named when it fails."""
import os
import signal

import requests
from harness import PATIENCE_S, wait_for


def ready(hub):
    answer = requests.get(hub.url + "/ready", timeout=PATIENCE_S)
    body = answer.json()
    components = body["components"] if "components" in body else {}
    failing = {name for name, state in components.items() if state != "ok"}
    assert (answer.status_code == 200) == (not failing), body
    return failing


def wait_failing(hub, name):
    wait_for(lambda: ready(hub) == {name}, f"{name} to fail")


def wait_green(hub):
    wait_for(lambda: not ready(hub), "green /ready")


def test_all_are_named(hub):
    body = requests.get(hub.url + "/ready", timeout=PATIENCE_S).json()
    assert set(body["components"]) >= {"state", "events", "catalogue", "store", "folders", "dispatcher", "worker"}
    assert set(body["components"].values()) == {"ok"}


def test_a_store_that_cannot_be_written(hub):
    """As root every mode lets us in, so what is missing is the folder itself."""
    incoming = hub.data / "store/incoming"
    incoming.rename(hub.data / "store/elsewhere")
    wait_failing(hub, "store")
    (hub.data / "store/elsewhere").rename(incoming)
    wait_green(hub)
    assert not any(incoming.iterdir())


def test_a_folder_that_is_gone(make_hub, files):
    hub = make_hub(*files.options())
    wait_green(hub)
    files.root.rename(files.root.with_name("away"))
    wait_failing(hub, "folders")
    files.root.with_name("away").rename(files.root)
    wait_green(hub)


def test_a_dispatcher_that_hangs(hub):
    [dispatcher] = hub.pids("mediahub-webhooks")
    os.kill(dispatcher, signal.SIGSTOP)
    wait_failing(hub, "dispatcher")
    os.kill(dispatcher, signal.SIGCONT)
    wait_green(hub)


def test_a_catalogue_that_hangs(hub):
    [catalogue] = hub.pids("mediahub-catalogue")
    os.kill(catalogue, signal.SIGSTOP)
    wait_failing(hub, "catalogue")
    os.kill(catalogue, signal.SIGCONT)
    wait_green(hub)


def test_without_a_worker(hub):
    """Each death makes the pause before the next start longer."""
    hub.expect_deaths()
    hub.wait_worker()

    def failing():
        for worker in hub.pids("mediahub-worker"):
            os.kill(worker, signal.SIGKILL)
        return ready(hub) == {"worker"}

    wait_for(failing, "worker to fail")
    wait_green(hub)

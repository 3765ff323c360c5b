"""The programs under examples/, as README says to use them."""
import json
import queue
import subprocess
import sys
import threading

import requests
from harness import PATIENCE_S, ROOT, free_port, wait_for
from load import tiny_png


def listens(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S).status_code
    except requests.ConnectionError:
        return None


def test_receiver_of_webhooks(hub):
    session, port, lines = hub.session(), free_port(), queue.Queue()
    url = f"http://127.0.0.1:{port}/hook"
    secret = session.post(hub.api + "/webhooks", timeout=PATIENCE_S,
                          json={"url": url, "events": ["*"]}).json()["data"]["secret"]
    receiver = subprocess.Popen([sys.executable, ROOT / "examples/webhooks/receiver.py", secret, str(port)],
                                stdout=subprocess.PIPE, text=True)
    threading.Thread(target=lambda: [lines.put(line) for line in receiver.stdout], daemon=True).start()
    try:
        wait_for(lambda: listens(port), "the receiver")
        forged = requests.post(url, data=b"{}", timeout=PATIENCE_S, headers={
            "webhook-id": "evt_x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"})
        assert forged.status_code == 401
        uploaded = session.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                                files={"file": ("tiny.png", tiny_png(1))}).json()["data"]
        event = json.loads(lines.get(timeout=PATIENCE_S))
        assert event["event"] == "media.uploaded" and event["data"]["id"] == uploaded["id"]
    finally:
        receiver.kill()
        receiver.wait()

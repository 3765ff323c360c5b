"""A client of Media Vault with Python's standard library alone:

    python3 client.py URL USER PASSWORD FILE [PER_PAGE]

Logs in, listens to media_updates (server-sent events, begun again where they were cut), uploads the file,
waits until the hub has made of it what it can, and pages through the list, never faster than the hub's
limits allow."""
import http.client
import json
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

SILENCE_S = 60      # the hub says something every 15 s


class Client:
    def __init__(self, url, username, password):
        self.url, self.token = url.rstrip("/"), None
        self.token = self.call("POST", "/auth/login", {"username": username, "password": password})["token"]

    def open(self, method, path, body=None, headers=None):
        headers = {**(headers or {}), **({"Authorization": "Bearer " + self.token} if self.token else {})}
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        return urllib.request.urlopen(request, timeout=SILENCE_S)

    def call(self, method, path, body=None):
        """The answer as JSON. body: a path to a file, or what becomes JSON."""
        file = isinstance(body, pathlib.Path)
        headers = {"Content-Type": "application/octet-stream" if file else "application/json"} if body else {}
        while True:
            sent = body.open("rb") if file else json.dumps(body).encode() if body else None
            try:
                with self.open(method, "/api/v1" + path, sent, headers) as answer:
                    slow_down(answer.headers)
                    return json.load(answer)
            except urllib.error.HTTPError as refusal:
                if refusal.code not in (429, 503):
                    sys.exit(f"{method} {path}: {refusal.code} {refusal.read().decode()}")
                time.sleep(int(refusal.headers.get("Retry-After", 1)))

    def listen(self, channel):
        """What happens, for ever and without a gap that is not told; see /docs/realtime."""
        last, retry_s = "", 2
        while True:
            try:
                with self.open("GET", "/realtime?channel=" + channel, headers={
                        "Accept": "text/event-stream", "Last-Event-ID": last}) as stream:
                    for line in stream:
                        name, _, value = line.decode().rstrip("\n").partition(": ")
                        if name == "id":
                            last = value        # where to go on
                        elif name == "retry":
                            retry_s = int(value) / 1000
                        elif name == "data":
                            yield json.loads(value)
            except urllib.error.HTTPError as refusal:
                if refusal.code not in (429, 503):
                    sys.exit(f"/realtime: {refusal.code} {refusal.read().decode()}")
            except (OSError, http.client.HTTPException):
                pass                            # cut
            time.sleep(retry_s)

    def items(self, per_page):
        path = f"/media?per_page={per_page}"
        while path:
            answer = self.call("GET", path)
            yield from answer["data"]
            path = answer["meta"]["pagination"]["links"]["next"]


def slow_down(headers):
    """Spreads the last tenth of what may pass over the rest of the window."""
    limit, left = (int(headers.get("X-RateLimit-" + name, 0)) for name in ("Limit", "Remaining"))
    rest_s = int(headers.get("X-RateLimit-Reset", 0)) - time.time()
    told = re.search(r";r=(\d+);t=(\d+)", headers.get("RateLimit", ""))
    if told:
        left, rest_s = int(told[1]), int(told[2])
    if limit and left <= limit / 10:
        time.sleep(max(rest_s, 0) / (left + 1))


if __name__ == "__main__":
    url, username, password, file, per_page = (sys.argv[1:] + ["20"])[:5]
    client, media = Client(url, username, password), None
    for message in client.listen("media_updates"):
        if message["type"] == "subscribed" and not media:
            name = urllib.parse.quote(pathlib.Path(file).name)
            media = client.call("POST", "/media/upload?filename=" + name, pathlib.Path(file))["data"]["id"]
        print(message["type"], message.get("event", ""), message.get("resource_id") or "", flush=True)
        if message.get("resource_id") == media and message.get("event") in ("media.ready", "media.failed"):
            break
    print("listed", sum(1 for _ in client.items(per_page)))

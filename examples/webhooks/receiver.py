"""A receiver of webhooks that believes nobody: python3 receiver.py SECRET [PORT]

Every request is verified as Standard Webhooks say (version 1): HMAC-SHA256 over
"webhook-id.webhook-timestamp.body" with the bytes of the secret, in constant time; nothing older or
newer than five minutes; no message twice. What is not answered with a 2xx is sent again later."""
import base64
import hashlib
import hmac
import http.server
import sys
import time

TOLERANCE_S = 300


def is_genuine(secret, headers, body):
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE_S:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # While a secret is being rotated there are two signatures, and one of them is ours.
    return any(hmac.compare_digest(expected, given)
               for given in headers.get("webhook-signature", "").split())


class Handler(http.server.BaseHTTPRequestHandler):
    seen = set()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        genuine = is_genuine(sys.argv[1], self.headers, body)
        if genuine and self.headers["webhook-id"] not in self.seen:
            self.seen.add(self.headers["webhook-id"])
            print(body.decode(), flush=True)
        self.send_response(204 if genuine else 401)
        self.end_headers()

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    address = "127.0.0.1", int(sys.argv[2]) if len(sys.argv) == 3 else 9000
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()

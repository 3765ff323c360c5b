"""realtime.yaml, events.yaml and errors.yaml -> asyncapi.c: /realtime and webhooks as an AsyncAPI 3.0
document, as the hub serves it.

    generate_asyncapi.py REALTIME_YAML EVENTS_YAML ERRORS_YAML OUT_C
"""
import hashlib
import json
import pathlib
import sys

import yaml

USER, TIME = "user_01H1QW8N5JZJ8X4Q2K7B3C9D6E", "2023-05-30T10:00:00Z"
EVENT, POSITION = "evt_01H1QW8N5JZJ8X4Q2K7B3C9D6E", "AQGqvcbNuK-YAwHUVuLQk0v8Bw"
TEST = {"event": "webhook.test", "data": {"id": "whk_01H1QW8N5JZJ8X4Q2K7B3C9D6E", "type": "webhook",
                                          "user_id": USER}, "timestamp": TIME}
JOB = {"id": "media_01H1QW8N5JZJ8X4Q2K7B3C9D6E", "job_id": "job_01H1QW8N5JZJ8X4Q2K7B3C9D6E",
       "kind": "transcode", "user_id": USER, "status": "running", "percent": 40}


def read(path):
    return yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))


def ref(*steps):
    return {"$ref": "#/" + "/".join(steps)}


def closed(properties, optional=()):
    return {"type": "object", "required": [name for name in properties if name not in optional],
            "additionalProperties": False, "properties": properties}


def fill(node, lists):
    """The lists of names that other tables hold, where x-enum stands for one."""
    if isinstance(node, dict):
        node = {key: fill(value, lists) for key, value in node.items()}
        if "x-enum" in node:
            node["enum"] = lists[node.pop("x-enum")]
    elif isinstance(node, list):
        node = [fill(value, lists) for value in node]
    return node


class Document:
    def __init__(self, realtime, events, errors):
        self.realtime = realtime
        self.channels = {name: row for name, row in events["channels"].items() if row["clients"]}
        self.events = [row for row in events["events"].values() if row["channel"] in self.channels]
        self.lists = {"channels": list(self.channels),
                      "codes": [row["code"] for row in realtime["closes"].values()],
                      "slugs": sorted({row["slug"] for row in errors["errors"].values()})}
        self.schemas = fill(realtime["types"], self.lists)
        self.messages, self.ways = {}, {"websocket": [], "stream": [], "webhooks": []}
        self.answers = {}

    # Members and messages

    def member(self, value):
        return ref("components", "schemas", value) if isinstance(value, str) else fill(value, self.lists)

    def object(self, kind, members):
        properties = {"type": {"const": kind}}
        properties.update({name.rstrip("?"): self.member(value) for name, value in members.items()})
        return closed(properties, [name.rstrip("?") for name in members if name.endswith("?")])

    def add(self, name, ways, about, payload, example, headers=None, title=None):
        schema = name.replace(".", "_")
        self.schemas[schema] = payload
        self.messages[schema] = {
            "name": title or name, "title": title or name, "summary": about, "contentType": "application/json",
            "payload": ref("components", "schemas", schema),
            **({"headers": headers[0]} if headers else {}),
            "examples": [{"name": schema, "payload": example, **({"headers": headers[1]} if headers else {})}]}
        for way in ways:
            self.ways[way].append(schema)

    def add_protocol(self):
        for row in self.realtime["commands"].values():
            self.add(row["type"], ["websocket"], row["about"], self.object(row["type"], row["members"]),
                     row["example"])
            self.answers[row["type"]] = row["answers"]
        for name, row in self.realtime["messages"].items():
            self.add(name, row["over"], row["about"], self.object(name, row["members"]), row["example"])

    def data(self, row):
        channel = self.channels[row["channel"]]
        example = {"id": channel["example"], "type": channel["types"][0], "user_id": USER}
        if row["channel"] == "user_updates":
            example["user_id"] = example["id"]
        return closed({"id": {"type": "string"}, "type": {"enum": channel["types"]},
                       "user_id": {"type": "string"}}), example

    def add_event(self, row):
        schema, data = self.data(row)
        self.add(row["type"], ["websocket", "stream"], row["about"], closed({
            "type": {"const": "event"}, "id": {"type": "string", "pattern": "^evt_"},
            "position": ref("components", "schemas", "Position"), "channel": {"const": row["channel"]},
            "resource_id": {"type": "string"}, "event": {"const": row["type"]}, "data": schema,
            "timestamp": ref("components", "schemas", "Time"),
            "changes": {"type": "object", "description": "What became of it; the record says the rest."}}), {
                "type": "event", "id": EVENT, "position": POSITION, "channel": row["channel"],
                "resource_id": data["id"], "event": row["type"], "data": data, "timestamp": TIME,
                "changes": row.get("changes", {})})

    def add_progress(self):
        self.add("job.progress", ["websocket", "stream"],
                 "How far a job is; without a place in the history, and the latest of each alone for a slow client.",
                 closed({"type": {"const": "event"}, "id": {"type": "null"}, "position": {"type": "null"},
                         "channel": {"const": "job_progress"}, "resource_id": {"type": "string"},
                         "event": {"const": "job.progress"}, "data": closed({
                             "id": {"type": "string"}, "job_id": {"type": "string"},
                             "kind": {"type": "string"}, "user_id": {"type": "string"},
                             "status": {"enum": ["queued", "running", "parked"]},
                             "percent": {"type": "integer", "minimum": 0, "maximum": 100}}),
                         "timestamp": ref("components", "schemas", "Time")}),
                 {"type": "event", "id": None, "position": None, "channel": "job_progress",
                  "resource_id": JOB["id"], "event": "job.progress", "data": JOB, "timestamp": TIME})

    def add_webhook(self, kind, about, data, example):
        headers = closed({
            "webhook-id": {"type": "string", "pattern": "^evt_",
                           "description": "The event; the same for every attempt, and in /realtime."},
            "webhook-timestamp": {"type": "string", "pattern": "^[0-9]+$", "description": "Unix seconds of this attempt."},
            "webhook-signature": {"type": "string", "pattern": "^v1,[A-Za-z0-9+/]+=*( v1,[A-Za-z0-9+/]+=*)*$",
                                  "description": "HMAC-SHA256 over id.timestamp.body; two while a secret is rotated."},
            "x-mediavault-event": {"const": kind}})
        headers["additionalProperties"] = True
        self.add("webhook." + kind, ["webhooks"], about, closed({
            "event": {"const": kind}, "data": data, "timestamp": ref("components", "schemas", "Time")}), example, (
                headers, {"webhook-id": EVENT, "webhook-timestamp": "1685440800",
                          "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                          "x-mediavault-event": kind}), title=f"{kind} (webhook)")

    def add_webhooks(self):
        for row in self.events:
            if row["webhook"] == "never":
                continue
            schema, data = self.data(row)
            named = "" if row["webhook"] == "always" else " Only where an endpoint names it."
            self.add_webhook(row["type"], row["about"] + named, schema,
                             {"event": row["type"], "data": data, "timestamp": TIME})
        self.add_webhook("webhook.test", "A trial, by POST /api/v1/webhooks/{id}/test.", closed({
            "id": {"type": "string"}, "type": {"const": "webhook"}, "user_id": {"type": "string"}}), TEST)

    # Channels and operations, as the hub sees them

    def channel(self, way, address, server, description, bindings=None):
        return {"address": address, "description": description, "servers": [ref("servers", server)],
                "messages": {name: ref("components", "messages", name) for name in self.ways[way]},
                **({"bindings": bindings} if bindings else {})}

    def pushed(self, way):
        return [ref("channels", way, "messages", name) for name in self.ways[way] if name not in self.answers]

    def operations(self):
        query = {"type": "object", "properties": {
            "channel": {"type": "array", "items": ref("components", "schemas", "ChannelName")},
            "resource_id": {"type": "array", "items": {"type": "string"}},
            "since": {"type": "string"}, "ticket": {"type": "string"}}}
        operations = {
            "tellByWebSocket": {"action": "send", "channel": ref("channels", "websocket"),
                                "summary": "Changes, as text frames.", "messages": self.pushed("websocket")},
            "tellByStream": {"action": "send", "channel": ref("channels", "stream"),
                             "summary": "Changes, as server-sent events; `id` is the position.",
                             "messages": self.pushed("stream"),
                             "bindings": {"http": {"method": "GET", "query": query}}},
            "tellByWebhook": {"action": "send", "channel": ref("channels", "webhooks"),
                              "summary": "Changes, as signed POST requests (Standard Webhooks).",
                              "messages": self.pushed("webhooks"), "bindings": {"http": {"method": "POST"}}}}
        for command, answers in self.answers.items():
            operations["take_" + command] = {
                "action": "receive", "channel": ref("channels", "websocket"),
                "summary": self.messages[command]["summary"],
                "messages": [ref("channels", "websocket", "messages", command)],
                "reply": {"channel": ref("channels", "websocket"),
                          "messages": [ref("channels", "websocket", "messages", name) for name in answers]}}
        return operations

    def servers(self):
        host = {"host": "{host}", "variables": {"host": {"default": "127.0.0.1:8080"}}}
        security = [ref("components", "securitySchemes", name) for name in ("bearer", "key", "ticket")]
        return {"websocket": {**host, "protocol": "ws", "security": security,
                              "description": "Or wss, where the hub or a proxy does TLS."},
                "http": {**host, "protocol": "http", "security": security, "description": "Or https."},
                "receiver": {"host": "{receiver}", "protocol": "https",
                             "variables": {"receiver": {"default": "example.com"}},
                             "description": "Whatever an endpoint's url names."}}

    def whole(self):
        self.add_protocol()
        for row in self.events:
            self.add_event(row)
        self.add_progress()
        self.add_webhooks()
        codes = "; ".join(f"{row['code']}: {row['about']}" for row in self.realtime["closes"].values())
        return {
            "asyncapi": "3.0.0",
            "info": {"title": "Mediahub: changes as they happen", "version": "1.0.0",
                     "description": "What the hub tells over /realtime, by WebSocket or as server-sent events, and "
                                    f"by webhooks. In prose: /docs/realtime. Close codes: {codes}."},
            "defaultContentType": "application/json",
            "servers": self.servers(),
            "channels": {
                "websocket": self.channel("websocket", "/realtime", "websocket",
                                          "One JSON object to each text frame, both ways.",
                                          {"ws": {"method": "GET", "query": {"type": "object", "properties": {
                                              "ticket": {"type": "string"}}}}}),
                "stream": self.channel("stream", "/realtime", "http",
                                       "With `Accept: text/event-stream`: one message to each event."),
                "webhooks": self.channel("webhooks", None, "receiver", "The url of an endpoint.")},
            "operations": self.operations(),
            "components": {
                "schemas": self.schemas, "messages": self.messages,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "description": "The token of a login, in the "
                               "Authorization header or, over WebSocket, in `auth`."},
                    "key": {"type": "httpApiKey", "in": "header", "name": "X-API-Key",
                            "description": "A key with the scope `realtime`."},
                    "ticket": {"type": "httpApiKey", "in": "query", "name": "ticket",
                               "description": "Of POST /realtime/tickets: once, within a minute."}}}}


def document(realtime, events, errors):
    return Document(read(realtime), read(events), read(errors)).whole()


def main(realtime, events, errors, target):
    text = json.dumps(document(realtime, events, errors), ensure_ascii=False, separators=(",", ":")).encode()
    with open(target, "w", encoding="ascii") as file:
        file.write('/* Generated from schemas/; do not edit. */\n#include "gateway/surfaces/documents.h"\n\n'
                   "static const unsigned char bytes[] = {\n")
        for at in range(0, len(text), 24):
            file.write("    " + ", ".join(map(str, text[at:at + 24])) + ",\n")
        file.write("};\nconst struct slice asyncapi = {(const char *)bytes, sizeof bytes};\n"
                   f'const struct slice asyncapi_etag = SLICE_INIT("\\"{hashlib.sha256(text).hexdigest()[:16]}\\"");\n')


if __name__ == "__main__":
    main(*sys.argv[1:])

"""events.yaml, realtime.yaml and realtime.html -> realtime_page.c: the page about /realtime, as the hub
serves it.

    generate_realtime_page.py EVENTS_YAML REALTIME_YAML REALTIME_HTML OUT_C
"""
import hashlib
import html
import re
import sys

import yaml

WEBHOOK = {"always": "always", "named": "when named", "never": "no"}


def text(sentence):
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(sentence, quote=False))


def table(head, rows):
    lines = ["<table>", "<tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return "\n".join([*lines, "</table>"])


def page(schema, protocol, template):
    shown = {name: channel for name, channel in schema["channels"].items() if channel["clients"]}
    channels = [[f"<code>{name}</code>", text(channel["resource"])]
                for name, channel in shown.items()]
    events = [[f"<code>{event['type']}</code>", text(event["about"]),
               f"<code>{event['channel']}</code>", WEBHOOK[event["webhook"]]]
              for event in schema["events"].values() if event["channel"] in shown]
    closes = [[str(row["code"]), text(row["about"])] for row in protocol["closes"].values()]
    for name, part in (("closes", table(["code", "why"], closes)),
                       ("channels", table(["channel", "resource_id"], channels)),
                       ("events", table(["event", "when", "channel", "webhooks"], events))):
        if template.count("{{" + name + "}}") != 1:
            sys.exit(f"realtime.html: no {{{{{name}}}}}")
        template = template.replace("{{" + name + "}}", part)
    return template


def main(events_yaml, realtime_yaml, template, target):
    with open(events_yaml, encoding="utf-8") as file:
        schema = yaml.safe_load(file)
    with open(realtime_yaml, encoding="utf-8") as file:
        protocol = yaml.safe_load(file)
    with open(template, encoding="utf-8") as file:
        content = page(schema, protocol, file.read()).encode()
    with open(target, "w", encoding="ascii") as file:
        file.write('/* Generated from schemas/; do not edit. */\n#include "gateway/surfaces/documents.h"\n\n'
                   "static const unsigned char bytes[] = {\n")
        for at in range(0, len(content), 24):
            file.write("    " + ", ".join(map(str, content[at:at + 24])) + ",\n")
        file.write("};\nconst struct slice realtime_page = {(const char *)bytes, sizeof bytes};\n"
                   "const struct slice realtime_page_etag = "
                   f'SLICE_INIT("\\"{hashlib.sha256(content).hexdigest()[:16]}\\"");\n')


if __name__ == "__main__":
    main(*sys.argv[1:])

"""events.yaml -> events.def, one EVENT(...) row per event type."""
import re
import sys

import yaml

WEBHOOK = {"always": "WEBHOOK_ALWAYS", "named": "WEBHOOK_NAMED", "never": "WEBHOOK_NEVER"}


class UniqueLoader(yaml.SafeLoader):
    """YAML keeps the last of two equal keys without a word; here that is a mistake."""


def unique_mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            sys.exit(f"{node.start_mark.name}: {key} stands there twice")
    return yaml.SafeLoader.construct_mapping(loader, node)


UniqueLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, unique_mapping)


def row(source, name, event, channels):
    if not re.fullmatch(r"[A-Z][A-Z_]*", name):
        sys.exit(f"{source}: {name} is not a constant's name")
    if set(event) != {"type", "channel", "webhook", "about"}:
        sys.exit(f"{source}: {name} needs exactly type, channel, webhook and about")
    if event["type"].replace(".", "_").upper() != name:
        sys.exit(f"{source}: {name} does not match its type {event['type']}")
    if not re.fullmatch(r"[a-z]+(\.[a-z]+)+", event["type"]):
        sys.exit(f"{source}: {event['type']} is not the name of an event type")
    if event["channel"] not in channels:
        sys.exit(f"{source}: {name} has a channel that is not listed: {event['channel']}")
    if event["webhook"] not in WEBHOOK:
        sys.exit(f"{source}: {name} needs webhook to be one of {', '.join(WEBHOOK)}")
    clients = channels[event["channel"]]["clients"]
    if not clients and event["webhook"] != "never":
        sys.exit(f"{source}: {name} is for the hub alone, but goes to webhooks")
    return (f'EVENT({name}, "{event["type"]}", "{event["channel"]}", '
            f'{"true" if clients else "false"}, {WEBHOOK[event["webhook"]]})')


def main(source, target):
    with open(source, encoding="utf-8") as f:
        schema = yaml.load(f, UniqueLoader)
    channels, events = schema["channels"], schema["events"]
    for name, channel in channels.items():
        if not re.fullmatch(r"[a-z][a-z_]*", name) or set(channel) != {"clients", "resource"}:
            sys.exit(f"{source}: channel {name} has a wrong name or fields")
    types = [event.get("type") for event in events.values()]
    for event_type in types:
        if types.count(event_type) > 1:
            sys.exit(f"{source}: {event_type} stands there twice")
    rows = ["/* Generated from schemas/events.yaml; do not edit. */"]
    rows += [row(source, name, event, channels) for name, event in events.items()]
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(rows) + "\n")


main(*sys.argv[1:])

"""events.yaml -> events.def and channels.def: an EVENT(...) row per event type, a CHANNEL(...) row
per channel."""
import re
import sys

import yaml

WEBHOOK = {"always": "WEBHOOK_ALWAYS", "named": "WEBHOOK_NAMED", "never": "WEBHOOK_NEVER"}
SLOW = {"gap": "GAP", "latest": "LATEST"}
CHANNEL_FIELDS = {"clients", "history", "slow", "sees", "resource", "example", "types"}


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
    if set(event) - {"changes"} != {"type", "channel", "webhook", "about"}:
        sys.exit(f"{source}: {name} needs type, channel, webhook and about, and nothing else but changes")
    if event["type"].replace(".", "_").upper() != name:
        sys.exit(f"{source}: {name} does not match its type {event['type']}")
    if not re.fullmatch(r"[a-z]+(\.[a-z]+)+", event["type"]):
        sys.exit(f"{source}: {event['type']} is not the name of an event type")
    if event["channel"] not in channels:
        sys.exit(f"{source}: {name} has a channel that is not listed: {event['channel']}")
    if event["webhook"] not in WEBHOOK:
        sys.exit(f"{source}: {name} needs webhook to be one of {', '.join(WEBHOOK)}")
    if not channels[event["channel"]]["history"]:
        sys.exit(f"{source}: {name} is an event, but its channel has no history of them")
    clients = channels[event["channel"]]["clients"]
    if not clients and event["webhook"] != "never":
        sys.exit(f"{source}: {name} is for the hub alone, but goes to webhooks")
    return (f'EVENT({name}, "{event["type"]}", {event["channel"].upper()}, '
            f'{c_bool(clients)}, {WEBHOOK[event["webhook"]]})')


def c_bool(value):
    return "true" if value else "false"


def channel_row(source, name, channel):
    if not re.fullmatch(r"[a-z][a-z_]*", name) or set(channel) != CHANNEL_FIELDS:
        sys.exit(f"{source}: channel {name} has a wrong name or fields")
    if channel["slow"] not in SLOW or not re.fullmatch(r"[a-z]+", channel["sees"]):
        sys.exit(f"{source}: channel {name} has a slow or sees that is none")
    if channel["clients"] == (channel["sees"] == "nobody"):
        sys.exit(f"{source}: channel {name} is for clients or for nobody, not both")
    return (f'CHANNEL({name.upper()}, "{name}", {c_bool(channel["clients"])}, '
            f'{c_bool(channel["history"])}, {SLOW[channel["slow"]]}, {channel["sees"]})')


def write(target, rows):
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(["/* Generated from schemas/events.yaml; do not edit. */", *rows]) + "\n")


def main(source, events_def, channels_def):
    with open(source, encoding="utf-8") as f:
        schema = yaml.load(f, UniqueLoader)
    channels, events = schema["channels"], schema["events"]
    channel_rows = [channel_row(source, name, channel) for name, channel in channels.items()]
    types = [event.get("type") for event in events.values()]
    for event_type in types:
        if types.count(event_type) > 1:
            sys.exit(f"{source}: {event_type} stands there twice")
    write(channels_def, channel_rows)
    write(events_def, [row(source, name, event, channels) for name, event in events.items()])


main(*sys.argv[1:])

"""realtime.yaml -> closes.def, commands.def and realtime_limits.def: a CLOSE(NAME, code), COMMAND(NAME,
"type") or LIMIT(NAME, figure) row for each."""
import pathlib
import re
import sys

import yaml


def fail(problem):
    sys.exit(f"realtime.yaml: {problem}")


def check_name(name):
    if not re.fullmatch(r"[A-Z][A-Z_]*", name):
        fail(f"{name} is not a constant's name")


def closes(schema):
    codes = [row["code"] for row in schema["closes"].values()]
    for name, row in schema["closes"].items():
        if row["code"] not in range(4000, 4300) or codes.count(row["code"]) > 1:
            fail(f"close {name} needs a code of its own, from 4000 to 4299")
        yield f'CLOSE({name}, {row["code"]})'


def commands(schema):
    for name, row in schema["commands"].items():
        if row["type"].upper() != name or not set(row["answers"]) <= set(schema["messages"]):
            fail(f"command {name} does not match its type, or an answer of it is no message")
        yield f'COMMAND({name}, "{row["type"]}")'


def limits(schema):
    for name, figure in schema["limits"].items():
        if not isinstance(figure, int):
            fail(f"limit {name} is no integer")
        yield f"LIMIT({name}, {figure})"


def main(source, *targets):
    schema = yaml.safe_load(pathlib.Path(source).read_text(encoding="utf-8"))
    for part in ("closes", "commands", "limits"):
        for name in schema[part]:
            check_name(name)
    for target, rows in zip(targets, (closes, commands, limits), strict=True):
        lines = ["/* Generated from schemas/realtime.yaml; do not edit. */", *rows(schema)]
        pathlib.Path(target).write_text("\n".join(lines) + "\n", encoding="utf-8")


main(*sys.argv[1:])

"""errors.yaml -> errors.def, one ERR(...) row per error."""
import re
import sys

import yaml

LEVELS = {"debug": "LOG_DEBUG", "info": "LOG_INFO", "warn": "LOG_WARN", "error": "LOG_ERROR"}


def main(source, target):
    with open(source, encoding="utf-8") as f:
        errors = yaml.safe_load(f)["errors"]
    rows = ["/* Generated from schemas/errors.yaml; do not edit. */"]
    for name, row in errors.items():
        if not re.fullmatch(r"[A-Z][A-Z_]*", name):
            sys.exit(f"{source}: {name} is not a constant's name")
        if set(row) != {"status", "slug", "level", "message"}:
            sys.exit(f"{source}: {name} needs exactly status, slug, level and message")
        if not 400 <= row["status"] <= 599 or row["level"] not in LEVELS:
            sys.exit(f"{source}: {name} has a wrong status or level")
        if not re.fullmatch(r"[a-z][a-z_]*", row["slug"]) or '"' in row["message"]:
            sys.exit(f"{source}: {name} has a wrong slug or message")
        rows.append(f'ERR({name}, {row["status"]}, "{row["slug"]}", "{row["message"]}", '
                    f'{LEVELS[row["level"]]})')
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(rows) + "\n")


main(*sys.argv[1:])

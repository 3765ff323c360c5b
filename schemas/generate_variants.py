"""variants.yaml -> variants.def, one VARIANT(name, text, file, mime, kind, pixels) row per variant."""
import re
import sys

import yaml

PIXELS_LEAST, PIXELS_MOST = 16, 4096
SERVED = {"kind", "text", "file", "mime", "pixels"}
KEYS = {"thumbnail": SERVED, "rendition": SERVED, "mask": {"kind", "file"}}


def row_of(source, name, row):
    kind = row.get("kind")
    if not re.fullmatch(r"[A-Z0-9]+", name) or set(row) != KEYS.get(kind):
        sys.exit(f"{source}: {name} needs a plain name, a kind, and exactly its keys")
    row = {"text": "", "mime": "", "pixels": 0, **row}
    if kind != "mask" and not PIXELS_LEAST <= row["pixels"] <= PIXELS_MOST:
        sys.exit(f"{source}: {name} has a wrong size")
    if not re.fullmatch(r"[a-z0-9]*", row["text"]) or not re.fullmatch(r"[a-z0-9.]+", row["file"]):
        sys.exit(f"{source}: {name} has a wrong text or file name")
    return (f'VARIANT({name}, "{row["text"]}", "{row["file"]}", "{row["mime"]}", '
            f'VARIANT_{kind.upper()}, {row["pixels"]})')


def main(source, target):
    with open(source, encoding="utf-8") as f:
        variants = yaml.safe_load(f)["variants"]
    if len(variants) > 32:
        sys.exit(f"{source}: a media record has room for 32 variants")
    rows = ["/* Generated from schemas/variants.yaml; do not edit. */"]
    rows += [row_of(source, name, row) for name, row in variants.items()]
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(rows) + "\n")


main(*sys.argv[1:])

"""variants.yaml -> variants.def, one row per variant: VARIANT(name, kind, text, pixels, file, mime, bit,
former file, former mime, former bit); bits are masks, 0 for what has none."""
import re
import sys

import yaml

PIXELS_LEAST, PIXELS_MOST = 16, 4096
FILE_BYTES_MAX = 29     # as in wire.yaml
MADE = {"file", "mime"}
KEYS = {"thumbnail": MADE | {"kind", "text", "pixels"}, "rendition": MADE | {"kind", "text", "pixels"},
        "mask": MADE | {"kind", "text"}}


def made_of(source, name, row):
    """The three arguments that say what stands in the store."""
    if not re.fullmatch(r"[a-z0-9]+\.[a-z0-9]+", row["file"]) or len(row["file"]) > FILE_BYTES_MAX:
        sys.exit(f"{source}: {name} has a wrong file name")
    if "bit" in row and row["bit"] not in range(32):
        sys.exit(f"{source}: {name} has a wrong bit")
    bit = 1 << row["bit"] if "bit" in row else 0
    return f'"{row["file"]}", "{row["mime"]}", {bit}u'


def row_of(source, name, row):
    kind, former = row.get("kind"), row.pop("former", None)
    if (not re.fullmatch(r"[A-Z0-9]+", name) or set(row) - {"bit"} != KEYS.get(kind)
            or former and set(former) - {"bit"} != MADE):
        sys.exit(f"{source}: {name} needs a plain name, a kind, and exactly its keys")
    row = {"pixels": 0, **row}
    if kind != "mask" and not PIXELS_LEAST <= row["pixels"] <= PIXELS_MOST:
        sys.exit(f"{source}: {name} has a wrong size")
    if not re.fullmatch(r"[a-z0-9]+", row["text"]):
        sys.exit(f"{source}: {name} has a wrong text")
    if former and former["mime"] == row["mime"]:
        sys.exit(f"{source}: {name} was of the same type before, which tells them apart")
    then = made_of(source, name, former) if former else '"", "", 0'
    return (f'VARIANT({name}, VARIANT_{kind.upper()}, "{row["text"]}", {row["pixels"]}, '
            f'{made_of(source, name, row)}, {then})')


def main(source, target):
    with open(source, encoding="utf-8") as f:
        variants = yaml.safe_load(f)["variants"]
    bits = [made["bit"] for row in variants.values()
            for made in (row, row.get("former")) if made and "bit" in made]
    if len(set(bits)) < len(bits):
        sys.exit(f"{source}: a bit stands there twice")
    rows = ["/* Generated from schemas/variants.yaml; do not edit. */"]
    rows += [row_of(source, name, row) for name, row in variants.items()]
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(rows) + "\n")


main(*sys.argv[1:])

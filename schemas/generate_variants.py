"""variants.yaml -> variants.def, one row per variant: VARIANT(name, kind, text, pixels, bit, file, mime,
former bit, former file, former mime); bits are masks, 0 for what never was."""
import re
import sys

import yaml

PIXELS_LEAST, PIXELS_MOST = 16, 4096
SERVED = {"bit", "kind", "text", "file", "mime", "pixels"}
KEYS = {"thumbnail": SERVED, "rendition": SERVED, "mask": {"bit", "kind", "file"}}
FORMER = {"bit", "file", "mime"}


def made_of(source, name, row):
    """The three arguments that say what stands in the store."""
    if not re.fullmatch(r"[a-z0-9.]+", row["file"]) or row["bit"] not in range(32):
        sys.exit(f"{source}: {name} has a wrong file name or bit")
    return f'{1 << row["bit"]}u, "{row["file"]}", "{row.get("mime", "")}"'


def row_of(source, name, row):
    kind, former = row.get("kind"), row.pop("former", None)
    if (not re.fullmatch(r"[A-Z0-9]+", name) or set(row) != KEYS.get(kind)
            or former and set(former) != FORMER):
        sys.exit(f"{source}: {name} needs a plain name, a kind, and exactly its keys")
    row = {"text": "", "pixels": 0, **row}
    if kind != "mask" and not PIXELS_LEAST <= row["pixels"] <= PIXELS_MOST:
        sys.exit(f"{source}: {name} has a wrong size")
    if not re.fullmatch(r"[a-z0-9]*", row["text"]):
        sys.exit(f"{source}: {name} has a wrong text")
    then = made_of(source, name, former) if former else '0, "", ""'
    return (f'VARIANT({name}, VARIANT_{kind.upper()}, "{row["text"]}", {row["pixels"]}, '
            f'{made_of(source, name, row)}, {then})')


def main(source, target):
    with open(source, encoding="utf-8") as f:
        variants = yaml.safe_load(f)["variants"]
    bits = [made["bit"] for row in variants.values()
            for made in (row, row.get("former")) if made]
    if len(set(bits)) < len(bits):
        sys.exit(f"{source}: a bit stands there twice")
    rows = ["/* Generated from schemas/variants.yaml; do not edit. */"]
    rows += [row_of(source, name, row) for name, row in variants.items()]
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(rows) + "\n")


main(*sys.argv[1:])

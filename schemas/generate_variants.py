"""variants.yaml -> variants.def, one VARIANT(name, text, file, mime, kind, pixels) row per variant."""
import re
import sys

import yaml

KEYS = {"kind", "text", "file", "mime", "pixels"}


def main(source, target):
    with open(source, encoding="utf-8") as f:
        variants = yaml.safe_load(f)["variants"]
    if len(variants) > 32:
        sys.exit(f"{source}: a media record has room for 32 variants")
    rows = ["/* Generated from schemas/variants.yaml; do not edit. */"]
    for name, row in variants.items():
        if not re.fullmatch(r"[A-Z0-9]+", name) or set(row) != KEYS:
            sys.exit(f"{source}: {name} needs a plain name and exactly {', '.join(sorted(KEYS))}")
        if row["kind"] not in ("thumbnail", "rendition") or not 16 <= row["pixels"] <= 4096:
            sys.exit(f"{source}: {name} has a wrong kind or size")
        if not re.fullmatch(r"[a-z0-9]+", row["text"]) or not re.fullmatch(r"[a-z0-9.]+", row["file"]):
            sys.exit(f"{source}: {name} has a wrong text or file name")
        rows.append(f'VARIANT({name}, "{row["text"]}", "{row["file"]}", "{row["mime"]}", '
                    f'VARIANT_{row["kind"].upper()}, {row["pixels"]})')
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(rows) + "\n")


main(*sys.argv[1:])

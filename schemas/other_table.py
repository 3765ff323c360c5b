"""An enum whose names another table has: {from: jobs.yaml, key: kinds} stands for that list, or for the
names of that map."""
import pathlib

import yaml


def enum_names(source, enum):
    if not isinstance(enum, dict) or "from" not in enum:
        return enum
    table = yaml.safe_load(pathlib.Path(source).with_name(enum["from"]).read_text(encoding="utf-8"))
    names = list(table[enum["key"]])
    rest = {key: value for key, value in enum.items() if key not in ("from", "key")}
    return {**rest, "names": names} if rest else names

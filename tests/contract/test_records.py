"""The generator of the records refuses what it says it refuses. Needs no hub."""
import copy
import subprocess
import sys

import pytest
import yaml
from contract import ROOT

SMALL = {
    "enums": {"colour": ["red", "green"]},
    "records": {
        "thing": {
            "key": "thing:{id}",
            "id": "thing_",
            "fields": {
                "id": {"type": "text", "stored": False, "max": 64},
                "size_bytes": {"type": "number", "stored": "size", "catalogue": ["sort"]},
                "colour": {"type": "enum", "of": "colour", "catalogue": ["filter"]},
                "words": {"type": "list", "max": 3},
                "marks": {"type": "map", "prefix": "m_", "max": 3},
            },
        },
    },
}


def generate(tmp_path, tree):
    source, header, tables, catalogue = (tmp_path / name for name in ("r.yaml", "r.h", "r.c", "c.def"))
    source.write_text(yaml.safe_dump(tree, sort_keys=False))
    result = subprocess.run([sys.executable, ROOT / "schemas/generate_records.py", source, header,
                             tables, catalogue], text=True, capture_output=True, check=False)
    return result, header, tables, catalogue


def test_a_record_becomes_a_struct_and_a_table(tmp_path):
    result, header, tables, catalogue = generate(tmp_path, SMALL)
    assert result.returncode == 0, result.stderr
    struct, rows = header.read_text(), tables.read_text()
    for line in ("uint64_t rev;", "uint64_t size_bytes;", "enum colour colour;", "size_t word_count;",
                 "struct record_entry *marks;", "COLOUR_RED,", "COLOUR_COUNT = 2",
                 "struct thing *: &thing_shape"):
        assert line in struct, line
    assert 'SLICE_INIT("size"), .type = RECORD_NUMBER' in rows
    assert '"thing:%.*s", SLICE_ARG(record->id)' in rows
    assert [line for line in catalogue.read_text().splitlines() if line[0] not in "#/"] == [
        "SORT(size_bytes, SIZE_BYTES, NUMBER, (int64_t)media->size_bytes)",
        "FILTER(colour, COLOUR, ENUM, (int64_t)media->colour)"]


def field(name, **row):
    def bend(tree):
        tree["records"]["thing"]["fields"][name] = row
    return bend


def record(**keys):
    def bend(tree):
        tree["records"]["thing"].update(keys)
    return bend


@pytest.mark.parametrize("bend,problem", [
    (field("x", type="float"), "wrong type"),
    (field("x", type="flag", max=1), "wrong type or key"),
    (field("x", type="text"), "lacks max"),
    (field("x", type="list"), "lacks max"),
    (field("x", type="enum", of="shade"), "not declared"),
    (field("word", type="list", max=1), "plural"),
    (field("rev", type="number"), "by itself"),
    (field("partition", type="number"), "by itself"),
    (field("x", type="number", stored="rev"), "by itself"),
    (field("x", type="number", stored="size"), "a name that another one has"),
    (field("x", type="flag", catalogue=["sort"]), "makes no sort of it"),
    (field("x", type="number", catalogue=["sort"], otherwise="y"), "there is no y"),
    (field("X", type="flag"), "not a name"),
    (record(key="thing:{name}"), "names name"),
    (record(key="thing:{id}:{size_bytes}"), "nothing else, in its key"),
    (record(colour="red"), "wrong key"),
    (lambda tree: tree["enums"].update(shade=["dark"]), "enums nobody uses: shade"),
    (lambda tree: tree.update(more={}), "exactly enums and records"),
])
def test_a_wrong_record_is_refused(tmp_path, bend, problem):
    tree = copy.deepcopy(SMALL)
    bend(tree)
    result, *_ = generate(tmp_path, tree)
    assert result.returncode != 0 and problem in result.stderr, result.stderr

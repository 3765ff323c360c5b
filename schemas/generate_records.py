"""records.yaml -> records.h (enums, structs, operations by type), records.c (their tables) and
catalogue.def (what of the media the catalogue carries)."""
import re
import sys

import yaml

from other_table import enum_names

RECORD_KEYS = {"key", "id", "fields"}
# type -> its constant, what it becomes in C, and which keys of a row it has beside stored
TYPES = {
    "text": ("RECORD_TEXT", "struct slice", {"max"}),
    "secret": ("RECORD_SECRET", "struct slice", {"max"}),
    "number": ("RECORD_NUMBER", "uint64_t", {"max"}),
    "integer": ("RECORD_INTEGER", "int64_t", set()),
    "flag": ("RECORD_FLAG", "bool", set()),
    "enum": ("RECORD_ENUM", "enum {of}", {"of"}),
    "list": ("RECORD_LIST", "struct slice *", {"max"}),
    "map": ("RECORD_MAP", "struct record_entry *", {"max", "prefix"}),
}
NEEDED = {"text": {"max"}, "secret": {"max"}, "enum": {"of"}, "list": {"max"},
          "map": {"max", "prefix"}}
UINT64_MAX = 2**64 - 1
# What the catalogue makes of a field, and of which types.
ROLES = {"scope": {"text"}, "filter": {"text", "enum", "list"}, "key": {"text"}, "words": {"text"},
         "sort": {"text", "number", "integer"}, "span": {"integer"}, "order": {"number"}}


class Schema:
    def __init__(self, source):
        self.source = source
        with open(source, encoding="utf-8") as f:
            tree = yaml.safe_load(f)
        if set(tree) != {"enums", "records"}:
            self.refuse("needs exactly enums and records")
        self.enums = {name: enum_names(source, enum) for name, enum in tree["enums"].items()}
        self.records = tree["records"]
        used = set()
        for name, record in self.records.items():
            self.check_name(name)
            self.check_record(name, record)
            used |= {field["of"] for field in record["fields"].values() if "of" in field}
        if used != set(self.enums):
            self.refuse(f"enums nobody uses: {', '.join(sorted(set(self.enums) - used))}")

    def refuse(self, why):
        sys.exit(f"{self.source}: {why}")

    def check_name(self, name):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            self.refuse(f"{name} is not a name")

    def check_record(self, name, record):
        if set(record) - RECORD_KEYS or not {"key", "fields"} <= set(record):
            self.refuse(f"{name} has a wrong key or lacks one")
        fields, stored = record["fields"], set()
        for field_name, field in fields.items():
            self.check_field(f"{name}.{field_name}", field_name, field)
            if stored_name(field_name, field) in stored:
                self.refuse(f"{name}.{field_name} is stored under a name that another one has")
            if is_stored(field):
                stored.add(stored_name(field_name, field))
        for member in key_members(record):
            if fields.get(member, {}).get("type") not in ("text", "number"):
                self.refuse(f"{name}: the key names {member}, which is no text and no number")
        if "id" in record and key_members(record) != ["id"]:
            self.refuse(f"{name}: a record with an id has it, and nothing else, in its key")

    def check_field(self, where, name, field):
        self.check_name(name)
        kind = field.get("type")
        if kind not in TYPES or set(field) - TYPES[kind][2] - {"type", "stored", "catalogue",
                                                               "otherwise"}:
            self.refuse(f"{where} has a wrong type or key")
        if NEEDED.get(kind, set()) - set(field):
            self.refuse(f"{where} lacks {', '.join(sorted(NEEDED[kind] - set(field)))}")
        for role in field.get("catalogue", []):
            if kind not in ROLES.get(role, set()):
                self.refuse(f"{where}: the catalogue makes no {role} of it")
        if name in ("partition", "rev") or stored_name(name, field) == "rev":
            self.refuse(f"{where}: every record has that one by itself")
        if kind in ("list", "map") and not name.endswith("s"):
            self.refuse(f"{where}: many have a name in the plural")
        if kind == "enum" and field["of"] not in self.enums:
            self.refuse(f"{where} is of {field['of']}, which is not declared")


def is_stored(field):
    return field.get("stored") is not False


def stored_name(name, field):
    stored = field.get("stored")
    return stored if isinstance(stored, str) else name


def key_members(record):
    return re.findall(r"{(\w+)}", record["key"])


def enum_values(name, enum):
    """A list of names, or {prefix, names} where the constants are not called as the enum."""
    plain = isinstance(enum, list)
    prefix = name.upper() if plain else enum["prefix"]
    return [(value, f"{prefix}_{value}".upper()) for value in (enum if plain else enum["names"])]


def struct_lines(name, record):
    lines = [f"struct {name} {{", "    unsigned partition;", "    uint64_t rev;"]
    for field_name, field in record["fields"].items():
        c_type = TYPES[field["type"]][1].format(of=field.get("of", ""))
        space = "" if c_type.endswith("*") else " "
        lines.append(f"    {c_type}{space}{field_name};")
        if field["type"] in ("list", "map"):
            lines.append(f"    size_t {field_name[:-1]}_count;")
    return lines + ["};", ""]


def header(schema):
    lines = ["/* Generated from schemas/records.yaml; do not edit. */", "#pragma once", "",
             '#include "state/record.h"', ""]
    for name, enum in schema.enums.items():
        values = enum_values(name, enum)
        lines += [f"enum {name} {{"] + [f"    {constant}," for _, constant in values]
        lines += ["};", f"enum {{ {name.upper()}_COUNT = {len(values)} }};",
                  f"struct slice {name}_name(enum {name} value);",
                  f"bool {name}_parse(struct slice name, enum {name} *out);", ""]
    for name, record in schema.records.items():
        lines += struct_lines(name, record)
    lines += [f"extern const struct record_shape {name}_shape;" for name in schema.records]
    lines += ["", "/* Of a pointer to a record. */", "#define RECORD_SHAPE(record) \\",
              "    (_Generic((record), \\"]
    cases = [f"        struct {name} *: &{name}_shape, const struct {name} *: &{name}_shape"
             for name in schema.records]
    return lines + [", \\\n".join(cases) + "))"]


def enum_lines(name, enum):
    values = enum_values(name, enum)
    rows = [f'    [{constant}] = SLICE_INIT("{value}"),' for value, constant in values]
    return [f"static const struct slice names_of_{name}[] = {{"] + rows + [
        "};", "", f"struct slice {name}_name(enum {name} value)", "{",
        f"    return record_enum_name(names_of_{name}, {len(values)}, (unsigned)value);", "}", "",
        f"bool {name}_parse(struct slice name, enum {name} *out)", "{", "    unsigned value;", "",
        f"    if (!record_enum_parse(names_of_{name}, {len(values)}, name, &value))",
        "        return false;", f"    *out = (enum {name})value;", "    return true;", "}", ""]


def key_lines(name, record):
    members = key_members(record)
    kinds = [record["fields"][member]["type"] for member in members]
    spelled = iter(["%.*s" if kind == "text" else "%llu" for kind in kinds])
    pattern = re.sub(r"{\w+}", lambda match: next(spelled), record["key"])
    args = [f"SLICE_ARG(record->{member})" if kind == "text"
            else f"(unsigned long long)record->{member}" for member, kind in zip(members, kinds)]
    return [f"static struct slice key_of_{name}(struct arena *arena, const void *any)", "{",
            f"    const struct {name} *record = any;", "",
            f'    return state_key(arena, record->partition, "{pattern}", {", ".join(args)});',
            "}", ""]


def field_row(owner, name, field, in_key):
    parts = [f'.name = SLICE_INIT("{stored_name(name, field)}")',
             f".type = {TYPES[field['type']][0]}",
             f".stored = {str(is_stored(field)).lower()}", f".in_key = {str(in_key).lower()}",
             f".offset = offsetof(struct {owner}, {name})",
             f".max = {field.get('max', UINT64_MAX)}ULL"]
    if field["type"] in ("list", "map"):
        parts.append(f".count_offset = offsetof(struct {owner}, {name[:-1]}_count)")
    if field["type"] == "map":
        parts.append(f'.prefix = SLICE_INIT("{field["prefix"]}")')
    if field["type"] == "enum":
        parts.append(f".names = names_of_{field['of']}, "
                     f".names_n = {field['of'].upper()}_COUNT")
    return "    {" + ", ".join(parts) + "},"


def shape_lines(name, record):
    members = key_members(record)
    rows = [field_row(name, field_name, field, field_name in members)
            for field_name, field in record["fields"].items()]
    lines = [f"static const struct record_field fields_of_{name}[] = {{"] + rows + [
        "};", f"const struct record_shape {name}_shape = {{", f'    .name = SLICE_INIT("{name}"),',
        f"    .size = sizeof(struct {name}),", f"    .fields = fields_of_{name},",
        f"    .n = {len(rows)},", f"    .key = key_of_{name},",
        f"    .partition_offset = offsetof(struct {name}, partition),",
        f"    .rev_offset = offsetof(struct {name}, rev),"]
    if "id" in record:
        lines += [f"    .id_prefix = SLICE_INIT(\"{record['id']}\"),",
                  f"    .id_offset = offsetof(struct {name}, id),"]
    return lines + ["};", ""]


def tables(schema):
    lines = ["/* Generated from schemas/records.yaml; do not edit. */", '#include "records.h"', "",
             '#include "state/record_shape.h"', '#include "state/state.h"', ""]
    for name, enum in schema.enums.items():
        lines += enum_lines(name, enum)
    for name, record in schema.records.items():
        lines += key_lines(name, record) + shape_lines(name, record)
    return lines


def catalogue_rows(schema):
    """A row for each role of each field, ROLE(name, NAME, type, value), value: of a struct media
    *media; a list has its count behind it. Whoever includes them defines those that he wants."""
    lines = ["/* Generated from schemas/records.yaml; do not edit. */"]
    for role in ROLES:
        lines += [f"#ifndef {role.upper()}", f"#define {role.upper()}(name, NAME, type, ...)", "#endif"]
    carried = [record["fields"] for record in schema.records.values()
               if any("catalogue" in field for field in record["fields"].values())]
    if len(carried) > 1:
        schema.refuse("the catalogue carries one kind of record")
    fields = carried[0] if carried else {}
    for name, field in fields.items():
        capitals, kind = name.upper(), field["type"].upper()
        otherwise = field.get("otherwise", name)
        if otherwise not in fields:
            schema.refuse(f"{name}: there is no {otherwise}")
        cast = "" if kind in ("TEXT", "LIST") else "(int64_t)"
        value = f"{cast}media->{name}"
        if otherwise != name:
            value = f"media->{name} ? {value} : {cast}media->{otherwise}"
        if kind == "LIST":
            value += f", media->{name[:-1]}_count"
        lines += [f"{role.upper()}({name}, {capitals}, {kind}, {value})"
                  for role in field.get("catalogue", [])]
    lines += [f"#undef {role.upper()}" for role in ROLES]
    return lines


def write(path, lines):
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def main(source, target_header, target_tables, target_catalogue):
    schema = Schema(source)
    write(target_header, header(schema))
    write(target_catalogue, catalogue_rows(schema))
    write(target_tables, tables(schema))


main(*sys.argv[1:])

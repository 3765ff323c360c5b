"""wire.yaml -> wire_messages.h (enums, structs, the union) and wire_messages.c (their tables)."""
import re
import sys

import yaml

from other_table import enum_names

KEYS = {"type", "of", "min", "max", "optional"}
# type -> its constant, what it becomes in C, and which keys of the schema it needs
TYPES = {
    "token": ("WIRE_TOKEN", "struct slice", {"max"}),
    "text": ("WIRE_TEXT", "struct slice", {"max"}),
    "number": ("WIRE_NUMBER", "uint64_t", {"max"}),
    "integer": ("WIRE_INTEGER", "int64_t", {"min", "max"}),
    "real": ("WIRE_REAL", "double", {"min", "max"}),
    "flag": ("WIRE_FLAG", "bool", set()),
    "enum": ("WIRE_ENUM", "enum wire_{of}", {"of"}),
    "set": ("WIRE_SET", "unsigned", {"of"}),
    "struct": ("WIRE_STRUCT", "struct wire_{of}", {"of"}),
    "list": ("WIRE_LIST", "struct wire_{of} *", {"of", "max"}),
}


class Schema:
    def __init__(self, source):
        self.source = source
        with open(source, encoding="utf-8") as f:
            tree = yaml.safe_load(f)
        if set(tree) != {"version", "enums", "structs", "messages"}:
            self.refuse("needs exactly version, enums, structs and messages")
        self.version = tree["version"]
        self.enums = {name: enum_names(source, enum) for name, enum in tree["enums"].items()}
        self.structs, self.messages = tree["structs"], tree["messages"]
        for kind in ("enums", "structs", "messages"):
            for name in tree[kind]:
                self.check_name(name)
        if set(self.structs) & set(self.messages):
            self.refuse("a struct and a message have the same name")
        known = set()
        for name, fields in self.structs.items():
            self.check_fields(name, fields, known)
            known.add(name)
        for name, fields in self.messages.items():
            self.check_fields(name, fields, known)

    def refuse(self, why):
        sys.exit(f"{self.source}: {why}")

    def check_name(self, name):
        if not re.fullmatch(r"[a-z][a-z_]*", name):
            self.refuse(f"{name} is not a name")

    def check_fields(self, owner, fields, known):
        for name, field in fields.items():
            self.check_name(name)
            if name in ("v", "type") or field.get("type") not in TYPES or set(field) - KEYS:
                self.refuse(f"{owner}.{name} has a wrong name, type or key")
            missing = TYPES[field["type"]][2] - set(field)
            if missing:
                self.refuse(f"{owner}.{name} lacks {', '.join(sorted(missing))}")
            targets = self.enums if field["type"] in ("enum", "set") else known
            if "of" in field and field["of"] not in targets:
                self.refuse(f"{owner}.{name} is of {field['of']}, which is not declared before it")
            if field["type"] in ("list", "set", "flag") and field.get("optional"):
                self.refuse(f"{owner}.{name}: an empty one says as much as an absent one")


def is_string(field):
    return field["type"] in ("token", "text")


def struct_lines(name, fields):
    lines = [f"struct wire_{name} {{"]
    for field_name, field in fields.items():
        c_type = TYPES[field["type"]][1].format(of=field.get("of", ""))
        space = "" if c_type.endswith("*") else " "
        lines.append(f"    {c_type}{space}{field_name};")
        if field["type"] == "list":
            lines.append(f"    size_t {field_name}_count;")
        if field.get("optional") and not is_string(field):
            lines.append(f"    bool has_{field_name};")
    return lines + ["};", ""]


def header(schema):
    lines = ["/* Generated from schemas/wire.yaml; do not edit. */", "#pragma once", "",
             '#include "base/slice.h"', "", f"enum {{ WIRE_VERSION = {schema.version} }};", ""]
    for name, values in schema.enums.items():
        constants = [f"WIRE_{name}_{value}".upper() for value in values]
        lines += [f"enum wire_{name} {{"] + [f"    {constant}," for constant in constants]
        lines += [f"    WIRE_{name.upper()}_COUNT", "};", ""]
    for name, fields in schema.structs.items():
        lines += struct_lines(name, fields)
    for name, fields in schema.messages.items():
        if fields:
            lines += struct_lines(name, fields)
    lines += ["enum wire_type {"] + [f"    WIRE_{name.upper()}," for name in schema.messages]
    lines += ["    WIRE_TYPE_COUNT", "};", "", "struct wire_message {", "    enum wire_type type;",
              "    union {"]
    lines += [f"        struct wire_{name} {name};" for name, fields in schema.messages.items()
              if fields]
    return lines + ["    };", "};"]


def field_row(owner, name, field):
    at = f"offsetof(struct wire_{owner}, "
    parts = [f'.name = SLICE_INIT("{name}")', f".type = {TYPES[field['type']][0]}",
             f".offset = {at}{name})"]
    if field["type"] == "real":
        parts.append(f".real_min = {float(field['min'])}, .real_max = {float(field['max'])}")
    elif field["type"] == "integer":
        parts.append(f".int_min = {field['min']}LL, .int_max = {field['max']}LL")
    elif "max" in field:
        parts.append(f".min = {field.get('min', 0)}ULL, .max = {field['max']}ULL")
    if field["type"] == "list":
        parts.append(f".count_offset = {at}{name}_count)")
    if field.get("optional"):
        parts.append(".optional = true")
        if not is_string(field):
            parts.append(f".has_offset = {at}has_{name})")
    if field["type"] in ("enum", "set"):
        parts.append(f".names = names_of_{field['of']}, .names_n = WIRE_{field['of'].upper()}_COUNT")
    if field["type"] in ("struct", "list"):
        parts.append(f".shape = &shape_of_{field['of']}")
    return "    {" + ", ".join(parts) + "},"


def shape_lines(name, fields):
    if not fields:
        return [f'static const struct wire_shape shape_of_{name} = {{SLICE_INIT("{name}"), 0, '
                "NULL, 0};", ""]
    lines = [f"static const struct wire_field fields_of_{name}[] = {{"]
    lines += [field_row(name, field_name, field) for field_name, field in fields.items()]
    return lines + ["};", f"static const struct wire_shape shape_of_{name} = {{",
                    f'    SLICE_INIT("{name}"), sizeof(struct wire_{name}), fields_of_{name}, '
                    f"{len(fields)},", "};", ""]


def tables(schema):
    lines = ["/* Generated from schemas/wire.yaml; do not edit. */", '#include "wire/shape.h"', ""]
    for name, values in schema.enums.items():
        rows = [f'    SLICE_INIT("{value}"),' for value in values]
        lines += [f"static const struct slice names_of_{name}[] = {{"] + rows + ["};", "",
                  f"struct slice wire_{name}_name(enum wire_{name} value)", "{",
                  f"    return names_of_{name}[value];", "}", ""]
    for name, fields in (*schema.structs.items(), *schema.messages.items()):
        lines += shape_lines(name, fields)
    lines += ["const struct wire_shape *const wire_shapes[WIRE_TYPE_COUNT] = {"]
    lines += [f"    [WIRE_{name.upper()}] = &shape_of_{name}," for name in schema.messages]
    return lines + ["};"]


def name_declarations(schema):
    lines = [""]
    for name in schema.enums:
        lines.append(f"struct slice wire_{name}_name(enum wire_{name} value);")
    return lines


def write(path, lines):
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def main(source, target_header, target_tables):
    schema = Schema(source)
    write(target_header, header(schema) + name_declarations(schema))
    write(target_tables, tables(schema))


if __name__ == "__main__":
    main(*sys.argv[1:])

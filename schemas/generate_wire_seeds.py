"""wire.yaml -> a folder of messages as they stand on the wire: of each type one with everything in
it, as large as it may be, and one with as little as it may have. Seeds for the fuzzer and examples
for the unit test, of today's version always."""
import pathlib
import shutil
import struct
import sys

from generate_wire import Schema

LIST_ITEMS = 2


def packed_number(value):
    if value < 0:
        return b"\xd3" + struct.pack(">q", value)
    return bytes([value]) if value < 128 else b"\xcf" + struct.pack(">Q", value)


def packed(value):
    """MessagePack's spelling: https://github.com/msgpack/msgpack/blob/master/spec.md"""
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return packed_number(value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\xda" + struct.pack(">H", len(value)) + value.encode()
    if isinstance(value, list):
        return b"\xdc" + struct.pack(">H", len(value)) + b"".join(map(packed, value))
    return b"\xde" + struct.pack(">H", len(value)) + b"".join(
        packed(key) + packed(item) for key, item in value.items())


class Examples:
    def __init__(self, schema, full):
        self.schema, self.full = schema, full

    def message(self, name):
        return {"v": self.schema.version, "type": name, **self.fields(self.schema.messages[name])}

    def fields(self, fields):
        return {name: self.value(field) for name, field in fields.items()
                if self.full or not field.get("optional")}

    def value(self, field):
        return getattr(self, "any_" + field["type"])(field)

    def bound(self, field):
        return field["max"] if self.full else field.get("min", 0)

    def any_token(self, field):
        return "a" * self.bound(field)

    any_text = any_token

    def any_number(self, field):
        return self.bound(field)

    any_integer = any_number

    def any_real(self, field):
        return float(self.bound(field))

    def any_flag(self, field):
        return self.full

    def any_enum(self, field):
        return self.schema.enums[field["of"]][-1 if self.full else 0]

    def any_set(self, field):
        return self.schema.enums[field["of"]] if self.full else []

    def any_struct(self, field):
        return self.fields(self.schema.structs[field["of"]])

    def any_list(self, field):
        return [self.any_struct(field)] * LIST_ITEMS if self.full else []


def main(source, folder, made):
    schema = Schema(source)
    shutil.rmtree(folder, ignore_errors=True)
    pathlib.Path(folder).mkdir(parents=True)
    for kind, full in (("least", False), ("full", True)):
        for name in schema.messages:
            message = Examples(schema, full).message(name)
            (pathlib.Path(folder) / f"{kind}-{name}").write_bytes(packed(message))
    pathlib.Path(made).touch()


main(*sys.argv[1:])

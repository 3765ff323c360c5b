"""OpenAPI schemas -> the gateway's tables.

    generate_routes.py OUT ERRORS_YAML RATES_DEF SCOPES_DEF SURFACE...

A surface is a YAML file or a folder of them (api.yaml holds what is shared, the others are merged
into it; the format is explained at the top of mediavault/api.yaml). Written into OUT:

    handlers.h     declarations of all handlers, surfaces, prefixes, body schemas and documents
    routes.def     rows of `static const struct route routes[]`, literal paths before templates
    surfaces.def   rows of a `const struct surface *const` array
    validators.c   tables for gateway/validate.h, and the prefixes
    documents.c    each surface as one OpenAPI document, expanded and without our extensions
"""
import hashlib
import json
import pathlib
import re
import sys

import yaml

from openapi_keys import METHODS, OPERATION, problems

HERE = pathlib.Path(__file__).parent
UNBOUNDED = "UINT64_MAX"
FIELD_TYPES = {"string": "FIELD_STRING", "integer": "FIELD_INTEGER", "boolean": "FIELD_BOOLEAN"}
STREAMED = {"multipart/form-data", "application/octet-stream", "application/offset+octet-stream", "image/*", "video/*", "audio/*"}
FORMATS = {None: "FORMAT_NONE", "email": "FORMAT_EMAIL", "uri": "FORMAT_URL",
           "date-time": "FORMAT_DATE_TIME", "username": "FORMAT_USERNAME",
           "line": "FORMAT_LINE"}
ONCE = {"$ref": "#/components/parameters/IdempotencyKey"}
LINK_PARAMETERS = ("exp", "user", "sig")
# What a custom format is for others: the rules of gateway/validate.c as patterns.
PATTERNS = {"username": "^[A-Za-z0-9._-]+$", "line": r"^[^\u0000-\u001F\u007F]*$"}


class Problem(Exception):
    pass


def need(condition, problem):
    if not condition:
        raise Problem(problem)


def c_text(text):
    out = []
    for byte in text.encode():
        char = chr(byte)
        out.append("\\" + char if char in '"\\' else char if 32 <= byte < 127 and char != "?"
                   else f"\\{byte:03o}")
    return '"' + "".join(out) + '"'


def byte_count(value):
    match = re.fullmatch(r"(\d+)([kMG]?)", str(value))
    need(match, f"x-max-body {value!r} is not a size")
    return int(match[1]) << {"": 0, "k": 10, "M": 20, "G": 30}[match[2]]


def table_names(path, row):
    """The first words of a table's rows: what may be used is said there."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    return {name.lower() for name in re.findall(rf"^{row}\(([A-Z_]+),", text, re.M)}


def rate_policies(rates_def):
    return {"none", "default"} | table_names(rates_def, "RATE")


class Surface:
    """One OpenAPI document: merged, checked, expanded."""

    def __init__(self, path, errors, policies, scopes):
        self.path, self.errors, self.policies, self.scopes = path, errors, policies, scopes
        self.doc = self.load(pathlib.Path(path))
        self.name = self.doc.get("x-surface", "")
        need(re.fullmatch(r"[a-z][a-z_]*", self.name), f"{path}: x-surface is missing or no name")
        servers = self.doc.get("servers") or []
        need(len(servers) == 1, f"{path}: exactly one server")
        self.prefixes = [servers[0]["url"].rstrip("/")] + self.doc.get("x-aliases", [])
        self.schemes = self.doc.get("components", {}).get("securitySchemes", {})
        self.envelopes = self.doc.get("x-envelopes", {})
        self.operations = []
        for template, item in self.doc["paths"].items():
            for method in METHODS:
                if method in item:
                    try:
                        self.operations.append(Operation(self, template, method, item))
                    except Problem as problem:
                        raise Problem(f"{path}: {method.upper()} {template}: {problem}") from None

    @staticmethod
    def load(path):
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        doc = {}
        for file in sorted(files, key=lambda f: f.name != "api.yaml"):
            part = yaml.safe_load(file.read_text(encoding="utf-8"))
            need(not doc or set(part) <= {"paths", "components", "tags"},
                 f"{file}: only paths, components and tags are merged")
            merge(doc, part, str(file))
        need(doc.get("paths"), f"{path}: no paths")
        fill_enums(doc, enums())
        for problem in problems(doc, "document", str(path)):
            raise Problem(problem)
        return doc

    def resolve(self, node):
        """Follows a local $ref; schemas of others (https:) stay opaque."""
        while "$ref" in node and node["$ref"].startswith("#/"):
            target = self.doc
            for step in node["$ref"][2:].split("/"):
                need(step in target, f"{node['$ref']} leads nowhere")
                target = target[step]
            node = target
        return node

    def check_closed(self, schema, where, seen=()):
        """Every object of an answer says which members it always has, and that it has no others."""
        if "$ref" in schema:
            if schema["$ref"] in seen:
                return
            seen += (schema["$ref"],)
        schema = self.resolve(schema)
        kind = schema.get("type")
        if "object" in (kind if isinstance(kind, list) else [kind]) or "properties" in schema:
            properties = schema.get("properties", {})
            need(schema.get("additionalProperties") is False,
                 f"{where}: an object of an answer needs additionalProperties: false")
            need("required" in schema and set(schema["required"]) <= set(properties),
                 f"{where}: an object of an answer needs required, naming its own properties")
            for name, child in properties.items():
                self.check_closed(child, f"{where}.{name}", seen)
        if "items" in schema:
            self.check_closed(schema["items"], where + "[]", seen)
        for word in ("anyOf", "oneOf", "allOf"):
            for child in schema.get(word, []):
                self.check_closed(child, where, seen)

    def envelope(self, kind, values):
        need(kind in self.envelopes, f"the surface has no envelope x-{kind}")
        return {part: substitute(self.envelopes[kind][part], values)
                for part in ("schema", "example")}

    def document(self):
        doc = strip(self.doc)
        for operation in self.operations:
            doc["paths"][operation.template][operation.method] = operation.document()
        return json.dumps(doc, ensure_ascii=False, separators=(",", ":"))


def merge(into, part, where):
    for key, value in part.items():
        if key not in into:
            into[key] = value
        elif isinstance(value, dict) and isinstance(into[key], dict):
            merge(into[key], value, f"{where}: {key}")
        elif isinstance(value, list) and isinstance(into[key], list):
            into[key] = into[key] + value
        else:
            raise Problem(f"{where}: {key} is given twice")


def enums():
    """The lists of names that other tables hold, by what x-enum calls them."""
    events = yaml.safe_load((HERE / "events.yaml").read_text(encoding="utf-8"))["events"].values()
    variants = yaml.safe_load((HERE / "variants.yaml").read_text(encoding="utf-8"))["variants"].values()
    named = [event["type"] for event in events if event["webhook"] != "never"]
    jobs = yaml.safe_load((HERE / "jobs.yaml").read_text(encoding="utf-8"))
    scopes = (HERE.parent / "core/state/scopes.def").read_text(encoding="utf-8")
    return {"key_scopes": re.findall(r'^SCOPE\(\w+, "([a-z:]+)", \w+, GRANTED\)', scopes, re.M),
            "webhook_filters": ["*", *named], "webhook_messages": [*named, "webhook.test"],
            "job_kinds": list(jobs["kinds"]), "job_lanes": jobs["lanes"], "job_subjects": jobs["subjects"],
            "variants": [row["text"] for row in variants if row["kind"] != "mask"],
            "thumbnails": [row["text"] for row in variants if row["kind"] == "thumbnail"]}


def fill_enums(node, lists):
    if isinstance(node, dict):
        if "x-enum" in node:
            need(node["x-enum"] in lists, f"there is no list {node['x-enum']} of names")
            node["enum"] = lists[node.pop("x-enum")]
        for value in node.values():
            fill_enums(value, lists)
    elif isinstance(node, list):
        for value in node:
            fill_enums(value, lists)


def substitute(node, values):
    if isinstance(node, str) and node in values:
        return values[node]
    if isinstance(node, dict):
        return {key: substitute(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [substitute(value, values) for value in node]
    return node


def strip(node):
    """A copy for others: without our extensions (x-...), saying of each field what is done with it.
    A number that is lowered to its maximum has none."""
    if isinstance(node, list):
        return [strip(value) for value in node]
    if not isinstance(node, dict):
        return node
    node = dict(node)
    if node.get("x-clamp"):
        del node["maximum"]
    if isinstance(node.get("format"), str) and node["format"] in PATTERNS:
        node["pattern"] = PATTERNS[node.pop("format")]
    return {key: value if key in ("example", "examples") else strip(value)
            for key, value in node.items() if not key.startswith("x-")}


class Operation:
    def __init__(self, surface, template, method, item):
        self.surface, self.template, self.method = surface, template, method
        self.row = row = item[method]
        unknown = set(row) - OPERATION
        need(not unknown, f"unknown keys: {', '.join(sorted(unknown))}")
        self.id, self.handler = row.get("operationId", ""), row.get("x-handler", "")
        need(re.fullmatch(r"[a-z][a-z0-9_]*", self.id), "operationId is missing or no C name")
        need(re.fullmatch(surface.name + r"_[a-z0-9_]+", self.handler),
             f"x-handler must be a C name that begins with {surface.name}_")
        need(row.get("summary"), "summary is missing")
        self.policy = row.get("x-rate-policy", "default")
        self.inside = row.get("x-inside", False)
        need(isinstance(self.inside, bool), "x-inside is true or false")
        need(self.policy in surface.policies, f"there is no rate policy {self.policy!r}")
        self.read_security()
        self.parameters = [surface.resolve(p)
                           for p in item.get("parameters", []) + row.get("parameters", [])]
        self.once = row.get("x-once", False)
        need(not self.once or method == "post", "x-once is for POST")
        if self.once:
            self.parameters.append(self.surface.resolve(ONCE))
        self.override = row.get("x-override", False)
        need(isinstance(self.override, bool), "x-override is true or false")
        self.always = row.get("x-always", {})
        need(len(self.always) <= 1, "x-always is one header and its value")
        self.lists = row.get("x-lists", False)
        need(isinstance(self.lists, bool), "x-lists is true or false")
        self.loads = row.get("x-loads", "NULL")
        need(self.loads == "NULL" or re.fullmatch(surface.name + r"_[a-z0-9_]+", self.loads),
             f"x-loads must be a C name that begins with {surface.name}_")
        self.first = item.get("x-first", False)
        self.check_path()
        self.query = self.query_table()
        self.read_body()
        self.responses = self.read_responses()

    def read_security(self):
        need("security" in self.row, "security is missing ([] for open operations)")
        self.security = self.row["security"]
        names = [name for choice in self.security for name in choice]
        for name in names:
            need("x-auth" in self.surface.schemes.get(name, {}),
                 f"there is no security scheme {name!r} with x-auth")
        words = {"AUTH_" + self.surface.schemes[name]["x-auth"] for name in names}
        if names and {} in self.security:
            words.add("AUTH_OPTIONAL")
        if self.row.get("x-forgiving", False):
            need("AUTH_OPTIONAL" in words, "x-forgiving is for operations that are open as well")
            words.add("AUTH_FORGIVING")
        self.auth = " | ".join(sorted(words)) or "AUTH_NONE"
        need(not names or "x-scopes" in self.row, "x-scopes is missing ([] when any caller may)")
        self.scopes = self.row.get("x-scopes", [])
        for scope in self.scopes:
            need(scope.replace(":", "_") in self.surface.scopes, f"there is no scope {scope!r}")
        need(names or not self.scopes, "scopes without security")
        self.link = "AUTH_LINK" in words

    def check_path(self):
        for prefix in self.surface.prefixes:
            need(re.fullmatch(r"(/[A-Za-z0-9._{}-]+)+|/", prefix + self.template),
                 "the path has odd characters")
        for segment in self.template.split("/"):
            need(re.fullmatch(r"[^{}]*|\{[a-z][a-z0-9_]*\}", segment), "a parameter is a whole segment")
        in_path = re.findall(r"\{([a-z][a-z0-9_]*)\}", self.template)
        declared = [p["name"] for p in self.parameters if p["in"] == "path"]
        need(sorted(in_path) == sorted(declared) and len(set(in_path)) == len(in_path),
             f"path parameters differ: {in_path} in the path, {declared} declared")
        need(len(in_path) <= 4, "more than 4 path parameters")
        for parameter in self.parameters:
            need(parameter["in"] != "path" or
                 (parameter.get("required") is True and "example" in parameter),
                 f"path parameter {parameter['name']} needs required: true and an example")

    def query_table(self):
        fields = [(p["name"], p["schema"], p.get("required", False))
                  for p in self.parameters if p["in"] == "query" and not p.get("x-handler-reads")]
        if self.link:
            fields += [(name, {"type": "string", "maxLength": 128}, False)
                       for name in LINK_PARAMETERS]
        if not fields:
            return None
        return Table(f"{self.id}_query", [Field(*field, self.surface) for field in fields],
                     additional=True, optional=True)

    def read_body(self):
        self.body, self.body_kind, self.max_body = None, "BODY_NONE", "0"
        request = self.row.get("requestBody")
        if request is None:
            need("x-max-body" not in self.row, "x-max-body without requestBody")
            return
        content = request["content"]
        if "application/json" in content:
            need(set(content) <= {"application/json", "application/x-www-form-urlencoded"},
                 "JSON goes together with nothing but application/x-www-form-urlencoded")
            need("example" in content["application/json"], "the body needs an example")
            if len(content) > 1:
                self.body_kind = "BODY_TEXT"
            else:
                self.body_kind = "BODY_JSON"
                self.body = self.body_table(content["application/json"]["schema"],
                                            not request.get("required", False))
        else:
            need(set(content) <= STREAMED, f"a body is JSON or one of {', '.join(sorted(STREAMED))}")
            need("x-max-body" in self.row, "a streamed body needs x-max-body")
            self.body_kind = "BODY_STREAM"
            if "multipart/form-data" in content:
                self.body = self.body_table(self.without_files(content["multipart/form-data"]), True)
        limit = self.row.get("x-max-body", "64k")
        self.max_body = UNBOUNDED if limit == "unbounded" else str(byte_count(limit))

    def without_files(self, form):
        """The text parts of a form: the table checks those, the handler takes the files."""
        schema = self.surface.resolve(form["schema"])
        files = {name for name, child in schema.get("properties", {}).items()
                 if self.surface.resolve(child).get("format") == "binary"}
        return {**schema, "required": [n for n in schema.get("required", []) if n not in files],
                "properties": {n: c for n, c in schema["properties"].items() if n not in files}}

    def body_table(self, schema, optional):
        schema = self.surface.resolve(schema)
        need(schema.get("type") == "object" and
             isinstance(schema.get("additionalProperties"), bool),
             "the body must be an object that says additionalProperties: true or false")
        required = schema.get("required", [])
        properties = schema.get("properties", {})
        need(set(required) <= set(properties), "required names an unknown property")
        return Table(f"{self.id}_body",
                     [Field(name, child, name in required, self.surface)
                      for name, child in properties.items()],
                     schema["additionalProperties"], optional)

    def read_responses(self):
        responses = {}
        for status, response in self.row.get("responses", {}).items():
            need(re.fullmatch(r"[123]\d\d", status),
                 f"response {status}: errors are listed in x-errors")
            responses[status] = self.expand(status, dict(response))
        need(any(status < "300" for status in responses), "no response that says success")
        for status, names in sorted(self.error_names().items()):
            responses[str(status)] = self.error_response(status, names)
        headers = {name: {"$ref": f"#/components/headers/{name}"}
                   for name in self.surface.doc.get("x-response-headers", [])}
        for response in responses.values():
            if headers:
                response["headers"] = {**headers, **response.get("headers", {})}
        return responses

    def expand(self, status, response):
        need(response.get("description"), f"response {status} needs a description")
        for kind in ("data", "page"):
            schema = response.pop(f"x-{kind}", None)
            if schema is not None:
                need("example" in response, f"response {status} needs an example")
                wrapped = self.surface.envelope(kind, {"$data": schema})
                example = self.surface.envelope(kind, {"$data": response.pop("example")})
                response["content"] = {"application/json": {"schema": wrapped["schema"],
                                                            "example": example["example"]}}
        need("example" not in response, f"response {status}: an example without x-data or x-page")
        for kind, media in response.get("content", {}).items():
            need(kind != "application/json" or "example" in media,
                 f"response {status} needs an example")
            self.surface.check_closed(media.get("schema", {}), f"response {status}")
        return response

    def error_names(self):
        """Beside its own errors an operation has those that its row can answer before the handler."""
        names = list(self.row.get("x-errors", [])) + ["INTERNAL", "STATE_UNAVAILABLE"]
        if self.security:
            names.append("UNAUTHORIZED")
        if self.scopes:
            names.append("FORBIDDEN")
        if self.query or "{" in self.template:
            names.append("URI_TOO_LONG")
        if self.query or self.body_kind != "BODY_NONE":
            names.append("VALIDATION")
        if self.body_kind != "BODY_NONE":
            names += ["PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA"]
        if self.once:
            names += ["CONFLICT", "UNPROCESSABLE", "VALIDATION"]
        if self.policy != "none":
            names.append("RATE_LIMITED")
        if self.method != "get":        # the state server's memory may be full
            names.append("STORAGE_FULL")
        by_status = {}
        for name in dict.fromkeys(names):
            need(name in self.surface.errors, f"there is no error {name}")
            by_status.setdefault(self.surface.errors[name]["status"], []).append(name)
        return by_status

    def error_response(self, status, names):
        """In the surface's envelope for errors, or the one that it has for this status."""
        rows = [self.surface.errors[name] for name in names]
        own = f"error-{status}"
        wrapped = self.surface.envelope(own if own in self.surface.envelopes else "error",
                                        {"$slug": rows[0]["slug"], "$message": rows[0]["message"],
                                         "$status": status})
        self.surface.check_closed(wrapped["schema"], "error")
        return {"description": " ".join(row["message"] for row in rows),
                "content": {"application/json": wrapped}}

    def document(self):
        out = strip(self.row)
        if self.once:
            out["parameters"] = out.get("parameters", []) + [ONCE]
        out["responses"] = {status: strip(response)
                            for status, response in sorted(self.responses.items())}
        out["security"] = [{name: self.scopes for name in choice} for choice in self.security]
        return out

    def c_rows(self):
        for prefix in self.surface.prefixes:
            path = prefix + self.template
            yield path, (
                f"{{.surface = &surface_{self.surface.name}, .method = METHOD_{self.method.upper()}, "
                f".path = SLICE_INIT({c_text(path)}),\n .operation = \"{self.id}\", "
                f".handler = {self.handler}, .auth = {self.auth},\n .scopes = "
                + (" | ".join("SCOPE_" + s.replace(":", "_").upper() for s in self.scopes)
                   or "SCOPE_NONE")
                + f", .rate = RATE_{self.policy.upper()}, .inside = {str(self.inside).lower()}, "
                f".body_kind = {self.body_kind},\n "
                f".once = {str(bool(self.once)).lower()}, .lists = {str(self.lists).lower()}, .loads = {self.loads}, "
                f".override = {str(self.override).lower()}, "
                + "".join(f".always_name = {c_text(name)}, .always_value = SLICE_INIT({c_text(value)}), "
                          for name, value in self.always.items()) +
                f".max_body_bytes = {self.max_body}, .body = {Table.pointer(self.body)}, "
                f".query = {Table.pointer(self.query)}}},")


class Field:
    def __init__(self, name, schema, required, surface):
        self.name, self.required = name, required
        schema = surface.resolve(schema)
        kinds = schema.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        self.nullable = "null" in kinds
        kinds = [kind for kind in kinds if kind != "null"]
        need(len(kinds) == 1 and kinds[0] in (*FIELD_TYPES, "array"),
             f"field {name}: a type is string, integer, boolean or array")
        array = kinds[0] == "array"
        item = surface.resolve(schema["items"]) if array else schema
        need(not array or item.get("type") == "string", f"field {name}: arrays are of strings")
        self.type = "FIELD_STRING_ARRAY" if array else FIELD_TYPES[kinds[0]]
        need(item.get("format") in FORMATS, f"field {name}: unknown format {item.get('format')}")
        self.format = FORMATS[item.get("format")]
        self.length = (item.get("minLength", 0), item.get("maxLength", UNBOUNDED))
        if self.type in ("FIELD_STRING", "FIELD_STRING_ARRAY"):
            need("maxLength" in item or "enum" in item, f"field {name}: a string needs maxLength")
        self.range = (item.get("minimum", "INT64_MIN"), item.get("maximum", "INT64_MAX"))
        self.items = (schema.get("minItems", 0), schema.get("maxItems", UNBOUNDED))
        need(not array or "maxItems" in schema, f"field {name}: an array needs maxItems")
        self.values = [value for value in item.get("enum", []) if value is not None]
        need(all(isinstance(v, str) and v for v in self.values),
             f"field {name}: an enum is of strings")
        self.clamp = bool(schema.get("x-clamp"))
        need(not self.clamp or "maximum" in schema, f"field {name}: x-clamp needs maximum")

    def c_row(self, values):
        return (f"    {{.name = SLICE_INIT({c_text(self.name)}), .type = {self.type}, "
                f".rule.format = {self.format},\n     .required = {str(self.required).lower()}, "
                f".nullable = {str(self.nullable).lower()},\n     .rule.min_length = {self.length[0]}, "
                f".rule.max_length = {self.length[1]}, .minimum = {self.range[0]}, "
                f".maximum = {self.range[1]},\n     .min_items = {self.items[0]}, "
                f".max_items = {self.items[1]}, .values = {values}, "
                f".clamp = {str(self.clamp).lower()}}},")


class Table:
    def __init__(self, name, fields, additional, optional):
        self.name, self.fields = name, fields
        self.additional, self.optional = additional, optional

    @staticmethod
    def pointer(table):
        return f"&schema_{table.name}" if table else "NULL"

    def c_lines(self):
        rows = []
        for number, field in enumerate(self.fields):
            values = "NULL"
            if field.values:
                values = f"values_{self.name}_{number}"
                yield (f"static const struct slice {values}[] = {{"
                       + ", ".join(f"SLICE_INIT({c_text(v)})" for v in field.values) + ", {0}};")
            rows.append(field.c_row(values))
        if rows:
            yield f"static const struct body_field fields_{self.name}[] = {{"
            yield from rows
            yield "};"
        fields = f"fields_{self.name}" if rows else "NULL"
        yield (f"const struct body_schema schema_{self.name} = {{.fields = {fields}, "
               f".n = {len(rows)}, .additional = {str(self.additional).lower()}, "
               f".optional = {str(self.optional).lower()}}};\n")


def specificity(path):
    """Literal segments sort before parameters, so the first row that matches is the right one."""
    return [(segment.startswith("{"), segment) for segment in path.split("/")]


def clash(one, other):
    """Do two templates match a common path without one being plainly the more special?"""
    a, b = one.split("/"), other.split("/")
    if len(a) != len(b):
        return False
    wins = set()
    for x, y in zip(a, b):
        parameter = (x.startswith("{"), y.startswith("{"))
        if parameter == (False, False) and x != y:
            return False
        if parameter[0] != parameter[1]:
            wins.add(parameter[0])
    return len(wins) != 1


def check_all(operations):
    seen = {}
    for operation in operations:
        need(seen.setdefault(operation.id, operation) is operation,
             f"operationId {operation.id} is given twice")
    rows = [(path, operation.method) for operation in operations
            for path, _ in operation.c_rows()]
    for row in rows:
        need(rows.count(row) == 1, f"{row[1].upper()} {row[0]} is given twice")
    paths = sorted({path for path, _ in rows})
    first = {path for operation in operations if operation.first for path, _ in operation.c_rows()}
    for i, one in enumerate(paths):
        for other in paths[i + 1:]:
            need(not clash(one, other) or len({one, other} & first) == 1,
                 f"{one} and {other} match the same path")


def handlers_h(surfaces, operations, tables):
    yield '#pragma once\n\n#include "gateway/router.h"\n#include "gateway/validate.h"\n'
    for surface in surfaces:
        yield f"extern const struct surface surface_{surface.name};"
        yield f"extern const struct slice {surface.name}_prefixes[];    /* ends with an empty one */"
        yield f"extern const struct slice {surface.name}_openapi, {surface.name}_openapi_etag;"
    yield ""
    for name in sorted({operation.handler for operation in operations}
                       | {operation.loads for operation in operations} - {"NULL"}):
        yield f"handler_fn {name};"
    yield ""
    for table in tables:
        yield f"extern const struct body_schema schema_{table.name};"


def validators_c(surfaces, tables):
    yield '#include "handlers.h"\n'
    for surface in surfaces:
        yield (f"const struct slice {surface.name}_prefixes[] = {{"
               + ", ".join(f"SLICE_INIT({c_text(p or '/')})" for p in surface.prefixes)
               + ", {0}};\n")
    for table in tables:
        yield from table.c_lines()


def documents_c(surfaces):
    yield '#include "handlers.h"\n'
    for surface in surfaces:
        text = surface.document().encode()
        tag = hashlib.sha256(text).hexdigest()[:16]
        yield f"static const unsigned char {surface.name}_bytes[] = {{"
        for at in range(0, len(text), 24):
            yield "    " + ", ".join(str(byte) for byte in text[at:at + 24]) + ","
        yield "};"
        yield (f"const struct slice {surface.name}_openapi = "
               f"{{(const char *){surface.name}_bytes, sizeof({surface.name}_bytes)}};")
        yield f"const struct slice {surface.name}_openapi_etag = SLICE_INIT(\"\\\"{tag}\\\"\");\n"


def main(out, errors_yaml, rates_def, scopes_def, *paths):
    with open(errors_yaml, encoding="utf-8") as file:
        errors = yaml.safe_load(file)["errors"]
    policies, scopes = rate_policies(rates_def), table_names(scopes_def, "SCOPE")
    surfaces = [Surface(path, errors, policies, scopes) for path in paths]
    operations = [operation for surface in surfaces for operation in surface.operations]
    check_all(operations)
    tables = [table for operation in operations for table in (operation.body, operation.query)
              if table]
    rows = sorted((row for operation in operations for row in operation.c_rows()),
                  key=lambda row: specificity(row[0]))
    folder = pathlib.Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in (("handlers.h", handlers_h(surfaces, operations, tables)),
                        ("routes.def", (row for _, row in rows)),
                        ("surfaces.def", (f"&surface_{s.name}," for s in surfaces)),
                        ("validators.c", validators_c(surfaces, tables)),
                        ("documents.c", documents_c(surfaces))):
        text = "/* Generated from schemas/; do not edit. */\n" + "\n".join(lines) + "\n"
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Problem as problem:
        sys.exit(f"generate_routes.py: {problem}")

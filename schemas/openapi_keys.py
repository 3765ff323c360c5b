"""What may stand where in our OpenAPI files. YAML takes an unquoted comma in `{...}` for the start of
another key, and nobody would notice: so keys that are not named here are refused."""

METHODS = ("get", "head", "put", "post", "patch", "delete", "options")
SCHEMA = {"$ref", "type", "format", "description", "enum", "const", "default", "required",
          "additionalProperties", "properties", "items", "minLength", "maxLength", "pattern",
          "minimum", "maximum", "minItems", "maxItems", "uniqueItems", "anyOf", "oneOf", "allOf",
          "x-clamp", "x-enum"}
OPERATION = {"operationId", "x-handler", "x-rate-policy", "x-inside", "x-scopes", "x-max-body", "x-errors",
             "x-once", "x-lists", "x-loads", "x-override", "x-always", "x-forgiving", "summary", "description", "tags",
             "security", "parameters", "requestBody", "responses"}
# kind -> key -> kind of its value: one of these, [kind] for a list of them, {kind} for a mapping of
# names to them, None for anything.
KINDS = {
    "document": {"openapi": None, "info": "info", "servers": ["server"], "tags": ["tag"],
                 "components": "components", "paths": {"path"}, "x-surface": None,
                 "x-aliases": None, "x-envelopes": {"envelope"}, "x-response-headers": None},
    "info": dict.fromkeys(("title", "version", "description")),
    "server": {"url": None},
    "tag": dict.fromkeys(("name", "description")),
    "components": {"schemas": {"schema"}, "parameters": {"parameter"}, "headers": {"header"},
                   "securitySchemes": {"scheme"}, "examples": {"example"}},
    "scheme": dict.fromkeys(("type", "scheme", "bearerFormat", "in", "name", "description",
                             "x-auth")),
    "example": dict.fromkeys(("summary", "value")),
    "envelope": {"schema": "schema", "example": None},
    "path": {"parameters": ["parameter"], "x-first": None, **dict.fromkeys(METHODS, "operation")},
    "operation": {**dict.fromkeys(OPERATION), "parameters": ["parameter"],
                  "requestBody": "body", "responses": {"response"}},
    "parameter": {**dict.fromkeys(("$ref", "name", "in", "required", "description", "example", "explode",
                                    "x-handler-reads")),
                  "schema": "schema"},
    "header": {"$ref": None, "description": None, "schema": "schema"},
    "body": {"required": None, "description": None, "content": {"media"}},
    "response": {"description": None, "headers": {"header"}, "content": {"media"},
                 "x-data": "schema", "x-page": "schema", "example": None},
    "media": {"schema": "schema", "example": None},
    "schema": {**dict.fromkeys(SCHEMA), "properties": {"schema"}, "items": "schema",
               "anyOf": ["schema"], "oneOf": ["schema"], "allOf": ["schema"]},
}


def problems(node, kind, where):
    """One line for each thing that stands where it may not."""
    if isinstance(kind, list):
        for number, item in enumerate(node if isinstance(node, list) else []):
            yield from problems(item, kind[0], f"{where}[{number}]")
    elif isinstance(kind, set):
        for name, item in (node if isinstance(node, dict) else {}).items():
            yield from problems(item, next(iter(kind)), f"{where} {name}")
    elif kind and isinstance(node, dict):
        for key, value in node.items():
            if key not in KINDS[kind]:
                yield f"{where}: unknown keys: {key}"
            elif key in ("description", "summary", "title") and not (isinstance(value, str) and value):
                yield f"{where}: {key} is no text"
            else:
                yield from problems(value, KINDS[kind][key], f"{where} {key}")
    elif kind and not (kind == "schema" and node in ("$data", True, False)):
        yield f"{where}: is no {kind}"

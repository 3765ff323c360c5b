"""The schemas by themselves: examples keep to their schemas, and the generator refuses what it
says it refuses. Needs no hub."""
import copy
import json
import pathlib
import re

import pytest
import yaml
from contract import ROOT, check_schema, document, operations
from generate_routes import Problem, Surface, check_all, clash

SURFACES = ["mediavault", "backup_repository", "hub.yaml"]


def media_of(doc):
    for name, (method, template, operation) in operations(doc).items():
        for kind, media in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} request", kind, media
        for status, response in operation["responses"].items():
            for kind, media in response.get("content", {}).items():
                yield f"{name} {status}", kind, media


@pytest.mark.parametrize("surface", SURFACES)
def test_examples_keep_to_their_schemas(surface):
    doc = document(surface)
    seen = 0
    for where, kind, media in media_of(doc):
        if "example" in media:
            seen += 1
            try:
                check_schema(doc, media["schema"], media["example"])
            except AssertionError as problem:
                pytest.fail(f"{where} {kind}: {problem}")
    assert seen > 0


@pytest.mark.parametrize("surface", SURFACES)
def test_every_operation_documents_its_errors(surface):
    for name, (_, _, operation) in operations(document(surface)).items():
        statuses = set(operation["responses"])
        assert {"500", "503"} <= statuses, name
        assert not operation["security"] or "401" in statuses, name
        assert "requestBody" not in operation or {"400", "413", "415"} <= statuses, name


@pytest.mark.parametrize("surface", SURFACES)
def test_documents_keep_our_extensions_to_us(surface):
    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                assert not key.startswith("x-"), key
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)
    walk(document(surface))


THING = {"type": "object", "required": ["id"], "additionalProperties": False,
         "properties": {"id": {"type": "string"}}}
SMALL = {
    "openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "servers": [{"url": "/t"}],
    "x-surface": "t",
    "x-envelopes": {"error": {"schema": THING, "example": {"id": "$message"}}},
    "components": {"securitySchemes": {"bearerAuth": {"type": "http", "x-auth": "BEARER"}}},
    "paths": {"/things/{id}": {"post": {
        "operationId": "things_post", "x-handler": "t_things_post", "summary": "S",
        "security": [{"bearerAuth": []}], "x-scopes": ["media:read"],
        "parameters": [{"name": "id", "in": "path", "required": True, "example": "7",
                        "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": {"application/json": {
            "schema": {"type": "object", "required": ["a"], "additionalProperties": False,
                       "properties": {"a": {"type": "string", "maxLength": 9}}},
            "example": {"a": "b"}}}},
        "responses": {"200": {"description": "D", "content": {"application/json": {
            "schema": THING, "example": {"id": "7"}}}}},
    }}},
}
ERRORS = yaml.safe_load((ROOT / "schemas/errors.yaml").read_text())["errors"]


def read(tmp_path, doc):
    file = pathlib.Path(tmp_path) / "t.yaml"
    file.write_text(yaml.safe_dump(doc))
    return Surface(str(file), ERRORS, {"none", "default"}, {"media_read"})


def test_what_others_see_of_a_field(tmp_path):
    """Custom formats are patterns, what is clamped has no maximum, lists of names are there."""
    doc = copy.deepcopy(SMALL)
    operation = doc["paths"]["/things/{id}"]["post"]
    operation["parameters"].append({"name": "n", "in": "query", "schema": {
        "type": "integer", "maximum": 100, "x-clamp": True}})
    operation["requestBody"]["content"]["application/json"]["schema"]["properties"] = {
        "a": {"type": "string", "format": "line", "maxLength": 9},
        "b": {"type": "string", "x-enum": "thumbnails"}}
    surface = read(tmp_path, doc)
    shown = json.loads(surface.document())["paths"]["/things/{id}"]["post"]
    assert shown["parameters"][1]["schema"] == {"type": "integer"}
    fields = shown["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert fields["b"] == {"type": "string", "enum": ["small", "medium", "large"]}
    assert "format" not in fields["a"]
    for text, fits in (("one line", True), ("two\nlines", False), ("\x7f", False), ("ä ö", True)):
        assert bool(re.search(fields["a"]["pattern"], text)) is fits, text
    table = "\n".join(surface.operations[0].query.c_lines())
    assert ".maximum = 100" in table and ".clamp = true" in table


def test_the_small_surface_passes(tmp_path):
    surface = read(tmp_path, SMALL)
    check_all(surface.operations)
    ((path, row),) = surface.operations[0].c_rows()
    assert path == "/t/things/{id}"
    assert ".auth = AUTH_BEARER" in row and ".scopes = SCOPE_MEDIA_READ" in row
    assert ".body = &schema_things_post_body" in row


def bend(path, value=None):
    """A change of the small operation: `path` leads to what is set to value; without one it is
    deleted where it is there, and else set to null, as an unquoted comma makes it."""
    def apply(operation):
        *steps, last = path
        for step in steps:
            operation = operation[step]
        if value is None and last in operation:
            del operation[last]
        else:
            operation[last] = value
    return apply


BODY = ("requestBody", "content", "application/json")
ANSWER = ("responses", "200", "content", "application/json")


@pytest.mark.parametrize("change,problem", [
    (bend(["operationId"]), "operationId"),
    (bend(["x-handler"]), "x-handler"),
    (bend(["x-handler"], "other_handler"), "x-handler"),
    (bend(["summary"]), "summary"),
    (bend(["security"]), "security is missing"),
    (bend(["security"], [{"otherAuth": []}]), "no security scheme"),
    (bend(["security"], []), "scopes without security"),
    (bend(["x-scopes"]), "x-scopes is missing"),
    (bend(["x-scopes"], ["media:burn"]), "no scope"),
    (bend(["x-rate-policy"], "unheard"), "no rate policy"),
    (bend(["x-misspelt"], 1), "unknown keys"),
    (bend([*BODY, "schema", "properties", "a", "dot"]), "unknown keys: dot"),
    (bend(["parameters", 0, "schema", "minlength"], 1), "unknown keys: minlength"),
    (bend([*ANSWER, "schema", "properties", "id", "oldest first"]), "unknown keys: oldest first"),
    (bend(["responses", "200", "headers"], {"ETag": {"schema": {"text": 1}}}), "unknown keys: text"),
    (bend([*BODY, "schema", "properties", "a", "description"]), "description is no text"),
    (bend([*BODY, "schema", "properties", "a", "x-enum"], "unheard"), "no list unheard"),
    (bend(["x-errors"], ["UNHEARD"]), "no error"),
    (bend(["x-max-body"], "large"), "not a size"),
    (bend(["parameters"], []), "path parameters differ"),
    (bend(["parameters", 0, "required"]), "required: true"),
    (bend(["parameters", 0, "example"]), "an example"),
    (bend([*BODY, "example"]), "example"),
    (bend([*BODY, "schema", "additionalProperties"]), "additionalProperties"),
    (bend([*BODY, "schema", "required"], ["b"]), "unknown property"),
    (bend([*BODY, "schema", "properties", "a", "maxLength"]), "maxLength"),
    (bend([*BODY, "schema", "properties", "a", "format"], "unheard"), "unknown format"),
    (bend([*BODY, "schema", "properties", "a"], THING), "a type is"),
    (bend(["requestBody", "content"], {"text/xml": {}}), "a body is JSON"),
    (bend(["requestBody", "content", "text/xml"], {}), "goes together with nothing"),
    (bend(["requestBody", "content"], {"multipart/form-data": {}}), "needs x-max-body"),
    (bend([*ANSWER, "example"]), "needs an example"),
    (bend([*ANSWER, "schema"], {"type": "object"}), "additionalProperties: false"),
    (bend([*ANSWER, "schema"], {"type": "array", "items": {"type": "object"}}),
     "additionalProperties: false"),
    (bend([*ANSWER, "schema"], {**THING, "required": ["no"]}), "needs required"),
    (bend([*ANSWER, "schema"], {k: v for k, v in THING.items() if k != "required"}),
     "needs required"),
    (bend([*ANSWER, "schema"], {"$ref": "#/components/schemas/No"}), "leads nowhere"),
    (bend(["responses", "404"], {"description": "D"}), "listed in x-errors"),
    (bend(["responses"], {"301": {"description": "D"}}), "no response that says success"),
    (bend(["responses", "200", "description"]), "description"),
    (bend(["responses", "200", "x-data"], THING), "example"),
])
def test_refusals(tmp_path, change, problem):
    doc = copy.deepcopy(SMALL)
    change(doc["paths"]["/things/{id}"]["post"])
    with pytest.raises(Problem, match=problem):
        read(tmp_path, doc)


def test_the_same_operation_twice(tmp_path):
    doc = copy.deepcopy(SMALL)
    again = copy.deepcopy(doc["paths"]["/things/{id}"])
    doc["paths"]["/others/{id}"] = again
    with pytest.raises(Problem, match="operationId things_post is given twice"):
        check_all(read(tmp_path, doc).operations)
    again["post"]["operationId"] = "others_post"
    check_all(read(tmp_path, doc).operations)
    doc["x-aliases"] = ["/t"]
    with pytest.raises(Problem, match="POST /t/.* is given twice"):
        check_all(read(tmp_path, doc).operations)


def test_which_of_two_templates_comes_first(tmp_path):
    doc = copy.deepcopy(SMALL)
    other = copy.deepcopy(doc["paths"]["/things/{id}"])
    other["post"]["operationId"] = "things_named"
    other["post"]["parameters"][0]["name"] = "name2"
    doc["paths"]["/{name2}/7"] = other
    with pytest.raises(Problem, match="match the same path"):
        check_all(read(tmp_path, doc).operations)
    other["x-first"] = True
    check_all(read(tmp_path, doc).operations)
    doc["paths"]["/things/{id}"]["x-first"] = True
    with pytest.raises(Problem, match="match the same path"):
        check_all(read(tmp_path, doc).operations)


@pytest.mark.parametrize("one,other,verdict", [
    ("/media/upload", "/media/{id}", False),
    ("/media/{id}", "/media/{media_id}", True),
    ("/a/{x}/c", "/a/b/{y}", True),
    ("/a/{x}/c", "/a/b/c", False),
    ("/a/{x}", "/b/{x}", False),
    ("/a", "/a/b", False),
])
def test_templates_that_match_the_same_path(one, other, verdict):
    assert clash(one, other) is verdict

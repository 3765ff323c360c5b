"""The OpenAPI documents as the generator makes them, and answers checked against them."""
import functools
import json
import pathlib

import generate_asyncapi
import jsonschema
import requests
import yaml
from generate_routes import Surface, rate_policies, table_names
from harness import PATIENCE_S

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Schemas of other people that are referred to; they are not fetched.
FOREIGN = {"https://spec.openapis.org/oas/3.1/schema/2022-10-07": True,
           "https://asyncapi.com/definitions/3.0.0/asyncapi.json": True}


@functools.cache
def document(name):
    errors = yaml.safe_load((ROOT / "schemas/errors.yaml").read_text())["errors"]
    surface = Surface(str(ROOT / "schemas" / name), errors,
                      rate_policies(ROOT / "core/base/rates.def"),
                      table_names(ROOT / "core/state/scopes.def", "SCOPE"))
    return json.loads(surface.document())


@functools.cache
def asyncapi():
    schemas = ROOT / "schemas"
    return generate_asyncapi.document(schemas / "realtime.yaml", schemas / "events.yaml", schemas / "errors.yaml")


def operations(doc):
    """{operationId: (method, template, operation)}"""
    return {operation["operationId"]: (method, template, operation)
            for template, item in doc["paths"].items()
            for method, operation in item.items() if method != "parameters"}


def check_schema(doc, schema, value):
    resolver = jsonschema.RefResolver("", doc, store=FOREIGN)
    validator = jsonschema.Draft202012Validator(schema, resolver=resolver)
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
    assert not problems, "\n".join(problems)


class Contract:
    def __init__(self, hub, doc, token):
        self.hub, self.doc, self.token = hub, doc, token
        self.operations = operations(doc)
        self.base = hub.url + doc["servers"][0]["url"].rstrip("/")

    def call(self, operation_id, status=200, path=None, headers=None, token=..., **arguments):
        method, template, operation = self.operations[operation_id]
        token = self.token if token is ... else token
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        answer = requests.request(method, self.base + template.format(**(path or {})),
                                  headers=headers, timeout=PATIENCE_S, allow_redirects=False,
                                  **arguments)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        self.check(operation, answer)
        return answer

    def check(self, operation, answer):
        responses = operation["responses"]
        assert str(answer.status_code) in responses, f"{answer.status_code} is not documented"
        response = responses[str(answer.status_code)]
        for name in response.get("headers", {}):
            assert name in answer.headers, f"header {name} is missing"
        content = response.get("content")
        if not content:
            assert not answer.content
            return
        kind = answer.headers["Content-Type"].split(";")[0]
        media = content.get(kind) or content.get(kind.split("/")[0] + "/*") or content.get("*/*")
        assert media is not None, f"{kind} is not documented"
        if kind == "application/json":
            check_schema(self.doc, media["schema"], answer.json())

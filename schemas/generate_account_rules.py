"""The body of auth_register in mediavault/auth.yaml -> account_rules.def: what a name, an e-mail
address and a password of an account may be, for those who make accounts without REST."""
import sys

import yaml

FIELDS = ("username", "email", "password")
FORMATS = {None: "FORMAT_NONE", "email": "FORMAT_EMAIL", "username": "FORMAT_USERNAME"}


def main(source, target):
    with open(source, encoding="utf-8") as f:
        tree = yaml.safe_load(f)
    [body] = [operation["requestBody"] for path in tree["paths"].values()
              for operation in path.values() if operation["operationId"] == "auth_register"]
    properties = body["content"]["application/json"]["schema"]["properties"]
    rows = ["/* Generated from schemas/mediavault/auth.yaml; do not edit. */"]
    for name in FIELDS:
        field = properties[name]
        rows.append(f"ACCOUNT_RULE({name.upper()}, {FORMATS[field.get('format')]}, "
                    f"{field.get('minLength', 0)}, {field['maxLength']})")
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(rows) + "\n")


main(*sys.argv[1:])

"""Accounts are made by admins alone unless the hub says otherwise."""
from contract import Contract, document
from harness import Hub

ADA = {"username": "ada", "email": "ada@example.com", "password": "long enough"}


def test_closed_by_default(tmp_path):
    hub = Hub(tmp_path).start()
    try:
        contract = Contract(hub, document("mediavault"), hub.login())
        answer = contract.call("auth_register", 403, token=None, json=ADA)
        assert answer.json()["error"]["code"] == "forbidden"
        contract.call("auth_register", 201, json=ADA)
        contract.call("auth_register", 403, token=hub.login("ada", "long enough"),
                      json={**ADA, "username": "bob", "email": "bob@example.com"})
    finally:
        hub.stop()

"""Processes killed at random moments. MEDIAHUB_FAULT_ROUNDS=100 for a long campaign (the default
kills each once); MEDIAHUB_FAULT_SEED repeats the choices of one."""
import os

from campaign import random_of

VICTIMS = ["mediahub-gateway", "mediahub-worker", "mediahub-decode", "mediahub-webhooks",
           "redis-state", "redis-volatile", "supervisor"]
ROUNDS = int(os.environ.get("MEDIAHUB_FAULT_ROUNDS", len(VICTIMS)))


def test_random_deaths(campaign):
    chance = random_of()
    for turn in range(ROUNDS):
        if turn % len(VICTIMS) == 0:
            order = chance.sample(VICTIMS, len(VICTIMS))
        campaign.kill(order[turn % len(VICTIMS)], chance)

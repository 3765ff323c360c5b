"""Processes killed at random moments. The default kills each once; MEDIAHUB_FAULT_SECONDS=3600 goes on
for an hour, MEDIAHUB_FAULT_ROUNDS=100 for so many deaths; MEDIAHUB_FAULT_SEED repeats the choices of
one."""
import os
import time

from campaign import SECONDS, random_of

VICTIMS = ["mediahub-gateway", "mediahub-worker", "mediahub-decode", "mediahub-webhooks", "mediahub-catalogue",
           "redis-state", "redis-volatile", "supervisor"]
ROUNDS = int(os.environ.get("MEDIAHUB_FAULT_ROUNDS", 0 if SECONDS else len(VICTIMS)))


def victims(chance):
    """All of them in an order of chance, again and again."""
    while True:
        yield from chance.sample(VICTIMS, len(VICTIMS))


def test_random_deaths(campaign):
    chance, until = random_of(), time.monotonic() + SECONDS
    for turn, victim in enumerate(victims(chance)):
        if turn >= ROUNDS and time.monotonic() >= until:
            break
        campaign.kill(victim, chance)

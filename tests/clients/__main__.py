"""Ask clients, and write what came of it into docs/clients.md: `CLIENTS=all python -m tests.clients`."""

import os
import sys

from tests.clients.matrix import CLIENTS, chosen, missing
from tests.clients.page import PAGE, updated
from tests.clients.playing import playing

names = [name for name in chosen(os.environ.get("CLIENTS", "quick")) if missing(CLIENTS[name]) is None]
with playing(names) as futures:
    played = {name: future.result() for name, future in futures.items()}
for name, each in played.items():
    went_well = sum(ok is True for ok, _ in each.outcomes.values())
    print(f"{name:18} {went_well:2} done, {len(each.failures)} failed, {each.seconds:4.1f} s")
    for scenario, detail in each.failures.items():
        print(f"--- {scenario}\n{detail}")
    if each.said:
        print(each.said)
PAGE.write_text(updated(played, PAGE.read_text(encoding="utf-8") if PAGE.exists() else None), encoding="utf-8")
sys.exit(any(each.failures or each.said for each in played.values()))

"""Decisions replayed over history: what they would have cost and missed, beside what others do.

Place in the line: beside it, under `headroom replay`. Everything here is a function of what it is given: usage,
forecasts, settings, and the uniform numbers from which delays are made.

- `need`: usage → what each pool needed, hour by hour
- `roads`: how long review, CI and boot take, the same for every policy
- `capacity`: what was planned and what a reactive loop asks for → running nodes, step by step
- `rivals`: what other policies plan
- `pools`: forecasts of groups → forecasts of pools, a fraction of the size
- `requests`: plans → pull requests → ledger, as review and CI let them through
- `leases`: forecasts → the floors that our own leases would have held
- `tally`: running nodes → cost, shortfall, steps
- `policies`: each policy by its name, over its own knob
- `frontier`: the least cost at each shortfall, and the share of the oracle's saving
- `summary`: all of it, ready for JSON
"""

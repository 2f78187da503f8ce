"""A throw-away clone of the user's repository: branch, commit, push. The only home of GitPython.

Place in the line: ``workflow`` reads the ledger through it, and proposes through it:

    where = locate(Path("environments/demo"))
    with clone(where.url, "main", "Headroom", "headroom@localhost") as checkout:
        ledger = checkout.read(f"{where.path}/leases")
"""

from controller.edge.checkout.comparing import Compared, compared
from controller.edge.checkout.record import Checkout
from controller.edge.checkout.throwaway import Location, clone, locate

__all__ = ["Checkout", "Compared", "Location", "clone", "compared", "locate"]

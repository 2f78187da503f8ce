"""``python -m controller.cli``: the same as ``headroom``."""

from controller.cli import main

main()

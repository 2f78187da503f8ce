"""What is measured: accuracy, speed, cold start and level shifts, against peers in the same run.

Every figure is of one core unless a script says otherwise: the threads of the numerical libraries are held here,
before any of them is imported.
"""

import os

for _name in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMBA_NUM", "POLARS_MAX"):
    os.environ.setdefault(f"{_name}_THREADS", "1")
os.environ.setdefault("NIXTLA_ID_AS_COL", "1")

"""Datasets ⇄ netCDF files with a version and a checksum: whole or not at all, refused in words where one is wrong.

Place in the line: under `profile` and `hierarchy`, the two things that are kept in files.

    write(dataset, path, Kind("profile", 1, "make it anew", ProfileError))
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import numpy as np
import xarray as xr

from forecasting.errors import ForecastingError
from forecasting.target import whole

_VERSION = "_version"
CHECKSUM = "checksum"
"""Attribute that says whether values are still those that were written; HDF5 itself does not notice."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Parameters
    ----------
    name
        What it holds, in a word.
    version
        Of its layout; a file of another is refused.
    remedy
        What to do where a file is not right.
    error
        What is raised then.
    """

    name: str
    version: int
    remedy: str
    error: type[ForecastingError]

    @property
    def attribute(self) -> str:
        """Name of the attribute that holds the version."""
        return f"{self.name}{_VERSION}"


def write(
    dataset: xr.Dataset, path: Path | str, kind: Kind, encoding: Mapping[str, Mapping[str, object]] | None = None
) -> None:
    """Write a file, replacing what is there.

    Raises
    ------
    ForecastingError
        That of the kind, if it cannot be written there.
    """
    try:
        with whole(Path(path)) as beside:
            beside.touch()  # HDF5 words what goes wrong here at length
            versioned = dataset.assign_attrs({kind.attribute: kind.version})
            sealed = versioned.assign_attrs({CHECKSUM: checksum_of(versioned)})
            sealed.to_netcdf(beside, engine="h5netcdf", encoding=encoding)
    except OSError as error:
        raise kind.error(f"{path}: the {kind.name} cannot be written: {error.strerror or error}") from error


def check_own(path: Path | str, kind: Kind) -> None:
    """Hold that a file may be written over: that it is not there, of this kind, or damaged.

    Raises
    ------
    ForecastingError
        That of the kind, if it is a whole file of another kind.
    """
    try:
        with h5py.File(path, "r") as file:
            own = kind.attribute in file.attrs
    except OSError:
        return
    if not own:
        raise kind.error(f"{path}: this is no {kind.name}, and is not written over; name another file")


def read(path: Path | str, kind: Kind) -> xr.Dataset:
    """Read a file that `write` wrote; labels come back as fixed-width strings, as they were saved.

    Raises
    ------
    ForecastingError
        That of the kind, if there is no file, it is not netCDF, it is damaged, or of another version.
    """
    try:
        with _opened(path, kind) as file:
            dataset = file.load()
        checksum = checksum_of(dataset)
    except kind.error:
        raise
    except Exception as error:  # of many kinds, by where the damage is
        raise kind.error(f"{path}: not a netCDF file, or damaged; {kind.remedy}") from error
    written = dataset.attrs.pop(CHECKSUM, None)
    if written is None:
        raise kind.error(f"{path}: damaged, or of an earlier release: it has no checksum; {kind.remedy}")
    if written != checksum:
        raise kind.error(f"{path}: damaged: what it holds is not what was written; {kind.remedy}")
    return _labelled(dataset)


@contextmanager
def stream(path: Path | str, kind: Kind) -> Iterator[xr.Dataset]:
    """Open a file that `write` wrote; values are read as they are asked for, and its checksum is not looked at.

    Raises
    ------
    ForecastingError
        That of the kind, if there is no file, it is not netCDF, or of another version.
    """
    with _opened(path, kind) as file:
        yield _labelled(file)


@contextmanager
def _opened(path: Path | str, kind: Kind) -> Iterator[xr.Dataset]:
    path = Path(path)
    if not path.is_file():
        raise kind.error(f"{path}: there is no such {kind.name}; {kind.remedy}")
    try:
        # Opened plainly first: where this fails, h5netcdf would complain on stderr as well.
        h5py.File(path, "r").close()
        dataset = xr.open_dataset(path, engine="h5netcdf", cache=False)
    except Exception as error:  # of many kinds, by where the damage is
        raise kind.error(f"{path}: not a netCDF file, or damaged; {kind.remedy}") from error
    with dataset:
        version = dataset.attrs.get(kind.attribute)
        if version != kind.version:
            others = [x.removesuffix(_VERSION) for x in map(str, dataset.attrs) if x.endswith(_VERSION)]
            if version is None and others and CHECKSUM in dataset.attrs:  # one of ours
                raise kind.error(f"{path}: this is a {others[0]}, no {kind.name}; name another file")
            found = "no version" if version is None else f"version {version}"
            raise kind.error(
                f"{path}: a {kind.name} of {found}, where this release reads {kind.version}; {kind.remedy}"
            )
        yield dataset


def _labelled(dataset: xr.Dataset) -> xr.Dataset:
    """Give labels back as the fixed-width strings that were saved."""
    labels = {n: (v.dims, v.values.astype(str)) for n, v in dataset.coords.items() if v.dtype.kind in "OU"}
    return dataset.assign_coords(labels)


def checksum_of(dataset: xr.Dataset) -> str:
    """Return the SHA-256, in hexadecimal, of all variables, coordinates and attributes but the checksum itself."""
    state = hashlib.sha256()

    def add(text: str) -> None:
        state.update(text.encode("utf-8", "surrogatepass") + b"\0")

    for name in sorted(map(str, dataset.variables)):
        values = np.asarray(dataset[name].values)
        add(f"{name} {dataset[name].dims} {values.shape}")
        if values.dtype.kind == "M":  # the unit of time may be another after reading
            values = values.astype("datetime64[ns]")
        if values.dtype.kind in "OUS":  # text: how wide it is stored does not matter
            add("\0".join(map(str, values.reshape(-1).tolist())))
        else:
            add(values.dtype.str)
            state.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    for name in sorted(map(str, dataset.attrs)):
        if name != CHECKSUM:
            # A list of one comes back as a number, and numbers as those of NumPy.
            add(f"{name} {np.atleast_1d(dataset.attrs[name]).tolist()}")
    return state.hexdigest()

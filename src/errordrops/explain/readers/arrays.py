"""NumPy archives of named arrays (numpy.savez); pickles in them are never loaded."""

import zipfile
from pathlib import Path

import numpy as np

from .jsons import from_lists
from .records import LogError, Records

LARGEST = 1 << 28  # bytes of all arrays


def read(path: Path) -> Records:
    """The arrays of one dimension that hold numbers, as columns under their names. LogError for what cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside = archive.infolist()
        names = [item.filename for item in inside]
        if not names or not all(name.endswith(".npy") for name in names):
            raise LogError(
                f"{path} is refused: it is a zip archive, but not one of NumPy's named arrays. Unpack it, or export "
                f"the "
                "numbers as CSV"
            )
        if sum(item.file_size for item in inside) > LARGEST:
            raise LogError(f"{path} holds more than {LARGEST >> 20} MB of arrays; save the curves alone")
        found, left = {}, []
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays.files:
                try:
                    values = np.squeeze(arrays[name])
                except ValueError:  # an array of objects is a pickle
                    left.append(name)
                    continue
                if values.ndim == 1 and values.size > 1 and np.issubdtype(values.dtype, np.number):
                    found[name] = [float(v) for v in np.real(values)]
                else:
                    left.append(name)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        raise LogError(f"{path} is a NumPy archive that cannot be read: {error}") from error
    if not found:
        raise LogError(f"{path} holds no array of one dimension with numbers (it has: {', '.join(left[:12])})")
    records = from_lists(found)
    records.format = "NumPy archive"
    if left:
        records.notes.append(f"arrays that are no lists of numbers were left out: {', '.join(left[:6])}")
    return records

"""Files of data sets on the Hugging Face hub.

The hub's library finds a file, `fetch` brings it: in its newer versions the library's own
`hf_hub_download` cannot go on after a killed process, as its part file has a new name each time.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from labkit.data import fetch


def endpoint() -> str:
    """The hub's address: HF_ENDPOINT names a mirror."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"


def files(
    repository: str, name: str, part: str, folder: Path, instead: str, progress: bool
) -> list[Path]:
    """The parquet files of split `part`, in `folder`: `name`, or all of the split if it has moved.

    What lies in `folder` is not asked for.  ConnectionError as in `fetch.download`.
    """
    here = folder / PurePosixPath(name).name
    if here.is_file():
        return [here]
    if fetch.offline():
        raise ConnectionError("HF_HUB_OFFLINE is set, which forbids it")
    brought = []
    for one, (url, version) in _found(repository, name, part).items():
        # For large files the version is the content's sha256; for others it names it all the same.
        digest = f"sha256:{version}" if re.fullmatch("[0-9a-f]{64}", version) else ""
        path = folder / PurePosixPath(one).name
        fetch.download(
            url, path, digest=digest, version=version, instead=instead, progress=progress
        )
        brought.append(path)
    return brought


def _found(repository: str, name: str, part: str) -> dict[str, tuple[str, str]]:
    """Name -> (address, version) of `name`, or where it is gone of the split's parquet files."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import EntryNotFoundError

    with _talking():
        try:
            return {name: _find(repository, name)}
        except EntryNotFoundError:
            api = HfApi(endpoint=endpoint(), token=False)
            listed = api.list_repo_files(repository, repo_type="dataset")
        names = sorted(f for f in listed if re.fullmatch(rf"(.*/)?{part}[-.][^/]*parquet", f))
        if not names:
            raise ConnectionError(f"{repository} has no parquet file for {part}: {listed[:9]}")
        return {name: _find(repository, name) for name in names}


def _find(repository: str, name: str) -> tuple[str, str]:
    """The address of the newest version of a file, and that version's name."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    place = {"repo_id": repository, "filename": name, "repo_type": "dataset"}
    # token=False: a stale token on the machine would be refused even for a public file
    note = get_hf_file_metadata(hf_hub_url(**place, endpoint=endpoint()), token=False)
    url = hf_hub_url(**place, revision=note.commit_hash, endpoint=endpoint())
    return url, note.etag or note.commit_hash or ""


@contextlib.contextmanager
def _talking() -> Iterator[None]:
    """ConnectionError for whatever goes wrong with the hub."""
    try:
        yield
    except Exception as error:  # the library's transport shows through, another with each version
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ConnectionError(reason) from error

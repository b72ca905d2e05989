"""All settings, as frozen dataclasses, with their defaults; to and from TOML."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_type_hints

from napari_unetpick.errors import InputError
from napari_unetpick.renamed_keys import carry_over


@dataclass(frozen=True)
class NetworkSettings:
    """The network's shape."""

    attention: bool = True
    width: int = 32
    depth: int = 3
    stride: int = 2  # 2: the first level works at half resolution
    junk: bool = False  # a second output: what must not be picked


@dataclass(frozen=True)
class TargetSettings:
    """What is painted at a labelled particle, as fractions of the diameter."""

    disc_radius: float = 0.2
    ignore_radius: float = 0.35
    unknown_weight: float = 0.25  # of pixels that a partly labelled micrograph leaves unmarked


@dataclass(frozen=True)
class AugmentSettings:
    """How strongly patches are changed; each strength is a largest value, 0 switches it off."""

    probability: float = 0.5  # of each intensity change; rotation and flips always apply
    rotation: bool = True
    flip: bool = True
    scale: float = 0.15  # diameter wrong by 20 %, particles of several sizes
    elastic: float = 0.04  # of the diameter
    noise: float = 0.4  # in standard deviations of the micrograph
    contrast: float = 0.3
    blur: float = 0.06  # Gaussian sigma, of the diameter
    spectrum: float = 0.5  # log of the gain at a width of detail, standard deviation
    ice: float = 0.15  # probability of a synthetic blob of ice or dark contamination


@dataclass(frozen=True)
class LossSettings:
    """Which loss, and its weights."""

    kind: Literal["bce", "focal", "dice", "combined", "pu"] = "combined"
    focal_weight: float = 0.7
    dice_weight: float = 0.3
    focal_gamma: float = 2.0
    focal_alpha: float = 0.5
    pu_prior: float = 0.05  # part of the unmarked pixels that are particle


@dataclass(frozen=True)
class TrainSettings:
    """How long and how training goes; an epoch is a fixed number of patches."""

    epochs: int = 16
    patience: int = 0  # epochs without a better validation F1 that end it; 0: never
    patches_per_epoch: int = 640
    batch: int = 16
    patch_px: int = 96
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    schedule: Literal["constant", "cosine", "warm-restarts", "one-cycle"] = "cosine"
    restart_epochs: int = 10  # T_0
    restart_factor: int = 2  # T_mult
    smallest_rate: float = 1e-6  # eta_min
    average_decay: float = 0.99  # of the exponential average of weights; 0 switches it off
    learn_unmarked: bool = (
        True  # partial labels: what scores like them, unseen, is particles as well
    )
    balanced: bool = True  # half the patches around particles, half hard or random background
    seed: int = 42


@dataclass(frozen=True)
class SelfTrainSettings:
    """How self-training goes; quantiles are of the labelled particles' scores by the teacher."""

    rounds: int = 2
    epochs: int = 0  # of each round; 0: as many as training took
    limits: Literal["quantiles", "raw", "calibrated"] = "quantiles"  # which of the next decide
    positive_quantile: float = 0.35  # candidates that score above it are taken for particles
    least_precision: float = (
        0.9  # partial labels: or down to where it falls to that; 0: the quantile
    )
    ignore_quantile: float = 0.05  # those between the two teach nothing
    positive_score: float = 0.98  # the same by scores, in the first round
    negative_score: float = 0.02  # and below it is background
    last_positive_score: float = 0.9  # both move evenly to these in the last round
    last_negative_score: float = 0.1
    gate: bool = True  # keep the best round that does no harm; else the last, whatever it does


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to be repeated."""

    recipe: str = "improved"
    particle_px: float = 24.0
    upsample: bool = False  # micrographs whose particles have fewer pixels
    network: NetworkSettings = field(default_factory=NetworkSettings)
    target: TargetSettings = field(default_factory=TargetSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    self_train: SelfTrainSettings = field(default_factory=SelfTrainSettings)


NO_AUGMENTATION = AugmentSettings(
    probability=0,
    rotation=False,
    flip=False,
    scale=0,
    elastic=0,
    noise=0,
    contrast=0,
    blur=0,
    spectrum=0,
    ice=0,
)
RECIPES: dict[str, Settings] = {
    "improved": Settings(),
    # the plain U-Net that the improvements are measured against
    "baseline": Settings(
        recipe="baseline",
        network=NetworkSettings(attention=False),
        augment=NO_AUGMENTATION,
        loss=LossSettings(kind="bce"),
        train=TrainSettings(
            epochs=50, schedule="constant", learning_rate=1e-3, average_decay=0, balanced=False
        ),
        self_train=SelfTrainSettings(
            rounds=1, epochs=20, limits="raw", positive_score=0.98, negative_score=0.02, gate=False
        ),
    ),
    # the lab's plan as written: batch 128, 100 epochs, warm restarts 10, x2, down to 1e-6; it ends
    # early after 30 epochs (if F1 has not risen since the 10th) or after 70 (since the 50th)
    "plan": Settings(
        recipe="plan",
        train=TrainSettings(
            epochs=100,
            patience=20,
            batch=128,
            patches_per_epoch=1280,
            learning_rate=1e-3,
            schedule="warm-restarts",
            average_decay=0,
        ),
        self_train=SelfTrainSettings(epochs=40, limits="raw"),
    ),
}


def load_recipe(name: str) -> Settings:
    """Return the settings of a named recipe or of a TOML file.

    Raises
    ------
    InputError
        There is no such recipe or file, or it holds an unknown or unfit setting.
    """
    if name in RECIPES:
        return RECIPES[name]
    path = Path(name)
    if not path.is_file():
        raise InputError(f"recipe '{name}': give one of {', '.join(RECIPES)}, or a TOML file")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file ({error})") from error
    return from_dict(table, name=str(path))


ABSENT: dict[str, dict[str, Any]] = {"augment": {"spectrum": 0.0}}
"""What settings that came later stood for before: runs and records of older versions lack them."""


def as_it_was(table: dict[str, Any]) -> dict[str, Any]:
    """Fill settings that an older version wrote with those that it did not know, as it worked."""
    own = {section: {**new, **table.get(section, {})} for section, new in ABSENT.items()}
    return {**table, **own}


def from_dict(table: dict[str, Any], *, name: str = "settings") -> Settings:
    """Build settings from a nested dict, over the defaults of its `recipe`.

    Keys of older versions are carried over.

    Raises
    ------
    InputError
        A setting is unknown, or its value cannot be.
    """
    table = carry_over(table, "settings")
    recipe = table.get("recipe", "improved")
    if recipe not in RECIPES:
        raise InputError(f"{name}: 'recipe' is {recipe!r}; give one of {', '.join(RECIPES)}")
    settings: Settings = _replace(RECIPES[recipe], table, name)
    check(settings, name)
    return settings


def check(settings: Settings, name: str) -> None:
    """Refuse values that no training could run with."""
    network, train, own = settings.network, settings.train, settings.self_train
    step = network.stride * 2**network.depth
    rules = {
        "particle_px must lie between 8 and 96": 8 <= settings.particle_px <= 96,
        "width must be at least 4": network.width >= 4,
        "depth must lie between 1 and 5": 1 <= network.depth <= 5,
        "stride must be 1, 2 or 4": network.stride in (1, 2, 4),
        "epochs, patches_per_epoch and batch must be at least 1": min(
            train.epochs, train.patches_per_epoch, train.batch
        )
        >= 1,
        f"patch_px must be a multiple of stride * 2^depth = {step} and at least 32": train.patch_px
        >= 32
        and step > 0
        and train.patch_px % step == 0,
        "learning_rate must lie between 0 and 1": 0 < train.learning_rate <= 1,
        "restart_epochs and restart_factor must be at least 1": min(
            train.restart_epochs, train.restart_factor
        )
        >= 1,
        "average_decay must be below 1": train.average_decay < 1,
        "pu_prior must be below 1": settings.loss.pu_prior < 1,
        "disc_radius must be above 0": settings.target.disc_radius > 0,
        "rounds must lie between 1 and 20": 1 <= own.rounds <= 20,
        "least_precision must be at most 1": own.least_precision <= 1,
        "positive_quantile must be below 1, ignore_quantile not above it": own.ignore_quantile
        <= own.positive_quantile
        < 1,
        "positive scores must be at most 1, negative ones not above them": own.negative_score
        <= own.positive_score
        <= 1
        and own.last_negative_score <= own.last_positive_score <= 1,
    }
    for rule, holds in rules.items():
        if not holds:
            raise InputError(f"{name}: {rule}")


def to_dict(settings: Settings) -> dict[str, Any]:
    """Return nested plain data, as written to TOML and into model files."""
    return dataclasses.asdict(settings)


def _replace(current: Any, table: dict[str, Any], name: str) -> Any:
    hints = get_type_hints(type(current))
    changes: dict[str, Any] = {}
    for key, value in table.items():
        if key not in hints:
            raise InputError(f"{name}: unknown setting '{key}'; known are {', '.join(hints)}")
        old = getattr(current, key)
        if dataclasses.is_dataclass(old):
            if not isinstance(value, dict):
                raise InputError(f"{name}: '{key}' must be a table [{key}]")
            changes[key] = _replace(old, value, f"{name}, [{key}]")
        else:
            changes[key] = _checked(value, old, key, name, hints[key])
    return dataclasses.replace(current, **changes)


def _checked(value: Any, old: Any, key: str, name: str, hint: Any) -> Any:
    allowed = getattr(hint, "__args__", ())
    if allowed and value not in allowed:
        raise InputError(
            f"{name}: '{key}' is {value!r}; give one of {', '.join(map(str, allowed))}"
        )
    if isinstance(old, bool) or isinstance(value, bool):
        fits = isinstance(old, bool) and isinstance(value, bool)
    elif hint is float:
        fits = isinstance(value, int | float) and math.isfinite(value) and value >= 0
        value = float(value) if fits else value
    elif isinstance(old, int):
        fits = isinstance(value, int) and value >= 0
    else:
        fits = isinstance(value, type(old))
    if not fits:
        kind = "a number of at least 0" if isinstance(old, int | float) else type(old).__name__
        raise InputError(f"{name}: '{key}' is {value!r}; {kind} is needed")
    return value

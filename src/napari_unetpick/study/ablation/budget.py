"""How many batches an epoch may have, so that all runs of an ablation fit its budget.

Steps are only half of the cost: every validation, round and test scores whole micrographs, which
takes as long however short the epochs are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_unetpick.engine.data.training_set import VALIDATION_FRACTION
from napari_unetpick.engine.devices import choose_device
from napari_unetpick.engine.timing import seconds_a_micrograph, seconds_a_step
from napari_unetpick.engine.train.loop import LEAST_STEPS
from napari_unetpick.engine.train.partial_label_settings import PARTIAL_LABELS
from napari_unetpick.engine.train.run import VALIDATED_EACH_EPOCH
from napari_unetpick.io.images.image import read_micrograph, resolve_pixel_size
from napari_unetpick.picking.scale import make_scale
from napari_unetpick.settings import NetworkSettings, Settings
from napari_unetpick.study.ablation.ladder import Rung, ladder, leave_one_out
from napari_unetpick.study.ablation.units import AblateJob, supervised_key

SHARE = 0.85  # of the budget is planned: calibration, drawing patches, files take time as well
LEAST, MOST = 1, 40  # batches an epoch


@dataclass(frozen=True)
class Costs:
    """What a run is made of.

    Parameters
    ----------
    step, micrograph
        Seconds by network: of a training step, and of scoring one whole micrograph.
    validated, labelled, learn, test
        Micrographs that are scored at each validation, after a training, in a round, and at last.
    share
        Of the recipe's epochs that a supervised training takes (partial labels: cross-fitting).
    """

    step: dict[NetworkSettings, float]
    micrograph: dict[NetworkSettings, float]
    validated: int
    labelled: int
    learn: int
    test: int
    share: float = 1.0

    def fitted(self, settings: Settings, epochs: float, batches: int) -> float:
        """Return the seconds of so many epochs, and their validations."""
        network = settings.network
        pause = max(1, LEAST_STEPS // batches)
        scored = max(1.0, epochs / pause) * self.validated
        return epochs * batches * self.step[network] + scored * self.micrograph[network]

    def supervised(self, settings: Settings, batches: int) -> float:
        """Return the seconds of a supervised training."""
        after = self.labelled * self.micrograph[settings.network]
        return self.fitted(settings, self.share * settings.train.epochs, batches) + after

    def rounds(self, settings: Settings, batches: int) -> float:
        """Return the seconds of a self-training; none where nothing is unlabelled."""
        own = settings.self_train
        if not self.learn:
            return 0.0
        scored = (2 * self.labelled + self.learn) * self.micrograph[settings.network]
        epochs = own.epochs or settings.train.epochs
        return own.rounds * (self.fitted(settings, epochs, batches) + scored)

    def scored(self, settings: Settings) -> float:
        """Return the seconds of picking the test micrographs."""
        return self.test * self.micrograph[settings.network]


def rungs_of(job: AblateJob) -> list[Rung]:
    """Return what is compared."""
    return [*ladder(), *(leave_one_out() if job.leave_one_out else [])]


def batches_that_fit(job: AblateJob) -> int:
    """Return how many batches an epoch may have, 1 to 40, so that all runs fit the budget."""
    rungs, costs = rungs_of(job), costs_of(job)
    limit = SHARE * 60 * job.budget / len(job.seeds)
    for batches in range(MOST, LEAST, -1):
        if seconds_of(rungs, costs, batches) <= limit:
            return batches
    return LEAST


def seconds_of(rungs: list[Rung], costs: Costs, batches: int) -> float:
    """Return the seconds of all rungs with one seed; what rungs share counts once."""
    supervised = {supervised_key(r): r.settings for r in rungs}
    whole = {r.key_with(r.settings, ensemble=False): r.settings for r in rungs}
    return (
        sum(costs.supervised(each, batches) for each in supervised.values())
        + sum(costs.rounds(each, batches) for each in whole.values())
        + sum(costs.scored(rung.settings) for rung in rungs)
    )


def costs_of(job: AblateJob) -> Costs:
    """Time steps and scoring on this machine, for each network of the ladder.

    Raises
    ------
    InputError
        A micrograph cannot be read, or its pixel size is not known.
    """
    device, _ = choose_device(job.train.device)
    labels = job.train.labels
    own = [m for m in job.train.micrographs if m.key in labels]
    image = read_micrograph(own[0].path)
    pixel_size = resolve_pixel_size(own[0], image, job.train.pixel_size)
    shape = make_scale(image.data.shape, pixel_size, job.train.diameter).network_shape
    clicks = PARTIAL_LABELS
    full = sum(labels[m.key].state == "full" for m in own)
    step, micrograph = {}, {}
    for settings in {r.settings.network: r.settings for r in rungs_of(job)}.values():
        step[settings.network] = seconds_a_step(settings, device)
        micrograph[settings.network] = seconds_a_micrograph(settings, device, shape)
    return Costs(
        step=step,
        micrograph=micrograph,
        validated=min(validating(job.train.validation, full), VALIDATED_EACH_EPOCH),
        labelled=len(own),
        learn=len(job.learn),
        test=len(job.test),
        share=1.0 if full else clicks.folds * clicks.fold_share + clicks.final_share,
    )


def validating(named: frozenset[str] | float | None, full: int) -> int:
    """Return how many micrographs validate: those named, or as `dataset.split` chooses."""
    if isinstance(named, frozenset):
        return len(named)
    # a part of each where there are one or two
    return full if full <= 2 else max(1, round(VALIDATION_FRACTION * full))


def fit_budget(rung: Rung, batches: int) -> Rung:
    """Give a rung's epochs so many batches."""
    train = rung.settings.train
    train = replace(train, patches_per_epoch=batches * train.batch)
    return replace(rung, settings=replace(rung.settings, train=train))

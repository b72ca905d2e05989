"""The training settings in a biologist's words: a label and a tooltip for every field."""

from __future__ import annotations

SECTIONS = {
    "train": "Training length and learning rate",
    "target": "Training targets",
    "augment": "Augmentation",
    "loss": "Loss",
    "network": "Network",
}
"""Sections of `Settings`, in the order in which they are likely to be changed."""

RECIPES = {
    "improved": "Improved (default)",
    "baseline": "Baseline: plain U-Net",
    "plan": "Plan: long, large batches",
}

OF_THE_MODEL = frozenset({"network.junk"})
"""Settings that come with the model which training starts from, and that nobody chooses."""

WORDS: dict[str, tuple[str, str]] = {
    "recipe": (
        "Recipe",
        "A set of defaults for all settings below. Improved is tuned for picking; the others are "
        "for comparison.",
    ),
    "particle_px": (
        "Particle size (px)",
        "Micrographs are rescaled so that a particle is this many pixels wide. Larger values show "
        "the network more detail; the cost grows with the square.",
    ),
    "upsample": (
        "Enlarge coarse micrographs",
        "Micrographs whose particles have fewer pixels than the particle size are enlarged to it. "
        "The general model is trained so.",
    ),
    "train.epochs": (
        "Epochs",
        "Number of training epochs. The best epoch is kept, so more epochs only cost time.",
    ),
    "train.patience": (
        "Patience (epochs)",
        "Early stopping: training ends when validation F1 has not improved for this many epochs "
        "(with warm restarts, only just before a restart). 0 switches early stopping off.",
    ),
    "train.patches_per_epoch": (
        "Patches per epoch",
        "Number of small image patches that the network is trained on in one epoch.",
    ),
    "train.batch": (
        "Batch size",
        "Number of patches per training step. Lower it if memory runs out.",
    ),
    "train.patch_px": (
        "Patch size (px)",
        "Width of a patch in pixels of the rescaled micrograph; see Particle size.",
    ),
    "train.learning_rate": (
        "Learning rate",
        "Step size of the training. Lower it if the loss jumps or becomes NaN.",
    ),
    "train.weight_decay": (
        "Weight decay",
        "Keeps the weights small, which reduces overfitting to your picks.",
    ),
    "train.schedule": (
        "Schedule",
        "How the learning rate changes during training: constant, cosine decay, cosine with warm "
        "restarts, or one cycle.",
    ),
    "train.restart_epochs": (
        "First restart (epochs)",
        "Epochs until the first warm restart. Used by the warm-restarts schedule only.",
    ),
    "train.restart_factor": (
        "Restart factor",
        "Each cycle between warm restarts is this many times longer than the one before.",
    ),
    "train.smallest_rate": (
        "Minimum learning rate",
        "Learning rate at the end of the schedule.",
    ),
    "train.average_decay": (
        "Weight averaging",
        "Decay of the exponential moving average of the weights, which becomes the model. Values "
        "closer to 1 average over more steps; 0 switches it off.",
    ),
    "train.learn_unmarked": (
        "Add unlabelled particles",
        "With partial labels only: unlabelled places that score like held-out clicks are added to "
        "training as particles. Off: they are ignored.",
    ),
    "train.balanced": (
        "Balanced patches",
        "Take half of the patches around labelled particles and half from the background, mostly "
        "from background that is hard to tell from particles.",
    ),
    "train.seed": (
        "Random seed",
        "The same seed, labels and settings give the same model.",
    ),
    "target.disc_radius": (
        "Particle radius (d)",
        "Pixels closer than this to the centre of a pick are trained as particle, in particle "
        "diameters (d).",
    ),
    "target.ignore_radius": (
        "Ignored radius (d)",
        "Pixels between the particle radius and this radius are ignored, since clicks are never "
        "exact. In particle diameters (d).",
    ),
    "target.unknown_weight": (
        "Unlabelled weight",
        "On partly labelled micrographs: weight of unlabelled pixels as background, between 0 "
        "(ignored) and 1 (as on fully labelled micrographs).",
    ),
    "augment.probability": (
        "Probability",
        "Probability of each intensity augmentation below, per patch. Rotations and mirroring are "
        "always applied.",
    ),
    "augment.rotation": ("Rotate", "Rotate patches by random angles."),
    "augment.flip": ("Mirror", "Mirror patches at random."),
    "augment.scale": (
        "Rescale",
        "Rescale patches by up to this fraction, so that an inexact diameter does not matter.",
    ),
    "augment.elastic": (
        "Elastic (d)",
        "Deform patches by up to this fraction of the particle diameter (d), for flexible "
        "particles.",
    ),
    "augment.noise": (
        "Noise (sigma)",
        "Add noise of up to this many standard deviations of the micrograph, for lower doses and "
        "thicker ice.",
    ),
    "augment.contrast": (
        "Contrast",
        "Change the contrast by up to this fraction, for other defocus values.",
    ),
    "augment.blur": (
        "Blur (d)",
        "Blur with a Gaussian of up to this sigma, in particle diameters (d), for micrographs of "
        "lower resolution.",
    ),
    "augment.spectrum": (
        "Power spectrum",
        "Randomly amplify or damp fine and coarse detail, for other microscopes and for denoised "
        "micrographs.",
    ),
    "augment.ice": (
        "Ice",
        "Probability of adding an artificial ice or dirt contamination to a patch, as background.",
    ),
    "loss.kind": (
        "Loss",
        "Loss function. Combined (focal and Dice) works best for few particles on a large "
        "background.",
    ),
    "loss.focal_weight": ("Focal weight", "Weight of the focal loss in the combined loss."),
    "loss.dice_weight": ("Dice weight", "Weight of the Dice loss in the combined loss."),
    "loss.focal_gamma": (
        "Focal gamma",
        "Focusing parameter of the focal loss: higher values weight hard pixels more.",
    ),
    "loss.focal_alpha": (
        "Focal alpha",
        "Class weight of particles against background in the focal loss; 0.5 weights both equally.",
    ),
    "loss.pu_prior": (
        "PU prior",
        "Positive-unlabelled (PU) loss only: fraction of the unlabelled pixels that are particle.",
    ),
    "network.attention": (
        "Attention gates",
        "Use attention gates on the skip connections of the U-Net; a little slower.",
    ),
    "network.width": (
        "Width (channels)",
        "Channels of the first level. Wider networks need more time and memory.",
    ),
    "network.depth": (
        "Depth (levels)",
        "Number of downsampling steps. Deeper networks see a larger context.",
    ),
    "network.stride": (
        "Stride",
        "Downsampling at the network's input. 2 is about four times faster than 1.",
    ),
    "self_train.rounds": ("Rounds", "Number of rounds of picking and training."),
    "self_train.epochs": (
        "Epochs per round",
        "Number of training epochs in each round. 0: as many as in the first training.",
    ),
    "self_train.positive_quantile": (
        "Confidence quantile",
        "Candidates scoring above this quantile of your labelled particles become pseudo-labels. "
        "0.35: above the score that 65 % of your labelled particles exceed.",
    ),
    "self_train.least_precision": (
        "Minimum relative precision",
        "With partial labels only: pseudo-labels extend to lower scores while their estimated "
        "precision stays above this fraction of the best candidates' precision. 0: use the "
        "confidence quantile only.",
    ),
    "self_train.ignore_quantile": (
        "Background quantile",
        "Candidates scoring between this quantile of your labelled particles and the confidence "
        "quantile are ignored; candidates scoring lower are background.",
    ),
    "self_train.limits": (
        "Confidence limits",
        "How confident candidates are selected: by quantiles of your labelled particles' scores, "
        "by raw network scores, or by calibrated scores (needs a fully labelled micrograph or "
        "area).",
    ),
    "self_train.positive_score": (
        "Confidence score, first round",
        "With raw or calibrated limits: candidates scoring at least this become pseudo-labels in "
        "the first round.",
    ),
    "self_train.negative_score": (
        "Background score, first round",
        "With raw or calibrated limits: candidates scoring lower are background in the first "
        "round; those between the two limits are ignored.",
    ),
    "self_train.last_positive_score": (
        "Confidence score, last round",
        "The confidence score in the last round; it changes linearly over the rounds.",
    ),
    "self_train.last_negative_score": (
        "Background score, last round",
        "The background score in the last round; it changes linearly over the rounds.",
    ),
    "self_train.gate": (
        "Keep a round only if validation improves",
        "The acceptance test: the best round replaces the model only if validation improves. Off: "
        "the last round is kept without test.",
    ),
}
"""Label and tooltip of each field, named `section.field`."""

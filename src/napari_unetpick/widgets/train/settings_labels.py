"""The training settings in a biologist's words: a label and a tooltip for every field."""

from __future__ import annotations

SECTIONS = {
    "train": "Length and learning rate",
    "target": "What counts as a particle",
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

WORDS: dict[str, tuple[str, str]] = {
    "recipe": (
        "Recipe",
        "A set of defaults for everything below. Improved is the one that was tuned; the others "
        "are there to compare with.",
    ),
    "particle_px": (
        "Particle size (px)",
        "Micrographs are scaled so that a particle is this wide. Larger shows the network more "
        "detail and costs time with its square.",
    ),
    "train.epochs": (
        "Epochs",
        "How long the training goes on. The best epoch is kept, so more does no harm but takes "
        "longer.",
    ),
    "train.patience": (
        "Patience",
        "Training ends early where validation F1 has not risen for this many epochs, with a "
        "schedule of restarts only just before a restart. 0: it never does.",
    ),
    "train.patches_per_epoch": (
        "Patches per epoch",
        "How many small cut-outs of your micrographs are shown in one epoch.",
    ),
    "train.batch": (
        "Batch",
        "How many cut-outs are learned from at once. Make it smaller if memory runs out.",
    ),
    "train.patch_px": (
        "Patch size (px)",
        "Width of a cut-out; a particle is about 24 of these pixels wide.",
    ),
    "train.learning_rate": (
        "Learning rate",
        "How fast the network changes. Lower it if the loss jumps or is not a number.",
    ),
    "train.weight_decay": (
        "Weight decay",
        "Pulls weights towards zero, so that the network learns rules rather than your picks by "
        "heart.",
    ),
    "train.schedule": (
        "Schedule",
        "How the learning rate falls: along a cosine, not at all, or with restarts.",
    ),
    "train.restart_epochs": (
        "First restart",
        "Epochs to the first restart (schedule of restarts).",
    ),
    "train.restart_factor": ("Restart factor", "Each round of restarts is this many times longer."),
    "train.smallest_rate": ("Smallest rate", "Learning rate at the end of the schedule."),
    "train.average_decay": (
        "Weight averaging",
        "The model is a running average over the last steps; nearer to 1 averages over more. "
        "0 switches it off.",
    ),
    "train.learn_unmarked": (
        "Learn unmarked",
        "With clicks alone: places that you did not click, but that score like your clicks, are "
        "learned as particles, too. Off: they are ignored.",
    ),
    "train.balanced": (
        "Balanced patches",
        "Half of the cut-outs lie around your picks, half on background, most of it difficult.",
    ),
    "train.seed": ("Seed", "The same seed, labels and settings give the same model."),
    "target.disc_radius": (
        "Centre radius (d)",
        "Pixels this near to a pick's centre are particle, in diameters.",
    ),
    "target.ignore_radius": (
        "Unsure radius (d)",
        "From the centre radius to here pixels teach nothing: clicks are never exact.",
    ),
    "target.unknown_weight": (
        "Weight of unmarked",
        "On partly labelled micrographs: how much unmarked places count as background. 0: not at "
        "all.",
    ),
    "augment.probability": (
        "Probability",
        "How often each of the changes of grey values below is made to a cut-out.",
    ),
    "augment.rotation": ("Rotate", "Show cut-outs in any rotation: particles lie in all of them."),
    "augment.flip": ("Mirror", "Show cut-outs mirrored, too."),
    "augment.scale": (
        "Change size",
        "Up to this part larger or smaller, so that a diameter that is not exact does no harm.",
    ),
    "augment.elastic": (
        "Bend (d)",
        "Bend cut-outs by up to this part of a diameter: flexible particles.",
    ),
    "augment.noise": (
        "Noise",
        "Add up to this many standard deviations of noise: thinner exposures, thicker ice.",
    ),
    "augment.contrast": ("Contrast", "Change contrast by up to this part: other defocus."),
    "augment.blur": ("Blur (d)", "Blur by up to this part of a diameter: poorer micrographs."),
    "augment.spectrum": (
        "Texture",
        "Make fine or coarse detail stronger or weaker at random: other microscopes, denoising.",
    ),
    "augment.ice": (
        "Ice",
        "How often a made-up blob of ice or dirt is painted in, for the network to pass over.",
    ),
    "loss.kind": (
        "Loss",
        "What is made small in training. Combined (focal and Dice) copes best with few particles "
        "on much background.",
    ),
    "loss.focal_weight": ("Focal weight", "Share of the focal loss in the combined one."),
    "loss.dice_weight": ("Dice weight", "Share of the Dice loss in the combined one."),
    "loss.focal_gamma": ("Focal gamma", "Higher: difficult places count more than easy ones."),
    "loss.focal_alpha": ("Focal alpha", "Weight of particles against background; 0.5 is equal."),
    "loss.pu_prior": (
        "Unmarked particles",
        "For the positive-unlabelled loss: the part of unmarked pixels that is particle.",
    ),
    "network.attention": (
        "Attention",
        "Lets the network look at what matters in each cut-out; a little slower.",
    ),
    "network.width": (
        "Width",
        "Channels of the first level. Wider knows more, and needs more time and memory.",
    ),
    "network.depth": ("Depth", "How many times the network halves its view; deeper sees farther."),
    "network.stride": (
        "Stride",
        "2: the first level works at half resolution, which is about four times faster than 1.",
    ),
    "self_train.rounds": ("Rounds", "How many times it picks and trains again."),
    "self_train.epochs": (
        "Epochs",
        "How long each round trains. 0: as long as the first training.",
    ),
    "self_train.positive_quantile": (
        "Surest picks from",
        "Picks that score above this part of your labelled particles are taken for particles: "
        "0.35 asks for a score that 65 of 100 of yours reach.",
    ),
    "self_train.least_precision": (
        "Sure down to",
        "With clicks alone: picks are taken for particles down to the score where, by your clicks, "
        "this part of the best picks' precision is left. 0: by the part above alone.",
    ),
    "self_train.ignore_quantile": (
        "Unsure picks from",
        "Picks between this part of your labelled particles and the one above teach nothing; "
        "what scores lower is background.",
    ),
    "self_train.limits": (
        "Sure by",
        "What tells sure picks from unsure ones: parts of your labelled particles (quantiles), "
        "or the network's scores as they are (raw) or as probabilities (calibrated, which clicks "
        "alone do not give).",
    ),
    "self_train.positive_score": (
        "Surest picks from score",
        "By scores: at or above it, a pick is taken for a particle in the first round.",
    ),
    "self_train.negative_score": (
        "Unsure picks from score",
        "By scores: below it is background in the first round; what lies between teaches nothing.",
    ),
    "self_train.last_positive_score": (
        "Surest picks from score, at the end",
        "The same in the last round; in between it moves evenly.",
    ),
    "self_train.last_negative_score": (
        "Unsure picks from score, at the end",
        "The same in the last round; in between it moves evenly.",
    ),
    "self_train.gate": (
        "Only what does no harm",
        "Keep the best round, if it is measured to be better. Without it the last round is kept.",
    ),
}
"""Words for each field, named `section.field`."""

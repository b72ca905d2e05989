"""Commands that compare: methods, improvements, losses, augmentations, published benchmarks."""

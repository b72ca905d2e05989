"""The run folder of a training, its records and model card."""

"""Studies: what each part is worth, from recorded runs and small experiments to tables."""

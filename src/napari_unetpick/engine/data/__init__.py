"""From micrographs and labels to augmented training patches."""

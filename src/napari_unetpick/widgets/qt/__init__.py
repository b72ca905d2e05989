"""Qt building blocks that the docks share."""

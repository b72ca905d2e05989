"""The Train and Self-train docks."""

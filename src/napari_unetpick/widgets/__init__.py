"""The docks and what they share: one `Session` a viewer, the layers, the engine's jobs."""

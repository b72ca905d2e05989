"""What napari calls: readers, writers, sample data, and how they meet in a viewer."""

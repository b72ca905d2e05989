"""The project folder: micrographs, annotations, candidates and runs; one writer. No torch or Qt."""

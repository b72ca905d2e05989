"""What the docks of one viewer share: project, annotations, candidates, jobs."""

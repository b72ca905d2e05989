"""The ablation: the ladder of improvements, its runs, and what their records say."""

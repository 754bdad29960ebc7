"""Scenes, training, benchmarks and reports."""

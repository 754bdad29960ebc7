"""Datasets and metrics that learning and lecture both measure with."""

"""spp_sorter: spatial pyramid pooling that sorts contaminants out of compost on a conveyor belt."""

__version__ = "0.1.0"

"""The lecture's systems side by side: R-CNN, SPP-net and Fast R-CNN, to compare with the detector that is shipped."""

"""Belt-aware picking in numpy: tracks in belt metres, grasps, pick planning."""

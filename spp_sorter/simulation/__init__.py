"""A simulated belt cell with exact truth: sprites, belt, camera, arm."""

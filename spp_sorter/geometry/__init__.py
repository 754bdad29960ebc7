"""Pixels, rays, planes, and how far the belt has moved."""

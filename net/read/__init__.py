"""Reads topology files of several kinds into the model."""

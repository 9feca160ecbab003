"""Encoders fine-tuned to a catalogue, and how well they retrieve."""

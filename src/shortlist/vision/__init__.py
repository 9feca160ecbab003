"""Pictures: read with care, turned into vectors by encoders, and encoders tuned to a catalogue."""

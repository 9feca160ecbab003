"""Tables to training data: reading, ingest, the event log, datasets and splits; samples and the synthetic world."""

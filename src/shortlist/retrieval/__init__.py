"""Candidate sources: cheap, with high recall. Each file is one source: hyperparameters, training, retrieval."""

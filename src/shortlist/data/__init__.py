"""From tables to what the engine learns from: read, check, quarantine, log, split; and the synthetic world."""

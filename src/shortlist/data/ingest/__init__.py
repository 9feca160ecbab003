"""From declared tables to the event log and the catalogue: checked, deduplicated, quarantined, reported."""

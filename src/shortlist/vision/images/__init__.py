"""Pictures: fetched, decoded safely, cropped, deduplicated, kept by content."""

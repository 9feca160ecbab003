"""Reading tables: files, SQL and frames, as batches of rows; types of columns; text in any encoding."""

"""The kinds of features, one file for each idea: declaration, problems, what it learns, how it is computed."""

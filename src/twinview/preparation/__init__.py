"""From what a source returns to divided examples, and the table that says what became of each."""

"""What a result becomes: terminal, pictures, page, tables, JUnit, Markdown. Nothing here measures."""
